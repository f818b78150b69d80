# SPDX-License-Identifier: MIT
"""./mica run: boots headless and runs one Windows program from D:."""
import argparse
import filecmp
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading

import image
from front import machine

HUNG, CRASHED, CANNOT_RUN = 124, 125, 126
DLE, EOT = b"\x10", b"\x04"
SMALLEST_DISK_MB = 36  # FAT32 needs 65525 clusters
SPOOLED_INPUT = "MICASTDIN.TMP"
INPUT_SECONDS = 600


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica run", description="Runs a Windows program inside Mica. Its standard output "
                                     "and error come out here, its exit code (low 8 bits) is this command's; 124 it hung, 125 the "
                                     "kernel bugchecked or the machine reset, 126 it is not a program that can be run.")
    parser.add_argument("--timeout", type=float, default=120, metavar="S", help="wall seconds until it counts as hung (120)")
    parser.add_argument("--mem", type=int, default=256, metavar="MB", help="memory of the machine (256)")
    parser.add_argument("--cpus", type=int, default=1, metavar="N", help="processors of the machine (1)")
    parser.add_argument("--seed", type=int, default=0, choices=range(8), metavar="N", help="0..7: another interleaving (0)")
    parser.add_argument("--realtime", action="store_true", help="without virtual time: real concurrency, not repeatable")
    parser.add_argument("--with", dest="files", action="append", default=[], metavar="HOSTFILE", help="a further file for D:")
    parser.add_argument("--out", metavar="DIR", help="copy what the program leaves on D: to this folder")
    parser.add_argument("--log", metavar="FILE", help="the kernel's log (build/last-run.log)")
    parser.add_argument("program", metavar="PROGRAM.EXE")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS")
    return parser.parse_args(arguments)


def make_data_disk(path, files, smallest=SMALLEST_DISK_MB):
    size = sum(os.path.getsize(name) for name in files)
    image.create(path, max(smallest, (size >> 20) * 2 + SMALLEST_DISK_MB), "DATA", "44415441")
    image.copy_in(path, "", files)


def spool_input(folder):
    """How the program gets its input: (boot option, file to put on D: or None, stream to send or None). What is known
    before the start goes on the disk, so that the run is the same every time; a pipe or terminal is sent as it comes."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return "/STDIN=NUL", None, None
    if stat.S_ISCHR(mode) and not os.isatty(0):
        return "/STDIN=NUL", None, None
    if stat.S_ISREG(mode):
        spool = os.path.join(folder, SPOOLED_INPUT)
        with open(spool, "wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target)
        return f"/STDIN=D:\\{SPOOLED_INPUT}", spool, None
    return "", None, sys.stdin.buffer


def send_input(stream, box):
    """Sends our standard input to COM2, once the machine says that it listens: DLE is doubled, DLE EOT ends it."""
    socket = box.program
    machine.wait_for(lambda: "input" in box.records() or box.process.poll() is not None, INPUT_SECONDS)
    try:
        while True:
            data = os.read(stream.fileno(), 4096)
            socket.sendall(data.replace(DLE, DLE + DLE) if data else DLE + EOT)
            if not data:
                return
    except OSError:
        return  # the machine has ended


def copy_results(disk, folder, inputs):
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        image.copy_out(disk, scratch)
        names = {os.path.basename(name).lower(): name for name in inputs}
        for name in sorted(os.listdir(scratch)):
            source, given = os.path.join(scratch, name), names.get(name.lower())
            if given and os.path.isfile(source) and filecmp.cmp(source, given, shallow=False):
                continue
            target = os.path.join(folder, name)
            if os.path.isdir(source):
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy2(source, target)


def verdict(box, code, timeout):
    """The exit code of `mica run`, and what to say on standard error."""
    records, trouble = box.records(), {}
    for record in records:
        word, _, rest = record.partition(" ")
        if word == "norun":
            return CANNOT_RUN, f"mica: the program cannot be run: {rest}"
        if word == "harderror":
            trouble[int(rest.split()[0], 16)] = rest.partition(" ")[2]
    if code is None:
        return HUNG, f"mica: no end after {timeout:g} s; the machine was stopped"
    if code == machine.BUGCHECK:
        return CRASHED, box.bugcheck_block()
    if code == machine.HANG:
        return HUNG, "mica: the kernel's watchdog says the program hung"
    for record in records:
        word, _, rest = record.partition(" ")
        if word == "exit" and code == machine.DONE:
            status = int(rest.split()[0], 0)
            if status in trouble:  # the loader complained and ended the process before its first instruction
                return CANNOT_RUN, f"mica: the program cannot be run: {trouble[status]}"
            return status & 0xFF, ""
    if code == 0:
        return CRASHED, "mica: the machine reset (triple fault)\n" + box.bugcheck_block()
    return CRASHED, f"mica: the machine ended with {code} and no verdict\n{box.qemu_error()}\n{box.bugcheck_block()}"


def execute(program, arguments, files=(), memory=256, cpus=None, seed=0, timeout=120, sink=None, out=None, log=None,
            use_stdin=False, build=None, c_image=None, check_disk=False, boot="", inspect=None,
            realtime=False, extra=(), data_mb=SMALLEST_DISK_MB, data_prefix="", started=None):
    """Runs a program; returns (exit code, message, fsck text or None). sink gets the output's bytes. boot: further boot
    options; extra: further arguments of QEMU; data_mb: D: has so many MB at least; data_prefix: before its file's name for
    QEMU (blkdebug:...). inspect is called with the machine when it has
    ended; its memory can then be read as box.memory_file. started: called with the machine when it has been started; it then
    listens to QMP."""
    for name in (program, *files):
        if not os.path.isfile(name):
            return CANNOT_RUN, f"mica: there is no file {name}", None
    with machine.Machine(memory=memory, cpus=cpus, seed=seed, build=build, extra=extra) as box:
        option, spool, stream = spool_input(box.folder) if use_stdin else ("/STDIN=NUL", None, None)
        inputs = [program, *files] + ([spool] if spool else [])
        disk = os.path.join(box.folder, "d.img")
        make_data_disk(disk, inputs, data_mb)
        line = subprocess.list2cmdline(["D:\\" + os.path.basename(program), *arguments])
        box.options = f"{boot} {option} /RUN {line}".strip()
        box.memory_file = os.path.join(box.folder, "memory") if inspect else None
        box.qmp_path = os.path.join(box.folder, "qmp") if started else None
        box.realtime = box.realtime or realtime or stream is not None  # nobody knows when it comes
        box.disks = [(c_image or os.path.join(machine.build_dir(build), "c.img"), c_image is None), (data_prefix + disk, False)]
        box.start()
        if started:
            started(box)
        reader = machine.pump_output(box, sink or (lambda data: None))
        if stream:
            threading.Thread(target=send_input, args=(stream, box), daemon=True).start()
        code = box.wait(timeout)
        reader.join(2)
        result, message = verdict(box, code, timeout)
        if inspect:
            inspect(box)
        if log:
            shutil.copyfile(box.log, log) if os.path.exists(box.log) else None
        fsck = None
        if check_disk:
            clean, text = image.check(disk)
            fsck = None if clean else text
        if out:
            copy_results(disk, out, inputs)
        return result, message, fsck


def main(arguments):
    options = parse(arguments)
    machine.ensure_built()

    def sink(data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    code, message, _ = execute(options.program, options.arguments, options.files, options.mem, options.cpus, options.seed,
                               options.timeout, sink, options.out,
                               options.log or os.path.join(machine.ROOT, "build", "last-run.log"), use_stdin=True,
                               realtime=options.realtime)
    if message:
        print(message, file=sys.stderr)
    return code
