#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# First process of a guest: what a booted machine has, and what only a virtual one can be given; then the checks.
export PATH=/bin HOME=/tmp LANG=C.UTF-8 TMPDIR=/tmp PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/shm
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
chmod 1777 /tmp /dev/shm
ifconfig lo up

mkswap /dev/nvme0n1p3 >/dev/null && swapon /dev/nvme0n1p3
export SCENARIO_SWAP=/dev/nvme0n1p3

# Huge pages only where a program asks, but then soon; the same for pages to merge.
thp=/sys/kernel/mm/transparent_hugepage
echo madvise >$thp/enabled
echo 100 >$thp/khugepaged/scan_sleep_millisecs
echo 100 >$thp/khugepaged/alloc_sleep_millisecs
echo 65536 >$thp/khugepaged/pages_to_scan
echo 50 >/sys/kernel/mm/ksm/sleep_millisecs
echo 20000 >/sys/kernel/mm/ksm/pages_to_scan
echo 1 >/sys/kernel/mm/ksm/use_zero_pages
echo 1 >/sys/kernel/mm/ksm/run

cd /rsstrace && python3 -u tests/vm/guest.py /plan /dev/nvme0n1p2
sync
poweroff -f
