// SPDX-License-Identifier: MIT
// From a DLL's name to a mapped image: a section in \KnownDlls, or the first file along the search path.

#include "ldrp.h"

#define SECTION_ACCESS (SECTION_MAP_EXECUTE | SECTION_MAP_READ | SECTION_MAP_WRITE | SECTION_QUERY)

PLDRP_MODULE LdrpImage;
BOOLEAN LdrpStarting;
HANDLE LdrpKnownDlls;
PWSTR LdrpDefaultPath;

// The system's own DLLs may be held as sections, so that nobody can put another file in their place.
static NTSTATUS LdrpOpenKnownDll(PCUNICODE_STRING Name, PHANDLE Section, PWSTR FullName)
{
    OBJECT_ATTRIBUTES ObjectAttributes;
    UNICODE_STRING Copy = *Name;
    NTSTATUS Status;

    if (LdrpKnownDlls == NULL || LdrpHasPath(Name))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    InitializeObjectAttributes(&ObjectAttributes, &Copy, OBJ_CASE_INSENSITIVE, LdrpKnownDlls, NULL);
    Status = NtOpenSection(Section, SECTION_ACCESS, &ObjectAttributes);
    if (!NT_SUCCESS(Status))
        return Status;
    if (_snwprintf(FullName, LDRP_NAME_UNITS, L"%s\\System32\\%wZ", SharedUserData->NtSystemRoot, Name) < 0)
        return STATUS_NAME_TOO_LONG;
    return STATUS_SUCCESS;
}

static NTSTATUS LdrpOpenImageFile(PCWSTR FullName, PHANDLE Section)
{
    OBJECT_ATTRIBUTES ObjectAttributes;
    IO_STATUS_BLOCK IoStatus;
    UNICODE_STRING NtName;
    HANDLE File;
    NTSTATUS Status;

    if (!RtlDosPathNameToNtPathName_U(FullName, &NtName, NULL, NULL))
        return STATUS_OBJECT_NAME_INVALID;
    InitializeObjectAttributes(&ObjectAttributes, &NtName, OBJ_CASE_INSENSITIVE, NULL, NULL);
    Status = NtOpenFile(&File, SYNCHRONIZE | FILE_EXECUTE | FILE_READ_DATA, &ObjectAttributes, &IoStatus,
                        FILE_SHARE_READ | FILE_SHARE_DELETE, FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE);
    RtlFreeUnicodeString(&NtName);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = NtCreateSection(Section, SECTION_ACCESS, NULL, NULL, PAGE_EXECUTE, SEC_IMAGE, File);
    NtClose(File);
    return Status;
}

// Finds the file and makes a section of it. FullName has LDRP_NAME_UNITS.
static NTSTATUS LdrpOpenDll(PCWSTR SearchPath, PCUNICODE_STRING Name, PHANDLE Section, PWSTR FullName)
{
    PUNICODE_STRING DllPath = &NtCurrentPeb()->ProcessParameters->DllPath;
    ULONG Bytes;

    if (NT_SUCCESS(LdrpOpenKnownDll(Name, Section, FullName)))
        return STATUS_SUCCESS;
    if (SearchPath == NULL && DllPath->Length != 0)
        SearchPath = DllPath->Buffer;
    if (SearchPath == NULL) {
        NTSTATUS Status = LdrpBuildDefaultPath();

        if (!NT_SUCCESS(Status))
            return Status;
        SearchPath = LdrpDefaultPath;
    }
    Bytes = RtlDosSearchPath_U(SearchPath, Name->Buffer, NULL, LDRP_NAME_UNITS * sizeof(WCHAR), FullName, NULL);
    if (Bytes == 0 || Bytes >= LDRP_NAME_UNITS * sizeof(WCHAR))
        return STATUS_DLL_NOT_FOUND;
    return LdrpOpenImageFile(FullName, Section);
}

static NTSTATUS LdrpMapSection(HANDLE Section, PVOID *Base)
{
    SIZE_T ViewSize = 0;
    PIMAGE_NT_HEADERS32 Headers;
    NTSTATUS Status;

    *Base = NULL;
    Status = NtMapViewOfSection(Section, NtCurrentProcess(), Base, 0, 0, NULL, &ViewSize, ViewShare, 0, PAGE_READWRITE);
    if (!NT_SUCCESS(Status))
        return Status;
    // Mm has checked the headers when it made the section; this is for an image of another kind of machine.
    Headers = RtlImageNtHeader(*Base);
    if (Headers == NULL || Headers->FileHeader.Machine != IMAGE_FILE_MACHINE_I386) {
        IGNORE_STATUS(NtUnmapViewOfSection(NtCurrentProcess(), *Base));
        return Headers == NULL ? STATUS_INVALID_IMAGE_FORMAT : STATUS_IMAGE_MACHINE_TYPE_MISMATCH;
    }
    return STATUS_SUCCESS;
}

NTSTATUS LdrpMapDll(PCWSTR SearchPath, PCUNICODE_STRING Name, PLDRP_MODULE *Module)
{
    WCHAR FullText[LDRP_NAME_UNITS];
    UNICODE_STRING FullName;
    HANDLE Section;
    PVOID Base;
    NTSTATUS Status;

    Status = LdrpOpenDll(SearchPath, Name, &Section, FullText);
    if (!NT_SUCCESS(Status))
        return Status;
    RtlInitUnicodeString(&FullName, FullText);
    *Module = LdrpFindByFullName(&FullName); // the same file under another name
    if (*Module != NULL) {
        NtClose(Section);
        return STATUS_SUCCESS;
    }
    Status = LdrpMapSection(Section, &Base);
    NtClose(Section);
    if (!NT_SUCCESS(Status))
        return Status;
    *Module = LdrpAllocateModule(Base, &FullName);
    if (*Module == NULL) {
        IGNORE_STATUS(NtUnmapViewOfSection(NtCurrentProcess(), Base));
        return STATUS_NO_MEMORY;
    }
    return STATUS_SUCCESS;
}
