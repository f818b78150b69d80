#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing of Debian's packages. Without the right to install it prints the one command to run.
set -eu

packages="gcc-i686-linux-gnu binutils-i686-linux-gnu libc6-dev-i386-cross nasm gcc-mingw-w64-i686-win32 mingw-w64-i686-dev
grub-pc-bin grub-common xorriso mtools dosfstools qemu-system-x86 gdb python3 unicode-data make gcc libc6-dev"
[ "${1:-}" = lint ] && packages="$packages clang-format cppcheck shellcheck flake8"
[ "${1:-}" = bochs ] && packages="$packages bochs bochsbios vgabios" # optional: the trap tests on a second emulator

missing=""
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    sudo=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    sudo="sudo"
else
    echo "Mica needs some packages of Debian's. Please run this once:"
    echo "    sudo apt-get install -y --no-install-recommends$missing"
    exit 1
fi
echo "mica: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q
# shellcheck disable=SC2086 # a list of words
$sudo apt-get install -y -q --no-install-recommends $missing
