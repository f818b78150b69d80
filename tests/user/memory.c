// SPDX-License-Identifier: MIT
// Write watch, large pages, physical pages in windows (AWE), the guaranteed stack, another process's memory, and
// running out of commitment, as the SDK documents them. With an argument: that many MB must be reachable as physical
// pages.

#define _WIN32_WINNT 0x0601
#include "check.h"

#define PAGE 4096u
#define MB 0x100000u

static BOOL Readable(const volatile char *Address)
{
    SIZE_T Done = 0;
    char Byte;

    return ReadProcessMemory(GetCurrentProcess(), (LPCVOID)Address, &Byte, 1, &Done);
}

static void WriteWatch(void)
{
    char *Base = VirtualAlloc(NULL, 64 * PAGE, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE);
    void *Addresses[64];
    ULONG_PTR Count = 64;
    DWORD Granularity = 0;

    CHECK(Base != NULL);
    Base[5 * PAGE] = 1;
    Base[63 * PAGE + 4095] = 1;
    CHECK(Base[9 * PAGE] == 0);
    CHECK_EQUAL(GetWriteWatch(WRITE_WATCH_FLAG_RESET, Base, 64 * PAGE, Addresses, &Count, &Granularity), 0);
    CHECK(Count == 2 && Granularity == PAGE && Addresses[0] == Base + 5 * PAGE && Addresses[1] == Base + 63 * PAGE);
    Count = 64;
    CHECK_EQUAL(GetWriteWatch(0, Base, 64 * PAGE, Addresses, &Count, &Granularity), 0);
    CHECK_EQUAL(Count, 0);
    Base[7 * PAGE] = 2;
    CHECK_EQUAL(ResetWriteWatch(Base, 64 * PAGE), 0);
    CHECK_EQUAL(GetWriteWatch(0, Base, 64 * PAGE, Addresses, &Count, &Granularity), (UINT)-1); // room for none
    Count = 64;
    CHECK_EQUAL(GetWriteWatch(0, Base, 64 * PAGE, Addresses, &Count, &Granularity), 0);
    CHECK_EQUAL(Count, 0);
    CHECK(VirtualFree(Base, 0, MEM_RELEASE));
}

static void LargePages(void)
{
    SIZE_T Size = GetLargePageMinimum();
    char *Base;
    SIZE_T At;

    CHECK_EQUAL(Size, 2 * MB);
    Base = VirtualAlloc(NULL, 2 * Size, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES, PAGE_READWRITE);
    CHECK(Base != NULL && (ULONG_PTR)Base % Size == 0);
    for (At = 0; Base != NULL && At < 2 * Size; At += 1000) {
        if (Base[At] != 0) {
            CHECK(Base[At] == 0);
            break;
        }
        Base[At] = (char)At;
    }
    CHECK(Base != NULL && Base[3000] == (char)3000);
    CHECK_FAILS(VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES, PAGE_READWRITE) != NULL,
                ERROR_INVALID_PARAMETER);
    CHECK(VirtualFree(Base, 0, MEM_RELEASE) && !Readable(Base));
}

