#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes docs/status.md: the hand-kept rows of docs/status-notes.md and the table of services from tools/services.tbl.
With --check, only says whether the file is what it would write (make lint)."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def text():
    with open(os.path.join(ROOT, "docs", "status-notes.md"), encoding="utf-8") as file:
        notes = file.read()
    table = subprocess.run([sys.executable, os.path.join(ROOT, "tools", "services.py"), os.path.join(ROOT, "tools", "services.tbl"),
                            "status"], capture_output=True, text=True, check=True).stdout
    return ("# Status\n\nMade by tools/status.py from docs/status-notes.md and tools/services.tbl; change those.\n\n" + notes.strip() +
            "\n\n## System services\n\n" + table)


def main():
    path = os.path.join(ROOT, "docs", "status.md")
    if "--check" in sys.argv:
        with open(path, encoding="utf-8") as file:
            if file.read() != text():
                sys.exit("docs/status.md is not what tools/status.py makes: run it")
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(text())


if __name__ == "__main__":
    main()
