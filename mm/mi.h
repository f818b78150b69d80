// SPDX-License-Identifier: MIT
// Mm's own declarations: page-table entries, the frame database, sections' skeleton, virtual address descriptors.
//
// A page-table entry has 64 bits (PAE). Valid, the processor reads it (Intel SDM 3A 4.4.2); bits 9-11 are ours:
//
//   63  62      36 35            12 11  10 9    8 7 6 5 4  3  2 1 0
//   NX  0          frame number     XO  X  COW  G L D A CD WT U W 1     Hard (X: executable, XO: not readable)
//
// Not valid, only Mm reads it; bits 10 and 11 say which kind it is:
//
//   0                                               nothing here: ask the VAD
//   63      32 31      22 21   12 11 10 9    5 4  1 0
//   slot       used       0       0  0  prot   file 0                        Soft: in a page file; slot 0: demand zero
//   frame number (12..35)         1  0  prot   0    0                        Trans: the frame is still there, on a list
//   63     32 31    16 15    11 10 9   1 0
//   proto     0        prot     1  0     0                                   Proto: see there (MI_PTE_LOOKUP: ask VAD)
//   63     32 31  11 10 9    5 4  1 0
//   subsection  0    1  prot   0    0                                        Subsect (prototype PTEs): a page of a file
//
// A prototype PTE is a segment's own entry for a page that several address spaces share: it is valid, Trans, Soft or
// Subsect, never Proto. The frame of a shared page names it in PteAddress; processes' entries only count in ShareCount.

#ifndef MICA_MM_MI_H
#define MICA_MM_MI_H

#include "ntos.h"

// -------------------------------------------------------------------------------- page-table entries
#define MI_VALID 0x001ull
#define MI_WRITE 0x002ull
#define MI_USER 0x004ull
#define MI_WRITE_THROUGH 0x008ull
#define MI_CACHE_DISABLE 0x010ull
#define MI_ACCESSED 0x020ull
#define MI_DIRTY 0x040ull
#define MI_LARGE 0x080ull
#define MI_GLOBAL 0x100ull
#define MI_COPY_ON_WRITE 0x200ull
#define MI_PROTOTYPE 0x400ull    // not valid
#define MI_TRANSITION 0x800ull   // not valid
#define MI_EXECUTE 0x400ull      // valid
#define MI_EXECUTE_ONLY 0x800ull // valid
#define MI_NO_EXECUTE 0x8000000000000000ull
#define MI_FRAME_MASK 0x0000000FFFFFF000ull

typedef struct _MMPTE_HARDWARE {
    ULONGLONG Valid : 1;
    ULONGLONG Write : 1;
    ULONGLONG Owner : 1;
    ULONGLONG WriteThrough : 1;
    ULONGLONG CacheDisable : 1;
    ULONGLONG Accessed : 1;
    ULONGLONG Dirty : 1;
    ULONGLONG LargePage : 1;
    ULONGLONG Global : 1;
    ULONGLONG CopyOnWrite : 1;
    ULONGLONG Execute : 1;
    ULONGLONG ExecuteOnly : 1;
    ULONGLONG PageFrameNumber : 24;
    ULONGLONG Reserved1 : 27;
    ULONGLONG NoExecute : 1;
} MMPTE_HARDWARE;
typedef struct _MMPTE_SOFTWARE {
    ULONGLONG Valid : 1;
    ULONGLONG PageFileLow : 4;
    ULONGLONG Protection : 5;
    ULONGLONG Prototype : 1;
    ULONGLONG Transition : 1;
    ULONGLONG Unused : 10;
    ULONGLONG UsedPageTableEntries : 10; // in MMPFN.OriginalPte of a page-table page: entries that are not 0
    ULONGLONG PageFileHigh : 32;
} MMPTE_SOFTWARE;
typedef struct _MMPTE_TRANSITION {
    ULONGLONG Valid : 1;
    ULONGLONG Unused0 : 4;
    ULONGLONG Protection : 5;
    ULONGLONG Prototype : 1;
    ULONGLONG Transition : 1;
    ULONGLONG PageFrameNumber : 24;
    ULONGLONG Unused1 : 28;
} MMPTE_TRANSITION;
typedef struct _MMPTE_PROTOTYPE {
    ULONGLONG Valid : 1;
    ULONGLONG Unused0 : 9;
    ULONGLONG Prototype : 1;
    ULONGLONG Protection : 5;
    ULONGLONG Unused1 : 16;
    ULONGLONG ProtoAddress : 32;
} MMPTE_PROTOTYPE;
typedef struct _MMPTE_SUBSECTION {
    ULONGLONG Valid : 1;
    ULONGLONG Unused0 : 4;
    ULONGLONG Protection : 5;
    ULONGLONG Prototype : 1;
    ULONGLONG Unused1 : 21;
    ULONGLONG SubsectionAddress : 32;
} MMPTE_SUBSECTION;
typedef struct _MMPTE {
    union {
        ULONGLONG Long;
        struct {
            ULONG Low;
            ULONG High;
        };
        MMPTE_HARDWARE Hard;
        MMPTE_SOFTWARE Soft;
        MMPTE_TRANSITION Trans;
        MMPTE_PROTOTYPE Proto;
        MMPTE_SUBSECTION Subsect;
    } u;
} MMPTE, *PMMPTE;
C_ASSERT_SIZE(MMPTE, 8);
#define MI_PTE_LOOKUP 0xFFFFFFFFu // ProtoAddress: the VAD knows the prototype PTE

