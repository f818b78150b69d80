// SPDX-License-Identifier: MIT
// More memory than the machine has: a process that writes and reads back MB of random data, two that share a section,
// and a shell beside them, all at once. What was written is what is read, however often it went to the page file and
// back.
//
//   paging.exe PRIVATE_MB SECTION_MB ROUNDS      runs all of it (48 24 2: the machine of 16 MB with a 64 MB page file)
//   paging.exe PRIVATE_MB SECTION_MB ROUNDS bad  the disk cannot read one page: who touches it is told, nobody else
//   paging.exe private MB ROUNDS SEED            one of its parts
//   paging.exe share MB ROUNDS WHICH
//
// The exit code counts what was wrong.

#include "check.h"

#include <stdint.h>

#define WORDS (4096 / sizeof(uint32_t))
#define PARTIES 2
#define SLACK 128 // pages that pools may keep
#define TOLD 100  // exit code: met the bad page, and everything else was right
#define LEFT 101  // exit code: the other party met it

static LONG Lost;                          // pages that could not be read
static uintptr_t PrivateStart, PrivateEnd; // where a lost page can be had anew
static LONG volatile *MeetingPlace;

static uint32_t Next(uint32_t *State)
{
    uint32_t Value = *State;

    Value ^= Value << 13;
    Value ^= Value >> 17;
    Value ^= Value << 5;
    return *State = Value;
}

static uint32_t PageSeed(uint32_t Seed, uint32_t Page)
{
    return (Seed * 2654435761u + Page * 40503u) | 1;
}

static void FillPage(uint32_t *Words, uint32_t Seed)
{
    for (unsigned Index = 0; Index < WORDS; Index++)
        Words[Index] = Next(&Seed);
}

static unsigned CountWrong(const uint32_t *Words, uint32_t Seed)
{
    unsigned Wrong = 0;

    for (unsigned Index = 0; Index < WORDS; Index++)
        Wrong += Words[Index] != Next(&Seed);
    return Wrong;
}

static unsigned CheckPages(const char *Who, uint32_t *Memory, uint32_t First, uint32_t Pages, uint32_t Step,
                           uint32_t Seed)
{
    unsigned Bad = 0;

    for (uint32_t Page = First; Page < Pages; Page += Step) {
        unsigned Wrong = CountWrong(Memory + Page * WORDS, PageSeed(Seed, Page));

        if (Wrong != 0 && Bad++ < 4)
            printf("%s: page %u of %u: %u words are wrong, the first is %08x\n", Who, Page, Pages, Wrong,
                   Memory[Page * WORDS]);
    }
    return Bad;
}

// A page that cannot be read: it is what the documentation says, and the process goes on with a fresh page, or, if the
// page belongs to others too, ends.
static LONG CALLBACK MeetBadPage(EXCEPTION_POINTERS *Pointers)
{
    EXCEPTION_RECORD *Record = Pointers->ExceptionRecord;
    uintptr_t Page = Record->ExceptionInformation[1] & ~(uintptr_t)0xFFF;

    if (Record->ExceptionCode != EXCEPTION_IN_PAGE_ERROR)
        return EXCEPTION_CONTINUE_SEARCH;
    if (Record->NumberParameters != 3 || (LONG)Record->ExceptionInformation[2] >= 0)
        ExitProcess(2);
    printf("in-page error: %s of %08x, status %08x\n", Record->ExceptionInformation[0] ? "write" : "read",
           (unsigned)Record->ExceptionInformation[1], (unsigned)Record->ExceptionInformation[2]);
    if (Page < PrivateStart || Page >= PrivateEnd) {
        if (MeetingPlace != NULL)
            InterlockedExchangeAdd(MeetingPlace, 1 << 20);
        ExitProcess(TOLD);
    }
    InterlockedIncrement(&Lost);
    VirtualFree((PVOID)Page, 4096, MEM_DECOMMIT);
    VirtualAlloc((PVOID)Page, 4096, MEM_COMMIT, PAGE_READWRITE);
    return EXCEPTION_CONTINUE_EXECUTION;
}

static int Private(uint32_t Pages, unsigned Rounds, uint32_t Seed)
{
    uint32_t *Memory = VirtualAlloc(NULL, (SIZE_T)Pages * 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    unsigned Wrong = 0;

    CHECK(Memory != NULL);
    PrivateStart = (uintptr_t)Memory;
    PrivateEnd = PrivateStart + (SIZE_T)Pages * 4096;
    for (unsigned Round = 0; Memory != NULL && Round < Rounds; Round++) {
        for (uint32_t Page = 0; Page < Pages; Page++)
            FillPage(Memory + Page * WORDS, PageSeed(Seed + Round, Page));
        Wrong += CheckPages("private", Memory, 0, Pages, 1, Seed + Round);
        Wrong += CheckPages("private, again", Memory, 0, Pages, 1, Seed + Round);
    }
    CHECK(Wrong <= 2 * (unsigned)Lost); // a lost page is wrong until it is written again
    CHECK(VirtualFree(Memory, 0, MEM_RELEASE));
    return Failures == 0 && Lost != 0 ? TOLD : Failures;
}

static void Meet(LONG Goal)
{
    InterlockedIncrement(MeetingPlace);
    while (*MeetingPlace < Goal)
        Sleep(1);
    if (*MeetingPlace >= 1 << 20)
        ExitProcess(LEFT);
}

// The first makes the section; the others open it, as there is not the commitment to make it twice.
static HANDLE OpenSection(uint32_t Pages, uint32_t Which)
{
    HANDLE Section;

    if (Which == 0)
        return CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, (Pages + 1) * 4096, "MicaPaging");
    while ((Section = OpenFileMappingA(FILE_MAP_ALL_ACCESS, FALSE, "MicaPaging")) == NULL)
        Sleep(1);
    return Section;
}

