// SPDX-License-Identifier: MIT
// GDT, IDT and task state segments of processor 0. Segments are flat; fs leads to the PCR in kernel mode and to the TEB
// in user mode. Double fault and NMI are task gates: they get a good stack whatever happened to the current one.
// Source: Intel SDM 3A chapters 3, 6, 7.

#include "ki.h"

#define GATE_INTERRUPT 0x8E00u // present, 32-bit, interrupts off on entry
#define GATE_TASK 0x8500u
#define GATE_USER 0x6000u // DPL 3
#define SEG_CODE 0x9A
#define SEG_DATA 0x92
#define SEG_TSS 0x89
#define SEG_USER 0x60
#define SEG_FLAT 0xCF // 4 KB granularity, 32-bit, limit 4 GB
#define SEG_BYTES 0x40
#define KI_TRAP_ENTRIES 0x15
#define KI_TRAP_STACK_SIZE 0x2000
#define VECTOR_NMI 2
#define VECTOR_DOUBLE_FAULT 8

extern const ULONG KiTrapEntries[KI_TRAP_ENTRIES], KiInterruptLines[HAL_VECTOR_COUNT]; // i386/trap.asm
VOID KiTrap02(VOID);
VOID KiTrap08(VOID);
VOID KiTrap29(VOID);
VOID KiTrap2A(VOID);
VOID KiTrap2B(VOID);
VOID KiTrap2C(VOID);
VOID KiTrap2D(VOID);
VOID KiSystemService(VOID);
VOID KiUnexpectedInterrupt(VOID);
VOID KiSpuriousInterrupt(VOID);

static KGDTENTRY KiGdt[KGDT_NUMBER] ALIGNED(16);
static KIDTENTRY KiIdt[KI_IDT_ENTRIES] ALIGNED(16);

// SYSENTER begins with esp inside Main (cpu.c): a debug trap at that instruction pushes three words there.
static struct {
    ULONG EntryStack[64];
    KTSS Main;
} KiTssBlock ALIGNED(16);
static KTSS KiDoubleFaultTss, KiNmiTss;
static UCHAR KiDoubleFaultStack[KI_TRAP_STACK_SIZE] ALIGNED(16), KiNmiStack[KI_TRAP_STACK_SIZE] ALIGNED(16);

static VOID KiSetSegment(ULONG Selector, ULONG Base, ULONG Limit, UCHAR Type, UCHAR Granularity)
{
    PKGDTENTRY Entry = &KiGdt[Selector / sizeof(KGDTENTRY)];

    Entry->LimitLow = (USHORT)Limit;
    Entry->BaseLow = (USHORT)Base;
    Entry->BaseMid = (UCHAR)(Base >> 16);
    Entry->Flags1 = Type;
    Entry->Flags2 = (UCHAR)(Granularity | (Limit >> 16 & 0xF));
    Entry->BaseHi = (UCHAR)(Base >> 24);
}

static VOID KiSetGate(ULONG Vector, ULONG Handler, ULONG Access)
{
    PKIDTENTRY Entry = &KiIdt[Vector];

    Entry->Offset = (USHORT)Handler;
    Entry->Selector = KGDT_R0_CODE;
    Entry->Access = (USHORT)Access;
    Entry->ExtendedOffset = (USHORT)(Handler >> 16);
}

static VOID KiSetTaskGate(ULONG Vector, USHORT Selector)
{
    KiIdt[Vector].Offset = 0;
    KiIdt[Vector].Selector = Selector;
    KiIdt[Vector].Access = GATE_TASK;
    KiIdt[Vector].ExtendedOffset = 0;
}

static VOID KiBuildGdt(PKPCR Pcr)
{
    KiSetSegment(KGDT_R0_CODE, 0, 0xFFFFF, SEG_CODE, SEG_FLAT & 0xF0);
    KiSetSegment(KGDT_R0_DATA, 0, 0xFFFFF, SEG_DATA, SEG_FLAT & 0xF0);
    KiSetSegment(KGDT_R3_CODE, 0, 0xFFFFF, SEG_CODE | SEG_USER, SEG_FLAT & 0xF0);
    KiSetSegment(KGDT_R3_DATA, 0, 0xFFFFF, SEG_DATA | SEG_USER, SEG_FLAT & 0xF0);
    KiSetSegment(KGDT_TSS, (ULONG)&KiTssBlock.Main, sizeof(KTSS) - 1, SEG_TSS, 0);
    KiSetSegment(KGDT_R0_PCR, (ULONG)Pcr, PAGE_SIZE - 1, SEG_DATA, SEG_BYTES);
    KiSetSegment(KGDT_R3_TEB, 0, PAGE_SIZE - 1, SEG_DATA | SEG_USER, SEG_BYTES);
    KiSetSegment(KGDT_DF_TSS, (ULONG)&KiDoubleFaultTss, sizeof(KTSS) - 1, SEG_TSS, 0);
    KiSetSegment(KGDT_NMI_TSS, (ULONG)&KiNmiTss, sizeof(KTSS) - 1, SEG_TSS, 0);
}