#define PTES_PER_PAGE 512u
#define PDE_SHIFT 21
#define MI_LARGE_PAGE_SIZE 0x200000u
#define MiGetPteAddress(Va) ((PMMPTE)(PTE_BASE + (((ULONG_PTR)(Va) >> PAGE_SHIFT) << 3)))
#define MiGetPdeAddress(Va) ((PMMPTE)(PDE_BASE + (((ULONG_PTR)(Va) >> PDE_SHIFT) << 3)))
#define MiGetVaOfPte(Pte) ((PVOID)(((ULONG_PTR)(Pte)-PTE_BASE) << 9))
#define MiGetVaOfPde(Pde) ((PVOID)(((ULONG_PTR)(Pde)-PDE_BASE) << 18))
#define MI_PTE_FRAME(p) ((PFN_NUMBER)((p)->u.Long >> PAGE_SHIFT) & 0xFFFFFFu)
#define MI_IS_SAME_TABLE(Va, Other) (((ULONG_PTR)(Va) >> PDE_SHIFT) == ((ULONG_PTR)(Other) >> PDE_SHIFT))
#define MI_IS_USER_VA(Va) ((ULONG_PTR)(Va) < (ULONG_PTR)MM_SYSTEM_RANGE_START)

#define MiIsSharedDataPage(Va) (PAGE_ALIGN(Va) == (PVOID)USER_SHARED_DATA_USER)
#define MiIsCacheAddress(Va) ((ULONG_PTR)(Va) >= MM_SYSTEM_CACHE_START && (ULONG_PTR)(Va) <= MM_SYSTEM_CACHE_END)

// Protections as Mm keeps them (5 bits); 0x08 and 0x10 modify the low three.
#define MM_ZERO_ACCESS 0
#define MM_READONLY 1
#define MM_EXECUTE 2
#define MM_EXECUTE_READ 3
#define MM_READWRITE 4
#define MM_WRITECOPY 5
#define MM_EXECUTE_READWRITE 6
#define MM_EXECUTE_WRITECOPY 7
#define MM_NOCACHE 0x08
#define MM_GUARD_PAGE 0x10
#define MM_WRITECOMBINE 0x18
#define MM_DECOMMIT 0x10 // guard without access: committed once, not any more
#define MM_NOACCESS 0x18
#define MM_INVALID_PROTECTION 0xFFFFFFFFu
#define MI_IS_WRITABLE(p) ((p)&4)
#define MI_IS_COPY_ON_WRITE(p) (((p)&5) == 5)
#define MI_IS_EXECUTABLE(p) ((p)&2)
#define MI_IS_GUARD(p) (((p)&0x18) == MM_GUARD_PAGE && ((p)&7) != 0)
#define MI_IS_NO_ACCESS(p) (((p)&7) == 0)
extern ULONGLONG MmProtectToPteMask[32];
extern const ULONG MmProtectToValue[32];
extern ULONGLONG MmNoExecute;    // MI_NO_EXECUTE, or 0 on a processor without it
extern ULONGLONG MmGlobal;       // MI_GLOBAL, or 0
extern ULONGLONG MmWriteCombine; // the cache bits of write-combined memory; without the PAT they mean not cached

