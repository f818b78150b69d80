// SPDX-License-Identifier: MIT
// The FAT32 file system driver's own declarations: volumes (VCB), open files and directories (FCB), handles (CCB).
//
//   VCB --> root FCB --> child FCBs --> ...        one FCB for each file or directory that is open or leads to one
//    |                      ^
//    |                 FILE_OBJECT.FsContext       FILE_OBJECT.FsContext2 --> CCB, one for each handle's file object
//    `--> metadata blocks (FAT, FSInfo, directories), free-cluster map
//
// Locks, in the order in which they are taken (README.md gives the argument):
//   Vcb.Resource  >  Fcb.MainResource  >  Fcb.PagingIoResource  >  Vcb.MetaResource
// Paging I/O takes only the last two. Who holds MetaResource touches nonpaged memory only.

#ifndef MICA_FASTFAT_FAT_H
#define MICA_FASTFAT_FAT_H

#include "fatdisk.h"

#define TAG_FAT_VCB 0x56746146   // 'FatV'
#define TAG_FAT_FCB 0x46746146   // 'FatF'
#define TAG_FAT_CCB 0x43746146   // 'FatC'
#define TAG_FAT_NAME 0x4E746146  // 'FatN'
#define TAG_FAT_RUN 0x52746146   // 'FatR'
#define TAG_FAT_BLOCK 0x42746146 // 'FatB'
#define TAG_FAT_MAP 0x4D746146   // 'FatM'
#define TAG_FAT_SCAN 0x53746146  // 'FatS'

#define FAT_NTC_VCB 0x0501
#define FAT_NTC_FCB 0x0502
#define FAT_NTC_DCB 0x0503
#define FAT_NTC_ROOT_DCB 0x0504
#define FAT_NTC_META 0x0505

// --- metadata blocks (block.c): 4 KB of the volume each, dirty by 512-byte units. Their bytes are pages of the
// volume's metadata stream, a file of our own that Cc caches:
//
//   0          IdentityEnd = DataLbo, rounded up        BlockCount pages
//   | boot sector, FSInfo, FATs: as on the volume | slot | slot | slot | ...  the directories' blocks, in any order
#define FAT_BLOCK_SIZE 4096u
#define FAT_BLOCK_UNIT 512u
#define FAT_BLOCK_HASH 64u
#define FAT_BLOCK_FREE (~0ull)
typedef struct _FAT_BLOCK {
    LIST_ENTRY HashLinks;
    LIST_ENTRY LruLinks; // oldest first
    ULONGLONG Lbo;       // FAT_BLOCK_FREE: it holds nothing
    ULONG DirtyUnits;    // bit n: bytes n * 512 ...
} FAT_BLOCK, *PFAT_BLOCK;
typedef struct _FAT_META { // the stream, as Mm and Cc see it
    FSRTL_COMMON_FCB_HEADER Header;
    SECTION_OBJECT_POINTERS Section;
    PFILE_OBJECT File; // referenced
    ULONGLONG IdentityEnd;
    ULONG BlockCount;
    PFAT_BLOCK Blocks;             // each with a slot of its own
    ULONGLONG WriteLow, WriteHigh; // a page write takes the units between; MetaResource held exclusively
    NTSTATUS WriteStatus;          // of the disk
    BOOLEAN InDiskCache;           // written since the disk was last told to write its own cache
    PFAT_BLOCK PinnedBlock;        // the last one used stays mapped
    BOOLEAN Writable;              // and is pinned
    PVOID Bcb;
    PUCHAR Data;
} FAT_META, *PFAT_META;

// --- a run of clusters of a file
typedef struct _FAT_RUN {
    ULONG Vcn; // in the file
    ULONG Lcn; // on the volume
    ULONG Count;
} FAT_RUN, *PFAT_RUN;

