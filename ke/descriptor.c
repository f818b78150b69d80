// SPDX-License-Identifier: MIT
// GDT, IDT and task state segments, a set for each processor. Segments are flat; fs leads to the PCR in kernel mode and
// to the TEB in user mode. Double fault and NMI are task gates: they get a good stack whatever happened to the current
// one. Source: Intel SDM 3A chapters 3, 6, 7.

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

KI_DESCRIPTORS KiBootDescriptors; // processor 0's

static VOID KiSetSegment(PKI_DESCRIPTORS Tables, ULONG Selector, ULONG Base, ULONG Limit, UCHAR Type, UCHAR Granularity)
{
    PKGDTENTRY Entry = &Tables->Gdt[Selector / sizeof(KGDTENTRY)];

    Entry->LimitLow = (USHORT)Limit;
    Entry->BaseLow = (USHORT)Base;
    Entry->BaseMid = (UCHAR)(Base >> 16);
    Entry->Flags1 = Type;
    Entry->Flags2 = (UCHAR)(Granularity | (Limit >> 16 & 0xF));
    Entry->BaseHi = (UCHAR)(Base >> 24);
}

static VOID KiSetGate(PKI_DESCRIPTORS Tables, ULONG Vector, ULONG Handler, ULONG Access)
{
    PKIDTENTRY Entry = &Tables->Idt[Vector];

    Entry->Offset = (USHORT)Handler;
    Entry->Selector = KGDT_R0_CODE;
    Entry->Access = (USHORT)Access;
    Entry->ExtendedOffset = (USHORT)(Handler >> 16);
}

static VOID KiSetTaskGate(PKI_DESCRIPTORS Tables, ULONG Vector, USHORT Selector)
{
    PKIDTENTRY Entry = &Tables->Idt[Vector];

    Entry->Offset = 0;
    Entry->Selector = Selector;
    Entry->Access = GATE_TASK;
    Entry->ExtendedOffset = 0;
}

