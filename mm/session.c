// SPDX-License-Identifier: MIT
// Sessions: making one, processes that come and go, and the end of a session with its last process, when everything in
// its session space goes: views, pool, page tables, directory. A process enters and leaves a session only by its own
// wish, while it is the current one; children are their parent's session's. Source: Windows Internals, "Session Space";
// the published Native API (SystemSessionCreate, SystemSessionDetach).

#include "mi.h"

#define MI_SHARED_DIRECTORY 2
#define MI_POOL_PAGES_OF_SESSION ((MM_SESSION_POOL_END + 1 - MM_SESSION_POOL_START) >> PAGE_SHIFT)
#define MI_SESSION_TABLES ((MM_SESSION_POOL_END + 1 - MM_SESSION_SPACE_BASE) >> PDE_SHIFT)
#define MI_FREE_BATCH 16u

PMM_SESSION_SPACE MiSessionZero;
static KGUARDED_MUTEX MiSessionLock; // processes' sessions, reference counts, ids
static PMM_SESSION_SPACE MiSessionById[MI_MAXIMUM_SESSIONS];

static VOID MiFreeSession(PMM_SESSION_SPACE Session)
{
    if (Session->ViewRange.BitMap.Buffer != NULL)
        ExFreePoolWithTag(Session->ViewRange.BitMap.Buffer, TAG_SESSION);
    if (Session->PoolRange.BitMap.Buffer != NULL)
        ExFreePoolWithTag(Session->PoolRange.BitMap.Buffer, TAG_SESSION);
    if (Session->PoolStarts != NULL)
        ExFreePoolWithTag(Session->PoolStarts, TAG_SESSION);
    if (Session->PoolDescriptor != NULL)
        ExFreePoolWithTag(Session->PoolDescriptor, TAG_SESSION);
    MmFreePoolPages(Session);
}

// The structure alone, with all that it points to. NULL: no memory.
static PMM_SESSION_SPACE MiAllocateSession(VOID)
{
    PMM_SESSION_SPACE Session = MmAllocatePoolPages(MM_POOL_NONPAGED, sizeof(*Session));
    ULONG Bytes = MI_POOL_PAGES_OF_SESSION / 8;
    PULONG ViewBits, PoolBits;

    _Static_assert(sizeof(MM_SESSION_SPACE) <= PAGE_SIZE, "one page is mapped");
    if (Session == NULL)
        return NULL;
    memset(Session, 0, PAGE_SIZE);
    Session->GlobalVirtualAddress = Session;
    InitializeListHead(&Session->Views);
    ViewBits = ExAllocatePoolZero(NonPagedPool, MI_SESSION_VIEW_PAGES / 8, TAG_SESSION);
    PoolBits = ExAllocatePoolZero(NonPagedPool, Bytes, TAG_SESSION);
    Session->ViewRange.BitMap.Buffer = ViewBits;
    Session->PoolRange.BitMap.Buffer = PoolBits;
    Session->PoolStarts = ExAllocatePoolZero(NonPagedPool, 2 * Bytes, TAG_SESSION);
    if (ViewBits == NULL || PoolBits == NULL || Session->PoolStarts == NULL) {
        MiFreeSession(Session);
        return NULL;
    }
    Session->PoolEnds = Session->PoolStarts + MI_POOL_PAGES_OF_SESSION / 32;
    MiInitializeRange(&Session->ViewRange, MM_SESSION_VIEW_START, MI_SESSION_VIEW_PAGES, ViewBits);
    MiInitializeRange(&Session->PoolRange, MM_SESSION_POOL_START, MI_POOL_PAGES_OF_SESSION, PoolBits);
    return Session;
}

