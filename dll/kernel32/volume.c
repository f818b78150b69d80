// SPDX-License-Identifier: MIT
// Drives and volumes.

#include "k32.h"

#define VOLUME_INFORMATION_BUFFER 512u

// Opens the root directory of Path's drive, or of the current directory's when Path is NULL.
static NTSTATUS BasepOpenRoot(LPCWSTR Path, PHANDLE Handle)
{
    WCHAR Root[MAX_PATH] = L"\\";

    if (Path != NULL && wcslen(Path) < MAX_PATH - 1) {
        wcscpy(Root, Path);
        if (Root[0] != 0 && Root[wcslen(Root) - 1] != L'\\') {
            wcscat(Root, L"\\");
        }
    }
    return BaseOpenPath(Handle, Root, FILE_LIST_DIRECTORY | SYNCHRONIZE,
                        FILE_SYNCHRONOUS_IO_NONALERT | FILE_DIRECTORY_FILE | FILE_OPEN_FOR_BACKUP_INTENT);
}

static BOOL BasepQueryVolume(LPCWSTR Path, PVOID Information, ULONG Length, FS_INFORMATION_CLASS Class)
{
    IO_STATUS_BLOCK IoStatus;
    HANDLE Root;
    NTSTATUS Status = BasepOpenRoot(Path, &Root);

    if (!BaseBool(Status)) {
        return FALSE;
    }
    Status = NtQueryVolumeInformationFile(Root, &IoStatus, Information, Length, Class);
    NtClose(Root);
    return BaseBool(Status);
}

WINBOOL WINAPI GetDiskFreeSpaceW(LPCWSTR Path, LPDWORD Sectors, LPDWORD Bytes, LPDWORD Free, LPDWORD Total)
{
    FILE_FS_SIZE_INFORMATION Size;

    if (!BasepQueryVolume(Path, &Size, sizeof(Size), FileFsSizeInformation)) {
        return FALSE;
    }
    *Sectors = Size.SectorsPerAllocationUnit;
    *Bytes = Size.BytesPerSector;
    *Free = Size.AvailableAllocationUnits.LowPart;
    *Total = Size.TotalAllocationUnits.LowPart;
    return TRUE;
}

WINBOOL WINAPI GetDiskFreeSpaceA(LPCSTR Path, LPDWORD Sectors, LPDWORD Bytes, LPDWORD Free, LPDWORD Total)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Path) && GetDiskFreeSpaceW(Wide.Buffer, Sectors, Bytes, Free, Total);
}

WINBOOL WINAPI GetDiskFreeSpaceExW(LPCWSTR Path, PULARGE_INTEGER Available, PULARGE_INTEGER Total, PULARGE_INTEGER Free)
{
    FILE_FS_SIZE_INFORMATION Size;
    ULONGLONG Unit;

    if (!BasepQueryVolume(Path, &Size, sizeof(Size), FileFsSizeInformation)) {
        return FALSE;
    }
    Unit = (ULONGLONG)Size.SectorsPerAllocationUnit * Size.BytesPerSector;
    if (Available != NULL) {
        Available->QuadPart = Unit * Size.AvailableAllocationUnits.QuadPart;
    }
    if (Total != NULL) {
        Total->QuadPart = Unit * Size.TotalAllocationUnits.QuadPart;
    }
    if (Free != NULL) {
        Free->QuadPart = Unit * Size.AvailableAllocationUnits.QuadPart;
    }
    return TRUE;
}

WINBOOL WINAPI GetDiskFreeSpaceExA(LPCSTR Path, PULARGE_INTEGER Available, PULARGE_INTEGER Total, PULARGE_INTEGER Free)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Path) && GetDiskFreeSpaceExW(Wide.Buffer, Available, Total, Free);
}

UINT WINAPI GetDriveTypeW(LPCWSTR Path)
{
    FILE_FS_DEVICE_INFORMATION Device;

    if (!BasepQueryVolume(Path, &Device, sizeof(Device), FileFsDeviceInformation)) {
        return DRIVE_NO_ROOT_DIR;
    }
    switch (Device.DeviceType) {
    case FILE_DEVICE_DISK:
    case FILE_DEVICE_DISK_FILE_SYSTEM:
        return DRIVE_FIXED;
    case FILE_DEVICE_CD_ROM:
        return DRIVE_CDROM;
    default:
        return DRIVE_UNKNOWN;
    }
}

