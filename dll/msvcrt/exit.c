// SPDX-License-Identifier: MIT
// The end of a program: functions to call at exit, in reverse order, then the streams, then ExitProcess.

#include "crt.h"
#include <signal.h>

typedef int(__cdecl *CRT_ONEXIT)(void);
void __cdecl _amsg_exit(int Number);

static CRT_ONEXIT *CrtpFunctions;
static size_t CrtpCount, CrtpRoom;
static int CrtpExiting;

CRT_ONEXIT __cdecl _onexit(CRT_ONEXIT Function)
{
    CRT_ONEXIT *New;

    _lock(LOCK_EXIT);
    if (CrtpCount == CrtpRoom) {
        New = realloc(CrtpFunctions, (CrtpRoom + 32) * sizeof(*New));
        if (New == NULL) {
            _unlock(LOCK_EXIT);
            return NULL;
        }
        CrtpFunctions = New;
        CrtpRoom += 32;
    }
    CrtpFunctions[CrtpCount++] = Function;
    _unlock(LOCK_EXIT);
    return Function;
}

int __cdecl atexit(void(__cdecl *Function)(void))
{
    return _onexit((CRT_ONEXIT)(void *)Function) == NULL ? -1 : 0;
}

// A DLL's own table of exit functions, which the DLL keeps between *Start and *End.
CRT_ONEXIT __cdecl __dllonexit(CRT_ONEXIT Function, CRT_ONEXIT **Start, CRT_ONEXIT **End);
CRT_ONEXIT __cdecl __dllonexit(CRT_ONEXIT Function, CRT_ONEXIT **Start, CRT_ONEXIT **End)
{
    size_t Count = (size_t)(*End - *Start);
    CRT_ONEXIT *New = realloc(*Start, (Count + 1) * sizeof(*New));

    if (New == NULL) {
        return NULL;
    }
    New[Count] = Function;
    *Start = New;
    *End = New + Count + 1;
    return Function;
}

static void CrtpRunFunctions(void)
{
    for (;;) {
        CRT_ONEXIT Function;

        _lock(LOCK_EXIT);
        Function = CrtpCount == 0 ? NULL : CrtpFunctions[--CrtpCount];
        _unlock(LOCK_EXIT);
        if (Function == NULL) {
            return;
        }
        Function();
    }
}

void __cdecl _cexit(void)
{
    CrtpRunFunctions();
    CrtFlushAll();
}

void __cdecl _c_exit(void)
{
}

void __cdecl _exit(int Code)
{
    ExitProcess((UINT)Code);
}

// A second call, from an exit function, goes on where the first was.
void __cdecl exit(int Code)
{
    CrtpExiting++;
    CrtpRunFunctions();
    CrtFlushAll();
    _fcloseall();
    ExitProcess((UINT)Code);
}

void __cdecl _Exit(int Code)
{
    _exit(Code);
}

void __cdecl abort(void)
{
    fputs("\nThis application has requested the Runtime to terminate it in an unusual way.\n", stderr);
    raise(SIGABRT);
    _exit(3);
}

void __cdecl _purecall(void)
{
    _amsg_exit(25);
}
