// SPDX-License-Identifier: MIT
// Who is who in a trace: processes and threads by their ids, and processes' names.

#include "kdp.h"
#include "kdtrace.h"

#define NAME_PART (3 * sizeof(ULONG)) // characters that a record holds beside the id

// The id of a thread, 0 for an idle thread. Any IRQL.
ULONG KdTraceThreadId(PKTHREAD Thread)
{
    return (ULONG)(ULONG_PTR)((PETHREAD)Thread)->Cid.UniqueThread;
}

// A process' name, in as many records as it takes. Any IRQL.
VOID KdTraceProcessName(PEPROCESS Process)
{
    ULONG Part[3], Start, Length = (ULONG)strlen(Process->ImageFileName);

    for (Start = 0; Start < Length; Start += NAME_PART) {
        RtlZeroMemory(Part, sizeof(Part));
        RtlCopyMemory(Part, &Process->ImageFileName[Start], Length - Start < NAME_PART ? Length - Start : NAME_PART);
        KdTrace(Name, Process->UniqueProcessId, Part[0], Part[1], Part[2]);
    }
}

// A process has been created. Any IRQL.
VOID KdTraceProcess(PEPROCESS Process)
{
    KdTrace(ProcessCreate, Process->UniqueProcessId, Process->InheritedFromUniqueProcessId, 0, 0);
    KdTraceProcessName(Process);
}

// A thread has been created. Any IRQL.
VOID KdTraceThread(PETHREAD Thread)
{
    KdTrace(ThreadCreate, Thread->Cid.UniqueThread, Thread->Cid.UniqueProcess,
            Thread->Win32StartAddress != NULL ? (ULONG_PTR)Thread->Win32StartAddress : (ULONG_PTR)Thread->StartAddress,
            Thread->Tcb.Priority);
}