// The session that the system starts in; phase 0, when nonpaged pool works. Its pool's descriptor is Ex's own.
VOID MiInitializeSessionZero(VOID)
{
    KeInitializeGuardedMutex(&MiSessionLock);
    MiSessionZero = MiAllocateSession();
    NT_VERIFY(MiSessionZero != NULL && NT_SUCCESS(MiMakeSystemPageTables(MmSessionSpace, PAGE_SIZE)));
    MiSessionZero->PageDirectory = MI_PTE_FRAME(MiGetPdeAddress(PTE_BASE) + MI_SHARED_DIRECTORY);
    MiSessionZero->ReferenceCount = 1; // it stays
    MiSessionById[0] = MiSessionZero;
    MiWriteValidPte(MiGetPteAddress(MmSessionSpace), MiSystemPte(MmSessionSpace, MiGetFrame(MiSessionZero)));
}

// Fills in the directory of a new session and the one page that its space begins with. It is nobody's so far.
static NTSTATUS MiBuildSessionSpace(PMM_SESSION_SPACE Session)
{
    PFN_NUMBER Directory, Table;
    KIRQL OldIrql;
    PMMPTE Entry;

    if (!MiChargeCommitment(2, NULL))
        return STATUS_COMMITMENT_LIMIT;
    Directory = MiAllocateKernelPage(NULL);
    Table = MiAllocateKernelPage(MiGetPdeAddress(MmSessionSpace));
    if (Directory == 0 || Table == 0) {
        if (Directory != 0)
            MiFreeKernelPage(Directory);
        MiReturnCommitment(2, NULL);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Entry = MiMapPage(Table, &OldIrql);
    Entry[MI_VPN(MmSessionSpace) & (PTES_PER_PAGE - 1)].u.Long = MiSystemPte(MmSessionSpace, MiGetFrame(Session));
    MiUnmapPage(Entry, OldIrql);
    Entry = MiMapPage(Directory, &OldIrql);
    Entry[(MM_SESSION_SPACE_BASE >> PDE_SHIFT) & (PTES_PER_PAGE - 1)].u.Long = MI_TABLE_PTE(Table);
    MiUnmapPage(Entry, OldIrql);
    Session->PageDirectory = Directory;
    Session->PageTables = 1;
    return STATUS_SUCCESS;
}

// Gives the current process another directory 2, on every processor that runs it: they remember the pointer table until
// they load CR3 (Intel SDM 3A 4.4.1).
static VOID MiSwitchDirectory(PEPROCESS Process, PFN_NUMBER Directory)
{
    PMMPTE Pointers = Process->PaePointerTable, Self = MiGetPdeAddress(PTE_BASE) + MI_SHARED_DIRECTORY;

    MiExchangePte(Self, MI_TABLE_PTE(Directory) | MmNoExecute);
    MiExchangePte(&Pointers[MI_SHARED_DIRECTORY], ((ULONGLONG)Directory << PAGE_SHIFT) | MI_VALID);
    Process->PageDirectoryPages[MI_SHARED_DIRECTORY] = Directory;
    KeFlushEntireTb(TRUE, FALSE);
}

// Takes at most MI_FREE_BATCH entries out of a page table of a session that nobody is in any more.
static ULONG MiTakeSessionEntries(PFN_NUMBER Table, PMMPTE Entries)
{
    KIRQL OldIrql;
    PMMPTE Pte = MiMapPage(Table, &OldIrql);
    ULONG Index, Count = 0;

    for (Index = 0; Index < PTES_PER_PAGE && Count < MI_FREE_BATCH; Index++) {
        if (Pte[Index].u.Hard.Valid)
            Entries[Count++] = Pte[Index];
        Pte[Index].u.Long = 0;
    }
    MiUnmapPage(Pte, OldIrql);
    return Count;
}

// What a page table of a dead session maps is freed (pool), or has a mapping less (views).
static VOID MiEmptySessionTable(PFN_NUMBER Table, PFN_NUMBER Structure)
{
    MMPTE Entries[MI_FREE_BATCH];
    ULONG Count;

    while ((Count = MiTakeSessionEntries(Table, Entries)) != 0) {
        ULONG Freed = 0;
        KIRQL OldIrql = MiLockPfn();

        while (Count-- != 0) {
            PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(&Entries[Count]));

            if (MI_PFN_NUMBER(Pfn) == Structure)
                continue;
            Pfn->u3.e1.Modified |= Entries[Count].u.Hard.Dirty;
            if (!Pfn->u3.e1.PrototypePte) {
                Pfn->u3.e1.Deleted = 1;
                Freed++;
            }
            MiDecrementShareCount(Pfn);
        }
        MiUnlockPfn(OldIrql);
        MiReturnCommitment(Freed, NULL);
    }
}