// -------------------------------------------------------------------------------- the frame database
typedef enum _MMLISTS {
    ZeroedPageList,
    FreePageList,
    StandbyPageList,
    ModifiedPageList,
    ModifiedNoWritePageList,
    BadPageList,
    ActiveAndValid,
    TransitionPage // I/O has it, no list does
} MMLISTS;

#define MM_EMPTY_LIST 0xFFFFFFFFu
#define MM_PFN_DATABASE ((ULONG_PTR)MmSplitPfnDatabase)

typedef struct _MMPFNENTRY {
    USHORT Modified : 1;
    USHORT ReadInProgress : 1;
    USHORT WriteInProgress : 1;
    USHORT PrototypePte : 1; // PteAddress is a prototype PTE
    USHORT StartOfAllocation : 1;
    USHORT EndOfAllocation : 1;
    USHORT Deleted : 1;      // nobody's any more; free it with the last reference
    USHORT PageLocation : 3; // MMLISTS
    USHORT Priority : 3;     // which standby list it goes to, 0 to 7
    USHORT UserPhysical : 1; // AWE (awe.c): links, owner and place are kept in fields of their own
    USHORT Marked : 1;       // in the request that is being looked through
    USHORT TableOut : 1;     // a page table whose directory entry is not valid; ShareCount: entries in transition
} MMPFNENTRY;

// One for each physical page. Who changes it holds the PFN lock.
//   free, zeroed, standby, modified   Flink, Blink link it; both counts 0
//   active                            ShareCount valid entries map it; ReferenceCount 1 + locks by I/O
//   transition                        ShareCount 0, ReferenceCount > 0: locked by I/O; u1.InPage while being read
// Counts that don't agree with the location: bugcheck PFN_LIST_CORRUPT, or the test mm.page_lists_sum.
typedef struct _MMPFN {
    union {
        PFN_NUMBER Flink;
        ULONG WsIndex;
        struct _MMINPAGE_SUPPORT *InPage;
    } u1;
    PMMPTE PteAddress; // of the private page, page table, or prototype PTE
    union {
        PFN_NUMBER Blink;
        ULONG ShareCount;
    } u2;
    union {
        struct {
            USHORT ReferenceCount;
            union {
                MMPFNENTRY e1;
                USHORT ShortFlags;
            };
        };
    } u3;
    MMPTE OriginalPte;   // what PteAddress gets back when the page goes; a page table: its count of used entries
    PFN_NUMBER PteFrame; // the frame that holds PteAddress
} MMPFN, *PMMPFN;
C_ASSERT_SIZE(MMPFN, 32); // so that an index is a shift

typedef struct _MMPFNLIST {
    PFN_NUMBER Total;
    MMLISTS ListName;
    PFN_NUMBER Flink, Blink;
} MMPFNLIST, *PMMPFNLIST;

#define MmPfnDatabase ((PMMPFN)MM_PFN_DATABASE)
#define MI_PFN_ELEMENT(n) (&MmPfnDatabase[n])
#define MI_PFN_NUMBER(p) ((PFN_NUMBER)((p)-MmPfnDatabase))

extern KSPIN_LOCK MmPfnLock;
// Frames below 4 GB, and above: those that only the processor's memory accesses can reach are for user memory.
typedef enum _MI_NODE { MiLowNode, MiHighNode, MI_NODES } MI_NODE;
#define MI_NODE_OF(Page) ((MI_NODE)((Page) >= 1u << (32 - PAGE_SHIFT)))
extern MMPFNLIST MmZeroedPageListHead[MI_NODES], MmFreePageListHead[MI_NODES];
// Standby pages by priority: what their last user's thread had. The lowest are given away first.
#define MI_PAGE_PRIORITIES 8u
extern MMPFNLIST MmStandbyPageListByPriority[MI_PAGE_PRIORITIES], MmBadPageListHead;
extern ULONG MiRepurposed[MI_PAGE_PRIORITIES];   // standby pages that were given away
extern MMPFNLIST MmModifiedPageListHead;         // belong to mapped files: the mapped page writer empties it
extern MMPFNLIST MmModifiedNoWritePageListHead;  // their file system alone writes them
extern MMPFNLIST MmModifiedPagefilePageListHead; // have no home but memory until there is a page file
extern ULONG MmAvailablePages;                   // zeroed + free + standby
extern KEVENT MmAvailablePagesEvent;             // set while there is enough for waiting faults
extern KEVENT MmZeroingPageEvent;
extern KEVENT MiModifiedPageWriterEvent, MiWorkingSetManagerEvent;
extern MM_STATISTICS MiStatistics; // its event counters; the rest is filled in when asked for

