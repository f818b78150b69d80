# SPDX-License-Identifier: MIT
"""Reads the kernel's event rings (inc/ntos/kdtrace.h) out of a machine's memory. What events there are, and what their
arguments mean, comes from the table beside the rings; only the header's own layout is known here."""
import functools
import os
import struct
from collections import namedtuple

import ntnames
import services

SIGNATURE = b"MICATRC1"
HEADER = struct.Struct("<8s8I")  # signature, record size, rings (count, offset, size), types (count, offset, size), mask
RING = struct.Struct("<QIII")    # written, capacity, physical address, virtual address
TYPE = struct.Struct("<16s12sI64s")
RECORD = struct.Struct("<QBBBBI4I")
SHARED_NAME = "process and thread"

Event = namedtuple("Event", "time cpu irql thread name values")
Type = namedtuple("Type", "name group mask fields")


class NoTrace(Exception):
    """There are no rings where they were looked for."""


@functools.lru_cache(maxsize=None)
def service_names():
    table = os.path.join(os.path.dirname(os.path.realpath(__file__)), "services.tbl")
    return ["Nt" + row[1] for row in services.read_table(table)]


def text(raw):
    return raw.split(b"\0")[0].decode("latin-1")


class Rings:
    """read(address, size) gives bytes at a physical address, or at a virtual one if virtual is set."""

    def __init__(self, read, header, virtual=False):
        fields = HEADER.unpack(read(header, HEADER.size))
        if fields[0] != SIGNATURE:
            raise NoTrace("the kernel was not told to trace (/TRACE)")
        self.read, self.virtual = read, virtual
        _, self.record_size, rings, ring_at, ring_size, types, type_at, type_size, self.mask = fields
        self.types = []
        for index in range(types):
            name, group, mask, names = TYPE.unpack(read(header + type_at + index * type_size, TYPE.size))
            self.types.append(Type(text(name), text(group).lower(), mask, [pair.split(":") for pair in text(names).split()]))
        self.rings = [RING.unpack(read(header + ring_at + index * ring_size, RING.size)) for index in range(rings)]

    def ring(self, number, last=None):
        """The events of a ring, oldest first, and how many were overwritten."""
        written, capacity, physical, virtual = self.rings[number]
        if not capacity:
            return [], 0
        count = min(written, capacity, last or written)
        base, events = virtual if self.virtual else physical, []
        if last is None:
            data = self.read(base, capacity * self.record_size)
        for index in range(written - count, written):
            place = index % capacity * self.record_size
            raw = data[place:place + RECORD.size] if last is None else self.read(base + place, RECORD.size)
            event = self.event(raw)
            if event:
                events.append(event)
        return events, max(0, written - capacity)

    def event(self, raw):
        time, kind, irql, cpu, _, thread, *arguments = RECORD.unpack(raw)
        if kind >= len(self.types) or time == 0:
            return None  # cut off in the middle of writing it
        entry, values = self.types[kind], {}
        for index, (name, what) in enumerate(entry.fields):
            values[name] = text(struct.pack("<4I", *arguments)[4 * index:]) if what == "text" else arguments[index]
        return Event(time, cpu, irql, thread, entry.name, values)

    def all(self):
        """Every event of every ring in order of time, and {processor or SHARED_NAME: lost}."""
        events, lost, begin = [], {}, 0
        for number in range(len(self.rings)):
            found, missing = self.ring(number)
            shared = number == len(self.rings) - 1
            if missing:
                lost[SHARED_NAME if shared else number] = missing
            if missing and not shared and found:
                begin = max(begin, found[0].time)  # before it, this processor is unknown
            events += found
        names = {entry.name for entry in self.types if entry.group == "ids"}
        events = [event for event in events if event.time >= begin or event.name in names]
        return sorted(events, key=lambda event: (event.time, event.cpu)), lost

    def words(self, event, symbol=hex, thread=None):
        """An event's arguments in words."""
        kinds = dict(next(entry for entry in self.types if entry.name == event.name).fields)
        return " ".join(f"{name}={in_words(kinds[name], value, symbol, thread)}" for name, value in event.values.items())


def in_words(kind, value, symbol=hex, thread=None):
    if kind in ("thread", "process"):
        return thread(value) if thread and kind == "thread" else f"{value:x}"
    if kind == "state":
        return ntnames.word(ntnames.STATES, value)
    if kind == "reason":
        return ntnames.word(ntnames.REASONS, value)
    if kind == "type":
        return ntnames.word(ntnames.KINDS, value)
    if kind == "code":
        return symbol(value) if value else "none"
    if kind in ("number", "line"):
        return str(value if value < 1 << 31 else value - (1 << 32))
    if kind == "service":
        return ntnames.word(service_names(), value)
    if kind == "text":
        return value
    return f"{value:08x}" if kind in ("status", "object") else f"{value:x}"
