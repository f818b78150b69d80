// SPDX-License-Identifier: MIT
// Information classes of files under their Win32 numbers. The structures are the Native API's own.

#include "k32.h"

static FILE_INFORMATION_CLASS BasepNativeClass(FILE_INFO_BY_HANDLE_CLASS Class)
{
    switch (Class) {
    case FileBasicInfo:
        return FileBasicInformation;
    case FileStandardInfo:
        return FileStandardInformation;
    case FileNameInfo:
        return FileNameInformation;
    case FileDispositionInfo:
        return FileDispositionInformation;
    case FileAllocationInfo:
        return FileAllocationInformation;
    case FileEndOfFileInfo:
        return FileEndOfFileInformation;
    default:
        return FileMaximumInformation;
    }
}

WINBOOL WINAPI GetFileInformationByHandleEx(HANDLE File, FILE_INFO_BY_HANDLE_CLASS Class, LPVOID Information,
                                            DWORD Length)
{
    FILE_INFORMATION_CLASS Native = BasepNativeClass(Class);
    IO_STATUS_BLOCK IoStatus;

    if (Native != FileBasicInformation && Native != FileStandardInformation && Native != FileNameInformation) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    return BaseBool(NtQueryInformationFile(File, &IoStatus, Information, Length, Native));
}

WINBOOL WINAPI SetFileInformationByHandle(HANDLE File, FILE_INFO_BY_HANDLE_CLASS Class, LPVOID Information,
                                          DWORD Length)
{
    FILE_INFORMATION_CLASS Native = BasepNativeClass(Class);
    FILE_DISPOSITION_INFORMATION Disposition ALIGNED(4);
    IO_STATUS_BLOCK IoStatus;

    if (Native == FileMaximumInformation || Native == FileStandardInformation || Native == FileNameInformation) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (Native == FileDispositionInformation && Length >= sizeof(Disposition)) {
        Disposition = *(PFILE_DISPOSITION_INFORMATION)Information;
        return BaseBool(NtSetInformationFile(File, &IoStatus, &Disposition, sizeof(Disposition), Native));
    }
    return BaseBool(NtSetInformationFile(File, &IoStatus, Information, Length, Native));
}
