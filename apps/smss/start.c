// SPDX-License-Identifier: MIT
// Starting a Win32 process natively: RtlCreateUserProcess with the console's handles, inherited.

#include "smss.h"

#define PATH_CHARACTERS 128

static NTSTATUS SmOpenConsole(PHANDLE Handle)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Console");
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_INHERIT, NULL, NULL);
    return NtOpenFile(Handle, SYNCHRONIZE | FILE_READ_DATA | FILE_WRITE_DATA, &Attributes, &IoStatus,
                      FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_SYNCHRONOUS_IO_NONALERT);
}

static NTSTATUS SmSetStandardHandles(PRTL_USER_PROCESS_PARAMETERS Parameters)
{
    NTSTATUS Status = SmOpenConsole(&Parameters->StandardInput);

    if (NT_SUCCESS(Status))
        Status = SmOpenConsole(&Parameters->StandardOutput);
    if (NT_SUCCESS(Status))
        Status = SmOpenConsole(&Parameters->StandardError);
    return Status;
}

static NTSTATUS SmStart(PCWSTR ImageName, PUNICODE_STRING CommandLine, PVOID Environment,
                        PRTL_USER_PROCESS_INFORMATION Information)
{
    UNICODE_STRING Directory = RTL_CONSTANT_STRING(L"C:\\");
    UNICODE_STRING DllPath = RTL_CONSTANT_STRING(L"C:\\WINDOWS\\System32;C:\\WINDOWS");
    WCHAR NtBuffer[PATH_CHARACTERS], DosBuffer[PATH_CHARACTERS];
    UNICODE_STRING NtPath = {0, sizeof(NtBuffer), NtBuffer}, DosPath = {0, sizeof(DosBuffer), DosBuffer};
    PRTL_USER_PROCESS_PARAMETERS Parameters;
    NTSTATUS Status;

    IGNORE_STATUS(RtlAppendUnicodeToString(&NtPath, L"\\SystemRoot\\System32\\")); // both fit by far
    IGNORE_STATUS(RtlAppendUnicodeToString(&NtPath, ImageName));
    IGNORE_STATUS(RtlAppendUnicodeToString(&DosPath, L"C:\\WINDOWS\\System32\\"));
    IGNORE_STATUS(RtlAppendUnicodeToString(&DosPath, ImageName));
    Status = RtlCreateProcessParameters(&Parameters, &DosPath, &DllPath, &Directory, CommandLine, Environment, NULL,
                                        NULL, NULL, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = SmSetStandardHandles(Parameters);
    Information->Length = sizeof(*Information);
    if (NT_SUCCESS(Status))
        Status = RtlCreateUserProcess(&NtPath, OBJ_CASE_INSENSITIVE, Parameters, NULL, NULL, NtCurrentProcess(), TRUE,
                                      NULL, NULL, Information);
    if (Parameters->StandardInput != NULL)
        NtClose(Parameters->StandardInput);
    if (Parameters->StandardOutput != NULL)
        NtClose(Parameters->StandardOutput);
    if (Parameters->StandardError != NULL)
        NtClose(Parameters->StandardError);
    IGNORE_STATUS(RtlDestroyProcessParameters(Parameters));
    return Status;
}

NTSTATUS SmRunAndWait(PCWSTR ImageName, PUNICODE_STRING CommandLine, PVOID Environment, PNTSTATUS ExitStatus)
{
    RTL_USER_PROCESS_INFORMATION Information;
    PROCESS_BASIC_INFORMATION Basic;
    NTSTATUS Status;

    Status = SmStart(ImageName, CommandLine, Environment, &Information);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = NtResumeThread(Information.Thread, NULL);
    if (NT_SUCCESS(Status))
        Status = NtWaitForSingleObject(Information.Process, FALSE, NULL);
    if (NT_SUCCESS(Status))
        Status = NtQueryInformationProcess(Information.Process, ProcessBasicInformation, &Basic, sizeof(Basic), NULL);
    if (NT_SUCCESS(Status))
        *ExitStatus = Basic.ExitStatus;
    NtClose(Information.Thread);
    NtClose(Information.Process);
    return Status;
}
