# SPDX-License-Identifier: MIT
"""./mica bochs: the trap tests on a second emulator. Bochs enforces what QEMU's TCG leaves out: segment limits, null selectors,
alignment checks, unmasked SSE exceptions, the shadow behind `mov ss`. Optional: Debian's packages bochs, bochsbios, vgabios.

It boots a GRUB ISO, headless (Debian's build has the displays rfb, term, x and sdl; rfb needs no terminal and waits for
nobody), with the records of port E9 on Bochs' standard output, COM1 (the log) and COM2 (the program's output) in files.
Port F4 does not end a Bochs: the tool stops it at the record that tells the verdict."""
import argparse
import fnmatch
import os
import shutil
import subprocess
import tempfile
import time

from front import check, iso, machine, results, run, test

PATTERNS = ("ke.exception_*", "ke.user_*", "ke.service_*", "ke.exit_*", "ke.trap_*", "ke.float_*", "ke.bugcheck_nmi",
            "ke.bugcheck_kernel_stack_overflow", "ke.bugcheck_float_in_the_kernel")
PROGRAMS = (("traps", ["real"]), ("floats", ["real"]), ("fuzz_contexts", ["6", "1"]))
FILES = ("/usr/share/bochs/BIOS-bochs-latest", "/usr/share/vgabios/vgabios.bin")
BOOT_SECONDS = 400
CONFIGURATION = """config_interface: textconfig
display_library: rfb, options="timeout=0"
plugin_ctrl: speaker=0, parallel=0
memory: guest=256, host=256
romimage: file={bios}
vgaromimage: file={vga}
ata0: enabled=1
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
log: {folder}/bochs.log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
port_e9_hack: enabled=1
com1: enabled=1, mode=file, dev={folder}/kernel.log
com2: enabled=1, mode=file, dev={folder}/program.txt
clock: sync=none, time0=1704067200
cpu: model={cpu}, count=1, ips=50000000, reset_on_triple_fault=0
"""


def available():
    """Can Bochs be used here?"""
    return shutil.which("bochs") is not None and all(os.path.exists(name) for name in FILES)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica bochs", description="Runs the trap tests (or the kernel tests that PATTERN names) in "
                                     "Bochs, which enforces what QEMU leaves out.")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    parser.add_argument("--cpu", default="corei7_ivy_bridge_3770k", help="a model of `bochs --help cpu` (PAE is a must)")
    parser.add_argument("--program", action="append", metavar="NAME", help="only this program of tests/user (may be repeated)")
    parser.add_argument("--keep", metavar="DIR", help="leave the ISO, the logs and the outputs there")
    return parser.parse_args(arguments)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace").replace("\r", "")
    except FileNotFoundError:
        return ""


def is_end(record):
    words = record.split()
    return bool(words) and (words[0] in ("summary", "bugcheck", "exit", "norun") or (words[0] == "test" and words[2:3] == ["hang"]))


def has_ended(path):
    return any(is_end(line) for line in read(path).split("\n")[:-1])


def boot(folder, options, cpu, data=None):
    """One boot: (records, kernel log, program output, seconds)."""
    os.makedirs(folder, exist_ok=True)
    disc, records, begin = os.path.join(folder, "mica.iso"), os.path.join(folder, "host.txt"), time.monotonic()
    iso.make(disc, options, data)
    with open(os.path.join(folder, "bochsrc"), "w", encoding="ascii") as file:
        file.write(CONFIGURATION.format(bios=FILES[0], vga=FILES[1], iso=disc, folder=folder, cpu=cpu))
    with open(os.path.join(folder, "commands"), "w", encoding="ascii") as file:
        file.write("c\n")  # Debian's Bochs has its debugger built in, which waits at the first instruction
    with open(records, "wb") as output:
        process = subprocess.Popen(["bochs", "-q", "-f", os.path.join(folder, "bochsrc"), "-rc", os.path.join(folder, "commands")],
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL, cwd=folder)
        try:
            machine.wait_for(lambda: process.poll() is not None or has_ended(records), BOOT_SECONDS, 0.5)
        finally:
            process.kill()
            process.wait()
    return (read(records).splitlines(), read(os.path.join(folder, "kernel.log")), read(os.path.join(folder, "program.txt")),
            time.monotonic() - begin)


def kernel_tests(patterns, cpu, folder, report):
    tests = test.read_tests(os.path.join(machine.build_dir(), "mica.elf"))
    chosen = {name: code for name, code in tests.items() if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)}
    ordinary = [name for name, code in chosen.items() if code == 0]
    if ordinary:
        records, log, _, _ = boot(os.path.join(folder, "kernel"), f"/HOSTPORT /SYNCDISK SEED=0 KTEST={','.join(ordinary)}", cpu)
        passed = [line.split()[1] for line in records if line.startswith("test ") and line.endswith(" pass")]
        for name in ordinary:
            if name in passed:
                report.ok(f"bochs.{name}")
            else:
                report.fail(f"bochs.{name}", test.failure_block(log, name), f"./mica bochs {name} --cpu {cpu}")
    for name, code in chosen.items():
        if code:
            records, log, _, _ = boot(os.path.join(folder, name), f"/HOSTPORT /SYNCDISK SEED=0 KTEST={name}", cpu)
            got = [int(line.split()[1], 16) for line in records if line.startswith("bugcheck ")]
            if got == [code]:
                report.ok(f"bochs.{name}", f"bugcheck {code:#x}")
            else:
                report.fail(f"bochs.{name}", f"expected: bugcheck {code:#x}\ngot: {[hex(one) for one in got]}\n{log[-1500:]}",
                            f"./mica bochs {name} --cpu {cpu}")
    return len(chosen)


def program(name, arguments, cpu, folder, report):
    here = os.path.join(folder, name)
    os.makedirs(here, exist_ok=True)
    path = check.compile_program(here, [os.path.join(machine.ROOT, "tests", "user", name + ".c")])
    data = os.path.join(here, "d.img")
    run.make_data_disk(data, [path])
    line = f"/HOSTPORT /SYNCDISK /STDIN=NUL /RUN D:/{os.path.basename(path)} {' '.join(arguments)}"
    records, log, output, seconds = boot(here, line.strip(), cpu, data)
    codes = [line.split()[1] for line in records if line.startswith("exit ")]
    if codes and int(codes[0], 0) == 0:
        report.ok(f"bochs.{name}", f"{seconds:.0f} s")
    else:
        report.fail(f"bochs.{name}", f"expected: exit 0\ngot: {codes or records[-1:]}\n{output[-3000:]}\n{log[-1500:]}",
                    f"./mica bochs --program {name} --cpu {cpu}")


def ring(patterns, programs, cpu, keep, report):
    """Runs them; returns how many there were."""
    folder = os.path.abspath(keep) if keep else tempfile.mkdtemp(prefix="mica-bochs-")
    try:
        count = kernel_tests(patterns, cpu, folder, report) if patterns else 0
        for name, arguments in programs:
            program(name, arguments, cpu, folder, report)
        return count + len(programs)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def main(arguments):
    options = parse(arguments)
    if not available():
        print("mica: Bochs is not here; on Debian: sudo apt-get install --no-install-recommends bochs bochsbios vgabios")
        return 2
    machine.ensure_built()
    report = results.Results()
    if options.patterns:
        patterns, programs = options.patterns, ()
    elif options.program:
        patterns, programs = (), [entry for entry in PROGRAMS if entry[0] in options.program]
    else:
        patterns, programs = PATTERNS, PROGRAMS
    if not ring(patterns, programs, options.cpu, options.keep, report):
        print("mica: nothing matches")
        return 2
    return report.close()
