#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads `nm -n` of the kernel's first link and writes the symbol table that the second link contains (bugcheck stacks, names of locks)."""
import re
import sys


def main():
    rows = []
    locks = re.compile("Lock|Mutex|Resource|Pool|Bucket|Queue|List|Data")  # variables that are or contain locks
    for line in sys.stdin:
        parts = line.split()
        if len(parts) != 3 or parts[2].startswith("."):
            continue
        if parts[1] in "tTwW" or (parts[1] in "bBdD" and locks.search(parts[2])):
            rows.append((int(parts[0], 16), parts[2]))
    rows.sort()
    print("const struct { unsigned long Address; const char *Name; } KiSymbolTable[] = {")
    for address, name in rows:
        print(f'    {{0x{address:08X}, "{name}"}},')
    print('    {0xFFFFFFFF, ""}};')
    print(f"const unsigned long KiSymbolCount = {len(rows)};")


if __name__ == "__main__":
    main()
