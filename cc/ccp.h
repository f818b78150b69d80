// SPDX-License-Identifier: MIT
// Cc's private half.
//
//   FILE_OBJECT --> SECTION_OBJECT_POINTERS --> SHARED_CACHE_MAP --> Slots[n] --> VACB --> 256 KB of the file in the
//        |                  (one a file)           |       |                                system cache, mapped by Mm
//        `--> PRIVATE_CACHE_MAP (one a file object)|       `--> BCB --> BCB ...  pinned or dirty ranges, by offset
//                                                  `--> the file's data section
//
// Cc owns views, Mm owns pages. A page that was written to through Cc has a bit in its view's VACB, or in the slot
// while no view is mapped there: never in both. The bits say how much there is to write, and where; whether a page is
// modified is Mm's business (a program's view may have written to it too).

#ifndef MICA_CC_CCP_H
#define MICA_CC_CCP_H

#include "ntos.h"

#define TAG_CC_SHARED 0x63536343  // 'CcSc'
#define TAG_CC_PRIVATE 0x63506343 // 'CcPc'
#define TAG_CC_VACB 0x61566343    // 'CcVa'
#define TAG_CC_BCB 0x63426343     // 'CcBc'
#define TAG_CC_WORK 0x6B576343    // 'CcWk'

#define VACB_MAPPING_GRANULARITY MM_CACHE_VIEW_SIZE
#define VACB_OFFSET_SHIFT 18
#define VACB_PAGES (VACB_MAPPING_GRANULARITY / PAGE_SIZE)
#define CC_DIRTY_WORDS (VACB_PAGES / 32)
#define CC_INITIAL_SLOTS 4 // in the map itself: files up to 1 MB
#define CC_END_OF_FILE (MAXULONG * (ULONGLONG)PAGE_SIZE)

struct _SHARED_CACHE_MAP;

// A view. Mapped: BaseAddress is set, and it is on CcpVacbLru; else on CcpVacbFree. Fields under CcpVacbLock.
typedef struct _VACB {
    PVOID BaseAddress;
    struct _SHARED_CACHE_MAP *SharedCacheMap;
    ULONGLONG FileOffset;
    volatile LONG ActiveCount;           // users now; it stays mapped meanwhile. Dropped without the lock
    volatile LONG Dirty[CC_DIRTY_WORDS]; // set by its users, with locked instructions
    BOOLEAN Referenced;                  // used since the clock hand passed
    LIST_ENTRY LruList;
} VACB, *PVACB;

typedef struct _CC_SLOT { // 256 KB of a file
    PVACB Vacb;
    LONG Dirty[CC_DIRTY_WORDS]; // while Vacb is NULL
} CC_SLOT, *PCC_SLOT;

typedef struct _SHARED_CACHE_MAP {
    SHORT NodeTypeCode;
    SHORT NodeByteSize;
    ULONG OpenCount; // file objects that initialized, pinned BCBs, Cc's own passing users; under CcpMasterLock
    ULONG Flags;     // SHARED_CACHE_MAP_*, under CcpMasterLock
    LARGE_INTEGER FileSize;
    LARGE_INTEGER ValidDataLength; // the file system's, as told last
    LARGE_INTEGER ValidDataGoal;   // how far it was written since; MAXLONGLONG: it keeps none
    LARGE_INTEGER SectionSize;
    CC_SLOT InitialSlots[CC_INITIAL_SLOTS];
    PCC_SLOT Slots; // by offset; under CcpVacbLock
    ULONG SlotCount;
    PFILE_OBJECT FileObject; // referenced
    PVOID Section;           // referenced
    PSECTION_OBJECT_POINTERS Pointers;
    LIST_ENTRY Links;         // CcpSharedCacheMaps
    LIST_ENTRY PrivateList;   // PRIVATE_CACHE_MAPs, under CcpMasterLock
    volatile LONG DirtyPages; // bits set
    ULONG DirtySince;         // tick count when the first was; a hint
    ULONG DirtyPageThreshold; // 0: none of its own
    KGUARDED_MUTEX BcbMutex;  // BcbList and what is in the BCBs
    LIST_ENTRY BcbList;       // by offset, no two overlap
    PVOID LogHandle;
    PFLUSH_TO_LSN FlushToLsn;
    PCACHE_UNINITIALIZE_EVENT UninitializeEvents; // set when the map goes
    PCACHE_MANAGER_CALLBACKS Callbacks;
    PVOID LazyWriteContext;
} SHARED_CACHE_MAP, *PSHARED_CACHE_MAP;
#define SHARED_CACHE_MAP_LAZY_CLOSE 0x01 // nobody has it open: the lazy writer flushes and deletes it
#define SHARED_CACHE_MAP_NO_WRITE 0x02   // DisableWriteBehind: only its file system writes it
#define SHARED_CACHE_MAP_NO_READ 0x04    // DisableReadAhead
#define SHARED_CACHE_MAP_PIN_ACCESS 0x08
#define CC_NTC_SHARED_CACHE_MAP 0x02FF

