// SPDX-License-Identifier: MIT
// Working-set lists: which pages a process has valid, in a list that can be walked page by page without walking page
// tables. Part of mi.h, which includes it in its place.
//
//   MM_WORKING_SET_LIST (hyperspace; the system cache's: MM_SYSTEM_WORKING_SET_LIST)
//   +-------+------------+------+----------+-------------------+--------------------------+- - - - -
//   | MMWSL | small hash | none | locked   | pages that may go | free (linked)            | not yet mapped
//   +-------+------------+------+----------+-------------------+--------------------------+- - - - -
//                          0     1          FirstDynamic ...               LastEntry
//
// Where a page's entry is, is written in its frame (u1.WsIndex): always for a private page, and for a shared page if
// this address space was the first to map it (Direct). Otherwise the hash table knows (Hashed), or, had that no room,
// a search of the whole list. An entry found is verified by its page number, so an old index in a frame is harmless.
// The working set lock protects everything here; the frame's index too, but for who sets a shared one first.

#ifndef MICA_MM_MIWS_H
#define MICA_MM_MIWS_H

typedef struct _MMWSLENTRY {
    ULONG Valid : 1;
    ULONG LockedInWs : 1;     // VirtualLock: stays in the working set
    ULONG LockedInMemory : 1; // and in memory whatever happens to the process
    ULONG Protection : 5;     // not used: the entry and the descriptor tell
    ULONG Hashed : 1;
    ULONG Direct : 1; // the frame's WsIndex is this entry
    ULONG Age : 2;    // looks at the page that found it unused, at most MI_MAXIMUM_AGE
    ULONG VirtualPageNumber : 20;
} MMWSLENTRY;
typedef struct _MMWSLE {
    union {
        ULONG Long; // free: the next free one's index, MI_WSLE_FREE_SHIFT to the left
        MMWSLENTRY e1;
    } u1;
} MMWSLE, *PMMWSLE;
C_ASSERT_SIZE(MMWSLE, 4);
#define MI_WSLE_VALID 0x001u
#define MI_WSLE_DIRECT 0x200u
#define MI_WSLE_FREE_SHIFT 4
#define MI_WSLE_NONE 0u // index of no entry: entry 0 is never used
#define MI_MAXIMUM_AGE 3u

typedef struct _MMWSLE_HASH {
    ULONG Key;   // page number << PAGE_SHIFT | 1; 0: empty
    ULONG Index; // of the entry
} MMWSLE_HASH, *PMMWSLE_HASH;
#define MI_SMALL_HASH 64u

typedef struct _MMWSL {
    ULONG FirstFree;
    ULONG FirstDynamic; // entries from 1 to it, exclusive, are locked
    ULONG LastEntry;    // none behind it was ever used
    ULONG NextSlot;     // where the search for a page to replace goes on
    PMMWSLE Wsle;
    ULONG LastInitializedWsle; // there is memory for entries up to this one
    ULONG NonDirectCount;      // entries in the hash table
    PMMWSLE_HASH HashTable;
    ULONG HashTableSize;     // entries, a power of two
    ULONG HashBase, HashEnd; // addresses that a large table may use
    ULONG WsleEnd;           // addresses that entries may use
    MMWSLE_HASH SmallHash[MI_SMALL_HASH];
    MMWSLE Entries[1];
} MMWSL, *PMMWSL;
#define MmWorkingSetList ((PMMWSL)MM_WORKING_SET_LIST)

extern MMSUPPORT MmSystemCacheWs; // the system cache's working set, and the system views'

