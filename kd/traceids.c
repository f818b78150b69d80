// SPDX-License-Identifier: MIT
// Who is who in a trace: processes and threads by their ids, processes' names, and files that pages come from.

#include "kdp.h"
#include "kdtrace.h"

#define NAME_PART (3 * sizeof(ULONG))      // characters that a record holds beside the id
#define FILE_NAME_PART (2 * sizeof(ULONG)) // beside a file and the number of the part
#define FILE_NAME_PARTS 8u                 // of a longer name the end is told

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

// Pages of a file may be read from now on: its name, in as many records as it takes. Name: characters beyond ASCII
// become question marks; may lie in paged memory. IRQL <= APC_LEVEL.
VOID KdTraceFile(PVOID File, const UNICODE_STRING *Name)
{
    ULONG Length = Name->Length / sizeof(WCHAR), Number, Index;
    const WCHAR *Text = Name->Buffer;

    if ((KdTraceMask & KD_TRACE_IDS) == 0)
        return;
    if (Length > FILE_NAME_PARTS * FILE_NAME_PART) {
        Text += Length - FILE_NAME_PARTS * FILE_NAME_PART;
        Length = FILE_NAME_PARTS * FILE_NAME_PART;
    }
    for (Number = 0; Number == 0 || Number * FILE_NAME_PART < Length; Number++) {
        union {
            ULONG Words[2];
            CHAR Text[FILE_NAME_PART];
        } Part = {.Words = {0}};

        for (Index = 0; Index < FILE_NAME_PART && Number * FILE_NAME_PART + Index < Length; Index++) {
            WCHAR Character = Text[Number * FILE_NAME_PART + Index];

            Part.Text[Index] = Character < 0x80 ? (CHAR)Character : '?';
        }
        KdTrace(FileName, File, Number, Part.Words[0], Part.Words[1]);
    }
}
