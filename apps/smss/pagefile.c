// SPDX-License-Identifier: MIT
// Page files. Without the option one on C:, half as large again as memory, but never more than a part of what is free
// there. /PAGEFILE=C:16-64,D:8 makes one of 16 MB that may grow to 64 on C:, one of 8 on D:; /PAGEFILE=NONE makes none.

#include "smss.h"

#define MEGABYTE 0x100000ull
#define SMALLEST_MB 2ull
#define LARGEST_MB 4095ull
#define FREE_SHARE 4 // a page file begins with at most this part of what is free, and grows to twice as much

static NTSTATUS SmCreatePageFile(WCHAR Drive, ULONGLONG MinimumMb, ULONGLONG MaximumMb)
{
    WCHAR Path[] = L"\\??\\C:\\pagefile.sys";
    LARGE_INTEGER Minimum = {.QuadPart = (LONGLONG)(MinimumMb * MEGABYTE)};
    LARGE_INTEGER Maximum = {.QuadPart = (LONGLONG)(MaximumMb * MEGABYTE)};
    UNICODE_STRING Name;
    NTSTATUS Status;

    Path[4] = Drive;
    RtlInitUnicodeString(&Name, Path);
    Status = NtCreatePagingFile(&Name, &Minimum, &Maximum, 0);
    if (!NT_SUCCESS(Status))
        DbgPrint("smss: page file %wZ cannot be created: status 0x%08X\n", &Name, Status);
    return Status;
}

// How many MB are free on C:. 0: cannot tell.
static ULONGLONG SmFreeMegabytes(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\??\\C:\\");
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    FILE_FS_SIZE_INFORMATION Size;
    NTSTATUS Status;
    HANDLE Root;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    Status = NtOpenFile(&Root, SYNCHRONIZE | FILE_LIST_DIRECTORY, &Attributes, &IoStatus,
                        FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT);
    if (!NT_SUCCESS(Status))
        return 0;
    Status = NtQueryVolumeInformationFile(Root, &IoStatus, &Size, sizeof(Size), FileFsSizeInformation);
    NtClose(Root);
    if (!NT_SUCCESS(Status))
        return 0;
    return (ULONGLONG)Size.AvailableAllocationUnits.QuadPart * Size.SectorsPerAllocationUnit * Size.BytesPerSector /
           MEGABYTE;
}

static VOID SmCreateDefaultPageFile(VOID)
{
    ULONGLONG Part = SmFreeMegabytes() / FREE_SHARE, Memory, Minimum, Maximum;
    SYSTEM_BASIC_INFORMATION Basic;

    if (!NT_SUCCESS(NtQuerySystemInformation(SystemBasicInformation, &Basic, sizeof(Basic), NULL)))
        return;
    Memory = (ULONGLONG)Basic.NumberOfPhysicalPages * Basic.PageSize / MEGABYTE;
    Minimum = min_of(Memory * 3 / 2, min_of(Part, LARGEST_MB));
    Maximum = min_of(Memory * 3, min_of(Part * 2, LARGEST_MB));
    if (Minimum >= SMALLEST_MB)
        IGNORE_STATUS(SmCreatePageFile(L'C', Minimum, Maximum)); // without one the system works with what memory holds
}

static PCWSTR SmReadNumber(PCWSTR Text, PULONGLONG Number)
{
    for (*Number = 0; *Text >= L'0' && *Text <= L'9'; Text++)
        *Number = *Number * 10 + (ULONGLONG)(*Text - L'0');
    return Text;
}

VOID SmCreatePageFiles(PCWSTR Options)
{
    if (Options == NULL) {
        SmCreateDefaultPageFile();
        return;
    }
    while (Options[0] != L'\0' && Options[1] == L':') {
        WCHAR Drive = Options[0];
        ULONGLONG Minimum, Maximum;

        Options = SmReadNumber(Options + 2, &Minimum);
        Maximum = Minimum;
        if (*Options == L'-')
            Options = SmReadNumber(Options + 1, &Maximum);
        IGNORE_STATUS(SmCreatePageFile(Drive, Minimum, Maximum)); // it has said what is wrong
        if (*Options != L',')
            return;
        Options++;
    }
}
