# SPDX-License-Identifier: MIT
"""The user ring: ordinary Windows programs, built with the stock compiler, run inside Mica. A self-checking program exits with
0 and prints what failed otherwise; programs that must crash are judged by their exit code."""
import os

from front import check

HERE = os.path.dirname(os.path.realpath(__file__))
ACCESS_VIOLATION, DIVIDE_BY_ZERO = 0xC0000005, 0xC0000094


def source(name):
    return os.path.join(HERE, name)


def build_and_run(name, arguments=(), libraries=(), **options):
    with check.scratch() as folder:
        program = check.compile_program(folder, [source(name + ".c")], flags=libraries)
        return check.run_program(program, arguments, **options)


def passes(name, arguments=(), **options):
    code, output, message = build_and_run(name, arguments, **options)
    assert code == 0, f"{name}.exe: exit code {code}\n{message}\n{output.decode('utf-8', 'replace')[-3000:]}"
    return output


def test_hello():
    output = passes("hello")
    assert output == b"Hello, world!\r\n", f"expected: b'Hello, world!\\r\\n'\ngot: {output!r}"


def test_printf():
    passes("printf")


def test_crt():
    output = passes("crt")
    assert output.endswith(b"at exit\r\n"), f"expected the exit function's line last\ngot: {output[-200:]!r}"


def test_args():
    passes("args", ["one", "two words", 'quo"te', "back\\slash\\", "", "back\\\\\"mix"])


def test_heap():
    passes("heap")


def test_files():
    passes("files")


def test_threads():
    passes("threads")


def test_workset():
    passes("workset")


def test_schedule():
    passes("schedule", libraries=["-lntdll"])


def test_sysinfo():
    passes("sysinfo", libraries=["-lntdll"])


def test_sysinfo_counts_the_processors():
    """What a program is told about the number of processors is what the machine has."""
    for processors in (1, 2, 4, 8):
        passes("sysinfo", [str(processors)], libraries=["-lntdll"], cpus=processors)


def test_races():
    passes("races")


def test_sync():
    passes("sync")


def test_virtual():
    passes("virtual")


def test_memory():
    passes("memory")


def test_memory_beyond_four_gigabytes():
    """A program reaches memory above 4 GB through one window of 1 MB; with MICA_BIG set, (nearly) all of 6 GB."""
    output = passes("memory", ["5376" if os.environ.get("MICA_BIG") else "512"], memory=6144)
    assert int(output.split()[-3]) > 4096, output


def test_dep():
    """Data runs, or does not, by /NOEXECUTE= and the program's header."""
    passes("dep")
    passes("dep", libraries=["-Wl,--disable-nxcompat"])
    for policy in ("OptOut", "AlwaysOn", "AlwaysOff"):
        passes("dep", [policy.lower()], boot="/NOEXECUTE=" + policy)


def test_layout():
    """Addresses are random, and follow from the seed; /MOVEIMAGES=0 leaves images where they were linked for."""
    first, again, other = (passes("layout", boot=f"SEED={seed}") for seed in (1, 1, 2))
    assert first == again, f"the same seed, another layout:\n{first.decode()}\n{again.decode()}"
    for one, two in zip(first.split(), other.split()):
        assert one != two or not one.startswith(b"0") and not one.startswith(b"7"), f"the same for two seeds: {one.decode()}"
    passes("layout", ["fixed"], boot="/MOVEIMAGES=0")


# What a program has of the address space: by the boot word, and by its own header.
LARGE = "-Wl,--large-address-aware"
TWO, THREE = "7FFF0000", "BFFF0000"


def test_large_addresses():
    passes("large", [TWO])
    passes("large", [TWO], libraries=[LARGE])
    passes("large", [TWO], boot="/3GB")
    passes("large", [THREE], libraries=[LARGE], boot="/3GB")


def test_large_addresses_on_large_machines():
    """The smallest machine, and one of 6 GB; with MICA_BIG set, more than 2 GB of one program's memory are in use there."""
    passes("large", [THREE, "2304" if os.environ.get("MICA_BIG") else "64"], libraries=[LARGE], boot="/3GB", memory=6144)
    passes("large", [THREE], libraries=[LARGE], boot="/3GB", memory=16)


def test_programs_with_three_gigabytes():
    for name in ("heap", "files", "threads", "virtual", "workset", "seh", "child"):
        passes(name, libraries=[LARGE], boot="/3GB")


def test_storm():
    passes("storm")