static VOID KiBuildGdt(PKI_DESCRIPTORS Tables, PKPCR Pcr)
{
    KiSetSegment(Tables, KGDT_R0_CODE, 0, 0xFFFFF, SEG_CODE, SEG_FLAT & 0xF0);
    KiSetSegment(Tables, KGDT_R0_DATA, 0, 0xFFFFF, SEG_DATA, SEG_FLAT & 0xF0);
    KiSetSegment(Tables, KGDT_R3_CODE, 0, 0xFFFFF, SEG_CODE | SEG_USER, SEG_FLAT & 0xF0);
    KiSetSegment(Tables, KGDT_R3_DATA, 0, 0xFFFFF, SEG_DATA | SEG_USER, SEG_FLAT & 0xF0);
    KiSetSegment(Tables, KGDT_TSS, (ULONG)&Tables->Main, sizeof(KTSS) - 1, SEG_TSS, 0);
    KiSetSegment(Tables, KGDT_R0_PCR, (ULONG)Pcr, PAGE_SIZE - 1, SEG_DATA, SEG_BYTES);
    KiSetSegment(Tables, KGDT_R3_TEB, 0, PAGE_SIZE - 1, SEG_DATA | SEG_USER, SEG_BYTES);
    KiSetSegment(Tables, KGDT_DF_TSS, (ULONG)&Tables->DoubleFault, sizeof(KTSS) - 1, SEG_TSS, 0);
    KiSetSegment(Tables, KGDT_NMI_TSS, (ULONG)&Tables->Nmi, sizeof(KTSS) - 1, SEG_TSS, 0);
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

static VOID KiBuildIdt(PKI_DESCRIPTORS Tables)
{
    static const struct {
        UCHAR Vector;
        VOID (*Handler)(VOID);
    } UserGates[] = {{0x29, KiTrap29}, {0x2A, KiTrap2A}, {0x2B, KiTrap2B},
                     {0x2C, KiTrap2C}, {0x2D, KiTrap2D}, {0x2E, KiSystemService}};
    ULONG Vector, Index;

    for (Vector = 0; Vector < KI_IDT_ENTRIES; Vector++)
        KiSetGate(Tables, Vector, (ULONG)KiUnexpectedInterrupt, GATE_INTERRUPT);
    for (Vector = 0; Vector < 0x20; Vector++) // reserved ones: as vector 0Fh
        KiSetGate(Tables, Vector, KiTrapEntries[Vector < KI_TRAP_ENTRIES && KiTrapEntries[Vector] != 0 ? Vector : 0xF],
                  GATE_INTERRUPT);
    KiSetTaskGate(Tables, VECTOR_NMI, KGDT_NMI_TSS);
    KiSetTaskGate(Tables, VECTOR_DOUBLE_FAULT, KGDT_DF_TSS);
    Tables->Idt[3].Access |= GATE_USER;
    Tables->Idt[4].Access |= GATE_USER;
    for (Index = 0; Index < RTL_NUMBER_OF(UserGates); Index++)
        KiSetGate(Tables, UserGates[Index].Vector, (ULONG)UserGates[Index].Handler, GATE_INTERRUPT | GATE_USER);
    for (Vector = 0; Vector < HAL_VECTOR_COUNT; Vector++)
        KiSetGate(Tables, PRIMARY_VECTOR_BASE + Vector, KiInterruptLines[Vector], GATE_INTERRUPT);
    KiSetGate(Tables, HAL_SPURIOUS_VECTOR, (ULONG)KiSpuriousInterrupt, GATE_INTERRUPT);
}

static VOID KiLoadTables(PKI_DESCRIPTORS Tables)
{
    struct {
        USHORT Limit;
        ULONG Base;
    } __attribute__((packed)) Gdtr = {sizeof(Tables->Gdt) - 1, (ULONG)Tables->Gdt},
                              Idtr = {sizeof(Tables->Idt) - 1, (ULONG)Tables->Idt};

    __asm__ volatile("lgdt %0; lidt %1" : : "m"(Gdtr), "m"(Idtr) : "memory");
    __asm__ volatile(
        "ljmp %0, $1f; 1:\n\t"
        "mov %1, %%ss\n\tmov %2, %%ds\n\tmov %2, %%es\n\tmov %3, %%fs\n\tmov %4, %%gs\n\tlldt %w4\n\tltr %w5"
        :
        : "i"(KGDT_R0_CODE), "r"(KGDT_R0_DATA), "r"(KGDT_R3_DATA | RPL_MASK), "r"(KGDT_R0_PCR), "r"(0), "r"(KGDT_TSS)
        : "memory");
}

// Builds the descriptor tables of the processor that runs this, and loads them. Tables: zeroed, its own for ever.
// Start-up, interrupts off.
VOID KiInitializeDescriptors(PKPCR Pcr, PKI_DESCRIPTORS Tables)
{
    Tables->Main.IoMapBase = sizeof(KTSS);
    Tables->Main.Ss0 = KGDT_R0_DATA;
    KiBuildTrapTss(&Tables->DoubleFault, Tables->DoubleFaultStack, (ULONG)KiTrap08);
    KiBuildTrapTss(&Tables->Nmi, Tables->NmiStack, (ULONG)KiTrap02);
    KiBuildGdt(Tables, Pcr);
    KiBuildIdt(Tables);
    Pcr->GDT = Tables->Gdt;
    Pcr->IDT = Tables->Idt;
    Pcr->TSS = &Tables->Main;
    KiLoadTables(Tables);
}

// The address space that double fault and NMI run in: the system process's, which never goes away.
VOID KiSetTrapTableCr3(PKI_DESCRIPTORS Tables, ULONG Cr3)
{
    Tables->DoubleFault.CR3 = Cr3;
    Tables->Nmi.CR3 = Cr3;
}
