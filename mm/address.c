// SPDX-License-Identifier: MIT
// Questions about an address: is it mapped, and to which frame.

#include "mi.h"

// The entry of Va if its page table exists and it is not inside a large page, else NULL.
PMMPTE MiPteIfTable(PVOID Va)
{
    PMMPTE Pde = MiGetPdeAddress(Va);

    if (!Pde->u.Hard.Valid || Pde->u.Hard.LargePage)
        return NULL;
    return MiGetPteAddress(Va);
}

// Would an access to Va go without a page fault? The answer is old at once unless the page is locked or nonpaged.
// Any IRQL.
BOOLEAN NTAPI MmIsAddressValid(PVOID Va)
{
    PMMPTE Pde = MiGetPdeAddress(Va);

    if (!Pde->u.Hard.Valid)
        return FALSE;
    return Pde->u.Hard.LargePage || MiGetPteAddress(Va)->u.Hard.Valid;
}

// The frame behind a valid address. Any IRQL.
PFN_NUMBER MiGetFrame(PVOID Va)
{
    PMMPTE Pde = MiGetPdeAddress(Va);

    if (Pde->u.Hard.LargePage)
        return MI_PTE_FRAME(Pde) + (((ULONG_PTR)Va >> PAGE_SHIFT) & (PTES_PER_PAGE - 1));
    return MI_PTE_FRAME(MiGetPteAddress(Va));
}

// The physical address behind Va, 0 if it is not valid. Any IRQL. WDK: MmGetPhysicalAddress.
PHYSICAL_ADDRESS NTAPI MmGetPhysicalAddress(PVOID Va)
{
    PHYSICAL_ADDRESS Physical;

    Physical.QuadPart = 0;
    if (MmIsAddressValid(Va))
        Physical.QuadPart = ((LONGLONG)MiGetFrame(Va) << PAGE_SHIFT) + BYTE_OFFSET(Va);
    return Physical;
}
