// SPDX-License-Identifier: MIT
// Pipes. An anonymous pipe is a named one with a name nobody else knows.

#include "k32.h"

#define PIPE_DEFAULT_SIZE 4096u
#define PIPE_DEFAULT_TIMEOUT (-50 * TICKS_PER_MILLISECOND)
#define PIPE_BYTE_STREAM 0u
#define PIPE_MESSAGE 1u
#define PIPE_QUEUE 0u
#define PIPE_COMPLETE 1u

static LONG BasepPipeSerial;

WINBOOL WINAPI CreatePipe(PHANDLE Read, PHANDLE Write, LPSECURITY_ATTRIBUTES Security, DWORD Size)
{
    LARGE_INTEGER Timeout = BaseLarge(PIPE_DEFAULT_TIMEOUT);
    WCHAR Buffer[64];
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    ULONG Flags = OBJ_CASE_INSENSITIVE | (Security != NULL && Security->bInheritHandle ? OBJ_INHERIT : 0);
    NTSTATUS Status;

    if (Size == 0) {
        Size = PIPE_DEFAULT_SIZE;
    }
    _snwprintf(Buffer, RTL_NUMBER_OF(Buffer), L"\\Device\\NamedPipe\\Win32Pipes.%08x.%08x", (UINT)GetCurrentProcessId(),
               (UINT)__atomic_add_fetch(&BasepPipeSerial, 1, __ATOMIC_SEQ_CST));
    RtlInitUnicodeString(&Name, Buffer);
    InitializeObjectAttributes(&Attributes, &Name, Flags, NULL, NULL);
    Status = NtCreateNamedPipeFile(Read, GENERIC_READ | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE, &Attributes, &IoStatus,
                                   FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_CREATE, FILE_SYNCHRONOUS_IO_NONALERT,
                                   PIPE_BYTE_STREAM, PIPE_BYTE_STREAM, PIPE_QUEUE, 1, Size, Size, &Timeout);
    if (!BaseBool(Status)) {
        return FALSE;
    }
    Status = NtOpenFile(Write, GENERIC_WRITE | FILE_READ_ATTRIBUTES | SYNCHRONIZE, &Attributes, &IoStatus,
                        FILE_SHARE_READ, FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE);
    if (!NT_SUCCESS(Status)) {
        NtClose(*Read);
        return BaseBool(Status);
    }
    return TRUE;
}

HANDLE WINAPI CreateNamedPipeW(LPCWSTR FileName, DWORD OpenMode, DWORD PipeMode, DWORD Instances, DWORD OutSize,
                               DWORD InSize, DWORD DefaultTimeout, LPSECURITY_ATTRIBUTES Security)
{
    LARGE_INTEGER Timeout =
        BaseLarge(DefaultTimeout == 0 ? PIPE_DEFAULT_TIMEOUT : -(LONGLONG)DefaultTimeout * TICKS_PER_MILLISECOND);
    BASE_NAME Name AUTO_NAME = {.NtName.Buffer = NULL};
    ACCESS_MASK Access = SYNCHRONIZE;
    IO_STATUS_BLOCK IoStatus;
    ULONG Share = 0, Options;
    HANDLE Handle;

    if (Instances == 0 || Instances > PIPE_UNLIMITED_INSTANCES) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return INVALID_HANDLE_VALUE;
    }
    if (!BaseOpenName(&Name, FileName)) {
        return INVALID_HANDLE_VALUE;
    }
    Name.Attributes.Attributes |= Security != NULL && Security->bInheritHandle ? OBJ_INHERIT : 0;
    if ((OpenMode & PIPE_ACCESS_INBOUND) != 0) {
        Access |= GENERIC_READ;
        Share |= FILE_SHARE_WRITE;
    }
    if ((OpenMode & PIPE_ACCESS_OUTBOUND) != 0) {
        Access |= GENERIC_WRITE;
        Share |= FILE_SHARE_READ;
    }
    Options = (OpenMode & FILE_FLAG_OVERLAPPED) != 0 ? 0 : FILE_SYNCHRONOUS_IO_NONALERT;
    if (!BaseBool(NtCreateNamedPipeFile(&Handle, Access, &Name.Attributes, &IoStatus, Share,
                                        (OpenMode & FILE_FLAG_FIRST_PIPE_INSTANCE) != 0 ? FILE_CREATE : FILE_OPEN_IF,
                                        Options, (PipeMode & PIPE_TYPE_MESSAGE) != 0 ? PIPE_MESSAGE : PIPE_BYTE_STREAM,
                                        (PipeMode & PIPE_READMODE_MESSAGE) != 0 ? PIPE_MESSAGE : PIPE_BYTE_STREAM,
                                        (PipeMode & PIPE_NOWAIT) != 0 ? PIPE_COMPLETE : PIPE_QUEUE,
                                        Instances == PIPE_UNLIMITED_INSTANCES ? MAXULONG : Instances, InSize, OutSize,
                                        &Timeout))) {
        return INVALID_HANDLE_VALUE;
    }
    return Handle;
}

