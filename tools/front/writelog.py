# SPDX-License-Identifier: MIT
"""What a disk with a write cache holds when its power fails: everything that was written before the last flush, and any part of
what was written since, in any order. From QEMU's log of all writes (its driver blklogwrites, the format of Linux's dm-log-writes) and
tools/powercut.c's list of where in the log the guest flushed."""
import os
import struct

SECTOR = 512
ENTRY = struct.Struct("<QQQQ")  # first sector, sectors, flags, length of the data
DISCARD = 4
MARK = struct.Struct("<Q")


def drive(path, log, index):
    """QEMU's option for a raw disk whose writes are logged."""
    with open(log, "wb"):
        pass
    return ["-drive", f"driver=blklogwrites,file.driver=file,file.filename={path},log.driver=file,log.filename={log},"
            f"if=ide,index={index}"]


def entries(log):
    """[(where it ends in the log, byte on the disk, data)] of each write. The log may end in the middle of one."""
    found, size = [], os.path.getsize(log)
    with open(log, "rb") as file:
        offset = SECTOR  # behind the super block, which a machine that was killed has not brought up to date
        while offset + SECTOR <= size:
            file.seek(offset)
            sector, count, flags, _ = ENTRY.unpack(file.read(ENTRY.size))
            offset += SECTOR
            if flags & DISCARD or count == 0:
                continue
            file.seek(offset)
            data = file.read(count * SECTOR)
            offset += count * SECTOR
            if offset <= size:
                found.append((offset, sector * SECTOR, data))
    return found


def last_flush(flushes):
    """Where in the log the last flush was; 0: there was none."""
    with open(flushes, "rb") as file:
        data = file.read()
    whole = len(data) - len(data) % MARK.size
    return MARK.unpack(data[whole - MARK.size:whole])[0] if whole else 0


def replay(disk, log, flushes, choice):
    """Makes of a disk as it was before the run what a power cut may leave. choice: a random.Random. Returns how many sectors
    the cache held, and how many of them were lost."""
    safe, held, lost = last_flush(flushes), 0, 0
    chance = choice.choice((0, 0.1, 0.5, 0.9, 1))  # of a sector to have been written
    with open(disk, "r+b") as file:
        for end, start, data in entries(log):
            for offset in range(0, len(data), SECTOR):
                if end > safe:
                    held += 1
                    if choice.random() >= chance:
                        lost += 1
                        continue
                file.seek(start + offset)
                file.write(data[offset:offset + SECTOR])
    return held, lost
