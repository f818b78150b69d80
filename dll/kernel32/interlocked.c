// SPDX-License-Identifier: MIT
// The interlocked functions as exports, for programs whose compiler does not make them inline. windows.h is left out
// on purpose: it defines the same names as inline functions.

#define STDCALL __attribute__((stdcall))

long STDCALL InterlockedIncrement(volatile long *Target);
long STDCALL InterlockedDecrement(volatile long *Target);
long STDCALL InterlockedExchange(volatile long *Target, long Value);
long STDCALL InterlockedExchangeAdd(volatile long *Target, long Value);
long STDCALL InterlockedCompareExchange(volatile long *Target, long New, long Comparand);
long long STDCALL InterlockedCompareExchange64(volatile long long *Target, long long New, long long Comparand);

long STDCALL InterlockedIncrement(volatile long *Target)
{
    return __atomic_add_fetch(Target, 1, __ATOMIC_SEQ_CST);
}

long STDCALL InterlockedDecrement(volatile long *Target)
{
    return __atomic_sub_fetch(Target, 1, __ATOMIC_SEQ_CST);
}

long STDCALL InterlockedExchange(volatile long *Target, long Value)
{
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}

long STDCALL InterlockedExchangeAdd(volatile long *Target, long Value)
{
    return __atomic_fetch_add(Target, Value, __ATOMIC_SEQ_CST);
}

long STDCALL InterlockedCompareExchange(volatile long *Target, long New, long Comparand)
{
    __atomic_compare_exchange_n(Target, &Comparand, New, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Comparand;
}

long long STDCALL InterlockedCompareExchange64(volatile long long *Target, long long New, long long Comparand)
{
    return __sync_val_compare_and_swap(Target, Comparand, New);
}
