// SPDX-License-Identifier: MIT
// Finding processes and threads: by id (one handle table holds both kinds, so an id names one thing) and in order.

#include "psp.h"

PHANDLE_TABLE PspCidTable;
LIST_ENTRY PsActiveProcessHead;
KGUARDED_MUTEX PsActiveProcessMutex;
IO_COUNTERS PsDeadIoCounters;

// Gives Object an id from the common space of processes and threads.
// IRQL <= APC_LEVEL. Takes the table's lock. NULL when there is no memory; the table holds no reference.
HANDLE PspCreateId(PVOID Object)
{
    HANDLE_TABLE_ENTRY Entry = {.Object = Object, .GrantedAccess = 0};

    return ExCreateHandle(PspCidTable, &Entry);
}

// Frees an id. IRQL <= APC_LEVEL. NULL is allowed. In a trace an id means one thing for ever, so that it is only
// unbound then.
VOID PspDestroyId(HANDLE Id)
{
    if (Id != NULL && KdTraceKeepIds)
        NT_VERIFY(ExRetireHandle(PspCidTable, Id));
    else if (Id != NULL)
        NT_VERIFY(ExDestroyHandle(PspCidTable, Id, NULL));
}

// A thread has its id before its stack and TEB, which contains the id; nobody may act on it until it is linked.
static BOOLEAN PspIsComplete(PVOID Object, POBJECT_TYPE Type)
{
    return Type != PsThreadType || (((PETHREAD)Object)->Flags & PS_THREAD_FLAGS_VISIBLE) != 0;
}

// The object behind an id if it is of Type and not being deleted, referenced.
static PVOID PspReferenceById(HANDLE Id, POBJECT_TYPE Type)
{
    PHANDLE_TABLE_ENTRY Entry;
    PVOID Object = NULL;

    KeEnterCriticalRegion();
    Entry = ExMapHandleToPointer(PspCidTable, Id);
    if (Entry != NULL) {
        PVOID Candidate = EX_HANDLE_ENTRY_OBJECT(Entry);

        if (OBJECT_TO_OBJECT_HEADER(Candidate)->Type == Type && PspIsComplete(Candidate, Type) &&
            ObReferenceObjectSafe(Candidate))
            Object = Candidate;
        ExUnlockHandleTableEntry(PspCidTable, Entry);
    }
    KeLeaveCriticalRegion();
    return Object;
}

// The process with this id, referenced. IRQL <= APC_LEVEL. STATUS_INVALID_PARAMETER if there is none (WDK).
NTSTATUS NTAPI PsLookupProcessByProcessId(HANDLE ProcessId, PEPROCESS *Process)
{
    *Process = PspReferenceById(ProcessId, PsProcessType);
    return *Process != NULL ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

// The thread with this id, referenced. IRQL <= APC_LEVEL. STATUS_INVALID_PARAMETER if there is none (WDK).
NTSTATUS NTAPI PsLookupThreadByThreadId(HANDLE ThreadId, PETHREAD *Thread)
{
    *Thread = PspReferenceById(ThreadId, PsThreadType);
    return *Thread != NULL ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

// The thread of this client id and, if wanted, its process; both referenced. STATUS_INVALID_CID if they do not belong
// together.
NTSTATUS NTAPI PsLookupProcessThreadByCid(PCLIENT_ID Cid, PEPROCESS *Process, PETHREAD *Thread)
{
    if (!NT_SUCCESS(PsLookupThreadByThreadId(Cid->UniqueThread, Thread)))
        return STATUS_INVALID_CID;
    if ((*Thread)->Cid.UniqueProcess != Cid->UniqueProcess) {
        ObDereferenceObject(*Thread);
        return STATUS_INVALID_CID;
    }
    if (Process != NULL) {
        *Process = (*Thread)->ThreadsProcess;
        ObReferenceObject(*Process);
    }
    return STATUS_SUCCESS;
}

// Walks all processes in order of creation: Previous is dereferenced, the result referenced; NULL begins and ends.
// IRQL <= APC_LEVEL. Takes PsActiveProcessMutex.
PEPROCESS PsGetNextProcess(PEPROCESS Previous)
{
    PLIST_ENTRY Link;
    PEPROCESS Found = NULL;

    KeAcquireGuardedMutex(&PsActiveProcessMutex);
    Link = Previous != NULL ? Previous->ActiveProcessLinks.Flink : PsActiveProcessHead.Flink;
    for (; Link != &PsActiveProcessHead && Found == NULL; Link = Link->Flink) {
        PEPROCESS Process = CONTAINING_RECORD(Link, EPROCESS, ActiveProcessLinks);

        if (ObReferenceObjectSafe(Process))
            Found = Process;
    }
    KeReleaseGuardedMutex(&PsActiveProcessMutex);
    if (Previous != NULL)
        ObDereferenceObject(Previous);
    return Found;
}

// The same for the threads of a process. Takes the process lock.
PETHREAD PsGetNextProcessThread(PEPROCESS Process, PETHREAD Previous)
{
    PLIST_ENTRY Link;
    PETHREAD Found = NULL;

    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&Process->ProcessLock);
    Link = Previous != NULL ? Previous->ThreadListEntry.Flink : Process->ThreadListHead.Flink;
    for (; Link != &Process->ThreadListHead && Found == NULL; Link = Link->Flink) {
        PETHREAD Thread = CONTAINING_RECORD(Link, ETHREAD, ThreadListEntry);

        if (ObReferenceObjectSafe(Thread))
            Found = Thread;
    }
    ExReleasePushLockShared(&Process->ProcessLock);
    KeLeaveCriticalRegion();
    if (Previous != NULL)
        ObDereferenceObject(Previous);
    return Found;
}
