// SPDX-License-Identifier: MIT
// Looking at working sets and taking pages out of them. Each look at a page that was used since the last one makes its
// age 0, each other one adds 1; a trim takes pages of an age and above, so what was used stays longest. What becomes
// of a page then: a page of a file or section, and a private page while there is a page file, can be written and
// reused. wsmanager.c says when and how much.

#include "mi.h"

BOOLEAN MiTrimPrivatePages; // there is a page file for them

// A shared page's entry goes back to what it was before the page was touched. The PFN lock is held.
static MMPTE MiUnmapSharedPte(PEPROCESS Process, PMMVAD Vad, PMMPTE Pte, PVOID Va, PMMPFN Pfn)
{
    MMPTE Old = MiExchangePte(Pte, 0);
    ULONG Protection = MiValidPteProtection(&Old), Default = Vad->u.VadFlags.Protection;

    if (MiLocateClone(Process, Pfn->PteAddress) != NULL) {
        Protection = MI_IS_COPY_ON_WRITE(Protection) ? Protection - 1 : Protection;
        MiWriteInvalidPte(Pte, MI_PROTO_PTE(Pfn->PteAddress, Protection));
        return Old;
    }
    if (Vad->u.VadFlags.VadType == VadImageMap)
        Default = Pfn->OriginalPte.u.Soft.Protection;
    if (Protection != Default)
        MiWriteInvalidPte(Pte, MI_PROTO_PTE(MI_PTE_LOOKUP, Protection));
    else
        MiCountUsedPte(Va, -1);
    return Old;
}

// Takes one valid page out of the working set of Process, which is the current address space; Vad describes it. A
// shared page's entry asks its prototype again. A private page's becomes a transition entry and keeps its contents: it
// is on the modified list, or, if its slot in a page file holds the same, on the standby list; a fault brings it back
// (MiResolveTransition).
//
// The working set lock and the PFN lock are held; the caller flushes Flush before it releases the second.
VOID MiEliminateWorkingSetEntry(PEPROCESS Process, PMMVAD Vad, PMMPTE Pte, PVOID Va, PMI_TB_FLUSH Flush)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));
    MMPTE Old;

    if (Pfn->u3.e1.PrototypePte)
        Old = MiUnmapSharedPte(Process, Vad, Pte, Va, Pfn);
    else
        Old = MiExchangePte(Pte, MI_TRANSITION_PTE(MI_PFN_NUMBER(Pfn), Pfn->OriginalPte.u.Soft.Protection));
    MiCaptureWriteWatch(Process, Va, Old);
    Pfn->u3.e1.Modified |= Old.u.Hard.Dirty;
    MiAddTbFlush(Flush, Va);
    MiRemoveFromWorkingSet(&Process->Vm, Va, Pfn);
    MiDecrementShareCount(Pfn);
}

// The same for a page of a system view or of pool. MmSystemWorkingSetLock and the PFN lock are held.
static VOID MiEliminateSystemEntry(PMMPTE Pte, PVOID Va, PMI_TB_FLUSH Flush)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));
    BOOLEAN Cache = MiIsCacheAddress(Va); // its prototype is asked for; other views' entries name it
    ULONGLONG Entry = Cache ? 0 : MI_PROTO_PTE(Pfn->PteAddress, MM_READWRITE);
    MMPTE Old;

    if (!Pfn->u3.e1.PrototypePte) // pool, the kernel's code
        Entry = MI_TRANSITION_PTE(MI_PFN_NUMBER(Pfn), Pfn->OriginalPte.u.Soft.Protection);
    Old = MiExchangePte(Pte, Entry);
    Pfn->u3.e1.Modified |= Old.u.Hard.Dirty;
    MiAddTbFlush(Flush, Va);
    MiRemoveFromWorkingSet(&MmSystemCacheWs, Va, Pfn);
    MiDecrementShareCount(Pfn);
}

// Takes the pages at Vas out. The working set lock is held; Process (NULL: the system) is the current address space.
// IRQL <= APC_LEVEL. Takes the PFN lock, once; Count <= MI_PTE_BATCH.
VOID MiEvictPages(PEPROCESS Process, PVOID *Vas, ULONG Count)
{
    MI_TB_FLUSH Flush;
    KIRQL OldIrql;
    ULONG Index;

    Flush.Count = 0;
    OldIrql = MiLockPfn();
    for (Index = 0; Index < Count; Index++) {
        PMMPTE Pte = MiGetPteAddress(Vas[Index]);

        if (Process == NULL)
            MiEliminateSystemEntry(Pte, Vas[Index], &Flush);
        else
            MiEliminateWorkingSetEntry(Process, MiLocateVad(&Process->VadRoot, MI_VPN(Vas[Index])), Pte, Vas[Index],
                                       &Flush);
    }
    MiFlushTb(&Flush, Process == NULL);
    MiUnlockPfn(OldIrql);
    for (Index = 0; Process != NULL && Index < Count; Index++)
        MiDeletePageTable(Process, Vas[Index]); // if that was its last entry
}

// Looks at a page: takes its accessed bit and returns its new age. The working set lock is held. The caller flushes
// translations, or lives with it that a processor which remembers one does not report its next use.
FORCEINLINE ULONG MiLookAtPage(PMMWSLE Wsle)
{
    PMMPTE Pte = MiGetPteAddress(MI_VA(Wsle->u1.e1.VirtualPageNumber));

    if (Pte->u.Hard.Accessed) {
        InterlockedAnd((volatile LONG *)&Pte->u.Low, ~(LONG)MI_ACCESSED);
        Wsle->u1.e1.Age = 0;
    } else if (Wsle->u1.e1.Age < MI_MAXIMUM_AGE) {
        Wsle->u1.e1.Age++;
    }
    return Wsle->u1.e1.Age;
}

