"""The house rules that a compiler does not see. Plain unittest, so that `make check` can run it.

    python3 -m unittest -v tests/tidy/test_tidy.py

Each test gathers every fault before it fails, one `file:line: what` a line.
"""
import fnmatch
import functools
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC, TESTS, DOCS = ROOT / "src", ROOT / "tests", ROOT / "docs"

LINE_CHARACTERS_MAX = 100
README_LINES_MAX = 30
GENERATED = {"number_powers.c"}
# src/program is no room: it is main(), and opens the topmost one.
ABOVE_ALL = {"program": {"base", "cli"}}
SECOND_DOORS = {"base": ["banned.h"]}  # what base.h cannot hold: it must be the last thing read
# Rooms that talk to people. All others return errors, and never print or end the process.
SPEAKING = {"cli", "program"}
CODE_RANGES = {
    "cli": (1000, 1999), "model": (2000, 2999), "table": (3000, 3499), "serve": (3500, 3999),
    "predict": (5000, 5499), "insight": (5500, 5999), "base": (6000, 6999), "net": (7000, 7299),
    "load": (7300, 7499),
    "journal": (8400, 8499),
    "alert": (8600, 8699),
    "store": (4000, 4999), "stats": (8000, 8199), "release": (8900, 8999),
}


FOLDERS = (".ci", "src", "include", "tests", "bench", "tools", "docs", "examples", "deploy")
# by tools, or data that no rule is for
LEFT_BEHIND = {"__pycache__", "corpus", "results", "node_modules"}


@functools.cache
def all_files():
    """Our own files, sorted."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*")
                  if not LEFT_BEHIND & set(path.parts) and path.is_file()]
    return sorted(found)


def files(*patterns, under=None):
    """Those whose name matches a pattern, and which stand under one of these folders."""
    pattern = re.compile("|".join(map(fnmatch.translate, patterns)))
    return [path for path in all_files() if pattern.match(path.name) and
            (not under or any(path.is_relative_to(ROOT / folder) for folder in under))]


@functools.cache
def text_of(path):
    return path.read_text(encoding="utf-8")


def all_text(*patterns, under=None):
    return "\n".join(map(text_of, files(*patterns, under=under)))


def numbered(path):
    return enumerate(text_of(path).splitlines(), 1)


@functools.cache
def code_of(path):
    """The lines of a C file, with blanks for comments and texts."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text_of(path),
                  flags=re.S).splitlines()


@functools.cache
def texts_of(path):
    """[(line, text)] of a C file: literals that stand one behind the other are one text."""
    plain = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text_of(path), flags=re.S)
    found = []
    literal = r'"(?:\\.|[^"\\\n])*"'
    for match in re.finditer(rf"{literal}(?:\s*(?:[A-Z_]{{3,}}\s*)?{literal})*", plain):
        pieces = [piece[1:-1] for piece in re.findall(literal, match[0])]
        found.append((plain.count("\n", 0, match.start()) + 1, "".join(pieces)))
    return found


# What src/store/dialect.h asks of the SQL that both engines run, and what to write instead.
NOT_OF_BOTH = [
    (r"\bINSERT OR (?!IGNORE INTO)|\bREPLACE INTO\b", "ON CONFLICT(columns) DO UPDATE"),
    (r"\bNOT (deleted|is_\w+|dirty|required|passed|revoked)\b", "deleted = 0"),
    (r"\b(WHERE|AND|OR) (\w+\.)?(deleted|is_\w+|dirty|passed|revoked)( AND| OR|\)|$)",
     "deleted <> 0"),
    (r"\b(max|min)\([^()]*,", "CASE WHEN: max of two is greatest() there"),
    (r"\b(GLOB|REGEXP|MATCH)\b", "LIKE"),
    (r"\b(ifnull|iif|total|group_concat|printf|instr|typeof|json_\w+|datetime|julianday)\(",
     "coalesce, CASE, sum; or do it in C"),
    (r"\browid\b", "a column id INTEGER PRIMARY KEY"),
    (r"\bLIMIT [^ ,;)]+, ", "LIMIT n OFFSET m"),
    (r"\bIS (NOT )?\?", "= ? beside IS NULL"),
    (r"\bPRAGMA\b|\bsqlite_", "src/store knows the engine"),
    (r"\b(FROM|JOIN) \((?:[^()]|\([^()]*\))*\)(?= *(?:WHERE|ORDER|LIMIT|ON|$|\)))",
     "an alias for a SELECT in FROM"),
    (r"`|\[\w+\]", 'names stand bare, or in "..."'),
    (r"\bCOLLATE NOCASE\b", "lower(x)"),
]
SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH) ")


