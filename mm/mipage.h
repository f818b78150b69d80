// SPDX-License-Identifier: MIT
// Mm's declarations for page files; part of mi.h, which includes it in its place.
//
//   Soft entry: file number (0..15), slot  -->  MmPagingFile[number]  -->  bitmap: bit n = slot n, slot 0 never used
//                                                    `--> file object: byte slot * 4096

#ifndef MICA_MM_MIPAGE_H
#define MICA_MM_MIPAGE_H

#define MM_MAXIMUM_PAGING_FILES 16
#define MM_MAXIMUM_WRITE_CLUSTER 16 // pages: 64 KB in one transfer
#define MM_PAGING_FILE_MDLS 2       // writes of one file that can be under way at a time
#define TAG_PAGE_FILE 0x66506D4D    // 'MmPf'

// A write of a page file. Under the PFN lock but for the transfer itself.
typedef struct _MMMOD_WRITER_MDL_ENTRY {
    struct _MMPAGING_FILE *PagingFile;
    ULONG FirstSlot, Count; // Count 0: not under way
    IO_STATUS_BLOCK IoStatus;
    MDL Mdl;
    PFN_NUMBER Page[MM_MAXIMUM_WRITE_CLUSTER];
} MMMOD_WRITER_MDL_ENTRY, *PMMMOD_WRITER_MDL_ENTRY;

// Counts are in pages and change under the PFN lock. Files are never taken away again.
typedef struct _MMPAGING_FILE {
    ULONG Size; // with the first page, which is never used
    ULONG MinimumSize, MaximumSize;
    ULONG FreeSpace;    // slots
    ULONG CurrentUsage; // slots that hold pages
    ULONG PeakUsage;
    ULONG BadSlots;     // could not be written
    ULONG Hint;         // where the next run is looked for
    ULONG SingleWrites; // of the next ones, that are to be of one page, to find the slot that is bad
    ULONG FileNumber;
    BOOLEAN Extended; // since it was created
    struct _FILE_OBJECT *File;
    HANDLE Handle;
    UNICODE_STRING Name;
    MMMOD_WRITER_MDL_ENTRY Entry[MM_PAGING_FILE_MDLS];
    RTL_BITMAP Bitmap; // set: used. Its buffer is made for MaximumSize
} MMPAGING_FILE, *PMMPAGING_FILE;
extern PMMPAGING_FILE MmPagingFile[MM_MAXIMUM_PAGING_FILES];
extern ULONG MmNumberOfPagingFiles;
extern BOOLEAN MiSlotsWanted;
extern KEVENT MiSlotFreed;
extern EX_PUSH_LOCK MmPageFileCreationLock; // creation and growth; before all other locks of Mm

// A software entry that is neither prototype nor transition, or an OriginalPte: does it name a slot?
#define MI_IS_PAGE_FILE_PTE(p)                                                                                         \
    ((p)->u.Soft.PageFileHigh != 0 && ((p)->u.Low & (MI_VALID | MI_PROTOTYPE | MI_TRANSITION)) == 0)
#define MI_PAGE_FILE_PTE(FileNumber, Slot, Protection)                                                                 \
    (((ULONGLONG)(Slot) << 32) | ((ULONGLONG)(FileNumber) << 1) | ((ULONGLONG)(Protection) << 5))

// MEMORY_MANAGEMENT's first argument: ours
#define MI_BUG_SLOT_COUNT 0x6D01    // file, free slots: the count says that there are some, the bitmap has none
#define MI_BUG_SLOT_NOT_USED 0x6D02 // file, slot: given back twice

// pagefile.c
ULONG MiFreePageFileSpace(VOID);
BOOLEAN MiIsPageFileSpaceShort(VOID);
ULONG MiAllocatePageFileRun(ULONG Wanted, PMMPAGING_FILE *File, PULONG First);
VOID MiFreePageFileSlot(ULONG FileNumber, ULONG Slot);
VOID MiReleasePageFileSpace(PMMPTE Pte);
VOID MiMarkSlotBad(PMMPAGING_FILE File);
// createpf.c
extern BOOLEAN MmPageFilesCanGrow;
VOID MiRequestPageFileGrowth(VOID);
BOOLEAN MiAskForCommitment(SIZE_T Pages, ULONG Attempt);
// pagewrite.c
extern KEVENT MiPagefileWriterEvent, MiPagefileWriterDone;
BOOLEAN MiCanWritePageFile(VOID);
VOID MiFlushModifiedPages(VOID);
VOID NTAPI MiModifiedPageWriter(PVOID Context);

#endif