#define MI_FAULT_RESERVE 24 // pages that page faults leave for the kernel
#define MI_LOW_MEMORY 128   // available pages below which modified pages are written at once

FORCEINLINE KIRQL MiLockPfn(VOID)
{
    return KfAcquireSpinLock(&MmPfnLock);
}
FORCEINLINE VOID MiUnlockPfn(KIRQL OldIrql)
{
    KfReleaseSpinLock(&MmPfnLock, OldIrql);
}
#define ASSERT_PFN_LOCKED() ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL && MmPfnLock != 0)

// pfnlist.c: frames and lists. The PFN lock is held.
VOID MiInsertPageInList(PMMPFNLIST List, PFN_NUMBER Page);
VOID MiInsertPageInFreeList(PFN_NUMBER Page);
VOID MiInsertPageInStandbyList(PFN_NUMBER Page);
ULONG MiCountStandbyPages(VOID);
ULONG MiPurgeStandbyPages(ULONG Priority);
VOID MiUnlinkPageFromList(PMMPFN Pfn);
PFN_NUMBER MiRemoveAnyPage(MI_NODE Node);
PFN_NUMBER MiRemoveZeroPage(MI_NODE Node, PBOOLEAN Zeroed);
PFN_NUMBER MiRemovePageByNumber(PFN_NUMBER Page);
BOOLEAN MiIsPhysicalMemory(PFN_NUMBER Page);
// The page belongs to what the current thread does. The PFN lock is held, and the page is on no list.
FORCEINLINE VOID MiSetPagePriority(PMMPFN Pfn)
{
    Pfn->u3.e1.Priority = PsGetCurrentThread()->PagePriority & (MI_PAGE_PRIORITIES - 1);
}
// pfncount.c: counts. The PFN lock is held.
VOID MiInitializePfn(PFN_NUMBER Page, PMMPTE Pte, PFN_NUMBER PteFrame, ULONG Protection);
VOID MiDecrementShareCount(PMMPFN Pfn);
VOID MiDecrementReferenceCount(PMMPFN Pfn);
VOID MiRestoreTransitionPte(PMMPFN Pfn);
VOID MiFreeTransitionPage(PMMPFN Pfn);
VOID MiActivateTransitionPage(PMMPFN Pfn);
VOID MiMakePageDirty(PMMPFN Pfn);
// pagewait.c
BOOLEAN MiWaitForFreePage(ULONG Attempt);
// One thread's wait for a change that is made under the PFN lock. The waiter queues itself in the same hold of the lock
// in which it saw that it has to wait, so no wake-up can be lost; who makes the change wakes all, who then look again.
typedef struct _MI_WAIT {
    LIST_ENTRY Links;
    KEVENT Event;
} MI_WAIT, *PMI_WAIT;
extern LIST_ENTRY MiControlAreaWaiters; // a control area was finished or deleted
extern LIST_ENTRY MiPageWaiters;        // a page's write has ended, or its last reference has gone
VOID MiQueueWait(PLIST_ENTRY Waiters, PMI_WAIT Wait);
VOID MiWakeWaiters(PLIST_ENTRY Waiters);
PFN_NUMBER MiAllocateKernelPage(PMMPTE Pte);
VOID MiFreeKernelPage(PFN_NUMBER Page);
// hyper.c: short-lived mappings of any frame, one processor's own
PVOID MiMapPage(PFN_NUMBER Page, PKIRQL OldIrql);
VOID MiUnmapPage(PVOID Va, KIRQL OldIrql);
VOID MiWriteForeignPte(PFN_NUMBER Table, PMMPTE Pte, ULONGLONG Value);
VOID MiZeroPage(PFN_NUMBER Page);
VOID MiCopyPage(PFN_NUMBER Target, PFN_NUMBER Source);
// blockcopy.c
VOID MiZeroWithSse(PVOID Page);
VOID MiCopyMappedPage(PVOID To, const VOID *From);

