#!/usr/bin/env python3
"""Hunt with every libFuzzer target for a while.

    tools/run_fuzz.py [--seconds 60] [--jobs N] [--log FILE] [TARGET...]

Builds build-fuzz with clang, runs each target over its corpus (tests/fuzz/corpus/<target>), and
keeps what it learned in build-fuzz/learned/<target>, so the next hunt begins there. An input that
crashes, hangs or leaks is kept as build-fuzz/findings/<target>/..., and the exit code is 1.

The last line is `N passed, N failed, N skipped`; a target counts one.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build-fuzz"
CORPUS = ROOT / "tests/fuzz/corpus"
TIMEOUT_SECONDS = 10  # for one input: a parser that needs longer has a bug
MEMORY_MIB = 2048
INPUT_BYTES_MAX = 65536


def build():
    """Configures with clang when needed, builds all targets; returns their programs by name."""
    if not (BUILD / "build.ninja").exists():
        meson = subprocess.check_output([ROOT / "tools/find-meson.sh"], text=True).strip()
        subprocess.run([meson, "setup", BUILD, ROOT, "-Dfuzz=true", "-Db_lundef=false",
                        "-Db_sanitize=address,undefined", "-Dbuildtype=debug", "-Doptimization=1"],
                       check=True, stdout=subprocess.DEVNULL, env={**os.environ, "CC": "clang"})
    built = subprocess.run(["ninja", "-C", BUILD], capture_output=True, text=True, check=False)
    if built.returncode:
        sys.exit(built.stdout[-4000:] + built.stderr)
    return {path.name.removeprefix("fuzz_"): path
            for path in sorted((BUILD / "tests/fuzz").glob("fuzz_*"))
            if path.is_file() and os.access(path, os.X_OK)}


def hunt(name, program, seconds):
    """Runs one target; returns (whether it held, one line, its whole output)."""
    learned, findings = BUILD / "learned" / name, BUILD / "findings" / name
    for folder in (learned, findings):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    corpora = [folder for folder in (learned, CORPUS / name) if folder.is_dir()]
    command = [program, f"-max_total_time={seconds}", f"-timeout={TIMEOUT_SECONDS}",
               f"-rss_limit_mb={MEMORY_MIB}", f"-max_len={INPUT_BYTES_MAX}", "-print_final_stats=1",
               f"-artifact_prefix={findings}/", *corpora]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False,
                         stdin=subprocess.DEVNULL,
                         env={**os.environ, "ASAN_OPTIONS": "allocator_may_return_null=1",
                              "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"})
    n_runs = re.search(r"number_of_executed_units:\s*(\d+)", run.stderr)
    line = f"{name:14} {int(n_runs[1]) if n_runs else 0:>10,} inputs"
    for found in sorted(set(findings.iterdir()) - before):
        line += f"\n    found {found.relative_to(ROOT)}: run it with {program.relative_to(ROOT)}"
    return run.returncode == 0, line, run.stderr


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--seconds", type=int, default=60, help="for each target")
    options.add_argument("--jobs", type=int, default=os.cpu_count(), help="targets at a time")
    options.add_argument("--log", type=pathlib.Path, help="write everything the fuzzers said here")
    options.add_argument("targets", nargs="*", help="default: all")
    given = options.parse_args()

    programs = build()
    for name in given.targets:
        if name not in programs:
            sys.exit(f"no target '{name}'; there are: {', '.join(programs)}")
    chosen = given.targets or list(programs)
    n_failed = 0
    log = given.log.open("w", encoding="utf-8") if given.log else None
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for held, line, output in pool.map(lambda name: hunt(name, programs[name], given.seconds),
                                           chosen):
            print("ok    " if held else "FAILED", line, flush=True)
            if log:
                log.write(output)
            if not held:
                n_failed += 1
                print(output[-3000:])
    print(f"{len(chosen) - n_failed} passed, {n_failed} failed, 0 skipped")
    return 1 if n_failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
