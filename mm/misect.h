// SPDX-License-Identifier: MIT
// Mm's declarations for sections and virtual address descriptors; part of mi.h, which includes it in its place.

#ifndef MICA_MM_MISECT_H
#define MICA_MM_MISECT_H

// -------------------------------------------------------------------------------- sections
typedef struct _MM_CONTROL_FLAGS {
    ULONG BeingDeleted : 1;
    ULONG BeingCreated : 1;
    ULONG Image : 1;
    ULONG File : 1;
    ULONG Reserve : 1;
    ULONG Commit : 1;
    ULONG FailAllIo : 1;
    ULONG OnUnusedList : 1;
    ULONG Queued : 1;            // on the dereference thread's list
    ULONG NoModifiedWriting : 1; // only a flush of its file system writes it
    ULONG NoCluster : 1;         // a fault reads one page
    ULONG LargePages : 1;        // the segment owns its frames (largesect.c)
} MM_CONTROL_FLAGS;

// What a file (or a piece of page-file space) is to Mm. A file has at most two: data and image
// (SECTION_OBJECT_POINTERS).
//
//   SECTION --> SEGMENT <--> CONTROL_AREA --> SUBSECTION --> SUBSECTION ...
//                                |                |              |
//                            FILE_OBJECT      prototype PTEs  prototype PTEs
//
// Counts and flags change under the PFN lock.
typedef struct _CONTROL_AREA {
    struct _SEGMENT *Segment;
    LIST_ENTRY ListEntry; // unused segments, or the dereference thread's work
    ULONG NumberOfSectionReferences;
    ULONG NumberOfPfnReferences;  // frames that hold pages of the file
    ULONG NumberOfMappedViews;    // user, system and cache views
    ULONG NumberOfUserReferences; // sections and views that are not the cache manager's
    ULONG WritableUserReferences;
    union {
        ULONG LongFlags;
        MM_CONTROL_FLAGS Flags;
    } u;
    struct _FILE_OBJECT *FilePointer; // referenced
    struct _SUBSECTION *FirstSubsection;
    struct _MI_CACHE_VIEW *CacheViews; // system cache views of it
    LIST_ENTRY UserViews;              // a file's data: VADs that map it (fileviews.c)
    LIST_ENTRY MappedLinks;            // of those that have any
} CONTROL_AREA, *PCONTROL_AREA;

typedef struct _SUBSECTION {
    PCONTROL_AREA ControlArea;
    ULONG Protection;
    ULONGLONG StartingOffset; // in the file
    ULONGLONG FileBytes;      // that the file backs; the rest of the pages is zero
    PMMPTE SubsectionBase;
    ULONG PtesInSubsection;
    ULONG UnusedPtes; // at the end, for growth
    struct _SUBSECTION *NextSubsection;
} SUBSECTION, *PSUBSECTION;

typedef struct _SEGMENT {
    PCONTROL_AREA ControlArea;
    ULONG TotalNumberOfPtes;
    ULONGLONG SizeOfSegment;             // bytes
    SIZE_T NumberOfCommittedPages;       // page-file backed: charged for the segment
    ULONG ImageCommitment;               // image: pages that each view may write
    PVOID BasedAddress;                  // image: where it wants to lie: its preferred base, or another (relocate.c)
    ULONG ImageSlots;                    // image: what it has of the places for DLLs (aslr.c)
    struct _MI_RELOCATIONS *Relocations; // image: fix-ups that each page gets when it is read, or NULL
    MMPTE SegmentPteTemplate;            // page-file backed: what a committed page starts as
    PMMPTE PrototypePte;                 // of the first subsection
    SECTION_IMAGE_INFORMATION ImageInformation;
} SEGMENT, *PSEGMENT;

typedef struct _SECTION { // the object's body
    PSEGMENT Segment;
    LARGE_INTEGER SizeOfSection;
    ULONG InitialPageProtection; // MM_*
    ULONG AllocationAttributes;  // SEC_*
    ULONG_PTR BasedAddress;      // SEC_BASED: in every process; BasedSlots of the places for DLLs are its (aslr.c)
    ULONG BasedSlots;
    BOOLEAN UserReference; // counted in NumberOfUserReferences
    BOOLEAN WritableUserReference;
} SECTION, *PSECTION;

