// SPDX-License-Identifier: MIT
// Cc: the cache manager. File data is cached by mapping views of the file's own data section (Mm) into the system
// cache; copies go through those views, so mapped and cached access agree. Contracts stand at the definitions in cc/;
// names, flags and structures are the WDK's (ntifs.h).

#ifndef MICA_NTOS_CC_H
#define MICA_NTOS_CC_H

#include "io.h"

#ifndef MAXLONGLONG
#define MAXLONGLONG 0x7FFFFFFFFFFFFFFFll
#endif

typedef struct _CC_FILE_SIZES {
    LARGE_INTEGER AllocationSize;
    LARGE_INTEGER FileSize;
    LARGE_INTEGER ValidDataLength; // MAXLONGLONG: the file system keeps none
} CC_FILE_SIZES, *PCC_FILE_SIZES;

typedef BOOLEAN(NTAPI *PACQUIRE_FOR_LAZY_WRITE)(PVOID Context, BOOLEAN Wait);
typedef VOID(NTAPI *PRELEASE_FROM_LAZY_WRITE)(PVOID Context);
typedef struct _CACHE_MANAGER_CALLBACKS {
    PACQUIRE_FOR_LAZY_WRITE AcquireForLazyWrite;
    PRELEASE_FROM_LAZY_WRITE ReleaseFromLazyWrite;
    PACQUIRE_FOR_LAZY_WRITE AcquireForReadAhead;
    PRELEASE_FROM_LAZY_WRITE ReleaseFromReadAhead;
} CACHE_MANAGER_CALLBACKS, *PCACHE_MANAGER_CALLBACKS;

typedef struct _CACHE_UNINITIALIZE_EVENT {
    struct _CACHE_UNINITIALIZE_EVENT *Next;
    KEVENT Event;
} CACHE_UNINITIALIZE_EVENT, *PCACHE_UNINITIALIZE_EVENT;

typedef struct _PUBLIC_BCB { // what a file system may look at in a pinned Bcb
    SHORT NodeTypeCode;
    SHORT NodeByteSize;
    ULONG MappedLength;
    LARGE_INTEGER MappedFileOffset;
} PUBLIC_BCB, *PPUBLIC_BCB;

BOOLEAN CcInitializeCacheManager(VOID);

// --- a file's caching
VOID NTAPI CcInitializeCacheMap(PFILE_OBJECT File, PCC_FILE_SIZES Sizes, BOOLEAN PinAccess,
                                PCACHE_MANAGER_CALLBACKS Callbacks, PVOID Context); // raises
BOOLEAN NTAPI CcUninitializeCacheMap(PFILE_OBJECT File, PLARGE_INTEGER TruncateSize,
                                     PCACHE_UNINITIALIZE_EVENT UninitializeEvent);
VOID NTAPI CcSetFileSizes(PFILE_OBJECT File, PCC_FILE_SIZES Sizes); // raises
VOID NTAPI CcSetAdditionalCacheAttributes(PFILE_OBJECT File, BOOLEAN DisableReadAhead, BOOLEAN DisableWriteBehind);
VOID NTAPI CcSetDirtyPageThreshold(PFILE_OBJECT File, ULONG Pages);
PFILE_OBJECT NTAPI CcGetFileObjectFromSectionPtrs(PSECTION_OBJECT_POINTERS Pointers);
PFILE_OBJECT NTAPI CcGetFileObjectFromSectionPtrsRef(PSECTION_OBJECT_POINTERS Pointers);
PFILE_OBJECT NTAPI CcGetFileObjectFromBcb(PVOID Bcb);
#define CcIsFileCached(f) ((f)->SectionObjectPointer != NULL && (f)->SectionObjectPointer->SharedCacheMap != NULL)

// --- copies; they raise the status of a failed read or of a bad buffer
BOOLEAN NTAPI CcCopyRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID Buffer,
                         PIO_STATUS_BLOCK IoStatus);
BOOLEAN NTAPI CcCopyWrite(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID Buffer);
VOID NTAPI CcFastCopyRead(PFILE_OBJECT File, ULONG Offset, ULONG Length, ULONG PageCount, PVOID Buffer,
                          PIO_STATUS_BLOCK IoStatus);
VOID NTAPI CcFastCopyWrite(PFILE_OBJECT File, ULONG Offset, ULONG Length, PVOID Buffer);
BOOLEAN NTAPI CcZeroData(PFILE_OBJECT File, PLARGE_INTEGER Start, PLARGE_INTEGER End, BOOLEAN Wait);
VOID NTAPI CcSetReadAheadGranularity(PFILE_OBJECT File, ULONG Granularity);
VOID NTAPI CcScheduleReadAhead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length);

// --- the cache's own pages, locked for a driver's transfer
VOID NTAPI CcMdlRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, PMDL *MdlChain,
                     PIO_STATUS_BLOCK IoStatus); // raises
VOID NTAPI CcMdlReadComplete(PFILE_OBJECT File, PMDL MdlChain);
VOID NTAPI CcPrepareMdlWrite(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, PMDL *MdlChain,
                             PIO_STATUS_BLOCK IoStatus); // raises