// -------------------------------------------------------------------------------- entries: how to change one
// The processor may read an entry at any time, so the half with the valid bit goes last when it comes and first when it
// goes.
FORCEINLINE VOID MiWriteValidPte(PMMPTE Pte, ULONGLONG Value)
{
    ((volatile MMPTE *)Pte)->u.High = (ULONG)(Value >> 32);
    __asm__ volatile("" : : : "memory");
    ((volatile MMPTE *)Pte)->u.Low = (ULONG)Value;
    __asm__ volatile("" : : : "memory"); // before an access through the new mapping
}
FORCEINLINE VOID MiWriteInvalidPte(PMMPTE Pte, ULONGLONG Value)
{
    ((volatile MMPTE *)Pte)->u.Low = (ULONG)Value;
    __asm__ volatile("" : : : "memory");
    ((volatile MMPTE *)Pte)->u.High = (ULONG)(Value >> 32);
}
// Replaces a valid entry in one step and returns it with the accessed and dirty bits it ended with.
FORCEINLINE MMPTE MiExchangePte(PMMPTE Pte, ULONGLONG Value)
{
    MMPTE Old, Seen;

    Old = *Pte;
    for (;;) {
        Seen.u.Long =
            (ULONGLONG)InterlockedCompareExchange64((volatile LONGLONG *)Pte, (LONGLONG)Value, (LONGLONG)Old.u.Long);
        if (Seen.u.Long == Old.u.Long)
            return Old;
        Old = Seen;
    }
}
// Takes a valid entry out. The processor writes to the low half alone.
FORCEINLINE MMPTE MiTakePte(PMMPTE Pte)
{
    MMPTE Old;

    Old.u.Low = (ULONG)InterlockedExchange((volatile LONG *)&Pte->u.Low, 0);
    Old.u.High = Pte->u.High;
    ((volatile MMPTE *)Pte)->u.High = 0;
    return Old;
}
// The whole of an entry that is not valid. With the PFN lock not held, a transition entry may turn into a Soft one
// while one looks: never half of each.
FORCEINLINE MMPTE MiReadPte(PMMPTE Pte)
{
    MMPTE Seen;

    Seen.u.Long = (ULONGLONG)InterlockedCompareExchange64((volatile LONGLONG *)Pte, 0, 0);
    return Seen;
}
#define MI_DEMAND_ZERO(Protection) ((ULONGLONG)(Protection) << 5)
#define MI_TRANSITION_PTE(Page, Protection)                                                                            \
    (((ULONGLONG)(Page) << PAGE_SHIFT) | MI_TRANSITION | ((ULONGLONG)(Protection) << 5))
#define MI_PROTO_PTE(Address, Protection)                                                                              \
    (((ULONGLONG)(ULONG_PTR)(Address) << 32) | MI_PROTOTYPE | ((ULONGLONG)(Protection) << 11))
#define MI_SUBSECTION_PTE(Subsection, Protection)                                                                      \
    (((ULONGLONG)(ULONG_PTR)(Subsection) << 32) | MI_PROTOTYPE | ((ULONGLONG)(Protection) << 5))
#define MI_KERNEL_PTE(Page)                                                                                            \
    (((ULONGLONG)(Page) << PAGE_SHIFT) | MI_VALID | MI_WRITE | MI_ACCESSED | MI_DIRTY | MmGlobal | MmNoExecute)
#define MI_TABLE_PTE(Page) (((ULONGLONG)(Page) << PAGE_SHIFT) | MI_VALID | MI_WRITE | MI_ACCESSED | MI_DIRTY)
#define MI_USER_TABLE_PTE(Page) (MI_TABLE_PTE(Page) | MI_USER)

// Collects pages whose translations have to go, and drops them together: one interrupt of other processors for many.
#define MI_TB_FLUSH_MAXIMUM 32
#define MI_PTE_BATCH MI_TB_FLUSH_MAXIMUM // entries that are changed in one hold of the PFN lock
typedef struct _MI_TB_FLUSH {
    ULONG Count;
    PVOID Va[MI_TB_FLUSH_MAXIMUM];
} MI_TB_FLUSH, *PMI_TB_FLUSH;
FORCEINLINE VOID MiAddTbFlush(PMI_TB_FLUSH Flush, PVOID Va)
{
    if (Flush->Count < MI_TB_FLUSH_MAXIMUM)
        Flush->Va[Flush->Count] = Va;
    Flush->Count++;
}
VOID MiFlushTb(PMI_TB_FLUSH Flush, BOOLEAN AllProcessors); // protect.c

