// SPDX-License-Identifier: MIT
// Runs the kernel tests that KTEST= names: each in a system thread of its own at PASSIVE_LEVEL, with the invariants of
// design.md section 5 checked behind it, a block that explains each failure, one record a test for ./mica on the host
// port, and the exit code of the whole run. A test that does not end within a minute of virtual time ends the machine.

#include "ke/ki.h"
#include "ktest.h"

// A minute of computing. An idle tick counts far less: under virtual time it takes no time at all, and what the machine
// waits for (a disk of the host) may well be real.
#define KT_HANG_TICKS 3840u
#define KT_CHAOS_SHARE 8u // so much longer, with what /CHAOS forces in between
#define KT_IDLE_SHARE 100u
// Background work of a test (a dead thread, the lazy writers, ...) is done after so many ticks of sleep.
#define KT_SETTLE_TRIES 512u
#define KT_LEAK_RUNS 4u
#define KT_LEAK_RUNS_WITH_THREADS 24u
#define KT_THREAD_TAG 0x7254744B

extern const KTEST_ENTRY KtTestsStart[], KtTestsEnd[]; // linker.ld

#define KT_PAGE_FILE_BYTES 0x300000

static const KTEST_ENTRY *KtCurrent;
static ULONG KtFailures; // of the current test
static ULONG KtSeed, KtRandomState;
static volatile ULONG KtBudget; // ticks * KT_IDLE_SHARE that the test may still take; 0: no test runs
static ULONG KtPassed, KtFailed;

// What must be the same after a test as before it.
typedef struct _KT_SNAPSHOT {
    SIZE_T NonPaged, Paged;
    ULONG Handles, Timers, Threads;
    ULONG Slots; // of page files, in use
} KT_SNAPSHOT, *PKT_SNAPSHOT;

// --- expectations

static VOID KtReport(PCSTR Expression, ULONGLONG Expected, ULONGLONG Got, PCSTR File, ULONG Line)
{
    DbgPrint("\nFAIL %s\n"
             "  seed      %u\n"
             "  where     %s:%u: %s\n"
             "  expected  0x%I64X (%I64d)\n"
             "  got       0x%I64X (%I64d)\n"
             "  context   IRQL %u, thread %08X, processor %u\n"
             "  replay    ./mica test %s --seed %u\n\n",
             KtCurrent->Name, KtSeed, File, Line, Expression, Expected, Expected, Got, Got, KeGetCurrentIrql(),
             (ULONG)KeGetCurrentThread(), KeGetPcr()->Number, KtCurrent->Name, KtSeed);
    KdHostRecord("failure %s %s:%u: %s: expected 0x%I64X, got 0x%I64X", KtCurrent->Name, File, Line, Expression,
                 Expected, Got);
}

// Notes whether an expectation of the current test holds; the first few failures are shown. Any IRQL.
VOID KtExpect(BOOLEAN Condition, PCSTR Expression, ULONGLONG Expected, ULONGLONG Got, PCSTR File, ULONG Line)
{
    if (Condition)
        return;
    if (KtFailures++ < 4)
        KtReport(Expression, Expected, Got, File, Line);
}

// A repeatable pseudo-random number (xorshift32, G. Marsaglia 2003), from the boot line's SEED= and the test's name.
ULONG KtRandom(VOID)
{
    KtRandomState ^= KtRandomState << 13;
    KtRandomState ^= KtRandomState >> 17;
    KtRandomState ^= KtRandomState << 5;
    return KtRandomState;
}

static VOID KtSeedRandom(PCSTR Name)
{
    KtRandomState = 2463534242u ^ (KtSeed * 2654435761u);
    for (; *Name != '\0'; Name++)
        KtRandomState = (KtRandomState ^ (UCHAR)*Name) * 16777619u;
    if (KtRandomState == 0)
        KtRandomState = 1;
}

// --- threads for tests

typedef struct _KT_START {
    PKSTART_ROUTINE Routine;
    PVOID Context;
    KEVENT Go;
} KT_START, *PKT_START;

static VOID NTAPI KtThreadEntry(PVOID Context)
{
    KT_START *Start = Context, Copy;

    KeWaitForever(&Start->Go, Executive);
    Copy = *Start;
    ExFreePoolWithTag(Start, KT_THREAD_TAG);
    Copy.Routine(Copy.Context);
}

// The processors for the threads of the current test.
static KAFFINITY KtAffinity(VOID)
{
    ULONG Hash = 0;
    PCSTR Name;

    if (KtCurrent->Flags & KT_FLAG_ANYWHERE)
        return KeActiveProcessors;
    for (Name = KtCurrent->Name; *Name != '\0'; Name++)
        Hash = (Hash ^ (UCHAR)*Name) * 16777619u;
    return 1ul << (Hash >> 8) % (ULONG)KeNumberProcessors;
}

