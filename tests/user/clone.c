// SPDX-License-Identifier: MIT
// Clones of the process (RtlCloneUserProcess): what POSIX calls fork.
//
//   clone.exe      what a clone has, and what it and its parent do not see of each other
//   clone.exe MB   so much random data, more than the machine has, in a parent and two clones that change it
//
// The exit code counts what was wrong.

#include "check.h"

#include <stdint.h>

#define STATUS_PROCESS_CLONED 0x129
#define CLONE_SUSPENDED 1
#define CLONE_INHERIT_HANDLES 2
#define PAGE 4096
#define WORDS (PAGE / sizeof(uint32_t))

typedef struct {
    ULONG Length;
    HANDLE Process, Thread;
    HANDLE ProcessId, ThreadId;
    ULONG Image[12];
} CLONE_INFORMATION;

static LONG(WINAPI *RtlCloneUserProcess)(ULONG, PVOID, PVOID, HANDLE, CLONE_INFORMATION *);
static LONG(WINAPI *NtCreateProcess)(PHANDLE, ACCESS_MASK, PVOID, HANDLE, BOOLEAN, HANDLE, HANDLE, HANDLE);

// 0: here is the clone. Else its handle.
static HANDLE Clone(void)
{
    CLONE_INFORMATION Information;
    LONG Status = RtlCloneUserProcess(CLONE_INHERIT_HANDLES, NULL, NULL, NULL, &Information);

    if (Status == STATUS_PROCESS_CLONED) {
        Failures = 0;
        return NULL;
    }
    CHECK_EQUAL(Status, 0);
    if (Status != 0)
        exit(Failures);
    CloseHandle(Information.Thread);
    return Information.Process;
}

// A clone's end: no DLL is told, nothing is flushed twice.
static void End(void)
{
    fflush(stdout);
    TerminateProcess(GetCurrentProcess(), (UINT)Failures);
}

static DWORD Wait(HANDLE Process)
{
    DWORD Code = 0xDEAD;

    CHECK_EQUAL(WaitForSingleObject(Process, INFINITE), WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(Process, &Code));
    CloseHandle(Process);
    return Code;
}

static volatile uint32_t Global = 1;

static DWORD WINAPI CloneThread(void *Context)
{
    return (DWORD)(uintptr_t)Context + 1;
}

// A clone is a process like any other: the C library, threads, exceptions, another id.
static void TestWhatACloneHas(void)
{
    DWORD Index = TlsAlloc(), Parent = GetCurrentProcessId(), Code;
    volatile uint32_t Local = 2;
    char *Text = malloc(1000);
    HANDLE Thread, Child;

    strcpy(Text, "on the heap");
    TlsSetValue(Index, Text);
    SetLastError(4711);
    Child = Clone();
    if (Child == NULL) {
        CHECK_EQUAL(GetLastError(), 4711);
        CHECK_EQUAL(Global, 1);
        CHECK_EQUAL(Local, 2);
        CHECK(TlsGetValue(Index) == Text && strcmp(Text, "on the heap") == 0);
        CHECK(GetCurrentProcessId() != Parent);
        Global = 3;
        Local = 4;
        strcpy(Text, "changed");
        free(Text);
        Text = malloc(200000);
        CHECK(Text != NULL);
        memset(Text, 1, 200000);
        Thread = CreateThread(NULL, 0, CloneThread, (void *)41, 0, NULL);
        CHECK(Thread != NULL && WaitForSingleObject(Thread, INFINITE) == WAIT_OBJECT_0);
        CHECK(GetExitCodeThread(Thread, &Code) && Code == 42);
        CHECK(LoadLibraryA("msvcrt.dll") != NULL);
        End();
    }
    CHECK_EQUAL(Wait(Child), 0);
    CHECK_EQUAL(Global, 1);
    CHECK_EQUAL(Local, 2);
    CHECK(strcmp(Text, "on the heap") == 0);
    free(Text);
    TlsFree(Index);
}

