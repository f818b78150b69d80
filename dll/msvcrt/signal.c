// SPDX-License-Identifier: MIT
// Signals: hardware faults of this process, Ctrl-C from the console, and raise().

#include "crt.h"
#include <float.h>
#include <signal.h>

#define SIGNALS 32
typedef void(__cdecl *CRT_HANDLER)(int);

static CRT_HANDLER CrtpHandlers[SIGNALS]; // SIG_DFL is 0
static int CrtpConsole;

static BOOL WINAPI CrtpConsoleHandler(DWORD Event)
{
    int Signal = Event == CTRL_C_EVENT ? SIGINT : SIGBREAK;
    CRT_HANDLER Handler = CrtpHandlers[Signal];

    if (Handler == SIG_DFL) {
        return FALSE;
    }
    if (Handler != SIG_IGN) {
        CrtpHandlers[Signal] = SIG_DFL;
        Handler(Signal);
    }
    return TRUE;
}

CRT_HANDLER __cdecl signal(int Signal, CRT_HANDLER Handler)
{
    CRT_HANDLER Old;

    switch (Signal) {
    case SIGINT:
    case SIGBREAK:
        if (!CrtpConsole) {
            CrtpConsole = 1;
            SetConsoleCtrlHandler(CrtpConsoleHandler, TRUE);
        }
        break;
    case SIGABRT:
    case SIGTERM:
    case SIGFPE:
    case SIGILL:
    case SIGSEGV:
        break;
    default:
        CrtFail(EINVAL);
        return SIG_ERR;
    }
    _lock(LOCK_SIGNAL);
    Old = CrtpHandlers[Signal];
    CrtpHandlers[Signal] = Handler;
    _unlock(LOCK_SIGNAL);
    return Old;
}

int __cdecl raise(int Signal)
{
    CRT_HANDLER Handler;

    if ((unsigned)Signal >= SIGNALS) {
        return CrtFail(EINVAL);
    }
    Handler = CrtpHandlers[Signal];
    if (Handler == SIG_DFL) {
        _exit(3);
    }
    if (Handler != SIG_IGN) {
        CrtpHandlers[Signal] = SIG_DFL;
        if (Signal == SIGFPE) {
            ((void(__cdecl *)(int, int))(void *)Handler)(SIGFPE, _FPE_EXPLICITGEN);
        } else {
            Handler(Signal);
        }
    }
    return 0;
}

static int CrtpSignalOf(DWORD Code)
{
    switch (Code) {
    case EXCEPTION_ACCESS_VIOLATION:
        return SIGSEGV;
    case EXCEPTION_ILLEGAL_INSTRUCTION:
    case EXCEPTION_PRIV_INSTRUCTION:
        return SIGILL;
    case EXCEPTION_INT_DIVIDE_BY_ZERO:
    case EXCEPTION_FLT_DENORMAL_OPERAND:
    case EXCEPTION_FLT_DIVIDE_BY_ZERO:
    case EXCEPTION_FLT_INEXACT_RESULT:
    case EXCEPTION_FLT_INVALID_OPERATION:
    case EXCEPTION_FLT_OVERFLOW:
    case EXCEPTION_FLT_STACK_CHECK:
    case EXCEPTION_FLT_UNDERFLOW:
        return SIGFPE;
    default:
        return 0;
    }
}

// The filter of the start-up code's __except: a fault that the program handles as a signal is handled, anything else
// goes on to the system.
int __cdecl _XcptFilter(unsigned long Code, PEXCEPTION_POINTERS Pointers)
{
    int Signal = CrtpSignalOf(Code);
    CRT_HANDLER Handler = Signal == 0 ? SIG_DFL : CrtpHandlers[Signal];
    PEXCEPTION_POINTERS Old;

    if (Handler == SIG_DFL) {
        return UnhandledExceptionFilter(Pointers);
    }
    if (Handler == SIG_IGN) {
        return EXCEPTION_CONTINUE_EXECUTION;
    }
    Old = CrtThread()->Exception;
    CrtThread()->Exception = Pointers;
    CrtpHandlers[Signal] = SIG_DFL;
    Handler(Signal);
    CrtThread()->Exception = Old;
    return EXCEPTION_CONTINUE_EXECUTION;
}
