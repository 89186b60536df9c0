"""Both libraries give away what millwright.h declares, and nothing else.

    exported.py HEADER libmillwright.so libmillwright.a
"""
import re
import subprocess
import sys

header, shared, archive = sys.argv[1:4]


def symbols(*arguments):
    lines = subprocess.run(["nm", *arguments], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in lines.splitlines() if len(line.split()) == 3}


with open(header) as file:
    declared = set(re.findall(r"\b(mw_\w+)\(", re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)))
faults = 0
# Sanitizers and profilers bring symbols of their own, which begin with two underscores; gold gives
# away where its sections end.
LINKERS = {"_edata", "_end"}
for path, found in ((shared, symbols("-D", "--defined-only", shared)),
                    (archive, symbols("-g", "--defined-only", archive))):
    extra = {name for name in found - declared if not name.startswith("__")} - LINKERS
    for name in sorted(extra):
        print(f"{path}: exports {name}, which millwright.h does not declare")
    for name in sorted(declared - found):
        print(f"{path}: lacks {name}")
    faults += len(extra) + len(declared - found)
print(f"{len(declared)} functions declared, {faults} fault(s)")
sys.exit(faults > 0)
