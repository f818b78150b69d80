// SPDX-License-Identifier: MIT
// The short ways of the paths that are measured (docs/bench.md): single accesses to user memory without an SEH frame,
// and objects by handle without a call. Each does only the common case and leaves every other to the function it stands
// for.

#ifndef MICA_NTOS_FAST_H
#define MICA_NTOS_FAST_H

#include "ex.h"
#include "mm.h"
#include "ob.h"
#include "ps.h"

// --- one access to user memory
// The instruction at From may fault: then it goes on at To with eax = the status (ke/pagefault.c).
#define EX_FIXUP(From, To) ".pushsection .fixups,\"a\"\n\t.long " #From ", " #To "\n\t.popsection\n\t"

FORCEINLINE NTSTATUS ExCheckUserAddress(const volatile VOID *Address, ULONG Length)
{
    if ((ULONG_PTR)Address & (sizeof(ULONG) - 1))
        return STATUS_DATATYPE_MISALIGNMENT;
    return (ULONG_PTR)Address <= MM_USER_PROBE_ADDRESS - Length ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

// Reads eight bytes of user memory. STATUS_DATATYPE_MISALIGNMENT, or what the fault says. IRQL <= APC_LEVEL.
FORCEINLINE NTSTATUS ExReadUserQuad(LONGLONG *Value, const volatile LONGLONG *Address)
{
    NTSTATUS Status = ExCheckUserAddress(Address, sizeof(LONGLONG));
    ULONG Low = 0, High = 0;

    if (NT_SUCCESS(Status))
        __asm__ volatile("1: movl (%3), %1\n\t"
                         "2: movl 4(%3), %2\n\t"
                         "3:\n\t" EX_FIXUP(1b, 3b) EX_FIXUP(2b, 3b)
                         : "+a"(Status), "+&r"(Low), "+&r"(High)
                         : "r"(Address)
                         : "memory");
    *Value = (LONGLONG)((ULONGLONG)High << 32 | Low);
    return Status;
}

// Writes four bytes of user memory at an address that was checked. What the fault says. IRQL <= APC_LEVEL.
FORCEINLINE NTSTATUS ExPutUserUlong(volatile VOID *Address, ULONG Value)
{
    NTSTATUS Status = STATUS_SUCCESS;

    __asm__ volatile("1: movl %2, (%1)\n\t"
                     "2:\n\t" EX_FIXUP(1b, 2b)
                     : "+a"(Status)
                     : "r"(Address), "r"(Value)
                     : "memory");
    return Status;
}

// Can four bytes be written at Address? Writes what is there, as one step. STATUS_DATATYPE_MISALIGNMENT, or what the
// fault says. IRQL <= APC_LEVEL.
FORCEINLINE NTSTATUS ExProbeUserUlong(volatile VOID *Address)
{
    NTSTATUS Status = ExCheckUserAddress(Address, sizeof(ULONG));

    if (NT_SUCCESS(Status))
        __asm__ volatile("1: lock orl $0, (%1)\n\t"
                         "2:\n\t" EX_FIXUP(1b, 2b)
                         : "+a"(Status)
                         : "r"(Address)
                         : "memory");
    return Status;
}

// Reads four bytes of user memory. STATUS_DATATYPE_MISALIGNMENT, or what the fault says. IRQL <= APC_LEVEL.
FORCEINLINE NTSTATUS ExReadUserUlong(PULONG Value, const volatile ULONG *Address)
{
    NTSTATUS Status = ExCheckUserAddress(Address, sizeof(ULONG));
    ULONG Read = 0;

    if (NT_SUCCESS(Status))
        __asm__ volatile("1: movl (%2), %1\n\t"
                         "2:\n\t" EX_FIXUP(1b, 2b)
                         : "+a"(Status), "+&r"(Read)
                         : "r"(Address)
                         : "memory");
    *Value = Read;
    return Status;
}

// Lies a buffer in user space? STATUS_ACCESS_VIOLATION. Any IRQL.
FORCEINLINE NTSTATUS ExCheckUserBuffer(const volatile VOID *Address, SIZE_T Length)
{
    return Length == 0 || (Length <= MM_USER_PROBE_ADDRESS && (ULONG_PTR)Address <= MM_USER_PROBE_ADDRESS - Length)
               ? STATUS_SUCCESS
               : STATUS_ACCESS_VIOLATION;
}

// ProbeForWrite of bytes: can the buffer be written now? Touches each of its pages, in one step each.
// STATUS_ACCESS_VIOLATION, or what the fault says. IRQL <= APC_LEVEL.
FORCEINLINE NTSTATUS ExProbeUserBuffer(volatile VOID *Address, SIZE_T Length)
{
    NTSTATUS Status = ExCheckUserBuffer(Address, Length);
    ULONG_PTR Start = (ULONG_PTR)Address, End = Start + Length;

    for (; NT_SUCCESS(Status) && Start < End; Start = (Start & ~(ULONG_PTR)(PAGE_SIZE - 1)) + PAGE_SIZE)
        __asm__ volatile("1: lock orb $0, (%1)\n\t"
                         "2:\n\t" EX_FIXUP(1b, 2b)
                         : "+a"(Status)
                         : "r"(Start)
                         : "memory");
    return Status;
}

// ExProbeUserUlong for two of them side by side, as an IO_STATUS_BLOCK has.
FORCEINLINE NTSTATUS ExProbeUserPair(volatile VOID *Address)
{
    NTSTATUS Status = ExCheckUserAddress(Address, 2 * sizeof(ULONG));

    if (NT_SUCCESS(Status))
        __asm__ volatile("1: lock orl $0, (%1)\n\t"
                         "2: lock orl $0, 4(%1)\n\t"
                         "3:\n\t" EX_FIXUP(1b, 3b) EX_FIXUP(2b, 3b)
                         : "+a"(Status)
                         : "r"(Address)
                         : "memory");
    return Status;
}

// Copies an optional timeout; *Result is NULL (wait for ever) or Storage. What ExReadUserQuad says. IRQL <= APC_LEVEL.
FORCEINLINE NTSTATUS ExCaptureTimeout(PLARGE_INTEGER *Result, PLARGE_INTEGER Storage, PLARGE_INTEGER Timeout, LONG Mode)
{
    *Result = NULL;
    if (Timeout == NULL)
        return STATUS_SUCCESS;
    *Result = Storage;
    if (Mode != KernelMode)
        return ExReadUserQuad(&Storage->QuadPart, &Timeout->QuadPart);
    *Storage = *Timeout;
    return STATUS_SUCCESS;
}

// --- objects by handle
#define EX_FIRST_PAGE_HANDLES (PAGE_SIZE / sizeof(HANDLE_TABLE_ENTRY) * sizeof(ULONG)) // handles of a one-level table
#define EX_HANDLE_LEVEL_MASK 3u
C_ASSERT_SIZE(HANDLE_TABLE_ENTRY, 2 * sizeof(ULONG)); // an entry's offset is its handle * 2

// Finds and locks the entry of a handle in a table of one level; NULL if that is not enough, or somebody holds the
// entry: then ExMapHandleToPointer knows. The caller is in a critical region.
FORCEINLINE PHANDLE_TABLE_ENTRY ExTryLockHandle(PHANDLE_TABLE Table, HANDLE Handle)
{
    ULONG_PTR Code = *(volatile ULONG_PTR *)&Table->TableCode;
    PHANDLE_TABLE_ENTRY Entry;

    if ((ULONG_PTR)Handle >= EX_FIRST_PAGE_HANDLES || (Code & EX_HANDLE_LEVEL_MASK) != 0)
        return NULL;
    Entry = (PHANDLE_TABLE_ENTRY)(Code + ((ULONG_PTR)Handle & ~3ul) * 2);
    __asm__ goto("lock btrl $0, %0\n\tjnc %l[NotUnlocked]" : : "m"(Entry->Value) : "memory", "cc" : NotUnlocked);
    if (Entry == NULL)
        __builtin_unreachable(); // so that no caller's test remains
    return Entry;

NotUnlocked:
    return NULL;
}

// Gives an entry back that ExTryLockHandle or ExMapHandleToPointer locked.
FORCEINLINE VOID ExUnlockHandle(PHANDLE_TABLE_ENTRY Entry)
{
    __asm__ volatile("orl $1, %0" : "+m"(Entry->Value) : : "memory"); // only the holder writes
}

// The common part: Typed and Mode are what the inlined caller knows, Granted (the handle's access) may be NULL.
FORCEINLINE BOOLEAN ObTryReferenceEntry(HANDLE Handle, ACCESS_MASK DesiredAccess, BOOLEAN Typed, POBJECT_TYPE Type,
                                        LONG Mode, PVOID *Object, PACCESS_MASK Granted)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PHANDLE_TABLE Table = ((PEPROCESS)Thread->ApcState.Process)->ObjectTable;
    POBJECT_HEADER Header;
    PHANDLE_TABLE_ENTRY Entry;

    if (__builtin_expect(Table == NULL, FALSE))
        return FALSE;
    ExEnterRegionOf(Thread);
    Entry = ExTryLockHandle(Table, Handle);
    if (__builtin_expect(Entry == NULL, FALSE))
        goto Leave;
    Header = EX_HANDLE_ENTRY_OBJECT(Entry);
    if ((Typed && Header->Type != Type) || (Mode != KernelMode && (DesiredAccess & ~Entry->GrantedAccess) != 0)) {
        ExUnlockHandle(Entry);
        goto Leave;
    }
    InterlockedIncrement(&Header->PointerCount); // the handle's own cannot go while the entry is locked
    if (Granted != NULL)
        *Granted = Entry->GrantedAccess;
    ExUnlockHandle(Entry);
    ExLeaveCriticalRegion(Thread);
    *Object = Header->Body;
    return TRUE;

Leave:
    ExLeaveCriticalRegion(Thread);
    return FALSE;
}

