#!/usr/bin/env bash
# Runs the tests of the prediction kernels as arm64 programs under qemu, NEON kernel and all, on a
# machine of another kind. Needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user.
#
# Predict needs of the rooms below it only errors, the pool and what a forest of levels is made of,
# none of the libraries that loaders want: recipes, graphs and readers, which no test here has, stay
# unresolved. cmocka's few calls come from
# neon/cmocka.h.
set -euo pipefail
cd "$(dirname "$0")/../.."
cc=aarch64-linux-gnu-gcc
for program in $cc qemu-aarch64; do
    command -v $program >/dev/null || { echo "skipped: there is no $program here" && exit 0; }
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

sources=(src/base/{arena,clock,error,pages,pool,text}.c src/model/{forest,growth}.c)
for file in src/predict/*.c; do
    case $file in *avx*) ;; *) sources+=("$file") ;; esac
done
for source in "${sources[@]}"; do
    $cc -c -O2 -std=gnu11 -D_GNU_SOURCE -ffunction-sections -ffp-contract=off \
        -Wall -Wextra -Werror -Iinclude -Isrc "$source" -o "$out/$(basename "$source").o"
done
for test in kernels oblivious levels; do
    $cc -O1 -std=gnu11 -D_GNU_SOURCE -ffp-contract=off -static -Wl,--gc-sections \
        -Wl,--unresolved-symbols=ignore-all \
        -Itests/predict/neon -Iinclude -Isrc "tests/predict/test_$test.c" "$out"/*.o \
        -lm -lpthread -o "$out/$test"
    echo "$test"
    qemu-aarch64 "$out/$test"
done
