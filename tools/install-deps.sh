#!/usr/bin/env bash
# Installs what is missing, and nothing else, with apt.
#
#   tools/install-deps.sh build | check | fuzz | test | bench
#
# Asks for sudo only when it is not root and something is missing. Does nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

build=(gcc libc6-dev ninja-build meson pkg-config python3 libjansson-dev libyaml-dev zlib1g-dev)
case "${1:-build}" in
build) wanted=("${build[@]}") ;;
check) wanted=("${build[@]}" libcmocka-dev) ;;
fuzz) wanted=("${build[@]}" clang "$(apt-cache pkgnames 2>/dev/null | grep -E '^libclang-rt-[0-9]+-dev$' | sort -V | head -1 || true)") ;;
test) wanted=("${build[@]}" libcmocka-dev clang python3-venv prometheus mandoc) ;;
bench) wanted=("${build[@]}" nginx-light wrk python3-venv) ;;
*)
    echo "usage: $0 build|check|fuzz|test|bench" >&2
    exit 2
    ;;
esac

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]; }

# A program counts however it was installed.
is_there() {
    case "$1" in
    gcc) command -v cc >/dev/null ;;
    ninja-build) command -v ninja >/dev/null ;;
    python3) command -v python3 >/dev/null ;;
    pkg-config) command -v pkg-config >/dev/null ;;
    clang) command -v clang >/dev/null ;;
    meson) tools/find-meson.sh >/dev/null 2>&1 ;;
    prometheus) command -v promtool >/dev/null ;;
    nginx-light) [ -x /usr/sbin/nginx ] ;;
    "") true ;;
    *) is_installed "$1" ;;
    esac
}

missing=()
for package in "${wanted[@]}"; do
    is_there "$package" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "error: these are missing and there is no apt-get: ${missing[*]}" >&2
    echo "  fix: install their like with your system's package manager" >&2
    exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "error: not root, and no sudo to install: ${missing[*]}" >&2
        echo "  fix: run as root: apt-get install ${missing[*]}" >&2
        exit 1
    }
    root=(sudo)
fi

echo "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Servers that come along (nginx, prometheus) must not start: they are only tools here.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee /usr/sbin/policy-rc.d >/dev/null
    "${root[@]}" chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f "$log"; "${root[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
fi
if ! { "${root[@]}" apt-get update && "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    echo "error: apt-get could not install: ${missing[*]}" >&2
    exit 1
fi

# Ubuntu 22.04 has an older meson than the build needs.
if ! tools/find-meson.sh >/dev/null 2>&1; then
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        python3-venv >>"$log" 2>&1
    python3 -m venv .venv-meson && .venv-meson/bin/pip install -q 'meson>=1.0,<2'
fi