// Which writes every PARTIES-th page, then all of them check all pages.
static int Share(uint32_t Pages, unsigned Rounds, uint32_t Which)
{
    HANDLE Section = OpenSection(Pages, Which);
    uint32_t *Memory = MapViewOfFile(Section, FILE_MAP_ALL_ACCESS, 0, 0, 0);
    LONG Goal = 0;
    unsigned Wrong = 0;

    CHECK(Section != NULL);
    CHECK(Memory != NULL);
    MeetingPlace = (LONG volatile *)(Memory + Pages * WORDS);
    for (unsigned Round = 0; Memory != NULL && Round < Rounds; Round++) {
        for (uint32_t Page = Which; Page < Pages; Page += PARTIES)
            FillPage(Memory + Page * WORDS, PageSeed(1000 + Round, Page));
        Meet(Goal += PARTIES);
        Wrong += CheckPages("shared", Memory, 0, Pages, 1, 1000 + Round);
        Meet(Goal += PARTIES); // nobody writes again before all have looked
    }
    CHECK_EQUAL(Wrong, 0);
    CHECK(UnmapViewOfFile(Memory));
    CHECK(CloseHandle(Section));
    return Failures;
}

static HANDLE Start(const char *Line)
{
    STARTUPINFOA Startup = {.cb = sizeof(Startup)};
    PROCESS_INFORMATION Process = {0};
    char Copy[512];

    snprintf(Copy, sizeof(Copy), "%s", Line);
    if (!CreateProcessA(NULL, Copy, NULL, NULL, TRUE, 0, NULL, NULL, &Startup, &Process)) {
        printf("cannot start %s: %lu\n", Line, GetLastError());
        return NULL;
    }
    CloseHandle(Process.hThread);
    return Process.hProcess;
}

static DWORD Finish(HANDLE Process, const char *What)
{
    DWORD Code = 0xFFFF;

    if (Process == NULL)
        return Code;
    WaitForSingleObject(Process, INFINITE);
    GetExitCodeProcess(Process, &Code);
    CloseHandle(Process);
    if (Code != 0)
        printf("%s ended with %lx\n", What, Code);
    return Code;
}

// Committed pages of the whole system (SystemPerformanceInformation).
static ULONG Committed(void)
{
    typedef LONG(WINAPI * QUERY)(ULONG, PVOID, ULONG, PULONG);
    QUERY Query = (QUERY)(void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtQuerySystemInformation");
    ULONG Performance[78] = {0};

    CHECK_EQUAL(Query(2, Performance, sizeof(Performance), NULL), 0);
    return Performance[12];
}

static int All(const char *Self, unsigned PrivateMb, unsigned SectionMb, unsigned Rounds, int Bad)
{
    HANDLE Parts[1 + PARTIES];
    DWORD Codes[1 + PARTIES];
    char Line[512];
    unsigned Shells = 0;
    ULONG Before = Committed();
    int Told;

    snprintf(Line, sizeof(Line), "\"%s\" private %u %u 7", Self, PrivateMb, Rounds);
    Parts[0] = Start(Line);
    for (unsigned Which = 0; Which < PARTIES; Which++) {
        snprintf(Line, sizeof(Line), "\"%s\" share %u %u %u", Self, SectionMb, Rounds, Which);
        Parts[1 + Which] = Start(Line);
    }
    do {
        Failures +=
            Finish(Start("C:\\WINDOWS\\System32\\cmd.exe /c dir C:\\WINDOWS\\System32 > D:\\SHELL.TMP"), "cmd") != 0;
        Shells++;
    } while (WaitForSingleObject(Parts[0], 200) == WAIT_TIMEOUT);
    for (unsigned Index = 0; Index < 1 + PARTIES; Index++)
        Codes[Index] = Finish(Parts[Index], Index == 0 ? "private" : "share");
    // The bad slot may have been used again, and met again. Who was not told was right.
    Told = Codes[0] == TOLD || Codes[1] == TOLD || Codes[2] == TOLD;
    CHECK_EQUAL(Told, Bad);
    CHECK(Codes[0] == 0 || (Bad && Codes[0] == TOLD));
    for (unsigned Index = 1; Index < 1 + PARTIES; Index++)
        CHECK(Codes[Index] == 0 || (Bad && (Codes[Index] == TOLD || Codes[Index] == LEFT)));
    for (unsigned Try = 0; Try < 50 && Committed() > Before + SLACK; Try++)
        Sleep(20); // the last references go a little later
    CHECK(Committed() <= Before + SLACK);
    DeleteFileA("D:\\SHELL.TMP");
    printf("%u shells beside\n", Shells);
    return Verdict();
}

int main(int Count, char **Arguments)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    AddVectoredExceptionHandler(1, MeetBadPage);
    if (Count == 5 && strcmp(Arguments[1], "private") == 0)
        return Private((uint32_t)atoi(Arguments[2]) * 256, (unsigned)atoi(Arguments[3]), (uint32_t)atoi(Arguments[4]));
    if (Count == 5 && strcmp(Arguments[1], "share") == 0)
        return Share((uint32_t)atoi(Arguments[2]) * 256, (unsigned)atoi(Arguments[3]), (uint32_t)atoi(Arguments[4]));
    if (Count == 4 || Count == 5)
        return All(Arguments[0], (unsigned)atoi(Arguments[1]), (unsigned)atoi(Arguments[2]),
                   (unsigned)atoi(Arguments[3]), Count == 5);
    printf("see the source\n");
    return 1;
}
