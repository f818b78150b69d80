# SPDX-License-Identifier: MIT
"""A machine's physical memory from outside: Mica's frame database, page tables, processes and descriptors (VADs).

The memory is a file: that of a machine with memory-backend-file (as long as it runs, and when it has ended), or what QEMU's
pmemsave wrote. The kernel image says where its variables are; tools/offsets.c says how its structures look."""
import os
import re
import struct
import subprocess

PAGE = 4096
LARGE = 2 << 20
FRAME_MASK = 0x0000000FFFFFF000
VALID, WRITE, LARGE_BIT, NO_EXECUTE = 1, 2, 0x80, 1 << 63
GAP = (0xE0000000, 0xC0000000, 1 << 32)  # QEMU's pc: from so much memory on, what lies above the second is at the third
LISTS = ["zeroed", "free", "standby", "modified", "modified-no-write", "bad", "active", "transition"]
LIMITS = {"MM_PFN_DATABASE": "PfnDatabase", "MM_SESSION_BASE": "Session", "MM_SESSION_POOL_START": "SessionPool",
          "MM_PAGED_POOL_START": "PagedPool", "MM_SYSTEM_PTE_START": "SystemPte"}
PROTECTIONS = ["NOACCESS", "READONLY", "EXECUTE", "EXECUTE_READ", "READWRITE", "WRITECOPY", "EXECUTE_READWRITE", "EXECUTE_WRITECOPY"]


class Unreadable(Exception):
    """This is not the memory of a Mica machine, or not of this kernel."""


def constants(kernel):
    """The names of tools/offsets.c and their values, from the build that the kernel is of."""
    path = os.path.join(os.path.dirname(kernel), "gen", "offsets.inc")
    with open(path, encoding="ascii") as file:
        return {name: int(value) & 0xFFFFFFFF for name, value in re.findall(r"%define (\S+) (-?\d+)", file.read())}


def symbols(kernel):
    lines = subprocess.run(["i686-linux-gnu-nm", kernel], capture_output=True, text=True, check=True).stdout.splitlines()
    return {row[2]: int(row[0], 16) for row in map(str.split, lines) if len(row) == 3}


class Process:
    def __init__(self, number, name, directory, address):
        self.number, self.name, self.directory, self.address = number, name, directory, address


class Vad:
    def __init__(self, start, end, private, committed, protection, image, file):
        self.start, self.end, self.private, self.committed = start, end, private, committed  # addresses; end is the last byte
        self.protection, self.image, self.file = protection, image, file

    def kind(self):
        return "private" if self.private else "image" if self.image else "mapped file" if self.file else "section"