// What a file object read lately, and what was read ahead for it.
typedef struct _PRIVATE_CACHE_MAP {
    SHORT NodeTypeCode;
    SHORT NodeByteSize;
    PFILE_OBJECT FileObject;
    LIST_ENTRY PrivateLinks;
    ULONG ReadAheadMask;                        // granularity - 1
    volatile LONG ReadAheadActive;              // a work item is queued or at work
    ULONGLONG FileOffset1, BeyondLastByte1;     // the read before the last one
    ULONGLONG FileOffset2, BeyondLastByte2;     // the last read
    ULONGLONG ReadAheadOffset, ReadAheadBeyond; // asked for last
} PRIVATE_CACHE_MAP, *PPRIVATE_CACHE_MAP;
#define CC_NTC_PRIVATE_CACHE_MAP 0x02FE

// A range of whole pages in one view that is pinned, or was and is dirty. Fields under the map's BcbMutex.
typedef struct _BCB {
    PUBLIC_BCB Public;
    BOOLEAN Dirty;
    BOOLEAN Flushing;                 // a flush has begun, and it was not made dirty again since
    ULONG PinCount;                   // 0: on the list only because it is dirty
    PSHARED_CACHE_MAP SharedCacheMap; // counted in its OpenCount while it is pinned
    PVACB Vacb;                       // active while it is pinned
    LIST_ENTRY BcbLinks;
    LARGE_INTEGER OldestLsn, NewestLsn;
    ERESOURCE Resource; // shared by who pins, exclusive by who said PIN_EXCLUSIVE
} BCB, *PBCB;
#define CC_NTC_BCB 0x02FD

// A pinned range that several BCBs make up, or a mapped one that crosses views. Crossing views it has a mapping of its
// own, so that the buffer is one piece.
typedef struct _OBCB {
    SHORT NodeTypeCode;
    SHORT NodeByteSize;
    PSHARED_CACHE_MAP SharedCacheMap;
    PVOID BaseAddress; // of the mapping; NULL: in one view
    ULONG Views;
    ULONG Count; // of Bcbs; 0: only mapped
    PBCB Bcbs[0];
} OBCB, *POBCB;
#define CC_NTC_OBCB 0x02FA
#define CC_MAXIMUM_CROSSING 8u // views

extern KGUARDED_MUTEX CcpMasterLock; // list of maps, OpenCounts, who creates and deletes; never held over I/O
extern LIST_ENTRY CcpSharedCacheMaps;

