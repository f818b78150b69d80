// SPDX-License-Identifier: MIT
// Se's start, and the token of a process.

#include "sep.h"

// Phase 0, after ObInitSystem(0): the token type and the system token. Phase 1: a system process that was made before
// the token gets it now. FALSE: no memory. PASSIVE_LEVEL.
BOOLEAN SeInitSystem(ULONG Phase)
{
    if (Phase == 0)
        return SepInitTokens();
    if (PsInitialSystemProcess != NULL && PsInitialSystemProcess->Token == NULL)
        return NT_SUCCESS(SeInitProcess(NULL, PsInitialSystemProcess));
    return TRUE;
}

// Gives a new process its primary token: a reference to its parent's, or to the system token. Never fails.
// PASSIVE_LEVEL.
NTSTATUS NTAPI SeInitProcess(PEPROCESS Parent, PEPROCESS Process)
{
    PACCESS_TOKEN Token = Parent != NULL && Parent->Token != NULL ? Parent->Token : SeSystemToken;

    if (Token != NULL)
        ObReferenceObject(Token);
    Process->Token = Token;
    return STATUS_SUCCESS;
}

// The process object is being deleted: drops its token. IRQL <= DISPATCH_LEVEL.
VOID SeDeleteProcess(PEPROCESS Process)
{
    if (Process->Token != NULL)
        ObDereferenceObject(Process->Token);
    Process->Token = NULL;
}
