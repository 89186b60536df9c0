#!/usr/bin/env bash
# Makes a Python environment of its own for tests or benchmarks.
#
#   tools/python-env.sh FOLDER REQUIREMENTS
#
# Done at once when FOLDER was made from the same REQUIREMENTS with the same Python. A folder whose
# making was interrupted has no stamp, and is made anew.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -ne 2 ]; then
    echo "usage: $0 FOLDER REQUIREMENTS" >&2
    exit 2
fi
folder=$1 requirements=$2
stamp=$folder/made-from
want="$(python3 --version) $(cksum <"$requirements") $PWD"
[ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && exit 0

echo "making $folder from $requirements"
rm -rf "$folder"
python3 -m venv "$folder"
# Downloads may be interrupted: what came through is kept by pip, so a second try is cheap.
install() {
    "$folder/bin/pip" install --quiet --disable-pip-version-check --retries 5 --timeout 60 \
        -r "$requirements"
}
install || { sleep 5 && install; } || {
    echo "error: $requirements could not be installed into $folder" >&2
    exit 1
}
echo "$want" >"$stamp"
