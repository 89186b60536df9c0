#!/usr/bin/env python3
"""Run the tests and add up what they say.

    tools/run_tests.py check            tidy and unit tests of build/, in seconds
    tools/run_tests.py all              what `make test` runs: every suite but fuzz, which compiles
                                        everything once more (unit-sanitized hunts blindly instead)
    tools/run_tests.py SUITE...         some of them: see --list

Each suite prints one line; its whole output is kept in build/test-logs/<suite>.log, and the end of
it is shown when something failed. The last line is `N passed, N failed, N skipped` over all suites,
and the exit code is 1 when anything failed. A test program that dies counts as one failure, and so
does a suite that ends without saying how it went. What failed is named once more before that line,
each with the first line of why: whoever keeps only the end of the output still knows.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOGS = ROOT / "build/test-logs"
VENV = ROOT / ".venv-test"
FUZZ_SECONDS = 5  # a target; `make fuzz` hunts longer
SHOWN_BYTES = 6000
WHY_CHARACTERS = 300
WIRE_ALONE = ("attack", "capacity", "overload", "status", "trouble")
WIRE_THREADS = ("http2", "swap", "transfers")  # what threads meet in most, in seconds


@dataclasses.dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    why: list = dataclasses.field(default_factory=list)  # "test: first line of what it said"

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.why += other.why

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run(log, command, **environment):
    """Runs a command with its output appended to the log; returns its exit code."""
    log.write(f"\n$ {' '.join(map(str, command))}\n")
    log.flush()
    return subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, check=False,
                          env={**os.environ, **environment}).returncode


# ---- meson and cmocka --------------------------------------------------------------------------


def count_cmocka(text, exit_code):
    """Adds up cmocka's closing lines; a program that died before them is one failure."""
    def total(word):
        return sum(map(int, re.findall(rf"\[ +{word} +\] (\d+) test\(s\)[.,]", text)))
    counts = Counts(total("PASSED"), total("FAILED"), total("SKIPPED"))
    if exit_code and not counts.failed:
        counts.failed = 1
    if not counts.passed + counts.failed + counts.skipped:
        counts.passed = 1  # a replayed corpus: it says nothing, and it ended well
    return counts


def count_meson(build):
    counts = Counts()
    for line in (build / "meson-logs/testlog.json").read_text(encoding="utf-8").splitlines():
        result = json.loads(line)
        text = (result.get("stdout") or "") + (result.get("stderr") or "")
        one = count_cmocka(text, 0 if result["result"] == "OK" else 1)
        if one.failed:
            said = re.findall(r"^(?:\[  ERROR.*|.*(?:ERROR: |runtime error: ).*)$", text, re.M)
            one.why = [f"{result['name']}: {(said or [result['result']])[0]}"]
        counts.add(one)
    return counts


def has_unit_tests(meson, build):
    """A folder that was configured before cmocka was there has none, and would pass in silence."""
    listed = subprocess.check_output([meson, "introspect", "--tests", build], text=True)
    return any(test["name"].startswith("base/") for test in json.loads(listed))


def is_set_up(log, folder, options):
    """Whether there is such a build folder now."""
    build = ROOT / folder
    return (build / "build.ninja").exists() or not run(log, [find_meson(), "setup", build, ROOT,
                                                             *options])


def find_meson():
    return subprocess.check_output([ROOT / "tools/find-meson.sh"], text=True).strip()


