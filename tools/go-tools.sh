#!/usr/bin/env bash
# Builds clients written in Go that tests/wire/test_tools.py runs: grpcurl, ghz, h2spec.
#
#   tools/go-tools.sh           what is missing, within TOOL_SECONDS (default 240)
#   tools/go-tools.sh --where   the folder they are in
#
# Versions are pinned here. They are kept in a folder of their own and built once. Where there is no
# Go or no module proxy they stay missing: the tests that want them skip, with a line that says so,
# and this ends well all the same.
set -uo pipefail

folder=${MW_GO_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/millwright/go-tools}
[ "${1:-}" = --where ] && echo "$folder" && exit 0
go=$(command -v go || echo /usr/local/go/bin/go)
deadline=$((SECONDS + ${TOOL_SECONDS:-240}))

# Seconds that are left, one at least: 0 would mean no end to `timeout`.
left() { echo $((deadline - SECONDS > 1 ? deadline - SECONDS : 1)); }

# name, version, module of its command, what it needs beside its own go.mod
build() {
    local name=$1 version=$2 module=$3 work
    shift 3
    [ -x "$folder/$name-$version" ] && return
    [ -x "$go" ] || { echo "go-tools: no $name: Go is not installed" >&2; return; }
    [ $SECONDS -lt $deadline ] || { echo "go-tools: no $name: no time left" >&2; return; }
    work=$(mktemp -d)
    (
        cd "$work" && export GOFLAGS=-mod=mod GOTOOLCHAIN=local GOMAXPROCS=2 &&
            "$go" mod init tools &&
            timeout "$(left)" "$go" get "$module@$version" "$@" &&
            timeout "$(left)" nice "$go" build -o "$work/$name" "$module"
    ) >"$work/log" 2>&1 && mkdir -p "$folder" && mv "$work/$name" "$folder/$name-$version" &&
        ln -sf "$name-$version" "$folder/$name" ||
        echo "go-tools: no $name: $(tail -1 "$work/log")" >&2
    rm -rf "$work"
}

build h2spec v2.2.1+incompatible github.com/summerwind/h2spec/cmd/h2spec \
    golang.org/x/net@v0.62.0 github.com/spf13/cobra@v1.10.2 github.com/fatih/color@v1.19.0
build grpcurl v1.9.3 github.com/fullstorydev/grpcurl/cmd/grpcurl
build ghz v0.120.0 github.com/bojand/ghz/cmd/ghz
exit 0
