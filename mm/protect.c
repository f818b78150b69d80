// SPDX-License-Identifier: MIT
// Protections in their three forms: the API's PAGE_* values, Mm's five bits (MM_*), the processor's bits in an entry.

#include "mi.h"

ULONGLONG MmProtectToPteMask[32]; // of a valid entry, without frame and owner

const ULONG MmProtectToValue[32] = {
    PAGE_NOACCESS,
    PAGE_READONLY,
    PAGE_EXECUTE,
    PAGE_EXECUTE_READ,
    PAGE_READWRITE,
    PAGE_WRITECOPY,
    PAGE_EXECUTE_READWRITE,
    PAGE_EXECUTE_WRITECOPY,
    PAGE_NOACCESS,
    PAGE_NOCACHE | PAGE_READONLY,
    PAGE_NOCACHE | PAGE_EXECUTE,
    PAGE_NOCACHE | PAGE_EXECUTE_READ,
    PAGE_NOCACHE | PAGE_READWRITE,
    PAGE_NOCACHE | PAGE_WRITECOPY,
    PAGE_NOCACHE | PAGE_EXECUTE_READWRITE,
    PAGE_NOCACHE | PAGE_EXECUTE_WRITECOPY,
    PAGE_NOACCESS,
    PAGE_GUARD | PAGE_READONLY,
    PAGE_GUARD | PAGE_EXECUTE,
    PAGE_GUARD | PAGE_EXECUTE_READ,
    PAGE_GUARD | PAGE_READWRITE,
    PAGE_GUARD | PAGE_WRITECOPY,
    PAGE_GUARD | PAGE_EXECUTE_READWRITE,
    PAGE_GUARD | PAGE_EXECUTE_WRITECOPY,
    PAGE_NOACCESS,
    PAGE_WRITECOMBINE | PAGE_READONLY,
    PAGE_WRITECOMBINE | PAGE_EXECUTE,
    PAGE_WRITECOMBINE | PAGE_EXECUTE_READ,
    PAGE_WRITECOMBINE | PAGE_READWRITE,
    PAGE_WRITECOMBINE | PAGE_WRITECOPY,
    PAGE_WRITECOMBINE | PAGE_EXECUTE_READWRITE,
    PAGE_WRITECOMBINE | PAGE_EXECUTE_WRITECOPY,
};

VOID MiBuildProtectionTable(VOID)
{
    ULONG Protection;

    for (Protection = 0; Protection < 32; Protection++) {
        ULONGLONG Mask = 0;

        if (MI_IS_COPY_ON_WRITE(Protection))
            Mask |= MI_COPY_ON_WRITE;
        else if (MI_IS_WRITABLE(Protection))
            Mask |= MI_WRITE;
        if (!MI_IS_EXECUTABLE(Protection))
            Mask |= MmNoExecute;
        else
            Mask |= MI_EXECUTE | ((Protection & 7) == MM_EXECUTE ? MI_EXECUTE_ONLY : 0);
        if ((Protection & 0x18) == MM_NOCACHE)
            Mask |= MI_CACHE_DISABLE;
        else if ((Protection & 0x18) == MM_WRITECOMBINE)
            Mask |= MmWriteCombine;
        MmProtectToPteMask[Protection] = Mask | MI_VALID | MI_ACCESSED;
    }
}

// PAGE_* to MM_*; MM_INVALID_PROTECTION if the combination is not allowed. Source: WDK, ZwAllocateVirtualMemory.
ULONG MiMakeProtectionMask(ULONG Protect)
{
    ULONG Base = Protect & 0xFF, Modifiers = Protect & ~0xFFu, Protection;

    if (Modifiers & ~(ULONG)(PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE))
        return MM_INVALID_PROTECTION;
    switch (Base) {
    case PAGE_NOACCESS:
        return Modifiers == 0 ? MM_NOACCESS : MM_INVALID_PROTECTION;
    case PAGE_READONLY:
        Protection = MM_READONLY;
        break;
    case PAGE_READWRITE:
        Protection = MM_READWRITE;
        break;
    case PAGE_WRITECOPY:
        Protection = MM_WRITECOPY;
        break;
    case PAGE_EXECUTE:
        Protection = MM_EXECUTE;
        break;
    case PAGE_EXECUTE_READ:
        Protection = MM_EXECUTE_READ;
        break;
    case PAGE_EXECUTE_READWRITE:
        Protection = MM_EXECUTE_READWRITE;
        break;
    case PAGE_EXECUTE_WRITECOPY:
        Protection = MM_EXECUTE_WRITECOPY;
        break;
    default:
        return MM_INVALID_PROTECTION;
    }
    switch (Modifiers) {
    case 0:
        return Protection;
    case PAGE_GUARD:
        return Protection | MM_GUARD_PAGE;
    case PAGE_NOCACHE:
        return Protection | MM_NOCACHE;
    case PAGE_WRITECOMBINE:
        return Protection | MM_WRITECOMBINE;
    default:
        return MM_INVALID_PROTECTION;
    }
}

// MM_* to PAGE_*.
ULONG MiProtectionToValue(ULONG Protection)
{
    return MmProtectToValue[Protection & 31];
}

// The MM_* protection that a valid entry was made with.
ULONG MiValidPteProtection(const MMPTE *Pte)
{
    ULONG Low = Pte->u.Low, Protection;

    if (Low & MI_COPY_ON_WRITE)
        Protection = (Low & MI_EXECUTE) ? MM_EXECUTE_WRITECOPY : MM_WRITECOPY;
    else if (Low & MI_WRITE)
        Protection = (Low & MI_EXECUTE) ? MM_EXECUTE_READWRITE : MM_READWRITE;
    else if (Low & MI_EXECUTE)
        Protection = (Low & MI_EXECUTE_ONLY) ? MM_EXECUTE : MM_EXECUTE_READ;
    else
        Protection = MM_READONLY;
    if (Low & MI_WRITE_THROUGH)
        return Protection | MM_WRITECOMBINE;
    return (Low & MI_CACHE_DISABLE) ? Protection | MM_NOCACHE : Protection;
}

// The protection that a prototype PTE's page was made with (image pages carry theirs here, not in the VAD). 0: not
// committed. Takes the PFN lock. IRQL <= DISPATCH_LEVEL.
ULONG MiPrototypeProtection(PMMPTE Proto)
{
    KIRQL OldIrql = MiLockPfn();
    ULONG Protection;

    if (Proto->u.Hard.Valid)
        Protection = MI_PFN_ELEMENT(MI_PTE_FRAME(Proto))->OriginalPte.u.Soft.Protection;
    else
        Protection = Proto->u.Soft.Protection; // at the same place in all its forms
    MiUnlockPfn(OldIrql);
    return Protection;
}

// Drops the translations collected, on every processor that may have them: AllProcessors for system addresses, else
// those that run in the current address space. The entries have been changed. IRQL <= DISPATCH_LEVEL.
VOID MiFlushTb(PMI_TB_FLUSH Flush, BOOLEAN AllProcessors)
{
    if (Flush->Count > MI_TB_FLUSH_MAXIMUM)
        KeFlushEntireTb(TRUE, AllProcessors);
    else if (Flush->Count != 0)
        KeFlushMultipleTb(Flush->Count, Flush->Va, AllProcessors);
    Flush->Count = 0;
}
