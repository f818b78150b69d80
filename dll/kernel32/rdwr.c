// SPDX-License-Identifier: MIT
// Reading and writing. An OVERLAPPED begins with an IO_STATUS_BLOCK (Internal, InternalHigh), which is what the I/O
// manager writes its result into.

#include "k32.h"

static LARGE_INTEGER BasepOffset(const OVERLAPPED *Overlapped)
{
    return BaseLarge(((LONGLONG)Overlapped->OffsetHigh << 32) | Overlapped->Offset);
}

// The low bit of the event says that no completion packet is wanted.
static PVOID BasepApcContext(LPOVERLAPPED Overlapped)
{
    return ((ULONG_PTR)Overlapped->hEvent & 1) != 0 ? NULL : Overlapped;
}

static HANDLE BasepEvent(LPOVERLAPPED Overlapped)
{
    return (HANDLE)((ULONG_PTR)Overlapped->hEvent & ~(ULONG_PTR)1);
}

// Waits for a synchronous request that was left pending. Such a handle may have been opened for overlapped I/O.
static NTSTATUS BasepFinish(HANDLE File, NTSTATUS Status, PIO_STATUS_BLOCK IoStatus)
{
    if (Status == STATUS_PENDING) {
        Status = NtWaitForSingleObject(File, FALSE, NULL);
        if (NT_SUCCESS(Status)) {
            Status = IoStatus->Status;
        }
    }
    return Status;
}

// The result of an overlapped request: done, pending or failed.
static BOOL BasepOverlappedResult(NTSTATUS Status, LPOVERLAPPED Overlapped, LPDWORD Done)
{
    if (NT_SUCCESS(Status) && Status != STATUS_PENDING) {
        if (Done != NULL) {
            *Done = (DWORD)Overlapped->InternalHigh;
        }
        return TRUE;
    }
    if (Status == STATUS_PENDING) {
        return BaseFail(ERROR_IO_PENDING);
    }
    // A request that is refused at once leaves the status block alone; nobody shall wait for it.
    Overlapped->Internal = (ULONG_PTR)Status;
    Overlapped->InternalHigh = 0;
    return BaseFail(Status == STATUS_END_OF_FILE ? ERROR_HANDLE_EOF : RtlNtStatusToDosError(Status));
}

WINBOOL WINAPI ReadFile(HANDLE File, LPVOID Buffer, DWORD Length, LPDWORD Done, LPOVERLAPPED Overlapped)
{
    IO_STATUS_BLOCK IoStatus = {{STATUS_SUCCESS}, 0};
    LARGE_INTEGER Offset;
    NTSTATUS Status;

    File = BaseRealHandle(File);
    if (Done != NULL) {
        *Done = 0;
    }
    if (Overlapped != NULL) {
        Offset = BasepOffset(Overlapped);
        Overlapped->Internal = (ULONG_PTR)STATUS_PENDING;
        Status = NtReadFile(File, BasepEvent(Overlapped), NULL, BasepApcContext(Overlapped),
                            (PIO_STATUS_BLOCK)Overlapped, Buffer, Length, &Offset, NULL);
        return BasepOverlappedResult(Status, Overlapped, Done);
    }
    Status = BasepFinish(File, NtReadFile(File, NULL, NULL, NULL, &IoStatus, Buffer, Length, NULL, NULL), &IoStatus);
    if (Status == STATUS_END_OF_FILE) {
        return TRUE;
    }
    if (Status != STATUS_BUFFER_OVERFLOW && !NT_SUCCESS(Status)) {
        return BaseBool(Status);
    }
    if (Done != NULL) {
        *Done = (DWORD)IoStatus.Information;
    }
    return Status == STATUS_BUFFER_OVERFLOW ? BaseFail(ERROR_MORE_DATA) : TRUE;
}

WINBOOL WINAPI WriteFile(HANDLE File, LPCVOID Buffer, DWORD Length, LPDWORD Done, LPOVERLAPPED Overlapped)
{
    IO_STATUS_BLOCK IoStatus = {{STATUS_SUCCESS}, 0};
    LARGE_INTEGER Offset;
    NTSTATUS Status;

    File = BaseRealHandle(File);
    if (Done != NULL) {
        *Done = 0;
    }
    if (Overlapped != NULL) {
        Offset = BasepOffset(Overlapped);
        Overlapped->Internal = (ULONG_PTR)STATUS_PENDING;
        Status = NtWriteFile(File, BasepEvent(Overlapped), NULL, BasepApcContext(Overlapped),
                             (PIO_STATUS_BLOCK)Overlapped, (PVOID)Buffer, Length, &Offset, NULL);
        return BasepOverlappedResult(Status, Overlapped, Done);
    }
    Status =
        BasepFinish(File, NtWriteFile(File, NULL, NULL, NULL, &IoStatus, (PVOID)Buffer, Length, NULL, NULL), &IoStatus);
    if (!NT_SUCCESS(Status)) {
        return BaseBool(Status);
    }
    if (Done != NULL) {
        *Done = (DWORD)IoStatus.Information;
    }
    return TRUE;
}

