// SPDX-License-Identifier: MIT
// The process environment block, as the kernel leaves it for ntdll's loader.

#include "psp.h"

// What the PEB says of the image; the image is mapped but may be corrupt behind its headers.
static VOID PspDescribeImage(PPEB Peb, PVOID ImageBase)
{
    PIMAGE_NT_HEADERS32 Headers = RtlImageNtHeader(ImageBase);

    if (Headers == NULL)
        return;
    Peb->ImageSubsystem = Headers->OptionalHeader.Subsystem;
    Peb->ImageSubsystemMajorVersion = Headers->OptionalHeader.MajorSubsystemVersion;
    Peb->ImageSubsystemMinorVersion = Headers->OptionalHeader.MinorSubsystemVersion;
}

// Makes and fills the PEB of a new process; the caller is attached to it.
// IRQL PASSIVE_LEVEL. STATUS_NO_MEMORY or the status of a fault (the page is user memory).
NTSTATUS NTAPI PspInitializePeb(PEPROCESS Process, PVOID ImageBase)
{
    volatile NTSTATUS Status;
    PPEB Peb;

    Status = MmCreatePeb(Process, &Peb);
    if (!NT_SUCCESS(Status))
        return Status;
    SEH_TRY
    {
        Peb->ImageBaseAddress = ImageBase;
        Peb->Mutant = INVALID_HANDLE_VALUE;
        Peb->NumberOfProcessors = (ULONG)KeNumberProcessors;
        Peb->ActiveProcessAffinityMask = KeActiveProcessors;
        Peb->CriticalSectionTimeout.QuadPart = -2592000ll * 10000000; // 30 days, NT's default
        Peb->HeapSegmentReserve = 0x100000;
        Peb->HeapSegmentCommit = 0x2000;
        Peb->HeapDeCommitTotalFreeThreshold = 0x10000;
        Peb->HeapDeCommitFreeBlockThreshold = 0x1000;
        Peb->OSMajorVersion = SharedUserData->NtMajorVersion;
        Peb->OSMinorVersion = SharedUserData->NtMinorVersion;
        Peb->OSBuildNumber = PSP_BUILD_NUMBER;
        Peb->OSPlatformId = 2; // VER_PLATFORM_WIN32_NT
        Peb->SessionId = Process->SessionId;
        Peb->SystemReserved[0] = MmRandomNumber();
        PspDescribeImage(Peb, ImageBase);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (NT_SUCCESS(Status))
        Process->Peb = Peb;
    return Status;
}
