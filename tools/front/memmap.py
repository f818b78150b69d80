# SPDX-License-Identifier: MIT
"""./mica memmap: draws physical memory (state and owner of each frame) and one process's address space as an SVG picture,
from a machine that it boots, from one that runs, or from the memory file of one that has ended. docs/memmap.md."""
import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time

import kmemory
from front import machine, memsvg, run
from qmp import Qmp

PROMPT = "C:\\>"
STOPS = 100  # times that a machine is stopped in the hope that the frame database is at rest
KERNEL_RANGES = [  # where a range of system space begins, and whose pages are there
    ("MM_PFN_DATABASE", "frame database"), (None, "nonpaged pool"), ("MM_SESSION_BASE", "mapped in system space"),
    ("MM_SESSION_POOL_START", "session pool"), ("PTE_BASE", "page tables"), ("HYPER_SPACE", "kernel"),
    ("MM_SYSTEM_CACHE_START", "files"), ("MM_PAGED_POOL_START", "paged pool"),
    ("MM_SYSTEM_PTE_START", "system PTEs"), ("MM_SPECIAL_POOL_START", "special pool")]
STATES = ["zeroed", "free", "standby", "modified", "transition", "bad"]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./mica memmap", description="Draws what each frame of physical memory is used for, and "
                                     "one process's address space. Without PROGRAM the machine boots to the prompt.")
    parser.add_argument("--out", default=os.path.join(machine.ROOT, "build", "memmap.svg"), metavar="FILE",
                        help="the picture: .svg, or .png where rsvg-convert is installed (build/memmap.svg)")
    parser.add_argument("--json", metavar="FILE", help="the same as data")
    parser.add_argument("--process", metavar="NAME|PID", help="whose address space (the program's; without one, the last process)")
    parser.add_argument("--when", metavar="TEXT", help="draw as soon as the program has written this (default: when it has ended)")
    parser.add_argument("--memory", metavar="FILE", help="no new machine: the memory file of one that runs or has ended")
    parser.add_argument("--qmp", metavar="SOCKET", help="no new machine: one that runs, through QEMU's QMP (pmemsave)")
    parser.add_argument("--kernel", metavar="ELF", help="that machine's kernel (build/checked/mica.elf)")
    parser.add_argument("--mem", type=int, default=256, metavar="MB", help="memory of the machine (256)")
    parser.add_argument("--cpus", type=int, default=1, metavar="N", help="its processors (1)")
    parser.add_argument("--boot", default="", metavar="WORDS", help="further words for its boot line")
    parser.add_argument("--timeout", type=float, default=120, metavar="S", help="wall seconds until it counts as hung (120)")
    parser.add_argument("program", nargs="?", metavar="PROGRAM.EXE")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS")
    return parser.parse_args(arguments)


def kernel_owner(memory, va):
    names, symbols = memory.constants, memory.symbols
    if names["MM_KSEG0_BASE"] <= va < names["MM_SPECIAL_POOL_START"]:
        for start, end, owner in (("KiTextStart", "KiTextEnd", "kernel code"), ("KiRodataStart", "KiRodataEnd", "kernel constants"),
                                  ("KiDataStart", "KiImageEnd", "kernel data")):
            if symbols[start] <= va < symbols[end]:
                return owner
        return None  # a large page that holds the end of a section also shows free memory behind it
    if va > names["MM_SPECIAL_POOL_END"]:
        return "kernel"
    starts = [(names[name] if name else memory.word(symbols["MiNonPagedPoolRange"] + 4), kind) for name, kind in KERNEL_RANGES]
    return max((start, kind) for start, kind in starts + [(0, "kernel")] if va >= start)[1]


def frame_owners(memory, processes):
    """{frame number: owner} of the frames that page tables lead to."""
    owners = {}

    def note(physical, pages, owner):
        for number in range(physical >> 12, (physical >> 12) + pages):
            owners.setdefault(number, owner)

    for va, physical, pages, _ in memory.mappings(memory.split, 0xFFFFFFFF)[0]:
        if not memory.constants["PTE_BASE"] <= va < memory.constants["HYPER_SPACE"]:
            for index in range(pages):
                owner = kernel_owner(memory, va + index * kmemory.PAGE)
                if owner:
                    note(physical + index * kmemory.PAGE, 1, owner)
    for process in processes:
        base = memory.constants["PTE_BASE"]
        for _, physical, pages, _ in memory.mappings(base, memory.constants["HYPER_SPACE"] - 1, process.directory)[0]:
            note(physical, pages, "page tables")
        for _, physical, pages, _ in memory.mappings(0, memory.split - 1, process.directory)[0]:
            note(physical, pages, "processes")
    return owners


def survey(memory):
    """What the picture of physical memory shows: {"frames": [kind], "first": [...], "totals": {kind: frames}}."""
    processes = memory.processes()
    owners, kinds = frame_owners(memory, processes), []
    for number, state, shared in memory.frames():
        if state != "active":
            kind = "modified" if state == "modified-no-write" else state
        else:
            kind = owners.get(number, "kernel")
            if shared:
                kind = "files"
        kinds.append((number, kind))
    return {"frames": kinds, "totals": collections.Counter(kind for _, kind in kinds),
            "processes": [{"pid": process.number, "name": process.name} for process in processes],
            "available": memory.word(memory.symbols["MmAvailablePages"]),
            "physical": memory.word(memory.symbols["MmNumberOfPhysicalPages"])}


