// SPDX-License-Identifier: MIT
// Making a process and its first thread from a native image: for smss (from the kernel) and for native programs.
// kernel32's CreateProcess does the same steps itself, with Win32's additions. Source: Windows Internals 6th ed. ch. 5;
// the published Native API. IRQL PASSIVE_LEVEL.

#include "rtlp.h"

// Copies Size bytes into new memory of another process. *Remote receives the address there.
static NTSTATUS RtlpCopyToProcess(HANDLE Process, PVOID Data, SIZE_T Size, PVOID *Remote)
{
    SIZE_T Region = Size;
    NTSTATUS Status;

    *Remote = NULL;
    Status = ZwAllocateVirtualMemory(Process, Remote, 0, &Region, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (!NT_SUCCESS(Status))
        return Status;
    return ZwWriteVirtualMemory(Process, *Remote, Data, Size, NULL);
}

// The units of an environment block: strings, each with a terminator, then one more.
SIZE_T RtlpEnvironmentLength(PCWSTR Environment)
{
    PCWSTR p = Environment;

    while (*p != 0)
        p += wcslen(p) + 1;
    return p + 1 - Environment;
}

// Gives the process its parameters and environment. The block in the new process is denormalized except for the
// environment's address.
static NTSTATUS RtlpPushParameters(HANDLE Process, PPEB Peb, PRTL_USER_PROCESS_PARAMETERS Parameters)
{
    PVOID Local = Parameters->Environment, Remote = NULL, Block;
    SIZE_T Size = 0;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Local != NULL) {
        Size = RtlpEnvironmentLength(Local) * sizeof(WCHAR);
        Status = RtlpCopyToProcess(Process, Local, Size, &Remote);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    Parameters->Environment = Remote;
    Parameters->EnvironmentSize = Size;
    Status = RtlpCopyToProcess(Process, Parameters, Parameters->Length, &Block);
    Parameters->Environment = Local;
    if (!NT_SUCCESS(Status))
        return Status;
    return ZwWriteVirtualMemory(Process, &Peb->ProcessParameters, &Block, sizeof(Block), NULL);
}

// Opens the image and makes an image section of it. The caller closes the section.
static NTSTATUS RtlpOpenImageSection(PUNICODE_STRING ImageNtPath, ULONG Attributes, PHANDLE Section)
{
    OBJECT_ATTRIBUTES ObjectAttributes;
    IO_STATUS_BLOCK IoStatus;
    HANDLE File;
    NTSTATUS Status;

    InitializeObjectAttributes(&ObjectAttributes, ImageNtPath, (Attributes & OBJ_INHERIT) | OBJ_CASE_INSENSITIVE, NULL,
                               NULL);
    Status = ZwOpenFile(&File, SYNCHRONIZE | FILE_EXECUTE | FILE_READ_DATA, &ObjectAttributes, &IoStatus,
                        FILE_SHARE_READ | FILE_SHARE_DELETE, FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ZwCreateSection(Section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_EXECUTE, SEC_IMAGE, File);
    ZwClose(File);
    return Status;
}

static NTSTATUS RtlpCreateFirstThread(PRTL_USER_PROCESS_PARAMETERS Parameters, PSECURITY_DESCRIPTOR ThreadSecurity,
                                      PRTL_USER_PROCESS_INFORMATION Information)
{
    PROCESS_BASIC_INFORMATION Basic;
    NTSTATUS Status;

    Status = ZwQueryInformationProcess(Information->Process, ProcessBasicInformation, &Basic, sizeof(Basic), NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = RtlpPushParameters(Information->Process, Basic.PebBaseAddress, Parameters);
    if (!NT_SUCCESS(Status))
        return Status;
    return RtlCreateUserThread(Information->Process, ThreadSecurity, TRUE, 0,
                               Information->ImageInformation.MaximumStackSize,
                               Information->ImageInformation.CommittedStackSize,
                               (PUSER_THREAD_START_ROUTINE)Information->ImageInformation.TransferAddress,
                               Basic.PebBaseAddress, &Information->Thread, &Information->ClientId);
}

// See inc/nt/ntrtl.h. Parameters are denormalized for the copy and stay so. Nothing is left behind on failure.
NTCHECK RtlCreateUserProcess(PUNICODE_STRING ImageNtPath, ULONG Attributes, PRTL_USER_PROCESS_PARAMETERS Parameters,
                             PSECURITY_DESCRIPTOR ProcessSecurity, PSECURITY_DESCRIPTOR ThreadSecurity, HANDLE Parent,
                             BOOLEAN InheritHandles, HANDLE DebugPort, HANDLE ExceptionPort,
                             PRTL_USER_PROCESS_INFORMATION Information)
{
    OBJECT_ATTRIBUTES ObjectAttributes;
    HANDLE Section;
    NTSTATUS Status;

    RtlDeNormalizeProcessParams(Parameters);
    memset(Information, 0, sizeof(*Information));
    Information->Length = sizeof(*Information);
    Status = RtlpOpenImageSection(ImageNtPath, Attributes, &Section);
    if (!NT_SUCCESS(Status))
        return Status;
    InitializeObjectAttributes(&ObjectAttributes, NULL, 0, NULL, ProcessSecurity);
    Status = ZwCreateProcess(&Information->Process, PROCESS_ALL_ACCESS, &ObjectAttributes,
                             Parent == NULL ? NtCurrentProcess() : Parent, InheritHandles, Section, DebugPort,
                             ExceptionPort);
    if (!NT_SUCCESS(Status))
        goto CloseSection;
    Status = ZwQuerySection(Section, SectionImageInformation, &Information->ImageInformation,
                            sizeof(Information->ImageInformation), NULL);
    if (NT_SUCCESS(Status))
        Status = RtlpCreateFirstThread(Parameters, ThreadSecurity, Information);
    if (!NT_SUCCESS(Status)) {
        ZwTerminateProcess(Information->Process, Status);
        ZwClose(Information->Process);
        Information->Process = NULL;
    }
CloseSection:
    ZwClose(Section);
    return Status;
}
