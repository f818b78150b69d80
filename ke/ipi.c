// SPDX-License-Identifier: MIT
// What one processor asks of the others.

#include "ki.h"

// Another processor wants something. IPI_LEVEL.
VOID KiIpiInterrupt(VOID)
{
}

// See ke.h.
ULONG_PTR NTAPI KeIpiGenericCall(PKIPI_BROADCAST_WORKER Worker, ULONG_PTR Argument)
{
    KIRQL OldIrql = KfRaiseIrql(IPI_LEVEL);
    ULONG_PTR Result = Worker(Argument);

    KfLowerIrql(OldIrql);
    return Result;
}

// The processors that run, a bit each. Any IRQL.
KAFFINITY NTAPI KeQueryActiveProcessors(VOID)
{
    return KeActiveProcessors;
}
