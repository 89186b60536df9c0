#!/bin/sh
# installed.sh BUILD SOURCE
#
# Install into an empty folder and be a stranger there: find the library with pkg-config, compile
# the example against it, shared and static, as C and as C++, and predict with it.
set -eu
build=$1 source=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

meson=$("$source/tools/find-meson.sh")
prefix=$("$meson" introspect "$build" --buildoptions | python3 -c '
import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
DESTDIR=$folder "$meson" install -C "$build" --no-rebuild >"$folder/log" 2>&1 ||
    { cat "$folder/log"; exit 1; }
root=$folder$prefix
for file in bin/millwright bin/mw share/man/man1/mw.1 \
    share/bash-completion/completions/millwright share/zsh/site-functions/_millwright; do
    test -s "$root/$file" || { echo "$file is not installed"; exit 1; }
done
pc=$(find "$root" -name millwright.pc)
library=$(dirname "$(find "$root" -name libmillwright.so)")
export PKG_CONFIG_PATH="$(dirname "$pc")" PKG_CONFIG_SYSROOT_DIR="$folder"
# A sanitized library needs the sanitizer in its user too.
flags="-std=gnu11 -Wall -Wextra -Wpedantic -Werror ${MW_SANITIZE:+-fsanitize=$MW_SANITIZE}"

test "$(pkg-config --modversion millwright)" = "$(sed -n 's/#define MW_VERSION "\(.*\)"/\1/p' \
    "$root/include/millwright.h")"
cc $flags "$source/examples/c/predict.c" -o "$folder/shared" \
    $(pkg-config --cflags --libs millwright)
cc $flags "$source/examples/c/predict.c" -o "$folder/static" $(pkg-config --cflags millwright) \
    "$library/libmillwright.a" $(PKG_CONFIG_SYSROOT_DIR= \
        pkg-config --static --libs-only-l millwright | sed 's/-lmillwright//')

model=$source/examples/models/credit.json
LD_LIBRARY_PATH=$library "$folder/shared" "$model" | grep -q 'binary:logistic'
n=$("$folder/static" "$model" | sed -n 's/.* \([0-9]*\) features.*/\1/p')
row=$(seq "$n" | sed 's/.*/-/')
one=$(LD_LIBRARY_PATH=$library "$folder/shared" "$model" $row)
two=$("$folder/static" "$model" $row)
test -n "$one"
test "$one" = "$two"
if LD_LIBRARY_PATH=$library "$folder/shared" "$model" 1 2>"$folder/error"; then
    echo "a row of one value was taken"
    exit 1
fi
grep -q 'rows have 1 columns' "$folder/error"

# The static library must stand beside a program that has functions of the same name as ours.
cat >"$folder/same.c" <<'END'
#include <millwright.h>
int mw_fail(void);
int mw_fail(void) { return 7; }
int main(void)
{
    mw_model *m;
    return mw_model_load("/nowhere", &m, 0) == MW_NOT_FOUND ? mw_fail() : 1;
}
END
if ! nm -g --defined-only "$library/libmillwright.a" 2>/dev/null | grep -q ' mw_fail$'; then
    cc $flags "$folder/same.c" -o "$folder/same" $(pkg-config --cflags millwright) \
        "$library/libmillwright.a" $(PKG_CONFIG_SYSROOT_DIR= \
            pkg-config --static --libs-only-l millwright | sed 's/-lmillwright//')
    "$folder/same" && exit 1 || test $? = 7
fi

# The header in C++: compiles, links (extern "C"). A sanitized library is only compiled against: c++
# may be of another compiler than cc, and their sanitizers do not mix.
if command -v c++ >/dev/null; then
    printf '#include <millwright.h>\nint main() { return mw_version()[0] == 0; }\n' >"$folder/x.cpp"
    strict="-std=c++11 -Wall -Wextra -Wpedantic -Werror"
    c++ $strict -fsyntax-only "$folder/x.cpp" $(pkg-config --cflags millwright)
    if [ -z "$MW_SANITIZE" ]; then
        c++ $strict "$folder/x.cpp" -o "$folder/cpp" $(pkg-config --cflags --libs millwright)
        LD_LIBRARY_PATH=$library "$folder/cpp"
    fi
fi
echo "installed, found by pkg-config, linked shared and static, predicted $one"
