#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads `nm -n` of the kernel's first link and writes the symbol table that the second link contains (bugcheck stacks)."""
import sys


def main():
    rows = []
    for line in sys.stdin:
        parts = line.split()
        if len(parts) == 3 and parts[1] in "tTwW" and not parts[2].startswith("."):
            rows.append((int(parts[0], 16), parts[2]))
    rows.sort()
    print("const struct { unsigned long Address; const char *Name; } KiSymbolTable[] = {")
    for address, name in rows:
        print(f'    {{0x{address:08X}, "{name}"}},')
    print('    {0xFFFFFFFF, ""}};')
    print(f"const unsigned long KiSymbolCount = {len(rows)};")


if __name__ == "__main__":
    main()
