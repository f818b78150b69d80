// SPDX-License-Identifier: MIT
// Kernel tests: laws, stated beside what they test, run inside the kernel by ktest=PATTERN on the boot line.
// A test is registered in a linker section; tests/kernel/runner.c runs those whose name matches, each at PASSIVE_LEVEL
// in a system thread of its own, checks the invariants after it, and prints the failure block. Checked builds only.
//
//     KTEST(ke, event_synchronization_wakes_one)
//     {
//         // Law: setting a synchronization event with N waiters releases exactly one.
//         expect_eq(woken, 1);
//     }

#ifndef MICA_NTOS_KTEST_H
#define MICA_NTOS_KTEST_H

#include "ntos.h"

typedef struct _KTEST_ENTRY {
    PCSTR Name; // "ke.event_synchronization_wakes_one"
    VOID (*Routine)(VOID);
    PCSTR File;
    ULONG Flags;
    ULONG BugCheck; // expected bugcheck code for KTEST_BUGCHECK tests (run alone, one boot each), else 0
} KTEST_ENTRY, *PKTEST_ENTRY;

#define KTEST_DEFINE(Folder, Law, TestFlags, Code)                                                                     \
    static VOID Folder##_##Law(VOID);                                                                                  \
    static const KTEST_ENTRY Folder##_##Law##_entry __attribute__((used, section(".ktest"), aligned(4))) = {           \
        #Folder "." #Law, Folder##_##Law, __FILE__, TestFlags, Code};                                                  \
    static VOID Folder##_##Law(VOID)
#define KT_FLAG_BUGCHECK 1
#define KT_FLAG_ANYWHERE 2
#define KT_FLAG_EXACT 4
#define KT_FLAG_TIMED 8
// The test and the threads it starts stay on one processor (a different one for each test), so that priorities alone
// say who runs.
#define KTEST(Folder, Law) KTEST_DEFINE(Folder, Law, 0, 0)
// The test and its threads run on all processors at the same time.
#define KTEST_MP(Folder, Law) KTEST_DEFINE(Folder, Law, KT_FLAG_ANYWHERE, 0)
// The test must end in this bugcheck (the runner boots it alone and reads the code).
#define KTEST_BUGCHECK(Folder, Law, Code) KTEST_DEFINE(Folder, Law, KT_FLAG_BUGCHECK, Code)
// The law is an order of threads or a number of ticks: /CHAOS= forces only DPCs and APCs that leave these alone.
#define KTEST_EXACT(Folder, Law) KTEST_DEFINE(Folder, Law, KT_FLAG_EXACT, 0)
// The law bounds a time from above. It holds where time is what the processor has executed (virtual time); a host that
// stops the whole processor meanwhile can break it, so that runs in real concurrency leave it out.
#define KTEST_TIMED(Folder, Law) KTEST_DEFINE(Folder, Law, KT_FLAG_EXACT | KT_FLAG_TIMED, 0)
#define KTEST_MP_TIMED(Folder, Law) KTEST_DEFINE(Folder, Law, KT_FLAG_ANYWHERE | KT_FLAG_EXACT | KT_FLAG_TIMED, 0)
#define KTEST_MP_EXACT(Folder, Law) KTEST_DEFINE(Folder, Law, KT_FLAG_ANYWHERE | KT_FLAG_EXACT, 0)

VOID KtExpect(BOOLEAN Condition, PCSTR Expression, ULONGLONG Expected, ULONGLONG Got, PCSTR File, ULONG Line);
#define expect(e) KtExpect(!!(e), #e, 1, 0, __FILE__, __LINE__)
#define expect_eq(got, want)                                                                                           \
    do {                                                                                                               \
        ULONGLONG Got_ = (ULONGLONG)(ULONG_PTR)(got), Want_ = (ULONGLONG)(ULONG_PTR)(want);                            \
        KtExpect(Got_ == Want_, #got " == " #want, Want_, Got_, __FILE__, __LINE__);                                   \
    } while (0)
#define expect_status(got, want) expect_eq((ULONG)(got), (ULONG)(want))
// A repeatable pseudo-random number; the boot line's SEED= starts it.
ULONG KtRandom(VOID);
// Starts a system thread and returns a referenced ETHREAD; KtJoin waits for it and drops the reference.
PETHREAD KtStartThread(PKSTART_ROUTINE Routine, PVOID Context, KPRIORITY Priority);
VOID KtJoin(PETHREAD Thread);
// Keeps the processor from less important threads until its next interrupt; an emulator has nothing to do for that.
// Interrupts on.
FORCEINLINE VOID KtKeepProcessor(VOID)
{
    __asm__ volatile("hlt" : : : "memory");
}
// Runs the tests that match; ends the machine with HOST_EXIT_PASS or HOST_EXIT_FAIL. Called by phase 1.
VOID KtRunTests(PCSTR Pattern);

#endif
