// SPDX-License-Identifier: MIT
// Laws of process objects, on processes that never get a thread.

#include "pstest.h"

NTSTATUS KtImageSection(PCWSTR Path, PHANDLE Section)
{
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    UNICODE_STRING Name;
    HANDLE File;
    NTSTATUS Status;

    RtlInitUnicodeString(&Name, Path);
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwOpenFile(&File, SYNCHRONIZE | FILE_EXECUTE | FILE_READ_DATA, &Attributes, &IoStatus, FILE_SHARE_READ,
                        FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE);
    if (!NT_SUCCESS(Status))
        return Status;
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwCreateSection(Section, SECTION_ALL_ACCESS, &Attributes, NULL, PAGE_EXECUTE, SEC_IMAGE, File);
    ZwClose(File);
    return Status;
}

NTSTATUS KtCreateProcess(HANDLE Section, PHANDLE Process)
{
    OBJECT_ATTRIBUTES Attributes;

    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    return ZwCreateProcessEx(Process, PROCESS_ALL_ACCESS, &Attributes, NtCurrentProcess(), 0, Section, NULL, NULL, 0);
}

KTEST(ps, process_without_thread_is_created_and_goes)
{
    // Law: closing the last handle of a process that never ran gives back its address space and commitment.
    MM_STATISTICS Before, After;
    HANDLE Section, Process;
    PROCESS_BASIC_INFORMATION Basic;

    expect_status(KtImageSection(L"\\SystemRoot\\System32\\smss.exe", &Section), STATUS_SUCCESS);
    MmQueryStatistics(&Before);
    expect_status(KtCreateProcess(Section, &Process), STATUS_SUCCESS);
    expect_status(ZwQueryInformationProcess(Process, ProcessBasicInformation, &Basic, sizeof(Basic), NULL),
                  STATUS_SUCCESS);
    expect(Basic.PebBaseAddress != NULL);
    expect_status(Basic.ExitStatus, STATUS_PENDING);
    ZwClose(Process);
    MmQueryStatistics(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    ZwClose(Section);
}

KTEST(ps, terminating_a_process_without_threads_signals_it)
{
    // Law: NtTerminateProcess ends and signals a process even if it never had a thread; a second call says so.
    LARGE_INTEGER Now = {.QuadPart = 0};
    PROCESS_BASIC_INFORMATION Basic;
    HANDLE Section, Process;

    expect_status(KtImageSection(L"\\SystemRoot\\System32\\smss.exe", &Section), STATUS_SUCCESS);
    expect_status(KtCreateProcess(Section, &Process), STATUS_SUCCESS);
    expect_status(ZwWaitForSingleObject(Process, FALSE, &Now), STATUS_TIMEOUT);
    expect_status(ZwTerminateProcess(Process, STATUS_CANCELLED), STATUS_SUCCESS);
    expect_status(ZwWaitForSingleObject(Process, FALSE, &Now), STATUS_SUCCESS);
    expect_status(ZwQueryInformationProcess(Process, ProcessBasicInformation, &Basic, sizeof(Basic), NULL),
                  STATUS_SUCCESS);
    expect_status(Basic.ExitStatus, STATUS_CANCELLED);
    expect_status(ZwTerminateProcess(Process, STATUS_SUCCESS), STATUS_PROCESS_IS_TERMINATING);
    ZwClose(Process);
    ZwClose(Section);
}

KTEST(ps, the_system_process_cannot_be_ended)
{
    // Law: the system process refuses NtTerminateProcess.
    expect_status(ZwTerminateProcess(NtCurrentProcess(), STATUS_SUCCESS), STATUS_ACCESS_DENIED);
}

KTEST(ps, a_process_needs_an_image_section)
{
    // Law: a handle of another type is refused, and nothing is left behind.
    HANDLE Event, Process;
    OBJECT_ATTRIBUTES Attributes;

    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect_status(KtCreateProcess(Event, &Process), STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(Event);
}
