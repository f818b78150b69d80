// SPDX-License-Identifier: MIT
// The processor: what CPUID says it can do, the control bits that follow from it, and the SYSENTER registers. SMEP is
// used when there is one. SMAP is left off: probed accesses are plain loads and stores in more than a hundred SEH
// blocks (inc/nt/seh.h) and in functions that these call. It would take STAC where SEH_TRY begins and CLAC where it
// ends or is unwound, CLAC on each way into the kernel, as user mode sets EFLAGS.AC as it likes, and, since such
// blocks fault and wait, AC saved and loaded with each switch of threads: two instructions a block, two a switch.
// Source: Intel SDM 2A CPUID, 3A 2.5 and 5.8.7.

#include "ki.h"

#define MSR_SYSENTER_CS 0x174
#define MSR_PAT 0x277
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define CPUID1_EDX_SEP 0x800u
#define CPUID1_EDX_FXSR 0x1000000u
#define CPUID1_EDX_SSE 0x2000000u
#define CPUID1_EDX_SSE2 0x4000000u
#define CPUID1_EDX_TSC 0x10u
#define CPUID1_EDX_CX8 0x100u
#define CPUID1_EDX_PGE 0x2000u
#define CPUID1_EDX_PSE 0x8u
#define CPUID1_EDX_PAT 0x10000u
#define CPUID1_EDX_MMX 0x800000u
#define CPUID7_EBX_SMEP 0x80u
#define CPUID7_EBX_SMAP 0x100000u
#define CPUID81_EDX_NX 0x100000u

ULONG KeFeatureBits;

static VOID KiCpuid(ULONG Leaf, PULONG Registers)
{
    __asm__ volatile("cpuid"
                     : "=a"(Registers[0]), "=b"(Registers[1]), "=c"(Registers[2]), "=d"(Registers[3])
                     : "a"(Leaf), "c"(0));
}

static ULONG KiDetectFeatures(PKPRCB Prcb)
{
    static const struct {
        ULONG CpuidBit, Feature;
    } Map[] = {{CPUID1_EDX_TSC, KF_RDTSC},      {CPUID1_EDX_CX8, KF_CMPXCHG8B}, {CPUID1_EDX_PGE, KF_GLOBAL_PAGE},
               {CPUID1_EDX_PSE, KF_LARGE_PAGE}, {CPUID1_EDX_FXSR, KF_FXSR},     {CPUID1_EDX_SSE, KF_XMMI},
               {CPUID1_EDX_SSE2, KF_XMMI64},    {CPUID1_EDX_PAT, KF_PAT}};
    ULONG Registers[4], Highest, Signature, Features = 0, Index;

    KiCpuid(0, Registers);
    Highest = Registers[0];
    RtlCopyMemory(Prcb->VendorString, &Registers[1], 4);
    RtlCopyMemory(Prcb->VendorString + 4, &Registers[3], 4);
    RtlCopyMemory(Prcb->VendorString + 8, &Registers[2], 4);

    KiCpuid(1, Registers);
    Signature = Registers[0];
    Prcb->CpuType = (UCHAR)(Signature >> 8 & 0xF);
    Prcb->CpuStep = (USHORT)((Signature >> 4 & 0xF) << 8 | (Signature & 0xF));
    Prcb->CpuID = TRUE;
    for (Index = 0; Index < RTL_NUMBER_OF(Map); Index++)
        if (Registers[3] & Map[Index].CpuidBit)
            Features |= Map[Index].Feature;
    // The first Pentium Pros claim SYSENTER and do not have it (SDM 2B, SYSENTER).
    if ((Registers[3] & CPUID1_EDX_SEP) && !(Prcb->CpuType == 6 && (Signature & 0xFF) < 0x33))
        Features |= KF_SYSENTER;
    if (Registers[3] & CPUID1_EDX_MMX)
        SharedUserData->ProcessorFeatures[PF_MMX_INSTRUCTIONS_AVAILABLE] = TRUE;
    if (Highest >= 7) {
        KiCpuid(7, Registers);
        Features |= (Registers[1] & CPUID7_EBX_SMEP ? KF_SMEP : 0) | (Registers[1] & CPUID7_EBX_SMAP ? KF_SMAP : 0);
    }
    KiCpuid(0x80000000, Registers);
    if (Registers[0] >= 0x80000001) {
        KiCpuid(0x80000001, Registers);
        Features |= Registers[3] & CPUID81_EDX_NX ? KF_NX : 0;
    }
    return Features;
}

static VOID KiPublishFeatures(ULONG Features)
{
    PBOOLEAN Shared = SharedUserData->ProcessorFeatures;

    Shared[PF_COMPARE_EXCHANGE_DOUBLE] = (Features & KF_CMPXCHG8B) != 0;
    Shared[PF_XMMI_INSTRUCTIONS_AVAILABLE] = (Features & KF_XMMI) != 0;
    Shared[PF_XMMI64_INSTRUCTIONS_AVAILABLE] = (Features & KF_XMMI64) != 0;
    Shared[PF_RDTSC_INSTRUCTION_AVAILABLE] = (Features & KF_RDTSC) != 0;
    Shared[PF_NX_ENABLED] = (Features & KF_NX) != 0;
    Shared[PF_PAE_ENABLED] = TRUE;
    Shared[PF_FASTFAIL_AVAILABLE] = TRUE;
}

// What the cache bits of an entry mean (PCD PWT): 00 write-back, 01 write-combining instead of write-through, which
// nobody uses, 10 and 11 not cached, as always; the same again with the PAT bit. SDM 3A 11.12.
static VOID KiInitializePat(VOID)
{
    const ULONG Types = 0x00070106;

    if (KeFeatureBits & KF_PAT)
        __asm__ volatile("wbinvd\n\twrmsr" : : "c"(MSR_PAT), "a"(Types), "d"(Types) : "memory");
}

// Detects the features and turns on what is used. Start-up, interrupts off; the PCR is set up.
VOID KiInitializeCpu(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    ULONG Cr4 = KiReadCr4() | CR4_DE;

    Prcb->FeatureBits = KiDetectFeatures(Prcb);
    if (Prcb->Number == 0) {
        KeFeatureBits = Prcb->FeatureBits;
        KiPublishFeatures(KeFeatureBits);
    }
    if (KeFeatureBits & KF_GLOBAL_PAGE)
        Cr4 |= CR4_PGE;
    if (KeFeatureBits & KF_FXSR)
        Cr4 |= CR4_OSFXSR;
    if (KeFeatureBits & KF_XMMI)
        Cr4 |= CR4_OSXMMEXCPT;
    if (KeFeatureBits & KF_SMEP)
        Cr4 |= CR4_SMEP;
    KiInitializePat();
    KiWriteCr4(Cr4);
    KiWriteCr0(KiReadCr0() | CR0_WP | CR0_AM);
}

// Points SYSENTER at KiFastCallEntry. Its esp is the address of TSS.Esp0, from which the first instruction loads the
// thread's stack: no register to rewrite at a thread switch.
VOID KiInitializeFastCall(VOID)
{
    if ((KeFeatureBits & KF_SYSENTER) == 0)
        return;
    KiWriteMsr(MSR_SYSENTER_CS, KGDT_R0_CODE);
    KiWriteMsr(MSR_SYSENTER_ESP, (ULONG)&KeGetPcr()->TSS->Esp0);
    KiWriteMsr(MSR_SYSENTER_EIP, (ULONG)KiFastCallEntry);
}
