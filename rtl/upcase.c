// SPDX-License-Identifier: MIT
// Case mapping of UTF-16 units by the generated two-level tables (tools/upcase.py): one index per 64 characters, then a
// difference to add. Surrogates map to themselves.

#include "rtlp.h"

static WCHAR RtlpMapCase(WCHAR Character, const UCHAR *Index, const USHORT *Table)
{
    ULONG Page = Index[Character >> RTLP_CASE_PAGE_SHIFT];

    return (WCHAR)(Character + Table[(Page << RTLP_CASE_PAGE_SHIFT) + (Character & RTLP_CASE_PAGE_MASK)]);
}

// The upper-case form of Character, itself if it has none. Any IRQL.
WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR Character)
{
    if (Character < 'a')
        return Character;
    if (Character <= 'z')
        return Character - ('a' - 'A');
    return RtlpMapCase(Character, RtlpUpcaseIndex, RtlpUpcaseTable);
}

// The lower-case form of Character, itself if it has none. Any IRQL.
WCHAR NTAPI RtlDowncaseUnicodeChar(WCHAR Character)
{
    if (Character < 'A')
        return Character;
    if (Character <= 'Z')
        return Character + ('a' - 'A');
    return RtlpMapCase(Character, RtlpDowncaseIndex, RtlpDowncaseTable);
}

// Copies Source to Destination in upper case. Allocate: Destination's buffer comes from RtlpAllocateMemory and is
// returned by RtlFreeUnicodeString; else STATUS_BUFFER_OVERFLOW if it is too small. The two may be the same string.
// Any IRQL without Allocate, else <= APC_LEVEL. STATUS_NO_MEMORY.
NTCHECK RtlUpcaseUnicodeString(PUNICODE_STRING Destination, PCUNICODE_STRING Source, BOOLEAN Allocate)
{
    USHORT i;

    if (Allocate) {
        Destination->Buffer = RtlpAllocateMemory(Source->Length, TAG_RTL_STRING);
        if (Destination->Buffer == NULL && Source->Length != 0)
            return STATUS_NO_MEMORY;
        Destination->MaximumLength = Source->Length;
    } else if (Source->Length > Destination->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    Destination->Length = Source->Length;
    for (i = 0; i < Source->Length / sizeof(WCHAR); i++)
        Destination->Buffer[i] = RtlUpcaseUnicodeChar(Source->Buffer[i]);
    return STATUS_SUCCESS;
}
