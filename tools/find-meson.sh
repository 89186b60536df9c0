#!/usr/bin/env bash
# Prints the meson to use: the system's when it is new enough, else one kept in .venv-meson.
set -euo pipefail
cd "$(dirname "$0")/.."
new_enough() { [ "$(printf '1.0.0\n%s\n' "$("$1" --version 2>/dev/null || echo 0)" | sort -V | head -1)" = 1.0.0 ]; }
for meson in meson .venv-meson/bin/meson; do
    if command -v "$meson" >/dev/null 2>&1 && new_enough "$meson"; then
        case "$meson" in
        .venv*) echo "$PWD/$meson" ;;
        *) echo "$meson" ;;
        esac
        exit 0
    fi
done
echo "no meson of version 1.0 or newer: run 'make deps'" >&2
exit 1
