# SPDX-License-Identifier: MIT
"""kd process, kd thread, kd stacks, kd symbols."""
import os

import gdb
from kdutil import Complaint, at, current_thread, entries, number, offset, parse, read, symbol, walk
from ntnames import KINDS, REASONS, STATES


# KPROCESS_STATE
PROCESS_STATES = ("in memory", "out of memory", "in transition", "out transition", "in swap", "out swap")


def image_name(process):
    return process["ImageFileName"].string(errors="replace")


def ticks_text(ticks):
    milliseconds = ticks * 15625 // 1000
    return f"{milliseconds // 3600000}:{milliseconds // 60000 % 60:02}:{milliseconds // 1000 % 60:02}.{milliseconds % 1000:04}"


def processes():
    return entries(number(gdb.parse_and_eval("&PsActiveProcessHead")), "EPROCESS", "ActiveProcessLinks")


def threads_of(address):
    head = address + offset("EPROCESS", "ThreadListHead")
    return entries(head, "ETHREAD", "ThreadListEntry")


def print_process(address, flags):
    process = at(address, "EPROCESS")
    table = number(process["ObjectTable"])
    handles = int(at(table, "HANDLE_TABLE")["HandleCount"]) if table else 0
    print(f"PROCESS {address:08x}  SessionId: {int(process['SessionId'])}  Cid: {number(process['UniqueProcessId']):04x}    "
          f"Peb: {number(process['Peb']):08x}  ParentCid: {number(process['InheritedFromUniqueProcessId']):04x}")
    print(f"    DirBase: {number(process['Pcb']['DirectoryTableBase']):08x}  ObjectTable: {table:08x}  HandleCount: {handles}.")
    print(f"    Image: {image_name(process)}")
    print(f"    State: {PROCESS_STATES[int(process['Pcb']['State'])]}  Stacks: {int(process['Pcb']['StackCount'])}")
    if flags & 1:
        vm = process["Vm"]
        now, least, most = (int(vm[name]) for name in ("WorkingSetSize", "MinimumWorkingSetSize", "MaximumWorkingSetSize"))
        print(f"    VadRoot {number(process['VadRoot']['Root']):08x} Vads {int(process['VadRoot']['Count'])} Clone 0 "
              f"Private {int(process['NumberOfPrivatePages'])}. Modified 0. Locked 0.")
        print(f"    DeviceMap {0:08x}\n    Token                             {number(process['Token']):08x}")
        print(f"    UserTime                          {ticks_text(int(process['Pcb']['UserTime']))}")
        print(f"    KernelTime                        {ticks_text(int(process['Pcb']['KernelTime']))}")
        print(f"    Working Set Sizes (now,min,max)  ({now}, {least}, {most}) ({now * 4}KB, {least * 4}KB, {most * 4}KB)")
        print(f"    PeakWorkingSetSize                {int(vm['PeakWorkingSetSize'])}")
        print(f"    VirtualSize                       {int(process['VirtualSize']) >> 20} Mb")
        print(f"    PageFaultCount                    {int(vm['PageFaultCount'])}")
        print(f"    BasePriority                      {int(process['Pcb']['BasePriority'])}")
        print(f"    CommitCharge                      {int(process['CommitCharge'])}")
    print()
    if flags & 2:
        for thread_address in threads_of(address):
            print_thread(thread_address, stack=bool(flags & 4))


def process(arguments):
    words = [word for word in arguments]
    chosen = parse(words[0]) if words else None
    flags = parse(words[1]) if len(words) > 1 else (3 if chosen in (None, 0, 0xFFFFFFFF) else 0xF)
    image = words[2].lower() if len(words) > 2 else None
    if chosen == 0:
        print("**** NT ACTIVE PROCESS DUMP ****")
        flags = parse(words[1]) if len(words) > 1 else 0
        for address in processes():
            if image is None or image_name(at(address, "EPROCESS")).lower() == image:
                print_process(address, flags)
        return
    if chosen is None or chosen == 0xFFFFFFFF:
        chosen = number(at(current_thread(), "KTHREAD")["ApcState"]["Process"])
    print_process(chosen, flags)


