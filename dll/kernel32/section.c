// SPDX-License-Identifier: MIT
// File mappings: sections under their Win32 name.

#include "k32.h"

#define PROTECTION_BITS 0xFFu

HANDLE WINAPI CreateFileMappingW(HANDLE File, LPSECURITY_ATTRIBUTES Security, DWORD Protect, DWORD SizeHigh,
                                 DWORD SizeLow, LPCWSTR Name)
{
    LARGE_INTEGER Size = BaseLarge(((LONGLONG)SizeHigh << 32) | SizeLow);
    ULONG Attributes = Protect & ~PROTECTION_BITS;
    ACCESS_MASK Access = STANDARD_RIGHTS_REQUIRED | SECTION_QUERY | SECTION_MAP_READ;
    OBJECT_ATTRIBUTES Object;
    UNICODE_STRING String;
    HANDLE Handle = NULL;
    NTSTATUS Status;

    Protect &= PROTECTION_BITS;
    if (File == INVALID_HANDLE_VALUE && Size.QuadPart == 0) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    switch (Protect) {
    case PAGE_READWRITE:
    case PAGE_EXECUTE_READWRITE:
        Access |= SECTION_MAP_WRITE;
        break;
    case PAGE_READONLY:
    case PAGE_WRITECOPY:
    case PAGE_EXECUTE_READ:
    case PAGE_EXECUTE_WRITECOPY:
        break;
    default:
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (Protect >= PAGE_EXECUTE) {
        Access |= SECTION_MAP_EXECUTE;
    }
    if ((Attributes & (SEC_IMAGE | SEC_RESERVE | SEC_COMMIT)) == 0) {
        Attributes |= SEC_COMMIT;
    }
    Status = NtCreateSection(&Handle, Access, BaseObjectAttributes(&Object, &String, Security, Name),
                             Size.QuadPart == 0 ? NULL : &Size, Protect, Attributes,
                             File == INVALID_HANDLE_VALUE ? NULL : File);
    return BaseCreated(Status, &Handle);
}

HANDLE WINAPI CreateFileMappingA(HANDLE File, LPSECURITY_ATTRIBUTES Security, DWORD Protect, DWORD SizeHigh,
                                 DWORD SizeLow, LPCSTR Name)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Name) ? CreateFileMappingW(File, Security, Protect, SizeHigh, SizeLow, Wide.Buffer) : NULL;
}

HANDLE WINAPI OpenFileMappingW(DWORD Access, WINBOOL Inherit, LPCWSTR Name)
{
    SECURITY_ATTRIBUTES Security = {sizeof(Security), NULL, Inherit};
    OBJECT_ATTRIBUTES Object;
    UNICODE_STRING String;
    HANDLE Handle = NULL;

    if (Name == NULL) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (Access == FILE_MAP_COPY) {
        Access = FILE_MAP_READ;
    }
    BaseObjectAttributes(&Object, &String, &Security, Name);
    Object.Attributes &= ~(ULONG)OBJ_OPENIF;
    return BaseOpened(NtOpenSection(&Handle, Access, &Object), &Handle);
}

HANDLE WINAPI OpenFileMappingA(DWORD Access, WINBOOL Inherit, LPCSTR Name)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Name) ? OpenFileMappingW(Access, Inherit, Wide.Buffer) : NULL;
}

static ULONG BasepViewProtection(DWORD Access)
{
    BOOL Execute = (Access & FILE_MAP_EXECUTE) != 0;

    Access &= ~(DWORD)FILE_MAP_EXECUTE;
    if (Access == FILE_MAP_COPY) {
        return Execute ? PAGE_EXECUTE_WRITECOPY : PAGE_WRITECOPY;
    }
    if ((Access & FILE_MAP_WRITE) != 0) {
        return Execute ? PAGE_EXECUTE_READWRITE : PAGE_READWRITE;
    }
    if ((Access & FILE_MAP_READ) != 0) {
        return Execute ? PAGE_EXECUTE_READ : PAGE_READONLY;
    }
    return PAGE_NOACCESS;
}

LPVOID WINAPI MapViewOfFileEx(HANDLE Mapping, DWORD Access, DWORD OffsetHigh, DWORD OffsetLow, SIZE_T Bytes,
                              LPVOID Base)
{
    LARGE_INTEGER Offset = BaseLarge(((LONGLONG)OffsetHigh << 32) | OffsetLow);
    NTSTATUS Status = NtMapViewOfSection(Mapping, NtCurrentProcess(), &Base, 0, 0, &Offset, &Bytes, ViewShare, 0,
                                         BasepViewProtection(Access));

    return BaseBool(Status) ? Base : NULL;
}

LPVOID WINAPI MapViewOfFile(HANDLE Mapping, DWORD Access, DWORD OffsetHigh, DWORD OffsetLow, SIZE_T Bytes)
{
    return MapViewOfFileEx(Mapping, Access, OffsetHigh, OffsetLow, Bytes, NULL);
}

WINBOOL WINAPI UnmapViewOfFile(LPCVOID Base)
{
    return BaseBool(NtUnmapViewOfSection(NtCurrentProcess(), (PVOID)Base));
}

WINBOOL WINAPI FlushViewOfFile(LPCVOID Base, SIZE_T Bytes)
{
    PVOID Address = (PVOID)Base;
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status = NtFlushVirtualMemory(NtCurrentProcess(), &Address, &Bytes, &IoStatus);

    return Status == STATUS_NOT_MAPPED_DATA ? TRUE : BaseBool(Status);
}
