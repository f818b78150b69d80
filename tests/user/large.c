// SPDX-License-Identifier: MIT
// The end of a program's address space, given as the first argument in hexadecimal: everything up to it can be
// allocated, written, passed to services and faulted on, nothing beyond it; the shared data's 64 KB are where they were
// and nobody's. A second argument: so many megabytes in use at once. Source: MSDN, "4-Gigabyte Tuning", "Memory Limits for Windows".

#define _WIN32_WINNT 0x0601
#include "check.h"

#define KILOBYTES_64 0x10000u
#define MEGABYTE 0x100000u
#define CHUNK (16 * MEGABYTE)
#define SHARED_DATA 0x7FFE0000u
#define TWO_GIGABYTES 0x80000000u

static ULONG_PTR End; // first address that is not the program's

static ULONG_PTR Top(MEMORY_BASIC_INFORMATION *Information, ULONG_PTR Address)
{
    CHECK(VirtualQuery((void *)Address, Information, sizeof(*Information)) == sizeof(*Information));
    return (ULONG_PTR)Information->BaseAddress + Information->RegionSize;
}

static void Limits(void)
{
    MEMORYSTATUSEX Status = {.dwLength = sizeof(Status)};
    MEMORY_BASIC_INFORMATION Information;
    SYSTEM_INFO System;

    GetSystemInfo(&System);
    CHECK_EQUAL((ULONG_PTR)System.lpMaximumApplicationAddress, End - 1);
    CHECK_EQUAL((ULONG_PTR)System.lpMinimumApplicationAddress, KILOBYTES_64);
    CHECK(GlobalMemoryStatusEx(&Status));
    CHECK_EQUAL((DWORD)Status.ullTotalVirtual, End - KILOBYTES_64);
    CHECK(Status.ullAvailVirtual > Status.ullTotalVirtual - 64 * MEGABYTE);
    CHECK_EQUAL(Top(&Information, SHARED_DATA), SHARED_DATA + 0x1000);
    CHECK(Information.State == MEM_COMMIT && Information.Protect == PAGE_READONLY);
    Top(&Information, SHARED_DATA + 0x1000);
    CHECK(Information.State == MEM_RESERVE);
    // Environment blocks lie at the top.
    CHECK((ULONG_PTR)__readfsdword(0x30) > End - 16 * MEGABYTE && (ULONG_PTR)__readfsdword(0x30) < End);
    CHECK((ULONG_PTR)__readfsdword(0x18) > End - 16 * MEGABYTE && (ULONG_PTR)__readfsdword(0x18) < End);
}

// The system's part, the shared data's and (of a program with 2 GB under /3GB) what another one would have.
static void NobodysMemory(void)
{
    static const ULONG_PTR Places[] = {SHARED_DATA, SHARED_DATA + 0xF000, 0xC0000000, 0xD8000000, 0xFFFF0000};
    ULONG_PTR Beyond[] = {End - KILOBYTES_64, End, End + CHUNK};
    DWORD Old;
    size_t Index;

    for (Index = 0; Index < sizeof(Places) / sizeof(*Places); Index++) {
        CHECK(VirtualAlloc((void *)Places[Index], 0x1000, MEM_RESERVE, PAGE_READWRITE) == NULL);
        CHECK(VirtualAlloc((void *)Places[Index], 0x1000, MEM_COMMIT, PAGE_READWRITE) == NULL);
        CHECK(!VirtualFree((void *)Places[Index], 0, MEM_RELEASE));
        CHECK(!VirtualProtect((void *)Places[Index], 0x1000, PAGE_READWRITE, &Old));
        CHECK(!VirtualLock((void *)Places[Index], 0x1000));
    }
    for (Index = 0; Index < sizeof(Beyond) / sizeof(*Beyond); Index++) {
        CHECK(VirtualAlloc((void *)Beyond[Index], 0x1000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) == NULL);
        CHECK(!VirtualFree((void *)Beyond[Index], 0, MEM_RELEASE));
    }
    CHECK(*(volatile ULONG *)(SHARED_DATA + 0x26C) == 6); // NtMajorVersion
}