HANDLE WINAPI CreateNamedPipeA(LPCSTR FileName, DWORD OpenMode, DWORD PipeMode, DWORD Instances, DWORD OutSize,
                               DWORD InSize, DWORD DefaultTimeout, LPSECURITY_ATTRIBUTES Security)
{
    BASE_WIDE Wide AUTO_WIDE;

    if (!BaseWiden(&Wide, FileName)) {
        return INVALID_HANDLE_VALUE;
    }
    return CreateNamedPipeW(Wide.Buffer, OpenMode, PipeMode, Instances, OutSize, InSize, DefaultTimeout, Security);
}

WINBOOL WINAPI ConnectNamedPipe(HANDLE Pipe, LPOVERLAPPED Overlapped)
{
    IO_STATUS_BLOCK Local = {{STATUS_SUCCESS}, 0};
    PIO_STATUS_BLOCK IoStatus = Overlapped == NULL ? &Local : (PIO_STATUS_BLOCK)Overlapped;
    NTSTATUS Status = NtFsControlFile(Pipe, Overlapped == NULL ? NULL : Overlapped->hEvent, NULL, Overlapped, IoStatus,
                                      FSCTL_PIPE_LISTEN, NULL, 0, NULL, 0);

    if (Overlapped == NULL && Status == STATUS_PENDING) {
        Status = NtWaitForSingleObject(Pipe, FALSE, NULL);
        Status = NT_SUCCESS(Status) ? Local.Status : Status;
    }
    if (Status == STATUS_PENDING) {
        return BaseFail(ERROR_IO_PENDING);
    }
    return BaseBool(Status);
}

WINBOOL WINAPI DisconnectNamedPipe(HANDLE Pipe)
{
    IO_STATUS_BLOCK IoStatus;

    return BaseBool(NtFsControlFile(Pipe, NULL, NULL, NULL, &IoStatus, FSCTL_PIPE_DISCONNECT, NULL, 0, NULL, 0));
}

WINBOOL WINAPI PeekNamedPipe(HANDLE Pipe, LPVOID Buffer, DWORD Size, LPDWORD Read, LPDWORD Available, LPDWORD Left)
{
    ULONG Header = FIELD_OFFSET(FILE_PIPE_PEEK_BUFFER, Data);
    PFILE_PIPE_PEEK_BUFFER Peek = BaseAllocate(Header + Size);
    IO_STATUS_BLOCK IoStatus;
    ULONG Copied;
    NTSTATUS Status;

    if (Peek == NULL) {
        return FALSE;
    }
    Status = NtFsControlFile(Pipe, NULL, NULL, NULL, &IoStatus, FSCTL_PIPE_PEEK, NULL, 0, Peek, Header + Size);
    if (Status == STATUS_BUFFER_OVERFLOW) {
        Status = STATUS_SUCCESS;
    }
    if (NT_SUCCESS(Status)) {
        Copied = (ULONG)IoStatus.Information - Header;
        if (Buffer != NULL) {
            memcpy(Buffer, Peek->Data, min_of(Copied, Size));
        }
        if (Read != NULL) {
            *Read = Copied;
        }
        if (Available != NULL) {
            *Available = Peek->ReadDataAvailable;
        }
        if (Left != NULL) {
            *Left = Peek->MessageLength > Copied ? Peek->MessageLength - Copied : 0;
        }
    }
    BaseFreeMemory(Peek);
    return BaseBool(Status);
}

// Modes of an open pipe end are fixed at its creation; asking for what it already is succeeds.
WINBOOL WINAPI SetNamedPipeHandleState(HANDLE Pipe, LPDWORD Mode, LPDWORD Count, LPDWORD Timeout)
{
    UNREFERENCED_PARAMETER(Pipe);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Timeout);
    if (Mode != NULL && *Mode != PIPE_READMODE_BYTE) {
        return BaseFail(ERROR_NOT_SUPPORTED);
    }
    return TRUE;
}

static ULONG BasepPipeLocal(HANDLE Pipe, PFILE_PIPE_LOCAL_INFORMATION Local)
{
    IO_STATUS_BLOCK IoStatus;

    return BaseBool(NtQueryInformationFile(Pipe, &IoStatus, Local, sizeof(*Local), FilePipeLocalInformation));
}

WINBOOL WINAPI GetNamedPipeInfo(HANDLE Pipe, LPDWORD Flags, LPDWORD OutSize, LPDWORD InSize, LPDWORD Instances)
{
    FILE_PIPE_LOCAL_INFORMATION Local;

    if (!BasepPipeLocal(Pipe, &Local)) {
        return FALSE;
    }
    if (Flags != NULL) {
        *Flags = (Local.NamedPipeEnd != 0 ? PIPE_SERVER_END : 0) |
                 (Local.NamedPipeType == PIPE_MESSAGE ? PIPE_TYPE_MESSAGE : 0);
    }
    if (OutSize != NULL) {
        *OutSize = Local.OutboundQuota;
    }
    if (InSize != NULL) {
        *InSize = Local.InboundQuota;
    }
    if (Instances != NULL) {
        *Instances = Local.MaximumInstances;
    }
    return TRUE;
}
