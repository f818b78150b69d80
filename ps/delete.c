// SPDX-License-Identifier: MIT
// The delete procedures: the last reference to a process or thread is gone, whether it ever ran or not.

#include "psp.h"

// The system's totals go on counting what the process has counted. PsActiveProcessMutex is held.
static VOID PspKeepIoCounters(const IO_COUNTERS *Counters)
{
    PsDeadIoCounters.ReadOperationCount += Counters->ReadOperationCount;
    PsDeadIoCounters.WriteOperationCount += Counters->WriteOperationCount;
    PsDeadIoCounters.OtherOperationCount += Counters->OtherOperationCount;
    PsDeadIoCounters.ReadTransferCount += Counters->ReadTransferCount;
    PsDeadIoCounters.WriteTransferCount += Counters->WriteTransferCount;
    PsDeadIoCounters.OtherTransferCount += Counters->OtherTransferCount;
}

// IRQL PASSIVE_LEVEL, called by Ob.
VOID NTAPI PspProcessDelete(PVOID Object)
{
    PEPROCESS Process = Object;

    ASSERT(Process->ActiveThreads == 0);
    if (!IsListEmpty(&Process->ActiveProcessLinks)) {
        KeAcquireGuardedMutex(&PsActiveProcessMutex);
        RemoveEntryList(&Process->ActiveProcessLinks);
        PspKeepIoCounters(&Process->IoCounters);
        KeReleaseGuardedMutex(&PsActiveProcessMutex);
    }
    if (Process->ObjectTable != NULL)
        ObKillProcess(Process);
    if (Process->Pcb.DirectoryTableBase != 0) {
        if ((Process->SectionObject != NULL || Process->VadRoot.Root != NULL) &&
            !(Process->Flags & PS_PROCESS_FLAGS_VM_DELETED)) {
            KAPC_STATE ApcState;

            KeStackAttachProcess(&Process->Pcb, &ApcState);
            MmCleanProcessAddressSpace(Process);
            KeUnstackDetachProcess(&ApcState);
        }
        KeUnloadProcess(&Process->Pcb); // an idle processor may still have it loaded
        MmDeleteProcessAddressSpace(Process);
    }
    if (Process->Session != NULL)
        MmLeaveSession(Process);
    if (Process->Token != NULL)
        SeDeleteProcess(Process);
    if (Process->SectionObject != NULL)
        ObDereferenceObject(Process->SectionObject);
    PspDestroyId(Process->UniqueProcessId);
    PsDeleteQuotaBlock(Process);
}

// IRQL PASSIVE_LEVEL, called by Ob. A thread that ran has given its stack to the reaper.
VOID NTAPI PspThreadDelete(PVOID Object)
{
    PETHREAD Thread = Object;
    PEPROCESS Process = Thread->ThreadsProcess;

    if (Thread->Tcb.InitialStack != NULL) {
        MmDeleteKernelStack(Thread->Tcb.StackBase, FALSE);
        if (Thread->Tcb.Teb != NULL) {
            KAPC_STATE ApcState;

            KeStackAttachProcess(&Process->Pcb, &ApcState);
            MmDeleteTeb(Process, Thread->Tcb.Teb);
            KeUnstackDetachProcess(&ApcState);
        }
    }
    PspDestroyId(Thread->Cid.UniqueThread);
    if (Process == NULL)
        return;
    if (!IsListEmpty(&Thread->ThreadListEntry)) {
        KeEnterCriticalRegion();
        ExAcquirePushLockExclusive(&Process->ProcessLock);
        RemoveEntryList(&Thread->ThreadListEntry);
        ExReleasePushLockExclusive(&Process->ProcessLock);
        KeLeaveCriticalRegion();
    }
    ObDereferenceObject(Process);
}
