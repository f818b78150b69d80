// SPDX-License-Identifier: MIT
// Laws of boot/: the memory map, the boot options, the protection of the kernel image.

#include "boot/bootp.h"
#include "ktest.h"

#define MODEL_PAGES 64
#define MODEL_NOTHING 0xFF
#define PDE_ENTRIES ((volatile ULONGLONG *)PDE_BASE)
#define PTE_ENTRIES ((volatile ULONGLONG *)PTE_BASE)
#define PTE_VALID 0x1ull
#define PTE_WRITE 0x2ull
#define PTE_LARGE 0x80ull
#define PTE_NO_EXECUTE (1ull << 63)

extern UCHAR KiPageStart[], KiPageEnd[];

static VOID CheckRuns(PLOADER_PARAMETER_BLOCK Block)
{
    ULONGLONG End = 0;
    ULONG Index;

    for (Index = 0; Index < Block->RunCount; Index++) {
        PMEMORY_RUN Run = &Block->Runs[Index];

        expect(Run->Base >= End);
        expect(Run->Length > 0);
        expect_eq((Run->Base | Run->Length) % PAGE_SIZE, 0);
        End = Run->Base + Run->Length;
    }
}

KTEST(boot, memory_runs_are_sorted_aligned_and_disjoint)
{
    // Law: the loader block's runs are sorted by address, page aligned, not empty, and do not overlap.
    expect(KeLoaderBlock->RunCount > 0);
    CheckRuns(KeLoaderBlock);
}

KTEST(boot, kernel_image_is_not_free_memory)
{
    // Law: no free run holds a byte of the kernel's sections.
    static const struct {
        PUCHAR Start, End;
    } Sections[] = {{KiTextStart, KiTextEnd}, {KiRodataStart, KiRodataEnd}, {KiDataStart, KiDataEnd}};
    ULONG Section, Index;

    for (Section = 0; Section < RTL_NUMBER_OF(Sections); Section++) {
        ULONGLONG Start = (ULONG)Sections[Section].Start - KSEG0_BASE, End = (ULONG)Sections[Section].End - KSEG0_BASE;

        for (Index = 0; Index < KeLoaderBlock->RunCount; Index++) {
            PMEMORY_RUN Run = &KeLoaderBlock->Runs[Index];

            if (Run->Type == LoaderFree)
                expect(Run->Base >= End || Run->Base + Run->Length <= Start);
        }
    }
}

KTEST(boot, last_run_set_wins)
{
    // Law: after any sequence of BootpSetRun, a page's type is that of the last range laid over it.
    PLOADER_PARAMETER_BLOCK Block = ExAllocatePoolZero(NonPagedPool, sizeof(*Block), TAG_RTL_STRING);
    UCHAR Model[MODEL_PAGES];
    ULONG Round, Page, Index;

    expect(Block != NULL);
    if (Block == NULL)
        return;
    memset(Model, MODEL_NOTHING, sizeof(Model));
    for (Round = 0; Round < 200; Round++) {
        ULONG First = KtRandom() % MODEL_PAGES, Count = 1 + KtRandom() % 8;
        MEMORY_RUN_TYPE Type = (MEMORY_RUN_TYPE)(KtRandom() % 4);

        Count = min_of(Count, MODEL_PAGES - First);
        BootpSetRun(Block, (ULONGLONG)First * PAGE_SIZE, (ULONGLONG)(First + Count) * PAGE_SIZE, Type);
        memset(Model + First, Type, Count);
        CheckRuns(Block);
    }
    for (Page = 0; Page < MODEL_PAGES; Page++) {
        UCHAR Type = MODEL_NOTHING;

        for (Index = 0; Index < Block->RunCount; Index++) {
            PMEMORY_RUN Run = &Block->Runs[Index];

            if (Page * PAGE_SIZE >= Run->Base && Page * PAGE_SIZE < Run->Base + Run->Length)
                Type = (UCHAR)Run->Type;
        }
        expect_eq(Type, Model[Page]);
    }
    ExFreePoolWithTag(Block, TAG_RTL_STRING);
}

