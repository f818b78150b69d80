# SPDX-License-Identifier: MIT
"""The layouts that user mode and drivers see are those of mingw-w64's headers: both are compiled and compared."""
import os
import re
import subprocess

from front import check, machine

SDK = """#include <windows.h>
#include <winternl.h>
"""
DDK = "#include <ntifs.h>\n"
OURS = '#include "ntos.h"\n'

# structure: fields; compared with the SDK's (winnt.h, winternl.h)
USER = {
    "CONTEXT": "ContextFlags Dr0 Dr7 FloatSave SegGs Edi Eax Ebp Eip EFlags Esp SegSs ExtendedRegisters",
    "EXCEPTION_RECORD": "ExceptionCode ExceptionFlags ExceptionRecord ExceptionAddress NumberParameters ExceptionInformation",
    "FLOATING_SAVE_AREA": "ControlWord TagWord RegisterArea Cr0NpxState",
    "NT_TIB": "ExceptionList StackBase StackLimit Self",
    "MEMORY_BASIC_INFORMATION": "BaseAddress AllocationBase RegionSize State Protect Type",
    "IMAGE_DOS_HEADER": "e_magic e_lfanew",
    "IMAGE_NT_HEADERS32": "Signature FileHeader OptionalHeader",
    "IMAGE_OPTIONAL_HEADER32": "AddressOfEntryPoint ImageBase SizeOfImage Subsystem NumberOfRvaAndSizes DataDirectory",
    "IMAGE_SECTION_HEADER": "Misc VirtualAddress SizeOfRawData PointerToRawData Characteristics",
    "IMAGE_EXPORT_DIRECTORY": "Name Base NumberOfNames AddressOfNameOrdinals",
    "IMAGE_IMPORT_DESCRIPTOR": "OriginalFirstThunk Name FirstThunk",
    "IMAGE_TLS_DIRECTORY32": "AddressOfIndex AddressOfCallBacks SizeOfZeroFill",
    "RTL_CRITICAL_SECTION": "DebugInfo LockCount RecursionCount OwningThread LockSemaphore SpinCount",
    "UNICODE_STRING": "Length MaximumLength Buffer",
    "OBJECT_ATTRIBUTES": "Length RootDirectory ObjectName Attributes SecurityDescriptor SecurityQualityOfService",
    "IO_STATUS_BLOCK": "Status Information",
    "CLIENT_ID": "UniqueProcess UniqueThread",
    "FILE_BOTH_DIR_INFORMATION": "NextEntryOffset EndOfFile FileNameLength EaSize ShortNameLength ShortName FileName",
    "FILE_STANDARD_INFORMATION": "AllocationSize EndOfFile NumberOfLinks DeletePending Directory",
    "FILE_RENAME_INFORMATION": "RootDirectory FileNameLength FileName",
    "SYSTEM_BASIC_INFORMATION": "NumberOfProcessors",
    "SYSTEM_PERFORMANCE_INFORMATION": "", "SYSTEM_TIMEOFDAY_INFORMATION": "", "SYSTEM_INTERRUPT_INFORMATION": "",
    "SYSTEM_EXCEPTION_INFORMATION": "", "SYSTEM_PROCESSOR_PERFORMANCE_INFORMATION": "IdleTime KernelTime UserTime",
    "SYSTEM_PROCESS_INFORMATION": "NextEntryOffset",
    "PROCESS_BASIC_INFORMATION": "PebBaseAddress UniqueProcessId",
    "ACL": "AclRevision AclSize AceCount",
    "SECURITY_DESCRIPTOR": "Revision Control Owner Dacl",
}
# compared with the DDK's (ntifs.h, wdm.h)
KERNEL = {
    "DISPATCHER_HEADER": "SignalState WaitListHead",
    "KEVENT": "", "KSEMAPHORE": "Limit", "KMUTANT": "MutantListEntry OwnerThread Abandoned ApcDisable",
    "KTIMER": "DueTime TimerListEntry Dpc Period", "KDPC": "DpcListEntry DeferredRoutine DpcData",
    "KAPC": "Thread ApcListEntry KernelRoutine NormalRoutine SystemArgument2 ApcStateIndex Inserted",
    "KWAIT_BLOCK": "WaitListEntry Thread Object NextWaitBlock WaitKey WaitType",
    "MDL": "Next Size MdlFlags Process MappedSystemVa StartVa ByteCount ByteOffset",
    "IRP": "MdlAddress Flags AssociatedIrp ThreadListEntry IoStatus RequestorMode StackCount Cancel UserIosb UserEvent Overlay "
           "CancelRoutine UserBuffer Tail",
    "IO_STACK_LOCATION": "MajorFunction Parameters DeviceObject FileObject CompletionRoutine Context",
    "DEVICE_OBJECT": "DriverObject NextDevice AttachedDevice CurrentIrp Flags DeviceExtension DeviceType StackSize DeviceQueue Dpc "
                     "DeviceLock DeviceObjectExtension",
    "DRIVER_OBJECT": "DeviceObject DriverName FastIoDispatch DriverStartIo MajorFunction",
    "FILE_OBJECT": "DeviceObject FsContext SectionObjectPointer LockOperation Flags FileName CurrentByteOffset Lock Event",
    "SECTION_OBJECT_POINTERS": "DataSectionObject SharedCacheMap ImageSectionObject",
    "KUSER_SHARED_DATA": "InterruptTime SystemTime ImageNumberLow NtSystemRoot LargePageMinimum NtProductType NtMajorVersion "
                         "ProcessorFeatures AlternativeArchitecture SystemExpirationDate SuiteMask KdDebuggerEnabled NXSupportPolicy "
                         "ActiveConsoleId NumberOfPhysicalPages SafeBootMode TestRetInstruction SystemCall TickCount Cookie "
                         "Wow64SharedInformation UserModeGlobalLogger InterruptTimeBias ActiveProcessorCount XState",
}


