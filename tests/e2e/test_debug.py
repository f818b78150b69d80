# SPDX-License-Identifier: MIT
"""The debugger commands, each on a live kernel stopped in a known place."""
import functools
import os
import re

from front import debug, machine

STOP = ["hbreak NtCreateProcessEx", "continue", "continue", "delete"]  # the second one: smss starts cmd


@functools.lru_cache(maxsize=None)
def transcript():
    """One session with every command, each under a heading."""
    commands = list(STOP)
    for text in ("kd process 0", "kd process", "kd thread", "kd pcr", "kd idt", "kd pte fb250000", "kd pte 7ffe0000",
                 "kd object \\\\", "kd object \\\\Device", "kd stacks", "kd poolused", "kd poolused Mm",
                 "kd pool PsActiveProcessHead.Flink", "kd symbols", "kd object 12", "kd pte"):
        commands += [f"echo \\n=== {text}\\n", text]
    disks = [(os.path.join(machine.build_dir(), "c.img"), True)]
    output = debug.execute(commands, disks=disks)
    parts = re.split(r"^=== (.*)$", output, flags=re.M)
    return {name.replace("\\\\", "\\"): body for name, body in zip(parts[1::2], parts[2::2])}


def section(name):
    text = transcript().get(name.replace("\\\\", "\\"))
    assert text is not None, f"the session has no answer to {name}: {list(transcript())}"
    assert "Traceback" not in text and "Python Exception" not in text, text
    return text


def in_order(text, *words):
    place = 0
    for word in words:
        found = text.find(word, place)
        assert found >= 0, f"'{word}' is missing, or not in its place, in:\n{text[:3000]}"
        place = found + len(word)


def test_process_lists_all():
    text = section("kd process 0")
    in_order(text, "**** NT ACTIVE PROCESS DUMP ****", "PROCESS ", "SessionId:", "Cid:", "Peb:", "ParentCid:", "DirBase:", "ObjectTable:",
             "HandleCount:", "Image: System")
    assert "Image: smss.exe" in text, text


def test_process_current():
    in_order(section("kd process"), "PROCESS ", "Image: smss.exe", "VadRoot", "Vads", "Token", "Working Set Sizes", "BasePriority",
             "CommitCharge", "THREAD ")


def test_thread():
    in_order(section("kd thread"), "THREAD ", "Cid ", "Teb: ", "Win32Thread: ", "RUNNING on processor 0", "Owning Process", "smss.exe",
             "Wait Start TickCount", "Context Switch Count", "UserTime", "KernelTime", "Start Address", "Stack Init", "Current", "Base",
             "Limit", "Priority", "BasePriority", "ChildEBP RetAddr")


def test_pcr():
    in_order(section("kd pcr"), "KPCR for Processor 0 at ffdff000:", "Major 1 Minor 1", "NtTib.ExceptionList", "NtTib.SelfTib", "SelfPcr",
             "Prcb", "Irql", "IRR", "IDR", "IDT", "GDT", "TSS", "CurrentThread", "NextThread", "IdleThread", "DpcQueue")


def test_poolused_adds_up():
    text = section("kd poolused")
    in_order(text, "NonPaged: Allocs", "Paged: Allocs", "Session: Used", "TOTAL")
    rows = [line.split() for line in text.splitlines() if re.match(r"\S+ .*\d$", line) and not line.startswith(("Tag", "TOTAL"))]
    total = next(line.split() for line in text.splitlines() if line.startswith("TOTAL"))
    assert len(rows) > 10 and sum(int(row[-5]) for row in rows) == int(total[1]), text
    assert section("kd poolused Mm").count("\n") < text.count("\n")


def test_pool_names_the_block_of_an_address():
    text = section("kd pool PsActiveProcessHead.Flink")
    assert re.search(r"^\*[0-9a-f]{8} size: .*\(Allocated\)  Proc", text, re.M) or "large allocation" in text, text


def test_idt():
    text = section("kd idt")
    in_order(text, "Dumping IDT:", "00:", "08:\tTask Selector", "0e:", "2e:")
    assert "KiTrap0E" in text or "nt!" in text, text
    assert "KINTERRUPT" in text, text


def test_pte():
    """Kernel text is global, read-only, executable, in frame 200; the shared page is a user page that cannot be written."""
    text = section("kd pte fb250000")
    in_order(text, "VA fb250000", "PDE at c0603ec8", "PTE at c07d9280", "contains ", "pfn 250")
    assert re.search(r"pfn 250\s+-G-[D-]A--KREV", text), text
    assert re.search(r"pfn [0-9a-f]+\s+\S{7}UR-V", section("kd pte 7ffe0000")), section("kd pte 7ffe0000")


def test_object():
    text = section("kd object \\\\")
    in_order(text, "Object: ", "Type: (", ") Directory", "ObjectHeader:", "HandleCount:", "PointerCount:", "Hash Address")
    assert re.search(r"Directory\s+Device", text), text
    assert "Harddisk0" in section("kd object \\\\Device") or "Console" in section("kd object \\\\Device")


def test_stacks():
    text = section("kd stacks")
    in_order(text, "Proc.Thread  .Thread  ThreadState  Blocker", "[System]", "[smss.exe]", "RUNNING")


def test_symbols_of_user_modules():
    assert re.search(r"ntdll\s+\(symbols\)", section("kd symbols")), section("kd symbols")


def test_bad_arguments_are_one_line():
    assert "kd object:" in section("kd object 12"), section("kd object 12")
    assert "kd pte: which address?" in section("kd pte"), section("kd pte")


def test_every_processor_has_its_own_blocks():
    commands = list(STOP)
    for text in ("kd pcr 0", "kd pcr 3", "kd prcb 2", "kd running", "kd stacks", "kd pcr 4"):
        commands += [f"echo \\n=== {text}\\n", text]
    commands += ["echo \\n=== selected\\n", "thread 2", "kd pcr"]
    disks = [(os.path.join(machine.build_dir(), "c.img"), True)]
    parts = re.split(r"^=== (.*)$", debug.execute(commands, disks=disks, cpus=4), flags=re.M)
    answers = dict(zip(parts[1::2], parts[2::2]))
    in_order(answers["kd pcr 0"], "KPCR for Processor 0 at ffdff000:", "IdleThread", "DpcQueue")
    in_order(answers["kd pcr 3"], "KPCR for Processor 3 at ", "Major 1 Minor 1", "SelfPcr", "CurrentThread", "IdleThread", "DpcQueue")
    in_order(answers["kd prcb 2"], "PRCB for Processor 2 at ", "Threads--  Current ", " Next ", " Idle ", "Number 2 SetMember 00000004",
             "Interrupt Count -- ", "Times -- Dpc", "Interrupt ", "Kernel ", "User ")
    in_order(answers["kd running"], "System Processors 0000000f", "Idle Processors", "Prcb", "Current", "Next", "smss.exe")
    assert len(re.findall(r"^ +[0-3] +[0-9a-f]{8} ", answers["kd running"], re.M)) == 4, answers["kd running"]
    assert "no processor 4: 4 run" in answers["kd pcr 4"], answers["kd pcr 4"]
    in_order(answers["selected"], "KPCR for Processor 1 at ")
    assert "Traceback" not in "".join(parts) and "Python Exception" not in "".join(parts), parts