// The highest free memory, used in every way: its pages come by faults, go and come back, and services read and write
// them.
static void HighMemory(void)
{
    char Name[MAX_PATH], *High = VirtualAlloc(NULL, CHUNK, MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN, PAGE_READWRITE);
    SIZE_T Done;
    HANDLE File;
    DWORD Bytes;
    size_t Offset;

    CHECK((ULONG_PTR)High > End - CHUNK - 8 * MEGABYTE && (ULONG_PTR)High < End);
    for (Offset = 0; Offset < CHUNK; Offset += 0x1000)
        *(ULONG *)(High + Offset) = (ULONG)(ULONG_PTR)(High + Offset);
    SetProcessWorkingSetSize(GetCurrentProcess(), (SIZE_T)-1, (SIZE_T)-1); // everything leaves
    for (Offset = 0; Offset < CHUNK; Offset += 0x1000) {
        if (*(ULONG *)(High + Offset) != (ULONG)(ULONG_PTR)(High + Offset))
            break;
    }
    CHECK_EQUAL(Offset, CHUNK);
    CHECK(GetTempPathA(sizeof(Name) - 16, Name));
    strcat(Name, "large.tmp");
    File = CreateFileA(Name, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(File != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(File, High, MEGABYTE, &Bytes, NULL) && Bytes == MEGABYTE);
    CHECK(SetFilePointer(File, 0, NULL, FILE_BEGIN) == 0);
    CHECK(ReadFile(File, High + MEGABYTE, MEGABYTE, &Bytes, NULL) && Bytes == MEGABYTE);
    CHECK(memcmp(High, High + MEGABYTE, MEGABYTE) == 0);
    CHECK(CloseHandle(File));
    CHECK(ReadProcessMemory(GetCurrentProcess(), High, High + 2 * MEGABYTE, 0x10000, &Done) && Done == 0x10000);
    CHECK(memcmp(High, High + 2 * MEGABYTE, 0x10000) == 0);
    CHECK(!ReadProcessMemory(GetCurrentProcess(), (void *)(End + MEGABYTE), High, 0x1000, &Done));
    CHECK(VirtualFree(High, 0, MEM_RELEASE));
}

// A thread whose stack lies at the top runs there: services, faults and the return from both.
static DWORD WINAPI OnHighStack(void *Parameter)
{
    volatile char Local[0x8000];
    size_t Offset;

    for (Offset = 0; Offset < sizeof(Local); Offset += 0x400)
        Local[Offset] = (char)Offset;
    *(ULONG_PTR *)Parameter = (ULONG_PTR)Local;
    Sleep(1);
    return Local[0x400] == 0;
}

// Takes all address space; from then on a stack can only lie in the highest piece, which is given back for it.
static void Everything(void)
{
    SIZE_T Total = 0, Size;
    char *Low, *Highest = VirtualAlloc(NULL, CHUNK, MEM_RESERVE | MEM_TOP_DOWN, PAGE_NOACCESS);
    ULONG_PTR Stack = 0;
    HANDLE Thread;
    DWORD Code = 0;

    for (Size = CHUNK; Size >= KILOBYTES_64; Size /= 2) {
        while ((Low = VirtualAlloc(NULL, Size, MEM_RESERVE, PAGE_NOACCESS)) != NULL) {
            CHECK((ULONG_PTR)Low + Size <= End - KILOBYTES_64);
            Total += Size;
        }
    }
    Total += CHUNK;
    printf("%u MB of %u\n", (unsigned)(Total / MEGABYTE), (unsigned)(End / MEGABYTE));
    CHECK(Total > End - 64 * MEGABYTE);
    CHECK(VirtualFree(Highest, 0, MEM_RELEASE));
    Thread = CreateThread(NULL, MEGABYTE, OnHighStack, &Stack, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    CHECK(Thread != NULL && WaitForSingleObject(Thread, INFINITE) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(Thread, &Code) && Code == 1);
    CHECK(Stack >= (ULONG_PTR)Highest && Stack < (ULONG_PTR)Highest + CHUNK);
}

// Megabytes of memory in use at once; each page has its own address in it.
static void InUse(ULONG_PTR Megabytes)
{
    ULONG_PTR Index, Page, Wrong = 0;
    char **Chunks = malloc(Megabytes / 16 * sizeof(*Chunks));

    for (Index = 0; Index < Megabytes / 16; Index++) {
        Chunks[Index] = VirtualAlloc(NULL, CHUNK, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        CHECK(Chunks[Index] != NULL);
        for (Page = 0; Page < CHUNK; Page += 0x1000)
            *(char **)(Chunks[Index] + Page) = Chunks[Index] + Page;
    }
    for (Index = 0; Index < Megabytes / 16; Index++) {
        for (Page = 0; Page < CHUNK; Page += 0x1000)
            Wrong += *(char **)(Chunks[Index] + Page) != Chunks[Index] + Page;
        CHECK(VirtualFree(Chunks[Index], 0, MEM_RELEASE));
    }
    CHECK_EQUAL(Wrong, 0);
    free(Chunks);
}

int main(int argc, char **argv)
{
    End = argc > 1 ? strtoul(argv[1], NULL, 16) : TWO_GIGABYTES - KILOBYTES_64;
    Limits();
    NobodysMemory();
    HighMemory();
    if (argc > 2)
        InUse(strtoul(argv[2], NULL, 10));
    Everything();
    return Failures;
}