def unit_tests(log, folder, suites=("unit",), options=()):
    """Unit tests of one build folder, which is made when it is missing."""
    build, meson = ROOT / folder, find_meson()
    if not is_set_up(log, folder, options):
        return Counts(failed=1)
    if not has_unit_tests(meson, build) and (run(log, [meson, "setup", "--reconfigure", build]) or
                                             not has_unit_tests(meson, build)):
        log.write("no unit tests: meson finds no cmocka (apt install libcmocka-dev)\n")
        return Counts(failed=1)
    (build / "meson-logs/testlog.json").unlink(missing_ok=True)
    picked = [word for suite in suites for word in ("--suite", suite)]
    more = str(len(os.sched_getaffinity(0)) + 1)  # some of them wait
    code = run(log, [meson, "test", "-C", build, "--print-errorlogs", "--num-processes", more,
                     *picked],
               UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1")
    if not (build / "meson-logs/testlog.json").exists():
        return Counts(failed=1)  # it did not even compile
    counts = count_meson(build)
    counts.failed += bool(code) and not counts.failed
    return counts


def suite_unit(log):
    return unit_tests(log, "build")


# Lines are what a trace of the stack needs; whole debug information makes each of the test programs
# 60 MB large, and linking them a third of the time.
# The gold linker, of the same binutils, takes a third of the time less again.
WATCHED = ["-Dc_args=-g1"] + (["-Dc_link_args=-fuse-ld=gold"] if shutil.which("ld.gold") else [])
FOR_RACES = ["-Db_sanitize=thread", "-Db_lundef=false", "-Doptimization=0", "-Dvectors=false",
             *WATCHED]


def suite_unit_sanitized(log):
    return unit_tests(log, "build-debug",
                      options=["-Db_sanitize=address,undefined", "-Dbuildtype=debug", *WATCHED])


def suite_unit_threads(log):
    """Tests with threads, under the thread sanitizer; kernels have none, and plain C stands in."""
    return unit_tests(log, "build-thread", suites=("threads",), options=FOR_RACES)


# ---- Python ------------------------------------------------------------------------------------


def suite_tidy(log):
    """Plain unittest: it needs no environment, so that `make check` can run it."""
    mark = log.tell()
    code = run(log, [sys.executable, "-B", "-m", "unittest", "-v", "tests/tidy/test_tidy.py"])
    log.seek(mark)
    text = log.read()
    ran = re.search(r"^Ran (\d+) tests?", text, re.M)
    bad = sum(map(int, re.findall(r"(?:failures|errors)=(\d+)", text)))
    skipped = sum(map(int, re.findall(r"skipped=(\d+)", text)))
    if not ran or (code and not bad):
        return Counts(failed=1)
    why = re.findall(r"^(?:FAIL|ERROR): (\S+)", text, re.M)
    return Counts(int(ran[1]) - bad - skipped, bad, skipped, why)


def why_of(case):
    """What failed or broke in one test of a JUnit report, a line each."""
    for kind in ("failure", "error"):
        for node in case.iter(kind):
            said = (node.get("message") or kind).strip().split("\n", 1)[0]
            yield f"{case.get('classname')}.{case.get('name')}: {said}"


def pytest(log, *arguments, part="", **environment):
    report = LOGS / (pathlib.Path(log.name).stem + part + ".xml")
    report.unlink(missing_ok=True)
    # uv compiles nothing: what is imported is compiled once, and kept
    environment["PYTHONDONTWRITEBYTECODE"] = ""
    code = run(log, [VENV / "bin/python", "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider",
                     f"--junitxml={report}", "--durations=20", *arguments], **environment)
    if not report.exists():
        return Counts(failed=1)
    counts = Counts()
    for suite in xml.etree.ElementTree.parse(report).getroot().iter("testsuite"):
        failed = int(suite.get("failures")) + int(suite.get("errors"))
        skipped = int(suite.get("skipped"))
        counts.add(Counts(max(0, int(suite.get("tests")) - failed - skipped), failed, skipped,
                          [line for case in suite.iter("testcase") for line in why_of(case)]))
    counts.failed += bool(code) and not counts.failed
    return counts


def side_by_side(how, more=0):
    """Arguments for pytest-xdist: a worker a core and some more, four at most."""
    return "-n", str(min(4, len(os.sched_getaffinity(0)) + more)), "--dist", how


def suite_oracle(log):
    return pytest(log, *side_by_side("worksteal"), "tests/oracle",
                  MW_LIBRARY=str(ROOT / "build/include/libmillwright.so"))


def suite_wire(log):
    """What measures time or fills the machine runs alone, behind the rest."""
    binary = str(ROOT / "build/millwright")
    alone = [f"tests/wire/test_{name}.py" for name in WIRE_ALONE]
    counts = pytest(log, *side_by_side("loadfile", more=1), "tests/wire",  # much of it waits
                    *(f"--ignore={path}" for path in alone), MW_BINARY=binary)
    counts.add(pytest(log, *alone, part="-alone", MW_BINARY=binary))
    return counts


def has_packages(log, folder):
    """What the lock file of a folder names, fetched once; npm runs no package's script."""
    stamp = ROOT / folder / "node_modules/.made-from"
    want = (ROOT / folder / "package-lock.json").read_text(encoding="utf-8")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == want:
        return True
    if run(log, ["npm", "ci", "--prefix", folder, "--prefer-offline"]):
        return False
    stamp.write_text(want, encoding="utf-8")
    return True


def suite_window(log):
    """The dashboard in a real browser; the type checker is one test more."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not shutil.which("npm") or not shutil.which("node") or not chromium:
        print("window: skipped, for there is no Node, npm or Chromium (apt install chromium npm)")
        return Counts(skipped=1)
    if not has_packages(log, "tests/window") or not (ROOT / "web/node_modules").exists():
        print("window: skipped, for its packages cannot be had")
        return Counts(skipped=1)
    counts = Counts()
    typed = run(log, ["tests/window/node_modules/.bin/tsc", "-p", "web"])
    counts.add(Counts(failed=1) if typed else Counts(passed=1))
    mark = log.tell()
    run(log, ["node", "tests/window/run.mjs"], MW_CHROMIUM=chromium,
        MW_BINARY=str(ROOT / "build/millwright"))
    log.seek(mark)
    text = log.read()
    last = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", text, re.M)
    counts.add(Counts(*map(int, last[-1])) if last else Counts(failed=1))
    counts.why = [": ".join(found) for found in re.findall(r"^FAILED  (.+)\n(.*)", text, re.M)]
    return counts


def suite_wire_sanitized(log):
    """What hostile clients send, against the program that watches its own memory."""
    if run(log, ["make", "--no-print-directory", "debug"]):
        return Counts(failed=1)
    return pytest(log, *side_by_side("loadfile"), "tests/wire", "-m", "hostile",
                  MW_BINARY=str(ROOT / "build-debug/millwright"),
                  ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="halt_on_error=1")


def suite_wire_threads(log):
    """Real clients of the program under the thread sanitizer: most of it is built already."""
    if not is_set_up(log, "build-thread", FOR_RACES) or run(log, ["ninja", "-C", "build-thread",
                                                                  "millwright"]):
        return Counts(failed=1)
    return pytest(log, *(f"tests/wire/test_{name}.py" for name in WIRE_THREADS),
                  MW_BINARY=str(ROOT / "build-thread/millwright"))


def suite_fuzz(log):
    mark = log.tell()
    run(log, [ROOT / "tools/run_fuzz.py", "--seconds", str(FUZZ_SECONDS)])
    log.seek(mark)
    last = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", log.read(), re.M)
    return Counts(*map(int, last[-1])) if last else Counts(failed=1)


# ---- all of them -------------------------------------------------------------------------------

SUITES = {
    "tidy": suite_tidy,
    "unit": suite_unit,
    "unit-sanitized": suite_unit_sanitized,
    "unit-threads": suite_unit_threads,
    "oracle": suite_oracle,
    "wire": suite_wire,
    "window": suite_window,
    "wire-sanitized": suite_wire_sanitized,
    "wire-threads": suite_wire_threads,
    "fuzz": suite_fuzz,
}
NEED_PYTHON = {"oracle", "wire", "wire-sanitized", "wire-threads"}


def wanted_suites(words):
    if words == ["check"]:
        return ["tidy", "unit"]
    if words == ["all"]:
        return [name for name in SUITES if name != "fuzz"]
    return words


def prepare(names):
    """The Python environment, for the suites that need it; its making is told, it takes minutes."""
    if not NEED_PYTHON.intersection(names):
        return True
    return subprocess.run([ROOT / "tools/python-env.sh", VENV, ROOT / "tests/requirements.txt"],
                          check=False).returncode == 0


def run_suite(name):
    LOGS.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with open(LOGS / f"{name}.log", "w+", encoding="utf-8", errors="replace") as log:
        counts = SUITES[name](log)
        log.flush()
        if counts.failed:
            log.seek(0)
            print(f"---- the end of {log.name}\n{log.read()[-SHOWN_BYTES:]}\n----")
            counts.why = [f"{name}: {line}" for line in counts.why or ["see its log"]]
    print(f"{name:15} {counts}   {time.monotonic() - began:.0f} s", flush=True)
    return counts


def run_suites(names):
    """One after the other; but a browser mostly waits, so it goes beside a compiler."""
    beside = {"window", "unit-threads"}
    apart = beside if beside <= set(names) else set()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for name in names:
            if name == "unit-threads" and apart:
                yield from pool.map(run_suite, sorted(apart))
            elif name not in apart:
                yield run_suite(name)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("suites", nargs="*", default=["check"], metavar="SUITE")
    options.add_argument("--list", action="store_true", help="name the suites")
    given = options.parse_args()
    if given.list:
        print("\n".join(SUITES))
        return 0
    names = wanted_suites(given.suites)
    for name in names:
        if name not in SUITES:
            options.error(f"no suite '{name}'; there are: check, all, {', '.join(SUITES)}")
    total = Counts()
    if not prepare(names):
        total.failed = 1
        names = [name for name in names if name not in NEED_PYTHON]
    for counts in run_suites(names):
        total.add(counts)
    for line in total.why:
        print(f"FAILED {line[:WHY_CHARACTERS]}")
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
