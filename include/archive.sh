#!/bin/sh
# archive.sh OUTPUT OBJCOPY AR COMPILER... -- ARCHIVE...
#
# Make one static library from the rooms: link their objects into one, turn every hidden symbol
# into a local one, and archive the result. What is left global is what millwright.h declares.
set -eu
output=$1 objcopy=$2 archiver=$3
shift 3
compiler=
while [ "$1" != -- ]; do
    compiler="$compiler $1"
    shift
done
shift

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Not quoted: the compiler may be "ccache cc". -r refuses --gc-sections and the like:
# bare flags only.
$compiler -nostdlib -r -o "$folder/millwright.o" -Wl,--whole-archive "$@" -Wl,--no-whole-archive
"$objcopy" --localize-hidden "$folder/millwright.o"
rm -f "$output"
"$archiver" rcsD "$output" "$folder/millwright.o"
