# SPDX-License-Identifier: MIT
"""./mica debug: QEMU stopped at the first kernel instruction, GDB attached, NT's debugger commands loaded."""
import argparse
import os
import re
import subprocess
import sys

from front import boot, machine


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica debug", description="Boots under GDB. `help kd` lists NT's debugger commands.")
    parser.add_argument("--seed", type=int, default=0, choices=range(8), help="virtual time with this seed: the same every run")
    parser.add_argument("--cpus", type=int, default=1, metavar="N", help="processors of the machine (1)")
    parser.add_argument("--command", "-c", action="append", default=[], metavar="GDB", help="run this GDB command, then quit (repeatable)")
    parser.add_argument("--cpus", type=int, default=1, metavar="N", help="processors of the machine (1); GDB's thread n is processor n - 1")
    parser.add_argument("--options", default="", metavar="BOOT", help="further boot options, such as KTEST=ke.*")
    return parser.parse_args(arguments)


def entry_point(kernel):
    text = subprocess.run(["i686-linux-gnu-readelf", "-h", kernel], capture_output=True, text=True, check=True).stdout
    # The loader enters at the physical address: paging is still off there.
    return int(re.search(r"Entry point address:\s+(0x[0-9a-f]+)", text).group(1), 16) & 0xFFFFFF  # of 16 MB


def gdb_command(kernel, socket, commands):
    """GDB, attached and run to the kernel's entry."""
    line = ["gdb", "-q", "-nx", "-iex", "set confirm off", "-iex", "set pagination off", "-iex", "set debuginfod enabled off",
            "-ex", "set architecture i386", "-ex", f"target remote {socket}",
            "-ex", f"thbreak *{entry_point(kernel):#x}", "-ex", "continue",
            "-ex", f"source {os.path.join(machine.ROOT, 'tools', 'gdb', 'kd.py')}"]
    for command in commands:
        line += ["-ex", command]
    return line + (["-batch"] if commands else []) + [kernel]


def execute(commands, options="", seed=0, memory=256, timeout=120, disks=None, program="", cpus=None):
    """Runs GDB commands in a fresh machine; returns what GDB printed."""
    with machine.Machine(options=f"{options} {program}".strip(), memory=memory, seed=seed, disks=disks or [], cpus=cpus) as box:
        socket = os.path.join(box.folder, "gdb")
        box.extra = ["-S", "-chardev", f"socket,id=gdb,path={socket},server=on,wait=off", "-gdb", "chardev:gdb"]
        box.start()
        machine.wait_for(lambda: os.path.exists(socket), 10)
        environment = dict(os.environ, MICA_USER_FOLDER=os.path.join(machine.build_dir(), "user"))
        try:
            done = subprocess.run(gdb_command(box.kernel, socket, commands), capture_output=True, text=True, timeout=timeout,
                                  stdin=subprocess.DEVNULL, env=environment)
        except subprocess.TimeoutExpired as late:
            return f"no end after {timeout} s\n{(late.stdout or b'').decode('utf-8', 'replace')}"
        return done.stdout + done.stderr


def main(arguments):
    options = parse(arguments)
    machine.default_cpus = options.cpus
    machine.ensure_built()
    disks = [(path, False) for path in boot.disks(False)]
    if options.command:
        sys.stdout.write(execute(options.command, options.options, options.seed, disks=disks, cpus=options.cpus))
        return 0
    with machine.Machine(options=options.options, seed=options.seed, disks=disks, cpus=options.cpus) as box:
        socket = os.path.join(box.folder, "gdb")
        box.extra = ["-S", "-chardev", f"socket,id=gdb,path={socket},server=on,wait=off", "-gdb", "chardev:gdb"]
        box.start()
        machine.wait_for(lambda: os.path.exists(socket), 10)
        print(f"mica: the kernel's log is in {box.log}; `continue` runs on, `help kd` lists the commands", flush=True)
        environment = dict(os.environ, MICA_USER_FOLDER=os.path.join(machine.build_dir(), "user"))
        return subprocess.run(gdb_command(box.kernel, socket, []), env=environment).returncode