// Allocates Megabytes of physical pages, writes to each through one window, and reads them all again.
static void PhysicalPages(ULONG Megabytes)
{
    enum { WINDOW = 256 };
    ULONG_PTR Count = Megabytes * (MB / PAGE), Wanted = Count, First, Highest = 0, At;
    ULONG_PTR *Pages = VirtualAlloc(NULL, Count * sizeof(ULONG_PTR), MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    char *Window = VirtualAlloc(NULL, WINDOW * PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);

    CHECK(Pages != NULL && Window != NULL);
    CHECK(AllocateUserPhysicalPages(GetCurrentProcess(), &Count, Pages));
    CHECK_EQUAL(Count, Wanted);
    for (First = 0; First + WINDOW <= Count; First += WINDOW) {
        CHECK(MapUserPhysicalPages(Window, WINDOW, Pages + First));
        for (At = 0; At < WINDOW; At++) {
            Highest = Pages[First + At] > Highest ? Pages[First + At] : Highest;
            *(ULONG_PTR *)(Window + At * PAGE) = First + At;
        }
    }
    for (First = 0; First + WINDOW <= Count; First += WINDOW) {
        ULONG_PTR Wrong = 0;

        CHECK(MapUserPhysicalPages(Window, WINDOW, Pages + First));
        for (At = 0; At < WINDOW; At++)
            Wrong += *(ULONG_PTR *)(Window + At * PAGE) != First + At;
        CHECK_EQUAL(Wrong, 0);
    }
    printf("%lu MB of physical pages, the highest at %lu MB\n", (ULONG)(Count / (MB / PAGE)),
           (ULONG)(Highest / (MB / PAGE)));
    CHECK(MapUserPhysicalPages(Window, WINDOW, NULL) && !Readable(Window));
    CHECK(FreeUserPhysicalPages(GetCurrentProcess(), &Count, Pages));
    CHECK_FAILS(MapUserPhysicalPages(Window, 1, Pages), ERROR_INVALID_ADDRESS);
    CHECK(VirtualFree(Window, 0, MEM_RELEASE) && VirtualFree(Pages, 0, MEM_RELEASE));
}

// A file's section grows with NtExtendSection, and the file with it; what was mapped before stays.
static void GrowingSection(void)
{
    LONG(NTAPI * Create)
    (HANDLE *, ACCESS_MASK, void *, LARGE_INTEGER *, ULONG, ULONG, HANDLE) =
        (void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtCreateSection");
    LONG(NTAPI * Extend)
    (HANDLE, LARGE_INTEGER *) = (void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtExtendSection");
    HANDLE File = CreateFileA("D:\\grow.tmp", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL), Mapping;
    LARGE_INTEGER Size = {.QuadPart = 0x2345};
    char *View, *Further;
    DWORD Done;

    CHECK(WriteFile(File, "before", 6, &Done, NULL));
    CHECK_EQUAL(Create(&Mapping, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READWRITE, SEC_COMMIT, File), 0);
    View = MapViewOfFile(Mapping, FILE_MAP_WRITE, 0, 0, 0);
    CHECK(View != NULL && MapViewOfFile(Mapping, FILE_MAP_WRITE, 0, 0x10000, 0) == NULL);
    CHECK_EQUAL(Extend(Mapping, &Size), 0);
    CHECK(Size.QuadPart == 0x2345 && GetFileSize(File, NULL) == 0x2345);
    Size.QuadPart = 0x20000;
    CHECK_EQUAL(Extend(Mapping, &Size), 0);
    Further = MapViewOfFile(Mapping, FILE_MAP_WRITE, 0, 0x10000, 0);
    CHECK(Further != NULL && Further[0xFFFF] == 0);
    strcpy(Further, "behind");
    Size.QuadPart = 1;
    CHECK_EQUAL(Extend(Mapping, &Size), 0); // never smaller
    CHECK_EQUAL(Size.QuadPart, 0x20000);
    CHECK(memcmp(View, "before", 6) == 0);
    CHECK(UnmapViewOfFile(View) && FlushViewOfFile(Further, 0) && UnmapViewOfFile(Further) && CloseHandle(Mapping));
    SetFilePointer(File, 0x10000, NULL, FILE_BEGIN);
    CHECK(ReadFile(File, View = malloc(8), 7, &Done, NULL) && Done == 7 && strcmp(View, "behind") == 0);
    free(View);
    CHECK(CloseHandle(File) && DeleteFileA("D:\\grow.tmp"));
}

// --- the stack
static volatile ULONG_PTR LeftAtOverflow;
static volatile int Depth;

static LONG CALLBACK NoteOverflow(PEXCEPTION_POINTERS Pointers)
{
    MEMORY_BASIC_INFORMATION Information;

    if (Pointers->ExceptionRecord->ExceptionCode != EXCEPTION_STACK_OVERFLOW)
        return EXCEPTION_CONTINUE_SEARCH;
    VirtualQuery((void *)Pointers->ContextRecord->Esp, &Information, sizeof(Information));
    VirtualQuery(Information.AllocationBase, &Information, sizeof(Information));
    while (Information.State != MEM_COMMIT || (Information.Protect & PAGE_GUARD) != 0)
        VirtualQuery((char *)Information.BaseAddress + Information.RegionSize, &Information, sizeof(Information));
    // What is committed below the stack pointer is the handler's.
    LeftAtOverflow = Pointers->ContextRecord->Esp - (ULONG_PTR)Information.BaseAddress;
    ExitThread(77);
}

static int Recurse(volatile char *Above)
{
    volatile char Here[2000];

    Here[0] = *Above;
    Depth++;
    return Recurse(Here) + Here[1];
}

static DWORD WINAPI Overflow(void *Argument)
{
    ULONG Size = (ULONG)(ULONG_PTR)Argument, Asked = 0;
    volatile char Top = 0;

    if (Size != 0) {
        CHECK(SetThreadStackGuarantee(&Size) && Size == 0);
        CHECK(SetThreadStackGuarantee(&Asked) && Asked >= (ULONG)(ULONG_PTR)Argument);
    }
    return (DWORD)Recurse(&Top);
}

static void StackOverflows(ULONG Guarantee)
{
    HANDLE Thread =
        CreateThread(NULL, 0x40000, Overflow, (void *)(ULONG_PTR)Guarantee, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    DWORD Code = 0;

    Depth = 0;
    LeftAtOverflow = 0;
    CHECK(Thread != NULL && WaitForSingleObject(Thread, INFINITE) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(Thread, &Code));
    CHECK_EQUAL(Code, 77);
    CHECK(LeftAtOverflow >= Guarantee);
    CHECK(Depth > 60); // it grew automatically before
    CloseHandle(Thread);
}

static void OtherProcess(const char *Self)
{
    STARTUPINFOA Startup = {.cb = sizeof(Startup)};
    PROCESS_INFORMATION Child;
    MEMORY_BASIC_INFORMATION Information;
    char Command[300], Text[] = "across", Back[sizeof(Text)] = "";
    SIZE_T Done;
    DWORD Old;
    char *There;

    snprintf(Command, sizeof(Command), "\"%s\" child", Self);
    if (!CreateProcessA(NULL, Command, NULL, NULL, FALSE, CREATE_SUSPENDED, NULL, NULL, &Startup, &Child)) {
        CHECK(!"the child starts");
        return;
    }
    There = VirtualAllocEx(Child.hProcess, NULL, 3 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    CHECK(There != NULL);
    CHECK(WriteProcessMemory(Child.hProcess, There + PAGE - 3, Text, sizeof(Text), &Done) && Done == sizeof(Text));
    CHECK(ReadProcessMemory(Child.hProcess, There + PAGE - 3, Back, sizeof(Back), &Done) && strcmp(Back, Text) == 0);
    CHECK(VirtualProtectEx(Child.hProcess, There + PAGE, PAGE, PAGE_NOACCESS, &Old) && Old == PAGE_READWRITE);
    CHECK_FAILS(ReadProcessMemory(Child.hProcess, There + PAGE - 3, Back, sizeof(Back), &Done), ERROR_PARTIAL_COPY);
    CHECK_EQUAL(Done, 3);
    CHECK(VirtualQueryEx(Child.hProcess, There + PAGE, &Information, sizeof(Information)) == sizeof(Information));
    CHECK(Information.Protect == PAGE_NOACCESS && Information.RegionSize == PAGE &&
          Information.AllocationBase == There);
    CHECK(VirtualFreeEx(Child.hProcess, There, 0, MEM_RELEASE));
    CHECK(VirtualQueryEx(Child.hProcess, There, &Information, sizeof(Information)) && Information.State == MEM_FREE);
    CHECK(TerminateProcess(Child.hProcess, 0) && WaitForSingleObject(Child.hProcess, INFINITE) == WAIT_OBJECT_0);
    CHECK(CloseHandle(Child.hThread) && CloseHandle(Child.hProcess));
}

// Commits 4 MB at a time until there is no more; the error is clear, and freeing gives everything back. The same count
// fits every time.
static void Starvation(int Rounds)
{
    enum { MOST = 1024 };
    static void *Blocks[MOST];
    int Round, Count, First = 0;

    for (Round = 0; Round < Rounds; Round++) {
        for (Count = 0; Count < MOST; Count++) {
            SetLastError(0);
            Blocks[Count] = VirtualAlloc(NULL, 4 * MB, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
            if (Blocks[Count] == NULL)
                break;
        }
        CHECK(Count < MOST && (GetLastError() == ERROR_COMMITMENT_LIMIT || GetLastError() == ERROR_NOT_ENOUGH_MEMORY));
        if (Round == 0)
            First = Count;
        CHECK(Count > 4);
        CHECK_EQUAL(Count, First);
        while (Count-- > 0)
            CHECK(VirtualFree(Blocks[Count], 0, MEM_RELEASE));
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return 0;
    if (argc > 1) {
        MEMORYSTATUSEX Memory = {.dwLength = sizeof(Memory)};

        CHECK(GlobalMemoryStatusEx(&Memory) && Memory.ullTotalPhys > 6100ull * MB &&
              Memory.ullAvailPhys > 5900ull * MB);
        PhysicalPages(strtoul(argv[1], NULL, 10));
        return Verdict();
    }
    AddVectoredExceptionHandler(1, NoteOverflow);
    WriteWatch();
    LargePages();
    PhysicalPages(4);
    GrowingSection();
    StackOverflows(0);
    StackOverflows(40000);
    OtherProcess(argv[0]);
    Starvation(1000);
    return Verdict();
}
