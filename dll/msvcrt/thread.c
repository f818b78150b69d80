// SPDX-License-Identifier: MIT
// Per-thread data and _beginthread.

#include "crt.h"
#include <process.h>

static DWORD CrtpTls = TLS_OUT_OF_INDEXES;
static CRT_THREAD CrtpFallback; // shared by threads for which there is no memory

// Takes the TLS slot; 0 when there is none.
int CrtInitializeThreads(void)
{
    CrtpTls = TlsAlloc();
    return CrtpTls != TLS_OUT_OF_INDEXES;
}

// The calling thread's data. The last error is left alone.
CRT_THREAD *CrtThread(void)
{
    DWORD Error = GetLastError();
    CRT_THREAD *Thread = TlsGetValue(CrtpTls);

    if (Thread == NULL) {
        Thread = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof(*Thread));
        if (Thread == NULL) {
            Thread = &CrtpFallback;
        } else {
            Thread->RandomSeed = 1;
            TlsSetValue(CrtpTls, Thread);
        }
    }
    SetLastError(Error);
    return Thread;
}

// Called when a thread ends.
void CrtFreeThread(void)
{
    CRT_THREAD *Thread = TlsGetValue(CrtpTls);

    if (Thread != NULL) {
        TlsSetValue(CrtpTls, NULL);
        HeapFree(GetProcessHeap(), 0, Thread);
    }
}

typedef struct _CRT_START {
    unsigned(__stdcall *RoutineEx)(void *);
    void(__cdecl *Routine)(void *);
    void *Parameter;
} CRT_START;

static DWORD WINAPI CrtpThreadStart(LPVOID Parameter)
{
    CRT_START Start = *(CRT_START *)Parameter;

    free(Parameter);
    if (Start.RoutineEx != NULL) {
        return Start.RoutineEx(Start.Parameter);
    }
    Start.Routine(Start.Parameter);
    return 0;
}

static HANDLE CrtpBegin(void *Security, unsigned StackSize, CRT_START Start, unsigned Flags, unsigned *Id)
{
    CRT_START *Copy = malloc(sizeof(*Copy));
    HANDLE Thread;
    DWORD ThreadId;

    if (Copy == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    *Copy = Start;
    Thread = CreateThread(Security, StackSize, CrtpThreadStart, Copy, Flags, &ThreadId);
    if (Thread == NULL) {
        CrtFailLast();
        free(Copy);
    } else if (Id != NULL) {
        *Id = ThreadId;
    }
    return Thread;
}

uintptr_t __cdecl _beginthreadex(void *Security, unsigned StackSize, unsigned(__stdcall *Routine)(void *),
                                 void *Parameter, unsigned Flags, unsigned *Id)
{
    CRT_START Start = {.RoutineEx = Routine, .Parameter = Parameter};

    if (Routine == NULL) {
        errno = EINVAL;
        return 0;
    }
    return (uintptr_t)CrtpBegin(Security, StackSize, Start, Flags, Id);
}

// The handle belongs to the thread: it may be closed already when the caller gets it (library reference).
uintptr_t __cdecl _beginthread(void(__cdecl *Routine)(void *), unsigned StackSize, void *Parameter)
{
    CRT_START Start = {.Routine = Routine, .Parameter = Parameter};
    HANDLE Thread;

    if (Routine == NULL) {
        errno = EINVAL;
        return (uintptr_t)-1;
    }
    Thread = CrtpBegin(NULL, StackSize, Start, 0, NULL);
    return Thread == NULL ? (uintptr_t)-1 : (uintptr_t)Thread;
}

void __cdecl _endthreadex(unsigned Code)
{
    ExitThread(Code);
}

void __cdecl _endthread(void)
{
    ExitThread(0);
}

unsigned long __cdecl __threadid(void)
{
    return GetCurrentThreadId();
}

uintptr_t __cdecl __threadhandle(void)
{
    return (uintptr_t)GetCurrentThread();
}

void **__cdecl __pxcptinfoptrs(void)
{
    return (void **)&CrtThread()->Exception;
}
