// SPDX-License-Identifier: MIT
// Structure offsets for the kernel's NASM files. Compiled with the kernel's flags to assembly; every line
// .ascii "->NAME value" in it becomes `%define NAME value` in build/.../gen/offsets.inc.

#include "ke/ki.h"
#include "mm/mi.h"

#define CONSTANT(Name, Value) __asm__ volatile("\n.ascii \"->" Name " %0\"" : : "i"(Value))
#define OFFSET(s, f) CONSTANT(#s "." #f, __builtin_offsetof(s, f))
#define PCR_OFFSET(f) CONSTANT("KPCR." #f, 0x120 + __builtin_offsetof(KPRCB, f))

void KiOffsets(void);
void KiOffsetsForTools(void);
void KiOffsets(void)
{
    OFFSET(KTRAP_FRAME, DbgEbp);
    OFFSET(KTRAP_FRAME, DbgEip);
    OFFSET(KTRAP_FRAME, DbgArgMark);
    OFFSET(KTRAP_FRAME, DbgArgPointer);
    OFFSET(KTRAP_FRAME, TempSegCs);
    OFFSET(KTRAP_FRAME, TempEsp);
    OFFSET(KTRAP_FRAME, SegGs);
    OFFSET(KTRAP_FRAME, SegEs);
    OFFSET(KTRAP_FRAME, SegDs);
    OFFSET(KTRAP_FRAME, Edx);
    OFFSET(KTRAP_FRAME, Ecx);
    OFFSET(KTRAP_FRAME, Eax);
    OFFSET(KTRAP_FRAME, PreviousPreviousMode);
    OFFSET(KTRAP_FRAME, ExceptionList);
    OFFSET(KTRAP_FRAME, SegFs);
    OFFSET(KTRAP_FRAME, Edi);
    OFFSET(KTRAP_FRAME, Esi);
    OFFSET(KTRAP_FRAME, Ebx);
    OFFSET(KTRAP_FRAME, Ebp);
    OFFSET(KTRAP_FRAME, ErrCode);
    OFFSET(KTRAP_FRAME, Eip);
    OFFSET(KTRAP_FRAME, SegCs);
    OFFSET(KTRAP_FRAME, EFlags);
    OFFSET(KTRAP_FRAME, HardwareEsp);
    OFFSET(KTRAP_FRAME, HardwareSegSs);
    OFFSET(KTRAP_FRAME, V86Es);
    CONSTANT("KTRAP_FRAME_LENGTH", sizeof(KTRAP_FRAME));

    OFFSET(KTHREAD, InitialStack);
    OFFSET(KTHREAD, StackLimit);
    OFFSET(KTHREAD, KernelStack);
    OFFSET(KTHREAD, Teb);
    OFFSET(KTHREAD, TrapFrame);
    OFFSET(KTHREAD, ServiceTable);
    OFFSET(KTHREAD, PreviousMode);
    OFFSET(KTHREAD, KernelApcDisable);
    OFFSET(KTHREAD, SpecialApcDisable);
    OFFSET(KTHREAD, NpxArea);
    OFFSET(KTHREAD, DebugActive);
    OFFSET(KTHREAD, Process);
    CONSTANT("KTHREAD.ApcState.Process", __builtin_offsetof(KTHREAD, ApcState.Process));
    CONSTANT("KTHREAD.ApcState.UserApcPending", __builtin_offsetof(KTHREAD, ApcState.UserApcPending));
    OFFSET(KPROCESS, DirectoryTableBase);
    OFFSET(KPROCESS, ActiveProcessors);

    OFFSET(KPCR, Irql);
    OFFSET(KPCR, IRR);
    OFFSET(KPCR, GDT);
    OFFSET(KPCR, TSS);
    OFFSET(KPCR, SelfPcr);
    CONSTANT("KPCR.ExceptionList", __builtin_offsetof(KPCR, NtTib.ExceptionList));
    CONSTANT("KPCR.StackBase", __builtin_offsetof(KPCR, NtTib.StackBase));
    CONSTANT("KPCR.StackLimit", __builtin_offsetof(KPCR, NtTib.StackLimit));
    PCR_OFFSET(CurrentThread);
    PCR_OFFSET(NpxThread);
    PCR_OFFSET(TaskSwitched);
    PCR_OFFSET(LoadedDirectory);
    PCR_OFFSET(LoadedProcess);
    PCR_OFFSET(SetMember);
    PCR_OFFSET(IdleThread);
    PCR_OFFSET(KeSystemCalls);
    OFFSET(KTSS, Esp0);

    OFFSET(KSERVICE_TABLE_DESCRIPTOR, Base);
    OFFSET(KSERVICE_TABLE_DESCRIPTOR, Limit);
    OFFSET(KSERVICE_TABLE_DESCRIPTOR, Number);
    OFFSET(KUSER_SHARED_DATA, SystemCallReturn);

    CONSTANT("KGDT_R0_CODE", KGDT_R0_CODE);
    CONSTANT("KGDT_R0_DATA", KGDT_R0_DATA);
    CONSTANT("KGDT_R3_CODE", KGDT_R3_CODE);
    CONSTANT("KGDT_R3_DATA", KGDT_R3_DATA);
    CONSTANT("KGDT_R0_PCR", KGDT_R0_PCR);
    CONSTANT("HAL_VECTOR_COUNT", HAL_VECTOR_COUNT);
    CONSTANT("KGDT_R3_TEB", KGDT_R3_TEB);
    CONSTANT("USER_SHARED_DATA_KERNEL", (long)USER_SHARED_DATA_KERNEL);
    CONSTANT("STATUS_ACCESS_VIOLATION", (long)STATUS_ACCESS_VIOLATION);
    CONSTANT("STATUS_INVALID_SYSTEM_SERVICE", (long)STATUS_INVALID_SYSTEM_SERVICE);
    CONSTANT("KI_FRAME_SYSENTER", KI_FRAME_SYSENTER);
    CONSTANT("KI_FRAME_SERVICE", KI_FRAME_SERVICE);
    CONSTANT("KI_FRAME_FULL", KI_FRAME_FULL);
    CONSTANT("KI_CHECKED", DBG);
    CONSTANT("IRQL_GT_ZERO_AT_SYSTEM_SERVICE", IRQL_GT_ZERO_AT_SYSTEM_SERVICE);
    CONSTANT("APC_INDEX_MISMATCH", APC_INDEX_MISMATCH);
    CONSTANT("NO_USER_MODE_CONTEXT", NO_USER_MODE_CONTEXT);
}