static VOID MiDeleteSessionViews(PMM_SESSION_SPACE Session)
{
    while (!IsListEmpty(&Session->Views)) {
        PMI_SYSTEM_VIEW View = CONTAINING_RECORD(RemoveHeadList(&Session->Views), MI_SYSTEM_VIEW, Links);

        MiDereferenceControlArea(View->ControlArea, 0, 1, 1);
        ExFreePoolWithTag(View, TAG_MM);
    }
}

// The last process has left: no processor has the session's tables loaded. PASSIVE_LEVEL. Pool that is not freed would
// be found by nobody any more (WDK, bug check 0xAB).
static VOID MiDeleteSession(PMM_SESSION_SPACE Session)
{
    ULONG First = (MM_SESSION_SPACE_BASE >> PDE_SHIFT) & (PTES_PER_PAGE - 1), Index;

    if (Session->PoolAllocations != 0)
        KeBugCheckEx(SESSION_HAS_VALID_POOL_ON_EXIT, Session->SessionId, (ULONG_PTR)Session->PoolBytes, 0,
                     (ULONG_PTR)Session->PoolAllocations);
    MiRemoveSessionDirectory(Session);
    for (Index = First; Index < First + MI_SESSION_TABLES; Index++) {
        KIRQL OldIrql;
        PMMPTE Directory = MiMapPage(Session->PageDirectory, &OldIrql);
        MMPTE Pde = Directory[Index];

        MiUnmapPage(Directory, OldIrql);
        if (!Pde.u.Hard.Valid)
            continue;
        MiEmptySessionTable(MI_PTE_FRAME(&Pde), MiGetFrame(Session));
        MiFreeKernelPage(MI_PTE_FRAME(&Pde));
        Session->PageTables--;
        MiReturnCommitment(1, NULL);
    }
    ASSERT(Session->PageTables == 0);
    MiFreeKernelPage(Session->PageDirectory);
    MiReturnCommitment(1, NULL);
    MiReturnPool(&MiPoolPages[MM_POOL_SESSION], (ULONG)Session->PoolPages);
    MiDeleteSessionViews(Session);
    MiFreeSession(Session);
}

static VOID MiDereferenceSession(PMM_SESSION_SPACE Session)
{
    ULONG Left;

    KeAcquireGuardedMutex(&MiSessionLock);
    Left = --Session->ReferenceCount;
    if (Left == 0)
        MiSessionById[Session->SessionId] = NULL;
    KeReleaseGuardedMutex(&MiSessionLock);
    if (Left == 0)
        MiDeleteSession(Session);
}

// Finds the lowest free id and puts the current process into the session. MiSessionLock is held.
static NTSTATUS MiStartSession(PEPROCESS Process, PMM_SESSION_SPACE Session)
{
    ULONG Id = 1;

    while (Id < MI_MAXIMUM_SESSIONS && MiSessionById[Id] != NULL)
        Id++;
    if (Process->Session != NULL)
        return STATUS_ALREADY_COMMITTED;
    if (Id == MI_MAXIMUM_SESSIONS)
        return STATUS_TOO_MANY_SESSIONS;
    MiSessionById[Id] = Session;
    Session->SessionId = Id;
    Session->ReferenceCount = 1;
    MiAddSessionDirectory(Session);
    Process->Session = Session;
    Process->SessionId = Id;
    MiSwitchDirectory(Process, Session->PageDirectory);
    return STATUS_SUCCESS;
}