static BOOLEAN MiMayEvict(PMMWSLE Wsle, BOOLEAN Private)
{
    PMMPTE Pte = MiGetPteAddress(MI_VA(Wsle->u1.e1.VirtualPageNumber));

    return Private || MI_PFN_ELEMENT(MI_PTE_FRAME(Pte))->u3.e1.PrototypePte;
}

static ULONG MiNextSlot(PMMWSL List, ULONG Index)
{
    return Index < List->FirstDynamic || Index >= List->LastEntry ? List->FirstDynamic : Index + 1;
}

// Goes once round the list and takes out what Trim asks for; locked pages and those that could not be written anywhere
// stay. Sets the set's claim. The working set lock is held and Process is attached to. Returns how many went.
ULONG MiTrimWorkingSet(PMMSUPPORT Vm, PEPROCESS Process, const MI_TRIM *Trim)
{
    PMMWSL List = Vm->VmWorkingSetList;
    BOOLEAN Private = Trim->Private || MiTrimPrivatePages;
    ULONG Left = List->LastEntry + 1 - List->FirstDynamic, Old = 0, Taken = 0, Quota;
    PVOID Vas[MI_PTE_BATCH];

    if (Vm->Flags.BeingDeleted || Left == 0)
        return 0;
    Quota = Vm->WorkingSetSize > Trim->Floor ? min_of(Trim->Quota, Vm->WorkingSetSize - Trim->Floor) : 0;
    while (Left != 0) {
        ULONG Count = 0;

        for (; Left != 0 && Count < MI_PTE_BATCH; Left--) {
            PMMWSLE Wsle;
            ULONG Age;

            List->NextSlot = MiNextSlot(List, List->NextSlot);
            Wsle = &List->Wsle[List->NextSlot];
            if (!Wsle->u1.e1.Valid)
                continue;
            Age = MiLookAtPage(Wsle);
            if (Age >= Trim->Age && Taken + Count < Quota && MiMayEvict(Wsle, Private))
                Vas[Count++] = MI_VA(Wsle->u1.e1.VirtualPageNumber);
            else
                Old += Age >= MI_OLD_AGE;
        }
        MiEvictPages(Process, Vas, Count);
        Taken += Count;
    }
    Vm->Claim = Old;
    Vm->TrimCount += Taken;
    KeQuerySystemTime(&Vm->LastTrimTime);
    if (Process != NULL)
        KeFlushProcessTb(&Process->Pcb);
    KdTrace(WorkingSetTrim, Process != NULL ? Process->UniqueProcessId : NULL, Taken, Vm->WorkingSetSize, Trim->Age);
    return Taken;
}

// Looks at a part of the list and estimates the claim from it. The working set lock is held and the process attached
// to. Attaching has dropped this processor's translations; others report what they look up anew.
VOID MiAgeWorkingSet(PMMSUPPORT Vm, ULONG Share)
{
    PMMWSL List = Vm->VmWorkingSetList;
    ULONG Count = (List->LastEntry + Share) / Share, Old = 0, Index;

    if (Vm->Flags.BeingDeleted)
        return;
    for (Index = 0; Index < Count; Index++) {
        PMMWSLE Wsle;

        Vm->NextAgingSlot = MiNextSlot(List, Vm->NextAgingSlot);
        Wsle = &List->Wsle[Vm->NextAgingSlot];
        if (Wsle->u1.e1.Valid)
            Old += MiLookAtPage(Wsle) >= MI_OLD_AGE;
    }
    Vm->Claim = (Vm->Claim * (Share - 1) + Old * Share) / Share;
}

// Runs a trim in a process or, for NULL, in the system cache's set. IRQL PASSIVE_LEVEL or APC_LEVEL; attaches.
// Wait: FALSE: not if somebody else holds the working set lock (0 then). Returns how many pages went.
ULONG MiTrimSet(PEPROCESS Process, const MI_TRIM *Trim, BOOLEAN Wait)
{
    PKGUARDED_MUTEX Lock = Process != NULL ? &Process->WorkingSetLock : &MmSystemWorkingSetLock;
    PEPROCESS Space = Process;
    KAPC_STATE ApcState;
    ULONG Taken = 0;

    if (Process == NULL && PsGetCurrentProcess()->Session != NULL)
        Space = PsInitialSystemProcess; // the system's set has pages of session 0's pool
    if (Space != NULL)
        KeStackAttachProcess(&Space->Pcb, &ApcState);
    if (Wait || KeTryToAcquireGuardedMutex(Lock)) {
        if (Wait)
            KeAcquireGuardedMutex(Lock);
        if (Trim->Ageing)
            MiAgeWorkingSet(Process != NULL ? &Process->Vm : &MmSystemCacheWs, Trim->Quota);
        else
            Taken = MiTrimWorkingSet(Process != NULL ? &Process->Vm : &MmSystemCacheWs, Process, Trim);
        KeReleaseGuardedMutex(Lock);
    }
    if (Space != NULL)
        KeUnstackDetachProcess(&ApcState);
    return Taken;
}

static const MI_TRIM MiUnusedPages = {.Age = 1, .Quota = MAXULONG};

// One round over the memory of a process: what was not used since the last round goes. IRQL PASSIVE_LEVEL; attaches.
VOID MiTrimProcess(PEPROCESS Process)
{
    MiTrimSet(Process, &MiUnusedPages, TRUE);
}

// The same for the system cache.
VOID MiTrimSystemCache(VOID)
{
    MiTrimSet(NULL, &MiUnusedPages, TRUE);
}
