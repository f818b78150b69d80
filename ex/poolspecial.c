// SPDX-License-Identifier: MIT
// Which allocations go to special pool (mm/special.c), where a page that nobody may touch lies right behind or right
// before each. The boot words are NT's registry values: /POOLTAG=Tag (with * and ?) and /POOLTAGOVERRUNS=1 (the page
// lies behind: the default) or 0 (before). Source: WDK, "Special Pool"; KB 188831.

#include "exp.h"

BOOLEAN ExpSpecialPool;
ULONG ExpSpecialFlags;
static CHAR ExpSpecialTag[5];

// Reads the boot words. Phase 0, before the first allocation.
VOID ExpInitSpecialPool(VOID)
{
    PCSTR Word = KeFindBootOption("/POOLTAG="), Overruns = KeFindBootOption("/POOLTAGOVERRUNS=");
    ULONG Length = 0;

    if (Word == NULL)
        return;
    while (Length < sizeof(ULONG) && Word[Length] != ' ' && Word[Length] != '\0') {
        ExpSpecialTag[Length] = Word[Length];
        Length++;
    }
    if (Overruns != NULL && *Overruns == '0')
        ExpSpecialFlags = MM_SPECIAL_UNDERRUN;
    ExpSpecialPool = Length != 0;
}

// Does a pattern of up to four characters name this tag? A tag may be padded with blanks.
static BOOLEAN ExpMatchTag(PCSTR Pattern, PCSTR Tag, ULONG Left)
{
    if (*Pattern == '\0') {
        while (Left != 0 && *Tag == ' ')
            Tag++, Left--;
        return Left == 0;
    }
    if (*Pattern == '*')
        return ExpMatchTag(Pattern + 1, Tag, Left) || (Left != 0 && ExpMatchTag(Pattern, Tag + 1, Left - 1));
    return Left != 0 && (*Pattern == '?' || *Pattern == *Tag) && ExpMatchTag(Pattern + 1, Tag + 1, Left - 1);
}

// Do the boot words name this tag? Any IRQL.
BOOLEAN ExpWantsSpecialPool(ULONG Tag)
{
    return ExpMatchTag(ExpSpecialTag, (PCSTR)&Tag, sizeof(Tag));
}

// An allocation in special pool, counted like any other; NULL when that is full or the size does not suit: take
// ordinary pool then. IRQL as for the kind of pool.
PVOID ExpAllocateSpecial(ULONG Kind, SIZE_T Bytes, ULONG Tag, ULONG Flags)
{
    PVOID Memory = Bytes <= POOL_LARGEST_BODY ? MmAllocateSpecialPool(Kind, Bytes, Tag, Flags) : NULL;

    if (Memory != NULL)
        ExpTagAllocated(Tag, Kind, PAGE_SIZE);
    return Memory;
}

// Frees what ExpAllocateSpecial gave; Tag must be its tag, or 0. Damage and wrong addresses are bugcheck 0xC1.
VOID ExpFreeSpecial(PVOID Memory, ULONG Tag)
{
    PVOID QuotaBlock = NULL;
    ULONG Kind, Bytes;
    ULONG OldTag = MmFreeSpecialPool(Memory, Tag, &Kind, &Bytes, &QuotaBlock);

    ExpTagFreed(OldTag, Kind, PAGE_SIZE);
    if (QuotaBlock != NULL)
        PsReturnQuotaBlock(QuotaBlock, Kind == MM_POOL_NONPAGED ? NonPagedPool : PagedPool, PAGE_SIZE);
}
