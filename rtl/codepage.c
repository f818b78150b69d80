// SPDX-License-Identifier: MIT
// The ANSI code page, 1252: Latin-1 except for 80h-9Fh, which hold what the table below says. The five positions that
// 1252 leaves undefined map to the control characters of the same number, as Windows' table does.
// Source: Unicode Consortium, VENDORS/MICSFT/WINDOWS/CP1252.TXT; SDK documentation of the Rtl functions.
// Any IRQL unless memory is allocated (<= APC_LEVEL then), as far as the strings themselves may be touched.

#include "rtlp.h"

#define SPECIAL_FIRST 0x80
#define SPECIAL_COUNT 0x20

static const WCHAR RtlpSpecial1252[SPECIAL_COUNT] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
};

static WCHAR RtlpFrom1252(UCHAR Character)
{
    if (Character < SPECIAL_FIRST || Character >= SPECIAL_FIRST + SPECIAL_COUNT)
        return Character;
    return RtlpSpecial1252[Character - SPECIAL_FIRST];
}

static UCHAR RtlpTo1252(WCHAR Character)
{
    UCHAR i;

    if (Character < SPECIAL_FIRST || (Character >= SPECIAL_FIRST + SPECIAL_COUNT && Character < 0x100))
        return (UCHAR)Character;
    for (i = 0; i < SPECIAL_COUNT; i++) {
        if (RtlpSpecial1252[i] == Character)
            return SPECIAL_FIRST + i;
    }
    return '?';
}

// Converts as many characters as fit into UnicodeSize bytes; *Result (optional) is the bytes written. Always succeeds.
NTCHECK RtlMultiByteToUnicodeN(PWSTR Unicode, ULONG UnicodeSize, PULONG Result, PCSTR MultiByte, ULONG MultiByteSize)
{
    ULONG Count = min_of(UnicodeSize / sizeof(WCHAR), MultiByteSize), i;

    for (i = 0; i < Count; i++)
        Unicode[i] = RtlpFrom1252(MultiByte[i]);
    if (Result != NULL)
        *Result = Count * sizeof(WCHAR);
    return STATUS_SUCCESS;
}

// Converts as many characters as fit; those that 1252 does not have become '?'. Always succeeds.
NTCHECK RtlUnicodeToMultiByteN(PCHAR MultiByte, ULONG MultiByteSize, PULONG Result, PCWSTR Unicode, ULONG UnicodeSize)
{
    ULONG Count = min_of(UnicodeSize / sizeof(WCHAR), MultiByteSize), i;

    for (i = 0; i < Count; i++)
        MultiByte[i] = (CHAR)RtlpTo1252(Unicode[i]);
    if (Result != NULL)
        *Result = Count;
    return STATUS_SUCCESS;
}

NTCHECK RtlMultiByteToUnicodeSize(PULONG Size, PCSTR MultiByte, ULONG MultiByteSize)
{
    UNREFERENCED_PARAMETER(MultiByte);
    *Size = MultiByteSize * sizeof(WCHAR);
    return STATUS_SUCCESS;
}

NTCHECK RtlUnicodeToMultiByteSize(PULONG Size, PCWSTR Unicode, ULONG UnicodeSize)
{
    UNREFERENCED_PARAMETER(Unicode);
    *Size = UnicodeSize / sizeof(WCHAR);
    return STATUS_SUCCESS;
}

// Converts with a terminator. Allocate: the buffer is made, and returned by RtlFreeUnicodeString; else
// STATUS_BUFFER_OVERFLOW if it is too small. STATUS_INVALID_PARAMETER_2 if the result is too long for a counted string.
NTCHECK RtlAnsiStringToUnicodeString(PUNICODE_STRING Destination, PCANSI_STRING Source, BOOLEAN Allocate)
{
    ULONG Bytes = ((ULONG)Source->Length + 1) * sizeof(WCHAR), Done;

    if (Bytes > MAXUSHORT)
        return STATUS_INVALID_PARAMETER_2;
    if (Allocate) {
        Destination->Buffer = RtlpAllocateMemory(Bytes, TAG_RTL_STRING);
        if (Destination->Buffer == NULL)
            return STATUS_NO_MEMORY;
        Destination->MaximumLength = (USHORT)Bytes;
    } else if (Bytes > Destination->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    IGNORE_STATUS(
        RtlMultiByteToUnicodeN(Destination->Buffer, Bytes - sizeof(WCHAR), &Done, Source->Buffer, Source->Length));
    Destination->Length = (USHORT)Done;
    Destination->Buffer[Done / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

// The other way, with the same rules; the buffer is returned by RtlFreeAnsiString. If it is the caller's and too small,
// what fits is converted and STATUS_BUFFER_OVERFLOW returned.
NTCHECK RtlUnicodeStringToAnsiString(PANSI_STRING Destination, PCUNICODE_STRING Source, BOOLEAN Allocate)
{
    ULONG Bytes = Source->Length / sizeof(WCHAR) + 1, Done;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Allocate) {
        Destination->Buffer = RtlpAllocateMemory(Bytes, TAG_RTL_STRING);
        if (Destination->Buffer == NULL)
            return STATUS_NO_MEMORY;
        Destination->MaximumLength = (USHORT)Bytes;
    } else if (Bytes > Destination->MaximumLength) {
        if (Destination->MaximumLength == 0)
            return STATUS_BUFFER_OVERFLOW;
        Bytes = Destination->MaximumLength;
        Status = STATUS_BUFFER_OVERFLOW;
    }
    IGNORE_STATUS(RtlUnicodeToMultiByteN(Destination->Buffer, Bytes - 1, &Done, Source->Buffer, Source->Length));
    Destination->Length = (USHORT)Done;
    Destination->Buffer[Done] = 0;
    return Status;
}
