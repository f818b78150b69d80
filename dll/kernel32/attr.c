// SPDX-License-Identifier: MIT
// Attributes and times of files, by name and by handle.

#include "k32.h"

DWORD WINAPI GetFileAttributesW(LPCWSTR FileName)
{
    BASE_NAME Name AUTO_NAME;
    FILE_BASIC_INFORMATION Basic;

    if (!BaseOpenName(&Name, FileName) || !BaseBool(NtQueryAttributesFile(&Name.Attributes, &Basic))) {
        return INVALID_FILE_ATTRIBUTES;
    }
    return Basic.FileAttributes;
}

DWORD WINAPI GetFileAttributesA(LPCSTR FileName)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, FileName) ? GetFileAttributesW(Wide.Buffer) : INVALID_FILE_ATTRIBUTES;
}

WINBOOL WINAPI GetFileAttributesExW(LPCWSTR FileName, GET_FILEEX_INFO_LEVELS Level, LPVOID Information)
{
    WIN32_FILE_ATTRIBUTE_DATA *Data = Information;
    BASE_NAME Name AUTO_NAME = {.NtName.Buffer = NULL};
    FILE_NETWORK_OPEN_INFORMATION Full;

    if (Level != GetFileExInfoStandard) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (!BaseOpenName(&Name, FileName) || !BaseBool(NtQueryFullAttributesFile(&Name.Attributes, &Full))) {
        return FALSE;
    }
    Data->dwFileAttributes = Full.FileAttributes;
    Data->ftCreationTime = BaseFileTime(Full.CreationTime);
    Data->ftLastAccessTime = BaseFileTime(Full.LastAccessTime);
    Data->ftLastWriteTime = BaseFileTime(Full.LastWriteTime);
    Data->nFileSizeHigh = (DWORD)Full.EndOfFile.HighPart;
    Data->nFileSizeLow = Full.EndOfFile.LowPart;
    return TRUE;
}

WINBOOL WINAPI GetFileAttributesExA(LPCSTR FileName, GET_FILEEX_INFO_LEVELS Level, LPVOID Information)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, FileName) && GetFileAttributesExW(Wide.Buffer, Level, Information);
}

static NTSTATUS BasepSetBasic(HANDLE File, PFILE_BASIC_INFORMATION Basic)
{
    IO_STATUS_BLOCK IoStatus;

    return NtSetInformationFile(File, &IoStatus, Basic, sizeof(*Basic), FileBasicInformation);
}

WINBOOL WINAPI SetFileAttributesW(LPCWSTR FileName, DWORD FileAttributes)
{
    FILE_BASIC_INFORMATION Basic = {.FileAttributes = FileAttributes == 0 ? FILE_ATTRIBUTE_NORMAL : FileAttributes};
    HANDLE File;
    NTSTATUS Status = BaseOpenPath(&File, FileName, FILE_WRITE_ATTRIBUTES | SYNCHRONIZE, FILE_SYNCHRONOUS_IO_NONALERT);

    if (!BaseBool(Status)) {
        return FALSE;
    }
    Status = BasepSetBasic(File, &Basic);
    NtClose(File);
    return BaseBool(Status);
}

WINBOOL WINAPI SetFileAttributesA(LPCSTR FileName, DWORD FileAttributes)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, FileName) && SetFileAttributesW(Wide.Buffer, FileAttributes);
}

WINBOOL WINAPI GetFileTime(HANDLE File, LPFILETIME Creation, LPFILETIME Access, LPFILETIME Write)
{
    FILE_BASIC_INFORMATION Basic;
    IO_STATUS_BLOCK IoStatus;

    if (!BaseBool(NtQueryInformationFile(File, &IoStatus, &Basic, sizeof(Basic), FileBasicInformation))) {
        return FALSE;
    }
    if (Creation != NULL) {
        *Creation = BaseFileTime(Basic.CreationTime);
    }
    if (Access != NULL) {
        *Access = BaseFileTime(Basic.LastAccessTime);
    }
    if (Write != NULL) {
        *Write = BaseFileTime(Basic.LastWriteTime);
    }
    return TRUE;
}

WINBOOL WINAPI SetFileTime(HANDLE File, const FILETIME *Creation, const FILETIME *Access, const FILETIME *Write)
{
    FILE_BASIC_INFORMATION Basic = {.FileAttributes = 0};

    if (Creation != NULL) {
        Basic.CreationTime = BaseFromFileTime(Creation);
    }
    if (Access != NULL) {
        Basic.LastAccessTime = BaseFromFileTime(Access);
    }
    if (Write != NULL) {
        Basic.LastWriteTime = BaseFromFileTime(Write);
    }
    return BaseBool(BasepSetBasic(File, &Basic));
}

static ULONG BasepSerialNumber(HANDLE File)
{
    struct {
        FILE_FS_VOLUME_INFORMATION Volume;
        WCHAR Label[64];
    } Information;
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status =
        NtQueryVolumeInformationFile(File, &IoStatus, &Information, sizeof(Information), FileFsVolumeInformation);

    return NT_ERROR(Status) ? 0 : Information.Volume.VolumeSerialNumber;
}

WINBOOL WINAPI GetFileInformationByHandle(HANDLE File, LPBY_HANDLE_FILE_INFORMATION Information)
{
    FILE_BASIC_INFORMATION Basic;
    FILE_STANDARD_INFORMATION Standard;
    FILE_INTERNAL_INFORMATION Internal = {.IndexNumber.QuadPart = 0};
    IO_STATUS_BLOCK IoStatus;

    if (!BaseBool(NtQueryInformationFile(File, &IoStatus, &Basic, sizeof(Basic), FileBasicInformation)) ||
        !BaseBool(NtQueryInformationFile(File, &IoStatus, &Standard, sizeof(Standard), FileStandardInformation))) {
        return FALSE;
    }
    // A file system without file numbers leaves the index 0.
    IGNORE_STATUS(NtQueryInformationFile(File, &IoStatus, &Internal, sizeof(Internal), FileInternalInformation));
    Information->dwFileAttributes = Basic.FileAttributes;
    Information->ftCreationTime = BaseFileTime(Basic.CreationTime);
    Information->ftLastAccessTime = BaseFileTime(Basic.LastAccessTime);
    Information->ftLastWriteTime = BaseFileTime(Basic.LastWriteTime);
    Information->dwVolumeSerialNumber = BasepSerialNumber(File);
    Information->nFileSizeHigh = (DWORD)Standard.EndOfFile.HighPart;
    Information->nFileSizeLow = Standard.EndOfFile.LowPart;
    Information->nNumberOfLinks = Standard.NumberOfLinks;
    Information->nFileIndexHigh = (DWORD)Internal.IndexNumber.HighPart;
    Information->nFileIndexLow = Internal.IndexNumber.LowPart;
    return TRUE;
}
