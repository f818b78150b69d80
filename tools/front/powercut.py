# SPDX-License-Identifier: MIT
"""./mica powercut: a machine whose power fails, again and again, and what its disk holds then.

One program (tests/powercut/powercut.c) works on D: and says what it has flushed. It runs once to its end, then once for
each cut: QEMU is killed at a seeded instruction of the run, the same one every time. fsck.fat must then be able to repair
the volume (its second look finds nothing), every flushed file must be there with its content, every file whose deletion
was flushed must be gone. The same must be true of a disk with a write cache, of which any part may be lost that was written
after the last flush (writelog.py); so that there is something to lose, each second machine is killed just before it flushes. Closes with 'N cuts, N repaired, N flushed files checked, N lost'."""
import argparse
import glob
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import image
from front import check, machine, writelog

SIZE_MB = 36
OPERATIONS, CUTS = 160, 200
RUN_SECONDS = 300
SOURCE = os.path.join(machine.ROOT, "tests", "powercut", "powercut.c")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica powercut", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--cuts", type=int, default=CUTS, metavar="N", help=f"how many ({CUTS})")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first cut (0): what a failure names")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the program's work (1)")
    parser.add_argument("--cpus", type=int, default=None, metavar="N", help="processors of the machine (1)")
    return parser.parse_args(arguments)


def fnv1a(data):
    value = 2166136261
    for byte in data:
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value


class Promises:
    """What the program's output says must be on the disk: {path: (size, hash)}, None for a file that must be gone."""

    def __init__(self, text):
        self.kept, self.troubles = {}, []
        for line in text.split("\n")[:-1]:  # a line without its end was not said
            kind, _, rest = line.rstrip("\r").partition(" ")
            if kind == "t":
                self.kept.pop(rest, None)
            elif kind == "g":
                self.kept[rest] = None
            elif kind == "f":
                name, size, value = rest.rsplit(" ", 2)
                self.kept[name] = (int(size), int(value, 16))
            else:
                self.troubles.append(line)


class Rig:
    """The program, the plugin and a fresh data disk, made once for all runs."""

    def __init__(self, folder, seed, cpus=None, operations=OPERATIONS):
        self.folder, self.seed, self.cpus, self.operations = folder, seed, cpus, operations
        self.cached = []  # of each cut: (sectors in the disk's cache, sectors lost)
        self.plugin = os.path.join(folder, "libpowercut.so")
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", self.plugin, os.path.join(machine.ROOT, "tools", "powercut.c")], check=True)
        self.disk = os.path.join(folder, "fresh.img")
        image.create(self.disk, SIZE_MB, "DATA", "44415441")
        image.copy_in(self.disk, "", [check.compile_program(folder, [SOURCE], flags=["-O2"])])

    def run(self, name, cut=0, at_flush=0):
        """(what it promised, the disk it left, instructions if it came to its end). Beside the disk lie its logs."""
        disk, counts = os.path.join(self.folder, name + ".img"), os.path.join(self.folder, name + ".count")
        subprocess.run(["cp", "--sparse=always", self.disk, disk], check=True)
        output, log, flushes = [], disk + ".log", disk + ".flushes"
        with machine.Machine(cpus=self.cpus, options=f"/STDIN=NUL /RUN D:\\powercut.exe {self.seed} {self.operations}",
                             extra=["-plugin", f"{self.plugin},cut={cut},atflush={at_flush},out={counts},log={log},flushes={flushes}"] + writelog.drive(disk, log, 1)) as box:
            box.disks = [(os.path.join(machine.build_dir(), "c.img"), True)]
            box.start()
            reader = machine.pump_output(box, output.append)
            code = box.wait(RUN_SECONDS)
            reader.join(5)
            if code is None or (cut == 0 and code != machine.DONE):  # no flush may come any more: the run then ends
                raise RuntimeError(f"the machine ended with {code}\n" + box.bugcheck_block())
        promises = Promises(b"".join(output).decode("ascii", "replace"))
        if promises.troubles:
            raise RuntimeError("\n".join(promises.troubles[:5]))
        with open(counts, encoding="ascii") as text:
            return promises, disk, int(text.read() or 0)


