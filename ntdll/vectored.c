// SPDX-License-Identifier: MIT
// Vectored handlers: asked for every exception of the process before any frame is; and the continue handlers, told when
// somebody chose to continue. A handler may be removed while it runs: an entry lives until its last call has returned.
// Source: SDK documentation (AddVectoredExceptionHandler).

#include "ntdllp.h"
#include "rtl/rtlp.h"

typedef struct _VECTORED_HANDLER {
    LIST_ENTRY Links;
    LONG References;                     // calls under way, plus one while it is on the list
    PVECTORED_EXCEPTION_HANDLER Routine; // encoded
} VECTORED_HANDLER, *PVECTORED_HANDLER;

static RTL_CRITICAL_SECTION RtlpVectoredLock = RTLP_STATIC_CRITICAL_SECTION;
static LIST_ENTRY RtlpExceptionHandlers = {&RtlpExceptionHandlers, &RtlpExceptionHandlers};
static LIST_ENTRY RtlpContinueHandlers = {&RtlpContinueHandlers, &RtlpContinueHandlers};

static PVOID RtlpAddHandler(PLIST_ENTRY List, ULONG First, PVECTORED_EXCEPTION_HANDLER Routine)
{
    PVECTORED_HANDLER Handler = RtlpAlloc(sizeof(*Handler));

    if (Handler == NULL)
        return NULL;
    Handler->References = 1;
    Handler->Routine = (PVECTORED_EXCEPTION_HANDLER)(ULONG_PTR)RtlEncodePointer((PVOID)(ULONG_PTR)Routine);
    RtlEnterCriticalSection(&RtlpVectoredLock);
    if (First)
        InsertHeadList(List, &Handler->Links);
    else
        InsertTailList(List, &Handler->Links);
    RtlLeaveCriticalSection(&RtlpVectoredLock);
    return Handler;
}

// The lock is held. Frees the handler with its last reference.
static VOID RtlpDereferenceHandler(PVECTORED_HANDLER Handler)
{
    if (--Handler->References == 0) {
        RemoveEntryList(&Handler->Links);
        RtlpFree(Handler);
    }
}

static ULONG RtlpRemoveHandler(PLIST_ENTRY List, PVOID Handle)
{
    PLIST_ENTRY Entry;
    ULONG Found = FALSE;

    RtlEnterCriticalSection(&RtlpVectoredLock);
    for (Entry = List->Flink; Entry != List; Entry = Entry->Flink) {
        PVECTORED_HANDLER Handler = CONTAINING_RECORD(Entry, VECTORED_HANDLER, Links);

        if (Handler != Handle || Handler->Routine == NULL)
            continue;
        Handler->Routine = NULL; // a call under way finishes; no new one begins
        RtlpDereferenceHandler(Handler);
        Found = TRUE;
        break;
    }
    RtlLeaveCriticalSection(&RtlpVectoredLock);
    return Found;
}

// Calls the handlers in turn until one answers EXCEPTION_CONTINUE_EXECUTION; TRUE then.
static BOOLEAN RtlpCallHandlers(PLIST_ENTRY List, PEXCEPTION_RECORD Record, PCONTEXT Context)
{
    EXCEPTION_POINTERS Pointers = {Record, Context};
    PLIST_ENTRY Entry, Next;
    LONG Answer = EXCEPTION_CONTINUE_SEARCH;

    if (IsListEmpty(List))
        return FALSE;
    RtlEnterCriticalSection(&RtlpVectoredLock);
    for (Entry = List->Flink; Entry != List && Answer != EXCEPTION_CONTINUE_EXECUTION; Entry = Next) {
        PVECTORED_HANDLER Handler = CONTAINING_RECORD(Entry, VECTORED_HANDLER, Links);
        PVECTORED_EXCEPTION_HANDLER Routine = Handler->Routine;

        if (Routine == NULL) {
            Next = Entry->Flink;
            continue;
        }
        Handler->References++;
        RtlLeaveCriticalSection(&RtlpVectoredLock);
        Routine = (PVECTORED_EXCEPTION_HANDLER)(ULONG_PTR)RtlDecodePointer((PVOID)(ULONG_PTR)Routine);
        Answer = Routine(&Pointers);
        RtlEnterCriticalSection(&RtlpVectoredLock);
        Next = Entry->Flink;
        RtlpDereferenceHandler(Handler);
    }
    RtlLeaveCriticalSection(&RtlpVectoredLock);
    return Answer == EXCEPTION_CONTINUE_EXECUTION;
}

// Called by RtlDispatchException before the frames.
BOOLEAN RtlpCallVectoredHandlers(PEXCEPTION_RECORD Record, PCONTEXT Context)
{
    return RtlpCallHandlers(&RtlpExceptionHandlers, Record, Context);
}

// Called by RtlDispatchException when the execution will be continued.
VOID RtlpCallVectoredContinueHandlers(PEXCEPTION_RECORD Record, PCONTEXT Context)
{
    RtlpCallHandlers(&RtlpContinueHandlers, Record, Context);
}

// Returns a handle for the removal, NULL without memory.
PVOID NTAPI RtlAddVectoredExceptionHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler)
{
    return RtlpAddHandler(&RtlpExceptionHandlers, First, Handler);
}

PVOID NTAPI RtlAddVectoredContinueHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler)
{
    return RtlpAddHandler(&RtlpContinueHandlers, First, Handler);
}

// 0 if there is no such handler.
ULONG NTAPI RtlRemoveVectoredExceptionHandler(PVOID Handle)
{
    return RtlpRemoveHandler(&RtlpExceptionHandlers, Handle);
}

ULONG NTAPI RtlRemoveVectoredContinueHandler(PVOID Handle)
{
    return RtlpRemoveHandler(&RtlpContinueHandlers, Handle);
}