#include "misect.h"
#include "mipage.h"

#include "miws.h"

// -------------------------------------------------------------------------------- faults
#define MI_FAULT_PRESENT 0x01
#define MI_FAULT_WRITE 0x02
#define MI_FAULT_USER 0x04
#define MI_FAULT_EXECUTE 0x10
// Statuses between the parts of the fault handler: not for anybody else.
#define MI_STATUS_READ STATUS_PENDING // Fault.InPage has to be waited for; then try again
#define MI_STATUS_NO_PAGE STATUS_NO_MEMORY
typedef struct _MI_FAULT {
    PVOID Va;
    PMMPTE Pte;
    PEPROCESS Process; // NULL: system space
    BOOLEAN Write, Execute;
    BOOLEAN Issue;  // InPage is this thread's to read; else another's
    BOOLEAN Single; // a read with neighbours has failed: now this page alone
    PMMINPAGE_SUPPORT InPage;
    PMMPTE LastProto; // end of the array that the prototype PTE is in, as far as known: neighbours may be read too
} MI_FAULT, *PMI_FAULT;
// How a fault was resolved, for the event ring.
typedef enum _MI_RESOLUTION {
    MiDemandZero = 1,
    MiCopiedOnWrite,
    MiPrivateTransition, // still in memory
    MiSharedValid,       // somebody else had it mapped
    MiSharedTransition,
    MiSharedZero,
    MiReadFromDisk, // read, or waited for another thread's read; a transition follows
    MiStaleTranslation,
    MiPageTable // the page table was out; another resolution follows
} MI_RESOLUTION;
#define MiTraceResolution(Fault, Kind, Page) KdTrace(Resolve, (Fault)->Va, Kind, Page, (Fault)->Write)
#include "miclone.h"

NTSTATUS MiResolveDemandZero(PMI_FAULT Fault, ULONG Protection);
NTSTATUS MiResolvePrototype(PMI_FAULT Fault, ULONG Protection, PMMPTE Proto);
NTSTATUS MiCopyOnWrite(PMI_FAULT Fault);
NTSTATUS MiSystemFault(ULONG FaultStatus, PVOID Va, KPROCESSOR_MODE Mode, PVOID TrapFrame);
NTSTATUS MiUserFault(ULONG FaultStatus, PVOID Va, KPROCESSOR_MODE Mode);
NTSTATUS MiFinishFault(PMI_FAULT Fault, NTSTATUS Status, PULONG Attempt);
NTSTATUS MiGuardFault(PVOID Va);
NTSTATUS MiRaisedFault(ULONG FaultStatus, PVOID Va);
// tableout.c: page tables that are out of memory
NTSTATUS MiResolvePageTable(PMI_FAULT Fault);
NTSTATUS MiBringPageTable(PEPROCESS Process, PVOID Va);
VOID MiDemandPageTable(PVOID Va);
VOID MiDemandTableToDelete(PEPROCESS Process, PVOID Va);
ULONG MiTrimPageTables(PEPROCESS Process, BOOLEAN All);
VOID MiTransitionLeftTable(PFN_NUMBER Table);
ULONG MiCountTransitions(PMMPTE Pte);
VOID MiTakeBackPage(PMMPFN Pfn);
VOID MiInSwapPages(PMMPTE First, PMMPTE Last, PVOID Owner); // stackswap.c
// The low half of a directory entry is 0 exactly if there is no table: a Soft one has its protection there.
FORCEINLINE BOOLEAN MiIsTableOut(PMMPTE Pde)
{
    ULONG Low = ((volatile MMPTE *)Pde)->u.Low;

    return !(Low & MI_VALID) && Low != 0;
}
// Before a look at an entry of the process attached to: brings its page table in if it is out. Both locks of the
// process are held; the working set lock is dropped then, so what was seen of other entries may have changed.
FORCEINLINE VOID MiNeedPageTable(PVOID Va)
{
    if (__builtin_expect(MiIsTableOut(MiGetPdeAddress(Va)), 0))
        MiDemandPageTable(Va);
}
// pagein.c
NTSTATUS MiStartPageRead(PMI_FAULT Fault, PMMPTE Proto);
NTSTATUS MiStartPageFileRead(PMI_FAULT Fault, PMMPTE Pte, PMMPTE Last);
NTSTATUS MiResolvePageFile(PMI_FAULT Fault);
VOID MiPreparePage(PMMINPAGE_SUPPORT InPage, ULONG Index, PMMPTE Proto);
NTSTATUS MiWaitForPageRead(PMI_FAULT Fault);
PMMINPAGE_SUPPORT MiAllocateInPage(VOID);
VOID MiShareInPage(PMI_FAULT Fault, PMMPFN Pfn);
VOID MiDereferenceInPage(PMMINPAGE_SUPPORT InPage);
NTSTATUS MiReadFileDirect(PFILE_OBJECT File, ULONGLONG Offset, PVOID Buffer, ULONG Length, PULONG Done);