// A page read: from the fault that starts it to the last one that waited for it.
#define MM_MAXIMUM_READ_CLUSTER 16
typedef struct _MMINPAGE_SUPPORT {
    KEVENT Event;
    IO_STATUS_BLOCK IoStatus;
    LARGE_INTEGER ReadOffset;
    ULONG FileBytes; // of the cluster that the file backs
    LONG ReferenceCount;
    PFILE_OBJECT FilePointer;
    PCONTROL_AREA ControlArea;
    NTSTATUS Status;
    KEVENT Done; // pages are usable, or given back
    MDL Mdl;
    PFN_NUMBER Pages[MM_MAXIMUM_READ_CLUSTER];
} MMINPAGE_SUPPORT, *PMMINPAGE_SUPPORT;

// ctrlarea.c
PCONTROL_AREA MiCreateControlArea(PFILE_OBJECT File, BOOLEAN Image);
VOID MiFreeControlArea(PCONTROL_AREA ControlArea);
PSUBSECTION MiAddSubsection(PCONTROL_AREA ControlArea, PMMPTE Base, ULONG Ptes, ULONG Protection);
NTSTATUS MiReferenceFileControlArea(PFILE_OBJECT File, BOOLEAN Image, PCONTROL_AREA *ControlArea, PBOOLEAN Created);
VOID MiFinishControlArea(PCONTROL_AREA ControlArea, BOOLEAN Success);
BOOLEAN MiReferenceControlArea(PCONTROL_AREA ControlArea);
VOID MiDereferenceControlArea(PCONTROL_AREA ControlArea, ULONG Sections, ULONG Views, ULONG Users);
VOID MiDropWritableReference(PCONTROL_AREA ControlArea, BOOLEAN Held);
BOOLEAN MiIsFileWritten(PFILE_OBJECT File);
// fileviews.c
extern LONGLONG MiMappedWriteInterval;
VOID MiAddFileView(PEPROCESS Process, struct _MMVAD *Vad);
VOID MiRemoveFileView(struct _MMVAD *Vad);
VOID MiCaptureUserDirtyBits(PCONTROL_AREA ControlArea, ULONGLONG Start, ULONGLONG End);
VOID MiWriteMappedFiles(VOID);
// ctrldelete.c
VOID MiDestroySegment(PCONTROL_AREA ControlArea);
VOID MiInsertUnusedSegment(PCONTROL_AREA ControlArea);
VOID MiRemoveUnusedSegment(PCONTROL_AREA ControlArea);
VOID NTAPI MiSegmentThread(PVOID Context);
extern ULONG MmUnusedSegmentCount;
extern KEVENT MiSegmentThreadEvent;
// segdata.c, segimage.c
extern KGUARDED_MUTEX MiExtendLock;
NTSTATUS MiCreateDataFileMap(PFILE_OBJECT File, ULONGLONG Size, PSEGMENT *Segment);
NTSTATUS MiExtendDataFileMap(PSEGMENT Segment, ULONGLONG Size);
NTSTATUS MiCreatePagingFileMap(ULONGLONG Size, ULONG Protection, ULONG Attributes, PSEGMENT *Segment);
NTSTATUS MiCreateImageFileMap(PFILE_OBJECT File, PSEGMENT *Segment);
PSUBSECTION MiLocateSubsection(PCONTROL_AREA ControlArea, ULONGLONG PageNumber, PULONG PageInSubsection);
PMMPTE MiGetProtoPteAddress(PCONTROL_AREA ControlArea, ULONGLONG PageNumber);
// aslr.c
VOID MiInitializeRandomLayout(VOID);
ULONG MiMemoryBias(VOID);
ULONG MiBlockBias(VOID);
ULONG_PTR MiSelectImageBase(ULONG_PTR Preferred, ULONG Pages, BOOLEAN Dll, PULONG Slots);
ULONG MiKeepImageBase(ULONG_PTR Base, ULONG Pages);
ULONG_PTR MiSelectSectionBase(ULONGLONG Size, PULONG Slots);
VOID MiReleaseImageBase(ULONG_PTR Base, ULONG Slots);
// relocate.c
VOID MiForgetMovedImage(PSEGMENT Segment);
VOID MiRelocatePage(PSEGMENT Segment, PMMPTE Proto, PFN_NUMBER Page);
// imagecheck.c
typedef struct _MI_IMAGE {
    PUCHAR Buffer; // headers as in the file
    ULONG BufferSize;
    ULONGLONG FileSize;
    PIMAGE_NT_HEADERS32 Headers;
    PIMAGE_SECTION_HEADER Sections;
    ULONG SectionCount;
    BOOLEAN Flat; // section alignment below a page: mapped as one piece
} MI_IMAGE, *PMI_IMAGE;
VOID MiMoveImage(PFILE_OBJECT File, PSEGMENT Segment, PMI_IMAGE Image); // relocate.c
NTSTATUS MiCheckImageHeaders(PMI_IMAGE Image);
NTSTATUS MiCheckImageSections(PMI_IMAGE Image);
ULONG MiGetHeaderBytesNeeded(PMI_IMAGE Image);
ULONG MiGetImageProtection(ULONG Characteristics);
ULONG MiSectionPages(const IMAGE_SECTION_HEADER *Section);
ULONG MiSectionFileOffset(PMI_IMAGE Image, const IMAGE_SECTION_HEADER *Section);
ULONG MiSectionFileBytes(const IMAGE_SECTION_HEADER *Section);

