// SPDX-License-Identifier: MIT
// What NtQuerySystemInformation and the shared page tell, by the layouts that are published (winternl.h and the Native
// API's books): lengths, arrays of processors, processes with their threads.

#include "check.h"
#include <winternl.h>

#define INFO_LENGTH_MISMATCH ((NTSTATUS)0xC0000004)
#define INVALID_INFO_CLASS ((NTSTATUS)0xC0000003)
#define SHARED 0x7FFE0000u

typedef struct {
    LARGE_INTEGER KernelTime, UserTime, CreateTime;
    ULONG WaitTime;
    PVOID StartAddress;
    HANDLE Process, Thread;
    LONG Priority, BasePriority;
    ULONG ContextSwitches, State, WaitReason;
} THREAD_ENTRY;

typedef struct {
    ULONG Next, Threads;
    LARGE_INTEGER Reserved[3], CreateTime, UserTime, KernelTime;
    UNICODE_STRING Name;
    LONG BasePriority;
    HANDLE Id, Parent;
    ULONG Handles, Session, PageDirectory;
    SIZE_T Memory[12]; // VM_COUNTERS and the private pages
    IO_COUNTERS Io;
    THREAD_ENTRY Thread[];
} PROCESS_ENTRY;

typedef struct {
    LARGE_INTEGER Idle, Kernel, User, Dpc, Interrupt;
    ULONG Interrupts;
} PROCESSOR_ENTRY;

static DWORD Processors;

static NTSTATUS Query(int Class, PVOID Buffer, ULONG Length, ULONG *Needed)
{
    *Needed = 0xDEAD;
    return NtQuerySystemInformation((SYSTEM_INFORMATION_CLASS)Class, Buffer, Length, Needed);
}

// A class of one length: any other is refused, with the length that is wanted.
static void Lengths(void)
{
    static const struct {
        int Class;
        ULONG Length;
        BOOL Exact;
    } Fixed[] = {{0, 44, TRUE},  {1, 12, TRUE}, {2, 312, FALSE}, {28, 12, TRUE},
                 {33, 16, TRUE}, {35, 2, TRUE}, {36, 48, TRUE}};
    BYTE Buffer[400];
    ULONG Needed;

    for (int i = 0; i < (int)(sizeof(Fixed) / sizeof(Fixed[0])); i++) {
        CHECK_EQUAL(Query(Fixed[i].Class, Buffer, Fixed[i].Length - 1, &Needed), INFO_LENGTH_MISMATCH);
        CHECK_EQUAL(Needed, Fixed[i].Length);
        CHECK_EQUAL(Query(Fixed[i].Class, Buffer, Fixed[i].Length + 1, &Needed),
                    Fixed[i].Exact ? INFO_LENGTH_MISMATCH : 0);
        memset(Buffer, 0xEE, sizeof(Buffer));
        CHECK_EQUAL(Query(Fixed[i].Class, Buffer, Fixed[i].Length, &Needed), 0);
        CHECK_EQUAL(Needed, Fixed[i].Length);
        CHECK_EQUAL(Buffer[Fixed[i].Length], 0xEE);
    }
    CHECK_EQUAL(Query(9999, Buffer, 4, &Needed), INVALID_INFO_CLASS);
}

static void Arrays(void)
{
    PROCESSOR_ENTRY Times[32];
    ULONG Interrupts[32][6], Needed;

    CHECK_EQUAL(sizeof(PROCESSOR_ENTRY), 48);
    Sleep(20); // a tick at least
    CHECK_EQUAL(Query(8, Times, Processors * 48 - 1, &Needed), INFO_LENGTH_MISMATCH);
    CHECK_EQUAL(Needed, Processors * 48);
    CHECK_EQUAL(Query(8, Times, sizeof(Times), &Needed), 0);
    CHECK_EQUAL(Needed, Processors * 48);
    CHECK_EQUAL(Query(23, Interrupts, Processors * 24 - 1, &Needed), INFO_LENGTH_MISMATCH);
    CHECK_EQUAL(Query(23, Interrupts, sizeof(Interrupts), &Needed), 0);
    CHECK_EQUAL(Needed, Processors * 24);
    for (DWORD i = 0; i < Processors; i++) {
        CHECK(Times[i].Kernel.QuadPart >= Times[i].Dpc.QuadPart + Times[i].Interrupt.QuadPart);
        CHECK(Interrupts[i][3] != 0); // TimeIncrement
    }
    CHECK(Interrupts[0][0] > 0); // ContextSwitches
}

