# SPDX-License-Identifier: MIT
"""./mica test: kernel tests by name. Also the kernel ring of `make check`.

The kernel writes a record when a test starts and ends. A test that takes the machine down is failed by that, and the
ring boots again with the tests that are left."""
import argparse
import fnmatch
import os
import re
import shutil
import struct
import subprocess

import image
from front import machine, results

TIMEOUT = 240
SPARE_UART = ["-chardev", "null,id=spare", "-device", "pci-serial,chardev=spare"]  # tests/kernel/hal/interrupt.c raises its line
boot_options = ""  # further words for the boot line
BOOT_LINE_LIMIT = 1500
FLAG_BUGCHECK, FLAG_TIMED = 1, 8  # KT_FLAG_* of inc/ntos/ktest.h


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica test", description="Runs kernel tests in the kernel, by name or pattern (ke.*).")
    parser.add_argument("patterns", nargs="*", default=["*"], metavar="NAME")
    parser.add_argument("--seed", type=int, default=0, choices=range(8))
    parser.add_argument("--mem", type=int, default=256, metavar="MB")
    parser.add_argument("--cpus", type=int, default=1, metavar="N", help="processors of the machine (1)")
    parser.add_argument("--realtime", action="store_true", help="without virtual time: real concurrency, not repeatable")
    parser.add_argument("--options", default="", metavar="WORDS", help="further words for the boot line, such as /PIC")
    parser.add_argument("--list", action="store_true", help="only print the names")
    return parser.parse_args(arguments)


def read_tests(kernel):
    """The tests in the kernel image: {name: expected bugcheck code or 0}."""
    return {name: code for name, (_, code) in read_table(kernel).items()}


def read_table(kernel):
    """The kernel image's .ktest table: {name: (flags, expected bugcheck code or 0)}."""
    symbols = {}
    for line in subprocess.run(["i686-linux-gnu-nm", kernel], capture_output=True, text=True, check=True).stdout.splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[2] in ("KtTestsStart", "KtTestsEnd"):
            symbols[parts[2]] = int(parts[0], 16)
    with open(kernel, "rb") as file:
        data = file.read()
    offset, (size, count) = struct.unpack_from("<I", data, 28)[0], struct.unpack_from("<HH", data, 42)  # ELF32 program headers
    segments = [struct.unpack_from("<8I", data, offset + index * size) for index in range(count)]

    def at(address):
        for kind, start, virtual, _, length, *_ in segments:
            if kind == 1 and virtual <= address < virtual + length:
                return start + address - virtual
        raise ValueError(f"address {address:#x} is not in the image")

    tests = {}
    # KTEST_ENTRY: Name, Routine, File, Flags, BugCheck
    for entry in range(symbols["KtTestsStart"], symbols["KtTestsEnd"], 20):
        name, _, _, flags, code = struct.unpack_from("<5I", data, at(entry))
        start = at(name)
        tests[data[start:data.index(b"\0", start)].decode()] = flags, code if flags & FLAG_BUGCHECK else 0
    return tests


def failure_block(log, name):
    """The block that the runner printed for this test."""
    match = re.search(rf"^FAIL {re.escape(name)}\b.*?(?=^(?:ok|FAIL|\S+ tests?)\b|\Z)", log, re.M | re.S)
    return match.group(0) if match else "(no block in the kernel's log)\n" + "\n".join(log.splitlines()[-12:])


def boot(names, seed, memory):
    """As boot_with, without the records."""
    return boot_with(names, seed, memory)[:-1]


def boot_with(names, seed, memory, cpus=None, options="", timeout=None):
    """One boot with these tests: ({name: True|False}, the name that was running at the end or None, exit code, log, bugcheck,
    what fsck says, the records)."""
    with machine.Machine(options=f"{options} {boot_options} SEED={seed} KTEST={','.join(names)}".strip(), memory=memory, cpus=cpus, seed=seed,
                         extra=SPARE_UART) as box:
        system, data = os.path.join(box.folder, "c.img"), os.path.join(box.folder, "d.img")
        shutil.copyfile(os.path.join(machine.build_dir(), "c.img"), system)
        image.create(data, 40, "DATA", "44415441")
        box.disks = [(system, False), (data, False)]
        box.start()
        code = box.wait(timeout or TIMEOUT)
        done, running = {}, None
        for record in box.records():
            words = record.split()
            if len(words) >= 3 and words[0] == "test":
                if words[2] == "start":
                    running = words[1]
                else:
                    done[words[1]] = words[2] == "pass"
                    running = None
        disks = [f"{letter}: {text}" for letter, (clean, text) in
                 (("C", image.check(system)), ("D", image.check(data))) if not clean] if code in (machine.PASS, machine.FAIL) else []
        stop = [record.split()[1] for record in box.records() if record.startswith("bugcheck ")]
        return done, running, code, box.log_text(), int(stop[0], 16) if stop else 0, disks, box.records()


