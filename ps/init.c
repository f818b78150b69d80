// SPDX-License-Identifier: MIT
// Ps' start: the types, the idle process (made by ke/ before there were objects), the system process, the phase 1
// thread.

#include "psp.h"

PEPROCESS PsInitialSystemProcess, PsIdleProcess;

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
}

static BOOLEAN PspInitPhase0(VOID)
{
    NTSTATUS Status;

    InitializeListHead(&PsActiveProcessHead);
    KeInitializeGuardedMutex(&PsActiveProcessMutex);
    PspInitializeReaper();
    PsIdleProcess = PsGetCurrentProcess();
    RtlCopyMemory(PsIdleProcess->ImageFileName, "Idle", 5);
    PspCidTable = ExCreateHandleTable(NULL);
    if (PspCidTable == NULL)
        return FALSE;
    PspCreateTypes();
    Status = PspCreateProcess(NULL, PROCESS_ALL_ACCESS, NULL, NULL, NULL, 0, NULL, &PsInitialSystemProcess);
    if (!NT_SUCCESS(Status))
        return FALSE;
    PsInitialSystemProcess->Flags |= PS_PROCESS_FLAGS_SYSTEM;
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