// Starts Routine(Context) in a system thread with Priority as its base and current priority. PASSIVE_LEVEL.
// Returns a referenced thread for KtJoin.
PETHREAD KtStartThread(PKSTART_ROUTINE Routine, PVOID Context, KPRIORITY Priority)
{
    PKT_START Start = ExAllocatePoolWithTag(NonPagedPool, sizeof(*Start), KT_THREAD_TAG);
    HANDLE Handle;
    PETHREAD Thread;

    NT_VERIFY(Start != NULL);
    Start->Routine = Routine;
    Start->Context = Context;
    KeInitializeEvent(&Start->Go, NotificationEvent, FALSE);
    NT_VERIFY(NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, KtThreadEntry, Start)));
    NT_VERIFY(NT_SUCCESS(
        ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, PsThreadType, KernelMode, (PVOID *)&Thread, NULL)));
    ZwClose(Handle);
    KeSetAffinityThread(&Thread->Tcb, KtAffinity());
    KeSetBasePriorityThread(&Thread->Tcb, 0);
    KeSetPriorityThread(&Thread->Tcb, Priority);
    Thread->Tcb.BasePriority = (SCHAR)Priority;
    KeSetEvent(&Start->Go, 0, FALSE);
    return Thread;
}

// Waits until the thread has ended and drops the reference.
VOID KtJoin(PETHREAD Thread)
{
    KeWaitForever(&Thread->Tcb, Executive);
    ObDereferenceObject(Thread);
}

// --- invariants

static VOID KtTakeSnapshot(PKT_SNAPSHOT Snapshot)
{
    Snapshot->NonPaged = ExGetPoolUsage(FALSE);
    Snapshot->Paged = ExGetPoolUsage(TRUE);
    Snapshot->Handles = ObGetProcessHandleCount(PsInitialSystemProcess);
    Snapshot->Timers = KiCountTimers();
    (VOID) MmCheckPageFiles(&Snapshot->Slots);
    Snapshot->Threads = PsInitialSystemProcess->ActiveThreads;
}

static BOOLEAN KtHasGrown(const KT_SNAPSHOT *Before, const KT_SNAPSHOT *After)
{
    return After->NonPaged > Before->NonPaged || After->Paged > Before->Paged || After->Handles > Before->Handles ||
           After->Timers > Before->Timers || After->Slots > Before->Slots;
}

// Waits a little for background work, then says whether something was left behind.
static BOOLEAN KtLeftSomething(const KT_SNAPSHOT *Before, PKT_SNAPSHOT After)
{
    LARGE_INTEGER Tick = {.QuadPart = -1};
    ULONG Try;

    for (Try = 0; Try < KT_SETTLE_TRIES; Try++) {
        KtTakeSnapshot(After);
        if (!KtHasGrown(Before, After))
            return FALSE;
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
    }
    return TRUE;
}

#define KT_INVARIANT(Name, Got, Want)                                                                                  \
    KtExpect((Got) == (Want), "invariant: " Name, (ULONG)(Want), (ULONG)(Got), KtCurrent->File, 0)

// In the test's own thread, when it has returned.
static VOID KtCheckThread(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();

    KT_INVARIANT("IRQL is PASSIVE_LEVEL", KeGetCurrentIrql(), PASSIVE_LEVEL);
    if (KeGetCurrentIrql() != PASSIVE_LEVEL)
        KfLowerIrql(PASSIVE_LEVEL);
    KT_INVARIANT("no critical region is open", Thread->KernelApcDisable, 0);
    KT_INVARIANT("no guarded region is open", Thread->SpecialApcDisable, 0);
    KT_INVARIANT("attached to no process", Thread->ApcStateIndex, 0);
    KT_INVARIANT("no kernel APC is queued", IsListEmpty(&Thread->ApcState.ApcListHead[KernelMode]), TRUE);
    KT_INVARIANT("no user APC is queued", IsListEmpty(&Thread->ApcState.ApcListHead[UserMode]), TRUE);
    KT_INVARIANT("no mutant is owned", IsListEmpty(&Thread->MutantListHead), TRUE);
    KT_INVARIANT("no DPC is queued", KeGetCurrentPrcb()->DpcData[DPC_NORMAL].DpcQueueDepth, 0);
    KT_INVARIANT("previous mode is KernelMode", Thread->PreviousMode, KernelMode);
#if DBG
    KT_INVARIANT("no lock is held", Thread->LocksHeld, 0);
#endif
}

