// SPDX-License-Identifier: MIT
// What checked builds know of every lock: its class, who holds it, and in which order classes are taken
// (ke/lockcheck.c,
// ke/lockorder.c). Nothing of it exists in free builds.
//
//   lock --(address)--> KLOCK_RECORD --> KLOCK_CLASS          a thread: HeldLocks[0..LocksHeld)
//                        Owner, Kind      name, rank, edges                 lock, record, place, count
//
// A class is the place where a lock is initialised: the macros below give each such place a static KLOCK_CLASS. Places
// that name the same member ("&Process->WorkingSetLock") are one class. A lock in the image that nobody initialises is
// a class of its own when it is first taken, with its symbol's name.

#ifndef MICA_NTOS_LOCKCHECK_H
#define MICA_NTOS_LOCKCHECK_H

#if DBG && !defined(MICA_SIMULATED_KERNEL)
#define MICA_LOCKCHECK 1
#endif

typedef enum _KLOCK_KIND {
    LockKindSpin,
    LockKindQueued, // a spin lock used with KLOCK_QUEUE_HANDLEs
    LockKindFastMutex,
    LockKindGuardedMutex,
    LockKindPushLock,
    LockKindResource
} KLOCK_KIND;

// Flags of an acquisition.
#define LOCK_SHARED 1u
#define LOCK_TRY 2u       // does not wait, so that it cannot be part of a deadlock
#define LOCK_RECURSIVE 4u // a second acquisition by the owner counts

// DRIVER_VERIFIER_DETECTED_VIOLATION, first parameter (WDK, Bug Check 0xC4).
#define DRIVER_VERIFIER_DETECTED_VIOLATION 0xC4ul // not in mingw-w64's bugcodes.h
#define LOCK_SELF_DEADLOCK 0x1000u
#define LOCK_ORDER_VIOLATION 0x1001u
#define LOCK_WRONG_THREAD 0x1004u
#define LOCK_HELD_AT_THREAD_END 0x1006u
#define LOCK_NOT_ACQUIRED 0x1007u
#define LOCK_ACTIVE_RESOURCE_FREED 0xD2u

#ifdef MICA_LOCKCHECK
typedef struct _KLOCK_CLASS {
    PCSTR Name; // the expression that was initialised: "&Vcb->Resource"
    PCSTR File;
    USHORT Line;
    UCHAR Index; // in the order graph; 0: not yet in it
    BOOLEAN Resource;
    struct _KLOCK_CLASS *Same; // the first place with the same name, which is the class
} KLOCK_CLASS, *PKLOCK_CLASS;

VOID KeRegisterLock(PVOID Lock, PKLOCK_CLASS Class);
VOID KeForgetLocks(PVOID Memory, SIZE_T Bytes);     // freed
VOID KeForgetDeadLocks(PVOID Memory, SIZE_T Bytes); // deleted
PKLOCK_RECORD KeBeginLock(PVOID Lock, KLOCK_KIND Kind, ULONG Flags, PVOID Place);
VOID KeOwnLock(PVOID Lock, PKLOCK_RECORD Record, KLOCK_KIND Kind, ULONG Flags, PVOID Place);
VOID KeDisownLock(PVOID Lock, KLOCK_KIND Kind, ULONG_PTR Word);
VOID KeMoveLock(PVOID Lock, PKTHREAD Thread, BOOLEAN All);
VOID KeWaitsForLock(PKLOCK_RECORD Record);
VOID KeCheckThreadHoldsNoLock(VOID);

#define LOCK_CLASS_HERE(Lock, IsResource)                                                                              \
    ({                                                                                                                 \
        static KLOCK_CLASS LockClass = {#Lock, __FILE__, __LINE__, 0, IsResource, NULL};                               \
        KeRegisterLock((Lock), &LockClass);                                                                            \
    })
#define KeInitializeSpinLock(Lock) (LOCK_CLASS_HERE(Lock, FALSE), (KeInitializeSpinLock)(Lock))
#define KeInitializeGuardedMutex(Mutex) (LOCK_CLASS_HERE(Mutex, FALSE), (KeInitializeGuardedMutex)(Mutex))
#define ExInitializeFastMutex(Mutex) (LOCK_CLASS_HERE(Mutex, FALSE), (ExInitializeFastMutex)(Mutex))
#define ExInitializePushLock(Lock) (LOCK_CLASS_HERE(Lock, FALSE), (ExInitializePushLock)(Lock))
#define ExInitializeResourceLite(Resource) (LOCK_CLASS_HERE(Resource, TRUE), (ExInitializeResourceLite)(Resource))

// The tests' way in: violations go to the hook, which returns, instead of to a bugcheck.
extern VOID (*KeLockViolationHook)(ULONG Code, PCSTR Text);
// Forgets what was learnt of the classes whose name begins with Prefix. For tests that teach wrong orders.
VOID KeForgetLockOrder(PCSTR Prefix);
#else
#define KeRegisterLock(Lock, Class) ((VOID)0)
#define KeForgetLocks(Memory, Bytes) ((VOID)0)
#define KeForgetDeadLocks(Memory, Bytes) ((VOID)0)
#define KeBeginLock(Lock, Kind, Flags, Place) NULL
#define KeOwnLock(Lock, Record, Kind, Flags, Place) ((VOID)(Record))
#define KeDisownLock(Lock, Kind, Word) ((VOID)0)
#define KeMoveLock(Lock, Thread, All) ((VOID)0)
#define KeWaitsForLock(Record) ((VOID)(Record))
#define KeCheckThreadHoldsNoLock() ((VOID)0)
#endif

#endif