KTEST(boot, maxmem_removes_free_memory_only)
{
    // Law: /MAXMEM takes free memory above the limit away and leaves what is in use.
    PLOADER_PARAMETER_BLOCK Block = ExAllocatePoolZero(NonPagedPool, sizeof(*Block), TAG_RTL_STRING);

    expect(Block != NULL);
    if (Block == NULL)
        return;
    BootpSetRun(Block, 0, 0x4000000, LoaderFree);
    BootpSetRun(Block, 0x2800000, 0x2900000, LoaderModule);
    BootpLimitMemory(Block, 0x2000000);
    expect_eq(Block->RunCount, 2);
    expect_eq(Block->Runs[0].Length, 0x2000000);
    expect_eq(Block->Runs[1].Type, LoaderModule);
    ExFreePoolWithTag(Block, TAG_RTL_STRING);
}

KTEST(boot, options_are_words_before_run)
{
    // Law: an option is found in any case at the start of a word, and never inside the command line behind /RUN.
    PCSTR Line = "mica /HostPort /MAXMEM=64 /RUN a.exe /SEED=3 /NODEBUGLOG";

    expect(BootpFindOption(Line, "/HOSTPORT") != NULL);
    expect_eq(strtoul(BootpFindOption(Line, "/maxmem="), NULL, 10), 64);
    expect(BootpFindOption(Line, "/HOST") == NULL);
    expect(BootpFindOption(Line, "MAXMEM=") == NULL);
    expect(BootpFindOption(Line, "/SEED=") == NULL);
    expect(BootpFindOption(Line, "/NODEBUGLOG") == NULL);
    expect_eq(strcmp(BootpFindOption(Line, "/RUN "), "a.exe /SEED=3 /NODEBUGLOG"), 0);
}

// The entry that maps an address: of a 2 MB page, or of a 4 KB page (Mm may split the big ones).
static ULONGLONG MappingOf(PUCHAR Address)
{
    ULONGLONG Pde = PDE_ENTRIES[(ULONG)Address >> 21];

    return (Pde & PTE_LARGE) ? Pde : PTE_ENTRIES[(ULONG)Address >> PAGE_SHIFT];
}

KTEST(boot, kernel_image_is_protected)
{
    // Law: the kernel's text and constants cannot be written; its constants and data cannot be executed (with NX).
    static const struct {
        PUCHAR Start, End;
        BOOLEAN Write, Execute;
    } Sections[] = {{KiInitEnd, KiTextEnd, FALSE, TRUE},
                    {KiRodataStart, KiRodataEnd, FALSE, FALSE},
                    {KiDataStart, KiDataEnd, TRUE, FALSE}};
    ULONG Index;
    PUCHAR Page;

    for (Index = 0; Index < RTL_NUMBER_OF(Sections); Index++) {
        for (Page = Sections[Index].Start; Page < Sections[Index].End; Page += PAGE_SIZE) {
            ULONGLONG Pte = MappingOf(Page);

            if (Page >= KiPageStart && Page < KiPageEnd && (Pte & PTE_VALID) == 0)
                continue; // pageable, and not in memory now: mm.pageable_code_leaves_memory_and_comes_back
            expect((Pte & PTE_VALID) != 0);
            expect_eq((Pte & PTE_WRITE) != 0, Sections[Index].Write);
            if (KeFeatureBits & KF_NX)
                expect_eq((Pte & PTE_NO_EXECUTE) == 0, Sections[Index].Execute);
        }
    }
}

KTEST(hal, bad_memory_list_takes_pages_out)
{
    // Law: pages that /BADMEMORYLIST= names are bad if they were free; anything else, and what cannot be read, is left
    // alone.
    static LOADER_PARAMETER_BLOCK Block;

    RtlZeroMemory(&Block, sizeof(Block));
    BootpSetRun(&Block, 0x100000, 0x400000, LoaderFree);
    BootpSetRun(&Block, 0x200000, 0x300000, LoaderKernel);
    BootpMarkBadMemory(&Block, "101,102,250,3ff,500 /OTHER");
    expect_eq(Block.RunCount, 6);
    expect_eq(Block.Runs[1].Type, LoaderBad);
    expect_eq(Block.Runs[1].Base, 0x101000);
    expect_eq(Block.Runs[1].Length, 0x2000);
    expect_eq(Block.Runs[3].Type, LoaderKernel);
    expect_eq(Block.Runs[5].Type, LoaderBad);
    expect_eq(Block.Runs[5].Base, 0x3FF000);
    BootpMarkBadMemory(&Block, "x,103");
    BootpMarkBadMemory(&Block, NULL);
    expect_eq(Block.RunCount, 6);
}
