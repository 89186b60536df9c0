#!/usr/bin/env python3
"""Build the pages of web/ and make a C file of them, which the program embeds.

    tools/build_pages.py --out build/pages.c [--depfile FILE] [--off | --must]

npm fetches what package-lock.json names (once; again when it changes), esbuild bundles, every file
is compressed and named by its content. Where Node or npm cannot be had, or fails, the C file says
why and holds no pages: the program is built all the same.
"""
import argparse
import fcntl
import gzip
import hashlib
import json
import pathlib
import platform
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
MODULES = WEB / "node_modules"
NPM_SECONDS = 180
BUNDLE_SECONDS = 60
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".html": "text/html; charset=utf-8", ".txt": "text/plain"}


class NoPages(Exception):
    """Why there are none."""


def fetch_modules():
    """What the lock file names, in web/node_modules."""
    stamp = MODULES / ".made-from"
    want = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == want:
        return
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise NoPages("no Node or npm was found")
    try:
        done = subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--prefer-offline"], cwd=WEB,
                              capture_output=True, text=True, timeout=NPM_SECONDS, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as late:
        raise NoPages(f"npm did not end within {NPM_SECONDS} s") from late
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "://" not in line]
        raise NoPages(f"npm failed: {' '.join(lines[:3])[:200]}")
    stamp.write_text(want)


def esbuild():
    """The program of the platform's package: no script of a package is run."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    program = MODULES / f"@esbuild/{platform.system().lower()}-{machine}/bin/esbuild"
    if not program.exists():
        raise NoPages(f"esbuild has no program for {platform.machine()}")
    return program


def bundle(folder):
    """{name: bytes} of all files, and the sources that they were made of."""
    shutil.rmtree(folder, ignore_errors=True)
    meta = folder / "meta.json"
    command = [esbuild(), "src/main.tsx", "--bundle", "--format=esm", "--splitting", "--minify",
               "--target=es2021", "--jsx=automatic", "--jsx-import-source=preact",
               "--entry-names=app-[hash]", "--chunk-names=part-[hash]", "--asset-names=icon-[hash]",
               "--legal-comments=none", "--log-level=warning", "--loader:.svg=file",
               f"--outdir={folder}", f"--metafile={meta}"]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False,
                          timeout=BUNDLE_SECONDS, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise NoPages(f"esbuild refused the sources:\n{done.stderr}")
    made = json.loads(meta.read_text())
    names = {}
    for output, what in made["outputs"].items():
        name = pathlib.Path(output).name
        if what.get("entryPoint") == "src/main.tsx":
            names["js"], names["css"] = name, pathlib.Path(what["cssBundle"]).name
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path != meta}
    icon = (WEB / "src/icon.svg").read_bytes()
    names["icon"] = f"icon-{hashlib.sha256(icon).hexdigest()[:8]}.svg"
    files[names["icon"]] = icon
    index = (WEB / "src/index.html").read_text(encoding="utf-8")
    for key, name in names.items():
        index = index.replace(f"%{key}%", name)
    files["index.html"] = index.encode()
    files["THIRD-PARTY.txt"] = third_party().encode()
    sources = [WEB / source for source in made["inputs"]]
    return files, sources + [WEB / "src/index.html", WEB / "src/icon.svg"]


def third_party():
    """The licences of what is shipped."""
    wanted = json.loads((WEB / "package.json").read_text())["dependencies"]
    parts = ["The pages of Millwright contain these packages:\n"]
    for name in sorted([*wanted, "@preact/signals-core"]):
        folder = MODULES / name
        about = json.loads((folder / "package.json").read_text())
        licence = next((f for f in sorted(folder.iterdir()) if f.name.lower().startswith("licen")),
                       None)
        text = licence.read_text(encoding="utf-8") if licence else f"{about['license']}\n"
        parts.append(f"{name} {about['version']}\n\n{text}")
    return "\n----\n\n".join(parts)


def write_if_changed(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def as_c(files, folder, why):
    """The table; the compressed files stand beside it and are taken in by the assembler."""
    for old in folder.glob("*.gz"):
        old.unlink()
    lines = ["/* Written by tools/build_pages.py. */", '#include "api/pages.h"', ""]
    rows = []
    for i, (name, data) in enumerate(sorted(files.items())):
        packed = gzip.compress(data, 9, mtime=0)
        path = folder / f"{name}.gz"
        path.write_bytes(packed)
        digest = hashlib.sha256(data).hexdigest()[:16]
        lines += [f'__asm__(".section .rodata\\n.balign 16\\npage_{i}: .incbin \\"{path}\\"\\n"',
                  '        ".previous\\n");',
                  f'extern const unsigned char page_{i}[] __attribute__((visibility("hidden")));']
        rows.append(f'    {{"{name}", "{TYPES[pathlib.Path(name).suffix]}", "\\"{digest}\\"", '
                    f"page_{i}, {len(packed)}, {len(data)}}},")
    lines += ["", "const api_page api_page_table[] = {", *(rows or ["    {0},"]), "};",
              f"const size_t api_n_pages = {len(rows)};",
              f"const char *const api_pages_missing = {json.dumps(why, ensure_ascii=True)};", ""]
    return "\n".join(lines)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--out", type=pathlib.Path, required=True, help="the C file")
    options.add_argument("--depfile", type=pathlib.Path, help="what it was made of, for ninja")
    options.add_argument("--off", action="store_true", help="no pages")
    options.add_argument("--must", action="store_true", help="fail where there can be none")
    given = options.parse_args()
    folder = given.out.resolve().parent / "pages.d"
    folder.mkdir(parents=True, exist_ok=True)
    files, sources, why = {}, [], "they were left out (make UI=off)"
    if not given.off:
        with open(WEB / ".building", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                fetch_modules()
                files, sources = bundle(folder / "dist")
                why = ""
            except NoPages as reason:
                why = str(reason)
                print(f"pages are left out: {why}", file=sys.stderr)
                if given.must or "esbuild refused" in why:
                    return 1  # our own sources: a fault, not a machine without Node
    write_if_changed(given.out, as_c(files, folder, why.split("\n", maxsplit=1)[0]))
    if given.depfile:
        places = " ".join(map(str, sources))
        given.depfile.write_text(f"{given.out}: {places}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