FORCEINLINE VOID MiLockWorkingSet(PEPROCESS Process)
{
    KeAcquireGuardedMutex(&Process->WorkingSetLock);
}
FORCEINLINE VOID MiUnlockWorkingSet(PEPROCESS Process)
{
    KeReleaseGuardedMutex(&Process->WorkingSetLock);
}

// -------------------------------------------------------------------------------- system space
extern KGUARDED_MUTEX MmSystemWorkingSetLock; // entries of system cache and system views
NTSTATUS MiMakeSystemPageTables(PVOID Start, SIZE_T Bytes);
VOID MiInitializeSystemPageTables(VOID);
NTSTATUS MiReserveUpperAddresses(PEPROCESS Process, ULONG Characteristics); // process.c
VOID MiAddAddressSpace(PEPROCESS Process, PFN_NUMBER Directory);
VOID MiRemoveAddressSpace(PEPROCESS Process);
extern PFN_NUMBER MiMasterDirectoryPage, MiSharedDirectoryPage;
// range.c: bitmap-managed ranges of system pages
typedef struct _MI_RANGE {
    KSPIN_LOCK Lock;
    ULONG_PTR Base;
    RTL_BITMAP BitMap;
    ULONG Hint;
    ULONG FreePages;
} MI_RANGE, *PMI_RANGE;
#include "misession.h"

