// SPDX-License-Identifier: MIT
// More memory than the machine has: a process that writes and reads back MB of random data, two that share a section, and
// a shell beside them, all at once. What was written is what is read, however often it went to the page file and back.
//
//   paging.exe PRIVATE_MB SECTION_MB ROUNDS      runs all of it (48 24 2: the machine of 16 MB with a 64 MB page file)
//   paging.exe private MB ROUNDS SEED            one of its parts
//   paging.exe share MB ROUNDS WHICH
//
// The exit code counts what was wrong.

#include "check.h"

#include <stdint.h>

#define WORDS (4096 / sizeof(uint32_t))
#define PARTIES 2

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

static unsigned CheckPages(const char *Who, uint32_t *Memory, uint32_t First, uint32_t Pages, uint32_t Step, uint32_t Seed)
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

static int Private(uint32_t Pages, unsigned Rounds, uint32_t Seed)
{
    uint32_t *Memory = VirtualAlloc(NULL, (SIZE_T)Pages * 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    unsigned Wrong = 0;

    CHECK(Memory != NULL);
    for (unsigned Round = 0; Memory != NULL && Round < Rounds; Round++) {
        for (uint32_t Page = 0; Page < Pages; Page++)
            FillPage(Memory + Page * WORDS, PageSeed(Seed + Round, Page));
        Wrong += CheckPages("private", Memory, 0, Pages, 1, Seed + Round);
        Wrong += CheckPages("private, again", Memory, 0, Pages, 1, Seed + Round);
    }
    CHECK_EQUAL(Wrong, 0);
    CHECK(VirtualFree(Memory, 0, MEM_RELEASE));
    return Failures;
}

static void Meet(LONG volatile *Counter, LONG Goal)
{
    InterlockedIncrement(Counter);
    while (*Counter < Goal)
        Sleep(1);
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
    LONG volatile *Counter = (LONG volatile *)(Memory + Pages * WORDS);
    LONG Goal = 0;
    unsigned Wrong = 0;

    CHECK(Section != NULL);
    CHECK(Memory != NULL);
    for (unsigned Round = 0; Memory != NULL && Round < Rounds; Round++) {
        for (uint32_t Page = Which; Page < Pages; Page += PARTIES)
            FillPage(Memory + Page * WORDS, PageSeed(1000 + Round, Page));
        Meet(Counter, Goal += PARTIES);
        Wrong += CheckPages("shared", Memory, 0, Pages, 1, 1000 + Round);
        Meet(Counter, Goal += PARTIES); // nobody writes again before all have looked
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

static int Finish(HANDLE Process, const char *What)
{
    DWORD Code = 0xFFFF;

    if (Process == NULL)
        return 1;
    WaitForSingleObject(Process, INFINITE);
    GetExitCodeProcess(Process, &Code);
    CloseHandle(Process);
    if (Code != 0)
        printf("%s ended with %lx\n", What, Code);
    return Code != 0;
}

static int All(const char *Self, unsigned PrivateMb, unsigned SectionMb, unsigned Rounds)
{
    HANDLE Parts[1 + PARTIES];
    char Line[512];
    unsigned Shells = 0;

    snprintf(Line, sizeof(Line), "\"%s\" private %u %u 7", Self, PrivateMb, Rounds);
    Parts[0] = Start(Line);
    for (unsigned Which = 0; Which < PARTIES; Which++) {
        snprintf(Line, sizeof(Line), "\"%s\" share %u %u %u", Self, SectionMb, Rounds, Which);
        Parts[1 + Which] = Start(Line);
    }
    do {
        Failures += Finish(Start("C:\\WINDOWS\\System32\\cmd.exe /c dir C:\\WINDOWS\\System32 > D:\\SHELL.TMP"), "cmd");
        Shells++;
    } while (WaitForSingleObject(Parts[0], 200) == WAIT_TIMEOUT);
    for (unsigned Index = 0; Index < 1 + PARTIES; Index++)
        Failures += Finish(Parts[Index], Index == 0 ? "private" : "share");
    DeleteFileA("D:\\SHELL.TMP");
    printf("%u shells beside\n", Shells);
    return Verdict();
}

int main(int Count, char **Arguments)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (Count == 5 && strcmp(Arguments[1], "private") == 0)
        return Private((uint32_t)atoi(Arguments[2]) * 256, (unsigned)atoi(Arguments[3]), (uint32_t)atoi(Arguments[4]));
    if (Count == 5 && strcmp(Arguments[1], "share") == 0)
        return Share((uint32_t)atoi(Arguments[2]) * 256, (unsigned)atoi(Arguments[3]), (uint32_t)atoi(Arguments[4]));
    if (Count == 4)
        return All(Arguments[0], (unsigned)atoi(Arguments[1]), (unsigned)atoi(Arguments[2]), (unsigned)atoi(Arguments[3]));
    printf("see the source\n");
    return 1;
}
