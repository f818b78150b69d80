# SPDX-License-Identifier: MIT
"""./mica boot: the system for a person, in a window where there is a display, else on this terminal."""
import argparse
import os
import shutil
import subprocess
import sys

import image
from front import machine


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica boot", description="Boots to the prompt of cmd.exe. The disks are kept in "
                                     "build/disks between boots.")
    parser.add_argument("--serial", action="store_true", help="on this terminal even if there is a display (Ctrl-A X ends it)")
    parser.add_argument("--mem", type=int, default=256, metavar="MB")
    parser.add_argument("--cpus", type=int, default=1, metavar="N", help="processors of the machine (1)")
    parser.add_argument("--fresh", action="store_true", help="begin with fresh disks")
    return parser.parse_args(arguments)


def disks(fresh):
    folder = os.path.join(machine.ROOT, "build", "disks")
    system, data = os.path.join(folder, "c.img"), os.path.join(folder, "d.img")
    source = os.path.join(machine.build_dir(), "c.img")
    os.makedirs(folder, exist_ok=True)
    if fresh or not os.path.exists(system) or os.path.getmtime(system) < os.path.getmtime(source):
        shutil.copyfile(source, system)
    if fresh or not os.path.exists(data):
        image.create(data, 64, "DATA", "44415441")
    return [system, data]


def main(arguments):
    options = parse(arguments)
    machine.ensure_built(quiet=False)
    window = not options.serial and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    line = ["qemu-system-i386", "-accel", "tcg", "-machine", "pc", "-cpu", "max", "-m", str(options.mem), "-smp", str(options.cpus),
            "-net", "none", "-kernel", os.path.join(machine.build_dir(), "mica.elf")]
    for index, path in enumerate(disks(options.fresh)):
        line += ["-drive", f"file={path},format=raw,if=ide,index={index}"]
    if window:
        line += ["-serial", f"file:{os.path.join(machine.ROOT, 'build', 'kernel.log')}"]
    else:
        print("mica: no display: the console is this terminal; `exit` shuts down, Ctrl-A X stops the machine", flush=True)
        line += ["-nographic", "-serial", "mon:stdio"]
        line[line.index("-nographic"):line.index("-nographic") + 1] = ["-display", "none"]
    return subprocess.run(line, stdin=sys.stdin).returncode