// -------------------------------------------------------------------------------- virtual address descriptors
typedef enum _MI_VAD_TYPE {
    VadNone,
    VadDevicePhysicalMemory, // not the program's to change: frames of an MDL (mdluser.c), or none
    VadImageMap,
    VadAwe,             // a window for physical pages of the process (awe.c)
    VadWriteWatch,      // the bits lie behind the descriptor (writewatch.c)
    VadLargePages,      // 2 MB directory entries, no page tables (largepage.c)
    VadRotatePhysical,  // there are none
    VadLargePageSection // the same for a view (largesect.c)
} MI_VAD_TYPE;
#define MM_MAX_COMMIT 0x7FFFF
typedef struct _MMVAD_FLAGS {
    ULONG CommitCharge : 19; // pages
    ULONG NoChange : 1;
    ULONG VadType : 3;
    ULONG MemCommit : 1; // a page without an entry is committed
    ULONG Protection : 5;
    ULONG Inherit : 1;
    ULONG Spare : 1;
    ULONG PrivateMemory : 1;
} MMVAD_FLAGS;
// A range of user addresses that was reserved or mapped as one. Changed with both the address creation lock and the
// working set lock held, so that either is enough to read.
typedef struct _MMVAD {
    struct _MMVAD *Parent, *LeftChild, *RightChild;
    ULONG Height;
    ULONG_PTR StartingVpn, EndingVpn;
    union {
        ULONG LongFlags;
        MMVAD_FLAGS VadFlags;
    } u;
    // Private memory's descriptor (MMVAD_SHORT) ends here.
    PCONTROL_AREA ControlArea;
    PMMPTE FirstPrototypePte, LastContiguousPte;
    ULONGLONG FirstPage; // of the section, in pages
    BOOLEAN WritableUserReference;
    ULONG ViewSequence;            // of a view of a file's data, under the PFN lock
    LIST_ENTRY ViewLinks;          // ControlArea->UserViews
    struct _EPROCESS *ViewProcess; // NULL: not there
} MMVAD, *PMMVAD;
#define MI_VAD_SHORT_SIZE FIELD_OFFSET(MMVAD, ControlArea)
#define MI_VPN(Va) ((ULONG_PTR)(Va) >> PAGE_SHIFT)
#define MI_VA(Vpn) ((PVOID)((Vpn) << PAGE_SHIFT))
#define TAG_VAD_SHORT 0x53646156    // 'VadS'
#define TAG_VAD 0x20646156          // 'Vad '
#define TAG_VAD_MAP 0x6D646156      // 'Vadm'
#define TAG_CONTROL_AREA 0x61436D4D // 'MmCa'
#define TAG_SEGMENT 0x74536D4D      // 'MmSt'
#define TAG_RELOCATIONS 0x65526D4D  // 'MmRe'
#define TAG_INPAGE 0x6E496D4D       // 'MmIn'
#define TAG_MM 0x20206D4D           // 'Mm  '

