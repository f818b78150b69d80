// SPDX-License-Identifier: MIT
// The processors as the HAL sees them: how many there are, how another one is started, how one interrupts others.
// Without local APICs there is one, which nobody starts, interrupts or stops. Source: Intel SDM 3A 8.4, 10.6.

#include "halp.h"

#define INIT_DELAY_US 10000u
#define STARTUP_DELAY_US 200u
#define STARTUP_ATTEMPTS 2
#define ARRIVAL_STEP_US 10u
#define ARRIVAL_STEPS 100000u  // a second
#define PDE_LARGE_RWX 0x0E3ull // valid, writable, accessed, dirty, 2 MB
#define PDPTE_VALID 1ull
#define PDPTE_FRAME 0xFFFFFF000ull
#define PDE_ENTRIES 512
#define PDPT_ENTRIES 4
#define KERNEL_DIRECTORY 2 // of 80000000; the next one is that of C0000000
#define SELF_MAP_PDE(Directory) (((volatile ULONGLONG *)PDE_BASE)[(PTE_BASE >> 21) + (Directory)])
#define SEGMENT_CODE_FLAT 0x00CF9B000000FFFFull
#define SEGMENT_DATA_FLAT 0x00CF93000000FFFFull
#define MSR_EFER 0xC0000080u
#define STARTUP_PAGE_SHIFT 12

extern const UCHAR HalpTrampolineStart[], HalpTrampolineProtected[], HalpTrampolineEnd[]; // trampoline.asm

// What trampoline.asm reads at offset TRAMPOLINE_PARAMETERS of its page.
#define TRAMPOLINE_PARAMETERS 0xF00u
typedef struct _HALP_TRAMPOLINE {
    ULONG Code;
    ULONG CodeSelector;
    USHORT GdtrPhysical[4]; // limit, base low, base high
    USHORT Gdtr[4];
    ULONG Cr0, Cr3, Cr4, Efer;
    ULONG KernelCr3;
    PVOID Stack;
    PHAL_PROCESSOR_ENTRY Entry;
    PVOID Argument;
    volatile ULONG Arrived;
    PVOID Page;
    ULONGLONG Gdt[3];
} HALP_TRAMPOLINE, *PHALP_TRAMPOLINE;
_Static_assert(__builtin_offsetof(HALP_TRAMPOLINE, Page) == 60, "trampoline.asm");

static ULONGLONG HalpStartupDirectory[PDE_ENTRIES] ALIGNED(4096);
static ULONGLONG HalpStartupPointers[PDPT_ENTRIES] ALIGNED(32);
static KAFFINITY HalpStartedProcessors = 1;
static KAFFINITY HalpWaitingProcessors; // had their INIT, but no start since
static BOOLEAN HalpResetAll;            // the first INIT went to all

static ULONG HalpImagePhysical(const volatile VOID *Address)
{
    return (ULONG)Address - KSEG0_BASE;
}

// How many processors the firmware lists and this HAL can start, /ONECPU and /NUMPROC considered. After phase 0.
ULONG HalQueryProcessorCount(VOID)
{
    PCSTR Limit = KeFindBootOption("/NUMPROC=");
    ULONG Count = HalpMachine.ProcessorCount;

    if (KeFindBootOption("/ONECPU") != NULL || KeLoaderBlock->RealModePage == 0)
        return 1;
    if (Limit != NULL && strtoul(Limit, NULL, 10) != 0)
        Count = min_of(Count, strtoul(Limit, NULL, 10));
    return Count;
}

static VOID HalpSetGdtr(PUSHORT Gdtr, ULONG Base)
{
    Gdtr[0] = sizeof(((PHALP_TRAMPOLINE)0)->Gdt) - 1;
    Gdtr[1] = (USHORT)Base;
    Gdtr[2] = (USHORT)(Base >> 16);
}

// Temporary tables: the trampoline's 2 MB as they are, and the kernel's half of the current address space.
static VOID HalpBuildStartupTables(VOID)
{
    ULONG Directory;

    HalpStartupDirectory[0] = PDE_LARGE_RWX;
    HalpStartupPointers[0] = HalpImagePhysical(HalpStartupDirectory) | PDPTE_VALID;
    HalpStartupPointers[1] = 0;
    for (Directory = KERNEL_DIRECTORY; Directory < PDPT_ENTRIES; Directory++)
        HalpStartupPointers[Directory] = (SELF_MAP_PDE(Directory) & PDPTE_FRAME) | PDPTE_VALID;
}

