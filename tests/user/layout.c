// SPDX-License-Identifier: MIT
// Where things lie: prints the addresses of the program, ntdll, kernel32, the first allocation, a heap, the stack, PEB
// and TEB. With "fixed", images must lie where they were linked for. Checks that data that holds addresses of the image
// is right wherever it lies, that the header says so, and that no page of code was copied for that.

#define _WIN32_WINNT 0x0601
#include "check.h"

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
    return Failures;
}