// The I/O APC carries the caller's routine in hEvent, which ReadFileEx and WriteFileEx leave to the system (SDK).
static VOID NTAPI BasepIoApc(PVOID Context, PIO_STATUS_BLOCK IoStatus, ULONG Reserved)
{
    LPOVERLAPPED Overlapped = (LPOVERLAPPED)IoStatus;
    LPOVERLAPPED_COMPLETION_ROUTINE Routine = (LPOVERLAPPED_COMPLETION_ROUTINE)Context;

    UNREFERENCED_PARAMETER(Reserved);
    Routine(NT_SUCCESS(IoStatus->Status) ? 0 : RtlNtStatusToDosError(IoStatus->Status), (DWORD)IoStatus->Information,
            Overlapped);
}

WINBOOL WINAPI ReadFileEx(HANDLE File, LPVOID Buffer, DWORD Length, LPOVERLAPPED Overlapped,
                          LPOVERLAPPED_COMPLETION_ROUTINE Routine)
{
    LARGE_INTEGER Offset = BasepOffset(Overlapped);

    return BaseBool(NtReadFile(File, NULL, BasepIoApc, (PVOID)Routine, (PIO_STATUS_BLOCK)Overlapped, Buffer, Length,
                               &Offset, NULL));
}

WINBOOL WINAPI WriteFileEx(HANDLE File, LPCVOID Buffer, DWORD Length, LPOVERLAPPED Overlapped,
                           LPOVERLAPPED_COMPLETION_ROUTINE Routine)
{
    LARGE_INTEGER Offset = BasepOffset(Overlapped);

    return BaseBool(NtWriteFile(File, NULL, BasepIoApc, (PVOID)Routine, (PIO_STATUS_BLOCK)Overlapped, (PVOID)Buffer,
                                Length, &Offset, NULL));
}

WINBOOL WINAPI GetOverlappedResult(HANDLE File, LPOVERLAPPED Overlapped, LPDWORD Done, WINBOOL Wait)
{
    if (Overlapped->Internal == (ULONG_PTR)STATUS_PENDING) {
        HANDLE Object = Overlapped->hEvent == NULL ? File : BasepEvent(Overlapped);

        if (!Wait) {
            return BaseFail(ERROR_IO_INCOMPLETE);
        }
        if (WaitForSingleObject(Object, INFINITE) == WAIT_FAILED) {
            return FALSE;
        }
    }
    *Done = (DWORD)Overlapped->InternalHigh;
    if ((NTSTATUS)Overlapped->Internal == STATUS_END_OF_FILE) {
        return BaseFail(ERROR_HANDLE_EOF);
    }
    return BaseBool((NTSTATUS)Overlapped->Internal);
}

WINBOOL WINAPI CancelIo(HANDLE File)
{
    IO_STATUS_BLOCK IoStatus;

    return BaseBool(NtCancelIoFile(File, &IoStatus));
}

WINBOOL WINAPI FlushFileBuffers(HANDLE File)
{
    IO_STATUS_BLOCK IoStatus;

    return BaseBool(NtFlushBuffersFile(BaseRealHandle(File), &IoStatus));
}

WINBOOL WINAPI DeviceIoControl(HANDLE Device, DWORD Code, LPVOID Input, DWORD InputLength, LPVOID Output,
                               DWORD OutputLength, LPDWORD Done, LPOVERLAPPED Overlapped)
{
    BOOL FileSystem = (Code >> 16) == FILE_DEVICE_FILE_SYSTEM;
    IO_STATUS_BLOCK Local = {{STATUS_SUCCESS}, 0};
    PIO_STATUS_BLOCK IoStatus = Overlapped == NULL ? &Local : (PIO_STATUS_BLOCK)Overlapped;
    HANDLE Event = Overlapped == NULL ? NULL : BasepEvent(Overlapped);
    PVOID Context = Overlapped == NULL ? NULL : BasepApcContext(Overlapped);
    NTSTATUS Status;

    Device = BaseRealHandle(Device);
    Status = FileSystem ? NtFsControlFile(Device, Event, NULL, Context, IoStatus, Code, Input, InputLength, Output,
                                          OutputLength)
                        : NtDeviceIoControlFile(Device, Event, NULL, Context, IoStatus, Code, Input, InputLength,
                                                Output, OutputLength);
    if (Overlapped != NULL) {
        return BasepOverlappedResult(Status, Overlapped, Done);
    }
    Status = BasepFinish(Device, Status, &Local);
    if (Done != NULL) {
        *Done = NT_ERROR(Status) ? 0 : (DWORD)Local.Information;
    }
    return BaseBool(Status);
}
