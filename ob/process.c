// SPDX-License-Identifier: MIT
// The handle table of a process: made with it (inherited handles keep their values), closed with it, walked for
// information. Source: Windows Internals, "Handle Inheritance".

#include "obp.h"

static BOOLEAN ObpKernelTableAdopted;

// An entry of the parent's table: a copy for the child if it may be inherited.
static BOOLEAN ObpInheritHandle(PHANDLE_TABLE_ENTRY OldEntry, PHANDLE_TABLE_ENTRY NewEntry, PVOID Context)
{
    POBJECT_HEADER Header = EX_HANDLE_ENTRY_OBJECT(OldEntry);

    if ((OldEntry->Value & OBP_ENTRY_INHERIT) == 0)
        return FALSE;
    if (!NT_SUCCESS(ObpIncrementHandleCount(ObInheritHandle, Header, Context, OldEntry->GrantedAccess, 0)))
        return FALSE;
    ObReferenceObject(Header->Body);
    NewEntry->Value = (ULONG_PTR)Header | (OldEntry->Value & (OBP_ENTRY_INHERIT | OBP_ENTRY_PROTECT));
    NewEntry->GrantedAccess = OldEntry->GrantedAccess;
    return TRUE;
}

// Gives a new process its handle table: with Parent, copies of its inheritable handles at the same values; else an
// empty one. The first process of all (the system process) gets the kernel's table. PASSIVE_LEVEL.
// STATUS_INSUFFICIENT_RESOURCES; STATUS_PROCESS_IS_TERMINATING if the parent has lost its table.
NTSTATUS NTAPI ObInitProcess(PEPROCESS Parent, PEPROCESS Process)
{
    PHANDLE_TABLE Table, Old;

    if (Parent == NULL && !ObpKernelTableAdopted) {
        ObpKernelTableAdopted = TRUE;
        Process->ObjectTable = ObpKernelHandleTable;
        return STATUS_SUCCESS;
    }
    if (Parent == NULL) {
        Table = ExCreateHandleTable(Process);
    } else {
        Old = ObpAcquireProcessTable(Parent);
        if (Old == NULL)
            return STATUS_PROCESS_IS_TERMINATING;
        Table = ExDupHandleTable(Process, Old, ObpInheritHandle, Process);
        ObpReleaseProcessTable(Parent);
    }
    if (Table == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Process->ObjectTable = Table;
    return STATUS_SUCCESS;
}

// Closes every handle of a process, protected ones too, and frees its table. In the context of its last thread, or of
// whoever failed to create it. PASSIVE_LEVEL.
VOID ObKillProcess(PEPROCESS Process)
{
    PHANDLE_TABLE Table = ObpDetachProcessTable(Process);
    HANDLE_TABLE_ENTRY Entry;
    HANDLE Cursor = NULL;

    PAGED_CODE();
    if (Table == NULL || Table == ObpKernelHandleTable)
        return;
    while (ExRemoveNextHandle(Table, &Cursor, &Entry)) {
        POBJECT_HEADER Header = EX_HANDLE_ENTRY_OBJECT(&Entry);

        ObpDecrementHandleCount(Header, Process, Entry.GrantedAccess);
        ObDereferenceObject(Header->Body);
    }
    ExDestroyHandleTable(Table);
}

// How many handles the process has; 0 once they are closed. IRQL <= APC_LEVEL.
ULONG ObGetProcessHandleCount(PEPROCESS Process)
{
    PHANDLE_TABLE Table = ObpAcquireProcessTable(Process);
    ULONG Count;

    if (Table == NULL)
        return 0;
    Count = (ULONG)Table->HandleCount;
    ObpReleaseProcessTable(Process);
    return Count;
}

typedef struct _OBP_WALK {
    POB_ENUMERATE_HANDLE_ROUTINE Callback;
    PVOID Context;
} OBP_WALK;

static BOOLEAN ObpVisitHandle(PHANDLE_TABLE_ENTRY Entry, HANDLE Handle, PVOID Context)
{
    OBP_WALK *Walk = Context;

    return Walk->Callback(Handle, EX_HANDLE_ENTRY_OBJECT(Entry), Entry->GrantedAccess, ObpEntryAttributes(Entry),
                          Walk->Context);
}

// Calls Callback for each handle of Process, entry locked, until it returns TRUE. FALSE if the process has no handle
// table any more. PASSIVE_LEVEL.
BOOLEAN ObEnumerateHandles(PEPROCESS Process, POB_ENUMERATE_HANDLE_ROUTINE Callback, PVOID Context)
{
    PHANDLE_TABLE Table = ObpAcquireProcessTable(Process);
    OBP_WALK Walk = {Callback, Context};

    if (Table == NULL)
        return FALSE;
    ExEnumHandleTable(Table, ObpVisitHandle, &Walk, NULL);
    ObpReleaseProcessTable(Process);
    return TRUE;
}
