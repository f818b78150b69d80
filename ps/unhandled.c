// SPDX-License-Identifier: MIT
// The second chance: an exception that nobody in the process wanted ends the process, and says so in one line.

#include "psp.h"

// Called by ke/'s dispatcher on the way out of the second chance. IRQL PASSIVE_LEVEL. Does not return.
VOID PsUnhandledUserException(PEXCEPTION_RECORD Record, PKTRAP_FRAME TrapFrame)
{
    PEPROCESS Process = PsGetCurrentProcess();
    NTSTATUS Code = Record->ExceptionCode;

    if (Record->NumberParameters >= 2 && Code == STATUS_ACCESS_VIOLATION)
        DbgPrint("%s (%x.%x): unhandled exception 0x%08X at %08X: %s %08X\n", Process->ImageFileName,
                 (ULONG)(ULONG_PTR)PsGetCurrentProcessId(), (ULONG)(ULONG_PTR)PsGetCurrentThreadId(), Code,
                 TrapFrame->Eip,
                 Record->ExceptionInformation[0] == EXCEPTION_WRITE_FAULT     ? "writing"
                 : Record->ExceptionInformation[0] == EXCEPTION_EXECUTE_FAULT ? "executing"
                                                                              : "reading",
                 (ULONG)Record->ExceptionInformation[1]);
    else
        DbgPrint("%s (%x.%x): unhandled exception 0x%08X at %08X\n", Process->ImageFileName,
                 (ULONG)(ULONG_PTR)PsGetCurrentProcessId(), (ULONG)(ULONG_PTR)PsGetCurrentThreadId(), Code,
                 TrapFrame->Eip);
    ZwTerminateProcess(NtCurrentProcess(), Code);
}
