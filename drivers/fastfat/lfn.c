// SPDX-License-Identifier: MIT
// Long-name entries: 13 UTF-16 characters each, stored last part first in front of the short entry, tied to it by a
// checksum.

#include "fatdisk.h"

static const UCHAR FatLfnOffsets[FAT_LFN_CHARACTERS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};

// The checksum of the 11 bytes of a short name (FAT specification, "ChkSum").
UCHAR FatShortChecksum(const UCHAR *Short)
{
    UCHAR Sum = 0;

    for (ULONG i = 0; i < 11; i++)
        Sum = (UCHAR)((Sum << 7 | Sum >> 1) + Short[i]);
    return Sum;
}

// How many long-name entries Length characters take.
ULONG FatLfnEntries(ULONG Length)
{
    return (Length + FAT_LFN_CHARACTERS - 1) / FAT_LFN_CHARACTERS;
}

// Builds the long-name entry (32 bytes) number Ordinal (1: the first characters). The unused rest is a NUL, then FFFFs.
VOID FatBuildLfn(const WCHAR *Name, ULONG Length, ULONG Ordinal, UCHAR Checksum, PUCHAR Entry)
{
    ULONG Start = (Ordinal - 1) * FAT_LFN_CHARACTERS;

    memset(Entry, 0, FAT_DIRENT_SIZE);
    Entry[0] = (UCHAR)(Ordinal | (Ordinal == FatLfnEntries(Length) ? FAT_LFN_LAST : 0));
    Entry[11] = FAT_ATTR_LFN;
    Entry[13] = Checksum;
    for (ULONG i = 0; i < FAT_LFN_CHARACTERS; i++) {
        WCHAR Character = Start + i < Length ? Name[Start + i] : Start + i == Length ? 0 : 0xFFFF;

        Entry[FatLfnOffsets[i]] = (UCHAR)Character;
        Entry[FatLfnOffsets[i] + 1] = (UCHAR)(Character >> 8);
    }
}

// Starts a scan at the beginning of a directory, or anywhere between two files.
VOID FatScanReset(PFAT_SCAN Scan)
{
    Scan->Expected = 0;
    Scan->Pending = 0;
    Scan->LongLength = 0;
}

// Takes one long-name entry. Anything out of order closes the name: its pieces are then orphans and the file has only
// its short name, as the specification wants.
static VOID FatScanLfn(PFAT_SCAN Scan, const UCHAR *Entry, ULONG Offset)
{
    ULONG Ordinal = Entry[0] & (FAT_LFN_LAST - 1);

    if (Entry[0] & FAT_LFN_LAST) {
        Scan->Expected = Ordinal;
        Scan->Checksum = Entry[13];
        Scan->Pending = Ordinal * FAT_LFN_CHARACTERS;
        Scan->FirstOffset = Offset;
    }
    if (Ordinal == 0 || Ordinal > 20 || Ordinal != Scan->Expected || Entry[13] != Scan->Checksum) {
        FatScanReset(Scan);
        return;
    }
    for (ULONG i = 0; i < FAT_LFN_CHARACTERS; i++)
        Scan->Long[(Ordinal - 1) * FAT_LFN_CHARACTERS + i] = (WCHAR)FatGet16(Entry + FatLfnOffsets[i]);
    Scan->Expected = Ordinal - 1;
    if (Scan->Expected == 0)
        Scan->Expected = MAXULONG; // complete: only the short entry may follow
}

// Takes a short entry and joins it with the long name in front of it, if that is whole.
static VOID FatScanShort(PFAT_SCAN Scan, const UCHAR *Entry, ULONG Offset)
{
    ULONG Length = 0;

    memcpy(&Scan->Dirent, Entry, FAT_DIRENT_SIZE);
    Scan->DirentOffset = Offset;
    if (Scan->Expected == MAXULONG && FatShortChecksum(Scan->Dirent.Name) == Scan->Checksum)
        while (Length < Scan->Pending && Length <= FAT_NAME_MAXIMUM && Scan->Long[Length] != 0)
            Length++;
    if (Length == 0 || Length > FAT_NAME_MAXIMUM) {
        Length = 0;
        Scan->FirstOffset = Offset;
    }
    Scan->LongLength = Length;
    Scan->Expected = 0;
    Scan->Pending = 0;
}

// Feeds the next entry (32 bytes) at Offset. FatScanFile: a file is complete, in the result fields.
FAT_SCAN_RESULT FatScanFeed(PFAT_SCAN Scan, const UCHAR *Entry, ULONG Offset)
{
    if (Entry[0] == FAT_DIRENT_END) {
        FatScanReset(Scan);
        return FatScanEnd;
    }
    if (Entry[0] == FAT_DIRENT_FREE) {
        FatScanReset(Scan);
        return FatScanFree;
    }
    if ((Entry[11] & 0x3F) == FAT_ATTR_LFN) {
        FatScanLfn(Scan, Entry, Offset);
        return FatScanMore;
    }
    FatScanShort(Scan, Entry, Offset);
    return Scan->Dirent.Attributes & FAT_ATTR_VOLUME ? FatScanLabel : FatScanFile;
}

// The name of the file just found: the long one, or the short one in its case. Name holds FAT_NAME_MAXIMUM characters.
ULONG FatScanName(const FAT_SCAN *Scan, WCHAR *Name)
{
    if (Scan->LongLength == 0)
        return FatShortToUnicode(Scan->Dirent.Name, Scan->Dirent.NtCase, Name);
    memcpy(Name, Scan->Long, Scan->LongLength * sizeof(WCHAR));
    return Scan->LongLength;
}
