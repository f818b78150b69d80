// SPDX-License-Identifier: MIT
// Interlocked operations as inline functions over GCC's atomics. All are full barriers, as in NT.

#ifndef MICA_NT_NTATOMIC_H
#define MICA_NT_NTATOMIC_H

#include "nttypes.h"

#ifndef MICA_WIN32
FORCEINLINE LONG InterlockedIncrement(volatile LONG *Target)
{
    return __atomic_add_fetch(Target, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedDecrement(volatile LONG *Target)
{
    return __atomic_sub_fetch(Target, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedExchange(volatile LONG *Target, LONG Value)
{
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}
// Returns the value before.
FORCEINLINE LONG InterlockedExchangeAdd(volatile LONG *Target, LONG Value)
{
    return __atomic_fetch_add(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedCompareExchange(volatile LONG *Target, LONG New, LONG Comparand)
{
    __atomic_compare_exchange_n(Target, &Comparand, New, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Comparand;
}
// CLC is for QEMU (7.2 at least): its CMPXCHG8B takes the flags that the instruction leaves alone from where they may be
// out of date, and an interrupt then pushes anything, VM and NT set. An instruction that computes the flags mends that.
FORCEINLINE LONGLONG InterlockedCompareExchange64(volatile LONGLONG *Target, LONGLONG New, LONGLONG Comparand)
{
    __asm__ volatile("clc; lock cmpxchg8b %0"
                     : "+m"(*Target), "+A"(Comparand)
                     : "b"((ULONG)New), "c"((ULONG)((ULONGLONG)New >> 32))
                     : "memory", "cc");
    return Comparand;
}
FORCEINLINE PVOID InterlockedExchangePointer(PVOID volatile *Target, PVOID Value)
{
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE PVOID InterlockedCompareExchangePointer(PVOID volatile *Target, PVOID New, PVOID Comparand)
{
    __atomic_compare_exchange_n(Target, &Comparand, New, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Comparand;
}
FORCEINLINE LONG InterlockedOr(volatile LONG *Target, LONG Bits)
{
    return __atomic_fetch_or(Target, Bits, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedAnd(volatile LONG *Target, LONG Bits)
{
    return __atomic_fetch_and(Target, Bits, __ATOMIC_SEQ_CST);
}
FORCEINLINE BOOLEAN InterlockedBitTestAndSet(volatile LONG *Target, LONG Bit)
{
    return (__atomic_fetch_or(Target, 1l << Bit, __ATOMIC_SEQ_CST) >> Bit) & 1;
}
FORCEINLINE BOOLEAN InterlockedBitTestAndReset(volatile LONG *Target, LONG Bit)
{
    return (__atomic_fetch_and(Target, ~(1l << Bit), __ATOMIC_SEQ_CST) >> Bit) & 1;
}
#define YieldProcessor() __asm__ volatile("pause" : : : "memory")
#define KeMemoryBarrier() __sync_synchronize()
#endif

#endif