// Each generation has its own of the same page; a view mapped to be shared is everybody's.
static void TestGenerations(void)
{
    HANDLE Section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, PAGE, NULL), Child, Grandchild;
    volatile LONG *Shared = MapViewOfFile(Section, FILE_MAP_WRITE, 0, 0, 0);
    volatile LONG *Own = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    *Own = 1;
    Child = Clone();
    if (Child == NULL) {
        CHECK_EQUAL(*Own, 1);
        *Own = 2;
        Grandchild = Clone();
        if (Grandchild == NULL) {
            while (Shared[1] == 0)
                Sleep(1);
            CHECK_EQUAL(*Own, 2);
            *Own = 3;
            InterlockedIncrement(&Shared[0]);
            CHECK_EQUAL(*Own, 3);
            Shared[2] = Failures + 1;
            End();
        }
        *Own = 4;
        InterlockedIncrement(&Shared[0]);
        CHECK_EQUAL(*Own, 4);
        End(); // before its own clone does anything
    }
    CHECK_EQUAL(Wait(Child), 0);
    CHECK_EQUAL(*Own, 1);
    *Own = 5;
    VirtualFree((void *)Own, 0, MEM_RELEASE);
    Shared[1] = 1;
    while (Shared[2] == 0)
        Sleep(1);
    CHECK_EQUAL(Shared[2], 1);
    CHECK_EQUAL(Shared[0], 2);
    UnmapViewOfFile((void *)Shared);
    CloseHandle(Section);
}

