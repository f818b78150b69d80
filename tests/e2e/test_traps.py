# SPDX-License-Identifier: MIT
"""Traps seen from outside: an NMI from the machine's front panel, the screen of a kernel-stack overflow, processors that lack
things, several processors, and - where it is installed - Bochs, which enforces what QEMU does not."""
import re

from front import bochs, check, machine, results, test
from qmp import Qmp
from test_boot import booted, machine_with_disks

USER = f"{machine.ROOT}/tests/user/"
KERNEL_TESTS = ["ke.exception_each_trap_has_its_status", "ke.user_floating_point_is_each_threads_own", "ke.service_calls_both_ways",
                "ke.user_exceptions_reach_the_dispatcher", "ke.user_float_exception_has_its_status", "ke.exit_survives_a_bad_selector",
                "ke.float_belongs_to_the_kernel_between_save_and_restore", "ke.float_state_can_leave_the_processor"]


def bugcheck_log(name):
    *_, log, code, _ = test.boot([name], 0, 256)
    return log, code


def test_nmi_stops_the_system_with_its_name_and_stack():
    with machine.Machine(realtime=True, qmp=True) as box:
        machine_with_disks(box)
        box.start()
        booted(box)
        Qmp(box.qmp_path).command("inject-nmi")
        assert box.wait(30) == machine.BUGCHECK, "the NMI did not end in a bugcheck\n" + box.bugcheck_block()
        block = box.bugcheck_block()
    assert "0x00000080" in block and re.search(r"^  [0-9A-F]{8}  \w+\+0x", block, re.M), block


def test_stack_overflow_shows_the_frames_that_overflowed():
    log, code = bugcheck_log("ke.bugcheck_kernel_stack_overflow")
    block = log[log.rfind("*** STOP"):]
    assert code == 0x7F and re.search(r"STOP: 0x0000007F \(0x00000008,", block), block
    assert block.count("KtEatStack") >= 10, "expected the frames of the thread that overflowed\n" + block


def test_bugcheck_stops_all_processors_and_names_its_own():
    machine.default_cpus, before = 4, machine.default_cpus
    try:
        log, code = bugcheck_log("ke.bugcheck_stops_all_processors")
    finally:
        machine.default_cpus = before
    before_stop, block = log[:log.rfind("*** STOP")], log[log.rfind("*** STOP"):]
    assert code == 0xE2, f"bugcheck {code:#x}\n{log[-2000:]}"
    for processor in range(3):
        assert f"alive {processor}" in before_stop, f"processor {processor} was not alive\n{log[:1000]}"
    assert log.count("*** STOP") == 1 and "STOP: 0x000000E2 (0x00000003," in block and " processor 3 " in block, block[:1000]
    assert "alive" not in block, "a processor went on behind the bugcheck\n" + block[:2000]


def test_float_in_the_kernel_names_its_vector():
    log, code = bugcheck_log("ke.bugcheck_float_in_the_kernel")
    block = log[log.rfind("*** STOP"):]
    assert code == 0x7F and re.search(r"STOP: 0x0000007F \(0x00000007,", block) and "ke_bugcheck_float" in block, block


def passes(name, arguments=(), **options):
    with check.scratch() as folder:
        path = check.compile_program(folder, [USER + name + ".c"])
        code, output, message = check.run_program(path, list(arguments), **options)
    assert code == 0, f"exit code {code}\n{message}\n{output.decode('utf-8', 'replace')[-2000:]}"


def on_processor(model, names):
    with machine.Machine(options=f"SEED=0 KTEST={','.join(names)}", cpu=model) as box:
        machine_with_disks(box)
        box.start()
        code = box.wait(120)
        assert code == machine.PASS, f"-cpu {model}: {machine.VERDICTS.get(code, code)}\n" + "\n".join(box.log_text().splitlines()[-25:])


def test_processor_without_sse():
    on_processor("pentium2", KERNEL_TESTS)


def test_processor_without_fxsr_and_sysenter():
    on_processor("pentium2,-fxsr,-sep,-mmx", KERNEL_TESTS)


def test_processor_without_nx():
    on_processor("qemu32,-nx", KERNEL_TESTS)


def test_floating_point_on_several_processors():
    passes("floats", cpus=2)


def test_random_contexts_on_several_processors():
    passes("fuzz_contexts", ["2", "100"], cpus=2)


def test_random_contexts_find_interrupts_on():
    """QEMU lets an IRET of ring 3 enter virtual-8086 mode with any flags: the trap that ends it has interrupts on again,
    or another processor would wait for this one in vain."""
    for processors in (2, 8):
        passes("fuzz_contexts", ["25", "1"], cpus=processors)


def test_bochs():
    if not bochs.available():
        print("     (Bochs is not installed: ./mica bochs)", flush=True)
        return
    report = results.Results()
    bochs.ring((), [("traps", ["real"])], "corei7_ivy_bridge_3770k", None, report)
    assert not report.failures, "see above: ./mica bochs --program traps"
