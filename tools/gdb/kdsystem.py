# SPDX-License-Identifier: MIT
"""kd pcr, kd prcb, kd running, kd idt, kd pte."""
import gdb
from kdutil import Complaint, at, number, parse, pcr_address, processors, read, symbol


def chosen_pcr(arguments):
    return pcr_address(parse(arguments[0]) if arguments else None)


def pcr(arguments):
    address = chosen_pcr(arguments)
    region = at(address, "KPCR")
    prcb = at(address + 0x120, "KPRCB")
    tib = region["NtTib"]
    print(f"KPCR for Processor {int(region['Number'])} at {address:08x}:")
    print(f"    Major {int(region['MajorVersion'])} Minor {int(region['MinorVersion'])}")
    for title, field in (("ExceptionList", "ExceptionList"), ("StackBase", "StackBase"), ("StackLimit", "StackLimit"),
                         ("SubSystemTib", "SubSystemTib"), ("Version", "Version"), ("UserPointer", "ArbitraryUserPointer"),
                         ("SelfTib", "Self")):
        print(f"{'NtTib.' + title:>20}: {number(tib[field]):08x}")
    print()
    for title, value in (("SelfPcr", region["SelfPcr"]), ("Prcb", region["Prcb"]), ("Irql", region["Irql"]), ("IRR", region["IRR"]),
                         ("IDR", region["IDR"]), ("InterruptMode", 0), ("IDT", region["IDT"]), ("GDT", region["GDT"]),
                         ("TSS", region["TSS"])):
        print(f"{title:>20}: {number(value):08x}")
    print()
    for title in ("CurrentThread", "NextThread", "IdleThread"):
        print(f"{title:>20}: {number(prcb[title]):08x}")
    print(f"\n{'DpcQueue':>20}: ", end="")
    head = number(prcb["DpcData"][0]["DpcListHead"].address)
    link, lines = number(at(head, "LIST_ENTRY")["Flink"]), []
    while link not in (head, 0) and len(lines) < 100:
        dpc = link - 4
        routine = number(at(dpc, "KDPC")["DeferredRoutine"])
        lines.append(f" 0x{dpc:08x} 0x{routine:08x} {symbol(routine)}")
        link = number(at(link, "LIST_ENTRY")["Flink"])
    print("\n".join(lines))


def prcb(arguments):
    address = chosen_pcr(arguments) + 0x120
    block = at(address, "KPRCB")
    print(f"PRCB for Processor {int(block['Number'])} at {address:08x}:")
    print(f"Threads--  Current {number(block['CurrentThread']):08x} Next {number(block['NextThread']):08x} "
          f"Idle {number(block['IdleThread']):08x}")
    print(f"Number {int(block['Number'])} SetMember {number(block['SetMember']):08x}")
    print(f"Interrupt Count -- {number(block['InterruptCount']):08x}")
    print(f"Times -- Dpc    {number(block['DpcTime']):08x} Interrupt {number(block['InterruptTime']):08x}")
    print(f"         Kernel {number(block['KernelTime']):08x} User      {number(block['UserTime']):08x}")


def running(_arguments):
    blocks = [(address, at(address, "KPRCB")) for address in processors()]
    idle = number(gdb.parse_and_eval("KiIdleSummary"))
    print(f"System Processors {number(gdb.parse_and_eval('KeActiveProcessors')):08x} (affinity mask)")
    print(f"  Idle Processors {idle:08x}\n")
    print("       Prcb      Current   Next")
    for address, block in blocks:
        name = "Idle" if number(block["CurrentThread"]) == number(block["IdleThread"]) else image_of(number(block["CurrentThread"]))
        print(f"  {int(block['Number']):>2}   {address:08x}  {number(block['CurrentThread']):08x}  "
              f"{number(block['NextThread']):08x}  {name}")


def image_of(thread):
    process = number(at(thread, "KTHREAD")["ApcState"]["Process"])
    return at(process, "EPROCESS")["ImageFileName"].string(errors="replace") if process else ""