def names(table):
    result = []
    for structure, fields in table.items():
        result.append(f"sizeof({structure})")
        result += [f"__builtin_offsetof({structure}, {field})" for field in fields.split()]
    return result


def values(folder, includes, table, command):
    """What a compiler says of each name, in order."""
    path = os.path.join(folder, "layout.c")
    with open(path, "w", encoding="ascii") as file:
        file.write(includes + "const unsigned Layout[] = {\n" + ",\n".join(names(table)) + "};\n")
    output = os.path.join(folder, "layout.s")
    done = subprocess.run([*command, "-S", "-o", output, path], capture_output=True, text=True, cwd=machine.ROOT)
    assert done.returncode == 0, done.stderr[:2000]
    with open(output, encoding="ascii") as file:
        text = file.read()
    return [int(word) for word in re.findall(r"\.long\s+(\d+)", text[text.index("Layout"):])]


def compare(table, theirs):
    include = ["-Iinc/nt", "-Iinc/ntos", f"-I{os.path.join(machine.build_dir(), 'inc')}", "-I."]
    ours = ["i686-linux-gnu-gcc", "-DMICA_KERNEL", "-std=gnu11", "-ffreestanding", "-fshort-wchar", "-mms-bitfields", "-w", *include]
    stock = ["i686-w64-mingw32-gcc", "-w", "-isystem", "/usr/share/mingw-w64/include/ddk"]
    with check.scratch() as folder:
        first, second = values(folder, OURS, table, ours), values(folder, theirs, table, stock)
    wrong = [f"{name}: ours {a:#x}, mingw-w64's {b:#x}" for name, a, b in zip(names(table), first, second) if a != b]
    assert len(first) == len(second) == len(names(table)), (len(first), len(second))
    assert not wrong, "\n".join(wrong)


def test_user_layouts_are_the_sdks():
    compare(USER, SDK)


def test_kernel_layouts_are_the_ddks():
    compare(KERNEL, DDK)