UINT WINAPI GetDriveTypeA(LPCSTR Path)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Path) ? GetDriveTypeW(Wide.Buffer) : DRIVE_UNKNOWN;
}

// A drive exists when its letter has a link in \??.
DWORD WINAPI GetLogicalDrives(VOID)
{
    WCHAR Link[] = L"\\??\\A:";
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    DWORD Drives = 0;
    HANDLE Handle;

    for (ULONG i = 0; i < 26; i++) {
        Link[4] = (WCHAR)(L'A' + i);
        RtlInitUnicodeString(&Name, Link);
        InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE, NULL, NULL);
        if (NT_SUCCESS(NtOpenSymbolicLinkObject(&Handle, SYMBOLIC_LINK_QUERY, &Attributes))) {
            Drives |= 1u << i;
            NtClose(Handle);
        }
    }
    return Drives;
}

DWORD WINAPI GetLogicalDriveStringsA(DWORD Size, LPSTR Buffer)
{
    DWORD Drives = GetLogicalDrives(), Needed = 4 * (DWORD)__builtin_popcount(Drives);

    if (Size < Needed + 1) {
        return Needed + 1;
    }
    for (ULONG i = 0; i < 26; i++) {
        if ((Drives & (1u << i)) != 0) {
            *Buffer++ = (CHAR)('A' + i);
            *Buffer++ = ':';
            *Buffer++ = '\\';
            *Buffer++ = 0;
        }
    }
    *Buffer = 0;
    return Needed;
}

WINBOOL WINAPI GetVolumeInformationW(LPCWSTR Path, LPWSTR Label, DWORD LabelSize, LPDWORD Serial, LPDWORD MaximumName,
                                     LPDWORD Flags, LPWSTR System, DWORD SystemSize)
{
    UCHAR Buffer[VOLUME_INFORMATION_BUFFER] ALIGNED(8);
    PFILE_FS_VOLUME_INFORMATION Volume = (PFILE_FS_VOLUME_INFORMATION)Buffer;
    PFILE_FS_ATTRIBUTE_INFORMATION Attribute = (PFILE_FS_ATTRIBUTE_INFORMATION)Buffer;
    ULONG Length;

    if (!BasepQueryVolume(Path, Volume, sizeof(Buffer), FileFsVolumeInformation)) {
        return FALSE;
    }
    Length = Volume->VolumeLabelLength / sizeof(WCHAR);
    if (Label != NULL) {
        if (Length >= LabelSize) {
            return BaseFail(ERROR_BAD_LENGTH);
        }
        memcpy(Label, Volume->VolumeLabel, Length * sizeof(WCHAR));
        Label[Length] = 0;
    }
    if (Serial != NULL) {
        *Serial = Volume->VolumeSerialNumber;
    }
    if (!BasepQueryVolume(Path, Attribute, sizeof(Buffer), FileFsAttributeInformation)) {
        return FALSE;
    }
    Length = Attribute->FileSystemNameLength / sizeof(WCHAR);
    if (System != NULL) {
        if (Length >= SystemSize) {
            return BaseFail(ERROR_BAD_LENGTH);
        }
        memcpy(System, Attribute->FileSystemName, Length * sizeof(WCHAR));
        System[Length] = 0;
    }
    if (MaximumName != NULL) {
        *MaximumName = (DWORD)Attribute->MaximumComponentNameLength;
    }
    if (Flags != NULL) {
        *Flags = Attribute->FileSystemAttributes;
    }
    return TRUE;
}

WINBOOL WINAPI GetVolumeInformationA(LPCSTR Path, LPSTR Label, DWORD LabelSize, LPDWORD Serial, LPDWORD MaximumName,
                                     LPDWORD Flags, LPSTR System, DWORD SystemSize)
{
    BASE_WIDE Wide AUTO_WIDE;
    WCHAR WideLabel[MAX_PATH], WideSystem[MAX_PATH];

    if (!BaseWiden(&Wide, Path) ||
        !GetVolumeInformationW(Wide.Buffer, WideLabel, MAX_PATH, Serial, MaximumName, Flags, WideSystem, MAX_PATH)) {
        return FALSE;
    }
    if ((Label != NULL && BaseNarrowResult(WideLabel, wcslen(WideLabel), Label, LabelSize) >= LabelSize) ||
        (System != NULL && BaseNarrowResult(WideSystem, wcslen(WideSystem), System, SystemSize) >= SystemSize)) {
        return BaseFail(ERROR_BAD_LENGTH);
    }
    return TRUE;
}