// What the parent frees, protects or decommits stays as it was in the clone.
static void TestParentUnmaps(void)
{
    HANDLE Go = CreateEventA(&(SECURITY_ATTRIBUTES){sizeof(SECURITY_ATTRIBUTES), NULL, TRUE}, TRUE, FALSE, NULL), Child;
    uint32_t *Memory = VirtualAlloc(NULL, 64 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MEMORY_BASIC_INFORMATION Information;
    DWORD Old;

    for (unsigned Page = 0; Page < 64; Page++)
        Memory[Page * WORDS] = Page;
    Child = Clone();
    if (Child == NULL) {
        WaitForSingleObject(Go, INFINITE);
        for (unsigned Page = 0; Page < 64; Page++)
            CHECK_EQUAL(Memory[Page * WORDS], Page);
        CHECK(VirtualQuery(Memory, &Information, sizeof(Information)) != 0);
        CHECK_EQUAL(Information.Protect, PAGE_READWRITE);
        CHECK_EQUAL(Information.RegionSize, 64 * PAGE);
        CHECK_EQUAL(Information.Type, MEM_PRIVATE);
        Memory[0] = 77;
        CHECK(VirtualFree(Memory, 0, MEM_RELEASE));
        End();
    }
    CHECK(VirtualProtect(Memory, PAGE, PAGE_READONLY, &Old));
    CHECK_EQUAL(Old, PAGE_READWRITE);
    CHECK(VirtualFree(Memory + 8 * WORDS, 8 * PAGE, MEM_DECOMMIT));
    CHECK_EQUAL(Memory[63 * WORDS], 63);
    CHECK(VirtualFree(Memory, 0, MEM_RELEASE));
    SetEvent(Go);
    CHECK_EQUAL(Wait(Child), 0);
    CloseHandle(Go);
}

static SIZE_T Committed(void)
{
    MEMORYSTATUSEX Status = {.dwLength = sizeof(Status)};

    GlobalMemoryStatusEx(&Status);
    return (SIZE_T)((Status.ullTotalPageFile - Status.ullAvailPageFile) / PAGE);
}

// What clones cost comes back; and a clone that was never started is gone with its handle.
static void TestComesBack(void)
{
    uint32_t *Memory = VirtualAlloc(NULL, 256 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    SIZE_T Before = 0;
    HANDLE Child;

    for (unsigned Round = 0; Round < 12; Round++) {
        CLONE_INFORMATION Information;

        for (unsigned Page = 0; Page < 256; Page += 1 + Round % 3)
            Memory[Page * WORDS] = Round;
        Child = Clone();
        if (Child == NULL) {
            for (unsigned Page = 0; Page < 256; Page += 2)
                Memory[Page * WORDS] = ~Round;
            End();
        }
        CHECK_EQUAL(Wait(Child), 0);
        CHECK_EQUAL(RtlCloneUserProcess(CLONE_SUSPENDED, NULL, NULL, NULL, &Information), 0);
        TerminateProcess(Information.Process, 5);
        CloseHandle(Information.Thread);
        CHECK_EQUAL(Wait(Information.Process), 5);
        CHECK_EQUAL(NtCreateProcess(&Child, PROCESS_ALL_ACCESS, NULL, GetCurrentProcess(), FALSE, NULL, NULL, NULL), 0);
        CloseHandle(Child);
        if (Round == 1)
            Before = Committed();
    }
    for (unsigned Tries = 0; Tries < 100 && Committed() > Before; Tries++)
        Sleep(10); // the last one is still being taken apart
    CHECK(Committed() <= Before + 16);
    VirtualFree(Memory, 0, MEM_RELEASE);
}

static uint32_t Mix(uint32_t Page, uint32_t Seed)
{
    uint32_t Value = (Page + 1) * 2654435761u ^ Seed * 40503u;

    return Value ^ Value >> 13;
}

static void Fill(uint32_t *Memory, uint32_t First, uint32_t Pages, uint32_t Step, uint32_t Seed)
{
    for (uint32_t Page = First; Page < Pages; Page += Step) {
        for (unsigned Index = 0; Index < WORDS; Index += 16)
            Memory[Page * WORDS + Index] = Mix(Page, Seed) + Index;
    }
}

static unsigned CountWrong(const uint32_t *Memory, uint32_t First, uint32_t Pages, uint32_t Step, uint32_t Seed)
{
    unsigned Wrong = 0;

    for (uint32_t Page = First; Page < Pages; Page += Step) {
        for (unsigned Index = 0; Index < WORDS; Index += 16)
            Wrong += Memory[Page * WORDS + Index] != Mix(Page, Seed) + Index;
    }
    return Wrong;
}

// Everybody reads everything and changes a third: what the others change does not show.
static void TestUnderPressure(uint32_t Pages)
{
    uint32_t *Memory = VirtualAlloc(NULL, Pages * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    HANDLE Children[2];

    CHECK(Memory != NULL);
    if (Memory == NULL)
        return;
    Fill(Memory, 0, Pages, 1, 1);
    for (unsigned Child = 0; Child < 2; Child++) {
        Children[Child] = Clone();
        if (Children[Child] == NULL) {
            CHECK_EQUAL(CountWrong(Memory, 0, Pages, 1, 1), 0);
            Fill(Memory, Child, Pages, 3, 10 + Child);
            CHECK_EQUAL(CountWrong(Memory, Child, Pages, 3, 10 + Child), 0);
            CHECK_EQUAL(CountWrong(Memory, (Child + 1) % 3, Pages, 3, 1), 0);
            CHECK_EQUAL(CountWrong(Memory, (Child + 2) % 3, Pages, 3, 1), 0);
            End();
        }
    }
    Fill(Memory, 2, Pages, 3, 20);
    CHECK_EQUAL(CountWrong(Memory, 0, Pages, 3, 1), 0);
    for (unsigned Child = 0; Child < 2; Child++)
        CHECK_EQUAL(Wait(Children[Child]), 0);
    CHECK_EQUAL(CountWrong(Memory, 1, Pages, 3, 1), 0);
    CHECK_EQUAL(CountWrong(Memory, 2, Pages, 3, 20), 0);
    VirtualFree(Memory, 0, MEM_RELEASE);
}

int main(int Count, char **Arguments)
{
    HMODULE Ntdll = GetModuleHandleA("ntdll.dll");

    RtlCloneUserProcess = (void *)GetProcAddress(Ntdll, "RtlCloneUserProcess");
    NtCreateProcess = (void *)GetProcAddress(Ntdll, "NtCreateProcess");
    SetHandleInformation(GetStdHandle(STD_OUTPUT_HANDLE), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    if (Count > 1) {
        TestUnderPressure((uint32_t)atoi(Arguments[1]) << 8);
        return Verdict();
    }
    TestWhatACloneHas();
    TestGenerations();
    TestParentUnmaps();
    TestComesBack();
    TestUnderPressure(200);
    return Verdict();
}
