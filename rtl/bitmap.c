// SPDX-License-Identifier: MIT
// Bitmaps: bit n is bit n % 32 of doubleword n / 32. The caller owns the buffer and the lock. Any IRQL.
// Source: WDK documentation (RTL_BITMAP). Ranges outside the bitmap are a caller's error and change nothing.

#include "rtlp.h"

#define WORD_BITS 32
#define NOT_FOUND MAXULONG

VOID NTAPI RtlInitializeBitMap(PRTL_BITMAP BitMap, PULONG Buffer, ULONG Bits)
{
    BitMap->SizeOfBitMap = Bits;
    BitMap->Buffer = Buffer;
}

static ULONG RtlpBitMapBytes(PRTL_BITMAP BitMap)
{
    return (BitMap->SizeOfBitMap + WORD_BITS - 1) / WORD_BITS * sizeof(ULONG);
}

VOID NTAPI RtlClearAllBits(PRTL_BITMAP BitMap)
{
    memset(BitMap->Buffer, 0, RtlpBitMapBytes(BitMap));
}

VOID NTAPI RtlSetAllBits(PRTL_BITMAP BitMap)
{
    memset(BitMap->Buffer, 0xFF, RtlpBitMapBytes(BitMap));
}

static BOOLEAN RtlpIsRange(PRTL_BITMAP BitMap, ULONG Start, ULONG Count)
{
    return Start <= BitMap->SizeOfBitMap && Count <= BitMap->SizeOfBitMap - Start;
}

// The bits of the doubleword that holds Start which belong to [Start, Start + Count).
static ULONG RtlpWordMask(ULONG Start, ULONG Count)
{
    ULONG Shift = Start % WORD_BITS;
    ULONG Bits = min_of(Count, WORD_BITS - Shift);

    return (Bits == WORD_BITS ? MAXULONG : (1ul << Bits) - 1) << Shift;
}

// Sets or clears a range, a doubleword at a time.
static VOID RtlpWriteBits(PRTL_BITMAP BitMap, ULONG Start, ULONG Count, BOOLEAN Set)
{
    ULONG Mask, Step;

    if (!RtlpIsRange(BitMap, Start, Count))
        return;
    for (; Count != 0; Start += Step, Count -= Step) {
        Mask = RtlpWordMask(Start, Count);
        Step = min_of(Count, WORD_BITS - Start % WORD_BITS);
        if (Set)
            BitMap->Buffer[Start / WORD_BITS] |= Mask;
        else
            BitMap->Buffer[Start / WORD_BITS] &= ~Mask;
    }
}

VOID NTAPI RtlSetBits(PRTL_BITMAP BitMap, ULONG Start, ULONG Count)
{
    RtlpWriteBits(BitMap, Start, Count, TRUE);
}

VOID NTAPI RtlClearBits(PRTL_BITMAP BitMap, ULONG Start, ULONG Count)
{
    RtlpWriteBits(BitMap, Start, Count, FALSE);
}

// FALSE for a bit outside the bitmap.
BOOLEAN NTAPI RtlTestBit(PRTL_BITMAP BitMap, ULONG Bit)
{
    return Bit < BitMap->SizeOfBitMap && ((BitMap->Buffer[Bit / WORD_BITS] >> (Bit % WORD_BITS)) & 1) != 0;
}

// How many bits from Start on, Count at the most, equal Set.
static ULONG RtlpRunLength(PRTL_BITMAP BitMap, ULONG Start, ULONG Count, BOOLEAN Set)
{
    ULONG Length = 0, Other, Step;

    while (Length < Count) {
        Other = BitMap->Buffer[(Start + Length) / WORD_BITS];
        Other = (Set ? ~Other : Other) & RtlpWordMask(Start + Length, Count - Length);
        if (Other != 0)
            return (Start + Length) / WORD_BITS * WORD_BITS + __builtin_ctz(Other) - Start;
        Step = WORD_BITS - (Start + Length) % WORD_BITS;
        Length += min_of(Step, Count - Length);
    }
    return Length;
}

// FALSE also for an empty range and one outside the bitmap.
BOOLEAN NTAPI RtlAreBitsClear(PRTL_BITMAP BitMap, ULONG Start, ULONG Count)
{
    return Count != 0 && RtlpIsRange(BitMap, Start, Count) && RtlpRunLength(BitMap, Start, Count, FALSE) == Count;
}

BOOLEAN NTAPI RtlAreBitsSet(PRTL_BITMAP BitMap, ULONG Start, ULONG Count)
{
    return Count != 0 && RtlpIsRange(BitMap, Start, Count) && RtlpRunLength(BitMap, Start, Count, TRUE) == Count;
}

// The first run of Count clear bits that begins in [From, To) and lies within the bitmap.
static ULONG RtlpFindClear(PRTL_BITMAP BitMap, ULONG Count, ULONG From, ULONG To)
{
    ULONG Run;

    while (From < To && Count <= BitMap->SizeOfBitMap - From) {
        From += RtlpRunLength(BitMap, From, BitMap->SizeOfBitMap - From, TRUE);
        if (From >= To || Count > BitMap->SizeOfBitMap - From)
            break;
        Run = RtlpRunLength(BitMap, From, Count, FALSE);
        if (Run == Count)
            return From;
        From += Run;
    }
    return NOT_FOUND;
}

// Finds Count clear bits in a row, from Hint on, then from the beginning. Returns where, MAXULONG if nowhere; for a
// Count of 0, Hint rounded down to a byte.
ULONG NTAPI RtlFindClearBits(PRTL_BITMAP BitMap, ULONG Count, ULONG Hint)
{
    ULONG Found;

    if (Hint >= BitMap->SizeOfBitMap)
        Hint = 0;
    if (Count == 0)
        return Hint & ~7u;
    Found = RtlpFindClear(BitMap, Count, Hint, BitMap->SizeOfBitMap);
    if (Found == NOT_FOUND)
        Found = RtlpFindClear(BitMap, Count, 0, Hint);
    return Found;
}

// The same, and sets them.
ULONG NTAPI RtlFindClearBitsAndSet(PRTL_BITMAP BitMap, ULONG Count, ULONG Hint)
{
    ULONG Found = RtlFindClearBits(BitMap, Count, Hint);

    if (Found != NOT_FOUND)
        RtlSetBits(BitMap, Found, Count);
    return Found;
}

static ULONG RtlpCountOnes(ULONG Word)
{
    Word -= (Word >> 1) & 0x55555555;
    Word = (Word & 0x33333333) + ((Word >> 2) & 0x33333333);
    Word = (Word + (Word >> 4)) & 0x0F0F0F0F;
    return (Word * 0x01010101) >> 24;
}

ULONG NTAPI RtlNumberOfSetBits(PRTL_BITMAP BitMap)
{
    ULONG Bit, Total = 0;

    for (Bit = 0; Bit < BitMap->SizeOfBitMap; Bit += WORD_BITS)
        Total += RtlpCountOnes(BitMap->Buffer[Bit / WORD_BITS] & RtlpWordMask(Bit, BitMap->SizeOfBitMap - Bit));
    return Total;
}