# The programs with many threads, on four processors: in turns under virtual time (smp4_), and at the same time (real4_).
def on_four_processors(name, realtime):
    arguments = ["inexact"] if realtime and name == "schedule" else []
    return lambda: passes(name, arguments, libraries=["-lntdll"], cpus=4, realtime=realtime)


for program in ("threads", "races", "storm", "schedule", "files"):
    globals()["test_smp4_" + program] = on_four_processors(program, False)
    globals()["test_real4_" + program] = on_four_processors(program, True)


# A machine of 16 MB with a page file of 64 MB: paging.c asks for 72 MB and a shell beside. `make paging` runs it in full,
# on all machines; here the processors of four get less to do.
EVERYTHING = bool(os.environ.get("MICA_PAGING"))


def page(arguments, **options):
    return passes("paging", arguments, memory=16, boot="/PAGEFILE=" + options.pop("files", "D:64"), data_mb=110, **options)


def test_paging():
    page(["48", "24", "2"])


def test_smp4_paging():
    page(["24", "12", "1"], cpus=4, files="D:40")


def test_real4_paging():
    page(["24", "12", "1"], cpus=4, realtime=True, files="D:40")


def page_in_full(**options):
    return lambda: page(["48", "24", "2"], timeout=600, **options)


if EVERYTHING:
    test_smp4_paging_in_full = page_in_full(cpus=4)
    test_real4_paging_in_full = page_in_full(cpus=4, realtime=True)
    for number in range(1, 8):
        globals()[f"test_paging_with_seed_{number}"] = page_in_full(seed=number)


def test_paging_to_two_disks_that_grow():
    page(["48", "16", "1"], files="C:8-16,D:16-64")


def test_clone():
    passes("clone")


def test_smp4_clone():
    passes("clone", cpus=4)


def test_real4_clone():
    passes("clone", cpus=4, realtime=True)


def test_clone_and_paging():
    """A parent of 12 MB and two clones that change a third each, with 16 MB of memory."""
    passes("clone", ["12"], memory=16, boot="/PAGEFILE=D:64", data_mb=110)


def test_smp4_clone_and_paging():
    passes("clone", ["12"], memory=16, boot="/PAGEFILE=D:64", data_mb=110, cpus=4)


def bad_disk(folder, sector=43008):
    """The configuration of a disk that cannot read one sector (it lies in the page file), as a prefix for QEMU."""
    path = os.path.join(folder, "bad.conf")
    with open(path, "w", encoding="ascii") as target:
        target.write(f'[inject-error]\nevent = "none"\nerrno = "5"\nsector = "{sector}"\niotype = "read"\n')
    return f"blkdebug:{path}:"


def test_paging_from_a_bad_disk():
    """One page of the page file cannot be read: who touches it gets STATUS_IN_PAGE_ERROR, nobody else sees anything."""
    with check.scratch() as folder:
        output = page(["48", "24", "1", "bad"], data_prefix=bad_disk(folder))
        assert b"in-page error: " in output, output


def test_smp2_heap():
    """With this seed a DLL's random place is the one that it was linked for: it keeps it, and no other gets it."""
    passes("heap", cpus=2)


def test_child():
    passes("child")


def test_pipes():
    passes("pipes")


def test_seh():
    passes("seh")


def test_traps():
    passes("traps")


def test_floats():
    passes("floats")


def test_random_contexts():
    passes("fuzz_contexts", ["25", "1"])


def test_dll():
    with check.scratch() as folder:
        library = check.compile_program(folder, [source("testdll.c")], "testdll.dll",
                                        ["-shared", f"-Wl,--out-implib,{folder}/libtestdll.a"])
        program = check.compile_program(folder, [source("dllhost.c")], flags=[f"-L{folder}", "-ltestdll"])
        code, output, message = check.run_program(program, files=[library])
    assert code == 0, f"exit code {code}\n{message}\n{output.decode('utf-8', 'replace')[-3000:]}"


def crashes(name, status, words):
    code, output, message = build_and_run(name)
    text = output.decode("utf-8", "replace")
    assert code == status & 0xFF, f"expected: exit code {status & 0xFF:#x}\ngot: {code:#x}\n{message}\n{text}"
    assert words in text, f"expected a readable line with '{words}'\ngot: {text!r}"


def test_uncaught_access_violation():
    crashes("crash_av", ACCESS_VIOLATION, "C0000005")


def test_uncaught_divide():
    crashes("crash_div", DIVIDE_BY_ZERO, "C0000094")
