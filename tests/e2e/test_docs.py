# SPDX-License-Identifier: MIT
"""The pages tell the truth about names: each test that they name for a claim exists (`ke.event_*`, `user.programs.races`,
`e2e.machines.eight_processors`), and each folder's README says where its files come in the order to read them."""
import fnmatch
import glob
import os
import re

from front import check, lint, machine, results, test

PAGES = ("docs/*.md", "README.md", "*/README.md", "tests/*/README.md")
SUFFIXES = ("asm", "c", "cpp", "def", "dll", "exe", "h", "iso", "lib", "md", "mk", "pdf", "png", "py", "sh", "so", "sys", "tbl", "txt")


def existing():
    names = list(test.read_tests(os.path.join(machine.build_dir(), "mica.elf")))
    for folder in ("user", "e2e"):
        names += [name for name, _ in check.python_tests(os.path.join(machine.ROOT, "tests", folder), results.Results(), None)]
    for path in glob.glob(os.path.join(machine.ROOT, "tests/host/*/*.c")):
        names.append("host." + os.path.basename(path)[:-2])
    return names


def named(page):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    for name in re.findall(r"`([a-z0-9]+(?:\.[a-z0-9_*]+)+)`", text):
        if name.split(".")[-1] not in SUFFIXES:
            yield name


def test_tests_that_the_pages_name_exist():
    names, missing, count = existing(), [], 0
    rings = {name.split(".")[0] for name in names}
    for pattern in PAGES:
        for page in sorted(glob.glob(os.path.join(machine.ROOT, pattern))):
            for name in named(page):
                if name.split(".")[0] in rings:
                    count += 1
                    if not fnmatch.filter(names, name):
                        missing.append(f"{os.path.relpath(page, machine.ROOT)}: `{name}`")
    assert not missing, "no such test:\n" + "\n".join(missing)
    assert count > 100


def test_each_kernel_file_has_its_place_in_the_reading_order():
    missing = []
    for readme in sorted(glob.glob(os.path.join(machine.ROOT, "*/README.md"))):
        folder = os.path.dirname(readme)
        if os.path.basename(folder) not in lint.PREFIXES:
            continue
        with open(readme, encoding="utf-8") as file:
            text = file.read()
        for path in glob.glob(folder + "/*.c") + glob.glob(folder + "/*.asm") + glob.glob(folder + "/i386/*.asm"):
            if not re.search(rf"\b{re.escape(os.path.basename(path))}\b", text):
                missing.append(os.path.relpath(path, machine.ROOT))
    assert not missing, "not in the README of their folder: " + ", ".join(missing)
