#!/usr/bin/env bash
# Installs what is missing, and nothing else, with apt (Debian 12, Ubuntu 22.04 and later).
#
#   tools/install-deps.sh build | check | fuzz | test | bench
#
# A program counts however it was installed. Asks for sudo only when it is not root and something is
# missing; when all is there it is done in a few hundredths of a second and needs no network.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-build}
# For `test` only: SIMDe, without which a test of instructions that this processor lacks skips, and
# librdkafka, whose mock cluster stands for Kafka.
wanted=(cc libc meson ninja pkg-config python3 jansson yaml zlib nghttp2 openssl sqlite sodium zstd
    libcurl)
case $what in
build) ;;
check) wanted+=(cmocka) ;;
fuzz) wanted+=(clang fuzzer) ;;
test) wanted+=(cmocka venv promtool mandoc simde curl h2load rdkafka) ;;
bench) wanted+=(venv nginx wrk taskset) ;;
*)
    echo "usage: $0 build|check|fuzz|test|bench" >&2
    exit 2
    ;;
esac

have() { command -v "$1" >/dev/null 2>&1; }
library() { have pkg-config && pkg-config --exists "$1"; }

# The proof that a wanted thing is there. Headers by pkg-config, programs by name.
is_there() {
    case $1 in
    cc | ninja | pkg-config | python3 | clang | promtool | mandoc | wrk | taskset | curl | h2load)
        have "$1"
        ;;
    libc) [ -e /usr/include/stdio.h ] ;;
    simde) [ -e /usr/include/simde/x86/avx512.h ] || [ "$(uname -m)" != x86_64 ] ;;
    meson) tools/find-meson.sh >/dev/null 2>&1 ;;
    jansson | cmocka | zlib | openssl) library "$1" ;;
    nghttp2) library libnghttp2 ;;
    yaml) library yaml-0.1 ;;
    sqlite) library sqlite3 ;;
    sodium) library libsodium ;;
    zstd) library libzstd ;;
    rdkafka) compgen -G '/usr/lib/*/librdkafka.so.1' >/dev/null ;;
    libcurl) library libcurl ;;
    fuzzer) have clang && compgen -G "$(clang -print-resource-dir)/lib/*/*fuzzer*.a" >/dev/null ;;
    venv) have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    nginx) have nginx || [ -x /usr/sbin/nginx ] ;;
    esac
}

package_of() {
    case $1 in
    cc) echo gcc ;;
    libc) echo libc6-dev ;;
    ninja) echo ninja-build ;;
    jansson | cmocka | nghttp2 | sodium | simde | zstd) echo "lib$1-dev" ;;
    yaml) echo libyaml-dev ;;
    zlib) echo zlib1g-dev ;;
    openssl) echo libssl-dev ;;
    libcurl) echo libcurl4-openssl-dev ;;
    sqlite) echo libsqlite3-dev ;;
    # clang's own version decides which runtime fits
    fuzzer) have clang && echo "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev" ;;
    venv) echo python3-venv ;;
    promtool) echo prometheus ;;
    nginx) echo nginx-light ;;
    taskset) echo util-linux ;;
    h2load) echo nghttp2-client ;;
    rdkafka) echo librdkafka1 ;;
    *) echo "$1" ;;
    esac
}

# Fills the array `missing` with what is not there.
look() {
    missing=()
    for thing in "${wanted[@]}"; do
        is_there "$thing" || missing+=("$thing")
    done
}

# Sets `root` to what must stand before a command that needs root.
become_root() {
    root=()
    [ "$(id -u)" -eq 0 ] && return
    have sudo && root=(sudo) && return
    echo "error: not root, and no sudo to install with; missing: ${missing[*]}" >&2
    echo "  fix: as root: apt-get install $*" >&2
    exit 1
}

apt() {
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1
}

# Servers that come along (nginx, prometheus) are only tools here: no package may start one.
forbid_services() {
    [ -e /usr/sbin/policy-rc.d ] && return
    "${root[@]}" install -m 755 /dev/stdin /usr/sbin/policy-rc.d <<<$'#!/bin/sh\nexit 101'
    trap 'rm -f "$log"; "${root[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
}

install_missing() {
    local packages=()
    for thing in "${missing[@]}"; do
        package=$(package_of "$thing") || continue # known once clang is there: the next round
        packages+=("$package")
    done
    become_root "${packages[@]}"
    forbid_services
    echo "installing ${packages[*]}"
    # The package list may be old: ask again with a fresh one before giving up.
    apt install "${packages[@]}" || { apt update && apt install "${packages[@]}"; } || {
        tail -20 "$log" >&2
        echo "error: apt-get could not install: ${packages[*]}" >&2
        exit 1
    }
}

# The dashboard's tools are wished for, not needed: where they cannot be had the build goes on.
wish_for_node() {
    [ "${UI:-on}" = off ] && return
    local wishes=()
    { have npm && have node; } || wishes+=(nodejs npm)
    # 175 MB are too much of the minutes that all tests may take: who has Chromium runs its tests,
    # elsewhere they say that they skip (apt install chromium; tools/run_tests.py window).
    [ ${#wishes[@]} -gt 0 ] || return 0
    have apt-get && { [ "$(id -u)" -eq 0 ] || have sudo; } || return 0
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    echo "installing ${wishes[*]} (for the dashboard; make UI=off does without)"
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive timeout 120 apt-get -y -qq \
        --no-install-recommends -o DPkg::Lock::Timeout=60 install "${wishes[@]}" >/dev/null 2>&1 ||
        echo "they could not be installed: the build goes on without them"
}

look
if [ ${#missing[@]} -eq 0 ]; then
    wish_for_node
    exit 0
fi
have apt-get || {
    echo "error: there is no apt-get here, and these are missing: ${missing[*]}" >&2
    echo "  fix: install their like with your system's package manager" >&2
    exit 1
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_missing
look
case " ${missing[*]} " in
*" fuzzer "*) install_missing ;;
esac

# Ubuntu 22.04 has an older meson than the build needs; a newer one is kept in a folder of our own.
if ! is_there meson; then
    is_there venv || { missing=(venv) && install_missing; }
    python3 -m venv .venv-meson
    .venv-meson/bin/pip install --quiet --disable-pip-version-check 'meson>=1.0,<2'
fi

look
if [ ${#missing[@]} -ne 0 ]; then
    echo "error: installed, and yet not found: ${missing[*]}" >&2
    exit 1
fi
wish_for_node
