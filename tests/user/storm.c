// SPDX-License-Identifier: MIT
// Several threads of one process work the memory manager at once: fresh memory, protections, files read and mapped,
// child processes that come and go. Each checks what it finds; nothing may be lost or be somebody else's.

#include "check.h"

#define WORKERS 4
#define ROUNDS 8
#define PAGE 4096

static volatile LONG Wrong;
static char Program[MAX_PATH];

static void Expect(BOOL Condition, int Line)
{
    if (!Condition) {
        InterlockedIncrement(&Wrong);
        printf("line %d failed, error %lu\n", Line, GetLastError());
    }
}
#define EXPECT(e) Expect((e) != 0, __LINE__)

static void Memory(int Me)
{
    char *Block = VirtualAlloc(NULL, 16 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    DWORD Old;

    EXPECT(Block != NULL);
    for (int Page = 0; Page < 16; Page++) {
        EXPECT(Block[Page * PAGE + 9] == 0);
        memset(Block + Page * PAGE, 'a' + Me, PAGE);
    }
    EXPECT(VirtualProtect(Block, 8 * PAGE, PAGE_READONLY, &Old) && Old == PAGE_READWRITE);
    EXPECT(VirtualFree(Block + 8 * PAGE, 4 * PAGE, MEM_DECOMMIT));
    EXPECT(VirtualAlloc(Block + 8 * PAGE, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE) != NULL);
    for (int Page = 0; Page < 16; Page++)
        EXPECT(Block[Page * PAGE + 4000] == (Page >= 8 && Page < 12 ? 0 : 'a' + Me));
    EXPECT(VirtualFree(Block, 0, MEM_RELEASE));
}

static void File(int Me, int Round)
{
    static char Data[WORKERS][3 * PAGE], Back[WORKERS][3 * PAGE];
    char Name[32];
    HANDLE Handle, Mapping;
    char *View;
    DWORD Done;

    sprintf(Name, "D:\\storm%d.dat", Me);
    memset(Data[Me], 'A' + Me + Round % 8, sizeof(Data[Me]));
    Handle = CreateFileA(Name, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    EXPECT(Handle != INVALID_HANDLE_VALUE);
    EXPECT(WriteFile(Handle, Data[Me], sizeof(Data[Me]), &Done, NULL) && Done == sizeof(Data[Me]));
    Mapping = CreateFileMappingA(Handle, NULL, PAGE_READWRITE, 0, 0, NULL);
    EXPECT(Mapping != NULL);
    View = MapViewOfFile(Mapping, FILE_MAP_WRITE, 0, 0, 0);
    EXPECT(View != NULL && memcmp(View, Data[Me], sizeof(Data[Me])) == 0);
    View[PAGE + 5] = '!';
    SetFilePointer(Handle, 0, NULL, FILE_BEGIN);
    EXPECT(ReadFile(Handle, Back[Me], sizeof(Back[Me]), &Done, NULL) && Done == sizeof(Back[Me]));
    EXPECT(Back[Me][PAGE + 5] == '!' && Back[Me][PAGE + 4] == Data[Me][0]);
    EXPECT(FlushViewOfFile(View, 0));
    EXPECT(UnmapViewOfFile(View));
    EXPECT(CloseHandle(Mapping) && CloseHandle(Handle));
}

static void Child(int Me)
{
    STARTUPINFOA Startup = {.cb = sizeof(Startup)};
    PROCESS_INFORMATION Process;
    char Line[MAX_PATH + 16];
    DWORD Code = 0;

    sprintf(Line, "\"%s\" child %d", Program, Me);
    EXPECT(CreateProcessA(NULL, Line, NULL, NULL, FALSE, 0, NULL, NULL, &Startup, &Process));
    EXPECT(WaitForSingleObject(Process.hProcess, INFINITE) == WAIT_OBJECT_0);
    EXPECT(GetExitCodeProcess(Process.hProcess, &Code) && Code == (DWORD)(40 + Me));
    EXPECT(CloseHandle(Process.hThread) && CloseHandle(Process.hProcess));
}

static DWORD WINAPI Worker(LPVOID Parameter)
{
    int Me = (int)(INT_PTR)Parameter;

    for (int Round = 0; Round < ROUNDS; Round++) {
        Memory(Me);
        File(Me, Round);
        if (Round % 4 == Me)
            Child(Me);
        YieldProcessor();
    }
    return 0;
}

int main(int Count, char **Arguments)
{
    HANDLE Threads[WORKERS];

    if (Count == 3) {
        Memory(Arguments[2][0] - '0');
        return Wrong == 0 ? 40 + Arguments[2][0] - '0' : 1;
    }
    GetModuleFileNameA(NULL, Program, sizeof(Program));
    for (int Index = 0; Index < WORKERS; Index++)
        Threads[Index] = CreateThread(NULL, 0, Worker, (LPVOID)(INT_PTR)Index, 0, NULL);
    WaitForMultipleObjects(WORKERS, Threads, TRUE, INFINITE);
    CHECK_EQUAL(Wrong, 0);
    return Verdict();
}