// vadtree.c
VOID MiInsertVad(PMM_AVL_TABLE Table, PMMVAD Vad);
VOID MiRemoveVad(PMM_AVL_TABLE Table, PMMVAD Vad);
PMMVAD MiLocateVad(PMM_AVL_TABLE Table, ULONG_PTR Vpn);
PMMVAD MiFindOverlap(PMM_AVL_TABLE Table, ULONG_PTR StartVpn, ULONG_PTR EndVpn);
PMMVAD MiFirstVad(PMM_AVL_TABLE Table);
PMMVAD MiNextVad(PMMVAD Vad);
PMMVAD MiPreviousVad(PMMVAD Vad);
// vadbits.c
VOID MiSetVadBits(PEPROCESS Process, ULONG_PTR StartVpn, ULONG_PTR EndVpn);
VOID MiClearVadBits(PEPROCESS Process, ULONG_PTR StartVpn, ULONG_PTR EndVpn);
BOOLEAN MiMakeVadMap(PEPROCESS Process);
VOID MiDeleteVadMap(PEPROCESS Process);
BOOLEAN MiFindInVadMap(PEPROCESS Process, ULONG_PTR Pages, ULONG_PTR LastVpn, SIZE_T Align, BOOLEAN TopDown,
                       PULONG_PTR Vpn);
// vadrange.c
NTSTATUS MiFindEmptyRange(PEPROCESS Process, SIZE_T Size, SIZE_T Align, ULONG_PTR Highest, BOOLEAN TopDown,
                          PULONG_PTR Start);
NTSTATUS MiHighestForZeroBits(ULONG_PTR ZeroBits, PULONG_PTR Highest);
VOID MiLinkVad(PEPROCESS Process, PMMVAD Vad);
VOID MiUnlinkVad(PEPROCESS Process, PMMVAD Vad);
VOID MiFreeVad(PMMVAD Vad);
PMMPTE MiVadPrototype(PMMVAD Vad, ULONG_PTR Vpn);
// protect.c
ULONG MiMakeProtectionMask(ULONG Protect);
ULONG MiProtectionToValue(ULONG Protection);
ULONG MiValidPteProtection(const MMPTE *Pte);
ULONG MiPrototypeProtection(PMMPTE Proto);
VOID MiBuildProtectionTable(VOID);
// pagetable.c
NTSTATUS MiMakePageTable(PEPROCESS Process, PVOID Va);
NTSTATUS MiMakePageTableWait(PEPROCESS Process, PVOID Va);
VOID MiCountUsedPte(PVOID Va, LONG Change);
PMMPTE MiPteIfTable(PVOID Va); // address.c
PFN_NUMBER MiGetFrame(PVOID Va);
BOOLEAN MiDeletePageTable(PEPROCESS Process, PVOID Va);
// deletepte.c
VOID MiDeleteRange(PEPROCESS Process, ULONG_PTR StartVpn, ULONG_PTR EndVpn);
VOID MiDeleteListedPages(PEPROCESS Process);
VOID MiDeletePte(PEPROCESS Process, PMMPTE Pte, PVOID Va, PMI_TB_FLUSH Flush);
// commit.c
BOOLEAN MiChargeCommitment(SIZE_T Pages, PEPROCESS Process); // FALSE: over the limit
VOID MiChargeCommitmentAlways(SIZE_T Pages);
VOID MiReturnCommitment(SIZE_T Pages, PEPROCESS Process);
VOID MiRaiseCommitLimit(SIZE_T Pages);
VOID MiLowerCommitLimit(SIZE_T Pages);
SIZE_T MiMissingCommitment(SIZE_T Pages);
extern SIZE_T MmTotalCommittedPages, MmTotalCommitLimit, MmPeakCommitment;
// vmcommit.c, decommit.c
NTSTATUS MiCommitRange(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn, ULONG Protection);
NTSTATUS MiDecommitRange(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn);
BOOLEAN MiIsRangeCommitted(PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn);
BOOLEAN MiIsPageCommitted(PMMVAD Vad, ULONG_PTR Vpn);
ULONG MiPageProtection(PMMVAD Vad, ULONG_PTR Vpn); // of a committed page, MM_*
// protectvm.c
NTSTATUS MiProtectRange(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn, ULONG Protection,
                        PULONG OldProtection);