def wait_lines(tcb):
    """The objects a waiting thread waits for."""
    block, first, lines = number(tcb["WaitBlockList"]), number(tcb["WaitBlockList"]), []
    while block and len(lines) < 64:
        entry = at(block, "KWAIT_BLOCK")
        address = number(entry["Object"])
        lines.append(f"    {address:08x}  {KINDS.get(int(at(address, 'DISPATCHER_HEADER')['Type']), 'Unknown')}")
        block = number(entry["NextWaitBlock"])
        if block == first:
            break
    return lines


def print_stack(tcb, is_current):
    print("    ChildEBP RetAddr  Args to Child")
    if is_current:
        ebp = number(gdb.parse_and_eval("(unsigned)$ebp"))
    else:
        ebp = saved_ebp(tcb)
    for frame, back, words in walk(ebp):
        print(f"    {frame:08x} {back:08x} {' '.join(f'{word:08x}' for word in words)} {symbol(back)}")


def saved_ebp(tcb):
    """The ebp of a thread that is not running: KiSwapContext pushed ebp, ebx, esi, edi and the exception list."""
    return read(number(tcb["KernelStack"]) + 16)


def running_ebp(tcb):
    """The ebp of a thread that runs: a register of its processor."""
    here = gdb.selected_thread()
    for thread in gdb.selected_inferior().threads():
        if thread.num == int(tcb["NextProcessor"]) + 1:
            thread.switch()
    ebp = number(gdb.parse_and_eval("(unsigned)$ebp"))
    here.switch()
    return ebp


def print_thread(address, stack=True):
    thread = at(address, "ETHREAD")
    tcb = thread["Tcb"]
    current = address == current_thread()
    state = int(tcb["State"])
    words = STATES[state]
    if state == 2:
        words = f"RUNNING on processor {int(tcb['NextProcessor'])}"
    elif state in (5, 8):
        words = (f"WAIT: ({REASONS[int(tcb['WaitReason'])]}) {'UserMode' if int(tcb['WaitMode']) else 'KernelMode'} "
                 f"{'Alertable' if int(tcb['Alertable']) else 'Non-Alertable'}")
    cid = thread["Cid"]
    print(f"THREAD {address:08x}  Cid {number(cid['UniqueProcess']):04x}.{number(cid['UniqueThread']):04x}  "
          f"Teb: {number(tcb['Teb']):08x} Win32Thread: {number(tcb['Win32Thread']):08x} {words}")
    if state in (5, 8):
        print("\n".join(wait_lines(tcb)))
    owner, attached = number(thread["ThreadsProcess"]), number(tcb["ApcState"]["Process"])
    print("Not impersonating")
    print(f"DeviceMap                 {0:08x}")
    print(f"Owning Process            {owner:08x}       Image:         {image_name(at(owner, 'EPROCESS'))}")
    if attached not in (owner, 0):
        print(f"Attached Process          {attached:08x}       Image:         {image_name(at(attached, 'EPROCESS'))}")
    else:
        print("Attached Process          N/A            Image:         N/A")
    ticks = number(gdb.parse_and_eval("KeTickCount.LowPart"))
    print(f"Wait Start TickCount      {int(tcb['WaitTime'])}            Ticks: {ticks - int(tcb['WaitTime'])}")
    print(f"Context Switch Count      {int(tcb['ContextSwitches'])}             IdealProcessor: {int(tcb['IdealProcessor'])}")
    print(f"UserTime                  {ticks_text(int(tcb['UserTime']))}\nKernelTime                {ticks_text(int(tcb['KernelTime']))}")
    if number(thread["Win32StartAddress"]):
        print(f"Win32 Start Address {symbol(number(thread['Win32StartAddress']))} (0x{number(thread['Win32StartAddress']):08x})")
    print(f"Start Address {symbol(number(thread['StartAddress']))} (0x{number(thread['StartAddress']):08x})")
    print(f"Stack Init {number(tcb['InitialStack']):08x} Current {number(tcb['KernelStack']):08x} Base {number(tcb['StackBase']):08x} "
          f"Limit {number(tcb['StackLimit']):08x} Call {number(tcb['CallbackStack']):08x}")
    print(f"Priority {int(tcb['Priority'])} BasePriority {int(tcb['BasePriority'])} PriorityDecrement {int(tcb['PriorityDecrement'])}")
    if stack and number(tcb["InitialStack"]):
        print_stack(tcb, current)
    print()


