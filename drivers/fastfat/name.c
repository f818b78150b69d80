// SPDX-License-Identifier: MIT
// File names: what is legal, when two are the same, and the 8.3 form. A name that is all ASCII, 8.3, and of one case in
// each half needs no long-name entries: NT keeps the case in two bits of the short entry.

#include "fatdisk.h"

static BOOLEAN FatIsShortCharacter(WCHAR Character)
{
    if (Character <= 0x20 || Character >= 0x7F)
        return FALSE;
    switch (Character) {
    case '"':
    case '*':
    case '+':
    case ',':
    case '.':
    case '/':
    case ':':
    case ';':
    case '<':
    case '=':
    case '>':
    case '?':
    case '[':
    case '\\':
    case ']':
    case '|':
        return FALSE;
    default:
        return TRUE;
    }
}

// TRUE if Name may be the name of a file: no reserved character, not empty, not too long, not only dots and spaces.
BOOLEAN FatIsNameLegal(const WCHAR *Name, ULONG Length)
{
    BOOLEAN Solid = FALSE;

    if (Length == 0 || Length > FAT_NAME_MAXIMUM)
        return FALSE;
    for (ULONG i = 0; i < Length; i++) {
        switch (Name[i]) {
        case '"':
        case '*':
        case '/':
        case ':':
        case '<':
        case '>':
        case '?':
        case '\\':
        case '|':
            return FALSE;
        case ' ':
        case '.':
            break;
        default:
            if (Name[i] < 0x20)
                return FALSE;
            Solid = TRUE;
        }
    }
    return Solid;
}

// Compares names as the volume does: Unicode, without regard to case.
BOOLEAN FatNamesEqual(const WCHAR *First, ULONG FirstLength, const WCHAR *Second, ULONG SecondLength)
{
    if (FirstLength != SecondLength)
        return FALSE;
    for (ULONG i = 0; i < FirstLength; i++)
        if (First[i] != Second[i] && RtlUpcaseUnicodeChar(First[i]) != RtlUpcaseUnicodeChar(Second[i]))
            return FALSE;
    return TRUE;
}

static ULONG FatCopyShortPart(const UCHAR *Part, ULONG Size, BOOLEAN Lower, WCHAR *Name)
{
    ULONG Length = Size;

    while (Length > 0 && Part[Length - 1] == ' ')
        Length--;
    for (ULONG i = 0; i < Length; i++) {
        Name[i] = FatOemToUnicode(Part[i]);
        if (Lower && Name[i] >= 'A' && Name[i] <= 'Z')
            Name[i] += 'a' - 'A';
    }
    return Length;
}

// Writes the 11 bytes of a short name as "BASE.EXT" (at most 12 characters; NtCase 0: as stored) and returns its
// length.
ULONG FatShortToUnicode(const UCHAR *Short, UCHAR NtCase, WCHAR *Name)
{
    UCHAR Raw[11];
    ULONG Length, Extension;

    memcpy(Raw, Short, sizeof(Raw));
    if (Raw[0] == FAT_DIRENT_REALLY_E5)
        Raw[0] = 0xE5;
    Length = FatCopyShortPart(Raw, 8, (NtCase & FAT_CASE_LOWER_BASE) != 0, Name);
    Extension = FatCopyShortPart(Raw + 8, 3, (NtCase & FAT_CASE_LOWER_EXT) != 0, Name + Length + 1);
    if (Extension != 0) {
        Name[Length] = '.';
        Length += 1 + Extension;
    }
    return Length;
}

// Packs one half (upper-cased, blank padded). FALSE: a character or a mixture of cases that the short form can't hold.
static BOOLEAN FatPackPart(const WCHAR *Part, ULONG Length, PUCHAR Out, ULONG Size, PUCHAR NtCase, UCHAR CaseBit)
{
    BOOLEAN Lower = FALSE, Upper = FALSE;

    if (Length > Size)
        return FALSE;
    for (ULONG i = 0; i < Length; i++) {
        WCHAR Character = Part[i];

        if (!FatIsShortCharacter(Character))
            return FALSE;
        if (Character >= 'a' && Character <= 'z') {
            Lower = TRUE;
            Character -= 'a' - 'A';
        } else if (Character >= 'A' && Character <= 'Z') {
            Upper = TRUE;
        }
        Out[i] = (UCHAR)Character;
    }
    memset(Out + Length, ' ', Size - Length);
    if (Lower)
        *NtCase |= CaseBit;
    return !(Lower && Upper);
}

// TRUE if Name can be stored in a short entry alone, exactly; Short (11 bytes) and NtCase are then what to store.
BOOLEAN FatFitsShort(const WCHAR *Name, ULONG Length, PUCHAR Short, PUCHAR NtCase)
{
    ULONG Base = Length, Extension;

    *NtCase = 0;
    for (ULONG i = 0; i < Length; i++)
        if (Name[i] == '.') {
            Base = i;
            break;
        }
    if (Base == 0 || Base + 1 == Length) // ".x" and "x." have no short form
        return FALSE;
    Extension = Base < Length ? Length - Base - 1 : 0;
    return FatPackPart(Name, Base, Short, 8, NtCase, FAT_CASE_LOWER_BASE) &&
           FatPackPart(Name + Length - Extension, Extension, Short + 8, 3, NtCase, FAT_CASE_LOWER_EXT);
}
