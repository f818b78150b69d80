# SPDX-License-Identifier: MIT
"""./mica bench: guest instructions per operation under virtual time (free build), wall nanoseconds beside them.

The instruction count is exact and the same on every machine; the nanoseconds are this machine's, to be compared only with
each other. Boot is the virtual time, in instructions, from power-on to the first user program's first output."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from front import check, machine, run

# Guest instructions that an operation may cost (docs/design.md, section 6). None: printed, no target yet.
TARGETS = {
    "null system call, SYSENTER": 110,
    "null system call, int 2Eh": 120,
    "set + consume an event, no waiter": 500,
    "yield to another thread of the process": 700,
    "two-thread event ping-pong, round trip": 2200,
    "first touch of a fresh private page": 1100,
    "read 4 KB, cached": 2000,
    "boot to the first user instruction": 60_000_000,
}


def measure(program, **options):
    """{name: ticks} from one run of the benchmark program."""
    output = []
    code, message, _ = run.execute(program, [], sink=output.append, build="free", timeout=300, **options)
    text = b"".join(output).decode("ascii", "replace")
    if code != 0:
        raise SystemExit(f"mica bench: the program ended with {code}: {message}\n{text}")
    return {name: int(value) for name, value in re.findall(r"^(.*)\t(\d+)\r?$", text, re.M)}


def main(arguments):
    argparse.ArgumentParser(prog="./mica bench", description=__doc__).parse_args(arguments)
    machine.ensure_built("free")
    with tempfile.TemporaryDirectory() as folder:
        program = check.compile_program(folder, [os.path.join(machine.ROOT, "tests", "bench", "bench.c")], flags=["-O2"])
        counted = measure(program)
        counted["boot to the first user instruction"] = boot_instructions()
    print(f"{'operation':44}\tinsn\ttarget\tverdict")
    for name, value in counted.items():
        target = TARGETS.get(name)
        print(f"{name:44}\t{value}\t{target or '-'}\t{'OVER' if target and value > target else 'ok'}")
    return 0


def boot_instructions():
    """Instructions executed until ntdll's first one, counted by the plugin (a marker NOP stands there)."""
    with tempfile.TemporaryDirectory() as folder:
        plugin = os.path.join(folder, "libicnt.so")
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", plugin, os.path.join(machine.ROOT, "tools", "icnt.c")], check=True)
        counts = os.path.join(folder, "counts")
        with machine.Machine(options="/STDIN=NUL /RUN D:\\none.exe", build="free") as box:
            system = os.path.join(box.folder, "c.img")
            shutil.copyfile(os.path.join(machine.build_dir("free"), "c.img"), system)
            box.disks = [(system, False)]
            box.extra = ["-plugin", f"{plugin},out={counts}"]
            box.start()
            box.wait(120)
        with open(counts, encoding="ascii") as lines:
            match = re.search(r"^MARK 0001 total (\d+)", lines.read(), re.M)
    if not match:
        print("mica bench: the first user instruction was never reached", file=sys.stderr)
    return int(match.group(1)) if match else 0