static PHALP_TRAMPOLINE HalpBuildTrampoline(VOID)
{
    ULONG Physical = KeLoaderBlock->RealModePage;
    PUCHAR Page = (PUCHAR)(KSEG0_BASE + Physical);
    PHALP_TRAMPOLINE Trampoline = (PHALP_TRAMPOLINE)(Page + TRAMPOLINE_PARAMETERS);

    RtlCopyMemory(Page, HalpTrampolineStart, (ULONG)HalpTrampolineEnd - (ULONG)HalpTrampolineStart);
    RtlZeroMemory(Trampoline, __builtin_offsetof(HALP_TRAMPOLINE, Gdt)); // the last processor may still use the GDT
    Trampoline->Gdt[1] = SEGMENT_CODE_FLAT;
    Trampoline->Gdt[2] = SEGMENT_DATA_FLAT;
    Trampoline->Code = Physical + ((ULONG)HalpTrampolineProtected - (ULONG)HalpTrampolineStart);
    Trampoline->CodeSelector = KGDT_R0_CODE;
    HalpSetGdtr(Trampoline->GdtrPhysical,
                Physical + TRAMPOLINE_PARAMETERS + (ULONG) __builtin_offsetof(HALP_TRAMPOLINE, Gdt));
    HalpSetGdtr(Trampoline->Gdtr, (ULONG)Trampoline->Gdt);
    __asm__ volatile("mov %%cr0, %0" : "=r"(Trampoline->Cr0));
    __asm__ volatile("mov %%cr4, %0" : "=r"(Trampoline->Cr4));
    Trampoline->Cr3 = HalpImagePhysical(HalpStartupPointers);
    Trampoline->Efer = (KeFeatureBits & KF_NX) ? (ULONG)HalpReadMsr(MSR_EFER) : 0;
    Trampoline->Page = Page;
    return Trampoline;
}

// A step may take no time at all on an emulator that runs one processor after another: YieldProcessor lets them run.
static BOOLEAN HalpWaitForArrival(PHALP_TRAMPOLINE Trampoline, ULONG Steps)
{
    while (!Trampoline->Arrived && Steps-- > 0) {
        YieldProcessor();
        KeStallExecutionProcessor(ARRIVAL_STEP_US);
    }
    return Trampoline->Arrived != 0;
}

// Brings a processor to wait for its start: all others together the first time, for that takes a while.
static VOID HalpResetProcessor(ULONG Number)
{
    KAFFINITY Processor = (KAFFINITY)1 << Number;

    if (HalpWaitingProcessors & Processor)
        return;
    if (HalpResetAll) {
        HalpSendMessage(HalpMachine.ApicId[Number], MESSAGE_INIT);
    } else {
        HalpResetAll = TRUE;
        HalpWaitingProcessors = ~(KAFFINITY)1;
        HalpSendMessageToOthers(MESSAGE_INIT);
    }
    KeStallExecutionProcessor(INIT_DELAY_US);
}

// Starts processor Number at Entry(Argument) (see hal.h). PASSIVE_LEVEL, by one caller at a time, in an address space
// that stays. FALSE if it did not arrive within a second.
BOOLEAN HalStartProcessor(ULONG Number, ULONG Cr3, PVOID StackTop, PHAL_PROCESSOR_ENTRY Entry, PVOID Argument)
{
    PHALP_TRAMPOLINE Trampoline;
    ULONG Attempt;

    if (HalpLocalApic == NULL || Number == 0 || Number >= HalQueryProcessorCount())
        return FALSE;
    HalpBuildStartupTables();
    Trampoline = HalpBuildTrampoline();
    Trampoline->KernelCr3 = Cr3;
    Trampoline->Stack = StackTop;
    Trampoline->Entry = Entry;
    Trampoline->Argument = Argument;

    HalpNoteCounterAtStart();
    HalpResetProcessor(Number);
    HalpWaitingProcessors &= ~((KAFFINITY)1 << Number);
    for (Attempt = 0; Attempt < STARTUP_ATTEMPTS && !Trampoline->Arrived; Attempt++) {
        HalpSendMessage(HalpMachine.ApicId[Number],
                        MESSAGE_STARTUP | KeLoaderBlock->RealModePage >> STARTUP_PAGE_SHIFT);
        (VOID) HalpWaitForArrival(Trampoline, STARTUP_DELAY_US / ARRIVAL_STEP_US);
    }
    return HalpWaitForArrival(Trampoline, ARRIVAL_STEPS);
}

// Turns on the local APIC of the processor that runs this, which is Number. Interrupts off; its PCR is loaded.
VOID HalInitializeProcessor(ULONG Number)
{
    if (HalpLocalApic == NULL || Number == 0)
        return; // processor 0 was done in phase 0
    ASSERT(HalpQueryApicId() == HalpMachine.ApicId[Number]);
    HalpInitializeLocalApic();
    HalpCompareCounter();
    (VOID) InterlockedOr((PLONG)&HalpStartedProcessors, (LONG)(1u << Number));
}

static VOID HalpSendToEach(KAFFINITY Targets, ULONG Message)
{
    ULONG Number;

    for (Number = 0; Targets != 0; Number++, Targets >>= 1)
        if (Targets & 1)
            HalpSendMessage(HalpMachine.ApicId[Number], Message);
}

// Interrupts processors at HAL_IPI_LINE. Any IRQL. Targets: running ones, without this one.
VOID HalRequestIpi(KAFFINITY Targets)
{
    KAFFINITY Others = HalpStartedProcessors & ~(KAFFINITY)(1u << KeGetCurrentProcessorNumber());

    ASSERT((Targets & ~Others) == 0);
    if (Targets == 0)
        return;
    // One message reaches all, also those that were never started; these ignore it.
    if (Targets == Others && (Targets & (Targets - 1)) != 0)
        HalpSendMessageToOthers(PRIMARY_VECTOR_BASE + HAL_IPI_LINE);
    else
        HalpSendToEach(Targets, PRIMARY_VECTOR_BASE + HAL_IPI_LINE);
}

// Interrupts processors through their NMI, whatever they do. Any IRQL. Targets as above.
VOID HalRequestFreeze(KAFFINITY Targets)
{
    HalpSendToEach(Targets & HalpStartedProcessors, MESSAGE_NMI);
}
