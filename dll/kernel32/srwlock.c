// SPDX-License-Identifier: MIT
// Slim reader/writer locks, condition variables and one-time initialization, over one keyed event per process.
// A keyed event's release waits for its waiter, so a thread that has counted itself in the lock's word and not yet
// slept cannot miss its wake-up. A released lock wakes all who wait and lets them compete: simple, never lost.
//
//   SRWLOCK word:  31 ........ 16 | 15 ....... 1 | 0
//                  waiting threads | readers       | a writer owns it

#include "k32.h"

#define SRW_WRITER 1u
#define SRW_READER 2u
#define SRW_READERS 0xFFFEu
#define SRW_WAITER 0x10000u
#define SRW_OWNED (SRW_WRITER | SRW_READERS)
#define ONCE_BUSY 1u
#define ONCE_DONE 2u

static HANDLE BasepKeyedEvent;

static HANDLE BasepGetKeyedEvent(VOID)
{
    HANDLE Handle, Nothing = NULL;
    NTSTATUS Status;

    if (BasepKeyedEvent == NULL) {
        Status = NtCreateKeyedEvent(&Handle, GENERIC_READ | GENERIC_WRITE, NULL, 0);
        if (!NT_SUCCESS(Status)) {
            RtlRaiseStatus(Status);
        }
        if (!__atomic_compare_exchange_n(&BasepKeyedEvent, &Nothing, Handle, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            NtClose(Handle);
        }
    }
    return BasepKeyedEvent;
}

static NTSTATUS BasepSleepOn(PVOID Key, PLARGE_INTEGER Timeout)
{
    return NtWaitForKeyedEvent(BasepGetKeyedEvent(), Key, FALSE, Timeout);
}

static VOID BasepWake(PVOID Key, ULONG Count)
{
    while (Count-- != 0) {
        IGNORE_STATUS(NtReleaseKeyedEvent(BasepGetKeyedEvent(), Key, FALSE, NULL));
    }
}

static BOOL BasepSwap(volatile ULONG *Word, ULONG Old, ULONG New)
{
    return __atomic_compare_exchange_n(Word, &Old, New, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

// Takes the lock when none of the Excluded bits is set, by adding Own; otherwise counts itself and sleeps.
static VOID BasepAcquire(PSRWLOCK Lock, ULONG Excluded, ULONG Own)
{
    volatile ULONG *Word = (volatile ULONG *)&Lock->Ptr;

    for (;;) {
        ULONG Old = *Word;

        if ((Old & Excluded) == 0) {
            if (BasepSwap(Word, Old, Old + Own)) {
                return;
            }
        } else if (BasepSwap(Word, Old, Old + SRW_WAITER)) {
            IGNORE_STATUS(BasepSleepOn(Lock, NULL));
        }
    }
}

static VOID BasepRelease(PSRWLOCK Lock, ULONG Own)
{
    volatile ULONG *Word = (volatile ULONG *)&Lock->Ptr;

    for (;;) {
        ULONG Old = *Word, New = Old - Own;
        BOOL Free = (New & SRW_OWNED) == 0;

        if (BasepSwap(Word, Old, Free ? 0 : New)) {
            BasepWake(Lock, Free ? Old / SRW_WAITER : 0);
            return;
        }
    }
}

VOID WINAPI InitializeSRWLock(PSRWLOCK Lock)
{
    Lock->Ptr = NULL;
}

VOID WINAPI AcquireSRWLockExclusive(PSRWLOCK Lock)
{
    BasepAcquire(Lock, SRW_OWNED, SRW_WRITER);
}

VOID WINAPI ReleaseSRWLockExclusive(PSRWLOCK Lock)
{
    BasepRelease(Lock, SRW_WRITER);
}

VOID WINAPI AcquireSRWLockShared(PSRWLOCK Lock)
{
    BasepAcquire(Lock, SRW_WRITER, SRW_READER);
}

VOID WINAPI ReleaseSRWLockShared(PSRWLOCK Lock)
{
    BasepRelease(Lock, SRW_READER);
}

BOOLEAN WINAPI TryAcquireSRWLockExclusive(PSRWLOCK Lock)
{
    volatile ULONG *Word = (volatile ULONG *)&Lock->Ptr;
    ULONG Old = *Word;

    return (Old & SRW_OWNED) == 0 && BasepSwap(Word, Old, Old + SRW_WRITER);
}

BOOLEAN WINAPI TryAcquireSRWLockShared(PSRWLOCK Lock)
{
    volatile ULONG *Word = (volatile ULONG *)&Lock->Ptr;
    ULONG Old = *Word;

    return (Old & SRW_WRITER) == 0 && BasepSwap(Word, Old, Old + SRW_READER);
}

VOID WINAPI InitializeConditionVariable(PCONDITION_VARIABLE Condition)
{
    Condition->Ptr = NULL;
}

// The condition's word counts sleepers. A sleeper whose time is out takes itself off; if a waker has already done
// that, the wake-up is on its way and must be consumed.
static BOOL BasepCountedSleep(PCONDITION_VARIABLE Condition, DWORD Milliseconds)
{
    volatile ULONG *Sleepers = (volatile ULONG *)&Condition->Ptr;
    LARGE_INTEGER Time;

    if (BasepSleepOn(Condition, BaseTimeout(&Time, Milliseconds)) != STATUS_TIMEOUT) {
        return TRUE;
    }
    for (;;) {
        ULONG Old = *Sleepers;

        if (Old == 0) {
            IGNORE_STATUS(BasepSleepOn(Condition, NULL));
            return TRUE;
        }
        if (BasepSwap(Sleepers, Old, Old - 1)) {
            return BaseFail(ERROR_TIMEOUT);
        }
    }
}

WINBOOL WINAPI SleepConditionVariableCS(PCONDITION_VARIABLE Condition, PCRITICAL_SECTION Section, DWORD Milliseconds)
{
    BOOL Woken;

    __atomic_add_fetch((volatile ULONG *)&Condition->Ptr, 1, __ATOMIC_SEQ_CST);
    RtlLeaveCriticalSection(Section);
    Woken = BasepCountedSleep(Condition, Milliseconds);
    RtlEnterCriticalSection(Section);
    return Woken;
}

WINBOOL WINAPI SleepConditionVariableSRW(PCONDITION_VARIABLE Condition, PSRWLOCK Lock, DWORD Milliseconds, ULONG Flags)
{
    BOOL Shared = (Flags & CONDITION_VARIABLE_LOCKMODE_SHARED) != 0;
    BOOL Woken;

    __atomic_add_fetch((volatile ULONG *)&Condition->Ptr, 1, __ATOMIC_SEQ_CST);
    BasepRelease(Lock, Shared ? SRW_READER : SRW_WRITER);
    Woken = BasepCountedSleep(Condition, Milliseconds);
    if (Shared) {
        AcquireSRWLockShared(Lock);
    } else {
        AcquireSRWLockExclusive(Lock);
    }
    return Woken;
}

VOID WINAPI WakeConditionVariable(PCONDITION_VARIABLE Condition)
{
    volatile ULONG *Sleepers = (volatile ULONG *)&Condition->Ptr;
    ULONG Old;

    while ((Old = *Sleepers) != 0) {
        if (BasepSwap(Sleepers, Old, Old - 1)) {
            BasepWake(Condition, 1);
            return;
        }
    }
}

VOID WINAPI WakeAllConditionVariable(PCONDITION_VARIABLE Condition)
{
    BasepWake(Condition, __atomic_exchange_n((volatile ULONG *)&Condition->Ptr, 0, __ATOMIC_SEQ_CST));
}

VOID WINAPI InitOnceInitialize(PINIT_ONCE Once)
{
    Once->Ptr = NULL;
}

// The word: the context with the two low bits as state; threads that find it busy yield until it is decided.
WINBOOL WINAPI InitOnceExecuteOnce(PINIT_ONCE Once, PINIT_ONCE_FN Function, PVOID Parameter, LPVOID *Context)
{
    volatile ULONG *Word = (volatile ULONG *)&Once->Ptr;
    PVOID Result = NULL;

    for (;;) {
        ULONG Old = *Word;

        if ((Old & 3) == ONCE_DONE) {
            if (Context != NULL) {
                *Context = (PVOID)(ULONG_PTR)(Old & ~3u);
            }
            return TRUE;
        }
        if (Old == ONCE_BUSY) {
            Sleep(1);
        } else if (BasepSwap(Word, 0, ONCE_BUSY)) {
            BOOL Done = Function(Once, Parameter, &Result);

            __atomic_store_n(Word, Done ? ((ULONG)Result & ~3u) | ONCE_DONE : 0, __ATOMIC_SEQ_CST);
            if (!Done) {
                return FALSE;
            }
        }
    }
}

// The two-step form. With INIT_ONCE_CHECK_ONLY nothing begins.
WINBOOL WINAPI InitOnceBeginInitialize(LPINIT_ONCE Once, DWORD Flags, PBOOL Pending, LPVOID *Context)
{
    volatile ULONG *Word = (volatile ULONG *)&Once->Ptr;

    for (;;) {
        ULONG Old = *Word;

        if ((Old & 3) == ONCE_DONE) {
            *Pending = FALSE;
            if (Context != NULL) {
                *Context = (PVOID)(ULONG_PTR)(Old & ~3u);
            }
            return TRUE;
        }
        if ((Flags & INIT_ONCE_CHECK_ONLY) != 0) {
            return BaseFail(ERROR_GEN_FAILURE);
        }
        if (Old == ONCE_BUSY && (Flags & INIT_ONCE_ASYNC) == 0) {
            Sleep(1);
        } else if (Old == ONCE_BUSY || BasepSwap(Word, 0, ONCE_BUSY)) {
            *Pending = TRUE;
            return TRUE;
        }
    }
}

WINBOOL WINAPI InitOnceComplete(LPINIT_ONCE Once, DWORD Flags, LPVOID Context)
{
    ULONG Final = (Flags & INIT_ONCE_INIT_FAILED) != 0 ? 0 : ((ULONG)(ULONG_PTR)Context & ~3u) | ONCE_DONE;

    return BasepSwap((volatile ULONG *)&Once->Ptr, ONCE_BUSY, Final) ? TRUE : BaseFail(ERROR_GEN_FAILURE);
}
