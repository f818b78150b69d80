// SPDX-License-Identifier: MIT
// Floating point is switched lazily, here only: a thread switch sets CR0.TS unless the FPU holds the new thread's state
// (i386/switch.asm); the first FPU instruction then traps to KiNpxNotAvailable, which saves the old owner's state and
// loads the new one's. With several processors a state is saved when its thread is switched away from, so that the FPU
// of one processor never holds what another may load. The kernel uses the FPU only after KeSaveFloatingPointState, and
// one SSE register in mm/hyper.c, which puts register and TS back. Source: Intel SDM 1 chapter 10, 3A 2.5 and 13.

#include "ki.h"

#define FX_CONTROL 0 // offsets into the FXSAVE image
#define FX_STATUS 2
#define FX_TAG 4
#define FX_ADDRESS 8
#define FX_MXCSR 24
#define FX_REGISTERS 32
#define FN_STATUS 4 // offsets into the FNSAVE image
#define FN_ADDRESS 12
#define FN_IMAGE_LENGTH 108
#define NPX_TAG 0x78704E4Bu // KNpx
#define MXCSR_DEFAULT 0x1F80u
#define MXCSR_MASK_DEFAULT 0xFFBFu
#define NPX_CONTROL_DEFAULT 0x27Fu // what Windows gives a new thread: 53-bit precision, all exceptions masked

static KFPU_AREA KiCleanFpuArea;
static ULONG KiMxcsrMask = MXCSR_MASK_DEFAULT;

FORCEINLINE BOOLEAN KiHasFxsr(VOID)
{
    return (KeFeatureBits & KF_FXSR) != 0;
}

static VOID KiSaveFpu(PKFPU_AREA Area)
{
    if (KiHasFxsr())
        __asm__ volatile("fxsave (%0)" : : "r"(Area) : "memory");
    else
        __asm__ volatile("fnsave (%0); fwait" : : "r"(Area) : "memory");
}

static VOID KiLoadFpu(PKFPU_AREA Area)
{
    if (KiHasFxsr())
        __asm__ volatile("fxrstor (%0)" : : "r"(Area) : "memory");
    else
        __asm__ volatile("frstor (%0)" : : "r"(Area) : "memory");
}

static VOID KiClearTaskSwitched(PKPRCB Prcb)
{
    __asm__ volatile("clts");
    Prcb->TaskSwitched = FALSE;
}

static VOID KiSetTaskSwitched(PKPRCB Prcb)
{
    KiWriteCr0(KiReadCr0() | CR0_TS);
    Prcb->TaskSwitched = TRUE;
}

// Keeps a clean image for new users of the FPU and leaves TS set: nobody's state is loaded. Start-up, on each
// processor; the first one makes the image.
VOID KiInitializeNpx(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    USHORT Control = NPX_CONTROL_DEFAULT;
    ULONG Mask;

    KiWriteCr0((KiReadCr0() & ~CR0_EM) | CR0_MP | CR0_NE);
    KiClearTaskSwitched(Prcb);
    __asm__ volatile("fninit; fldcw %0" : : "m"(Control));
    if (Prcb->Number == 0)
        KiSaveFpu(&KiCleanFpuArea);
    if (Prcb->Number == 0 && KiHasFxsr()) {
        *(PULONG)&KiCleanFpuArea.Data[FX_MXCSR] = MXCSR_DEFAULT;
        Mask = *(PULONG)&KiCleanFpuArea.Data[FX_MXCSR + 4];
        if (Mask != 0)
            KiMxcsrMask = Mask;
    }
    KiSetTaskSwitched(Prcb);
}

static VOID KiSaveLoadedState(PKPRCB Prcb)
{
    __asm__ volatile("clts");
    KiSaveFpu(Prcb->NpxThread->NpxArea);
    Prcb->NpxThread = NULL;
}

