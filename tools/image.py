#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes disk images: an MBR with one FAT32 partition (mkfs.fat, mtools).

    image.py IMAGE SIZE_MB [FOLDER=FILE[:FILE...]]...

Also a module: ./mica makes the data disk with it and copies files out again.
"""
import os
import struct
import subprocess
import sys

PARTITION_START = 2048  # sectors, as every partitioning tool has it
SECTOR = 512
OFFSET = PARTITION_START * SECTOR


def run(*command):
    environment = dict(os.environ, MTOOLS_SKIP_CHECK="1", SOURCE_DATE_EPOCH="1704067200", TZ="UTC")
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def create(image, megabytes, label="MICA", serial="4D494341"):
    """A fresh image of so many MB (34 at least, or it would not be FAT32); the same bytes every time."""
    sectors = megabytes * 2048
    with open(image, "wb") as disk:
        disk.truncate(sectors * SECTOR)
        entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x0C, b"\xfe\xff\xff", PARTITION_START, sectors - PARTITION_START)
        disk.seek(440)
        disk.write(bytes.fromhex(serial))
        disk.seek(446)
        disk.write(entry)
        disk.seek(510)
        disk.write(b"\x55\xaa")
    run("mkfs.fat", "-F", "32", "-s", "1", "-n", label, "-i", serial, "--invariant", "-h", str(PARTITION_START),
        "--offset", str(PARTITION_START), image, str((sectors - PARTITION_START) // 2))


def make_folder(image, folder):
    path = ""
    for part in folder.strip("/").split("/"):
        path += "/" + part
        try:
            run("mmd", "-D", "s", "-i", f"{image}@@{OFFSET}", "::" + path)
        except RuntimeError:
            pass  # it is there already; the copy into it says so if it is not


def copy_in(image, folder, files):
    if files:
        run("mcopy", "-i", f"{image}@@{OFFSET}", "-o", "-Q", *files, "::/" + folder.strip("/"))


def copy_out(image, target):
    """Everything on the volume into the folder `target`."""
    run("mcopy", "-i", f"{image}@@{OFFSET}", "-s", "-n", "-Q", "-p", "::/*", target)


def check(image):
    """fsck.fat's opinion: (clean, text). It wants the volume at the start of a file, so the partition is copied out."""
    volume = image + ".volume"
    try:
        run("dd", f"if={image}", f"of={volume}", "bs=1M", f"skip={OFFSET >> 20}", "conv=sparse", "status=none")
        done = subprocess.run(["fsck.fat", "-n", volume], capture_output=True, text=True)
        return done.returncode == 0, done.stdout + done.stderr
    finally:
        if os.path.exists(volume):
            os.unlink(volume)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    image, size = sys.argv[1], int(sys.argv[2])
    temporary = image + ".new"
    create(temporary, size)
    for argument in sys.argv[3:]:
        folder, _, files = argument.partition("=")
        make_folder(temporary, folder)
        copy_in(temporary, folder, [name for name in files.split(":") if name])
    os.replace(temporary, image)


if __name__ == "__main__":
    main()
