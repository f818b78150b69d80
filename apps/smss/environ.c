// SPDX-License-Identifier: MIT
// The first environment block. NT reads it from the registry; until there is one, it is this table.

#include "smss.h"

// Sorted by name, each ending with a NUL; a second NUL ends the block. The number of processors comes between the two.
static const WCHAR SmBefore[] = L"ComSpec=C:\\WINDOWS\\System32\\cmd.exe\0"
                                L"NUMBER_OF_PROCESSORS=";
static const WCHAR SmBehind[] = L"\0"
                                L"OS=Windows_NT\0"
                                L"Path=C:\\WINDOWS\\System32;C:\\WINDOWS\0"
                                L"PATHEXT=.COM;.EXE;.BAT;.CMD\0"
                                L"PROCESSOR_ARCHITECTURE=x86\0"
                                L"PROMPT=$P$G\0"
                                L"SystemDrive=C:\0"
                                L"SystemRoot=C:\\WINDOWS\0"
                                L"TEMP=C:\\WINDOWS\\TEMP\0"
                                L"TMP=C:\\WINDOWS\\TEMP\0"
                                L"windir=C:\\WINDOWS\0";

PVOID SmCreateEnvironment(VOID)
{
    ULONG Processors = NtCurrentPeb()->NumberOfProcessors;
    SIZE_T Size = sizeof(SmBefore) + sizeof(SmBehind) + 2 * sizeof(WCHAR); // at most 32 processors: two digits
    PVOID Block = NULL;
    PWSTR Next;

    if (!NT_SUCCESS(
            NtAllocateVirtualMemory(NtCurrentProcess(), &Block, 0, &Size, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE)))
        return NULL;
    RtlCopyMemory(Block, SmBefore, sizeof(SmBefore));
    Next = (PWSTR)Block + RTL_NUMBER_OF(SmBefore) - 1;
    if (Processors >= 10)
        *Next++ = (WCHAR)(L'0' + Processors / 10);
    *Next++ = (WCHAR)(L'0' + Processors % 10);
    RtlCopyMemory(Next, SmBehind, sizeof(SmBehind));
    return Block;
}