// The state of Thread, if this processor's FPU holds it, goes into its area. Interrupts are off for that moment.
// Thread: the current one, or one that does not run (its state is in no other processor's FPU then). Any IRQL.
VOID KiFlushNpxState(PKTHREAD Thread)
{
    BOOLEAN Enable = KeDisableInterrupts();
    PKPRCB Prcb = KeGetCurrentPrcb();

    if (Prcb->NpxThread == Thread) {
        KiSaveLoadedState(Prcb);
        KiSetTaskSwitched(Prcb);
    }
    KeRestoreInterrupts(Enable);
}

// Several processors: Old, whose state this FPU holds, is switched away from and may run anywhere next. KiSwapContext
// then finds that the FPU is nobody's, and sets CR0.TS. DISPATCH_LEVEL, dispatcher lock held.
VOID KiSaveNpxForSwitch(PKTHREAD Old)
{
    BOOLEAN Enable = KeDisableInterrupts();
    PKPRCB Prcb = KeGetCurrentPrcb();

    if (Prcb->NpxThread == Old) {
        KiSaveLoadedState(Prcb);
        Prcb->TaskSwitched = FALSE;
    }
    KeRestoreInterrupts(Enable);
}

// The thread ends: its state is of no interest any more.
VOID KiForgetNpxState(PKTHREAD Thread)
{
    BOOLEAN Enable = KeDisableInterrupts();
    PKPRCB Prcb = KeGetCurrentPrcb();

    if (Prcb->NpxThread == Thread) {
        Prcb->NpxThread = NULL;
        KiSetTaskSwitched(Prcb);
    }
    KeRestoreInterrupts(Enable);
}

// Vector 7: somebody uses the FPU while TS is set. Interrupts off.
VOID FASTCALL KiNpxNotAvailable(PKTRAP_FRAME TrapFrame)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKTHREAD Thread = Prcb->CurrentThread;

    if (KiTrapMode(TrapFrame) == KernelMode && (Thread->NpxState & NPX_STATE_KERNEL) == 0) {
        if (!KiForgiveTaskSwitch())
            KiUnexpectedTrap(7, TrapFrame);
        __asm__ volatile("clts"); // mm/hyper.c, which had cleared it
        return;
    }
    KiClearTaskSwitched(Prcb);
    if (Prcb->NpxThread == Thread)
        return;
    if (Prcb->NpxThread != NULL)
        KiSaveFpu(Prcb->NpxThread->NpxArea);
    if (Thread->NpxState == NPX_STATE_NONE) {
        *Thread->NpxArea = KiCleanFpuArea;
        Thread->NpxState = NPX_STATE_SAVED;
    }
    KiLoadFpu(Thread->NpxArea);
    Prcb->NpxThread = Thread;
}

// Control and status words of the current thread's FPU. The state is in its area afterwards. Any IRQL.
VOID KiGetNpxStatus(PKI_NPX_STATUS Npx)
{
    PKTHREAD Thread = KeGetCurrentThread();
    const UCHAR *Data = Thread->NpxArea->Data;

    KiFlushNpxState(Thread);
    Npx->Control = *(const USHORT *)&Data[FX_CONTROL];
    Npx->Status = *(const USHORT *)&Data[KiHasFxsr() ? FX_STATUS : FN_STATUS];
    Npx->Mxcsr = KiHasFxsr() ? *(const ULONG *)&Data[FX_MXCSR] : MXCSR_DEFAULT;
    Npx->Address = *(PVOID const *)&Data[KiHasFxsr() ? FX_ADDRESS : FN_ADDRESS];
}

// What KeSaveFloatingPointState puts away.
typedef struct _KI_KEPT_STATE {
    KFPU_AREA Area;
    PKTHREAD Thread;
    UCHAR State;
    BOOLEAN Guarded;
} KI_KEPT_STATE, *PKI_KEPT_STATE;