def ending(code, log, seed):
    """How a machine ended that should have said so."""
    stop = max(log.rfind("*** Assertion"), log.rfind("*** STOP") if "*** Assertion" not in log else -1)
    block = log[stop:].splitlines()[:40] if stop >= 0 else log.splitlines()[-15:]
    return f"seed {seed}: the machine ended with {machine.VERDICTS.get(code, code)}\n" + "\n".join(block)


def replay(name, seed):
    """The command that runs this test again, as it ran now."""
    words = f" --options '{boot_options}'" if boot_options else ""
    return f"./mica test {name} --seed {seed}{machine.options()}{words}"


def take_batch(names):
    """As many names as the boot line holds."""
    length = 0
    for index, name in enumerate(names):
        length += len(name) + 1
        if length > BOOT_LINE_LIMIT:
            return names[:index]
    return names


def run_ordinary(names, seed, memory, report):
    names = list(names)
    while names:
        batch = take_batch(names)
        done, running, code, log, _, disks = boot(batch, seed, memory)
        for name, passed in done.items():
            if passed:
                report.ok(name)
            else:
                report.fail(name, failure_block(log, name), replay(name, seed))
        left = [name for name in batch if name not in done]
        if left:
            victim = running or left[0]
            report.fail(victim, ending(code, log, seed), replay(victim, seed))
            left = [name for name in left if name != victim]
        for text in disks:
            report.fail("fsck", text, replay(" ".join(batch[:3]), seed))
        names = left + names[len(batch):]


def run_bugcheck(name, code, seed, memory, report):
    _, _, verdict, log, got, *_ = boot([name], seed, memory)
    if verdict == machine.BUGCHECK and got == code:
        report.ok(name, f"bugcheck {code:#x}")
    else:
        report.fail(name, f"seed {seed}\nexpected: bugcheck {code:#x}\ngot: {machine.VERDICTS.get(verdict, verdict)}, bugcheck {got:#x}\n" +
                    "\n".join(log.splitlines()[-12:]), replay(name, seed))


def choose(patterns):
    """{name: bugcheck code or 0} of those that match, but for those that match a pattern behind an exclamation mark. Real
    concurrency leaves out what needs virtual time, unless named in full."""
    table = read_table(os.path.join(machine.build_dir(), "mica.elf"))
    without = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    return {name: code for name, (flags, code) in table.items() if not any(fnmatch.fnmatch(name, pattern) for pattern in without)
            if name in patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns) and
            not (machine.default_realtime and flags & FLAG_TIMED)}


def ring(patterns, seed, memory, report, bugchecks=True):
    """Runs every kernel test that matches, on the machine that machine.default_* says. Returns how many there were."""
    chosen = {name: code for name, code in choose(patterns).items() if bugchecks or code == 0}
    run_ordinary([name for name, code in chosen.items() if code == 0], seed, memory, report)
    for name, code in chosen.items():
        if code:
            run_bugcheck(name, code, seed, memory, report)
    return len(chosen)


def main(arguments):
    global boot_options
    options = parse(arguments)
    machine.default_cpus, boot_options, machine.default_realtime = options.cpus, options.options, options.realtime
    machine.ensure_built()
    if options.list:
        print("\n".join(sorted(read_tests(os.path.join(machine.build_dir(), "mica.elf")))))
        return 0
    report = results.Results()
    if not ring(options.patterns, options.seed, options.mem, report):
        print(f"mica: no kernel test matches {' '.join(options.patterns)}; ./mica test --list shows them")
        return 2
    return report.close()
