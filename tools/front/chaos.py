# SPDX-License-Identifier: MIT
"""./mica chaos: the kernel tests under schedule exploration (make chaos).

Each seed is a boot with /CHAOS=seed: at instrumented points a pseudo-random sequence ends quanta, yields, runs DPCs and APCs,
breaks off waits, ticks the clock (ke/chaos.c). Time is virtual, so a seed that fails fails again."""
import argparse
import fnmatch
import os
from concurrent.futures import ThreadPoolExecutor

from front import machine, results, test

MACHINES = 2  # at a time


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica chaos", description="Runs kernel tests under forced preemption, DPCs, APCs and clock "
                                     "interrupts, a pseudo-random sequence a seed. A failure prints the command that replays it.")
    parser.add_argument("patterns", nargs="*", default=["*"], metavar="PATTERN")
    parser.add_argument("--seeds", type=int, default=64, metavar="N", help="how many seeds (64)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first of them (0)")
    parser.add_argument("--cpus", type=int, default=1, metavar="N", help="processors of the machine (1)")
    parser.add_argument("--mem", type=int, default=256, metavar="MB")
    return parser.parse_args(arguments)


def replay(seed, cpus, words):
    return f"./mica chaos --first {seed} --seeds 1" + (f" --cpus {cpus}" if cpus > 1 else "") + " " + " ".join(f"'{word}'" for word in words)


def forced(records):
    """What the kernel says it has forced: {"points": n, "quantum": n, ...}."""
    for record in records:
        words = record.split()
        if words[:1] == ["chaos"]:
            return dict(zip(words[2::2], (int(word) for word in words[3::2])))
    return {}


def boot(seed, options, words):
    """One boot: (tests that passed, {test that failed: block}, what was forced, trouble without a test or None)."""
    done, running, code, log, _, disks, records = test.boot_with(words, seed % 8, options.mem, options.cpus, f"/CHAOS={seed}")
    passed = [name for name, good in done.items() if good]
    failed = {name: test.failure_block(log, name) for name, good in done.items() if not good}
    if code not in (machine.PASS, machine.FAIL) and (running or not failed):  # the watchdog's victim has failed already
        failed[running or "boot"] = test.ending(code, log, seed % 8)
    for text in disks:
        failed["fsck"] = text
    return passed, failed, forced(records)


def run_seed(seed, options, names, report):
    """Every test under one seed. When a test takes the machine down, the others go on in another boot."""
    words, left, passed, sums = list(options.patterns), set(names), 0, {}
    while left:
        good, failed, counts = boot(seed, options, words)
        passed += len(good)
        sums = {key: sums.get(key, 0) + value for key, value in counts.items()}
        for name, block in failed.items():
            command = replay(seed, options.cpus, words)
            if name in names and len(words) + len(names) > 2 and boot(seed, options, [name])[1]:
                command = replay(seed, options.cpus, [name])
            report.fail(f"{name} (chaos seed {seed})", block, command)
        left -= set(good) | set(failed)
        if not good and not failed:
            break
        words = test.take_batch([name for name in names if name in left])
    note = f"{passed} passed, {sum(value for key, value in sums.items() if key != 'points')} of {sums.get('points', 0)} points forced something"
    if passed == len(names):
        report.ok(f"chaos seed {seed}", note)
    else:
        print(f"     chaos seed {seed}: {note}", flush=True)


def main(arguments):
    options = parse(arguments)
    if os.environ.get("BUILD", "checked") != "checked":
        print("mica chaos: only a checked build has the instrumented points")
        return 2
    machine.ensure_built()
    tests = test.read_tests(os.path.join(machine.build_dir(), "mica.elf"))
    names = [name for name, code in tests.items() if code == 0 and any(fnmatch.fnmatch(name, pattern) for pattern in options.patterns)]
    if not names:
        print(f"mica: no kernel test matches {' '.join(options.patterns)}; ./mica test --list shows them")
        return 2
    report = results.Results()
    with ThreadPoolExecutor(MACHINES) as pool:
        list(pool.map(lambda seed: run_seed(seed, options, names, report), range(options.first, options.first + options.seeds)))
    return report.close()