// wsl.c: entries. The working set lock is held.
BOOLEAN MiGrowWorkingSetList(PMMSUPPORT Vm);
VOID MiAddToWorkingSet(PMMSUPPORT Vm, PVOID Va, PMMPFN Pfn);
VOID MiRemoveFromWorkingSet(PMMSUPPORT Vm, PVOID Va, PMMPFN Pfn);
VOID MiReplaceInWorkingSet(PMMSUPPORT Vm, PVOID Va, PMMPFN Old, PMMPFN New);
#define MI_FLUID_LOCKED 8u // pages of a set that no lock may take
ULONG MiLocateWsle(PMMWSL List, PVOID Va, PMMPFN Pfn);
VOID MiMoveWsle(PMMWSL List, ULONG From, ULONG To);
VOID MiSwapWsle(PMMWSL List, ULONG First, ULONG Second);
// systemws.c
VOID MiAddToSystemWorkingSet(PVOID Va, PMMPFN Pfn);
VOID MiRemoveFromSystemWorkingSet(PVOID Va, PMMPFN Pfn);
VOID MiCountSystemFault(PVOID Va);
VOID MiCountSystemRead(ULONG Pages);
ULONG MiSystemPartSize(MM_SYSTEM_PART Part);
VOID MiNoteSystemCacheSize(VOID);
// wshash.c
VOID MiInsertWsleHash(PMMSUPPORT Vm, ULONG Index);
VOID MiRemoveWsleHash(PMMWSL List, ULONG Vpn);
ULONG MiLookupWsleHash(PMMWSL List, ULONG Vpn);
VOID MiUpdateWsleHash(PMMWSL List, ULONG Vpn, ULONG Index);
// wsinit.c
BOOLEAN MiCreateWorkingSetList(PEPROCESS Process);
VOID MiDeleteWorkingSetList(PEPROCESS Process);
VOID MiInitializeSystemWorkingSet(VOID);
BOOLEAN MiEmptyWorkingSetList(PEPROCESS Process);
VOID MiFindWorkingSetList(PEPROCESS Process, PPFN_NUMBER Table, PPFN_NUMBER Page);
VOID MiPlaceWorkingSetList(PEPROCESS Process, PFN_NUMBER Table, PFN_NUMBER Page);
BOOLEAN MiMapWorkingSetPage(PMMSUPPORT Vm, PVOID Va);
VOID MiUnmapWorkingSetPages(PMMSUPPORT Vm, ULONG_PTR Start, ULONG_PTR End);

// trim.c
#define MI_OLD_AGE 2u // pages of this age and above make the claim
typedef struct _MI_TRIM {
    ULONG Age;       // pages of this age and above go
    ULONG Quota;     // so many at most
    ULONG Floor;     // the set does not become smaller than this
    BOOLEAN Private; // private pages too if there is no page file for them
    BOOLEAN Ageing;  // none goes: look at one page in Quota
} MI_TRIM;
VOID MiEvictPages(PEPROCESS Process, PVOID *Vas, ULONG Count);
ULONG MiTrimWorkingSet(PMMSUPPORT Vm, PEPROCESS Process, const MI_TRIM *Trim);
VOID MiAgeWorkingSet(PMMSUPPORT Vm, ULONG Share);
ULONG MiTrimSet(PEPROCESS Process, const MI_TRIM *Trim, BOOLEAN Wait);
// wsquery.c
NTSTATUS MiQueryWorkingSet(HANDLE Handle, PVOID User, SIZE_T Length, PSIZE_T ReturnLength);
NTSTATUS MiQueryWorkingSetEx(HANDLE Handle, PVOID User, SIZE_T Length, PSIZE_T ReturnLength);
NTSTATUS MiReturnInformation(PVOID User, PVOID Information, SIZE_T Length, PSIZE_T ReturnLength); // queryvm.c
// wsmanager.c
#define MI_PLENTY_SHARE 8 // more than 1/8 of memory available: nobody needs to be looked at
VOID MiAgeAllWorkingSets(ULONG Share);

// Is there an entry for one more page, and may the set have it? Before a fault takes a frame. FALSE: no memory now.
BOOLEAN MiMakeRoomInWorkingSet(PMMSUPPORT Vm); // wslimit.c
FORCEINLINE BOOLEAN MiReserveWsle(PMMSUPPORT Vm)
{
    if (__builtin_expect(Vm->WorkingSetSize < Vm->GrowthLimit, 1) &&
        __builtin_expect(Vm->VmWorkingSetList->FirstFree != MI_WSLE_NONE, 1))
        return TRUE;
    return MiMakeRoomInWorkingSet(Vm);
}

#endif