def thread(arguments):
    print_thread(parse(arguments[0]) if arguments else current_thread())


def stacks(arguments):
    level = parse(arguments[0]) if arguments else 0
    print("Proc.Thread  .Thread  ThreadState  Blocker")
    for address in processes():
        print(f"{'[' + image_name(at(address, 'EPROCESS')) + ']':^60}")
        for thread_address in threads_of(address):
            entry = at(thread_address, "ETHREAD")
            tcb, cid = entry["Tcb"], entry["Cid"]
            running = int(tcb["State"]) == 2
            ebp = running_ebp(tcb) if running else saved_ebp(tcb)
            frames = [symbol(back) for _, back, _ in walk(ebp)]
            blocker = next((name for name in frames if not any(word in name for word in ("KiSwap", "KeWait", "KeDelay", "KiCommit"))), "")
            print(f"{number(cid['UniqueProcess']):4x}.{number(cid['UniqueThread']):06x}  {thread_address:08x} "
                  f"{STATES[int(tcb['State'])]:12} {'RUNNING' if running else blocker}")
            if level >= 2:
                print("\n".join("        " + name for name in frames))


LOADED = {}


def symbols(arguments):
    """Adds the symbol files of the user modules that the current process has loaded."""
    current = at(number(at(current_thread(), "KTHREAD")["ApcState"]["Process"]), "EPROCESS")
    if not number(current["Peb"]):
        raise Complaint("the current process has no user part")
    loader = number(at(number(current["Peb"]), "PEB")["Ldr"])
    if not loader:
        raise Complaint("ntdll has not set up the module list yet")
    folder = os.environ.get("MICA_USER_FOLDER") or (arguments[0] if arguments else "build/checked/user")
    for base, size, name in user_modules(loader):
        path = os.path.join(folder, name.lower())
        if os.path.exists(path) and LOADED.get(name) != base:
            gdb.execute(f"add-symbol-file {path} {text_address(path, base):#x}", to_string=True)
            LOADED[name] = base
        print(f"{base:08x} {base + size:08x}   {os.path.splitext(name)[0]:16} "
              f"{'(symbols)' if LOADED.get(name) == base else '(no symbols)'}")


def user_modules(loader):
    """(base, size, name) in load order. The layouts are Windows' own (inc/nt/ntps.h); the kernel never uses these types, so
    its symbols do not have them: PEB_LDR_DATA.InLoadOrderModuleList is at 0C, DllBase at 18, SizeOfImage at 20,
    BaseDllName at 2C of LDR_DATA_TABLE_ENTRY, which begins with its link."""
    head = loader + 0x0C
    entry = read(head)
    for _ in range(256):
        if entry in (head, 0):
            return
        length, buffer = read(entry + 0x2C, 2), read(entry + 0x30)
        name = bytes(gdb.selected_inferior().read_memory(buffer, length)).decode("utf-16-le", "replace")
        yield read(entry + 0x18), read(entry + 0x20), name
        entry = read(entry)


def text_address(path, base):
    """Where a PE file's .text lies when the image is at base."""
    with open(path, "rb") as file:
        data = file.read(4096)
    header = int.from_bytes(data[0x3C:0x40], "little")
    first = header + 24 + int.from_bytes(data[header + 20:header + 22], "little")
    return base + int.from_bytes(data[first + 12:first + 16], "little")
