// SPDX-License-Identifier: MIT
// Closing handles. Source: WDK, ZwClose.

#include "obp.h"

// Does anything forbid closing this handle? The entry is locked.
static BOOLEAN ObpMayClose(PEPROCESS Process, PHANDLE_TABLE_ENTRY Entry, HANDLE Handle, KPROCESSOR_MODE Mode)
{
    POBJECT_HEADER Header = EX_HANDLE_ENTRY_OBJECT(Entry);
    OB_OKAYTOCLOSE_METHOD OkayToClose = Header->Type->TypeInfo.OkayToCloseProcedure;

    if (Entry->Value & OBP_ENTRY_PROTECT)
        return FALSE;
    return OkayToClose == NULL || OkayToClose(Process, Header->Body, Handle, Mode);
}

// Takes a handle out of Table, which belongs to Process, and runs everything that follows from it. If TableAcquired,
// the table is released (ObpReleaseProcessTable) before close procedures run, in every case.
//
// PASSIVE_LEVEL. STATUS_INVALID_HANDLE, STATUS_HANDLE_NOT_CLOSABLE.
NTSTATUS ObpCloseTableHandle(PEPROCESS Process, PHANDLE_TABLE Table, HANDLE Handle, KPROCESSOR_MODE Mode,
                             BOOLEAN TableAcquired)
{
    POBJECT_HEADER Header = NULL;
    ACCESS_MASK GrantedAccess = 0;
    PHANDLE_TABLE_ENTRY Entry;
    NTSTATUS Status = STATUS_INVALID_HANDLE;
    PKTHREAD Thread = ExEnterCriticalRegion();

    Entry = ExTryLockHandle(Table, Handle);
    if (Entry == NULL)
        Entry = ExMapHandleToPointer(Table, Handle);
    if (Entry != NULL && !ObpMayClose(Process, Entry, Handle, Mode)) {
        ExUnlockHandle(Entry);
        Status = STATUS_HANDLE_NOT_CLOSABLE;
    } else if (Entry != NULL) {
        Header = EX_HANDLE_ENTRY_OBJECT(Entry);
        GrantedAccess = Entry->GrantedAccess;
        ExDestroyHandle(Table, Handle, Entry);
        Status = STATUS_SUCCESS;
    }
    ExLeaveCriticalRegion(Thread);
    if (TableAcquired)
        ObpReleaseProcessTable(Process);
    if (Header != NULL) {
        ObpDecrementHandleCount(Header, Process, GrantedAccess);
        ObReleaseObject(Header->Body);
    }
    return Status;
}

// Closes a handle of the current process, or of the kernel (top bit, kernel mode only).
// PASSIVE_LEVEL. STATUS_INVALID_HANDLE, STATUS_HANDLE_NOT_CLOSABLE.
NTSTATUS NTAPI ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE Mode)
{
    PEPROCESS Process = PsGetCurrentProcess();
    PHANDLE_TABLE Table = Process->ObjectTable;

    PAGED_CODE();
    if (ObpIsKernelHandle(Handle, Mode)) {
        Process = PsInitialSystemProcess;
        Table = ObpKernelHandleTable;
        Handle = ObpStripKernelHandle(Handle);
    }
    if (Table == NULL)
        return STATUS_INVALID_HANDLE;
    return ObpCloseTableHandle(Process, Table, Handle, Mode, FALSE);
}

// ObCloseHandle for the previous mode.
NTSTATUS NTAPI NtClose(HANDLE Handle)
{
    return ObCloseHandle(Handle, ExGetPreviousMode());
}
