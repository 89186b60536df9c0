#!/usr/bin/env bash
# Prints the meson to use: the system's when it is new enough, else one kept in .venv-meson.
set -euo pipefail
cd "$(dirname "$0")/.."

new_enough() {
    local version
    version=$("$1" --version 2>/dev/null) || return 1
    [ "$(printf '1.0.0\n%s\n' "$version" | sort -V | head -1)" = 1.0.0 ]
}

for meson in meson "$PWD/.venv-meson/bin/meson"; do
    if new_enough "$meson"; then
        echo "$meson"
        exit 0
    fi
done
echo "no meson of version 1.0 or newer: run 'make deps'" >&2
exit 1