// Makes a session and puts the current process, which is in session 0, into it; its children will be there too.
//
// IRQL PASSIVE_LEVEL. STATUS_ALREADY_COMMITTED: it is in another session. STATUS_NOT_IMPLEMENTED: with 3 GB of user
// space directory 2 is a process's own. STATUS_COMMITMENT_LIMIT, STATUS_INSUFFICIENT_RESOURCES, STATUS_TOO_MANY_SESSIONS.
NTSTATUS NTAPI MmSessionCreate(PULONG SessionId)
{
    PEPROCESS Process = PsGetCurrentProcess();
    PMM_SESSION_SPACE Session;
    NTSTATUS Status;

    PAGED_CODE();
    if (MM_SESSION_BASE >= PTE_BASE || Process->PaePointerTable == NULL)
        return STATUS_NOT_IMPLEMENTED;
    Session = MiAllocateSession();
    if (Session == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Session->PoolDescriptor = ExCreateSessionPool(TAG_SESSION);
    Status = Session->PoolDescriptor == NULL ? STATUS_INSUFFICIENT_RESOURCES : MiBuildSessionSpace(Session);
    if (!NT_SUCCESS(Status)) {
        MiFreeSession(Session);
        return Status;
    }
    KeAcquireGuardedMutex(&MiSessionLock);
    Status = MiStartSession(Process, Session);
    KeReleaseGuardedMutex(&MiSessionLock);
    if (!NT_SUCCESS(Status)) {
        MiAddSessionDirectory(Session); // so that there is something to take away
        MiDeleteSession(Session);
        return Status;
    }
    *SessionId = Session->SessionId;
    return STATUS_SUCCESS;
}

// The current process goes back to session 0. IRQL PASSIVE_LEVEL. STATUS_UNABLE_TO_FREE_VM: it is not in that session.
NTSTATUS NTAPI MmSessionDetach(ULONG SessionId)
{
    PEPROCESS Process = PsGetCurrentProcess();
    PMM_SESSION_SPACE Session;

    PAGED_CODE();
    KeAcquireGuardedMutex(&MiSessionLock);
    Session = Process->Session;
    if (Session != NULL && Session->SessionId == SessionId) {
        Process->Session = NULL;
        Process->SessionId = 0;
        MiSwitchDirectory(Process, MiSessionZero->PageDirectory);
    } else {
        Session = NULL;
    }
    KeReleaseGuardedMutex(&MiSessionLock);
    if (Session == NULL)
        return STATUS_UNABLE_TO_FREE_VM;
    MiDereferenceSession(Session);
    return STATUS_SUCCESS;
}

// A new process is in its parent's session; before its address space is made. IRQL <= APC_LEVEL.
VOID MmInheritSession(PEPROCESS Process, PEPROCESS Parent)
{
    KeAcquireGuardedMutex(&MiSessionLock);
    Process->Session = Parent->Session;
    Process->SessionId = Parent->SessionId;
    if (Process->Session != NULL)
        Process->Session->ReferenceCount++;
    KeReleaseGuardedMutex(&MiSessionLock);
}

// A process without an address space is no more in its session. PASSIVE_LEVEL.
VOID MmLeaveSession(PEPROCESS Process)
{
    PMM_SESSION_SPACE Session = Process->Session;

    Process->Session = NULL;
    if (Session != NULL)
        MiDereferenceSession(Session);
}

// The id of the session whose space is seen here. Any IRQL.
ULONG MmGetCurrentSessionId(VOID)
{
    return MmSessionSpace->SessionId;
}

// Ex's descriptor of the current session's pool; NULL: session 0's. IRQL <= APC_LEVEL.
PVOID MmGetSessionPool(VOID)
{
    return MmSessionSpace->PoolDescriptor;
}

// An allocation of session pool has been made (Bytes) or freed (-Bytes), in the current session.
VOID MmCountSessionPool(LONG Bytes)
{
    InterlockedExchangeAdd(&MmSessionSpace->PoolAllocations, Bytes > 0 ? 1 : -1);
    InterlockedExchangeAdd(&MmSessionSpace->PoolBytes, Bytes);
}
