#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the simulated file system: random operations against a model, then fsck.fat on the disk; and power cuts, after
# which the disk's structure and all flushed data must be there. Usage: fat_driver [SEED], or without: a dozen seeds.
set -u
sim=$(dirname "$0")/fat_sim
disk=$(mktemp -d)
trap 'rm -rf "$disk"' EXIT
export ASAN_OPTIONS=detect_leaks=0:handle_segv=0
export PATH="$PATH:/usr/sbin:/sbin"
status=0

# run LAW KILOBYTES SEED OPERATIONS CUTS: a failure prints the command that repeats it.
run() {
    rm -f "$disk/image"
    mkfs.fat -F 32 -s 1 -C "$disk/image" "$2" >/dev/null 2>&1
    if ! "$sim" "$disk/image" "$3" "$4" "$5" >"$disk/log" 2>&1; then
        echo "FAIL $1: $(grep -v Aborted "$disk/log" | tail -n 1) (fat_sim IMAGE $3 $4 $5, image of $2 KB)"
    elif ! fsck.fat -n "$disk/image" >"$disk/log" 2>&1; then
        echo "FAIL $1: fsck.fat: $(tail -n 2 "$disk/log" | tr '\n' ' ') (fat_sim IMAGE $3 $4 $5, image of $2 KB)"
    else
        return 0
    fi
    status=1
    return 1
}

# law NAME KILOBYTES OPERATIONS CUTS SEED...
law() {
    name=$1 size=$2 operations=$3 cuts=$4
    shift 4
    for seed in "$@"; do
        run "$name" "$size" "$seed" "$operations" "$cuts" || return 0
    done
    echo "ok $name"
}

if [ $# -gt 0 ]; then
    law model_and_fsck 2048 3000 0 "$1"
    law power_cut_before_any_write 2048 1000 1 "$1"
    law power_cut_with_a_write_cache 2048 1000 2 "$1"
else
    law model_and_fsck 2048 1500 0 1 2 3 4 5 6 7 8
    law model_and_fsck_on_a_full_disk 1100 2000 0 11 12 13 14
    law power_cut_before_any_write 2048 800 1 1 2 3 4 5
    law power_cut_before_any_write_on_a_full_disk 1100 800 1 6 7 8
    law power_cut_with_a_write_cache 2048 800 2 1 2 3 4 5
    law power_cut_with_a_write_cache_on_a_full_disk 1100 800 2 6 7 8
fi
exit $status
