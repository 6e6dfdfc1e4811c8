#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A server that leaks, watched live, then recorded and reported. usage: demo.sh BUILD
set -eu

build=$1
trace=$(mktemp -u "${TMPDIR:-/tmp}/rsstrace-demo-XXXXXX").rsst
server=

stop() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	[ -z "$server" ] || wait "$server" 2>/dev/null || true
	rm -f "$trace"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() {
	printf '\n$ %s\n' "$*"
}

"$build/workload/leaky_server" 60 >/dev/null </dev/null &
server=$!
sleep 1

say "rsstrace live -p $server"
"$build/rsstrace" live -i 2s -d 8s -n 6 -p "$server"

say "rsstrace record -d 12s -o leaky.rsst -p $server"
"$build/rsstrace" record -d 12s -o "$trace" -p "$server"

say "rsstrace report leaky.rsst"
"$build/rsstrace" report "$trace"
