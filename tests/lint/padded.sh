#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What goes over the wire has no padding: the same bytes from every compiler. And each header stands alone.
set -eu

status=0
for header in include/*_abi.h include/counters.h; do
	for cc in gcc clang; do
		command -v "$cc" >/dev/null || continue
		printf '#include "%s"\n' "${header#include/}" |
			"$cc" -std=gnu11 -x c -fsyntax-only -Wall -Wpadded -Werror -Iinclude - || status=1
	done
done
[ "$status" = 0 ] && echo "no wire struct has padding"
exit "$status"
