# SPDX-License-Identifier: MIT
"""Pool from outside: the whole system in special pool, with pool that does not stay in memory, with bad memory; what a bugcheck of
the pool says."""
import os

from front import check, machine, run, test

HELLO = """#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    FILE *file = fopen("D:\\\\pool.txt", "w+");
    char *memory = malloc(1 << 20);
    for (int i = 0; i < 1 << 20; i++) memory[i] = (char)i;
    fwrite(memory, 1, 300000, file);
    fclose(file);
    return 17;
}
"""


def runs_with(boot, memory=64):
    """Runs a program that writes a file, with these boot words; its exit code and the disk must be right."""
    with check.scratch() as folder:
        source = os.path.join(folder, "pools.c")
        with open(source, "w", encoding="ascii") as file:
            file.write(HELLO)
        code, message, fsck = run.execute(check.compile_program(folder, [source]), [], boot=boot, memory=memory, check_disk=True)
        assert code == 17, f"exit code {code}: {message}"
        assert fsck is None, fsck


def test_everything_runs_in_special_pool():
    runs_with("/POOLTAG=*")


def test_everything_runs_in_special_pool_against_underruns():
    runs_with("/POOLTAG=* /POOLTAGOVERRUNS=0")


def test_everything_runs_with_pool_that_leaves_memory():
    runs_with("/TRIMPAGED", memory=16)


def in_kernel(names, options=""):
    done, _, code, log, *_ = test.boot_with(names, 0, 64, options=options)
    return done, code, log


def test_bad_memory_is_not_used():
    names = ["mm.physical_ranges_are_the_memory", "mm.page_lists_sum"]
    done, code, log = in_kernel(names, "/BADMEMORYLIST=1000,1001,1fff,3000")
    assert code == machine.PASS and all(done.get(name) for name in names), log[-1500:]


def words_of(name, *words):
    _, code, log = in_kernel([name])
    assert code == machine.BUGCHECK, log[-1500:]
    place = log.index("*** STOP")
    for text in words:
        assert text in log[place:], f"'{text}' is missing in:\n{log[place:]}"
        place = log.index(text, place)


def test_paged_memory_at_dispatch_level_is_told_in_words():
    words_of("mm.paged_memory_at_dispatch_level_is_caught", "0x0000000A",
             "Memory that is not there, or is paged, was touched at a raised IRQL.", "address that was touched",
             "00000002  IRQL", "00000001  0: read, 1: write, 8: execute", "instruction that did it",
             "mm_paged_memory_at_dispatch_level_is_caught")


def test_overrun_is_told_at_its_instruction():
    words_of("mm.special_pool_overrun_is_caught", "0x000000CD", "beyond the end", "address that was touched",
             "00000001  0: read, 1: write", "instruction that did it", "mm_special_pool_overrun_is_caught")


def test_double_free_is_told_in_words():
    words_of("ex.pool_double_free_is_caught", "0x000000C2", "A pool block was freed a second time.", "block")
