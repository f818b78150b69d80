# SPDX-License-Identifier: MIT
"""./mica trace: runs a program like ./mica run and writes what the kernel did meanwhile as a file for Perfetto's UI
(ui.perfetto.dev) or Chrome's about:tracing. docs/trace.md tells how to read it."""
import argparse
import bisect
import json
import os
import subprocess
import sys

import ktrace
from front import machine, run, tracejson, tracesvg

GROUPS = "sched wait signal interrupt dpc apc ipi timer irql clock service fault memory pages paging"


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica trace", description="Runs a Windows program inside Mica and writes a trace of "
                                     "what processors and threads did, for ui.perfetto.dev or Chrome's about:tracing.")
    parser.add_argument("--out", default=os.path.join(machine.ROOT, "build", "trace.json"), metavar="FILE", help="(build/trace.json)")
    parser.add_argument("--cpus", type=int, default=1, metavar="N", help="processors of the machine (1)")
    parser.add_argument("--seed", type=int, default=0, choices=range(8), metavar="N", help="0..7: another interleaving (0)")
    parser.add_argument("--filter", metavar="GROUPS", help=f"only these, by commas, of: {GROUPS}")
    parser.add_argument("--buffer", type=int, default=8192, metavar="KB", help="ring of each processor (8192; 32 bytes an event)")
    parser.add_argument("--boot", action="store_true", help="begin with the boot, not with the program")
    parser.add_argument("--svg", metavar="FILE", help="draw it as a picture, too")
    parser.add_argument("--window", metavar="FROM:TO", help="what of it the picture shows, in microseconds (all)")
    parser.add_argument("--timeout", type=float, default=120, metavar="S", help="wall seconds until it counts as hung (120)")
    parser.add_argument("--mem", type=int, default=256, metavar="MB", help="memory of the machine (256)")
    parser.add_argument("--with", dest="files", action="append", default=[], metavar="HOSTFILE", help="a further file for D:")
    parser.add_argument("program", metavar="PROGRAM.EXE")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS")
    options = parser.parse_args(arguments)
    for name in (options.filter or "").split(","):
        if name and name not in GROUPS.split():
            parser.error(f"there is no group '{name}': {GROUPS}")
    return options


class Symbols:
    """Names for kernel addresses, from the image's symbol table."""

    def __init__(self, kernel):
        lines = subprocess.run(["i686-linux-gnu-nm", "-n", kernel], capture_output=True, text=True, check=True).stdout.splitlines()
        rows = [line.split() for line in lines]
        self.rows = [(int(row[0], 16), row[2]) for row in rows if len(row) == 3 and row[1] in "tTwW"]
        self.starts = [address for address, _ in self.rows]

    def __call__(self, address):
        index = bisect.bisect_right(self.starts, address) - 1
        if index < 0 or address - self.starts[index] > 0x10000:
            return f"{address:08x}"
        offset = address - self.starts[index]
        return self.rows[index][1] + (f"+{offset:x}" if offset else "")


def read_rings(box):
    """The rings in the memory of a machine that has ended."""
    place = next((record.split()[1] for record in box.records() if record.startswith("trace ")), None)
    if place is None:
        raise ktrace.NoTrace("the kernel did not start tracing (see the kernel's log)")
    memory = open(box.memory_file, "rb")  # pylint: disable=consider-using-with

    def read(address, size):
        memory.seek(address)
        return memory.read(size)
    return ktrace.Rings(read, int(place, 16)), memory


def capture(box):
    """(events, lost) of a machine that has ended."""
    rings, memory = read_rings(box)
    with memory:
        return rings.all()


def write(path, rows, **other):
    """One event a line, so that two traces can be compared by ordinary means."""
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"displayTimeUnit": "ns", "otherData": ' + json.dumps(other, sort_keys=True) + ', "traceEvents": [\n')
        file.write(",\n".join(json.dumps(row) for row in rows))
        file.write("\n]}\n")


def execute(program, arguments, seed=0, cpus=1, groups=None, buffer=8192, whole=False, **options):
    """Runs and traces a program: (exit code, message, trace events, lost)."""
    words = f"/TRACE={buffer}" + (f" /TRACEONLY={groups}" if groups else "")
    found = []
    code, message, _ = run.execute(program, arguments, seed=seed, cpus=cpus, boot=words,
                                   inspect=lambda box: found.append((capture(box), box.kernel)), **options)
    if not found:
        return code, message, None, {}
    (events, lost), kernel = found[0]
    image = None if whole else os.path.basename(program)
    return code, message, tracejson.convert(events, Symbols(kernel), ktrace.service_names(), image), lost


def main(arguments):
    options = parse(arguments)
    machine.ensure_built()

    def sink(data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    try:
        code, message, rows, lost = execute(options.program, options.arguments, options.seed, options.cpus, options.filter,
                                            options.buffer, options.boot, files=options.files, memory=options.mem,
                                            timeout=options.timeout, sink=sink)
    except ktrace.NoTrace as trouble:
        print(f"mica trace: {trouble}", file=sys.stderr)
        return run.CRASHED
    if message:
        print(message, file=sys.stderr)
    if rows is None:
        return code
    write(options.out, rows, lost={str(key): value for key, value in lost.items()}, processors=options.cpus, seed=options.seed)
    for where, count in lost.items():
        print(f"mica trace: {count} older events of {'processor ' if isinstance(where, int) else ''}{where} were overwritten "
              "(--buffer makes the rings larger)", file=sys.stderr)
    print(f"mica trace: {len(rows)} trace events in {options.out}", file=sys.stderr)
    if options.svg:
        tracesvg.draw(rows, options.svg, options.window, os.path.basename(options.program))
    return code
