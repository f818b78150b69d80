// SPDX-License-Identifier: MIT
// The file pointer, sizes, and what kind of thing a handle is.

#include "k32.h"

static NTSTATUS BasepStandard(HANDLE File, PFILE_STANDARD_INFORMATION Standard)
{
    IO_STATUS_BLOCK IoStatus;

    return NtQueryInformationFile(File, &IoStatus, Standard, sizeof(*Standard), FileStandardInformation);
}

static NTSTATUS BasepPosition(HANDLE File, PFILE_POSITION_INFORMATION Position)
{
    IO_STATUS_BLOCK IoStatus;

    return NtQueryInformationFile(File, &IoStatus, Position, sizeof(*Position), FilePositionInformation);
}

// What keeps a position from being set: that there is none, before anything else.
static BOOL BasepSeekError(HANDLE File, DWORD Error)
{
    switch (GetFileType(File)) {
    case FILE_TYPE_UNKNOWN:
        return FALSE; // the last error tells why
    case FILE_TYPE_DISK:
        return BaseFail(Error);
    default:
        return BaseFail(ERROR_SEEK_ON_DEVICE);
    }
}

WINBOOL WINAPI SetFilePointerEx(HANDLE File, LARGE_INTEGER Distance, PLARGE_INTEGER NewPosition, DWORD Method)
{
    FILE_POSITION_INFORMATION Position = {.CurrentByteOffset.QuadPart = 0};
    FILE_STANDARD_INFORMATION Standard;
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status = STATUS_SUCCESS;

    File = BaseRealHandle(File);
    if (Method == FILE_CURRENT) {
        Status = BasepPosition(File, &Position);
    } else if (Method == FILE_END) {
        Status = BasepStandard(File, &Standard);
        Position.CurrentByteOffset = Standard.EndOfFile;
    } else if (Method != FILE_BEGIN) {
        return BasepSeekError(File, ERROR_INVALID_PARAMETER);
    }
    Position.CurrentByteOffset.QuadPart += Distance.QuadPart;
    if (NT_SUCCESS(Status) && Position.CurrentByteOffset.HighPart < 0) {
        return BasepSeekError(File, ERROR_NEGATIVE_SEEK);
    }
    if (NT_SUCCESS(Status)) {
        Status = NtSetInformationFile(File, &IoStatus, &Position, sizeof(Position), FilePositionInformation);
    }
    if (!NT_SUCCESS(Status)) {
        return BasepSeekError(File, RtlNtStatusToDosError(Status));
    }
    if (NewPosition != NULL) {
        *NewPosition = Position.CurrentByteOffset;
    }
    return TRUE;
}

DWORD WINAPI SetFilePointer(HANDLE File, LONG Distance, PLONG DistanceHigh, DWORD Method)
{
    LARGE_INTEGER Move = BaseLarge(DistanceHigh == NULL ? Distance : ((LONGLONG)*DistanceHigh << 32) | (ULONG)Distance);
    LARGE_INTEGER Position;

    if (!SetFilePointerEx(File, Move, &Position, Method)) {
        return INVALID_SET_FILE_POINTER;
    }
    if (DistanceHigh != NULL) {
        *DistanceHigh = Position.HighPart;
    } else if (Position.HighPart != 0) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return INVALID_SET_FILE_POINTER;
    }
    if (Position.LowPart == INVALID_SET_FILE_POINTER) {
        SetLastError(ERROR_SUCCESS);
    }
    return Position.LowPart;
}

WINBOOL WINAPI GetFileSizeEx(HANDLE File, PLARGE_INTEGER Size)
{
    FILE_STANDARD_INFORMATION Standard;

    if (!BaseBool(BasepStandard(BaseRealHandle(File), &Standard))) {
        return FALSE;
    }
    *Size = Standard.EndOfFile;
    return TRUE;
}

DWORD WINAPI GetFileSize(HANDLE File, LPDWORD High)
{
    LARGE_INTEGER Size;

    if (!GetFileSizeEx(File, &Size)) {
        return INVALID_FILE_SIZE;
    }
    if (High != NULL) {
        *High = (DWORD)Size.HighPart;
    }
    if (Size.LowPart == INVALID_FILE_SIZE) {
        SetLastError(ERROR_SUCCESS);
    }
    return Size.LowPart;
}

WINBOOL WINAPI SetEndOfFile(HANDLE File)
{
    FILE_POSITION_INFORMATION Position;
    IO_STATUS_BLOCK IoStatus;

    File = BaseRealHandle(File);
    if (!BaseBool(BasepPosition(File, &Position))) {
        return FALSE;
    }
    return BaseBool(NtSetInformationFile(File, &IoStatus, &Position, sizeof(Position), FileEndOfFileInformation));
}

static BOOL BasepDeviceType(HANDLE Handle, PULONG Type)
{
    FILE_FS_DEVICE_INFORMATION Device;
    IO_STATUS_BLOCK IoStatus;

    if (!BaseBool(NtQueryVolumeInformationFile(Handle, &IoStatus, &Device, sizeof(Device), FileFsDeviceInformation))) {
        return FALSE;
    }
    *Type = Device.DeviceType;
    return TRUE;
}

// Whether the handle is of the console device. The last error is left alone.
BOOL BaseIsConsole(HANDLE Handle)
{
    DWORD Error = GetLastError();
    ULONG Type = 0;
    BOOL Console = BasepDeviceType(Handle, &Type) && Type == FILE_DEVICE_CONSOLE;

    SetLastError(Error);
    return Console;
}

DWORD WINAPI GetFileType(HANDLE Handle)
{
    ULONG Type;

    if (!BasepDeviceType(BaseRealHandle(Handle), &Type)) {
        return FILE_TYPE_UNKNOWN;
    }
    switch (Type) {
    case FILE_DEVICE_NAMED_PIPE:
        return FILE_TYPE_PIPE;
    case FILE_DEVICE_CONSOLE:
    case FILE_DEVICE_SERIAL_PORT:
    case FILE_DEVICE_KEYBOARD:
    case FILE_DEVICE_SCREEN:
    case FILE_DEVICE_NULL:
        return FILE_TYPE_CHAR;
    default:
        return FILE_TYPE_DISK;
    }
}