// References the object of a handle if nothing is special about it: it lies in the first page of the current process's
// own table, nobody holds its entry, type and access are right. FALSE: ask ObReferenceObjectByHandle.
// IRQL <= APC_LEVEL.
FORCEINLINE BOOLEAN ObTryReferenceHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE Type, LONG Mode,
                                         PVOID *Object)
{
    return ObTryReferenceEntry(Handle, DesiredAccess, TRUE, Type, Mode, Object, NULL);
}

// ObReferenceObjectByHandle without its last argument; the second form for an object of any type. IRQL <= APC_LEVEL.
FORCEINLINE NTSTATUS ObReferenceHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE Type, LONG Mode,
                                       PVOID *Object)
{
    PVOID Slowly; // the caller's variable keeps its register
    NTSTATUS Status;

    if (__builtin_expect(ObTryReferenceEntry(Handle, DesiredAccess, TRUE, Type, Mode, Object, NULL), TRUE))
        return STATUS_SUCCESS;
    Status = ObReferenceObjectByHandle(Handle, DesiredAccess, Type, (KPROCESSOR_MODE)Mode, &Slowly, NULL);
    *Object = Slowly;
    return Status;
}
FORCEINLINE NTSTATUS ObReferenceAnyHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, LONG Mode, PVOID *Object)
{
    PVOID Slowly;
    NTSTATUS Status;

    if (__builtin_expect(ObTryReferenceEntry(Handle, DesiredAccess, FALSE, NULL, Mode, Object, NULL), TRUE))
        return STATUS_SUCCESS;
    Status = ObReferenceObjectByHandle(Handle, DesiredAccess, NULL, (KPROCESSOR_MODE)Mode, &Slowly, NULL);
    *Object = Slowly;
    return Status;
}

// The same, and what access the handle grants.
FORCEINLINE NTSTATUS ObReferenceGrantedHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE Type, LONG Mode,
                                              PVOID *Object, PACCESS_MASK Granted)
{
    OBJECT_HANDLE_INFORMATION Information;
    NTSTATUS Status;

    if (__builtin_expect(ObTryReferenceEntry(Handle, DesiredAccess, TRUE, Type, Mode, Object, Granted), TRUE))
        return STATUS_SUCCESS;
    Status = ObReferenceObjectByHandle(Handle, DesiredAccess, Type, (KPROCESSOR_MODE)Mode, Object, &Information);
    *Granted = NT_SUCCESS(Status) ? Information.GrantedAccess : 0;
    return Status;
}

// ObDereferenceObject. IRQL <= DISPATCH_LEVEL.
FORCEINLINE VOID ObReleaseObject(PVOID Object)
{
    __asm__ goto("lock decl %0\n\tjle %l[Last]"
                 :
                 : "m"(OBJECT_TO_OBJECT_HEADER(Object)->PointerCount)
                 : "memory", "cc"
                 : Last);
    return;

Last:
    ObLastReferenceGone(Object);
}

#endif
