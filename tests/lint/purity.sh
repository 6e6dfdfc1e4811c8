#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The model sees records only: what it takes from libc is memory, strings, sorting and formatting into buffers.
# No clock, no files, no processes, no environment. usage: purity.sh build/libmodel.a build/libbase.a
set -eu

model=$1
base=$2

allowed='abort|calloc|free|malloc|realloc|reallocarray|aligned_alloc|posix_memalign|mem(chr|cmp|cpy|move|set)|qsort|bsearch|
str(n?cmp|n?len|n?cpy|r?chr|n?dup|n?cat|str|spn|cspn|error)|v?snprintf|__v?snprintf_chk|__(mem|st)[a-z]*_chk|__stack_chk_fail|
__assert_fail|__errno_location|__ctype_b_loc|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|sanitizer|msan)_.*|__(div|udiv|mod|umod)ti3'
allowed=$(printf '%s' "$allowed" | tr -d '\n')

undefined=$(nm -u "$model" | awk '$1 == "U" { print $2 }' | sort -u)
defined=$(nm --defined-only "$model" "$base" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
left=$(printf '%s\n' "$undefined" | grep -Evx "$allowed" || true)

bad=
for symbol in $left; do
	printf '%s\n' "$defined" | grep -Fqx -- "$symbol" || bad="$bad $symbol"
done
if [ -n "$bad" ]; then
	echo "user/model/ may not call:$bad"
	exit 1
fi
echo "user/model/ takes memory and strings from libc, nothing else"
