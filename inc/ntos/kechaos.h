// SPDX-License-Identifier: MIT
// Schedule exploration (/CHAOS=seed, checked builds): at the places marked with KeChaosPoint, a pseudo-random sequence
// decides whether the processor is taken away, a DPC, a kernel APC or a clock interrupt comes. Under virtual time the
// same seed gives the same run. ke/chaos.c has the rest, docs/testing.md how to use it.

#ifndef MICA_NTOS_KECHAOS_H
#define MICA_NTOS_KECHAOS_H

#include "ketypes.h"

// Where: the row of KD_TRACE's "chaos" event has these numbers.
typedef enum _KCHAOS_POINT {
    ChaosLowerIrql,      // the IRQL has fallen below DISPATCH_LEVEL
    ChaosDispatcherLock, // the dispatcher lock was given up
    ChaosAcquire,        // before and behind taking a mutex, push lock, resource
    ChaosRelease,        // before and behind giving it back
    ChaosService,        // a system service begins or has ended
    ChaosList,           // around, and where possible inside, a lock-free list operation
    ChaosPointCount
} KCHAOS_POINT;

#if DBG
extern ULONG KeChaosEnabled;
VOID KeChaos(KCHAOS_POINT Point);
VOID KeStartChaos(VOID);
VOID KeSeedChaos(PCSTR Name, BOOLEAN Tame);
VOID KeReportChaos(VOID);
// Any IRQL, any lock; acts only below DISPATCH_LEVEL with interrupts on, in a thread.
FORCEINLINE VOID KeChaosPoint(KCHAOS_POINT Point)
{
    if (__builtin_expect(KeChaosEnabled != 0, 0))
        KeChaos(Point);
}
#else
#define KeChaosPoint(Point) ((VOID)0)
#endif

#endif