// Gives the current thread's FPU to kernel code, clean, until KeRestoreFloatingPointState by the same thread. Nests; a
// DPC may do it too. Below DISPATCH_LEVEL kernel APCs are held off meanwhile (one might ask for the user's registers).
//
// IRQL <= DISPATCH_LEVEL, else STATUS_ILLEGAL_FLOAT_CONTEXT. STATUS_INSUFFICIENT_RESOURCES: no pool.
// Source: WDK, KeSaveFloatingPointState.
NTSTATUS NTAPI KeSaveFloatingPointState(PKFLOATING_SAVE FloatSave)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PKI_KEPT_STATE Kept;

    if (KeGetCurrentIrql() > DISPATCH_LEVEL)
        return STATUS_ILLEGAL_FLOAT_CONTEXT;
    Kept = ExAllocatePoolWithTag(NonPagedPool, sizeof(*Kept), NPX_TAG);
    if (Kept == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Kept->Guarded = KeGetCurrentIrql() < DISPATCH_LEVEL;
    if (Kept->Guarded)
        KeEnterGuardedRegion();
    KiFlushNpxState(Thread);
    Kept->Area = *Thread->NpxArea;
    Kept->Thread = Thread;
    Kept->State = Thread->NpxState;
    *Thread->NpxArea = KiCleanFpuArea;
    Thread->NpxState = NPX_STATE_SAVED | NPX_STATE_KERNEL;
    FloatSave->Spare1 = (ULONG)Kept;
    return STATUS_SUCCESS;
}

// Puts back what KeSaveFloatingPointState found. IRQL as there. STATUS_ILLEGAL_FLOAT_CONTEXT: not this thread's.
NTSTATUS NTAPI KeRestoreFloatingPointState(PKFLOATING_SAVE FloatSave)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PKI_KEPT_STATE Kept = (PKI_KEPT_STATE)FloatSave->Spare1;
    BOOLEAN Guarded;

    if (Kept == NULL || Kept->Thread != Thread || KeGetCurrentIrql() > DISPATCH_LEVEL)
        return STATUS_ILLEGAL_FLOAT_CONTEXT;
    KiForgetNpxState(Thread);
    *Thread->NpxArea = Kept->Area;
    Thread->NpxState = Kept->State;
    Guarded = Kept->Guarded;
    FloatSave->Spare1 = 0;
    ExFreePoolWithTag(Kept, NPX_TAG);
    if (Guarded)
        KeLeaveGuardedRegion();
    return STATUS_SUCCESS;
}

// The two-bit tag of a register from its contents (SDM 1, 8.1.7): FXSAVE only says empty or not.
static ULONG KiTagOf(const UCHAR *Register)
{
    USHORT Exponent = *(const USHORT *)(Register + 8) & 0x7FFF;
    ULONGLONG Mantissa = *(const ULONGLONG *)Register;

    if (Exponent == 0 && Mantissa == 0)
        return 1;
    return Exponent == 0 || Exponent == 0x7FFF || (Mantissa >> 63) == 0 ? 2 : 0;
}

static VOID KiFxToFn(const UCHAR *Fx, PFLOATING_SAVE_AREA Fn)
{
    ULONG Index, Top, Tag = 0;

    Fn->ControlWord = 0xFFFF0000u | *(const USHORT *)(Fx + FX_CONTROL);
    Fn->StatusWord = 0xFFFF0000u | *(const USHORT *)(Fx + FX_STATUS);
    Fn->ErrorOffset = *(const ULONG *)(Fx + 8);
    Fn->ErrorSelector = *(const USHORT *)(Fx + 12) | (ULONG)(*(const USHORT *)(Fx + 6) & 0x7FF) << 16;
    Fn->DataOffset = *(const ULONG *)(Fx + 16);
    Fn->DataSelector = 0xFFFF0000u | *(const USHORT *)(Fx + 20);
    Top = *(const USHORT *)(Fx + FX_STATUS) >> 11 & 7;
    for (Index = 0; Index < 8; Index++) { // Index: physical register
        ULONG Place = (Index - Top) & 7;

        Tag |= ((Fx[FX_TAG] >> Index & 1) ? KiTagOf(Fx + FX_REGISTERS + Place * 16) : 3) << (Index * 2);
    }
    Fn->TagWord = 0xFFFF0000u | Tag;
    for (Index = 0; Index < 8; Index++)
        RtlCopyMemory(Fn->RegisterArea + Index * 10, Fx + FX_REGISTERS + Index * 16, 10);
}

