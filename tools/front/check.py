# SPDX-License-Identifier: MIT
"""./mica check: every test of the four rings (docs/testing.md), with one closing line."""
import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from front import machine, results, run, test

RINGS = ("host", "kernel", "user", "e2e")
USER_TIMEOUT = 120
CONCURRENT = ["ke.*", "ex.*", "ob.*", "ps.*", "mm.*", "io.*", "cc.*"]  # where processors meet
# Machines of the kernel ring: processors, real concurrency, tests, also those that end in a bugcheck (a boot each), boot words.
MACHINES = ((1, False, ["*"], True, ""), (4, False, ["*"], False, ""), (4, True, CONCURRENT, False, ""),
            (1, False, ["mm.*", "!mm.*session*", "ke.user*", "ex.probe*"], False, "/3GB"))
MINGW = ["i686-w64-mingw32-gcc"]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica check", description="Runs every test. Closes with 'N passed, N failed'.")
    parser.add_argument("--ring", action="append", choices=RINGS, help="only this ring (may be repeated)")
    parser.add_argument("--seed", type=int, default=0, choices=range(8))
    parser.add_argument("--cpus", type=int, metavar="N", help="processors of the machines that do not say otherwise; the kernel ring "
                        "then runs on such a machine only (1; the kernel ring on 1 and on 4)")
    parser.add_argument("--realtime", action="store_true", help="without virtual time: real concurrency, not repeatable")
    parser.add_argument("--only", metavar="NAME", help="only user and e2e tests whose name contains this")
    return parser.parse_args(arguments)


def host_ring(report, _seed, _only):
    """Programs that print 'ok NAME' or 'FAIL NAME: reason' a test and exit with 0 or 1; one that prints neither is one test."""
    make = ["make", "-C", machine.ROOT, "--no-print-directory", "-s", "-j2"]
    done = subprocess.run(make + ["host-tests"], capture_output=True, text=True)
    if done.returncode != 0:
        report.fail("host.build", done.stdout + done.stderr, "make host-tests")
        return
    listing = subprocess.run(make + ["host-list"], capture_output=True, text=True, check=True).stdout.split()
    for path in listing:
        area = os.path.basename(os.path.dirname(path)) if path.endswith(".sh") else os.path.basename(path)
        replay = os.path.relpath(path, machine.ROOT)
        try:
            done = subprocess.run([path], capture_output=True, text=True, timeout=300, cwd=machine.ROOT)
        except subprocess.TimeoutExpired:
            report.fail(f"host.{area}", "no end after 300 s", replay)
            continue
        failed = said = False
        for line in done.stdout.splitlines():
            word, _, rest = line.partition(" ")
            said = said or word in ("ok", "FAIL")
            if word == "ok":
                report.ok(f"host.{area}.{rest.split()[0]}")
            elif word == "FAIL":
                failed = True
                report.fail(f"host.{area}.{rest.split()[0].rstrip(':')}", rest, replay)
        if done.returncode != 0 and not failed:
            report.fail(f"host.{area}", f"exit code {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}", replay)
        elif not said:
            report.ok(f"host.{area}", done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "")


def variant(cpus, realtime, words):
    """What the names of tests on such a machine begin with."""
    return words.strip("/").lower() + "." if words else f"real{cpus}." if realtime else "" if cpus == 1 else f"smp{cpus}."


def kernel_ring(report, seed, _only):
    chosen = machine.default_cpus, machine.default_realtime
    asked = ((chosen[0] or 1, chosen[1], ["*"], True, ""),)
    for cpus, realtime, patterns, bugchecks, words in MACHINES if chosen == (None, False) else asked:
        machine.default_cpus, machine.default_realtime, test.boot_options = cpus, realtime, words
        if not test.ring(patterns, seed, 256, report.named(variant(cpus, realtime, words)), bugchecks):
            report.fail("kernel.ring", "the kernel image contains no tests", "./mica test --list")
    machine.default_cpus, machine.default_realtime = chosen


def load(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def python_tests(folder, report, only):
    """The test_* functions of the files in a folder; each raises AssertionError (or anything) to fail."""
    sys.path.insert(0, os.path.join(machine.ROOT, "tests", "e2e"))
    cases = []
    for file in sorted(os.listdir(folder)):
        if file.startswith("test_") and file.endswith(".py"):
            module = load(os.path.join(folder, file))
            cases += [(f"{os.path.basename(folder)}.{file[5:-3]}.{name[5:]}", getattr(module, name))
                      for name in dir(module) if name.startswith("test_")]
    return [case for case in cases if not only or only in case[0]]


def run_case(report, name, function):
    begin = time.monotonic()
    try:
        function()
    except Exception as error:  # a test may fail in any way; all of them are reported alike
        report.fail(name, f"{error}\n{traceback.format_exc(limit=-3)}", f"./mica check --ring {name.split('.')[0]} --only {name}{machine.options()}")
    else:
        report.ok(name, f"{time.monotonic() - begin:.1f} s")


def script_ring(folder):
    def ring(report, _seed, only):
        cases = python_tests(os.path.join(machine.ROOT, "tests", folder), report, only)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda case: run_case(report, *case), cases))
    return ring


def compile_program(folder, sources, name=None, flags=()):
    """Builds a Windows program as a user would: stock compiler, stock headers, default start-up."""
    output = os.path.join(folder, name or os.path.basename(sources[0])[:-2] + ".exe")
    done = subprocess.run([*MINGW, *sources, "-o", output, *flags], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return output


def run_program(program, arguments=(), **options):
    """Runs it in Mica: (exit code, output bytes, message)."""
    output = []
    code, message, fsck = run.execute(program, list(arguments), sink=output.append, timeout=options.pop("timeout", USER_TIMEOUT),
                                      check_disk=True, **options)
    assert fsck is None, f"{message}\nfsck.fat finds D: not clean:\n{fsck}"
    return code, b"".join(output), message


def main(arguments):
    options = parse(arguments)
    machine.default_cpus, machine.default_realtime = options.cpus, options.realtime
    machine.ensure_built()
    report = results.Results()
    rings = {"host": host_ring, "kernel": kernel_ring, "user": script_ring("user"), "e2e": script_ring("e2e")}
    begin = time.monotonic()
    for name in options.ring or RINGS:
        print(f"--- {name} ring ({time.monotonic() - begin:.0f} s)", flush=True)
        rings[name](report, options.seed, options.only)
    return report.close()


def scratch():
    """A temporary folder as a context manager."""
    return tempfile.TemporaryDirectory(prefix="mica-test-")
