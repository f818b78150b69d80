// SPDX-License-Identifier: MIT
// Laws of NtQuerySystemInformation and of probing (ex/query*.c, ex/probe.c, ex/service.c).

#include "ktest.h"

#define TEST_TAG 0x7158744B // 'KtXq'

static const SYSTEM_INFORMATION_CLASS Classes[] = {
    SystemBasicInformation,     SystemProcessorInformation, SystemPerformanceInformation,
    SystemTimeOfDayInformation, SystemProcessInformation,   SystemModuleInformation,
    SystemHandleInformation,    SystemPoolTagInformation,   SystemProcessorPerformanceInformation,
    SystemInterruptInformation, SystemExceptionInformation, SystemKernelDebuggerInformation};

KTEST(ex, query_says_how_much_it_needs)
{
    // Law: what a class asks for with STATUS_INFO_LENGTH_MISMATCH is enough, and it writes no more than it returns.
    const ULONG Size = 0x20000;
    PUCHAR Buffer = ExAllocatePoolWithTag(PagedPool, Size, TEST_TAG);

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Classes); Index++) {
        ULONG Needed = 0, Returned = 0, Tries = 0;
        NTSTATUS Status = ZwQuerySystemInformation(Classes[Index], NULL, 0, &Needed);

        expect(Status == STATUS_INFO_LENGTH_MISMATCH || NT_SUCCESS(Status));
        if (NT_SUCCESS(Status))
            Needed = 64; // a class that gives as much as is asked for
        do {
            Needed += Tries * 256; // the system may change in between
            RtlFillMemory(Buffer, Size, 0xEE);
            Status = ZwQuerySystemInformation(Classes[Index], Buffer, Needed, &Returned);
        } while (Status == STATUS_INFO_LENGTH_MISMATCH && ++Tries < 8);
        expect_status(Status, STATUS_SUCCESS);
        expect(Returned <= Needed && Returned != 0);
        expect(Returned < Size && Buffer[Returned] == 0xEE);
    }
    expect_status(ZwQuerySystemInformation((SYSTEM_INFORMATION_CLASS)9999, Buffer, Size, NULL),
                  STATUS_INVALID_INFO_CLASS);
    ExFreePoolWithTag(Buffer, TEST_TAG);
}

KTEST(ex, query_processes_contains_this_thread)
{
    // Law: the process list contains the current process with the current thread, and names point into the answer.
    const ULONG Size = 0x20000;
    PUCHAR Buffer = ExAllocatePoolWithTag(PagedPool, Size, TEST_TAG);
    PSYSTEM_PROCESS_INFORMATION Process = (PVOID)Buffer;
    BOOLEAN Found = FALSE, More;
    ULONG Length;

    expect_status(ZwQuerySystemInformation(SystemProcessInformation, Buffer, Size, &Length), STATUS_SUCCESS);
    do {
        More = Process->NextEntryOffset != 0;
        if (Process->ImageName.Length != 0)
            expect((PUCHAR)Process->ImageName.Buffer > Buffer &&
                   (PUCHAR)Process->ImageName.Buffer + Process->ImageName.Length < Buffer + Length);
        for (ULONG Index = 0; Index < Process->NumberOfThreads; Index++) {
            if (Process->Threads[Index].ClientId.UniqueThread == PsGetCurrentThreadId())
                Found = Process->UniqueProcessId == PsGetCurrentProcessId();
        }
        Process = (PVOID)((PUCHAR)Process + Process->NextEntryOffset);
    } while (More);
    expect(Found);
    ExFreePoolWithTag(Buffer, TEST_TAG);
}

KTEST(ex, services_refuse_kernel_pointers_from_user_mode)
{
    // Law: with previous mode UserMode a pointer into the kernel is an access violation, and nothing is created or
    // written.
    PKTHREAD Thread = KeGetCurrentThread();
    ULONG Before = ObGetProcessHandleCount(PsGetCurrentProcess());
    LARGE_INTEGER Time = {.QuadPart = 0x5555};
    HANDLE Handle = (HANDLE)0x5555;
    NTSTATUS Create, Query, System, Capture;
    UNICODE_STRING Captured, Name = RTL_CONSTANT_STRING(L"\\BaseNamedObjects\\KtProbe");

    Thread->PreviousMode = UserMode;
    Create = NtCreateEvent(&Handle, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
    Query = NtQuerySystemTime(&Time);
    System = NtQuerySystemInformation(SystemBasicInformation, &Time, sizeof(SYSTEM_BASIC_INFORMATION), NULL);
    Capture = ExCaptureUnicodeString(&Captured, &Name, UserMode);
    Thread->PreviousMode = KernelMode;
    expect_status(Create, STATUS_ACCESS_VIOLATION);
    expect_status(Query, STATUS_ACCESS_VIOLATION);
    expect_status(System, STATUS_ACCESS_VIOLATION);
    expect_status(Capture, STATUS_ACCESS_VIOLATION);
    expect_eq(Handle, 0x5555);
    expect_eq(Time.QuadPart, 0x5555);
    expect_eq(ObGetProcessHandleCount(PsGetCurrentProcess()), Before);
}

static NTSTATUS Probe(ULONG_PTR Address, SIZE_T Length, ULONG Alignment, BOOLEAN Write)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Write)
            ProbeForWrite((PVOID)Address, Length, Alignment);
        else
            ProbeForRead((PVOID)Address, Length, Alignment);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

KTEST(ex, probes_know_the_end_of_user_space)
{
    // Law: a range that reaches the probe limit, wraps round or is misaligned is refused; an empty one never is.
    ULONG_PTR End = MmUserProbeAddress;

    expect_status(Probe(End - 0x10, 0x10, 4, FALSE), STATUS_SUCCESS);
    expect_status(Probe(End - 0x10, 0x11, 1, FALSE), STATUS_ACCESS_VIOLATION);
    expect_status(Probe(End, 1, 1, FALSE), STATUS_ACCESS_VIOLATION);
    expect_status(Probe(0x10000, 0xFFFF0000, 1, FALSE), STATUS_ACCESS_VIOLATION);
    expect_status(Probe(0x10001, 4, 4, FALSE), STATUS_DATATYPE_MISALIGNMENT);
    expect_status(Probe(0xFFFFFFFF, 0, 4, FALSE), STATUS_SUCCESS);
    expect_status(Probe(End, 1, 1, TRUE), STATUS_ACCESS_VIOLATION);
    expect_status(Probe(0xFFFFFFFC, 8, 4, TRUE), STATUS_ACCESS_VIOLATION);
    expect_status(Probe(0x10002, 4, 4, TRUE), STATUS_DATATYPE_MISALIGNMENT);
    expect_status(Probe(0x1000, 1, 1, TRUE), STATUS_ACCESS_VIOLATION); // nothing is mapped in the no-access area
    expect_status(Probe(0, 0, 1, TRUE), STATUS_SUCCESS);
}
