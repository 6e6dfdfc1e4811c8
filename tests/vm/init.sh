#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# First process of the guest: runs each workload under the recorder and prints what everybody said about it.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
mount -t devtmpfs dev /dev

section() {
	echo "@@@ $*"
}

# wait_line FILE SECONDS: until FILE has a line
wait_line() {
	for _ in $(seq $(($2 * 5))); do
		[ -s "$1" ] && return 0
		sleep 0.2
	done
	return 1
}

refused() {
	sleep 1000 &
	target=$!
	sleep 1
	section refused-record
	rsstrace record -o /tmp/refused -p $target 2>&1
	echo "status $?"
	section target-alive
	kill -0 $target && echo yes
	kill -9 $target
}

traced() {
	rm -f /tmp/in /tmp/truth /tmp/trace
	mkfifo /tmp/in
	rsstrace record -q -o /tmp/trace -- "/workload/$1" </tmp/in >/tmp/truth 2>/tmp/talk &
	recorder=$!
	exec 3>/tmp/in
	wait_line /tmp/truth 90
	sleep 3 # a tick after the last change, and the reconciler
	pid=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' /tmp/truth | head -n 1)
	section "truth $1"
	cat /tmp/truth
	section "kernel $1"
	grep -E '^(Rss|Swap):' "/proc/$pid/smaps_rollup"
	exec 3>&-
	wait $recorder
	section "report $1"
	rsstrace report --json -n 2000 /tmp/trace
	section "talk $1"
	cat /tmp/talk
}

section kernel-release
cat /proc/sys/kernel/osrelease
section doctor
rsstrace doctor 2>&1
status=$?
echo "status $status"
if [ $status -ne 0 ]; then
	refused
else
	for workload in $(cat /workloads); do
		traced "$workload"
	done
fi
section end
poweroff -f
