// SPDX-License-Identifier: MIT
// Session space; part of mi.h, which includes it in its place. Processes of one session share page directory 2, whose
// entries from MM_SESSION_SPACE_BASE on are the session's own:
//
//   MM_SESSION_SPACE_BASE   MM_SESSION_SPACE
//   MM_SESSION_VIEW_START   views of sections (MmMapViewInSessionSpace)
//   MM_SESSION_POOL_START   session pool, to MM_SESSION_POOL_END
//
// Session 0 is the one that the system starts in, and has the directory that boot made; others come by
// SystemSessionCreate and go with their last process. No entry here is global: the same address leads elsewhere in
// another session.

#ifndef MICA_MM_MISESSION_H
#define MICA_MM_MISESSION_H

#define MM_SESSION_SPACE_BASE (MM_SESSION_POOL_START - 0x01200000u)
#define MM_SESSION_VIEW_START (MM_SESSION_POOL_START - 0x01000000u)
#define MI_SESSION_VIEW_PAGES (0x01000000u >> PAGE_SHIFT)
#define MI_IS_SESSION_VA(Va) ((ULONG_PTR)(Va) >= MM_SESSION_SPACE_BASE && (ULONG_PTR)(Va) <= MM_SESSION_POOL_END)
#define MI_MAXIMUM_SESSIONS 256u
#define TAG_SESSION 0x73536D4D // 'MmSs'

// One page of nonpaged pool, which every process of the session sees at MM_SESSION_SPACE_BASE too.
typedef struct _MM_SESSION_SPACE {
    struct _MM_SESSION_SPACE *GlobalVirtualAddress; // where all address spaces have it
    ULONG ReferenceCount;                           // processes; MiSessionLock
    ULONG SessionId;
    LIST_ENTRY SessionLinks;  // MiSessions; the system table lock
    PFN_NUMBER PageDirectory; // directory 2
    ULONG PageTables;         // of session space
    MI_RANGE ViewRange, PoolRange;
    PULONG PoolStarts, PoolEnds; // a bit for each page: an allocation begins here, ends here. PoolRange's lock
    volatile LONG PoolPages;
    volatile LONG PoolAllocations, PoolBytes; // that are not freed
    PVOID PoolDescriptor;                     // Ex's
    LIST_ENTRY Views;                         // MI_SYSTEM_VIEW.Links; the PFN lock
} MM_SESSION_SPACE, *PMM_SESSION_SPACE;
#define MmSessionSpace ((PMM_SESSION_SPACE)MM_SESSION_SPACE_BASE) // of the current address space
extern PMM_SESSION_SPACE MiSessionZero;

// An entry of system space for a frame: global, unless other sessions have something else there.
FORCEINLINE ULONGLONG MiSystemPte(PVOID Va, PFN_NUMBER Page)
{
    return MI_IS_SESSION_VA(Va) ? MI_KERNEL_PTE(Page) & ~(ULONGLONG)MI_GLOBAL : MI_KERNEL_PTE(Page);
}
// Pages of session space are paged in session 0 only: the others have no working-set list.
FORCEINLINE BOOLEAN MiIsResidentSession(PVOID Va)
{
    return MI_IS_SESSION_VA(Va) && MmSessionSpace->SessionId != 0;
}

// session.c
VOID MiInitializeSessionZero(VOID);
// systable.c
VOID MiAddSessionDirectory(PMM_SESSION_SPACE Session);
VOID MiRemoveSessionDirectory(PMM_SESSION_SPACE Session);

#endif