def repair(disk):
    """Cuts the volume out of the disk and repairs it; returns its file and what fsck.fat said, or raises RuntimeError."""
    volume = disk + ".volume"
    image.run("dd", f"if={disk}", f"of={volume}", "bs=1M", f"skip={image.OFFSET >> 20}", "conv=sparse", "status=none")
    first = subprocess.run(["fsck.fat", "-a", volume], capture_output=True, text=True)
    second = subprocess.run(["fsck.fat", "-n", volume], capture_output=True, text=True)
    if first.returncode > 1 or second.returncode != 0:
        raise RuntimeError(f"fsck.fat cannot repair the volume:\n{first.stdout}{first.stderr}{second.stdout}")
    return volume, first.stdout


def read_volume(volume, folder):
    """{path in lower case: content} of everything on a volume."""
    image.run("mcopy", "-i", volume, "-s", "-n", "-Q", "::/*", folder)
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(base, name)
            with open(full, "rb") as data:
                found["D:\\" + os.path.relpath(full, folder).replace("/", "\\").lower()] = data.read()
    return found


def judge(promises, disk):
    """How many promises the disk keeps; raises RuntimeError with the first that it does not."""
    volume, said = repair(disk)
    with tempfile.TemporaryDirectory() as folder:
        found = read_volume(volume, folder)
    for name, wanted in promises.kept.items():
        key = "D:\\" + name[3:].lower()
        if wanted is None and key in found:
            raise RuntimeError(f"{name} was deleted and flushed, and is there")
        if wanted is not None and key not in found:
            raise RuntimeError(f"{name} was flushed, and is lost\n{said}")
        if wanted is not None and (len(found[key]), fnv1a(found[key])) != wanted:
            raise RuntimeError(f"{name} was flushed with {wanted[0]} bytes; there are {len(found[key])}, and not the same\n{said}")
    return len(promises.kept)


def judge_with_cache(rig, promises, disk, number):
    """The same of a disk whose write cache is lost. Returns the sectors that it held and lost."""
    cached = disk + ".cached"
    subprocess.run(["cp", "--sparse=always", rig.disk, cached], check=True)
    counts = writelog.replay(cached, disk + ".log", disk + ".flushes", random.Random(rig.seed * 1_000_003 + number))
    try:
        judge(promises, cached)
    except RuntimeError as error:
        raise RuntimeError(f"with {counts[1]} of {counts[0]} sectors of the write cache lost: {error}") from error
    return counts


def one_cut(rig, number, length):
    """(promises kept, message or None) of one cut, at its own place in the run."""
    cut = 1 + random.Random(rig.seed * 1_000_003 + number).randrange(length)
    disk = os.path.join(rig.folder, f"cut{number}.img")
    try:
        promises, disk, _ = rig.run(f"cut{number}", cut, number % 2)
        checked = judge(promises, disk)
        rig.cached.append(judge_with_cache(rig, promises, disk, number))
        return checked, None
    except RuntimeError as error:
        return 0, f"cut {number} (instruction {cut}): {error}\n  replay    ./mica powercut --seed {rig.seed} --first {number} --cuts 1"
    finally:
        for path in glob.glob(disk + "*"):
            os.unlink(path)


def series(cuts, first=0, seed=1, cpus=None, operations=OPERATIONS, tell=lambda line: None):
    """Runs so many cuts: (promises checked, [message of each that failed])."""
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(folder, seed, cpus, operations)
        promises, disk, length = rig.run("whole")
        checked, failed = judge(promises, disk), []
        tell(f"the whole run: {length} instructions, {checked} promises kept")
        with ThreadPoolExecutor(2) as pool:
            for kept, message in pool.map(lambda number: one_cut(rig, number, length), range(first, first + cuts)):
                checked += kept
                if message:
                    failed.append(message)
                    tell("FAIL " + message)
        tell(f"the disk's write cache held {sum(held for held, _ in rig.cached)} sectors at the cuts, "
             f"{sum(lost for _, lost in rig.cached)} were lost")
        return checked, failed


def main(arguments):
    options = parse(arguments)
    machine.ensure_built()
    if not shutil.which("fsck.fat"):
        raise SystemExit("mica powercut: there is no fsck.fat; run `make setup`")
    checked, failed = series(options.cuts, options.first, options.seed, options.cpus, tell=lambda line: print(line, flush=True))
    print(f"{options.cuts} cuts, {options.cuts - len(failed)} repaired, {checked} flushed files checked, {len(failed)} lost")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
