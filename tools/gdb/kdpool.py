# SPDX-License-Identifier: MIT
"""kd pool, kd poolused: what an address of pool is, and what each tag has in use."""
import gdb
from kdutil import Complaint, at, number, parse

UNIT = 8
FREE, CACHED, ALLOCATED, QUOTA = 0, 1, 4, 8


def tag_name(tag):
    return "".join(chr(tag >> shift & 0x7F) if 32 <= tag >> shift & 0x7F < 127 else "." for shift in (0, 8, 16, 24))


def used(arguments):
    """All tags, those with the most bytes first; or those that begin with the argument."""
    rows = []
    table = gdb.parse_and_eval("ExpTagTable")
    for index in range(table.type.range()[1] + 1):
        key = number(table[index]["Key"])
        if not key:
            continue
        name = tag_name(key)
        if arguments and not name.startswith(arguments[0]):
            continue
        pools = [table[index]["Pool"][kind] for kind in range(3)]
        rows.append((name, [(int(pool["Allocs"]), int(pool["Frees"]), int(pool["Bytes"])) for pool in pools]))
    print(f"{'Tag':6}{'NonPaged: Allocs':>17}{'Frees':>9}{'Used':>9}{'Paged: Allocs':>16}{'Frees':>9}{'Used':>9}{'Session: Used':>15}")
    for name, pools in sorted(rows, key=lambda row: (-sum(pool[2] for pool in row[1]), row[0])):
        print(f"{name:6}{pools[0][0]:17}{pools[0][1]:9}{pools[0][2]:9}{pools[1][0]:16}{pools[1][1]:9}{pools[1][2]:9}{pools[2][2]:15}")
    totals = [sum(row[1][kind][2] for row in rows) for kind in range(3)]
    print(f"{'TOTAL':6}{totals[0]:35}{totals[1]:34}{totals[2]:15}")


def big_page(address):
    size = number(gdb.parse_and_eval("ExpBigPageSize"))
    table = gdb.parse_and_eval("ExpBigPages")
    for index in range(size):
        if number(table[index]["Va"]) == address:
            return table[index]
    return None


def state(kind):
    if kind & ALLOCATED:
        return "Allocated" + (" (paged)" if kind & 1 else "") + (" Quota" if kind & QUOTA else "")
    return "Free" if kind == FREE else "Free (on a small list)"


def show(arguments):
    """The blocks of the page that an address lies in, its own with a star."""
    if not arguments:
        raise Complaint("which address? kd pool ADDRESS")
    address = parse(arguments[0])
    page = address & ~0xFFF
    entry = big_page(page)
    if entry is not None:
        print(f"*{page:08x} : large allocation, tag is {tag_name(number(entry['Tag']))}, size is {number(entry['Bytes']):#x} bytes")
        return
    place, previous = page, 0
    print(f"Pool page {address:08x}")
    while place < page + 0x1000:
        header = at(place, "POOL_HEADER")
        size = number(header["BlockSize"]) * UNIT
        if size == 0 or place + size > page + 0x1000 or number(header["PreviousSize"]) * UNIT != previous:
            raise Complaint(f"{place:08x} is no pool header, or a damaged one")
        kind = number(header["PoolType"])
        name = tag_name(number(header["PoolTag"])) if kind & ALLOCATED else ""
        star = "*" if place <= address < place + size else " "
        print(f"{star}{place:08x} size: {size:4x} previous size: {previous:4x}  ({state(kind)})  {name}")
        place, previous = place + size, size
