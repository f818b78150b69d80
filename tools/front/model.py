# SPDX-License-Identifier: MIT
"""./mica model: the address space against its model (tests/kernel/mm/model.c), long (make model): for each seed 10,000 random steps
on a small machine, everything checked after each. The boot line's SEED= chooses the sequence."""
import argparse
from concurrent.futures import ThreadPoolExecutor

from front import machine, results, test

MACHINES = 2  # at a time
SECONDS = 3600  # of a busy host; a step that does not end is found by the kernel's own watchdog
NAME = "mm.services_do_what_the_model_says"


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica model", description="Runs random sequences of the memory services against a model of the "
                                     "address space. A failure prints the command that replays it.")
    parser.add_argument("--seeds", type=int, default=32, metavar="N", help="how many sequences (32)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first of them (0)")
    parser.add_argument("--steps", type=int, default=10000, metavar="N", help="length of each (10000)")
    parser.add_argument("--mem", type=int, default=32, metavar="MB", help="memory of the machine (32)")
    return parser.parse_args(arguments)


def run_seed(seed, options, report):
    words = f"SEED={seed} /MODELSTEPS={options.steps}"
    done, _, code, log, _, _, _ = test.boot_with([NAME], 0, options.mem, 1, words, timeout=SECONDS)
    if done.get(NAME):
        report.ok(f"model seed {seed}", f"{options.steps} steps")
        return
    block = test.failure_block(log, NAME) if NAME in done else test.ending(code, log, 0)
    report.fail(f"model seed {seed}", block, f"./mica model --first {seed} --seeds 1 --steps {options.steps} --mem {options.mem}")


def main(arguments):
    options = parse(arguments)
    machine.ensure_built()
    report = results.Results()
    with ThreadPoolExecutor(MACHINES) as pool:
        list(pool.map(lambda seed: run_seed(seed, options, report), range(options.first, options.first + options.seeds)))
    return report.close()