VOID NTAPI CcMdlWriteComplete(PFILE_OBJECT File, PLARGE_INTEGER Offset, PMDL MdlChain);
VOID NTAPI CcMdlWriteAbort(PFILE_OBJECT File, PMDL MdlChain);

// --- pinned access to metadata: a pointer into a view, valid until CcUnpinData
#define PIN_WAIT 1u
#define PIN_EXCLUSIVE 2u
#define PIN_NO_READ 4u
#define PIN_IF_BCB 8u
#define MAP_WAIT 1u
#define MAP_NO_READ 16u
BOOLEAN NTAPI CcMapData(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, ULONG Flags, PVOID *Bcb,
                        PVOID *Buffer); // raises
BOOLEAN NTAPI CcPinMappedData(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, ULONG Flags,
                              PVOID *Bcb); // raises
BOOLEAN NTAPI CcPinRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, ULONG Flags, PVOID *Bcb,
                        PVOID *Buffer); // raises
BOOLEAN NTAPI CcPreparePinWrite(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Zero, ULONG Flags,
                                PVOID *Bcb, PVOID *Buffer); // raises
VOID NTAPI CcSetDirtyPinnedData(PVOID Bcb, PLARGE_INTEGER Lsn);
VOID NTAPI CcUnpinData(PVOID Bcb);
VOID NTAPI CcUnpinDataForThread(PVOID Bcb, ERESOURCE_THREAD Thread);
VOID NTAPI CcSetBcbOwnerPointer(PVOID Bcb, PVOID OwnerPointer);
VOID NTAPI CcRepinBcb(PVOID Bcb);
VOID NTAPI CcUnpinRepinnedBcb(PVOID Bcb, BOOLEAN WriteThrough, PIO_STATUS_BLOCK IoStatus);

// --- logs
typedef VOID(NTAPI *PDIRTY_PAGE_ROUTINE)(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length,
                                         PLARGE_INTEGER OldestLsn, PLARGE_INTEGER NewestLsn, PVOID Context1,
                                         PVOID Context2);
typedef VOID(NTAPI *PFLUSH_TO_LSN)(PVOID LogHandle, LARGE_INTEGER Lsn);
VOID NTAPI CcSetLogHandleForFile(PFILE_OBJECT File, PVOID LogHandle, PFLUSH_TO_LSN FlushToLsnRoutine);
LARGE_INTEGER NTAPI CcGetDirtyPages(PVOID LogHandle, PDIRTY_PAGE_ROUTINE Routine, PVOID Context1, PVOID Context2);
BOOLEAN NTAPI CcIsThereDirtyData(PVPB Vpb);

// --- writing and dropping
VOID NTAPI CcFlushCache(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length,
                        PIO_STATUS_BLOCK IoStatus);
BOOLEAN NTAPI CcPurgeCacheSection(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length,
                                  BOOLEAN UninitializeCacheMaps);
LARGE_INTEGER NTAPI CcGetFlushedValidData(PSECTION_OBJECT_POINTERS Pointers, BOOLEAN BcbListHeld);
NTSTATUS NTAPI CcWaitForCurrentLazyWriterActivity(VOID); // all that is dirty is written; closed files lose their maps

// --- throttling
typedef VOID(NTAPI *PCC_POST_DEFERRED_WRITE)(PVOID Context1, PVOID Context2);
BOOLEAN NTAPI CcCanIWrite(PFILE_OBJECT File, ULONG Bytes, BOOLEAN Wait, BOOLEAN Retrying);
VOID NTAPI CcDeferWrite(PFILE_OBJECT File, PCC_POST_DEFERRED_WRITE PostRoutine, PVOID Context1, PVOID Context2,
                        ULONG Bytes, BOOLEAN Retrying);

// --- counters, as SystemPerformanceInformation shows them, in its order. Not exact: processors may lose a count.
typedef struct _CC_STATISTICS {
    ULONG FastReadNoWait, FastReadWait, FastReadResourceMiss, FastReadNotPossible;
    ULONG FastMdlReadNoWait, FastMdlReadWait, FastMdlReadResourceMiss, FastMdlReadNotPossible;
    ULONG MapDataNoWait, MapDataWait, MapDataNoWaitMiss, MapDataWaitMiss;
    ULONG PinMappedDataCount;
    ULONG PinReadNoWait, PinReadWait, PinReadNoWaitMiss, PinReadWaitMiss;
    ULONG CopyReadNoWait, CopyReadWait, CopyReadNoWaitMiss, CopyReadWaitMiss;
    ULONG MdlReadNoWait, MdlReadWait, MdlReadNoWaitMiss, MdlReadWaitMiss;
    ULONG ReadAheadIos, LazyWriteIos, LazyWritePages, DataFlushes, DataPages;
} CC_STATISTICS, *PCC_STATISTICS;
extern CC_STATISTICS CcStatistics;
extern volatile ULONG CcTotalDirtyPages, CcDirtyPageThreshold;

#endif
