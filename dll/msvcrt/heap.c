// SPDX-License-Identifier: MIT
// malloc and its family: the process heap.

#include "crt.h"
#include <malloc.h>

#define HEAP_LARGEST 0x7FFFFFE0u

void *__cdecl malloc(size_t Size)
{
    void *Memory = Size > HEAP_LARGEST ? NULL : HeapAlloc(GetProcessHeap(), 0, Size == 0 ? 1 : Size);

    if (Memory == NULL) {
        CrtFail(ENOMEM);
    }
    return Memory;
}

void *__cdecl calloc(size_t Count, size_t Size)
{
    size_t Total;
    void *Memory = NULL;

    if (!__builtin_mul_overflow(Count, Size, &Total) && Total <= HEAP_LARGEST) {
        Memory = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, Total == 0 ? 1 : Total);
    }
    if (Memory == NULL) {
        CrtFail(ENOMEM);
    }
    return Memory;
}

void *__cdecl realloc(void *Memory, size_t Size)
{
    void *New;

    if (Memory == NULL) {
        return malloc(Size);
    }
    if (Size == 0) {
        free(Memory);
        return NULL;
    }
    New = Size > HEAP_LARGEST ? NULL : HeapReAlloc(GetProcessHeap(), 0, Memory, Size);
    if (New == NULL) {
        CrtFail(ENOMEM);
    }
    return New;
}

void __cdecl free(void *Memory)
{
    if (Memory != NULL) {
        HeapFree(GetProcessHeap(), 0, Memory);
    }
}

size_t __cdecl _msize(void *Memory)
{
    return HeapSize(GetProcessHeap(), 0, Memory);
}

void *__cdecl _expand(void *Memory, size_t Size)
{
    return HeapReAlloc(GetProcessHeap(), HEAP_REALLOC_IN_PLACE_ONLY, Memory, Size);
}

int __cdecl _heapchk(void)
{
    return HeapValidate(GetProcessHeap(), 0, NULL) ? _HEAPOK : _HEAPBADNODE;
}

int __cdecl _heapmin(void)
{
    return 0;
}

// The block before an aligned block's start is remembered in the word before it.
void *__cdecl _aligned_malloc(size_t Size, size_t Alignment)
{
    char *Block, *Aligned;

    if (Alignment == 0 || (Alignment & (Alignment - 1)) != 0) {
        CrtFail(EINVAL);
        return NULL;
    }
    if (Alignment < sizeof(void *)) {
        Alignment = sizeof(void *);
    }
    Block = malloc(Size + Alignment + sizeof(void *));
    if (Block == NULL) {
        return NULL;
    }
    Aligned = (char *)(((uintptr_t)Block + sizeof(void *) + Alignment - 1) & ~(Alignment - 1));
    ((void **)Aligned)[-1] = Block;
    return Aligned;
}

void __cdecl _aligned_free(void *Memory)
{
    if (Memory != NULL) {
        free(((void **)Memory)[-1]);
    }
}

int __cdecl _callnewh(size_t Size)
{
    (void)Size;
    return 0; // C programs have no new handler
}

intptr_t __cdecl _get_heap_handle(void)
{
    return (intptr_t)GetProcessHeap();
}