static VOID KtCheckMemory(VOID)
{
    MM_STATISTICS Mm;
    ULONG Used;

    KT_INVARIANT("page files count what their bitmaps say", MmCheckPageFiles(&Used), TRUE);
    MmQueryStatistics(&Mm);
    KT_INVARIANT("available pages are the zeroed, free and standby ones",
                 Mm.ZeroedPages + Mm.FreePages + Mm.StandbyPages, Mm.AvailablePages);
    KtExpect(Mm.AvailablePages + Mm.ModifiedPages <= Mm.PhysicalPages, "invariant: no more pages than there are",
             Mm.PhysicalPages, Mm.AvailablePages + Mm.ModifiedPages, KtCurrent->File, 0);
    KtExpect(Mm.CommittedPages <= Mm.CommitLimit, "invariant: commitment is within its limit", Mm.CommitLimit,
             Mm.CommittedPages, KtCurrent->File, 0);
}

// --- running

static VOID NTAPI KtTestThread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KtCurrent->Routine();
    KtCheckThread();
}

// From the clock interrupt: the watchdog works at any IRQL below CLOCK_LEVEL.
static VOID KtWatchdog(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    ULONG Cost = Prcb->CurrentThread == Prcb->IdleThread ? 1 : KT_IDLE_SHARE;

    if (KtBudget == 0)
        return;
    if (KtBudget > Cost) {
        KtBudget -= Cost;
        return;
    }
    KtBudget = 0;
    DbgPrint("\nHANG %s: not finished after 60 s\n  replay    ./mica test %s --seed %u\n", KtCurrent->Name,
             KtCurrent->Name, KtSeed);
    KdHostRecord("test %s hang", KtCurrent->Name);
    if (KdHostPortEnabled)
        HalExitToHost(HOST_EXIT_HANG);
}

static VOID KtRunOnce(VOID)
{
    KtSeedRandom(KtCurrent->Name);
    KeSeedChaos(KtCurrent->Name, (KtCurrent->Flags & KT_FLAG_EXACT) != 0);
    KtBudget = KT_HANG_TICKS * KT_IDLE_SHARE * (KeChaosEnabled ? KT_CHAOS_SHARE : 1);
    KtJoin(KtStartThread(KtTestThread, NULL, KeGetCurrentThread()->BasePriority));
    KtBudget = 0;
    KeSeedChaos(NULL, FALSE);
}

// The tags of pool before the last run of a test, so that a leak can be named.
#define KT_MAXIMUM_TAGS 512u
static SYSTEM_POOLTAG KtTagsBefore[KT_MAXIMUM_TAGS], KtTagsAfter[KT_MAXIMUM_TAGS];
static ULONG KtTagCount;

// Says which tags have more bytes than before the last run (blocks that lookaside lists keep are among them).
static VOID KtShowGrownTags(VOID)
{
    ULONG Count = min_of(ExQueryPoolTags(KtTagsAfter, KT_MAXIMUM_TAGS), KT_MAXIMUM_TAGS), Index, Old;

    for (Index = 0; Index < Count; Index++) {
        PSYSTEM_POOLTAG Now = &KtTagsAfter[Index], Then = NULL;
        LONG NonPaged, Paged;

        for (Old = 0; Old < KtTagCount && Then == NULL; Old++)
            if (KtTagsBefore[Old].TagUlong == Now->TagUlong)
                Then = &KtTagsBefore[Old];
        NonPaged = (LONG)(Now->NonPagedUsed - (Then != NULL ? Then->NonPagedUsed : 0));
        Paged = (LONG)(Now->PagedUsed - (Then != NULL ? Then->PagedUsed : 0));
        if (NonPaged > 0 || Paged > 0)
            DbgPrint("  pool tag  %.4s: %d bytes nonpaged, %d paged\n", (PCSTR)&Now->TagUlong, NonPaged, Paged);
    }
}

// Growth alone is no leak: what is used may fill a cache, and a worker thread more has memory of its own. What grows
// with each of several runs is one.
static VOID KtCheckLeaks(const KT_SNAPSHOT *Before)
{
    KT_SNAPSHOT Between, After = *Before;
    ULONG Runs = 0, MoreRuns = KT_LEAK_RUNS;

    do {
        Between = After;
        KtTagCount = min_of(ExQueryPoolTags(KtTagsBefore, KT_MAXIMUM_TAGS), KT_MAXIMUM_TAGS);
        if (Runs++ != 0)
            KtRunOnce();
        if (!KtLeftSomething(&Between, &After) || KtFailures != 0)
            return;
        if (After.Threads > Between.Threads)
            MoreRuns = min_of(MoreRuns + 1, KT_LEAK_RUNS_WITH_THREADS);
    } while (Runs <= MoreRuns);
    KtExpect(After.NonPaged <= Between.NonPaged, "invariant: no nonpaged pool is lost (bytes)", Between.NonPaged,
             After.NonPaged, KtCurrent->File, 0);
    KtExpect(After.Paged <= Between.Paged, "invariant: no paged pool is lost (bytes)", Between.Paged, After.Paged,
             KtCurrent->File, 0);
    KtExpect(After.Handles <= Between.Handles, "invariant: no handle is left open", Between.Handles, After.Handles,
             KtCurrent->File, 0);
    KtExpect(After.Timers <= Between.Timers, "invariant: no timer is left set", Between.Timers, After.Timers,
             KtCurrent->File, 0);
    KtExpect(After.Slots <= Between.Slots, "invariant: no slot of a page file is left in use", Between.Slots,
             After.Slots, KtCurrent->File, 0);
    KtShowGrownTags();
}