VOID MiInitializeRange(PMI_RANGE Range, ULONG_PTR Base, ULONG Pages, PULONG Bits);
PVOID MiReserveInRange(PMI_RANGE Range, ULONG Pages);
BOOLEAN MiReserveAtInRange(PMI_RANGE Range, PVOID Va, ULONG Pages);
PVOID MiReserveLastInRange(PMI_RANGE Range, ULONG Pages);
VOID MiReleaseInRange(PMI_RANGE Range, PVOID Va, ULONG Pages);
// iospace.c
ULONGLONG MiCacheBits(MEMORY_CACHING_TYPE Cache);
// syspte.c
extern MI_RANGE MiSystemPteRange;
VOID MiInitializeSystemPtes(ULONG Pages, PULONG Bits);
PMMPTE MiReserveSystemPtes(ULONG Count);           // first of Count entries that are 0; NULL
VOID MiReleaseSystemPtes(PMMPTE Pte, ULONG Count); // clears them
ULONG MiFreeSystemPtes(VOID);
VOID MiDrainSystemPtes(VOID); // all that are free become one range again
// poolpage.c
extern MI_RANGE MiNonPagedPoolRange, MiPagedPoolRange;
VOID MiInitializeNonPagedPool(ULONG_PTR Base, ULONG Pages, PULONG Bits);
VOID MiInitializePagedPool(VOID);
NTSTATUS MiPopulate(PVOID Va, ULONG Pages);
VOID MiDepopulate(PVOID Va, ULONG Pages);
typedef struct _MI_POOL_PAGES {
    volatile ULONG Used;
    ULONG Peak, Limit;
} MI_POOL_PAGES, *PMI_POOL_PAGES;
extern MI_POOL_PAGES MiPoolPages[MM_POOLS];
VOID MiReturnPool(PMI_POOL_PAGES Pool, ULONG Pages);
// pagedcode.c
BOOLEAN MiIsPagedCode(PVOID Va);
ULONG MiPagedCodePages(VOID);
VOID MiMakeCodePageable(VOID);
// pagedpool.c
BOOLEAN MiIsPoolAddress(PVOID Va);
NTSTATUS MiCommitPool(PVOID Va, ULONG Pages);
VOID MiDecommitPool(PVOID Va, ULONG Pages);
ULONG MiTrimPool(VOID);
BOOLEAN MiInitializePageablePool(VOID);
NTSTATUS MiResolvePoolFault(PMI_FAULT Fault);
// special.c
VOID MiCheckSpecialPoolFault(ULONG FaultStatus, PVOID Va, PKTRAP_FRAME TrapFrame);
// sysview.c
typedef struct _MI_CACHE_VIEW {
    PCONTROL_AREA ControlArea;
    ULONGLONG Offset;
    struct _MI_CACHE_VIEW *Next;
} MI_CACHE_VIEW, *PMI_CACHE_VIEW;
typedef struct _MI_SYSTEM_VIEW {
    LIST_ENTRY Links;
    PVOID Va;
    ULONG Pages;
    PCONTROL_AREA ControlArea;
} MI_SYSTEM_VIEW, *PMI_SYSTEM_VIEW;
VOID MiFillSystemView(PVOID Va, ULONG Pages, PCONTROL_AREA ControlArea);
VOID MiInitializeSystemCache(VOID);
VOID MiInitializeSystemViews(VOID);
VOID MiCaptureCacheDirtyBits(PCONTROL_AREA ControlArea, ULONGLONG Start, ULONGLONG End);
VOID MiCaptureSystemViewDirtyBits(PCONTROL_AREA ControlArea);
VOID MiUnmapSystemRange(PVOID Va, ULONG Pages);
VOID MiTrimSystemCache(VOID);
// trim.c
extern BOOLEAN MiTrimPrivatePages;
VOID MiTrimProcess(PEPROCESS Process);
VOID MiEliminateWorkingSetEntry(PEPROCESS Process, PMMVAD Vad, PMMPTE Pte, PVOID Va, PMI_TB_FLUSH Flush);
PMMPTE MiSystemViewPrototype(PVOID Va, PMMPTE Pte);
// flushsec.c
NTSTATUS MiFlushControlArea(PCONTROL_AREA ControlArea, ULONGLONG Start, ULONGLONG End, PIO_STATUS_BLOCK IoStatus);
NTSTATUS MiWriteCluster(PSUBSECTION Subsection, PMMPTE Proto, ULONG Limit, PULONG Pages);
VOID MiCaptureDirtyVpns(ULONG_PTR StartVpn, ULONG_PTR EndVpn); // flushvm.c
// bootmem.c: frames before the database exists
VOID MiInitializeBootMemory(PLOADER_PARAMETER_BLOCK LoaderBlock);
PFN_NUMBER MiTakeBootPage(VOID);
PFN_NUMBER MiTakeBootLargePage(VOID);
VOID MiBootMapPage(ULONG_PTR Va);
BOOLEAN MiBootMapLargePage(ULONG_PTR Va);
VOID MiForEachBootPage(VOID (*Routine)(PFN_NUMBER Page));
ULONGLONG MiCacheBits(MEMORY_CACHING_TYPE Cache); // iospace.c
// physical.c
typedef struct _MI_RAM_RUN {
    PFN_NUMBER First, Last;
    BOOLEAN Bad; // on the bad list for ever
} MI_RAM_RUN;
extern MI_RAM_RUN MiRamRuns[LOADER_MAX_MEMORY_RUNS];
extern ULONG MiRamRunCount;
extern ULONG MiInitPagesFreed; // initsect.c
// pfninit.c
VOID MiFindPhysicalMemory(PLOADER_PARAMETER_BLOCK LoaderBlock);
VOID MiMapPfnDatabase(VOID);
VOID MiFillPfnDatabase(VOID);
// threads
VOID NTAPI MmZeroPageThread(PVOID Context);
VOID NTAPI MiMappedPageWriter(PVOID Context);
VOID NTAPI MiWorkingSetManager(PVOID Context);
BOOLEAN MiCreateSectionType(VOID);

#endif