typedef struct _FCB {
    FSRTL_COMMON_FCB_HEADER Header; // first: Mm and Cc look at it
    struct _VCB *Vcb;
    struct _FCB *Parent;     // holds a reference on it; NULL: root
    LIST_ENTRY SiblingLinks; // in Parent->Children, under Vcb->Resource
    LIST_ENTRY Children;
    LIST_ENTRY VcbLinks;      // in Vcb->Fcbs, under Vcb->FcbListLock
    volatile LONG References; // file objects and children
    ULONG UncleanCount;       // handles; under Vcb->Resource
    ULONG Flags;              // FCB_*
    SHARE_ACCESS ShareAccess;
    SECTION_OBJECT_POINTERS Section;
    ERESOURCE MainResource;
    ERESOURCE PagingIoResource;
    // The directory entry
    UNICODE_STRING Name; // as shown
    UCHAR Short[11];
    UCHAR NtCase;
    UCHAR Attributes;
    ULONG FirstOffset;  // of the first of its entries, in the parent
    ULONG DirentOffset; // of the short one
    ULONG FirstCluster; // 0: none
    LONGLONG CreationTime, LastAccessTime, LastWriteTime;
    // The cluster chain, as far as it was followed; under Vcb->MetaResource, changes also under Vcb->RunLock
    PFAT_RUN Runs;
    ULONG RunCount, RunCapacity;
    ULONG MappedClusters;
    BOOLEAN ChainComplete;
    // Page files: where paging I/O looks, without a lock (pagefile.c)
    struct _FAT_PAGING_MAP *PagingMap;
    // Directories
    ULONG FreeOffset; // no free entry lies before it
} FCB, *PFCB;
#define FCB_DELETE_PENDING 0x01
#define FCB_DELETED 0x02 // has no directory entry any more
#define FCB_PAGING_FILE 0x08
#define FCB_EXCESS 0x04 // allocated beyond its end on demand; cut at the last cleanup

typedef struct _CCB {
    ULONG Flags;            // CCB_*
    UNICODE_STRING Pattern; // directory handles: what the first query asked for
    ULONG NextOffset;       // where the next query goes on
} CCB, *PCCB;
#define CCB_DELETE_ON_CLOSE 0x01
#define CCB_VOLUME_OPEN 0x02
#define CCB_USER_SET_WRITE_TIME 0x04
#define CCB_SEARCH_STARTED 0x08
#define CCB_MATCH_ALL 0x10
#define CCB_SEARCH_FOUND 0x20

typedef struct _VCB {
    SHORT NodeTypeCode;
    SHORT NodeByteSize;
    ULONG Flags;           // VCB_*
    LIST_ENTRY Links;      // FatData.Volumes
    PDEVICE_OBJECT Device; // ours; the VCB is its extension
    PDEVICE_OBJECT Target; // the partition
    PVPB Vpb;
    FAT_GEOMETRY Geometry;
    ERESOURCE Resource;     // the namespace: exclusive to change it
    ERESOURCE MetaResource; // FAT, free map, chains, metadata blocks
    PFCB Root;
    KSPIN_LOCK FcbListLock;
    LIST_ENTRY Fcbs;
    KSPIN_LOCK RunLock;       // changes of Fcb->Runs; with MetaResource exclusive, or this, they can be read
    SHARE_ACCESS ShareAccess; // handles to the volume itself
    ULONG UncleanCount;       // handles to the volume and its files
    FAT_FREE_MAP Map;
    FAT_FREE_MAP Freed; // clusters given back whose directory change is not on the disk yet; also used in Map
    ULONG FreedLow, FreedHigh;
    ULONG NextFree; // hint
    LIST_ENTRY BlockHash[FAT_BLOCK_HASH];
    LIST_ENTRY BlockLru;
    FAT_META Meta;
    ULONG DirtyBlocks;
    BOOLEAN Flushing;      // FatFlushMeta is at work
    BOOLEAN MarkedDirty;   // the disk says "in use"
    BOOLEAN InfoStale;     // FSInfo's counts are not the map's
    ULONG IdleTicks;       // lazy ticks without a look at metadata
    EX_RUNDOWN_REF Writes; // by programs, that may move a file's end: shutdown waits for them and lets no more in
} VCB, *PVCB;
#define VCB_SHUT_DOWN 0x02 // nothing of its metadata goes to the disk any more
#define VCB_WAS_DIRTY 0x01 // was not shut down cleanly before: stays marked so

