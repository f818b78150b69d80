// SPDX-License-Identifier: MIT
// The model of an address space: what model*.c share. A region is an allocation or a view; the contents of a page are
// its first and its last byte.

#ifndef MICA_TESTS_MODEL_H
#define MICA_TESTS_MODEL_H

#include "mmtest.h"

#define MT_REGIONS 24u
#define MT_MOST_PAGES 40u
#define MT_SECTIONS 6u
#define MT_FILES 2u // the last sections show files
#define MT_SECTION_PAGES 64u

typedef enum _MT_WATCH { MtNotWritten, MtWritten, MtPerhapsWritten } MT_WATCH;

typedef struct _MT_PAGE {
    BOOLEAN Committed; // private memory only; a view's is its section's
    BOOLEAN Copied;    // of a view: it has its own copy
    BOOLEAN MaybeZero; // MEM_RESET: the old contents or zeros
    UCHAR Value[2];    // first and last byte, private or the copy's
    UCHAR Watch;       // MT_WATCH: written since the last reset of the watch
    ULONG Protect;     // PAGE_*
} MT_PAGE_MODEL, *PMT_PAGE_MODEL;

typedef struct _MT_SECTION_MODEL {
    HANDLE Handle; // NULL: none
    HANDLE File;   // NULL: memory of the page file
    ULONG Pages;
    ULONG Views;
    BOOLEAN Committed[MT_SECTION_PAGES];
    UCHAR Value[MT_SECTION_PAGES][2];
} MT_SECTION_MODEL, *PMT_SECTION_MODEL;

typedef struct _MT_REGION {
    PUCHAR Base;
    ULONG Pages;
    ULONG Initial;             // protection of the allocation
    BOOLEAN Watched;           // MEM_WRITE_WATCH
    PMT_SECTION_MODEL Section; // NULL: private
    ULONG FirstPage;           // in the section
    SECTION_INHERIT Inherit;   // of a view
    MT_PAGE_MODEL Page[MT_MOST_PAGES];
} MT_REGION, *PMT_REGION;

extern MT_REGION MtRegions[MT_REGIONS];
extern MT_SECTION_MODEL MtSections[MT_SECTIONS];
extern UCHAR MtBuffer[MT_SECTION_PAGES * PAGE_SIZE];

// model.c
VOID MtStep(VOID); // one random call
BOOLEAN MtIsCommitted(PMT_REGION Region, ULONG Index);
PUCHAR MtValueOf(PMT_REGION Region, ULONG Index);
VOID MtChoosePart(PMT_REGION Region, PULONG First, PULONG Count);
NTSTATUS MtExpectedTouch(PMT_REGION Region, ULONG Index, BOOLEAN Write);
VOID MtCompare(PMT_REGION Region, ULONG Index);
VOID MtNoteWrite(PMT_REGION Region, ULONG Index); // a write to the page has succeeded
VOID MtStepRelease(PMT_REGION Region);
// modelcall.c, modelfile.c, modelkinds.c: steps
VOID MtStepAround(PMT_REGION Region);
VOID MtMakeFile(PMT_SECTION_MODEL Section, ULONG Number);
VOID MtCloseFile(PMT_SECTION_MODEL Section);
VOID MtStepFile(VOID);
PUCHAR MtCacheView(PMT_SECTION_MODEL Section); // where the system cache shows a file; NULL: nowhere
VOID MtStepKinds(VOID);
VOID MtEndKinds(VOID);
SIZE_T MtKindsCharge(VOID);
VOID MtCheckKinds(VOID);
VOID MtStepClone(VOID); // modelclone.c
VOID MtEndClone(VOID);

#endif
