# SPDX-License-Identifier: MIT
"""docs/locks.md and ke/lockorder.c agree: each declared step goes from a lower rank of the table to a higher one."""
import re


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_declared_lock_order_agrees_with_the_ranks():
    ranks = {}
    for row in re.finditer(r"^\| (\d+) \| (.*?) \|", read("docs/locks.md"), re.M):
        for name in re.findall(r"`([^`]+)`", row.group(2)):
            ranks[name] = int(row.group(1))
    declared = read("ke/lockorder.c").split("KiDeclaredOrder[] = {")[1].split("};")[0]
    steps = re.findall(r'\{"([^"]+)", "([^"]+)"\}', declared)
    assert len(steps) > 8
    for outer, inner in steps:
        assert outer in ranks and inner in ranks, f"{outer} or {inner} has no rank in docs/locks.md"
        assert ranks[outer] < ranks[inner], f"{outer} is declared before {inner}, but its rank is not lower"