typedef struct _FAT_DATA {
    PDRIVER_OBJECT Driver;
    PDEVICE_OBJECT ControlDevice; // takes mount requests
    KSPIN_LOCK Lock;
    LIST_ENTRY Volumes;
    KTIMER Timer; // lazy flush
    KDPC Dpc;
    WORK_QUEUE_ITEM WorkItem;
    volatile LONG WorkQueued;
    volatile LONG TimerSet;
    CACHE_MANAGER_CALLBACKS Callbacks, MetaCallbacks;
    FAST_IO_DISPATCH FastIo;
} FAT_DATA;
extern FAT_DATA FatData;

FORCEINLINE BOOLEAN FatIsDirectory(PFCB Fcb)
{
    return Fcb->Header.NodeTypeCode != FAT_NTC_FCB;
}
FORCEINLINE ULONGLONG FatClusterLbo(PVCB Vcb, ULONG Cluster)
{
    return Vcb->Geometry.DataLbo + ((ULONGLONG)(Cluster - FAT_FIRST_CLUSTER) << Vcb->Geometry.ClusterShift);
}
FORCEINLINE BOOLEAN FatIsDataCluster(PVCB Vcb, ULONG Cluster)
{
    return Cluster >= FAT_FIRST_CLUSTER && Cluster - FAT_FIRST_CLUSTER < Vcb->Geometry.ClusterCount;
}
FORCEINLINE ULONG FatClustersFor(PVCB Vcb, ULONGLONG Bytes)
{
    return (ULONG)((Bytes + Vcb->Geometry.ClusterSize - 1) >> Vcb->Geometry.ClusterShift);
}
FORCEINLINE VOID FatLockMeta(PVCB Vcb)
{
    ExAcquireResourceExclusiveLite(&Vcb->MetaResource, TRUE);
}
FORCEINLINE VOID FatUnlockMeta(PVCB Vcb)
{
    ExReleaseResourceLite(&Vcb->MetaResource);
}
// Sizes of files are below 4 GB: the low half is the value, and changes in one store.
FORCEINLINE ULONG FatFileSize(PFCB Fcb)
{
    return *(volatile ULONG *)&Fcb->Header.FileSize.LowPart;
}
FORCEINLINE ULONG FatValidLength(PFCB Fcb)
{
    return *(volatile ULONG *)&Fcb->Header.ValidDataLength.LowPart;
}

