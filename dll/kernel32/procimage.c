// SPDX-License-Identifier: MIT
// From a program's path to its image section, and whether it is a program that can run here.

#include "k32.h"

// STATUS_SUCCESS for an i386 Win32 program.
static NTSTATUS BasepCheckImage(const SECTION_IMAGE_INFORMATION *Image)
{
    if (Image->Machine != IMAGE_FILE_MACHINE_I386) {
        return STATUS_IMAGE_MACHINE_TYPE_MISMATCH;
    }
    if ((Image->ImageCharacteristics & IMAGE_FILE_DLL) != 0 ||
        (Image->ImageCharacteristics & IMAGE_FILE_EXECUTABLE_IMAGE) == 0) {
        return STATUS_INVALID_IMAGE_FORMAT;
    }
    if (Image->SubSystemType != IMAGE_SUBSYSTEM_WINDOWS_CUI && Image->SubSystemType != IMAGE_SUBSYSTEM_WINDOWS_GUI) {
        return STATUS_INVALID_IMAGE_FORMAT;
    }
    return STATUS_SUCCESS;
}

static BOOL BasepImageFailed(NTSTATUS Status)
{
    switch (Status) {
    case STATUS_IMAGE_MACHINE_TYPE_MISMATCH:
    case STATUS_INVALID_IMAGE_WIN_64:
        return BaseFail(ERROR_EXE_MACHINE_TYPE_MISMATCH);
    case STATUS_INVALID_IMAGE_FORMAT:
    case STATUS_INVALID_IMAGE_NOT_MZ:
    case STATUS_INVALID_IMAGE_NE_FORMAT:
    case STATUS_INVALID_IMAGE_LE_FORMAT:
    case STATUS_INVALID_IMAGE_PROTECT:
    case STATUS_INVALID_IMAGE_WIN_16:
    case STATUS_INVALID_FILE_FOR_SECTION:
    case STATUS_SECTION_TOO_BIG:
    case STATUS_MAPPED_FILE_SIZE_ZERO:
        return BaseFail(ERROR_BAD_EXE_FORMAT);
    default:
        return BaseBool(Status);
    }
}

// Opens Path and makes its image section. FALSE, with the last error set, when it is not there or no program for
// this machine; else the caller returns Image with BaseCloseImage.
BOOL BaseOpenImage(LPCWSTR Path, PBASE_IMAGE Image)
{
    HANDLE File;
    NTSTATUS Status = BaseOpenPath(&File, Path, FILE_EXECUTE | FILE_READ_DATA | SYNCHRONIZE,
                                   FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE);

    Image->Section = NULL;
    Image->DosName.Buffer = NULL;
    if (!NT_SUCCESS(Status)) {
        return BaseFail(Status == STATUS_FILE_IS_A_DIRECTORY ? ERROR_ACCESS_DENIED : RtlNtStatusToDosError(Status));
    }
    Status = NtCreateSection(&Image->Section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_EXECUTE, SEC_IMAGE, File);
    NtClose(File);
    if (!NT_SUCCESS(Status)) {
        Image->Section = NULL;
        return BasepImageFailed(Status);
    }
    Status =
        NtQuerySection(Image->Section, SectionImageInformation, &Image->Information, sizeof(Image->Information), NULL);
    if (NT_SUCCESS(Status)) {
        Status = BasepCheckImage(&Image->Information);
    }
    if (NT_SUCCESS(Status) && !RtlCreateUnicodeString(&Image->DosName, Path)) {
        Status = STATUS_NO_MEMORY;
    }
    if (!NT_SUCCESS(Status)) {
        BaseCloseImage(Image);
        return BasepImageFailed(Status);
    }
    return TRUE;
}

// Undoes BaseOpenImage.
VOID BaseCloseImage(PBASE_IMAGE Image)
{
    if (Image->Section != NULL) {
        NtClose(Image->Section);
    }
    if (Image->DosName.Buffer != NULL) {
        RtlFreeUnicodeString(&Image->DosName);
    }
}
