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
# uv does in ten seconds what takes pip a minute and a half of a processor; where it cannot be had,
# or does not find the index that pip is told of, pip does it.
quick() {
    index=$("$folder/bin/pip" config get global.index-url 2>/dev/null || echo "${PIP_INDEX_URL:-}")
    "$folder/bin/pip" install --quiet --disable-pip-version-check --retries 1 uv &&
        UV_LINK_MODE=copy "$folder/bin/uv" pip install --quiet --python "$folder/bin/python" \
            ${index:+--index-url "$index"} -r "$requirements"
}
# Downloads may be interrupted: what came through is kept by pip, so a second try is cheap.
install() {
    "$folder/bin/pip" install --quiet --disable-pip-version-check --retries 5 --timeout 60 \
        -r "$requirements"
}
quick || install || { sleep 5 && install; } || {
    echo "error: $requirements could not be installed into $folder" >&2
    exit 1
}
echo "$want" >"$stamp"