// --- deviceio.c
NTCHECK FatTransferBuffer(PVCB Vcb, BOOLEAN Write, ULONGLONG Lbo, PVOID Buffer, ULONG Length);
NTCHECK FatTransferMdl(PDEVICE_OBJECT Target, BOOLEAN Write, ULONGLONG Lbo, PMDL Mdl, ULONG Offset, ULONG Length);
NTCHECK FatTransferDevice(PDEVICE_OBJECT Target, BOOLEAN Write, ULONGLONG Lbo, PVOID Buffer, ULONG Length);
NTCHECK FatQueryDeviceLength(PDEVICE_OBJECT Target, PULONGLONG Length);
NTCHECK FatFlushDevice(PDEVICE_OBJECT Target);
// --- block.c: MetaResource held
NTCHECK FatReadMeta(PVCB Vcb, ULONGLONG Lbo, PVOID Buffer, ULONG Length);
NTCHECK FatWriteMeta(PVCB Vcb, ULONGLONG Lbo, const VOID *Buffer, ULONG Length);
NTCHECK FatZeroMeta(PVCB Vcb, ULONGLONG Lbo, ULONG Length);
NTCHECK FatWriteBlocks(PVCB Vcb, ULONGLONG Low, ULONGLONG High);
NTCHECK FatCreateBlocks(PVCB Vcb, ULONG Count);
PFAT_BLOCK FatFindBlock(PVCB Vcb, ULONGLONG Lbo);
VOID FatUnpinBlock(PVCB Vcb);
// --- stream.c
NTCHECK FatCreateMetaStream(PVCB Vcb);
VOID FatDeleteMetaStream(PVCB Vcb);
NTCHECK FatMetaPagingIo(PVCB Vcb, PIRP Irp, BOOLEAN Write, ULONGLONG Offset, ULONG Length);
BOOLEAN NTAPI FatAcquireMetaForCache(PVOID Context, BOOLEAN Wait);
VOID NTAPI FatReleaseMetaFromCache(PVOID Context);
// --- flush.c, lazy.c
NTCHECK FatFlushMeta(PVCB Vcb);
NTCHECK FatMarkVolumeDirty(PVCB Vcb);
NTCHECK FatMarkVolumeClean(PVCB Vcb);
NTCHECK FatFlushFile(PFCB Fcb);
NTCHECK FatFlushVolume(PVCB Vcb);
VOID FatStartLazyFlush(VOID);
VOID FatInitializeLazyFlush(VOID);
// --- fatent.c: MetaResource held
FORCEINLINE ULONGLONG FatActiveLbo(PVCB Vcb)
{
    return Vcb->Geometry.FatLbo + (ULONGLONG)Vcb->Geometry.ActiveFat * Vcb->Geometry.FatBytes;
}
NTCHECK FatGetFatEntry(PVCB Vcb, ULONG Cluster, PULONG Value);
NTCHECK FatSetFatEntry(PVCB Vcb, ULONG Cluster, ULONG Value);
NTCHECK FatLoadFreeMap(PVCB Vcb);
// --- alloc.c: MetaResource held
NTCHECK FatAllocateCluster(PVCB Vcb, PULONG Cluster);
NTCHECK FatReserveSpace(PVCB Vcb, ULONG Count);
VOID FatReturnClusters(PVCB Vcb, ULONG Cluster, ULONG Count);
NTCHECK FatApplyFreed(PVCB Vcb);
ULONG FatFreeClusters(PVCB Vcb);
// --- chain.c
NTCHECK FatLookupCluster(PFCB Fcb, ULONG Vcn, PULONG Lcn, PULONG Count);
NTCHECK FatMapRange(PFCB Fcb, ULONG Offset, ULONG Length, PULONGLONG Lbo, PULONG Bytes);
NTCHECK FatLoadChain(PFCB Fcb);
NTCHECK FatAppendRun(PFCB Fcb, ULONG Lcn, ULONG Count);
VOID FatForgetChain(PFCB Fcb);
// --- extent.c: makes and takes no lock but MetaResource
NTCHECK FatExtendAllocation(PFCB Fcb, ULONG Clusters);
NTCHECK FatTruncateAllocation(PFCB Fcb, ULONG Clusters);
// --- size.c: MainResource held exclusively
NTCHECK FatExtendFile(PFILE_OBJECT File, PFCB Fcb, ULONG NewSize);
NTCHECK FatTruncateFile(PFILE_OBJECT File, PFCB Fcb, ULONG NewSize);
NTCHECK FatZeroTo(PFCB Fcb, ULONG End);
VOID FatNoteWritten(PFCB Fcb, ULONG End);
NTCHECK FatInitializeCaching(PFILE_OBJECT File, PFCB Fcb);
NTCHECK FatSetAllocation(PFILE_OBJECT File, PFCB Fcb, ULONGLONG Size);
NTCHECK FatSettleFile(PFILE_OBJECT File, PFCB Fcb);
// --- fcb.c: Vcb->Resource held exclusively, except FatDereferenceFcb
PFCB FatCreateFcb(PVCB Vcb, PFCB Parent, const FAT_SCAN *Scan);
PFCB FatCreateRoot(PVCB Vcb);
VOID FatReferenceFcb(PFCB Fcb);
VOID FatDereferenceFcb(PFCB Fcb);
VOID FatReapFcbs(PVCB Vcb);
VOID FatReapFcb(PFCB Fcb);
VOID FatAfterClose(PVCB Vcb, PFCB Fcb);
VOID FatDeleteFcb(PFCB Fcb);
VOID FatRenameFcb(PFCB Fcb, PFCB Parent, PUNICODE_STRING Name);
NTCHECK FatCopyName(const WCHAR *Name, ULONG Length, PUNICODE_STRING Copy);
PCCB FatCreateCcb(VOID);
VOID FatDeleteCcb(PCCB Ccb);
PFCB FatNextFcb(PVCB Vcb, PFCB Previous); // references
// --- dir.c: Vcb->Resource held
typedef struct _FAT_CURSOR { // walks a directory; allocate it from pool, it is large
    PFCB Directory;
    ULONG Offset; // of the next entry
    BOOLEAN AtEnd;
    ULONG SectorOffset; // what Sector holds; MAXULONG: nothing
    UCHAR Sector[FAT_BLOCK_UNIT];
    FAT_SCAN Scan;
    WCHAR Name[FAT_NAME_MAXIMUM + 1];
    ULONG NameLength;
} FAT_CURSOR, *PFAT_CURSOR;
PFAT_CURSOR FatOpenCursor(PFCB Directory, ULONG Offset);
VOID FatCloseCursor(PFAT_CURSOR Cursor);
NTCHECK FatReadEntry(PFAT_CURSOR Cursor, PUCHAR *Entry, PULONG Offset);
NTCHECK FatEntryLbo(PFCB Directory, ULONG Offset, PULONGLONG Lbo);
NTCHECK FatNextFile(PFAT_CURSOR Cursor);
NTCHECK FatFindName(PFCB Directory, const WCHAR *Name, ULONG Length, PFCB *Fcb);
NTCHECK FatIsDirectoryEmpty(PFCB Directory, PBOOLEAN Empty);
NTCHECK FatReadVolumeLabel(PVCB Vcb, PUCHAR Label);
// --- dirmod.c: Vcb->Resource held exclusively
typedef struct _FAT_PLACE { // a new file's name, ready to be stored
    UCHAR Short[11];
    UCHAR NtCase;
    ULONG LfnCount; // long-name entries
    ULONG FirstOffset;
    BOOLEAN PastEnd; // the entries lie where the directory had ended
} FAT_PLACE, *PFAT_PLACE;
NTCHECK FatPreparePlace(PFCB Directory, const WCHAR *Name, ULONG Length, PFCB Ignore, PFAT_PLACE Place);
NTCHECK FatReserveSlots(PFCB Directory, PFAT_PLACE Place);
NTCHECK FatWriteEntries(PFCB Directory, const WCHAR *Name, ULONG Length, PFAT_PLACE Place, PFAT_DIRENT Dirent);
NTCHECK FatRemoveEntries(PFCB Directory, ULONG FirstOffset, ULONG DirentOffset);
NTCHECK FatReadDirent(PFCB Directory, ULONG Offset, PFAT_DIRENT Dirent);
NTCHECK FatWriteDirent(PFCB Directory, ULONG Offset, const FAT_DIRENT *Dirent);
NTCHECK FatUpdateDirent(PFCB Fcb);
NTCHECK FatMakeDirectoryCluster(PFCB Parent, PULONG Cluster);
NTCHECK FatSetDotDot(PFCB Directory, PFCB Parent);
// --- file operations that others use
VOID FatFillDirent(PFCB Fcb, PFAT_DIRENT Dirent);
VOID FatQueryTime(PLONGLONG Time);
ULONG FatNtAttributes(UCHAR Attributes);
NTCHECK FatCheckDelete(PFCB Fcb);
NTCHECK FatDeleteFile(PFILE_OBJECT File, PFCB Fcb);
PVOID FatUserBuffer(PIRP Irp);
NTCHECK FatNonCachedTransfer(PFCB Fcb, BOOLEAN Write, ULONG Offset, ULONG Length, PMDL Mdl, ULONG MdlOffset);
NTCHECK FatZeroOnDisk(PFCB Fcb, ULONG Start, ULONG End);
NTCHECK FatLockUserBuffer(PIRP Irp, LOCK_OPERATION Operation, ULONG Length, PMDL *Mdl);
VOID FatUnlockUserBuffer(PIRP Irp, PMDL Mdl);
NTCHECK FatBuildPath(PFCB Fcb, PWSTR Buffer, ULONG Size, PULONG Length);
// --- pagefile.c
typedef struct _FAT_PAGING_MAP FAT_PAGING_MAP, *PFAT_PAGING_MAP;
NTCHECK FatMakePagingMap(PFCB Fcb);
VOID FatFreePagingMaps(PFCB Fcb);
BOOLEAN FatPassPagingWrite(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack, PNTSTATUS Status);
NTCHECK FatPagingFileTransfer(PFCB Fcb, PIRP Irp, BOOLEAN Write, ULONGLONG Offset, ULONG Length);
// --- create.c, path.c, open.c, newfile.c
typedef struct _FAT_CREATE {
    PVCB Vcb;
    PIRP Irp;
    PFILE_OBJECT File;
    ACCESS_MASK Access;
    ULONG Options;
    ULONG Disposition;
    USHORT ShareAccess;
    UCHAR Attributes;
    BOOLEAN TrailingSlash;
    PFCB Directory; // of the last component
    PWSTR Name;     // the last component, in File->FileName; empty: Directory itself
    ULONG NameLength;
    ULONG_PTR Information; // FILE_OPENED ...
} FAT_CREATE, *PFAT_CREATE;
NTCHECK FatWalkPath(PFAT_CREATE Create, PFCB *Fcb);
NTCHECK FatOpenExisting(PFAT_CREATE Create, PFCB Fcb);
NTCHECK FatCreateNew(PFAT_CREATE Create);
NTCHECK FatFinishOpen(PFAT_CREATE Create, PFCB Fcb);
NTCHECK FatOpenVolume(PFAT_CREATE Create);
NTCHECK FatSetRename(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
// --- the handlers of init.c's table: critical region entered; they set Irp->IoStatus.Information
typedef NTSTATUS (*PFAT_HANDLER)(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatCreate(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatCleanup(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatClose(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatRead(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatWrite(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatQueryInformation(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatSetInformation(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatDirectoryControl(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatQueryVolume(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatFlushBuffers(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatFsControl(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatDeviceControl(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatShutdown(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack);
NTSTATUS FatMountVolume(PDEVICE_OBJECT Target, PVPB Vpb);
VOID FatShutdownVolumes(VOID);
NTSTATUS FatTransferVolume(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack, BOOLEAN Write);
// --- fastio.c, callback.c
BOOLEAN NTAPI FatFastIoCheckIfPossible(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, ULONG Key,
                                       BOOLEAN CheckForRead, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT Device);
BOOLEAN NTAPI FatFastIoRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, ULONG Key,
                            PVOID Buffer, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT Device);
BOOLEAN NTAPI FatFastIoWrite(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, ULONG Key,
                             PVOID Buffer, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT Device);
BOOLEAN NTAPI FatAcquireForCache(PVOID Context, BOOLEAN Wait);
VOID NTAPI FatReleaseFromCache(PVOID Context);

#endif