def page_state(entry, shared):
    if entry & kmemory.VALID:
        return "shared" if shared else "private"
    if entry & 0x400:
        return "mapped, not resident"
    if entry & 0x800:
        return "transition"
    return "paged out" if entry >> 32 else "demand zero"


def address_space(memory, process):
    """[{"start", "end", "kind", "protection", "file", "pages": [(first page, count, state)]}] of a process."""
    states = {number: shared for number, _, shared in memory.frames()}
    found, invalid = memory.mappings(0, memory.split - 1, process.directory)
    pages = {va: page_state(entry, states.get(physical >> 12, True)) for va, physical, _, entry in found}
    pages.update((va, page_state(entry, False)) for va, entry in invalid)
    rows = []
    for vad in memory.vads(process):
        runs = []
        for va in sorted(va for va in pages if vad.start <= va <= vad.end):
            page = (va - vad.start) >> 12
            if runs and runs[-1][0] + runs[-1][1] == page and runs[-1][2] == pages[va]:
                runs[-1][1] += 1
            else:
                runs.append([page, 1, pages[va]])
        rows.append({"start": vad.start, "end": vad.end, "kind": vad.kind(), "committed": vad.committed,
                     "protection": vad.protection, "file": vad.file, "pages": runs})
    return rows


def choose(memory, wanted, program):
    processes = memory.processes()
    for process in processes:
        if wanted and wanted.lower() in (process.name.lower(), str(process.number)):
            return process
    if wanted:
        raise kmemory.Unreadable(f"there is no process {wanted}: {', '.join(f'{p.name} ({p.number})' for p in processes)}")
    named = [p for p in processes if program and p.name.lower() == os.path.basename(program).lower()[:15]]
    return (named or processes)[-1]


def picture(path, kernel, options):
    """Reads a memory file and writes the picture; returns what it shows."""
    memory = kmemory.Memory(path, kernel)
    try:
        process = choose(memory, options.process, options.program)
        data = survey(memory)
        data["process"] = {"pid": process.number, "name": process.name, "regions": address_space(memory, process)}
    finally:
        memory.close()
    svg = memsvg.draw(data)
    if options.out.endswith(".png"):
        subprocess.run(["rsvg-convert", "-o", options.out], input=svg.encode(), check=True)
    else:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(svg)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(data, file)
    return data


def stop(qmp, kernel):
    """Stops a machine where nobody is changing the frame database, so that its lists and counts agree. One that holds the
    lock for ever has crashed: it is shown as it is."""
    lock = kmemory.symbols(kernel)["MmPfnLock"] - kmemory.constants(kernel)["MM_KSEG0_BASE"]
    for _ in range(STOPS):
        qmp.command("stop")
        word = qmp.command("human-monitor-command", **{"command-line": f"xp /1wx {lock:#x}"})
        if int(word.split()[-1], 16) == 0:
            return
        qmp.command("cont")
    qmp.command("stop")


def of_running(options, kernel):
    """A machine that somebody else runs: stopped for as long as its memory takes to copy."""
    qmp = Qmp(options.qmp)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "memory")
        size = qmp.command("query-memory-size-summary")["base-memory"]
        stop(qmp, kernel)
        try:
            qmp.command("pmemsave", val=0, size=size, filename=path)
            while os.path.getsize(path) < size:
                time.sleep(0.05)
        finally:
            qmp.command("cont")
        return picture(path, kernel, options)


def of_prompt(options, kernel):
    with machine.Machine(memory=options.mem, cpus=options.cpus, options=options.boot, qmp=True) as box:
        box.memory_file = os.path.join(box.folder, "memory")
        box.disks = [(os.path.join(machine.build_dir(), "c.img"), True)]
        box.start()
        if not machine.wait_for(lambda: PROMPT in box.log_text() or box.process.poll() is not None, options.timeout):
            raise kmemory.Unreadable("the machine did not come to the prompt\n" + box.bugcheck_block())
        if box.process.poll() is None:
            stop(Qmp(box.qmp_path), kernel)
        return picture(box.memory_file, kernel, options)


def of_program(options, kernel):
    shown, boxes, output = [], [], []

    def sink(data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        output.append(data)
        if options.when and not shown and options.when.encode() in b"".join(output):
            box = boxes[0]
            stop(Qmp(box.qmp_path), kernel)
            shown.append(picture(box.memory_file, kernel, options))
            box.process.kill()

    def inspect(box):
        if not shown:
            shown.append(picture(box.memory_file, kernel, options))

    code, message, _ = run.execute(options.program, options.arguments, memory=options.mem, cpus=options.cpus, boot=options.boot,
                                   timeout=options.timeout, sink=sink, inspect=inspect, started=boxes.append)
    if not shown:
        raise kmemory.Unreadable(message or f"the machine ended with {code}")
    return shown[0]


def main(arguments):
    options = parse(arguments)
    kernel = options.kernel or os.path.join(machine.build_dir(), "mica.elf")
    try:
        if options.memory:
            data = picture(options.memory, kernel, options)
        elif options.qmp:
            data = of_running(options, kernel)
        else:
            machine.ensure_built()
            data = of_program(options, kernel) if options.program else of_prompt(options, kernel)
    except (kmemory.Unreadable, OSError) as trouble:
        print(f"mica memmap: {trouble}", file=sys.stderr)
        return 1
    for kind, count in data["totals"].most_common():
        print(f"{count:8} frames {count * 4:9} KB  {kind}")
    print(f"{data['physical']:8} frames {data['physical'] * 4:9} KB; process {data['process']['name']} "
          f"({data['process']['pid']}): {len(data['process']['regions'])} regions; {options.out}")
    return 0