static VOID KiBuildTrapTss(PKTSS Tss, PUCHAR Stack, ULONG Entry)
{
    Tss->IoMapBase = sizeof(*Tss);
    Tss->CR3 = KiReadCr3();
    Tss->Esp0 = Tss->Esp = (ULONG)(Stack + KI_TRAP_STACK_SIZE);
    Tss->Ss0 = Tss->Ss = KGDT_R0_DATA;
    Tss->Eip = Entry;
    Tss->Cs = KGDT_R0_CODE;
    Tss->Ds = Tss->Es = KGDT_R3_DATA | RPL_MASK;
    Tss->Fs = KGDT_R0_PCR;
    Tss->EFlags = 2;
}

static VOID KiBuildIdt(VOID)
{
    ULONG Vector;

    for (Vector = 0; Vector < KI_IDT_ENTRIES; Vector++)
        KiSetGate(Vector, (ULONG)KiUnexpectedInterrupt, GATE_INTERRUPT);
    for (Vector = 0; Vector < 0x20; Vector++) // reserved ones: as vector 0Fh
        KiSetGate(Vector, KiTrapEntries[Vector < KI_TRAP_ENTRIES && KiTrapEntries[Vector] != 0 ? Vector : 0xF],
                  GATE_INTERRUPT);
    KiSetTaskGate(VECTOR_NMI, KGDT_NMI_TSS);
    KiSetTaskGate(VECTOR_DOUBLE_FAULT, KGDT_DF_TSS);
    KiIdt[3].Access |= GATE_USER;
    KiIdt[4].Access |= GATE_USER;
    KiSetGate(0x29, (ULONG)KiTrap29, GATE_INTERRUPT | GATE_USER);
    KiSetGate(0x2A, (ULONG)KiTrap2A, GATE_INTERRUPT | GATE_USER);
    KiSetGate(0x2B, (ULONG)KiTrap2B, GATE_INTERRUPT | GATE_USER);
    KiSetGate(0x2C, (ULONG)KiTrap2C, GATE_INTERRUPT | GATE_USER);
    KiSetGate(0x2D, (ULONG)KiTrap2D, GATE_INTERRUPT | GATE_USER);
    KiSetGate(0x2E, (ULONG)KiSystemService, GATE_INTERRUPT | GATE_USER);
    for (Vector = 0; Vector < HAL_VECTOR_COUNT; Vector++)
        KiSetGate(PRIMARY_VECTOR_BASE + Vector, KiInterruptLines[Vector], GATE_INTERRUPT);
    KiSetGate(HAL_SPURIOUS_VECTOR, (ULONG)KiSpuriousInterrupt, GATE_INTERRUPT);
}

static VOID KiLoadTables(VOID)
{
    struct {
        USHORT Limit;
        ULONG Base;
    } __attribute__((packed)) Gdtr = {sizeof(KiGdt) - 1, (ULONG)KiGdt}, Idtr = {sizeof(KiIdt) - 1, (ULONG)KiIdt};

    __asm__ volatile("lgdt %0; lidt %1" : : "m"(Gdtr), "m"(Idtr) : "memory");
    __asm__ volatile(
        "ljmp %0, $1f; 1:\n\t"
        "mov %1, %%ss\n\tmov %2, %%ds\n\tmov %2, %%es\n\tmov %3, %%fs\n\tmov %4, %%gs\n\tlldt %w4\n\tltr %w5"
        :
        : "i"(KGDT_R0_CODE), "r"(KGDT_R0_DATA), "r"(KGDT_R3_DATA | RPL_MASK), "r"(KGDT_R0_PCR), "r"(0), "r"(KGDT_TSS)
        : "memory");
}

// Builds and loads the descriptor tables. Start-up, interrupts off, boot stack.
VOID KiInitializeDescriptors(PKPCR Pcr)
{
    KiTssBlock.Main.IoMapBase = sizeof(KTSS);
    KiTssBlock.Main.Ss0 = KGDT_R0_DATA;
    KiBuildTrapTss(&KiDoubleFaultTss, KiDoubleFaultStack, (ULONG)KiTrap08);
    KiBuildTrapTss(&KiNmiTss, KiNmiStack, (ULONG)KiTrap02);
    KiBuildGdt(Pcr);
    KiBuildIdt();
    Pcr->GDT = KiGdt;
    Pcr->IDT = KiIdt;
    Pcr->TSS = &KiTssBlock.Main;
    KiLoadTables();
}

// The address space that double fault and NMI run in: the system process's, which never goes away.
VOID KiSetTrapTableCr3(ULONG Cr3)
{
    KiDoubleFaultTss.CR3 = Cr3;
    KiNmiTss.CR3 = Cr3;
}
