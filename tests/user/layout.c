// SPDX-License-Identifier: MIT
// Where things lie: prints the addresses of the program, ntdll, kernel32, the first allocation, a heap, the stack, PEB
// and TEB. With "fixed", images must lie where they were linked for. Checks that data that holds addresses of the image
// is right wherever it lies, that the header says so, and that no page of code was copied for that; that heaps and the
// first bytes of stacks are at random places of their own.

#define _WIN32_WINNT 0x0601
#include "check.h"

#define PIECES 8

static int Seven(void)
{
    return 7;
}

static int Eight(void)
{
    return 8;
}

static int (*const Constants[])(void) = {Seven, Eight};
static int (*Variables[])(void) = {Eight, Seven};

static IMAGE_NT_HEADERS *Headers(HMODULE Module)
{
    return (IMAGE_NT_HEADERS *)((char *)Module + ((IMAGE_DOS_HEADER *)Module)->e_lfanew);
}

static void CheckModule(const char *Name, DWORD Linked, BOOL Fixed)
{
    HMODULE Module = GetModuleHandleA(Name);
    MEMORY_BASIC_INFORMATION Information;

    CHECK(Module != NULL && Headers(Module)->OptionalHeader.ImageBase == (DWORD)(ULONG_PTR)Module);
    CHECK(Fixed == ((DWORD)(ULONG_PTR)Module == Linked));
    // Code that the loader had to relocate would have been opened for writing and copied.
    CHECK(VirtualQuery((char *)Module + Headers(Module)->OptionalHeader.BaseOfCode, &Information, sizeof(Information)));
    CHECK(Information.Protect == PAGE_EXECUTE_READ && Information.Type == MEM_IMAGE);
    CHECK(Information.AllocationBase == Module);
    printf("%s %p\n", Name == NULL ? "program" : Name, Module);
}

// How far below its end a thread's stack is used first.
static DWORD WINAPI StackOffset(void *Parameter)
{
    (void)Parameter;
    return (DWORD)((char *)((NT_TIB *)__readfsdword(0x18))->StackBase - (char *)__builtin_frame_address(0));
}

// A heap lies at another distance from the one before each time; a stack is used from another place in its page.
static void CheckDistances(BOOL Fixed)
{
    char *Heaps[PIECES];
    DWORD Offsets[PIECES], OtherHeaps = 0, OtherOffsets = 0;
    HANDLE Thread;
    int Index;

    for (Index = 0; Index < PIECES; Index++) {
        Heaps[Index] = HeapCreate(0, 0, 0);
        CHECK(Heaps[Index] != NULL && ((ULONG_PTR)Heaps[Index] & 0xFFFF) == 0 &&
              HeapAlloc(Heaps[Index], 0, 100) != NULL);
        Thread = CreateThread(NULL, 0, StackOffset, NULL, 0, NULL);
        CHECK(WaitForSingleObject(Thread, INFINITE) == WAIT_OBJECT_0 && GetExitCodeThread(Thread, &Offsets[Index]));
        CHECK(CloseHandle(Thread) && Offsets[Index] < 0x1000);
        printf("%p+%lu ", Heaps[Index], Offsets[Index]);
    }
    printf("\n");
    for (Index = 1; Index < PIECES - 1; Index++) {
        OtherHeaps += Heaps[Index] - Heaps[Index - 1] != Heaps[PIECES - 1] - Heaps[PIECES - 2];
        OtherOffsets += Offsets[Index] != Offsets[0];
    }
    if (Fixed)
        CHECK(OtherHeaps <= 1 && OtherOffsets == 0); // the first one may have filled a gap
    else
        CHECK(OtherHeaps > PIECES / 2 && OtherOffsets > PIECES / 2);
    for (Index = 0; Index < PIECES; Index++)
        CHECK(HeapDestroy(Heaps[Index]));
}

int main(int argc, char **argv)
{
    BOOL Fixed = argc > 1 && strcmp(argv[1], "fixed") == 0;
    int Local;

    CheckModule(NULL, 0x400000, Fixed);
    CheckModule("ntdll", 0x77F00000, Fixed);
    CheckModule("kernel32", 0x77E00000, Fixed);
    CHECK(Constants[0]() == 7 && Constants[1]() == 8 && Variables[0]() == 8 && Variables[1]() == 7);
    CHECK((char *)Constants[0] > (char *)GetModuleHandleA(NULL));
    printf("memory %p\nheap %p\nstack %p\nteb %p\npeb %p\n", VirtualAlloc(NULL, 1, MEM_RESERVE, PAGE_NOACCESS),
           HeapCreate(0, 0, 0), &Local, (void *)__readfsdword(0x18), (void *)__readfsdword(0x30));
    CheckDistances(Fixed);
    return Failures;
}
