# SPDX-License-Identifier: MIT
"""Reading the stopped kernel: typed values, lists, strings, symbols."""
import re

import gdb


class Complaint(Exception):
    """Something the user should read, without a traceback."""


def number(value):
    return int(value) & 0xFFFFFFFF


def parse(text):
    """A number, hexadecimal as in WinDbg, or any expression of GDB's."""
    return int(text, 16) & 0xFFFFFFFF if re.fullmatch(r"(0x)?[0-9a-fA-F]+", text) else number(gdb.parse_and_eval(text))


def type_named(kind):
    """A structure's type. The compiler leaves a typedef out that only its pointer's typedef uses: then its tag is there."""
    try:
        return gdb.lookup_type(kind)
    except gdb.error:
        return gdb.lookup_type("struct _" + kind)


def at(address, kind):
    """The structure `kind` at an address."""
    return gdb.Value(address).cast(type_named(kind).pointer()).dereference()


def offset(kind, field):
    for entry in type_named(kind).strip_typedefs().fields():
        if entry.name == field:
            return entry.bitpos // 8
    raise Complaint(f"{kind} has no field {field}: are the symbols those of this kernel?")


def entries(head, kind, field):
    """The structures on a LIST_ENTRY list whose head lies at an address; stops at a broken link."""
    link, back, seen = number(at(head, "LIST_ENTRY")["Flink"]), offset(kind, field), 0
    while link != head and link != 0 and seen < 10000:
        yield link - back
        link = number(at(link, "LIST_ENTRY")["Flink"])
        seen += 1


def wide(unicode_string):
    """The text of a UNICODE_STRING value."""
    length, buffer = int(unicode_string["Length"]), number(unicode_string["Buffer"])
    if length == 0 or buffer == 0:
        return ""
    try:
        return bytes(gdb.selected_inferior().read_memory(buffer, length)).decode("utf-16-le", "replace")
    except gdb.MemoryError:
        return "<not in memory>"


def symbol(address):
    """module!name+offset as the debugger prints it, or the bare number."""
    text = gdb.execute(f"info symbol {address:#x}", to_string=True).strip()
    if text.startswith("No symbol"):
        return f"{address:08x}"
    name = text.split(" in section")[0].replace(" + ", "+")
    return ("nt!" if address >= 0x80000000 else "") + name


def read(address, size=4):
    return int.from_bytes(bytes(gdb.selected_inferior().read_memory(address, size)), "little")


def processors():
    """The addresses of the processor control blocks, by number; none before the kernel has made the first."""
    blocks = gdb.parse_and_eval("KiProcessorBlock")
    return [number(blocks[index]) for index in range(int(gdb.parse_and_eval("(int)KeNumberProcessors"))) if number(blocks[index])]


def current_processor():
    """The number of the processor that GDB has selected (its thread n is processor n - 1)."""
    thread = gdb.selected_thread()
    return thread.num - 1 if thread is not None else 0


def pcr_address(processor=None):
    """The control region of a processor, of the selected one by default."""
    blocks = processors()
    index = current_processor() if processor is None else processor
    if index < len(blocks):
        return blocks[index] - 0x120
    if processor:
        raise Complaint(f"there is no processor {processor}: {len(blocks)} run")
    return 0xFFDFF000


def current_thread():
    return number(at(pcr_address() + 0x120, "KPRCB")["CurrentThread"])


def walk(ebp, count=20):
    """(frame, return address, three arguments) along an ebp chain."""
    for _ in range(count):
        if ebp < 0x10000 or ebp & 3:
            return
        try:
            following, back = read(ebp), read(ebp + 4)
            arguments = [read(ebp + 8 + 4 * index) for index in range(3)]
        except gdb.MemoryError:
            return
        if back < 0x10000:
            return
        yield ebp, back, arguments
        if following <= ebp:
            return
        ebp = following
