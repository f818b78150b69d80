// SPDX-License-Identifier: MIT
// The translation lookaside buffers.

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

VOID KeFlushSingleTb(PVOID Va, BOOLEAN AllProcessors)
{
    UNREFERENCED_PARAMETER(AllProcessors);
    KeInvalidatePage(Va);
}

VOID KeFlushMultipleTb(ULONG Count, PVOID *Va, BOOLEAN AllProcessors)
{
    UNREFERENCED_PARAMETER(AllProcessors);
    while (Count-- != 0)
        KeInvalidatePage(Va[Count]);
}

VOID KeFlushProcessTb(PKPROCESS Process)
{
    if (KeGetCurrentPrcb()->LoadedDirectory == Process->DirectoryTableBase)
        KiWriteCr3(Process->DirectoryTableBase);
}

VOID KeUnloadProcess(PKPROCESS Process)
{
    ASSERT(KeGetCurrentPrcb()->LoadedDirectory != Process->DirectoryTableBase);
    UNREFERENCED_PARAMETER(Process);
}
