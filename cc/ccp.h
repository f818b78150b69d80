// SPDX-License-Identifier: MIT
// Cc's private half.
//
//   FILE_OBJECT --> SECTION_OBJECT_POINTERS --> SHARED_CACHE_MAP --> Vacbs[n] --> VACB --> 256 KB of the file in the
//        |                  (one a file)              |                                   system cache, mapped by Mm
//        `--> PRIVATE_CACHE_MAP (one a file object)   `--> the file's data section
//
// Cc owns views, Mm owns pages: which pages of a view are in memory or dirty is Mm's business alone.

#ifndef MICA_CC_CCP_H
#define MICA_CC_CCP_H

#include "ntos.h"

#define TAG_CC_SHARED 0x63536343  // 'CcSc'
#define TAG_CC_PRIVATE 0x63506343 // 'CcPc'
#define TAG_CC_VACB 0x61566343    // 'CcVa'
#define TAG_CC_BCB 0x63426343     // 'CcBc'

#define VACB_MAPPING_GRANULARITY MM_CACHE_VIEW_SIZE
#define VACB_OFFSET_SHIFT 18
#define CC_INITIAL_VACBS 4 // in the map itself: files up to 1 MB

struct _SHARED_CACHE_MAP;

// A view. Mapped: BaseAddress is set, and it is on CcpVacbLru; else on CcpVacbFree. Fields under CcpVacbLock.
typedef struct _VACB {
    PVOID BaseAddress;
    struct _SHARED_CACHE_MAP *SharedCacheMap;
    ULONGLONG FileOffset;
    volatile LONG ActiveCount; // users now; it stays mapped meanwhile. Dropped without the lock
    BOOLEAN Referenced;        // used since the clock hand passed
    LIST_ENTRY LruList;
} VACB, *PVACB;

typedef struct _SHARED_CACHE_MAP {
    SHORT NodeTypeCode;
    SHORT NodeByteSize;
    ULONG OpenCount; // file objects that initialized, and Cc's own passing users; under CcpMasterLock
    ULONG Flags;     // SHARED_CACHE_MAP_*, under CcpMasterLock
    LARGE_INTEGER FileSize;
    LARGE_INTEGER SectionSize;
    PVACB InitialVacbs[CC_INITIAL_VACBS];
    PVACB *Vacbs; // by FileOffset; under CcpVacbLock
    ULONG VacbCount;
    PFILE_OBJECT FileObject; // referenced
    PVOID Section;           // referenced
    PSECTION_OBJECT_POINTERS Pointers;
    LIST_ENTRY Links;         // CcpSharedCacheMaps
    volatile LONG Dirty;      // written to since the last flush began
    volatile LONG DirtyBytes; // about how much, for the throttle
    PCACHE_MANAGER_CALLBACKS Callbacks;
    PVOID LazyWriteContext;
} SHARED_CACHE_MAP, *PSHARED_CACHE_MAP;
#define SHARED_CACHE_MAP_LAZY_CLOSE 0x01 // nobody has it open: the lazy writer flushes and deletes it
#define CC_NTC_SHARED_CACHE_MAP 0x02FF

typedef struct _PRIVATE_CACHE_MAP {
    SHORT NodeTypeCode;
    SHORT NodeByteSize;
    PFILE_OBJECT FileObject;
} PRIVATE_CACHE_MAP, *PPRIVATE_CACHE_MAP;
#define CC_NTC_PRIVATE_CACHE_MAP 0x02FE

// A pinned range of one view.
typedef struct _BCB {
    SHORT NodeTypeCode;
    SHORT NodeByteSize;
    PSHARED_CACHE_MAP SharedCacheMap; // counted in its OpenCount
    PVACB Vacb;
    LARGE_INTEGER FileOffset;
    ULONG ByteLength;
    BOOLEAN Pinned; // by CcPinRead: may be changed
} BCB, *PBCB;
#define CC_NTC_BCB 0x02FD

extern KGUARDED_MUTEX CcpMasterLock; // list of maps, OpenCounts, who creates and deletes; never held over I/O
extern LIST_ENTRY CcpSharedCacheMaps;
extern ULONG CcpDirtyLimit; // bytes of one file that may wait for the lazy writer

// view.c
BOOLEAN CcpInitializeViews(VOID);
NTCHECK CcpGetView(PSHARED_CACHE_MAP Map, ULONGLONG Offset, PVACB *Vacb);
BOOLEAN CcpUnmapViews(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End);
NTCHECK CcpGrowVacbs(PSHARED_CACHE_MAP Map, ULONGLONG Size);
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
// map.c
PSHARED_CACHE_MAP CcpReferenceMap(PSECTION_OBJECT_POINTERS Pointers);
VOID CcpDereferenceMap(PSHARED_CACHE_MAP Map);
// copy.c
NTCHECK CcpZeroRange(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End);
LONG NTAPI CcpFilter(PEXCEPTION_POINTERS Pointers, PVOID Context);
FORCEINLINE VOID CcpNoteDirty(PSHARED_CACHE_MAP Map, ULONG Bytes);
// lazy.c
VOID CcpStartLazyWriter(VOID);
VOID CcpInitializeLazyWriter(VOID);

// Bytes were written to the map's views. To be called behind the writing: a flush clears Dirty and then looks for what
// is modified, so either it sees the bytes or Dirty is set after it. The locked instructions keep each side's store
// before its load (Intel SDM 3A 8.2.3.4).
FORCEINLINE VOID CcpNoteDirty(PSHARED_CACHE_MAP Map, ULONG Bytes)
{
    InterlockedExchangeAdd(&Map->DirtyBytes, (LONG)Bytes);
    if (!Map->Dirty && InterlockedExchange(&Map->Dirty, TRUE) == FALSE)
        CcpStartLazyWriter();
}

#endif
