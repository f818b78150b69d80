#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds and runs FAT's host tests under ASan and UBSan. Usage: tests/host/fat/build.sh [OUTPUT-DIRECTORY [SEED]]
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
out=${1:-$(mktemp -d)}
fat=$root/drivers/fastfat
mkdir -p "$out"
${HOSTCC:-gcc} -std=gnu11 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all -DMICA_HOST \
    -I"$root/tests/host/fat" -I"$root" "$root/tests/host/fat/test_fat.c" \
    "$fat/bpb.c" "$fat/name.c" "$fat/alias.c" "$fat/oem.c" "$fat/lfn.c" "$fat/stamp.c" "$fat/freemap.c" -o "$out/test_fat"
exec "$out/test_fat" "${2:-0}"