// For tools/kmemory.py, which reads the memory of a machine from outside.
void KiOffsetsForTools(void)
{
    CONSTANT("MMPFN_LENGTH", sizeof(MMPFN));
    OFFSET(MMPFN, PteAddress);
    CONSTANT("MMPFN.Flags", __builtin_offsetof(MMPFN, u3.ShortFlags));
    CONSTANT("MMPFN.ReferenceCount", __builtin_offsetof(MMPFN, u3.ReferenceCount));
    CONSTANT("MMPFN_LOCATION", ((MMPFN){.u3.e1.PageLocation = 7}).u3.ShortFlags);
    CONSTANT("MMPFN_PROTOTYPE", ((MMPFN){.u3.e1.PrototypePte = 1}).u3.ShortFlags);
    CONSTANT("EPROCESS.DirectoryTableBase", __builtin_offsetof(EPROCESS, Pcb.DirectoryTableBase));
    OFFSET(EPROCESS, ActiveProcessLinks);
    OFFSET(EPROCESS, UniqueProcessId);
    OFFSET(EPROCESS, ImageFileName);
    CONSTANT("EPROCESS.VadRoot", __builtin_offsetof(EPROCESS, VadRoot.Root));
    OFFSET(MMVAD, LeftChild);
    OFFSET(MMVAD, RightChild);
    OFFSET(MMVAD, StartingVpn);
    OFFSET(MMVAD, EndingVpn);
    OFFSET(MMVAD, ControlArea);
    CONSTANT("MMVAD.Flags", __builtin_offsetof(MMVAD, u.LongFlags));
    CONSTANT("MMVAD_PRIVATE", (long)((MMVAD){.u.VadFlags.PrivateMemory = 1}).u.LongFlags);
    CONSTANT("MMVAD_COMMITTED", (long)((MMVAD){.u.VadFlags.MemCommit = 1}).u.LongFlags);
    CONSTANT("MMVAD_PROTECTION", (long)((MMVAD){.u.VadFlags.Protection = 31}).u.LongFlags);
    CONSTANT("MMVAD_TYPE", (long)((MMVAD){.u.VadFlags.VadType = 7}).u.LongFlags);
    CONSTANT("MMVAD_TYPE_IMAGE", (long)((MMVAD){.u.VadFlags.VadType = VadImageMap}).u.LongFlags);
    OFFSET(CONTROL_AREA, FilePointer);
    OFFSET(FILE_OBJECT, FileName);
    CONSTANT("MM_KSEG0_BASE", (long)MM_KSEG0_BASE);
    CONSTANT("PTE_BASE", (long)PTE_BASE);
    CONSTANT("HYPER_SPACE", (long)HYPER_SPACE);
    CONSTANT("MM_SYSTEM_CACHE_START", (long)MM_SYSTEM_CACHE_START);
    CONSTANT("MM_SPECIAL_POOL_START", (long)MM_SPECIAL_POOL_START);
    CONSTANT("MM_SPECIAL_POOL_END", (long)MM_SPECIAL_POOL_END);
}
