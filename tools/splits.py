#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads the kernel's first link (made with --emit-relocs) and writes where its code and constants contain a limit that /3GB moves:
for each symbol MmSplitX of linker.ld what to add (MmSplit3X says the sum), and the addresses of the words to add it to."""
import re
import subprocess
import sys

LOADED = {".init", ".page", ".text", ".startup", ".rodata", ".data"}
PREFIX, OTHER = "MmSplit", "MmSplit3"


def lines(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def values(kernel, cross):
    rows = [line.split() for line in lines(cross + "nm", kernel)]
    return {row[2]: int(row[0], 16) for row in rows if len(row) == 3 and row[2].startswith(PREFIX)}


def sites(kernel, cross):
    """{symbol: [address]}; a word that the linker filled in another way than by adding is a mistake."""
    found, section = {}, ""
    for line in lines(cross + "readelf", "-rW", kernel):
        head = re.match(r"Relocation section '\.rel(\S+)'", line)
        row = line.split()
        if head:
            section = head.group(1)
        elif section in LOADED and len(row) >= 5 and row[4].startswith(PREFIX):
            if row[2] != "R_386_32":
                raise SystemExit(f"splits: {row[2]} of {row[4]} at {row[0]}")
            found.setdefault(row[4], []).append(int(row[0], 16))
    return found


def main():
    kernel, cross = sys.argv[1], sys.argv[2]
    symbols, words = values(kernel, cross), []
    for name, places in sorted(sites(kernel, cross).items()):
        delta = symbols[OTHER + name[len(PREFIX):]] - symbols[name] & 0xFFFFFFFF
        if delta:
            words += [delta] + sorted(places) + [0]
    print("// For each limit: what to add, where, 0. See boot/split.c.")
    print("const unsigned long BootSplitChanges[] = {")
    for word in words + [0]:
        print(f"    0x{word:08X},")
    print("};")


if __name__ == "__main__":
    main()
