// SPDX-License-Identifier: MIT
// Global and Local memory. Fixed blocks are heap blocks; a movable one is a record that points at its heap block. Heap
// blocks lie on 8-byte boundaries, so a handle that ends in 4 is a movable one:
//
//     handle ---> record + 4:  { Memory, Flags, Locks, Size }

#include "k32.h"

#define MOVABLE_MARK 4u
#define LOCK_MAXIMUM 0xFF

typedef struct _BASE_MOVABLE {
    ULONG Reserved;
    PVOID Memory; // the handle points here
    USHORT Flags;
    USHORT Locks;
} BASE_MOVABLE, *PBASE_MOVABLE;

static PBASE_MOVABLE BasepMovable(HGLOBAL Handle)
{
    return ((ULONG_PTR)Handle & MOVABLE_MARK) != 0 ? CONTAINING_RECORD(Handle, BASE_MOVABLE, Memory) : NULL;
}

static PVOID BasepHeapBlock(UINT Flags, SIZE_T Bytes)
{
    PVOID Memory = RtlAllocateHeap(RtlProcessHeap(), (Flags & GMEM_ZEROINIT) != 0 ? HEAP_ZERO_MEMORY : 0, Bytes);

    if (Memory == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    }
    return Memory;
}

HGLOBAL WINAPI GlobalAlloc(UINT Flags, SIZE_T Bytes)
{
    PBASE_MOVABLE Movable;

    if ((Flags & GMEM_MOVEABLE) == 0) {
        return BasepHeapBlock(Flags, Bytes);
    }
    Movable = BaseAllocate(sizeof(*Movable));
    if (Movable == NULL) {
        return NULL;
    }
    if (Bytes != 0) {
        Movable->Memory = BasepHeapBlock(Flags, Bytes);
        if (Movable->Memory == NULL) {
            BaseFreeMemory(Movable);
            return NULL;
        }
    }
    return &Movable->Memory;
}

HGLOBAL WINAPI GlobalFree(HGLOBAL Handle)
{
    PBASE_MOVABLE Movable = BasepMovable(Handle);

    if (Movable == NULL) {
        BaseFreeMemory(Handle);
        return NULL;
    }
    BaseFreeMemory(Movable->Memory);
    BaseFreeMemory(Movable);
    return NULL;
}

LPVOID WINAPI GlobalLock(HGLOBAL Handle)
{
    PBASE_MOVABLE Movable = BasepMovable(Handle);

    if (Movable == NULL) {
        return Handle;
    }
    if (Movable->Memory == NULL) {
        SetLastError(ERROR_DISCARDED);
        return NULL;
    }
    if (Movable->Locks < LOCK_MAXIMUM) {
        Movable->Locks++;
    }
    return Movable->Memory;
}

WINBOOL WINAPI GlobalUnlock(HGLOBAL Handle)
{
    PBASE_MOVABLE Movable = BasepMovable(Handle);

    if (Movable == NULL) {
        return TRUE;
    }
    if (Movable->Locks == 0) {
        return BaseFail(ERROR_NOT_LOCKED);
    }
    Movable->Locks--;
    return Movable->Locks != 0 ? TRUE : BaseFail(ERROR_SUCCESS);
}

SIZE_T WINAPI GlobalSize(HGLOBAL Handle)
{
    PBASE_MOVABLE Movable = BasepMovable(Handle);
    PVOID Memory = Movable == NULL ? Handle : Movable->Memory;

    return Memory == NULL ? 0 : RtlSizeHeap(RtlProcessHeap(), 0, Memory);
}

UINT WINAPI GlobalFlags(HGLOBAL Handle)
{
    PBASE_MOVABLE Movable = BasepMovable(Handle);

    return Movable == NULL ? 0 : Movable->Locks | (Movable->Memory == NULL ? GMEM_DISCARDED : 0);
}

HGLOBAL WINAPI GlobalReAlloc(HGLOBAL Handle, SIZE_T Bytes, UINT Flags)
{
    PBASE_MOVABLE Movable = BasepMovable(Handle);
    ULONG HeapFlags = (Flags & GMEM_ZEROINIT) != 0 ? HEAP_ZERO_MEMORY : 0;
    PVOID Memory;

    if ((Flags & GMEM_MODIFY) != 0) {
        return Handle;
    }
    if (Movable != NULL && Movable->Memory == NULL) {
        Movable->Memory = BasepHeapBlock(Flags, Bytes);
        return Movable->Memory == NULL ? NULL : Handle;
    }
    if (Movable == NULL && (Flags & GMEM_MOVEABLE) == 0) {
        HeapFlags |= HEAP_REALLOC_IN_PLACE_ONLY;
    }
    Memory = RtlReAllocateHeap(RtlProcessHeap(), HeapFlags, Movable == NULL ? Handle : Movable->Memory, Bytes);
    if (Memory == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    if (Movable == NULL) {
        return Memory;
    }
    Movable->Memory = Memory;
    return Handle;
}

// A movable block's address is found by walking nothing: only fixed blocks and handles can be given here.
HGLOBAL WINAPI GlobalHandle(LPCVOID Memory)
{
    return (HGLOBAL)Memory;
}

HLOCAL WINAPI LocalAlloc(UINT Flags, SIZE_T Bytes)
{
    return GlobalAlloc(Flags, Bytes);
}

HLOCAL WINAPI LocalFree(HLOCAL Handle)
{
    return GlobalFree(Handle);
}

LPVOID WINAPI LocalLock(HLOCAL Handle)
{
    return GlobalLock(Handle);
}

WINBOOL WINAPI LocalUnlock(HLOCAL Handle)
{
    return GlobalUnlock(Handle);
}

SIZE_T WINAPI LocalSize(HLOCAL Handle)
{
    return GlobalSize(Handle);
}

UINT WINAPI LocalFlags(HLOCAL Handle)
{
    return GlobalFlags(Handle);
}

HLOCAL WINAPI LocalReAlloc(HLOCAL Handle, SIZE_T Bytes, UINT Flags)
{
    return GlobalReAlloc(Handle, Bytes, Flags);
}
