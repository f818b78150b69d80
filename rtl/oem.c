// SPDX-License-Identifier: MIT
// The OEM code page, 437: ASCII below 80h, the table below from there on. The console's programs and FAT's short names
// are in it. Any IRQL, as far as the strings themselves may be touched.
// Source: unicode.org, MAPPINGS/VENDORS/MICSFT/PC/CP437.TXT; SDK documentation of the Rtl functions.

#include "rtlp.h"

#define OEM_FIRST 0x80

static const WCHAR RtlpOem437[0x100 - OEM_FIRST] = {
    0x00C7, 0x00FC, 0x00E9, 0x00E2, 0x00E4, 0x00E0, 0x00E5, 0x00E7, 0x00EA, 0x00EB, 0x00E8, 0x00EF, 0x00EE,
    0x00EC, 0x00C4, 0x00C5, 0x00C9, 0x00E6, 0x00C6, 0x00F4, 0x00F6, 0x00F2, 0x00FB, 0x00F9, 0x00FF, 0x00D6,
    0x00DC, 0x00A2, 0x00A3, 0x00A5, 0x20A7, 0x0192, 0x00E1, 0x00ED, 0x00F3, 0x00FA, 0x00F1, 0x00D1, 0x00AA,
    0x00BA, 0x00BF, 0x2310, 0x00AC, 0x00BD, 0x00BC, 0x00A1, 0x00AB, 0x00BB, 0x2591, 0x2592, 0x2593, 0x2502,
    0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255D, 0x255C, 0x255B, 0x2510, 0x2514,
    0x2534, 0x252C, 0x251C, 0x2500, 0x253C, 0x255E, 0x255F, 0x255A, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550,
    0x256C, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256B, 0x256A, 0x2518, 0x250C,
    0x2588, 0x2584, 0x258C, 0x2590, 0x2580, 0x03B1, 0x00DF, 0x0393, 0x03C0, 0x03A3, 0x03C3, 0x00B5, 0x03C4,
    0x03A6, 0x0398, 0x03A9, 0x03B4, 0x221E, 0x03C6, 0x03B5, 0x2229, 0x2261, 0x00B1, 0x2265, 0x2264, 0x2320,
    0x2321, 0x00F7, 0x2248, 0x00B0, 0x2219, 0x00B7, 0x221A, 0x207F, 0x00B2, 0x25A0, 0x00A0,
};

// Converts as many characters as fit into UnicodeSize bytes; *Result (optional) is the bytes written. Always succeeds.
NTCHECK RtlOemToUnicodeN(PWSTR Unicode, ULONG UnicodeSize, PULONG Result, PCSTR Oem, ULONG OemSize)
{
    ULONG Count = min_of(UnicodeSize / sizeof(WCHAR), OemSize);

    for (ULONG i = 0; i < Count; i++) {
        UCHAR Character = (UCHAR)Oem[i];

        Unicode[i] = Character < OEM_FIRST ? Character : RtlpOem437[Character - OEM_FIRST];
    }
    if (Result != NULL)
        *Result = Count * sizeof(WCHAR);
    return STATUS_SUCCESS;
}

static UCHAR RtlpTo437(WCHAR Character)
{
    if (Character < OEM_FIRST)
        return (UCHAR)Character;
    for (ULONG i = 0; i < RTL_NUMBER_OF(RtlpOem437); i++) {
        if (RtlpOem437[i] == Character)
            return (UCHAR)(OEM_FIRST + i);
    }
    return '?';
}

// Converts as many characters as fit; those that 437 does not have become '?'. Always succeeds.
NTCHECK RtlUnicodeToOemN(PCHAR Oem, ULONG OemSize, PULONG Result, PCWSTR Unicode, ULONG UnicodeSize)
{
    ULONG Count = min_of(UnicodeSize / sizeof(WCHAR), OemSize);

    for (ULONG i = 0; i < Count; i++)
        Oem[i] = (CHAR)RtlpTo437(Unicode[i]);
    if (Result != NULL)
        *Result = Count;
    return STATUS_SUCCESS;
}
