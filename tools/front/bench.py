# SPDX-License-Identifier: MIT
"""./mica bench: what one operation costs, against its target. One line each: name, insn, target, ok or OVER, ns.

insn are guest instructions of the free build under virtual time: exact, the same on every machine. ns are wall
nanoseconds of the same image in real time, the best of several runs: this machine's, to be compared only with each other.
The exit code tells whether every row meets its target. The method, row by row: docs/bench.md."""
import argparse
import bisect
import collections
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from front import check, machine, run

BOOT = "boot to the first user instruction"
RATE = "counter ticks a second"
MEMORY = "memory in use at the prompt, KB"
REALTIME_RUNS = 3
HOUR = 3600  # seconds, the machine's
SOURCES = ("bench.c", "memory.c")
NATIVE = "native.exe"
NATIVE_FLAGS = ["-O2", "-nostdlib", "-Wl,--subsystem,native", "-Wl,-e,_NtProcessStartup@4", "-lntdll"]
PROMPT, PROMPT_SECONDS, SETTLE_SECONDS = "C:\\>", 60, 5
SECOND, MILLISECOND = 1_000_000_000, 1000
KERNEL_BASE, PAGE_KB = 0xFB000000, 4  # the kernel image lies at its address less this in physical memory
# Guest instructions that an operation may cost (docs/design.md, section 6).
TARGETS = {
    "null system call, SYSENTER": 110,
    "null system call, int 2Eh": 120,
    "duplicate + close a handle": 800,
    "set + consume an event, no waiter": 500,
    "yield to another thread of the process": 700,
    "yield to another process": 900,
    "two-thread event ping-pong, round trip": 2200,
    "same with signal-and-wait, round trip": 1500,
    "thread create + wait + close": 15_000,
    "clock tick with nothing to do": 500,
    "access violation to a user handler and back": 3000,
    "first touch of a fresh private page": 700,
    "two first touches, 10 descriptors": 2 * 700,
    "two first touches, 10 descriptors: reserve, release": 3000,
    "two first touches, 100,000 descriptors": 2 * 2 * 700,
    "two first touches, 100,000 descriptors: reserve, release": 6000,
    "same, page must be zeroed now": 1100,
    "copy-on-write fault with copy": 1900,
    "soft fault from the standby list": 900,
    "reserve + commit 64 KB, touch a page, release": 5000,
    "read 4 KB, cached": 2000,
    "read 64 KB, cached": 19000,
    "write 4 KB, cached": 2200,
    "map + touch + unmap a cached 64 KB view": 9000,
    "process create + exit + wait": 150_000,
    MEMORY: 10 * 1024,
    BOOT: 60_000_000,
}


# A figure beside another of the same run, in percent: what paging adds to the disk driver's own cost.
RATIOS = {
    "page-out against the raw disk, %": ("page-out, per page", "raw disk write of 64 KB, per page"),
    "page-in against the raw disk, %": ("page-in, per page", "raw disk read of 64 KB, per page"),
}


