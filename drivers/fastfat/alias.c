// SPDX-License-Identifier: MIT
// The 8.3 alias of a long name: six letters and ~1 to ~4, then two letters, four digits of a hash and ~1 to ~9, as NT
// does, so that a directory of a thousand similar names needs few attempts.

#include "fatdisk.h"

// The character that stands for Character in an alias; 0: it is dropped.
static UCHAR FatAliasCharacter(WCHAR Character)
{
    switch (Character) {
    case ' ':
    case '.':
        return 0;
    case '+':
    case ',':
    case ';':
    case '=':
    case '[':
    case ']':
        return '_';
    default:
        if (Character >= 'a' && Character <= 'z')
            return (UCHAR)(Character - 'a' + 'A');
        return Character > 0x20 && Character < 0x7F ? (UCHAR)Character : '_';
    }
}

static ULONG FatAliasPart(const WCHAR *Name, ULONG Length, PUCHAR Out, ULONG Size)
{
    ULONG Used = 0;

    for (ULONG i = 0; i < Length && Used < Size; i++) {
        UCHAR Character = FatAliasCharacter(Name[i]);

        if (Character != 0)
            Out[Used++] = Character;
    }
    return Used;
}

static ULONG FatHashName(const WCHAR *Name, ULONG Length, ULONG Seed)
{
    ULONG Hash = 0x811C9DC5u ^ Seed * 0x9E3779B1u;

    for (ULONG i = 0; i < Length; i++)
        Hash = (Hash ^ RtlUpcaseUnicodeChar(Name[i])) * 0x01000193u;
    return (Hash ^ Hash >> 16) & 0xFFFF;
}

// Writes the alias of a (legal) long name that Attempt 0, 1, 2 ... gives. The caller tries until one is not in use;
// every further FAT_ALIAS_CANDIDATES attempts use another hash.
VOID FatMakeAlias(const WCHAR *Name, ULONG Length, ULONG Attempt, PUCHAR Short)
{
    ULONG Round = Attempt / FAT_ALIAS_CANDIDATES, Step = Attempt % FAT_ALIAS_CANDIDATES, Dot = Length, Base, Digit;
    BOOLEAN Hashed = Round > 0 || Step >= 4;

    while (Dot > 0 && Name[Dot - 1] != '.')
        Dot--;
    if (Dot <= 1) // no dot, or the only one leads: no extension
        Dot = Length + 1;
    memset(Short, ' ', 11);
    if (Dot <= Length)
        FatAliasPart(Name + Dot, Length - Dot, Short + 8, 3);
    Base = FatAliasPart(Name, Dot - 1, Short, Hashed ? 2 : 6);
    if (Base == 0)
        Short[Base++] = '_';
    Digit = 1 + (Step >= 4 ? Step - 4 : Round > 0 ? Step + 5 : Step);
    if (Hashed) {
        ULONG Hash = FatHashName(Name, Length, Step >= 4 ? Round : Round + 0x8000);

        for (int Shift = 12; Shift >= 0; Shift -= 4)
            Short[Base++] = (UCHAR) "0123456789ABCDEF"[Hash >> Shift & 0xF];
    }
    Short[Base++] = '~';
    Short[Base] = (UCHAR)('0' + Digit);
}