def gate(table, vector):
    low, high = read(table + 8 * vector), read(table + 8 * vector + 4)
    return (high & 0xFFFF0000) | (low & 0xFFFF), low >> 16, high >> 8 & 0xFF


def idt(arguments):
    table = number(at(pcr_address(), "KPCR")["IDT"])
    print("\nDumping IDT:\n")
    chains = interrupt_chains()
    for vector in range(256):
        handler, selector, access = gate(table, vector)
        if not access & 0x80:
            continue
        if access & 0x1F == 5:
            print(f"{vector:02x}:\tTask Selector = 0x{selector:04X}")
        elif vector in chains:
            for index, (routine, interrupt) in enumerate(chains[vector]):
                print(f"{f'{vector:02x}:' if index == 0 else '   '}\t{routine:08x} {symbol(routine)} (KINTERRUPT {interrupt:08x})")
        elif "-a" in arguments or vector < 0x30 and "KiUnexpected" not in symbol(handler):
            print(f"{vector:02x}:\t{handler:08x} {symbol(handler)}")


def interrupt_chains():
    """{vector: [(routine, KINTERRUPT)]} for the connected lines (ke/interrupt.c keeps a list a line)."""
    chains = {}
    try:
        lines = gdb.parse_and_eval("KiInterruptChains")
    except gdb.error:
        return chains
    low, high = lines.type.range()
    for line in range(low, high + 1):
        head = number(lines[line].address)
        link = number(at(head, "LIST_ENTRY")["Flink"])
        while link not in (head, 0):
            interrupt = link - 4
            chains.setdefault(0x30 + line, []).append((number(at(interrupt, "KINTERRUPT")["ServiceRoutine"]), interrupt))
            link = number(at(link, "LIST_ENTRY")["Flink"])
    return chains


def flags_of(entry):
    """The eleven places C G L D A N T U/K W/R E V."""
    no_execute = entry >> 63
    return "".join([
        "C" if entry & 0x200 else "-", "G" if entry & 0x100 else "-", "L" if entry & 0x80 else "-", "D" if entry & 0x40 else "-",
        "A" if entry & 0x20 else "-", "N" if entry & 0x10 else "-", "T" if entry & 8 else "-", "U" if entry & 4 else "K",
        "W" if entry & 2 else "R", "-" if no_execute else "E", "V" if entry & 1 else "-"])


def home_of(entry):
    """Where the page of an entry is that is neither valid nor a prototype's."""
    if entry & 0x800:
        return f"transition, pfn {entry >> 12 & 0xFFFFFF:x}"
    return f"page file {entry >> 1 & 0xF}, slot {entry >> 32:x}" if entry >> 32 else "demand zero"


def pte(arguments):
    if not arguments:
        raise Complaint("which address?")
    va = parse(arguments[0])
    pde_address, pte_address = 0xC0600000 + (va >> 21) * 8, 0xC0000000 + (va >> 12) * 8
    pde = read(pde_address, 8)
    large = bool(pde & 0x80)
    entry = read(pte_address, 8) if pde & 1 and not large else 0
    print(f"{'VA ' + format(va, '08x'):^40}")
    print(f"PDE at {pde_address:08x}            PTE at {pte_address:08x}")
    if not pde & 1:
        print(f"contains {pde:016x}  contains unavailable")
        if pde:
            print(f"page table out: {home_of(pde)}")
        return
    print(f"contains {pde:016x}  contains {entry:016x}" if not large else f"contains {pde:016x}  LARGE PAGE")
    frame = pde >> 12 & 0xFFFFFFFFFF
    text = f"pfn {frame:x}      {flags_of(pde)}"
    if large:
        print(f"pfn {frame + (va >> 12 & 0x1FF):x}      {flags_of(pde)}")
    elif entry & 1:
        print(f"{text}    pfn {entry >> 12 & 0xFFFFFFFFFF:x}      {flags_of(entry)}")
    else:
        print(f"{text}    not valid{': ' + home_of(entry) if entry and not entry & 0x400 else ''}")
