// SPDX-License-Identifier: MIT
// Handles: from a handle to a referenced object, and from an object to a new handle. Handles with the top bit set lie
// in the kernel's own table and exist only for kernel mode; -1 and -2 stand for the current process and thread.
// Entry: pointer to the OBJECT_HEADER | OBP_ENTRY_* | lock; GrantedAccess. Source: WDK, ObReferenceObjectByHandle.

#include "obp.h"

PHANDLE_TABLE ObpKernelHandleTable;

static EX_PUSH_LOCK ObpProcessTableLock; // shared: uses another process's table; exclusive: takes it away (process.c)

// ObpAcquireProcessTable for a process that is not the current thread's own. IRQL <= APC_LEVEL.
PHANDLE_TABLE ObpAcquireOtherTable(PEPROCESS Process)
{
    PHANDLE_TABLE Table;

    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&ObpProcessTableLock);
    Table = Process->ObjectTable;
    if (Table == NULL)
        ObpReleaseOtherTable();
    return Table;
}

// Undoes ObpAcquireOtherTable.
VOID ObpReleaseOtherTable(VOID)
{
    ExReleasePushLockShared(&ObpProcessTableLock);
    KeLeaveCriticalRegion();
}

// Takes a process's table away from it; afterwards nobody else uses it. NULL if there is none. IRQL <= APC_LEVEL.
PHANDLE_TABLE ObpDetachProcessTable(PEPROCESS Process)
{
    PHANDLE_TABLE Table;

    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&ObpProcessTableLock);
    Table = Process->ObjectTable;
    Process->ObjectTable = NULL;
    ExReleasePushLockExclusive(&ObpProcessTableLock);
    KeLeaveCriticalRegion();
    return Table;
}

// References the object of a handle in Table and reads its access and attributes. STATUS_INVALID_HANDLE.
// IRQL <= APC_LEVEL; Table cannot go away.
NTSTATUS ObpReferenceEntry(PHANDLE_TABLE Table, HANDLE Handle, POBJECT_HEADER *Header,
                           POBJECT_HANDLE_INFORMATION Information)
{
    PKTHREAD Thread = ExEnterCriticalRegion();
    PHANDLE_TABLE_ENTRY Entry = ExTryLockHandle(Table, Handle);

    if (Entry == NULL)
        Entry = ExMapHandleToPointer(Table, Handle);
    if (Entry != NULL) {
        *Header = EX_HANDLE_ENTRY_OBJECT(Entry);
        Information->GrantedAccess = Entry->GrantedAccess;
        Information->HandleAttributes = ObpEntryAttributes(Entry);
        InterlockedIncrement(
            &(*Header)->PointerCount); // the handle's own reference cannot go while the entry is locked
        ExUnlockHandle(Entry);
    }
    ExLeaveCriticalRegion(Thread);
    return Entry != NULL ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

// -1 and -2: every access, no table.
static NTSTATUS ObpReferencePseudoHandle(HANDLE Handle, POBJECT_TYPE Type, PVOID *Object,
                                         POBJECT_HANDLE_INFORMATION Information)
{
    BOOLEAN IsProcess = Handle == NtCurrentProcess();

    if (Type != NULL && Type != (IsProcess ? PsProcessType : PsThreadType))
        return STATUS_OBJECT_TYPE_MISMATCH;
    *Object = IsProcess ? (PVOID)PsGetCurrentProcess() : (PVOID)PsGetCurrentThread();
    ObReferenceObject(*Object);
    if (Information != NULL) {
        Information->HandleAttributes = 0;
        Information->GrantedAccess = OBJECT_TO_OBJECT_HEADER(*Object)->Type->TypeInfo.ValidAccessMask;
    }
    return STATUS_SUCCESS;
}

// References the object behind a handle of the current process (or, for kernel mode, of the kernel), if it has Type
// (NULL: any) and the handle was granted DesiredAccess (not checked for kernel mode).
//
// IRQL <= APC_LEVEL. The caller owns the reference. Information (optional): the handle's access and attributes.
// STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, STATUS_ACCESS_DENIED.
NTSTATUS NTAPI ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE Type,
                                         KPROCESSOR_MODE Mode, PVOID *Object, POBJECT_HANDLE_INFORMATION Information)
{
    OBJECT_HANDLE_INFORMATION Found;
    PHANDLE_TABLE Table;
    POBJECT_HEADER Header;
    NTSTATUS Status;

    PAGED_CODE();
    *Object = NULL;
    if ((LONG)(LONG_PTR)Handle < 0) {
        if (Handle == NtCurrentProcess() || Handle == NtCurrentThread())
            return ObpReferencePseudoHandle(Handle, Type, Object, Information);
        if (Mode != KernelMode)
            return STATUS_INVALID_HANDLE;
        Table = ObpKernelHandleTable;
        Handle = ObpStripKernelHandle(Handle);
    } else {
        Table = PsGetCurrentProcess()->ObjectTable;
        if (Table == NULL)
            return STATUS_INVALID_HANDLE;
    }
    Status = ObpReferenceEntry(Table, Handle, &Header, &Found);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Type != NULL && Header->Type != Type)
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    else if (Mode != KernelMode && (DesiredAccess & ~Found.GrantedAccess) != 0)
        Status = STATUS_ACCESS_DENIED;
    if (!NT_SUCCESS(Status)) {
        ObDereferenceObject(Header->Body);
        return Status;
    }
    *Object = Header->Body;
    if (Information != NULL)
        *Information = Found;
    return STATUS_SUCCESS;
}

// Makes a handle to Object in the current process, or in the kernel's table with OBJ_KERNEL_HANDLE. On success the
// caller's reference has become the handle's; on failure it is still the caller's.
//
// PASSIVE_LEVEL. STATUS_INSUFFICIENT_RESOURCES, or what ObpIncrementHandleCount says.
NTSTATUS ObpCreateHandle(OB_OPEN_REASON Reason, PVOID Object, ACCESS_MASK GrantedAccess, ULONG Attributes,
                         PHANDLE Handle)
{
    BOOLEAN Kernel = (Attributes & OBJ_KERNEL_HANDLE) != 0;
    PEPROCESS Process = Kernel ? PsInitialSystemProcess : PsGetCurrentProcess();
    PHANDLE_TABLE Table = Kernel ? ObpKernelHandleTable : Process->ObjectTable;
    POBJECT_HEADER Header = OBJECT_TO_OBJECT_HEADER(Object);
    HANDLE_TABLE_ENTRY Entry;
    HANDLE New;
    NTSTATUS Status;

    *Handle = NULL;
    if (Table == NULL)
        return STATUS_PROCESS_IS_TERMINATING;
    Status = ObpIncrementHandleCount(Reason, Header, Process, GrantedAccess, Attributes);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Header->Flags & OB_FLAG_NEW_OBJECT)
        ObpDropCreateInformation(Header);
    Entry.Value = (ULONG_PTR)Header | ObpEntryBits(Attributes);
    Entry.GrantedAccess = GrantedAccess;
    New = ExCreateHandle(Table, &Entry);
    if (New == NULL) {
        ObpDecrementHandleCount(Header, Process, GrantedAccess);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *Handle = Kernel ? (HANDLE)((ULONG_PTR)New | OBJ_HANDLE_KERNEL_FLAG) : New;
    return STATUS_SUCCESS;
}
