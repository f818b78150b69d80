// SPDX-License-Identifier: MIT
// Clones of address spaces; part of mi.h, which includes it in its place. What is private to a process when it is
// cloned is afterwards named by a prototype PTE in a clone block, and both processes' entries name that one:
//
//   parent's entry --\                                                     /-- parent's clone descriptor
//                     Proto: &ClonePte[n]      MMCLONE_HEADER <-----------<    (EPROCESS.CloneRoot)
//   child's entry  --/                 ClonePte[n] --> frame, slot         \-- child's clone descriptor
//                                      references[n]: entries that name it
//
// The first write of each process makes its copy of the page; the last process that is left gets the page itself. The
// working set lock protects a process's tree and its entries, the PFN lock the blocks' references.

#ifndef MICA_MM_MICLONE_H
#define MICA_MM_MICLONE_H

#define MI_CLONE_PTES 320u // at most, so that a block is less than a page

typedef struct _MMCLONE_HEADER {
    LONG NumberOfProcessReferences; // descriptors that name it
    ULONG NumberOfPtes, UsedPtes;
    MMPTE ClonePte[1]; // NumberOfPtes; behind them as many counts
} MMCLONE_HEADER, *PMMCLONE_HEADER;
#define MI_CLONE_HEADER_SIZE(Ptes) (FIELD_OFFSET(MMCLONE_HEADER, ClonePte) + (Ptes) * (sizeof(MMPTE) + sizeof(ULONG)))

// A process's part in a block. The tree is that of memory's descriptors, ordered by the addresses of the prototypes.
typedef struct _MMCLONE_DESCRIPTOR {
    ULONG_PTR Node[MI_VAD_SHORT_SIZE / sizeof(ULONG_PTR)];
    ULONG NumberOfReferences; // the process's entries that name prototypes of the block
    PMMCLONE_HEADER Header;
} MMCLONE_DESCRIPTOR, *PMMCLONE_DESCRIPTOR;
// MEMORY_MANAGEMENT's first argument: ours
#define MI_BUG_NO_CLONE 0x6D03    // prototype, process: an entry names it, no descriptor does
#define MI_BUG_CLONE_COUNT 0x6D04 // prototype, process: given back more often than taken
#define TAG_CLONE 0x6C436D4D      // 'MmCl'

// Does an entry, which is not valid, name a clone's prototype?
#define MI_IS_CLONE_PTE(p) (((p)->u.Low & (MI_VALID | MI_PROTOTYPE)) == MI_PROTOTYPE && (p)->u.High != MI_PTE_LOOKUP)
#define MI_CLONE_PROTO(p) ((PMMPTE)(ULONG_PTR)(p)->u.Proto.ProtoAddress)

// The descriptor of a prototype PTE; NULL: it is a section's. The working set lock is held.
FORCEINLINE PMMCLONE_DESCRIPTOR MiLocateClone(PEPROCESS Process, PMMPTE Proto)
{
    if (Process->CloneRoot.Root == NULL)
        return NULL;
    return (PMMCLONE_DESCRIPTOR)MiLocateVad(&Process->CloneRoot, (ULONG_PTR)Proto);
}
// What a clone's page is mapped with: never writable before it is copied.
FORCEINLINE ULONG MiCloneProtection(ULONG Protection)
{
    return MI_IS_WRITABLE(Protection) ? Protection | 1 : Protection;
}

// clone.c
PMMCLONE_DESCRIPTOR MiInsertClone(PEPROCESS Process, PMMCLONE_DESCRIPTOR Descriptor, PMMCLONE_HEADER Header);
VOID MiReferenceClonePte(PMMCLONE_DESCRIPTOR Descriptor, PMMPTE Proto);
VOID MiReleaseClonePte(PEPROCESS Process, PMMPTE Proto);
VOID MiReapClones(PEPROCESS Process);
BOOLEAN MiIsCloneEntry(PEPROCESS Process, const MMPTE *Pte);
BOOLEAN MiTakeOverClone(PEPROCESS Process, PMMPTE Pte, PVOID Va, BOOLEAN Write);
VOID MiTakeBackClone(PEPROCESS Process, PMMPTE Pte, PVOID Va);
NTSTATUS MiResolveClone(PMI_FAULT Fault, ULONG Protection, PMMPTE Proto);
// clonepte.c: cloning one entry
typedef struct _MI_CLONE {
    PEPROCESS Parent, Child;
    PMMCLONE_HEADER Block; // the one that gives out prototypes now, and who names it
    PMMCLONE_DESCRIPTOR ParentDescriptor, ChildDescriptor;
    PFN_NUMBER Table; // the child's page table that is being filled
    ULONG_PTR TableVpn;
} MI_CLONE, *PMI_CLONE;
BOOLEAN MiCloneEntry(PMI_CLONE Clone, PMMVAD Vad, PVOID Va, PMMPTE Value, PMI_TB_FLUSH Flush);

#endif