static VOID KiFnToFx(const FLOATING_SAVE_AREA *Fn, PUCHAR Fx)
{
    ULONG Index;
    UCHAR Tag = 0;

    *(PUSHORT)(Fx + FX_CONTROL) = (USHORT)Fn->ControlWord;
    *(PUSHORT)(Fx + FX_STATUS) = (USHORT)Fn->StatusWord;
    for (Index = 0; Index < 8; Index++)
        if ((Fn->TagWord >> (Index * 2) & 3) != 3)
            Tag |= (UCHAR)(1 << Index);
    *(PUSHORT)(Fx + FX_TAG) = Tag;
    *(PUSHORT)(Fx + 6) = (USHORT)(Fn->ErrorSelector >> 16 & 0x7FF);
    *(PULONG)(Fx + 8) = Fn->ErrorOffset;
    *(PULONG)(Fx + 12) = Fn->ErrorSelector & 0xFFFF;
    *(PULONG)(Fx + 16) = Fn->DataOffset;
    *(PULONG)(Fx + 20) = Fn->DataSelector & 0xFFFF;
    for (Index = 0; Index < 8; Index++)
        RtlCopyMemory(Fx + FX_REGISTERS + Index * 16, Fn->RegisterArea + Index * 10, 10);
}

// Fills the floating-point parts of Context that Flags ask for. Thread: the current one, or one that does not run.
VOID KiNpxToContext(PKTHREAD Thread, PCONTEXT Context, ULONG Flags)
{
    PKFPU_AREA Area = &KiCleanFpuArea;
    BOOLEAN Float = (Flags & CONTEXT_FLOATING_POINT) == CONTEXT_FLOATING_POINT;
    BOOLEAN Extended = (Flags & CONTEXT_EXTENDED_REGISTERS) == CONTEXT_EXTENDED_REGISTERS;

    if (!Float && !Extended)
        return;
    if (Thread->NpxState != NPX_STATE_NONE) {
        KiFlushNpxState(Thread);
        Area = Thread->NpxArea;
    }
    if (Float) {
        if (KiHasFxsr())
            KiFxToFn(Area->Data, &Context->FloatSave);
        else
            RtlCopyMemory(&Context->FloatSave, Area->Data, FN_IMAGE_LENGTH);
        Context->FloatSave.Cr0NpxState = 0;
    }
    if (Extended && KiHasFxsr())
        RtlCopyMemory(Context->ExtendedRegisters, Area->Data, sizeof(Context->ExtendedRegisters));
    else if (Extended)
        RtlZeroMemory(Context->ExtendedRegisters, sizeof(Context->ExtendedRegisters));
}

// Gives Thread the floating-point state in Context, as far as Flags say that there is one. With both forms SSE's part
// comes from ExtendedRegisters and the x87's from FloatSave, where handlers of x87 exceptions make their repairs.
// Reserved bits that would fault when loaded are cleared. Thread: as above.
VOID KiNpxFromContext(PKTHREAD Thread, PCONTEXT Context, ULONG Flags)
{
    BOOLEAN Float = (Flags & CONTEXT_FLOATING_POINT) == CONTEXT_FLOATING_POINT;
    BOOLEAN Extended = (Flags & CONTEXT_EXTENDED_REGISTERS) == CONTEXT_EXTENDED_REGISTERS && KiHasFxsr();

    if (!Float && !Extended)
        return;
    if (Thread->NpxState == NPX_STATE_NONE)
        *Thread->NpxArea = KiCleanFpuArea;
    else
        KiFlushNpxState(Thread);
    if (Extended) {
        RtlCopyMemory(Thread->NpxArea->Data, Context->ExtendedRegisters, sizeof(Context->ExtendedRegisters));
        *(PULONG)&Thread->NpxArea->Data[FX_MXCSR] &= KiMxcsrMask;
    }
    if (Float && KiHasFxsr())
        KiFnToFx(&Context->FloatSave, Thread->NpxArea->Data);
    else if (Float)
        RtlCopyMemory(Thread->NpxArea->Data, &Context->FloatSave, FN_IMAGE_LENGTH);
    Thread->NpxState = NPX_STATE_SAVED;
}