static PROCESS_ENTRY *List(BYTE *Buffer, ULONG Size, DWORD Id)
{
    PROCESS_ENTRY *Entry = (PROCESS_ENTRY *)Buffer, *Found = NULL;
    ULONG Needed;

    CHECK_EQUAL(Query(5, Buffer, 100, &Needed), INFO_LENGTH_MISMATCH);
    CHECK(Needed > sizeof(PROCESS_ENTRY));
    CHECK_EQUAL(Query(5, Buffer, Size, &Needed), 0);
    for (;; Entry = (PROCESS_ENTRY *)((BYTE *)Entry + Entry->Next)) {
        if ((DWORD)(ULONG_PTR)Entry->Id == Id) {
            CHECK(Found == NULL);
            Found = Entry;
        }
        CHECK(Entry->Name.Buffer == NULL ||
              ((BYTE *)Entry->Name.Buffer > Buffer && (BYTE *)Entry->Name.Buffer < Buffer + Size));
        if (Entry->Next == 0) {
            return Found;
        }
    }
}

static DWORD WINAPI Sleeper(LPVOID Event)
{
    return WaitForSingleObject(Event, INFINITE);
}

static void Processes(void)
{
    static BYTE Buffer[0x20000];
    HANDLE Event = CreateEventA(NULL, TRUE, FALSE, NULL);
    DWORD Id, Seen = 0;
    HANDLE Thread = CreateThread(NULL, 0, Sleeper, Event, 0, &Id);
    PROCESS_ENTRY *Self, *Idle;

    CHECK_EQUAL(sizeof(THREAD_ENTRY), 64);
    CHECK_EQUAL(sizeof(PROCESS_ENTRY), 184);
    Sleep(50); // the thread waits by then
    Idle = List(Buffer, sizeof(Buffer), 0);
    CHECK(Idle != NULL && Idle == (PROCESS_ENTRY *)Buffer && Idle->Threads == Processors && Idle->Name.Length == 0);
    CHECK(List(Buffer, sizeof(Buffer), 0x7FFFFFF0) == NULL);
    Self = List(Buffer, sizeof(Buffer), GetCurrentProcessId());
    CHECK(Self != NULL);
    if (Self == NULL) {
        return;
    }
    CHECK(Self->Name.Length == 2 * 11 && memcmp(Self->Name.Buffer, L"sysinfo.exe", 22) == 0);
    CHECK_EQUAL(Self->Threads, 2);
    CHECK(Self->Handles > 0 && Self->BasePriority == 8 && Self->CreateTime.QuadPart != 0);
    for (ULONG i = 0; i < Self->Threads; i++) {
        CHECK_EQUAL((DWORD)(ULONG_PTR)Self->Thread[i].Process, GetCurrentProcessId());
        CHECK_EQUAL(Self->Thread[i].BasePriority, 8);
        if ((DWORD)(ULONG_PTR)Self->Thread[i].Thread == GetCurrentThreadId()) {
            CHECK_EQUAL(Self->Thread[i].State, 2); // Running
            Seen |= 1;
        } else {
            CHECK_EQUAL((DWORD)(ULONG_PTR)Self->Thread[i].Thread, Id);
            CHECK_EQUAL(Self->Thread[i].State, 5);      // Waiting
            CHECK_EQUAL(Self->Thread[i].WaitReason, 6); // UserRequest
            CHECK(Self->Thread[i].ContextSwitches > 0);
            Seen |= 2;
        }
    }
    CHECK_EQUAL(Seen, 3);
    SetEvent(Event);
    CHECK_EQUAL(WaitForSingleObject(Thread, INFINITE), WAIT_OBJECT_0);
    CloseHandle(Thread);
    CloseHandle(Event);
}

static void Counters(void)
{
    ULONG Before[12], After[12], Needed, Performance[78], Again[78];
    LARGE_INTEGER Time[6], Frequency;

    CHECK_EQUAL(Query(36, Before, sizeof(Before), &Needed), 0);
    CHECK_EQUAL(Query(2, Performance, sizeof(Performance), &Needed), 0);
    Sleep(20);
    printf("."); // an I/O operation
    fflush(stdout);
    CHECK_EQUAL(Query(36, After, sizeof(After), &Needed), 0);
    CHECK_EQUAL(Query(2, Again, sizeof(Again), &Needed), 0);
    CHECK(After[0] > Before[0]);           // context switches
    CHECK(Again[74] > Performance[74]);    // the same in SystemPerformanceInformation
    CHECK(Again[77] > Performance[77]);    // system calls
    CHECK(Again[9] > Performance[9]);      // IoWriteOperationCount
    CHECK(Again[11] > 0 && Again[13] > 0); // AvailablePages, CommitLimit
    CHECK_EQUAL(Query(3, Time, 48, &Needed), 0);
    CHECK_EQUAL(Needed, 48);
    CHECK(Time[1].QuadPart > Time[0].QuadPart); // CurrentTime, BootTime
    CHECK(QueryPerformanceFrequency(&Frequency) && Frequency.QuadPart > 0);
}