def with_ratios(values):
    """The figures and, behind them, the ratios of those that are there."""
    found = {name: values[one] * 100 // values[other] for name, (one, other) in RATIOS.items() if one in values and values.get(other)}
    return {**values, **found}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica bench", description=__doc__)
    parser.add_argument("--insn", action="store_true", help="instructions only: no runs in real time")
    parser.add_argument("--hour", action="store_true", help="instead: only fragmentation after an hour of random allocation")
    parser.add_argument("--profile", action="store_true", help="instead: where ROW's instructions go: sum, calls, function")
    parser.add_argument("row", nargs="?", default="", metavar="ROW", help="only the rows whose name begins like this")
    return parser.parse_args(arguments)


def measure(program, row, **options):
    """{name: counter ticks} from one run of the benchmark program."""
    output = []
    native = os.path.join(os.path.dirname(program), NATIVE)
    code, message, _ = run.execute(program, [row] if row else [], [native], sink=output.append, build="free", timeout=300, **options)
    text = b"".join(output).decode("ascii", "replace")
    if code != 0:
        raise SystemExit(f"mica bench: the program ended with {code}: {message}\n{text}")
    return {name: int(value) for name, value in re.findall(r"^(.*)\t(\d+)\r?$", text, re.M)}


def measure_realtime(program, row):
    """{name: nanoseconds}, the best of several runs, each with its own calibration of the counter."""
    best = {}
    for _ in range(REALTIME_RUNS):
        counted = measure(program, row, realtime=True)
        rate = counted.pop(RATE)
        for name, value in counted.items():
            best[name] = min(value * SECOND // rate, best.get(name, sys.maxsize))
    return best


def build_plugin(folder):
    plugin = os.path.join(folder, "libicnt.so")
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", plugin, os.path.join(machine.ROOT, "tools", "icnt.c")], check=True)
    return plugin


def boot(options, realtime):
    """(instructions, wall microseconds) until ntdll's first instruction: the plugin sees the marker NOP that stands there."""
    with tempfile.TemporaryDirectory() as folder:
        plugin, counts = build_plugin(folder), os.path.join(folder, "counts")
        with machine.Machine(options="/STDIN=NUL /RUN D:\\none.exe", build="free", realtime=realtime) as box:
            system = os.path.join(box.folder, "c.img")
            shutil.copyfile(os.path.join(machine.build_dir("free"), "c.img"), system)
            box.disks = [(system, False)]
            box.extra = ["-plugin", f"{plugin},out={counts}{options}"]
            box.start()
            box.wait(120)
        with open(counts, encoding="ascii") as lines:
            match = re.search(r"^MARK 0001 total (\d+).* wall_us (\d+)", lines.read(), re.M)
    if not match:
        raise SystemExit("mica bench: the first user instruction was never reached")
    return int(match.group(1)), int(match.group(2))


def memory_in_use():
    """KB of 256 MB that are not available (zeroed, free or standby) at the prompt, a few seconds after it came."""
    symbols = {name: address for address, name in module_symbols(os.path.join(machine.build_dir("free"), "mica.elf"),
                                                                 "i686-linux-gnu-nm", "bBdD")}
    with machine.Machine(build="free", realtime=True) as box:
        system = os.path.join(box.folder, "c.img")
        shutil.copyfile(os.path.join(machine.build_dir("free"), "c.img"), system)
        box.disks, box.memory_file = [(system, False)], os.path.join(box.folder, "memory")
        box.start()
        if not machine.wait_for(lambda: PROMPT in box.log_text(), PROMPT_SECONDS):
            raise SystemExit("mica bench: no prompt\n" + box.log_text()[-2000:])
        time.sleep(SETTLE_SECONDS)
        with open(box.memory_file, "rb") as memory:
            def word(name):
                memory.seek(symbols[name] - KERNEL_BASE)
                return struct.unpack("<I", memory.read(4))[0]
            return (word("MmNumberOfPhysicalPages") - word("MmAvailablePages")) * PAGE_KB


def module_symbols(path, nm, kinds="tT"):
    """Sorted (address, name) of a module's functions (or of other kinds), at the addresses it is linked for."""
    listing = subprocess.run([nm, path], capture_output=True, text=True, check=True).stdout
    return sorted((int(address, 16), name.lstrip("_@").partition("@")[0])
                  for address, name in re.findall(rf"^([0-9a-f]+) [{kinds}] (\S+)$", listing, re.M) if not name.startswith("."))


def find_modules():
    """[(kind, symbols)] of the kernel and of every DLL of ours."""
    folder = machine.build_dir("free")
    modules = [("", module_symbols(os.path.join(folder, "mica.elf"), "i686-linux-gnu-nm"))]
    for base, _, names in os.walk(folder):
        for name in names:
            if name in ("ntdll.dll", "kernel32.dll"):
                symbols = module_symbols(os.path.join(base, name), "i686-w64-mingw32-nm")
                if symbols:
                    modules.append((name.partition(".")[0] + "!", symbols))
    return modules


def name_of(address, modules):
    """(function, whether this is its first instruction)"""
    for prefix, symbols in modules:
        if symbols and symbols[0][0] <= address <= symbols[-1][0] + 0x1000:
            start, name = symbols[bisect.bisect_right(symbols, (address, "~")) - 1]
            return prefix + name, start == address
    return "bench", False


def profile(program, row):
    """Prints a row's instructions by function: instructions in one operation, times its first one ran, function."""
    with tempfile.TemporaryDirectory() as folder:
        histogram = os.path.join(folder, "histogram")
        extra = ["-plugin", f"{build_plugin(folder)},out={folder}/counts,hist={histogram}"]
        measured = measure(program, row, extra=extra, boot="/MOVEIMAGES=0")  # so that the symbols' addresses are right
        with open(histogram, encoding="ascii") as lines:
            counts = [(int(address, 16), int(count)) for address, count in map(str.split, lines)]
    measured.pop(RATE)
    modules, functions, calls = find_modules(), collections.Counter(), collections.Counter()
    for address, count in counts:
        function, first = name_of(address, modules)
        functions[function] += count
        calls[function] += count if first else 0
    name, cost = measured.popitem()
    scale = cost / sum(functions.values())
    print(f"{name}: {cost}")
    for function, count in functions.most_common():
        if count * scale >= 0.5:
            print(f"{count * scale:9.1f} {calls[function] * scale:7.1f}  {function}")
    return 0


def hour():
    """Prints what an hour of virtual time of random allocation leaves (tests/bench/fragment.c)."""
    with tempfile.TemporaryDirectory() as folder:
        program = check.compile_program(folder, [os.path.join(machine.ROOT, "tests", "bench", "fragment.c")], flags=["-O2"])
        output = []
        code, message, _ = run.execute(program, [str(HOUR)], sink=output.append, build="free", timeout=HOUR)
    for name, value in re.findall(r"^(.*)\t(\d+)\r?$", b"".join(output).decode("ascii", "replace"), re.M):
        print(f"{name}\t{value}\t-\tok\t-")
    if code != 0:
        raise SystemExit(f"mica bench: the program ended with {code}: {message}")
    return 0


def main(arguments):
    options = parse(arguments)
    machine.ensure_built("free")
    if options.hour:
        return hour()
    with tempfile.TemporaryDirectory() as folder:
        sources = [os.path.join(machine.ROOT, "tests", "bench", name) for name in SOURCES]
        program = check.compile_program(folder, sources, flags=["-O2", "-lntdll"])
        check.compile_program(folder, [os.path.join(machine.ROOT, "tests", "bench", "native.c")], flags=NATIVE_FLAGS)
        if options.profile:
            return profile(program, options.row)
        counted = measure(program, options.row)
        counted.pop(RATE)
        nanoseconds = {} if options.insn else measure_realtime(program, options.row)
    if BOOT.startswith(options.row):
        counted[BOOT] = boot("", False)[0]
        if not options.insn:
            nanoseconds[BOOT] = min(boot(",count=off", True)[1] for _ in range(REALTIME_RUNS)) * MILLISECOND
    if MEMORY.startswith(options.row):
        counted[MEMORY] = memory_in_use()
    if not (options.insn or options.row):
        hour()
    over = 0
    nanoseconds = with_ratios(nanoseconds)
    for name, value in with_ratios(counted).items():
        target = TARGETS.get(name)  # None: a figure without a target
        bad = target is not None and value > target
        over += bad
        print(f"{name}\t{value}\t{target or '-'}\t{'OVER' if bad else 'ok'}\t{nanoseconds.get(name, '-')}")
    return 1 if over else 0
