// SPDX-License-Identifier: MIT
// Cc: the cache manager. File data is cached by mapping views of the file's own data section (Mm) into the system
// cache; copies go through those views, so mapped and cached access agree. Contracts stand at the definitions in cc/.

#ifndef MICA_NTOS_CC_H
#define MICA_NTOS_CC_H

#include "io.h"

typedef struct _CC_FILE_SIZES {
    LARGE_INTEGER AllocationSize;
    LARGE_INTEGER FileSize;
    LARGE_INTEGER ValidDataLength;
} CC_FILE_SIZES, *PCC_FILE_SIZES;

typedef BOOLEAN(NTAPI *PACQUIRE_FOR_LAZY_WRITE)(PVOID Context, BOOLEAN Wait);
typedef VOID(NTAPI *PRELEASE_FROM_LAZY_WRITE)(PVOID Context);
typedef struct _CACHE_MANAGER_CALLBACKS {
    PACQUIRE_FOR_LAZY_WRITE AcquireForLazyWrite;
    PRELEASE_FROM_LAZY_WRITE ReleaseFromLazyWrite;
    PACQUIRE_FOR_LAZY_WRITE AcquireForReadAhead;
    PRELEASE_FROM_LAZY_WRITE ReleaseFromReadAhead;
} CACHE_MANAGER_CALLBACKS, *PCACHE_MANAGER_CALLBACKS;

BOOLEAN CcInitializeCacheManager(VOID);
VOID NTAPI CcInitializeCacheMap(PFILE_OBJECT File, PCC_FILE_SIZES Sizes, BOOLEAN PinAccess,
                                PCACHE_MANAGER_CALLBACKS Callbacks, PVOID Context); // raises
BOOLEAN NTAPI CcUninitializeCacheMap(PFILE_OBJECT File, PLARGE_INTEGER TruncateSize, PVOID UninitializeEvent);
VOID NTAPI CcSetFileSizes(PFILE_OBJECT File, PCC_FILE_SIZES Sizes);
BOOLEAN NTAPI CcCopyRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID Buffer,
                         PIO_STATUS_BLOCK IoStatus);                                                           // raises
BOOLEAN NTAPI CcCopyWrite(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID Buffer); // raises
VOID NTAPI CcFlushCache(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length,
                        PIO_STATUS_BLOCK IoStatus);
BOOLEAN NTAPI CcPurgeCacheSection(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length,
                                  BOOLEAN UninitializeCacheMaps);
BOOLEAN NTAPI CcZeroData(PFILE_OBJECT File, PLARGE_INTEGER Start, PLARGE_INTEGER End, BOOLEAN Wait);
#define CcIsFileCached(f) ((f)->SectionObjectPointer != NULL && (f)->SectionObjectPointer->SharedCacheMap != NULL)
VOID CcWaitForCurrentLazyWriterActivity(VOID); // runs the lazy writer's next scan now; closed files lose their maps
// Pinned access to metadata: a pointer into a view, valid until CcUnpinData.
BOOLEAN NTAPI CcMapData(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID *Bcb,
                        PVOID *Buffer); // raises
BOOLEAN NTAPI CcPinRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID *Bcb,
                        PVOID *Buffer); // raises
VOID NTAPI CcSetDirtyPinnedData(PVOID Bcb, PLARGE_INTEGER Lsn);
VOID NTAPI CcUnpinData(PVOID Bcb);

#endif