// view.c
extern KSPIN_LOCK CcpVacbLock;
BOOLEAN CcpInitializeViews(VOID);
NTCHECK CcpGetView(PSHARED_CACHE_MAP Map, ULONGLONG Offset, PVACB *Vacb);
BOOLEAN CcpUnmapViews(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End);
NTCHECK CcpGrowSlots(PSHARED_CACHE_MAP Map, ULONGLONG Size);
FORCEINLINE VOID CcpReleaseView(PVACB Vacb)
{
    InterlockedDecrement(&Vacb->ActiveCount);
}
FORCEINLINE PUCHAR CcpViewAddress(PVACB Vacb, ULONGLONG Offset)
{
    return (PUCHAR)Vacb->BaseAddress + ((ULONG)Offset & (VACB_MAPPING_GRANULARITY - 1));
}
FORCEINLINE ULONG CcpLeftInView(ULONGLONG Offset)
{
    return VACB_MAPPING_GRANULARITY - ((ULONG)Offset & (VACB_MAPPING_GRANULARITY - 1));
}
// dirty.c
VOID CcpSetDirtyBits(PVACB Vacb, ULONG Word, LONG Bits);
ULONG CcpTakeDirty(PSHARED_CACHE_MAP Map, ULONG Index, ULONGLONG Start, ULONGLONG End, ULONG Limit, PLONG Taken);
VOID CcpGiveDirtyBack(PSHARED_CACHE_MAP Map, ULONG Index, const LONG *Taken);
VOID CcpForgetDirty(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End);
VOID CcpCountDirty(PSHARED_CACHE_MAP Map, LONG Pages);
// The bits of [First, Last] of 0..63 that are in one word.
FORCEINLINE LONG CcpDirtyBits(ULONG Word, ULONG First, ULONG Last)
{
    ULONG Low = First > Word * 32 ? First - Word * 32 : 0, High = min_of(Last - Word * 32, 31u);

    return (LONG)((2u << High) - (1u << Low));
}
// Bytes of a view in use were written to. To be called behind the writing: a flush takes the bits and then looks for
// what is modified, so either it sees the bytes or the bits are set after it. The fence keeps the store before the load
// (Intel SDM 3A 8.2.3.4).
FORCEINLINE VOID CcpMarkDirty(PVACB Vacb, ULONGLONG Offset, ULONG Length)
{
    ULONG First = ((ULONG)Offset & (VACB_MAPPING_GRANULARITY - 1)) >> PAGE_SHIFT;
    ULONG Last = (((ULONG)Offset & (VACB_MAPPING_GRANULARITY - 1)) + Length - 1) >> PAGE_SHIFT;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (ULONG Word = First / 32; Word <= Last / 32; Word++) {
        LONG Bits = CcpDirtyBits(Word, First, Last);

        if ((Vacb->Dirty[Word] & Bits) != Bits)
            CcpSetDirtyBits(Vacb, Word, Bits);
    }
}
// map.c
PSHARED_CACHE_MAP CcpReferenceMap(PSECTION_OBJECT_POINTERS Pointers);
VOID CcpAddReference(PSHARED_CACHE_MAP Map);
VOID CcpDereferenceMap(PSHARED_CACHE_MAP Map);
VOID CcpDetachAll(PSHARED_CACHE_MAP Map);
// copy.c
NTCHECK CcpZeroRange(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End);
LONG NTAPI CcpFilter(PEXCEPTION_POINTERS Pointers, PVOID Context);
NTCHECK CcpTouch(PUCHAR Va, ULONG Length);
BOOLEAN CcpIsResident(PSHARED_CACHE_MAP Map, ULONGLONG Offset, ULONG Length);
// flush.c
NTCHECK CcpFlushMap(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End, ULONG Limit, PULONG Pages);
// bcb.c
NTCHECK CcpPinBcbs(PSHARED_CACHE_MAP Map, ULONGLONG Offset, ULONG Length, ULONG Flags, PVOID *Result);
VOID CcpUnpinBcb(PBCB Bcb, ERESOURCE_THREAD Thread);
VOID CcpDropPin(PBCB Bcb);
VOID CcpBeginBcbFlush(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End);
VOID CcpCleanBcbs(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End, BOOLEAN FlushedOnly);
// readahead.c
VOID CcpNoteRead(PPRIVATE_CACHE_MAP Private, PFILE_OBJECT File, ULONGLONG Offset, ULONG Length);
// throttle.c
VOID CcpInitializeThrottle(VOID);
VOID CcpPostDeferredWrites(BOOLEAN All);
BOOLEAN CcpIsWriteDeferred(VOID);
BOOLEAN CcpIsOverThreshold(PSHARED_CACHE_MAP Map, ULONG Pages);
// lazy.c
VOID CcpStartLazyWriter(VOID);
VOID CcpHurryLazyWriter(VOID);
VOID CcpInitializeLazyWriter(VOID);

#endif