static VOID KtRunTest(const KTEST_ENTRY *Entry)
{
    KT_SNAPSHOT Before;

    KtCurrent = Entry;
    KtFailures = 0;
    KdHostRecord("test %s start", Entry->Name);
    KtTakeSnapshot(&Before);
    KtRunOnce();
    if (Entry->Flags & KT_FLAG_BUGCHECK)
        KtExpect(FALSE, "the test ends in a bugcheck", Entry->BugCheck, 0, Entry->File, 0);
    KtCheckLeaks(&Before);
    KtCheckMemory();
    if (KtFailures == 0) {
        KtPassed++;
        DbgPrint("ok %s\n", Entry->Name);
        KdHostRecord("test %s pass", Entry->Name);
    } else {
        KtFailed++;
        KdHostRecord("test %s fail %u", Entry->Name, KtFailures);
    }
}

// Page files on both disks, as far as there are disks: pages of the tests may go there. The second has room
// to grow.
static VOID KtCreatePageFiles(VOID)
{
    static const PCWSTR Paths[] = {L"\\??\\C:\\pagefile.sys", L"\\??\\D:\\pagefile.sys"};
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Paths); Index++) {
        LARGE_INTEGER Minimum = {.QuadPart = KT_PAGE_FILE_BYTES},
                      Maximum = {.QuadPart = (2 + 4 * Index) * KT_PAGE_FILE_BYTES};
        UNICODE_STRING Name;

        RtlInitUnicodeString(&Name, Paths[Index]);
        IGNORE_STATUS(ZwCreatePagingFile(&Name, &Minimum, &Maximum, 0));
    }
}

// --- choosing

// Matches Name against Pattern[0..Length): '*' stands for anything.
static BOOLEAN KtMatches(PCSTR Name, PCSTR Pattern, SIZE_T Length)
{
    if (Length == 0)
        return *Name == '\0';
    if (*Pattern != '*')
        return *Name == *Pattern && KtMatches(Name + 1, Pattern + 1, Length - 1);
    for (;; Name++) {
        if (KtMatches(Name, Pattern + 1, Length - 1))
            return TRUE;
        if (*Name == '\0')
            return FALSE;
    }
}

// Patterns is a list with commas, ended by a blank. A test that bugchecks must be named in full.
static BOOLEAN KtIsChosen(const KTEST_ENTRY *Entry, PCSTR Patterns)
{
    SIZE_T Length, Index;
    BOOLEAN Exact;

    for (;; Patterns += Length + 1) {
        Exact = TRUE;
        for (Length = 0; Patterns[Length] != '\0' && Patterns[Length] != ' ' && Patterns[Length] != ','; Length++)
            ;
        for (Index = 0; Index < Length; Index++)
            if (Patterns[Index] == '*')
                Exact = FALSE;
        if ((Exact || !(Entry->Flags & KT_FLAG_BUGCHECK)) && KtMatches(Entry->Name, Patterns, Length))
            return TRUE;
        if (Patterns[Length] != ',')
            return FALSE;
    }
}

// Runs the tests that match and ends the machine with the verdict; no match at all is a failure. PASSIVE_LEVEL.
VOID KtRunTests(PCSTR Pattern)
{
    PCSTR Seed = KeFindBootOption("SEED=");
    const KTEST_ENTRY *Entry;

    KtCreatePageFiles();
    KtSeed = Seed != NULL ? strtoul(Seed, NULL, 10) : 0;
    KiClockHook = KtWatchdog;
    for (Entry = KtTestsStart; Entry < KtTestsEnd; Entry++)
        if (KtIsChosen(Entry, Pattern))
            KtRunTest(Entry);
    KiClockHook = NULL;
    IoShutdownSystem(); // the disks are looked at afterwards
    DbgPrint("%u passed, %u failed\n", KtPassed, KtFailed);
    KeReportChaos();
    KdHostRecord("summary %u passed, %u failed", KtPassed, KtFailed);
    if (KdHostPortEnabled)
        HalExitToHost(KtFailed == 0 && KtPassed != 0 ? HOST_EXIT_PASS : HOST_EXIT_FAIL);
    HalReturnToFirmware(HalPowerDownRoutine);
}
