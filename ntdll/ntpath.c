// SPDX-License-Identifier: MIT
// Dos paths to names in the object namespace, questions about files by Dos path, and the search along a path list.
// Source: SDK documentation ("Naming Files", SearchPath), the published Native API.

#include "ntdllp.h"

#define PATH_SLACK 16 // separators and prefixes that are added to a name

// "\??\" and what follows, from a full Dos path of Units units. STATUS_NO_MEMORY, STATUS_NAME_TOO_LONG.
static NTSTATUS RtlpMakeNtName(PUNICODE_STRING NtName, PCWSTR Prefix, PCWSTR Rest)
{
    SIZE_T Bytes = (wcslen(Prefix) + wcslen(Rest) + 1) * sizeof(WCHAR);

    if (Bytes > MAXIMUM_STRING_BYTES)
        return STATUS_NAME_TOO_LONG;
    NtName->Buffer = RtlpAlloc(Bytes);
    if (NtName->Buffer == NULL)
        return STATUS_NO_MEMORY;
    NtName->MaximumLength = (USHORT)Bytes;
    NtName->Length = (USHORT)(Bytes - sizeof(WCHAR));
    wcscpy(NtName->Buffer, Prefix);
    wcscat(NtName->Buffer, Rest);
    return STATUS_SUCCESS;
}

static NTSTATUS RtlpFullPathToNtName(PCWSTR Full, PUNICODE_STRING NtName)
{
    switch (RtlDetermineDosPathNameType_U(Full)) {
    case RtlPathTypeLocalDevice:
        return RtlpMakeNtName(NtName, L"\\??\\", Full + 4);
    case RtlPathTypeUncAbsolute:
        return RtlpMakeNtName(NtName, L"\\??\\UNC\\", Full + 2);
    default:
        return RtlpMakeNtName(NtName, L"\\??\\", Full);
    }
}

// The same as RtlDosPathNameToNtPathName_U with a status: STATUS_OBJECT_NAME_INVALID for an empty or too long name.
NTCHECK RtlDosPathNameToNtPathName_U_WithStatus(PCWSTR DosName, PUNICODE_STRING NtName, PWSTR *FilePart, PVOID Reserved)
{
    PWSTR Full, Last;
    ULONG Bytes, Room;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(Reserved);
    if (FilePart != NULL)
        *FilePart = NULL;
    if (DosName == NULL || DosName[0] == 0)
        return STATUS_OBJECT_NAME_INVALID;
    if (wcsncmp(DosName, L"\\\\?\\", 4) == 0) {
        Status = RtlpMakeNtName(NtName, L"\\??\\", DosName + 4); // said to be final: nothing is resolved
    } else {
        Room = (wcslen(DosName) + MAXIMUM_PATH + PATH_SLACK) * sizeof(WCHAR);
        Full = RtlpAlloc(Room);
        if (Full == NULL)
            return STATUS_NO_MEMORY;
        Bytes = RtlGetFullPathName_U(DosName, Room, Full, NULL);
        Status = Bytes == 0 || Bytes >= Room ? STATUS_OBJECT_NAME_INVALID : RtlpFullPathToNtName(Full, NtName);
        RtlpFree(Full);
    }
    if (NT_SUCCESS(Status) && FilePart != NULL) {
        Last = wcsrchr(NtName->Buffer, '\\');
        *FilePart = Last == NULL || Last[1] == 0 ? NULL : Last + 1;
    }
    return Status;
}

// See inc/nt/ntrtl.h.
BOOLEAN NTAPI RtlDosPathNameToNtPathName_U(PCWSTR DosName, PUNICODE_STRING NtName, PWSTR *FilePart, PVOID Reserved)
{
    return NT_SUCCESS(RtlDosPathNameToNtPathName_U_WithStatus(DosName, NtName, FilePart, Reserved));
}

// TRUE if the name can be found, as a file, a directory or a device.
BOOLEAN NTAPI RtlDoesFileExists_U(PCWSTR Name)
{
    FILE_BASIC_INFORMATION Basic;
    OBJECT_ATTRIBUTES ObjectAttributes;
    UNICODE_STRING NtName;
    NTSTATUS Status;

    if (!RtlDosPathNameToNtPathName_U(Name, &NtName, NULL, NULL))
        return FALSE;
    InitializeObjectAttributes(&ObjectAttributes, &NtName, OBJ_CASE_INSENSITIVE, NULL, NULL);
    Status = NtQueryAttributesFile(&ObjectAttributes, &Basic);
    RtlFreeUnicodeString(&NtName);
    return NT_SUCCESS(Status) || Status == STATUS_SHARING_VIOLATION || Status == STATUS_ACCESS_DENIED;
}

// Joins a directory, a file name and an extension (NULL, or used if the name has none) into Work.
static BOOLEAN RtlpJoin(PWSTR Work, ULONG Room, PCWSTR Directory, ULONG DirectoryUnits, PCWSTR Name, PCWSTR Extension)
{
    ULONG Need = DirectoryUnits + wcslen(Name) + 2 + (Extension == NULL ? 0 : wcslen(Extension));

    if (Need > Room)
        return FALSE;
    memcpy(Work, Directory, DirectoryUnits * sizeof(WCHAR));
    if (DirectoryUnits > 0 && !RtlpIsSeparator(Work[DirectoryUnits - 1]))
        Work[DirectoryUnits++] = '\\';
    Work[DirectoryUnits] = 0;
    wcscat(Work, Name);
    if (Extension != NULL)
        wcscat(Work, Extension);
    return TRUE;
}

static BOOLEAN RtlpHasExtension(PCWSTR Name)
{
    PCWSTR Dot = wcsrchr(Name, '.'), Slash = wcsrchr(Name, '\\');

    return Dot != NULL && (Slash == NULL || Dot > Slash);
}

// Looks for FileName in each directory of Path (separated by semicolons; an empty one is the current directory). A
// FileName that is not relative is only looked for where it says. Sizes are bytes as in RtlGetFullPathName_U; 0: not
// found.
ULONG NTAPI RtlDosSearchPath_U(PCWSTR Path, PCWSTR FileName, PCWSTR Extension, ULONG Size, PWSTR Buffer,
                               PWSTR *FilePart)
{
    ULONG Room = wcslen(Path) + wcslen(FileName) + (Extension == NULL ? 0 : wcslen(Extension)) + PATH_SLACK;
    ULONG Units, Result = 0;
    PWSTR Work = RtlpAlloc(Room * sizeof(WCHAR));

    if (Work == NULL)
        return 0;
    if (RtlpHasExtension(FileName))
        Extension = NULL;
    if (RtlDetermineDosPathNameType_U(FileName) != RtlPathTypeRelative)
        Path = L"";
    for (;;) {
        for (Units = 0; Path[Units] != 0 && Path[Units] != ';'; Units++)
            ;
        if (RtlpJoin(Work, Room, Path, Units, FileName, Extension) && RtlDoesFileExists_U(Work)) {
            Result = RtlGetFullPathName_U(Work, Size, Buffer, FilePart);
            break;
        }
        if (Path[Units] == 0)
            break;
        Path += Units + 1;
    }
    RtlpFree(Work);
    return Result;
}
