# SPDX-License-Identifier: MIT
"""./mica doctor: the tools Mica needs, what is here, and the one command that fixes what is not."""
import re
import shutil
import subprocess

# command, what it says its version with, least version, Debian package, what for
TOOLS = [
    ("i686-linux-gnu-gcc", ["--version"], "12", "gcc-i686-linux-gnu", "the kernel"),
    ("i686-linux-gnu-ld", ["--version"], "2.35", "binutils-i686-linux-gnu", "the kernel"),
    ("i686-w64-mingw32-gcc", ["--version"], "10", "gcc-mingw-w64-i686-win32", "user mode"),
    ("nasm", ["-v"], "2.15", "nasm", "assembly"),
    ("qemu-system-i386", ["--version"], "7.0", "qemu-system-x86", "the machine"),
    ("mkfs.fat", ["--help"], "4.2", "dosfstools", "disk images"),
    ("mcopy", ["--version"], "4.0", "mtools", "disk images"),
    ("gdb", ["--version"], "12", "gdb", "./mica debug"),
    ("grub-mkrescue", ["--version"], "2.04", "grub-common", "./mica iso"),
    ("xorriso", ["-version"], "1.5", "xorriso", "./mica iso"),
    ("make", ["--version"], "4.0", "make", "the build"),
    ("python3", ["--version"], "3.9", "python3", "./mica"),
    ("clang-format", ["--version"], "14", "clang-format", "make lint"),
    ("cppcheck", ["--version"], "2.0", "cppcheck", "make lint"),
    ("shellcheck", ["--version"], "0.7", "shellcheck", "make lint"),
    ("flake8", ["--version"], "5.0", "flake8", "make lint"),
]


def version_of(command, arguments):
    """The first thing that looks like a version in what the tool prints, or None if the tool is not here."""
    if not shutil.which(command):
        return None
    done = subprocess.run([command, *arguments], capture_output=True, text=True)
    match = re.search(r"\d+\.\d+(\.\d+)?", re.sub(r"\(Debian[^)]*\)", "", done.stdout + done.stderr))
    return match.group(0) if match else "?"


def old(found, least):
    if found == "?":
        return False
    return [int(part) for part in found.split(".")[:2]] < [int(part) for part in (least + ".0").split(".")[:2]]


def main(_arguments):
    missing = []
    for command, arguments, least, package, purpose in TOOLS:
        found = version_of(command, arguments)
        bad = found is None or old(found, least)
        if bad:
            missing.append(package)
        print(f"{'--' if bad else 'ok'}  {command:22} {found or 'missing':12} needs {least:6} {purpose}")
    if missing:
        print(f"\nTo fix it: sudo apt-get install -y --no-install-recommends {' '.join(missing)}")
        return 1
    print("\nEverything is here.")
    return 0
