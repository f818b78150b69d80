// SPDX-License-Identifier: MIT
// The child's process parameters: made here, written into its memory, and the handles it gets as standard ones.

#include "k32.h"

static SIZE_T BasepEnvironmentBytes(const WCHAR *Environment)
{
    const WCHAR *End = Environment;

    while (*End != 0) {
        End += wcslen(End) + 1;
    }
    return (SIZE_T)((const CHAR *)(End + 1) - (const CHAR *)Environment);
}

// Copies Bytes from here into fresh memory of the child.
static NTSTATUS BasepCopyToChild(HANDLE Process, PVOID Source, SIZE_T Bytes, PVOID *Address)
{
    SIZE_T Size = Bytes;
    NTSTATUS Status;

    *Address = NULL;
    Status = NtAllocateVirtualMemory(Process, Address, 0, &Size, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    return NT_SUCCESS(Status) ? NtWriteVirtualMemory(Process, *Address, Source, Bytes, NULL) : Status;
}

// A child that was not told its standard handles gets ours: by inheritance where that happens anyway, else by a
// duplicate. One that cannot be duplicated is left out.
static HANDLE BasepGiveStandardHandle(PBASE_PUSH Push, HANDLE Handle)
{
    OBJECT_HANDLE_FLAG_INFORMATION Flags ALIGNED(4);
    HANDLE Copy = NULL;

    if (Handle == NULL || Handle == INVALID_HANDLE_VALUE) {
        return NULL;
    }
    if (Push->InheritHandles &&
        NT_SUCCESS(NtQueryObject(Handle, ObjectHandleFlagInformation, &Flags, sizeof(Flags), NULL)) && Flags.Inherit) {
        return Handle;
    }
    IGNORE_STATUS(
        NtDuplicateObject(NtCurrentProcess(), Handle, Push->Process, &Copy, 0, OBJ_INHERIT, DUPLICATE_SAME_ACCESS));
    return Copy;
}

static VOID BasepSetHandles(PBASE_PUSH Push, PRTL_USER_PROCESS_PARAMETERS Parameters)
{
    PRTL_USER_PROCESS_PARAMETERS Own = NtCurrentPeb()->ProcessParameters;

    if ((Push->Startup->dwFlags & STARTF_USESTDHANDLES) != 0) {
        Parameters->StandardInput = Push->Startup->hStdInput;
        Parameters->StandardOutput = Push->Startup->hStdOutput;
        Parameters->StandardError = Push->Startup->hStdError;
    } else if ((Push->Flags & DETACHED_PROCESS) == 0) {
        Parameters->StandardInput = BasepGiveStandardHandle(Push, Own->StandardInput);
        Parameters->StandardOutput = BasepGiveStandardHandle(Push, Own->StandardOutput);
        Parameters->StandardError = BasepGiveStandardHandle(Push, Own->StandardError);
    }
    Parameters->StartingX = Push->Startup->dwX;
    Parameters->StartingY = Push->Startup->dwY;
    Parameters->CountX = Push->Startup->dwXSize;
    Parameters->CountY = Push->Startup->dwYSize;
    Parameters->CountCharsX = Push->Startup->dwXCountChars;
    Parameters->CountCharsY = Push->Startup->dwYCountChars;
    Parameters->FillAttribute = Push->Startup->dwFillAttribute;
    Parameters->WindowFlags = Push->Startup->dwFlags & ~(DWORD)STARTF_USESTDHANDLES;
    Parameters->ShowWindowFlags = Push->Startup->wShowWindow;
}

static VOID BasepInitString(PUNICODE_STRING String, LPCWSTR Text)
{
    RtlInitUnicodeString(String, Text == NULL ? L"" : Text);
}

static NTSTATUS BasepWriteParameters(PBASE_PUSH Push, PRTL_USER_PROCESS_PARAMETERS Parameters, PVOID Environment)
{
    PVOID Address;
    NTSTATUS Status;

    RtlDeNormalizeProcessParams(Parameters);
    Parameters->Environment = Environment;
    Status = BasepCopyToChild(Push->Process, Parameters, Parameters->MaximumLength, &Address);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    return NtWriteVirtualMemory(Push->Process, &Push->Peb->ProcessParameters, &Address, sizeof(Address), NULL);
}

// Gives the child its environment, command line, directories and handles. What fails half-way needs no undoing: the
// caller ends the child.
NTSTATUS BasePushParameters(PBASE_PUSH Push)
{
    PRTL_USER_PROCESS_PARAMETERS Parameters = NULL;
    UNICODE_STRING DllPath, Directory, CommandLine, Title, Desktop, Shell;
    PWSTR Path = BaseComputeDllPath(Push->Image->DosName.Buffer);
    PVOID Environment = Push->Environment != NULL ? Push->Environment : NtCurrentPeb()->ProcessParameters->Environment;
    SIZE_T EnvironmentBytes = BasepEnvironmentBytes(Environment);
    PVOID ChildEnvironment;
    NTSTATUS Status;

    if (Path == NULL) {
        return STATUS_NO_MEMORY;
    }
    BasepInitString(&DllPath, Path);
    BasepInitString(&Directory, Push->CurrentDirectory);
    BasepInitString(&CommandLine, Push->CommandLine);
    BasepInitString(&Title, Push->Startup->lpTitle == NULL ? Push->Image->DosName.Buffer : Push->Startup->lpTitle);
    BasepInitString(&Desktop, Push->Startup->lpDesktop);
    BasepInitString(&Shell, NULL);
    Status = RtlCreateProcessParameters(&Parameters, &Push->Image->DosName, &DllPath,
                                        Push->CurrentDirectory == NULL ? NULL : &Directory, &CommandLine, NULL, &Title,
                                        &Desktop, &Shell, &Shell);
    BaseFreeMemory(Path);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    BasepSetHandles(Push, Parameters);
    Parameters->EnvironmentSize = EnvironmentBytes;
    Status = BasepCopyToChild(Push->Process, Environment, EnvironmentBytes, &ChildEnvironment);
    if (NT_SUCCESS(Status)) {
        Status = BasepWriteParameters(Push, Parameters, ChildEnvironment);
    }
    IGNORE_STATUS(RtlDestroyProcessParameters(Parameters));
    return Status;
}
