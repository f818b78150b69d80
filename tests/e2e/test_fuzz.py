# SPDX-License-Identifier: MIT
"""The two fuzzers of `make check`: random system calls, and mutated PE files. MICA_FUZZ=N multiplies the counts."""
import os
import random

from front import check, machine
from test_run import HELLO, program

SCALE = int(os.environ.get("MICA_FUZZ", "1"))
CALLS, MUTANTS = 100_000, 40
USER = os.path.join(machine.ROOT, "tests", "user")


def test_services_with_random_arguments():
    with check.scratch() as folder:
        path = check.compile_program(folder, [os.path.join(USER, "fuzz_services.c")])
        code, output, message = check.run_program(path, [str(CALLS * SCALE), "1"], timeout=400 * SCALE)
    text = output.decode("ascii", "replace")
    assert code == 0, f"seed 1\nexpected: exit code 0\ngot: {code}\n{message}\n{text[-1500:]}"
    print("     " + text.strip().splitlines()[-1], flush=True)


def mutate(data, generator):
    """A copy with a few bytes changed, most of them in the headers, or cut short."""
    data = bytearray(data)
    for _ in range(generator.choice((1, 1, 2, 3, 8))):
        limit = 0x400 if generator.random() < 0.8 else len(data)
        place = generator.randrange(limit)
        data[place] = generator.choice((0, 0xFF, 0x7F, 0x80, generator.randrange(256), data[place] ^ 1 << generator.randrange(8)))
    if generator.random() < 0.2:
        del data[generator.randrange(len(data)):]
    return bytes(data)


def test_mutated_images_never_hurt_the_kernel():
    """One boot starts all mutants (tests/user/fuzz_images.c); each may run, fail to start or crash, but the kernel lives."""
    with check.scratch() as folder:
        hello = program(folder, "hello", HELLO, ["-s"])
        with open(hello, "rb") as file:
            data = file.read()
        mutants = []
        for index in range(MUTANTS * SCALE):
            path = os.path.join(folder, f"m{index}.exe")
            with open(path, "wb") as file:
                file.write(mutate(data, random.Random(index)))
            mutants.append(path)
        driver = check.compile_program(folder, [os.path.join(USER, "fuzz_images.c")])
        code, output, message = check.run_program(driver, [str(len(mutants))], files=mutants, timeout=400 * SCALE)
    assert code == 0, f"expected: exit code 0\ngot: {code}\n{message}\n{output.decode('ascii', 'replace')[-1500:]}"
