// SPDX-License-Identifier: MIT
// Ps' start: the types, the idle process (made by ke/ before there were objects), the system process, the phase 1
// thread.

#include "psp.h"

PEPROCESS PsInitialSystemProcess, PsIdleProcess;

// KUSER_SHARED_DATA (WDK, ntddk.h)
#define PSP_SUITE_MASK (0x10 | 0x100) // VER_SUITE_TERMINAL, VER_SUITE_SINGLEUSERTS: a workstation
#define PSP_LARGE_PAGE 0x200000       // PAE
#define PSP_RET_INSTRUCTION 0xC3

// The secret with which kernel32 and ntdll hide pointers: differs from boot to boot where the clock does.
static ULONG PspMakeCookie(VOID)
{
    LARGE_INTEGER Time, Counter = KeQueryPerformanceCounter(NULL);

    KeQuerySystemTime(&Time);
    return (Time.LowPart ^ (ULONG)Time.HighPart ^ (Counter.LowPart * 0x9E3779B9u)) | 1;
}

static VOID PspDescribeSystem(VOID)
{
    static const WCHAR Root[] = L"C:\\WINDOWS";

    RtlCopyMemory(SharedUserData->NtSystemRoot, Root, sizeof(Root));
    SharedUserData->NtMajorVersion = 6;
    SharedUserData->NtMinorVersion = 1;
    SharedUserData->NtProductType = 1;
    SharedUserData->ProductTypeIsValid = TRUE;
    SharedUserData->ImageNumberLow = IMAGE_FILE_MACHINE_I386;
    SharedUserData->ImageNumberHigh = IMAGE_FILE_MACHINE_I386;
    SharedUserData->NumberOfPhysicalPages = MmNumberOfPhysicalPages;
    SharedUserData->SuiteMask = PSP_SUITE_MASK;
    SharedUserData->LargePageMinimum = PSP_LARGE_PAGE;
    SharedUserData->TestRetInstruction = PSP_RET_INSTRUCTION;
    SharedUserData->ActiveProcessorCount = (ULONG)KeNumberProcessors;
    SharedUserData->ActiveGroupCount = 1;
    SharedUserData->Cookie = PspMakeCookie();
}

static BOOLEAN PspInitPhase0(VOID)
{
    NTSTATUS Status;

    InitializeListHead(&PsActiveProcessHead);
    KeInitializeGuardedMutex(&PsActiveProcessMutex);
    PspInitializeReaper();
    PspInitThreads();
    PsIdleProcess = PsGetCurrentProcess();
    RtlCopyMemory(PsIdleProcess->ImageFileName, "Idle", 5);
    PspCidTable = ExCreateHandleTable(NULL);
    if (PspCidTable == NULL)
        return FALSE;
    PspCreateTypes();
    Status = PspCreateProcess(NULL, PROCESS_ALL_ACCESS, NULL, NULL, NULL, 0, NULL, &PsInitialSystemProcess);
    if (!NT_SUCCESS(Status))
        return FALSE;
    PsSetFlags(PsInitialSystemProcess, PS_PROCESS_FLAGS_SYSTEM);
    RtlCopyMemory(PsInitialSystemProcess->ImageFileName, "System", 7);
    KdTraceProcessName(PsInitialSystemProcess);
    return TRUE;
}

// Phase 0: on the idle thread, objects and pools are up. Phase 1: a system thread, files are up.
// Returns FALSE if the system cannot go on.
BOOLEAN PsInitSystem(ULONG Phase)
{
    NTSTATUS Status;

    if (Phase == 0)
        return PspInitPhase0();
    PspDescribeSystem();
    Status = PspLocateSystemDll();
    if (!NT_SUCCESS(Status))
        KdPrintBoot("\\SystemRoot\\System32\\ntdll.dll: status 0x%08X\n", Status);
    return NT_SUCCESS(Status);
}