def sql_faults(text):
    return [f"'{found[0].strip()}': {instead}" for pattern, instead in NOT_OF_BOTH
            if (found := re.search(pattern, text))]


def rooms_of_law():
    """{room: rooms whose doors it may open}, in row order; base is open to all."""
    allowed = {"base": {"base"}}
    for line in text_of(TESTS / "rooms.txt").splitlines():
        room, doors = line.split(":")
        allowed[room] = {"base", *doors.split()}
    return allowed


class Tidy(unittest.TestCase):
    def none(self, faults):
        if faults:
            self.fail("\n" + "\n".join(faults))

    # ---- the SQL of both engines ---------------------------------------------------------------

    def test_sql_is_of_both_engines(self):
        """Records are in SQLite or PostgreSQL; this finds what only one of them takes."""
        faults, n = [], 0
        for path in files("*.c", under=["src/registry", "src/rollout"]):
            for line, text in texts_of(path):
                if SQL.match(text) and not path.name.startswith(("schema", "import")):
                    n += 1
                    faults += [f"{path}:{line}: {fault}" for fault in sql_faults(text)]
        self.assertGreater(n, 150, "statements were not found")
        self.none(faults)

    def test_sql_of_one_engine_is_found(self):
        for text in ("INSERT OR REPLACE INTO t VALUES(?)", "SELECT 1 FROM runs WHERE NOT deleted",
                     "SELECT max(a, b) FROM t", "SELECT ifnull(a, 0) FROM t",
                     "SELECT a FROM t LIMIT 5, 10", "SELECT count(*) FROM (SELECT 1 FROM t)",
                     "UPDATE t SET a = 1 WHERE b IS ?", "SELECT rowid FROM t"):
            self.assertTrue(sql_faults(text), text)
        for text in ("INSERT OR IGNORE INTO t VALUES(?)", "SELECT max(a), min(b) FROM t",
                     "SELECT count(*) FROM (SELECT 1 FROM t) n WHERE deleted = 0"):
            self.assertFalse(sql_faults(text), text)

    # ---- rooms and doors -----------------------------------------------------------------------

    def test_law_opens_lower_rows_only(self):
        allowed, seen = rooms_of_law(), set()
        for room, doors in allowed.items():
            self.assertLessEqual(doors - {room}, seen, f"'{room}' opens a room of its row or above")
            seen.add(room)

    def test_rooms_are_those_of_the_law_and_of_the_build(self):
        allowed = rooms_of_law()
        folders = {path.name for path in SRC.iterdir() if path.is_dir()} - ABOVE_ALL.keys()
        self.assertEqual(folders, set(allowed))
        build = text_of(ROOT / "meson.build")
        built = re.search(r"foreach room : \[([^\]]*)\]", build)[1]
        self.assertEqual(re.findall(r"'(\w+)'", built), list(allowed))

    def test_rooms_open_doors_only(self):
        allowed = {**rooms_of_law(), **ABOVE_ALL}
        faults = []
        for path in files("*.[ch]", under=["src"]):
            room = path.relative_to(SRC).parts[0]
            for number, text in numbered(path):
                found = re.match(r'\s*#\s*include\s+"(\w+)/([\w/.]+)"', text)
                if not found or found[1] == room or found[1] not in allowed:
                    continue
                doors = {found[1] + ".h", *SECOND_DOORS.get(found[1], ())}
                if found[1] not in allowed[room] or found[2] not in doors:
                    faults.append(f"{path}:{number}: room '{room}': {found[0].strip()}")
        self.none(faults)

    def test_each_room_has_a_door_and_a_short_readme(self):
        faults = []
        for room in rooms_of_law():
            readme, door = SRC / room / "README.md", SRC / room / f"{room}.h"
            # lib's door is the public header
            if not door.exists() and room != "lib":
                faults.append(f"{door}: missing")
            if not readme.exists():
                faults.append(f"{readme}: missing")
            elif (n_lines := text_of(readme).count("\n")) > README_LINES_MAX:
                faults.append(f"{readme}: {n_lines} lines, {README_LINES_MAX} at most")
        self.none(faults)

    # ---- nothing is dead -----------------------------------------------------------------------

    def test_every_source_is_built(self):
        faults = []
        for path in files("*.c", under=["src"]):
            room = SRC / path.relative_to(SRC).parts[0]
            lists = text_of(room / "meson.build") + \
                text_of(ROOT / "meson.build")
            if f"'{path.relative_to(room)}'" not in lists and f"'{path.name}'" not in lists:
                faults.append(f"{path}: in no meson.build")
        self.none(faults)

    def test_every_unit_test_is_run(self):
        faults = []
        for path in files("test_*.c", "fuzz_*.c", under=["tests"]):
            name = re.sub(r"^(test|fuzz)_", "", path.stem)
            if f"'{name}'" not in text_of(path.parent / "meson.build"):
                faults.append(f"{path}: not in {path.parent.name}/meson.build")
        self.none(faults)

    def test_every_fuzz_target_has_a_corpus(self):
        faults = []
        for path in files("fuzz_*.c", under=["tests"]):
            corpus = TESTS / "fuzz/corpus" / path.stem.removeprefix("fuzz_")
            if not corpus.is_dir() or not any(corpus.iterdir()):
                faults.append(f"{path}: {corpus} is empty")
        targets = {path.stem.removeprefix("fuzz_") for path in files("fuzz_*.c", under=["tests"])}
        for corpus in (TESTS / "fuzz/corpus").iterdir():
            if corpus.name not in targets:
                faults.append(f"{corpus}: no target of this name")
        self.none(faults)

    def test_every_header_is_included(self):
        everything = all_text("*.[ch]", "*.def", "*.cpp")
        included = re.findall(r'include\s+["<](?:[\w.-]+/)*([\w.-]+)[">]', everything)
        self.none([f"{path}: nobody includes it"
                   for path in files("*.h", "*.def", under=["src", "tests"])
                   if path.name not in included])

    def test_no_header_of_the_tests_hides_one_of_the_program(self):
        # both are found by the path under their folder: the compiler takes whichever comes first
        names = {path.relative_to(TESTS) for path in files("*.h", under=["tests"])}
        hidden = [path for path in files("*.h", under=["src"]) if path.relative_to(SRC) in names]
        self.assertEqual([], hidden, "a header in tests/ has the room and the name of this one")

    def test_every_tool_is_used(self):
        everything = all_text("Makefile", "*.build", "*.py", "*.sh", "*.md", "run", "*.[ch]")
        self.none([f"{path}: nobody mentions it" for path in files("*.py", "*.sh", under=["tools"])
                   if path.name not in everything.replace(text_of(path), "")])

    # ---- how it reads --------------------------------------------------------------------------

    def test_lines_are_short_and_clean(self):
        faults = []
        for path in files("*.[ch]", "*.def", "*.py", "*.sh", "*.build", "Makefile", "run"):
            if path.name in GENERATED:
                continue
            text = text_of(path)
            if text and not text.endswith("\n"):
                faults.append(f"{path}: no newline at the end")
            for number, line in enumerate(text.splitlines(), 1):
                if len(line) > LINE_CHARACTERS_MAX:
                    faults.append(f"{path}:{number}: {len(line)} characters")
                if line != line.rstrip():
                    faults.append(f"{path}:{number}: blanks at the end")
                if "\t" in line and path.name != "Makefile":
                    faults.append(f"{path}:{number}: a tab")
        self.none(faults)

    def test_files_open_with_their_purpose(self):
        faults = []
        for path in files("*.[ch]"):
            if path.name not in GENERATED and not text_of(path).startswith("/*"):
                faults.append(f"{path}: does not begin with a comment")
        for path in files("*.py"):
            if not re.match(r'(#!.*\n)?"""', text_of(path)):
                faults.append(f"{path}: does not begin with what it is for")
        self.none(faults)

    def test_only_cli_speaks(self):
        speaks = re.compile(r"\b(v?f?printf|f?puts|putchar|perror|_?exit|err|warn)\s*\(")
        faults = []
        for path in files("*.c", under=["src"]):
            if path.relative_to(SRC).parts[0] in SPEAKING:
                continue
            for number, line in enumerate(code_of(path), 1):
                if found := speaks.search(line):
                    faults.append(f"{path}:{number}: {found[1]}()")
        self.none(faults)

    def test_banned_calls_are_out_of_reach(self):
        """banned.h makes them compile errors wherever it is read, so every source must read it."""
        poison = re.search(r"poison((?:.|\n)*?)\n\n", text_of(SRC / "base/banned.h"))[1]
        banned = re.findall(r"\w+", poison)
        self.assertIn("strcpy", banned)
        call = re.compile(r"\b(" + "|".join(banned) + r")\s*\(")
        faults = []
        for path in files("*.[ch]", under=["src", "tests", "bench", "include"]):
            for number, line in enumerate(code_of(path), 1):
                if found := call.search(line):
                    faults.append(f"{path}:{number}: {found[1]}()")
        self.none(faults)

    def test_no_machine_is_named(self):
        machine = re.compile(r"(?<![\w.])/(work|root|home/\w+)/|\bregistry\.\w+\.(org|io)\b")
        faults = []
        for path in files("*.[ch]", "*.def", "*.py", "*.sh", "*.build", "*.md", "*.txt", "*.yaml",
                          "*.yml", "Makefile", "run"):
            if path == pathlib.Path(__file__).resolve():
                continue
            faults += [f"{path}:{number}: {found[0]}" for number, line in numbered(path)
                       if (found := machine.search(line))]
        self.none(faults)

    def test_nothing_is_left_for_later_in_silence(self):
        later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
        self.none([f"{path}:{number}: {found[0]}"
                   for path in files("*.[ch]", "*.py", "*.sh", "*.build", "Makefile")
                   if path != pathlib.Path(__file__).resolve()
                   for number, line in numbered(path) if (found := later.search(line))])

    # ---- error codes ---------------------------------------------------------------------------

    def codes(self):
        """[(number, name, title, help, file)] of every code."""
        found = []
        pattern = re.compile(r'^MW_CODE\((\d+),\s*(\w+),\s*\w+,\s*((?:"(?:\\.|[^"\\])*"\s*)+),'
                             r'\s*((?:"(?:\\.|[^"\\])*"\s*)+)\)', re.M)
        for path in files("*.def", under=["src/base/codes"]):
            for number, name, title, text in pattern.findall(text_of(path)):
                joined = ["".join(re.findall(r'"((?:\\.|[^"\\])*)"', part))
                          for part in (title, text)]
                found.append((int(number), name, *joined, path))
        self.assertGreater(len(found), 50)
        return found

    def test_codes_are_unique_and_in_their_room_range(self):
        seen, faults = {}, []
        for number, name, _, _, path in self.codes():
            if number in seen:
                faults.append(f"{path}: {number} {name} is {seen[number]} already")
            seen[number] = name
            first, last = CODE_RANGES[path.stem]
            if not first <= number <= last:
                faults.append(f"{path}: {number} {name} is outside {first}..{last}")
        self.none(faults)

    def test_codes_explain_themselves(self):
        faults = []
        for number, name, title, text, path in self.codes():
            if title.endswith(".") or not title:
                faults.append(f"{path}: {number} {name}: title '{title}'")
            if len(text.split()) < 6:
                faults.append(f"{path}: {number} {name}: help '{text}'")
        self.none(faults)

    def test_codes_are_used(self):
        everything = all_text("*.[ch]", under=["src"])
        used = set(re.findall(r"\bMW_E_(\w+)", everything))
        self.none([f"{path}: {number} {name} is used nowhere"
                   for number, name, _, _, path in self.codes() if name not in used])

    def test_codes_are_documented(self):
        page = text_of(DOCS / "reference/errors.md")
        self.none([f"{DOCS}/reference/errors.md: MW{number} {name} is missing"
                   for number, name, *_ in self.codes() if f"MW{number}" not in page])

    def test_limits_of_the_network_are_documented(self):
        """Each in the table of docs/reference/http.md, with its value."""
        text = text_of(SRC / "base/limits.h")
        part = text[text.index("/* network */"):text.index("/* requests */")]
        wanted = {}
        for name, size, unit, number in re.findall(
                r"^#define (MW_LIMIT_\w+) (?:\((\d+) \* MW_([KM])IB\)|(\d+))", part, re.M):
            is_octal = (number or "").startswith("0")
            wanted[name] = f"{size} {unit}iB" if unit else number if is_octal else \
                f"{int(number):,}"
            wanted[name] += " ms" if name.endswith("_MS") else ""
        table = dict(re.findall(r"^\| `(MW_LIMIT_\w+)` \| ([^|]+?) \|",
                                text_of(DOCS / "reference/http.md"), re.M))
        self.none([f"{DOCS}/reference/http.md: {name} is {table.get(name)}, not {wanted.get(name)}"
                   for name in sorted(table.keys() | wanted.keys())
                   if table.get(name) != wanted.get(name)])

    # ---- documents -----------------------------------------------------------------------------

    def test_links_lead_somewhere(self):
        faults = []
        for path in files("*.md"):
            text = re.sub(r"```.*?```", "", text_of(path), flags=re.S)
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                place = target.split("#")[0]
                if place and not re.match(r"\w+:", place) and not (path.parent / place).exists():
                    faults.append(f"{path}: no {target}")
        self.none(faults)

    def test_what_a_stranger_looks_for_is_there(self):
        for name in ("README.md", "CHANGELOG.md", "LICENSE", "CONTRIBUTING.md", "SECURITY.md",
                     "Makefile", ".ci/run"):
            self.assertTrue((ROOT / name).is_file(), name)


if __name__ == "__main__":
    unittest.main()