class Memory:
    def __init__(self, path, kernel):
        self.file = open(path, "rb")  # pylint: disable=consider-using-with
        self.size = os.path.getsize(path)
        self.constants, self.symbols = constants(kernel), symbols(kernel)
        # The directories that boot made are the system process's for ever; they are part of the image, so their physical
        # address is known.
        self.directory = self.symbols["BootPageDirectoryPointers"] - self.constants["MM_KSEG0_BASE"]
        # Limits that /3GB moves are symbols; the variable is one of the words that the boot word changes.
        self.split = self.word(self.symbols["MmSystemRangeStart"])
        prefix = "MmSplit" if self.split == self.symbols["MmSplitSystemRange"] else "MmSplit3"
        for name, symbol in LIMITS.items():
            self.constants[name] = self.symbols[prefix + symbol]
        if self.word(self.symbols["MmNumberOfPhysicalPages"]) in (None, 0):
            raise Unreadable("the machine has not come as far as its memory manager, or this is another kernel's memory")

    def close(self):
        self.file.close()

    def physical(self, address, size):
        threshold, low_end, above = GAP
        if self.size >= threshold and address >= above:
            address -= above - low_end
        self.file.seek(address)
        return self.file.read(size)

    def table(self, address):
        return struct.unpack("<512Q", self.physical(address, PAGE).ljust(PAGE, b"\0"))

    def translate(self, va, directory=None):
        """(physical address, entry), or None if the page is not valid."""
        pointer, = struct.unpack("<Q", self.physical((directory or self.directory) + (va >> 30) * 8, 8))
        if not pointer & VALID:
            return None
        pde, = struct.unpack("<Q", self.physical((pointer & FRAME_MASK) + (va >> 21 & 511) * 8, 8))
        if not pde & VALID:
            return None
        if pde & LARGE_BIT:
            return (pde & FRAME_MASK & -LARGE) + (va & LARGE - 1), pde
        pte, = struct.unpack("<Q", self.physical((pde & FRAME_MASK) + (va >> 12 & 511) * 8, 8))
        return ((pte & FRAME_MASK) + (va & PAGE - 1), pte) if pte & VALID else None

    def read(self, va, size, directory=None):
        """Virtual memory; None if some of it is not there."""
        out = b""
        while len(out) < size:
            place = self.translate(va + len(out), directory)
            if place is None:
                return None
            out += self.physical(place[0], min(size - len(out), PAGE - (place[0] & PAGE - 1)))
        return out

    def word(self, va):
        data = self.read(va, 4)
        return None if data is None else struct.unpack("<I", data)[0]

    def mappings(self, first, last, directory=None):
        """(address, physical address, pages, entry) of every valid page or large page of [first, last], and the addresses and
        contents of entries that are not valid and not 0."""
        invalid, found = [], []
        pointers = struct.unpack("<4Q", self.physical(directory or self.directory, 32))
        for index in range(first >> 21, (last >> 21) + 1):
            pointer = pointers[index >> 9]
            pde = self._pde(pointer, index & 511) if pointer & VALID else 0
            if not pde & VALID:
                continue
            base = index << 21
            if pde & LARGE_BIT:
                found.append((base, pde & FRAME_MASK & -LARGE, 512, pde))
                continue
            for slot, pte in enumerate(self.table(pde & FRAME_MASK)):
                va = base + (slot << 12)
                if pte & VALID:
                    found.append((va, pte & FRAME_MASK, 1, pte))
                elif pte:
                    invalid.append((va, pte))
        return found, invalid

    def _pde(self, pointer, slot):
        cache = self.__dict__.setdefault("directories", {})
        frame = pointer & FRAME_MASK
        if frame not in cache:
            cache[frame] = self.table(frame)
        return cache[frame][slot]

    def frames(self):
        """[(frame number, list name, is shared)] of all RAM, from the frame database."""
        length, base = self.constants["MMPFN_LENGTH"], self.constants["MM_PFN_DATABASE"]
        flags = self.constants["MMPFN.Flags"]
        location, prototype = self.constants["MMPFN_LOCATION"], self.constants["MMPFN_PROTOTYPE"]
        shift = (location & -location).bit_length() - 1
        rows = []
        for first, last in self.ram():
            for number in range(first, last + 1):
                va = base + number * length + flags
                if number == first or va & PAGE - 1 < length:
                    page_va = va & -PAGE
                    page = self.read(page_va, PAGE)
                word, = struct.unpack_from("<H", page, va - page_va)
                rows.append((number, LISTS[(word & location) >> shift], bool(word & prototype)))
        return rows

    def ram(self):
        """[(first, last)] frame numbers (struct MI_RAM_RUN)."""
        count, table = self.word(self.symbols["MiRamRunCount"]), self.symbols["MiRamRuns"]
        return [struct.unpack("<II", self.read(table + index * 12, 8)) for index in range(count)]

    def processes(self):
        names = self.constants
        head = self.symbols["PsActiveProcessHead"]
        link, out = self.word(head), []
        while link not in (head, None) and len(out) < 10000:
            address = link - names["EPROCESS.ActiveProcessLinks"]
            name = self.read(address + names["EPROCESS.ImageFileName"], 16) or b""
            out.append(Process(self.word(address + names["EPROCESS.UniqueProcessId"]),
                               name.split(b"\0")[0].decode("latin-1") or "System",
                               self.word(address + names["EPROCESS.DirectoryTableBase"]), address))
            link = self.word(link)
        return out

    def vads(self, process):
        """The process's descriptors in ascending order."""
        stack, out, seen = [self.word(process.address + self.constants["EPROCESS.VadRoot"])], [], set()
        while stack:
            address = stack.pop()
            if not address or address in seen:
                continue
            seen.add(address)
            out.append(self._vad(address))
            stack += [self.word(address + self.constants["MMVAD.LeftChild"]), self.word(address + self.constants["MMVAD.RightChild"])]
        return sorted(out, key=lambda vad: vad.start)

    def _vad(self, address):
        names = self.constants
        flags = self.word(address + names["MMVAD.Flags"])
        private = bool(flags & names["MMVAD_PRIVATE"])
        mask = names["MMVAD_PROTECTION"]
        protection = (flags & mask) // (mask & -mask)
        return Vad(self.word(address + names["MMVAD.StartingVpn"]) << 12,
                   (self.word(address + names["MMVAD.EndingVpn"]) << 12) + PAGE - 1, private,
                   bool(flags & names["MMVAD_COMMITTED"]), PROTECTIONS[protection & 7] + ("+GUARD" if protection & 0x18 == 0x10 else ""),
                   flags & names["MMVAD_TYPE"] == names["MMVAD_TYPE_IMAGE"], "" if private else self._file_name(address))

    def _file_name(self, vad):
        names = self.constants
        area = self.word(vad + names["MMVAD.ControlArea"])
        file = self.word(area + names["CONTROL_AREA.FilePointer"]) if area else None
        header = self.read((file & ~7) + names["FILE_OBJECT.FileName"], 8) if file else None
        if header is None:
            return ""
        length, _, buffer = struct.unpack("<HHI", header)
        text = self.read(buffer, length) if buffer else None
        return text.decode("utf-16-le", "replace") if text else ""
