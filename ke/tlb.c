// SPDX-License-Identifier: MIT
// The translation lookaside buffer. One processor so far: nobody else to tell.

#include "ki.h"

// Forgets every translation, those of global pages too. Any IRQL. Both arguments ask for what always happens here.
VOID NTAPI KeFlushEntireTb(BOOLEAN Invalid, BOOLEAN AllProcessors)
{
    ULONG Cr4 = KiReadCr4();
    BOOLEAN Enable;

    UNREFERENCED_PARAMETER(Invalid);
    UNREFERENCED_PARAMETER(AllProcessors);
    if ((Cr4 & CR4_PGE) == 0) {
        KiWriteCr3(KiReadCr3());
        return;
    }
    Enable = KeDisableInterrupts();
    KiWriteCr4(Cr4 & ~CR4_PGE); // Intel SDM 3A 4.10.4.1: changing PGE drops everything
    KiWriteCr4(Cr4);
    KeRestoreInterrupts(Enable);
}

// Forgets the translation of one address. Any IRQL.
VOID KeFlushSingleTb(PVOID Va)
{
    KeInvalidatePage(Va);
}
