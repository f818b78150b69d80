#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes, from tools/services.tbl, one of:
  table   the kernel's KiServiceTable and KiArgumentTable (C)
  zw      the kernel's Zw* stubs, which enter the dispatcher with PreviousMode = KernelMode (NASM, ELF)
  nt      ntdll's Nt*/Zw* stubs (NASM, win32)
  status  the Markdown table of services that are not built (docs/status.md)
"""
import sys


def read_table(path):
    services = []
    with open(path, encoding="ascii") as lines:
        for number, line in enumerate(lines, 1):
            line = line.split("#")[0].split()
            if not line:
                continue
            if len(line) != 4 or int(line[0], 16) != len(services) or int(line[2]) % 4:
                sys.exit(f"{path}:{number}: expected '<next number> <name> <argument bytes> built|-'")
            services.append((int(line[0], 16), line[1], int(line[2]), line[3] == "built"))
    return services


def table(services):
    out = ["// Made by tools/services.py from tools/services.tbl.", '#include "ke.h"', "",
           '#pragma GCC diagnostic ignored "-Wunused-parameter"', ""]
    out += ["static NTSTATUS NTAPI KiServiceNotImplemented%d(%s)\n{\n    return STATUS_NOT_IMPLEMENTED;\n}" % (
        size, ", ".join(f"ULONG A{i}" for i in range(size // 4)) or "VOID") for size in sorted({s[2] for s in services if not s[3]})]
    out += ["", "#pragma GCC diagnostic ignored \"-Wcast-function-type\"", "PVOID KiServiceTable[] = {"]
    out += ["    [0x%03X] = (PVOID)%s," % (n, f"Nt{name}" if built else f"KiServiceNotImplemented{size}")
            for n, name, size, built in services]
    out += ["};", "UCHAR KiArgumentTable[] = {"]
    out += ["    %d," % size for _, _, size, _ in services]
    out += ["};", "const ULONG KiServiceLimit = %d;" % len(services)]
    return out


def zw(services):
    out = ["; Made by tools/services.py from tools/services.tbl.",
           "; A call from kernel mode: the same trap frame and dispatcher as int 2Eh, with the caller's CS = KGDT_R0_CODE.",
           "section .text", "extern KiSystemServiceFromKernel"]
    for n, name, size, built in services:
        if built:
            out += [f"global Zw{name}", f"Zw{name}:", f"    mov eax, 0x{n:X}", "    lea edx, [esp + 4]",
                    "    pushfd", "    push dword 8", "    call KiSystemServiceFromKernel", f"    ret {size}"]
    return out


def nt(services):
    out = ["; Made by tools/services.py from tools/services.tbl.", "section .text"]
    for n, name, size, _ in services:
        out += [f"global _Nt{name}@{size}", f"global _Zw{name}@{size}", f"_Nt{name}@{size}:", f"_Zw{name}@{size}:",
                f"    mov eax, 0x{n:X}", "    mov edx, 0x7FFE0300", "    call [edx]", f"    ret {size}"]
    return out


def status(services):
    missing = [(n, name) for n, name, _, built in services if not built]
    out = [f"{len(services) - len(missing)} of {len(services)} services are built; these return `STATUS_NOT_IMPLEMENTED`:", "",
           "| number | service |", "|---|---|"]
    return out + [f"| 0x{n:03X} | Nt{name} |" for n, name in missing]


def main():
    kinds = {"table": table, "zw": zw, "nt": nt, "status": status}
    if len(sys.argv) != 3 or sys.argv[2] not in kinds:
        sys.exit(f"usage: services.py TABLE {'|'.join(kinds)}")
    print("\n".join(kinds[sys.argv[2]](read_table(sys.argv[1]))))


if __name__ == "__main__":
    main()