// smss has made one on C: before the first program runs.
static void PageFiles(void)
{
    ULONG Information[64], Needed;
    const ULONG *File = Information;

    CHECK_EQUAL(Query(18, Information, 4, &Needed), (LONG)0xC0000004); // STATUS_INFO_LENGTH_MISMATCH
    CHECK_EQUAL(Query(18, Information, sizeof(Information), &Needed), 0);
    CHECK(Needed > 24 && Needed < sizeof(Information));
    CHECK_EQUAL(File[0], 0);                        // NextEntryOffset: the last
    CHECK(File[1] >= 256);                          // TotalSize
    CHECK(File[2] <= File[3] && File[3] < File[1]); // TotalInUse, PeakUsage
    CHECK_EQUAL(File[5], (ULONG)(ULONG_PTR)&Information[6]);
    CHECK(memcmp((void *)(ULONG_PTR)File[5], L"\\??\\C:\\pagefile.sys", LOWORD(File[4])) == 0);
    CHECK_FAILS(CreateFileA("C:\\pagefile.sys", GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL) != INVALID_HANDLE_VALUE,
                ERROR_SHARING_VIOLATION);
    CHECK_FAILS(DeleteFileA("C:\\pagefile.sys"), ERROR_SHARING_VIOLATION);
}

#define SHARED_ULONG(Offset) (*(volatile ULONG *)(SHARED + (Offset)))

static void SharedPage(void)
{
    CHECK_EQUAL(*(volatile USHORT *)(SHARED + 0x2C), IMAGE_FILE_MACHINE_I386);
    CHECK_EQUAL(*(volatile USHORT *)(SHARED + 0x2E), IMAGE_FILE_MACHINE_I386);
    CHECK(wcscmp((PCWSTR)(SHARED + 0x30), L"C:\\WINDOWS") == 0);
    CHECK_EQUAL(SHARED_ULONG(0x244), 0x200000);
    CHECK_EQUAL(SHARED_ULONG(0x264), 1); // NtProductWinNt
    CHECK_EQUAL(*(volatile BYTE *)(SHARED + 0x268), 1);
    CHECK_EQUAL(SHARED_ULONG(0x26C), 6);
    CHECK_EQUAL(SHARED_ULONG(0x270), 1);
    CHECK_EQUAL(SHARED_ULONG(0x2D0), 0x110); // VER_SUITE_TERMINAL, VER_SUITE_SINGLEUSERTS
    CHECK(SHARED_ULONG(0x2E8) > 0x1000 / 4); // NumberOfPhysicalPages
    CHECK(SHARED_ULONG(0x300) != 0);         // SystemCall
    CHECK_EQUAL(SHARED_ULONG(0x320), SHARED_ULONG(0));
    CHECK(SHARED_ULONG(0x330) != 0); // Cookie
    CHECK_EQUAL(SHARED_ULONG(0x3C0), Processors);
    CHECK_EQUAL(*(volatile USHORT *)(SHARED + 0x3C4), 1);
}

// Everybody who tells the number of processors tells the same; Expected comes from who made the machine.
static void Agreement(DWORD Expected)
{
    SYSTEM_INFO Info;
    DWORD_PTR Process, System;
    const BYTE *Peb = (const BYTE *)((TEB *)NtCurrentTeb())->ProcessEnvironmentBlock;
    BYTE Basic[44];
    ULONG Needed;
    char Text[16];

    GetSystemInfo(&Info);
    CHECK_EQUAL(Info.dwNumberOfProcessors, Expected);
    CHECK_EQUAL(Info.dwActiveProcessorMask, (Expected < 32 ? 1ul << Expected : 0) - 1);
    CHECK(GetProcessAffinityMask(GetCurrentProcess(), &Process, &System));
    CHECK_EQUAL(System, Info.dwActiveProcessorMask);
    CHECK_EQUAL(Process, System);
    CHECK_EQUAL(*(const ULONG *)(Peb + 0x64), Expected); // PEB.NumberOfProcessors
    CHECK_EQUAL(SHARED_ULONG(0x3C0), Expected);          // KUSER_SHARED_DATA.ActiveProcessorCount
    CHECK_EQUAL(Query(0, Basic, sizeof(Basic), &Needed), 0);
    CHECK_EQUAL(Basic[40], Expected); // SYSTEM_BASIC_INFORMATION.NumberOfProcessors
    CHECK(GetEnvironmentVariableA("NUMBER_OF_PROCESSORS", Text, sizeof(Text)) != 0 && (DWORD)atoi(Text) == Expected);
}

int main(int Count, char **Arguments)
{
    SYSTEM_INFO Info;

    GetSystemInfo(&Info);
    Processors = Info.dwNumberOfProcessors;
    Agreement(Count > 1 ? (DWORD)atoi(Arguments[1]) : Processors);
    Lengths();
    Arrays();
    Processes();
    Counters();
    PageFiles();
    SharedPage();
    return Verdict();
}