NTSTATUS MiCommitSectionRange(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn);
ULONG MiCountCommitted(PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn);
// writewatch.c
SIZE_T MiWriteWatchSize(SIZE_T Pages);
VOID MiCaptureWriteWatch(PEPROCESS Process, PVOID Va, MMPTE Old);
// resetvm.c
NTSTATUS MiResetVirtualMemory(PEPROCESS Process, PULONG_PTR Base, PSIZE_T Size);
// Memory that is in no working set and never leaves the machine.
#define MI_IS_UNPAGED_VAD(Vad)                                                                                         \
    ((Vad)->u.VadFlags.VadType == VadAwe || (Vad)->u.VadFlags.VadType == VadLargePages ||                              \
     (Vad)->u.VadFlags.VadType == VadLargePageSection || (Vad)->u.VadFlags.VadType == VadDevicePhysicalMemory)
// mdluser.c
PVOID MiMapLockedPagesInUserSpace(PMDL Mdl, MEMORY_CACHING_TYPE Cache, PVOID Base, ULONG Priority);
VOID MiUnmapLockedPagesInUserSpace(PVOID Base);
VOID MiUnmapMdlView(PEPROCESS Process, PMMVAD Vad);
// largepage.c
NTSTATUS MiPopulateLargePages(PEPROCESS Process, PMMVAD Vad);
VOID MiDepopulateLargePages(PEPROCESS Process, PMMVAD Vad);
PFN_NUMBER MiTakeLargePage(VOID);
VOID MiMapLargePage(PEPROCESS Process, PVOID Va, PFN_NUMBER First, ULONG Protection);
PFN_NUMBER MiUnmapLargePage(PVOID Va);
VOID MiFreeLargePage(PFN_NUMBER First);
// execute.c
VOID MiInitializeExecutePolicy(VOID);
VOID MiInitializeExecuteOptions(PEPROCESS Process, USHORT DllCharacteristics);
BOOLEAN MiAllowExecution(PEPROCESS Process, PMMPTE Pte);
// largesect.c
NTSTATUS MiFillLargeSection(PSEGMENT Segment, ULONG Protection);
VOID MiEmptyLargeSection(PSEGMENT Segment);
VOID MiMapLargeView(PEPROCESS Process, PMMVAD Vad);
VOID MiUnmapLargeView(PMMVAD Vad);
// awe.c
VOID MiUnmapPhysicalWindow(PEPROCESS Process, PMMVAD Vad);
VOID MiFreeAllUserPhysicalPages(PEPROCESS Process);
// allocvm.c
NTSTATUS MiReserve(PEPROCESS Process, PULONG_PTR Base, SIZE_T Size, ULONG_PTR Highest, ULONG Type, ULONG Protection);
// mapview.c, unmapview.c
NTSTATUS MiMapView(PSECTION Section, PEPROCESS Process, PVOID *Base, ULONG_PTR Highest, SIZE_T CommitSize,
                   ULONGLONG Offset, PSIZE_T ViewSize, SECTION_INHERIT Inherit, ULONG Type, ULONG Protection);
VOID MiUnmapVad(PEPROCESS Process, PMMVAD Vad);
BOOLEAN MiIsViewProtectionAllowed(ULONG SectionProtection, ULONG Protection);
// target.c: the process a service works on
typedef struct _MI_TARGET {
    PEPROCESS Process;
    BOOLEAN Attached;
    KAPC_STATE ApcState;
} MI_TARGET, *PMI_TARGET;
NTSTATUS MiAttachTarget(HANDLE Handle, ACCESS_MASK Access, PMI_TARGET Target);
VOID MiDetachTarget(PMI_TARGET Target);
NTSTATUS MiLockAddressSpace(PEPROCESS Process);
VOID MiUnlockAddressSpace(PEPROCESS Process);
NTSTATUS MiCaptureRange(PVOID *UserBase, PSIZE_T UserSize, PVOID *Base, PSIZE_T Size);
VOID MiReturnRange(PVOID *UserBase, PSIZE_T UserSize, PVOID Base, SIZE_T Size);

#endif
