// SPDX-License-Identifier: MIT
// Console control handlers: a list, called newest first in a thread of its own, the last of which ends the process.

#include "k32.h"

#define CTRL_HANDLERS 32

static PHANDLER_ROUTINE BasepHandlers[CTRL_HANDLERS];
static ULONG BasepHandlerCount;
static BOOL BasepIgnoreCtrlC;

WINBOOL WINAPI SetConsoleCtrlHandler(PHANDLER_ROUTINE Handler, WINBOOL Add)
{
    BOOL Done = FALSE;

    if (Handler == NULL) {
        BasepIgnoreCtrlC = Add != 0;
        return TRUE;
    }
    RtlAcquirePebLock();
    if (Add) {
        if (BasepHandlerCount < CTRL_HANDLERS) {
            BasepHandlers[BasepHandlerCount++] = Handler;
            Done = TRUE;
        }
    } else {
        for (ULONG i = BasepHandlerCount; i-- > 0 && !Done;) {
            if (BasepHandlers[i] == Handler) {
                memmove(&BasepHandlers[i], &BasepHandlers[i + 1], (BasepHandlerCount - i - 1) * sizeof(Handler));
                BasepHandlerCount--;
                Done = TRUE;
            }
        }
    }
    RtlReleasePebLock();
    return Done ? TRUE : BaseFail(Add ? ERROR_NOT_ENOUGH_MEMORY : ERROR_INVALID_PARAMETER);
}

static DWORD WINAPI BasepCtrlThread(LPVOID Parameter)
{
    DWORD Event = (DWORD)(ULONG_PTR)Parameter;

    for (ULONG i = BasepHandlerCount; i-- > 0;) {
        if (BasepHandlers[i](Event)) {
            return 0;
        }
    }
    ExitProcess((UINT)STATUS_CONTROL_C_EXIT);
}

// Reaches only the calling process: the console keeps no list of the processes on it.
WINBOOL WINAPI GenerateConsoleCtrlEvent(DWORD Event, DWORD Group)
{
    HANDLE Thread;

    if (Event != CTRL_C_EVENT && Event != CTRL_BREAK_EVENT) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (Group != 0 && Group != GetCurrentProcessId()) {
        return BaseFail(ERROR_NOT_SUPPORTED);
    }
    if (Event == CTRL_C_EVENT && BasepIgnoreCtrlC) {
        return TRUE;
    }
    Thread = CreateThread(NULL, 0, BasepCtrlThread, (PVOID)(ULONG_PTR)Event, 0, NULL);
    if (Thread == NULL) {
        return FALSE;
    }
    NtClose(Thread);
    return TRUE;
}
