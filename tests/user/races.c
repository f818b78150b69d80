// SPDX-License-Identifier: MIT
// Threads and requests that meet at the worst moments: suspended, resumed, looked at and terminated while they run on
// another processor; I/O cancelled as it completes; pipes with many threads; a process that ends with all of them busy.

#include "check.h"
#include <process.h>

#define VICTIMS 4
#define ROUNDS 40
#define BUDGET 400 // ms for a loop whose threads spin: an emulator that runs its processors in turn needs long for each

static DWORD Begin;

static BOOL MoreRounds(int Round)
{
    if (Round == 0) {
        Begin = GetTickCount();
    }
    return Round < 4 || (Round < ROUNDS && GetTickCount() - Begin < BUDGET);
}

static volatile LONG Stop, Started;

static DWORD WINAPI Spin(LPVOID Parameter)
{
    volatile LONG *Count = Parameter;

    InterlockedIncrement(&Started);
    while (!Stop) {
        (*Count)++;
        if ((*Count & 0xFFF) == 0) {
            SwitchToThread();
        }
    }
    return 1;
}

// A thread that runs has a context in user mode; while it is suspended it stands still.
static void Contexts(void)
{
    volatile LONG Counts[VICTIMS] = {0};
    HANDLE Threads[VICTIMS];

    Stop = Started = 0;
    for (int i = 0; i < VICTIMS; i++) {
        Threads[i] = CreateThread(NULL, 0, Spin, (LPVOID)&Counts[i], 0, NULL);
    }
    while (Started < VICTIMS) {
        SwitchToThread();
    }
    for (int Round = 0; MoreRounds(Round); Round++) {
        for (int i = 0; i < VICTIMS; i++) {
            CONTEXT Context = {.ContextFlags = CONTEXT_FULL};
            LONG Before;

            CHECK(GetThreadContext(Threads[i], &Context)); // it may run meanwhile
            CHECK(Context.Eip != 0 && Context.Eip < 0x80000000 && Context.Esp < 0x80000000);
            CHECK_EQUAL(SuspendThread(Threads[i]), 0);
            CHECK(GetThreadContext(Threads[i], &Context)); // now it has stopped
            Before = Counts[i];
            CHECK(SetThreadContext(Threads[i], &Context));
            SwitchToThread();
            CHECK_EQUAL(Counts[i], Before);
            CHECK_EQUAL(ResumeThread(Threads[i]), 1);
        }
    }
    Stop = 1;
    CHECK_EQUAL(WaitForMultipleObjects(VICTIMS, Threads, TRUE, INFINITE), WAIT_OBJECT_0);
    for (int i = 0; i < VICTIMS; i++) {
        CloseHandle(Threads[i]);
    }
}

static DWORD WINAPI SuspendAndResume(LPVOID Thread)
{
    while (SuspendThread(Thread) != (DWORD)-1) {
        if (ResumeThread(Thread) == (DWORD)-1) {
            break;
        }
    }
    return 0;
}

// Termination wins over suspension: whoever comes second sees the other, and the thread ends.
static void Terminations(void)
{
    for (int Round = 0; MoreRounds(Round); Round++) {
        volatile LONG Count = 0;
        HANDLE Victim, Other;
        DWORD Code;

        Stop = Started = 0;
        Victim = CreateThread(NULL, 0, Spin, (LPVOID)&Count, (Round & 1) ? CREATE_SUSPENDED : 0, NULL);
        Other = CreateThread(NULL, 0, SuspendAndResume, Victim, 0, NULL);
        while (!(Round & 1) && Count == 0) {
            SwitchToThread(); // one that ends in ntdll's start-up leaves the loader lock behind, as on Windows
        }
        CHECK(TerminateThread(Victim, 99));
        CHECK_EQUAL(WaitForSingleObject(Victim, 20000), WAIT_OBJECT_0);
        CHECK(GetExitCodeThread(Victim, &Code) && Code == 99);
        CHECK_EQUAL(WaitForSingleObject(Other, 20000), WAIT_OBJECT_0);
        CloseHandle(Victim);
        CloseHandle(Other);
    }
}

// A read is cancelled as the write that completes it comes: it ends once, one way or the other, and no byte is lost.
typedef struct {
    HANDLE Pipe, Go;
    volatile LONG Cancelled, Read;
} CANCEL;

static DWORD WINAPI ReadAndCancel(LPVOID Parameter)
{
    CANCEL *Cancel = Parameter;
    OVERLAPPED Request = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};

    for (int Round = 0; Round < 200; Round++) {
        char Byte = 0;
        DWORD Length = 0;
        BOOL Done = ReadFile(Cancel->Pipe, &Byte, 1, &Length, &Request);

        SetEvent(Cancel->Go);
        if (!Done) {
            if (GetLastError() != ERROR_IO_PENDING) {
                return 1;
            }
            if (Round & 1) {
                SwitchToThread();
            }
            CancelIo(Cancel->Pipe);
            Done = GetOverlappedResult(Cancel->Pipe, &Request, &Length, TRUE);
        }
        if (Done && Length == 1 && Byte == 'x') {
            InterlockedIncrement(&Cancel->Read);
        } else if (!Done && GetLastError() == ERROR_OPERATION_ABORTED) {
            InterlockedIncrement(&Cancel->Cancelled);
        } else {
            return 2;
        }
    }
    CloseHandle(Request.hEvent);
    return 0;
}

static void Cancellations(void)
{
    CANCEL Cancel = {0};
    HANDLE Client, Reader;
    LONG Written = 0, Left;
    DWORD Length, Code;
    char Rest[256];

    Cancel.Go = CreateEventA(NULL, FALSE, FALSE, NULL);
    Cancel.Pipe = CreateNamedPipeA("\\\\.\\pipe\\races", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1,
                                   4096, 4096, 0, NULL);
    Client = CreateFileA("\\\\.\\pipe\\races", GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(Cancel.Pipe != INVALID_HANDLE_VALUE && Client != INVALID_HANDLE_VALUE);
    Reader = CreateThread(NULL, 0, ReadAndCancel, &Cancel, 0, NULL);
    while (WaitForSingleObject(Reader, 0) == WAIT_TIMEOUT) {
        if (WaitForSingleObject(Cancel.Go, 10) == WAIT_OBJECT_0) {
            CHECK(WriteFile(Client, "x", 1, &Length, NULL));
            Written++;
        }
    }
    CHECK(GetExitCodeThread(Reader, &Code));
    CHECK_EQUAL(Code, 0);
    CHECK_EQUAL(Cancel.Read + Cancel.Cancelled, 200);
    CHECK(PeekNamedPipe(Cancel.Pipe, Rest, sizeof(Rest), &Length, NULL, NULL));
    Left = (LONG)Length;
    CHECK_EQUAL(Cancel.Read + Left, Written);
    CloseHandle(Reader);
    CloseHandle(Client);
    CloseHandle(Cancel.Pipe);
    CloseHandle(Cancel.Go);
}

// Many writers, many readers, one pipe: the sum of the bytes comes out.
#define PIPE_THREADS 4
#define PIPE_ROUNDS 60
static HANDLE PipeRead, PipeWrite;
static volatile LONG Sum;

static DWORD WINAPI WritePipe(LPVOID Parameter)
{
    unsigned char Bytes[16];
    DWORD Length;

    memset(Bytes, (int)(ULONG_PTR)Parameter, sizeof(Bytes));
    for (int i = 0; i < PIPE_ROUNDS; i++) {
        if (!WriteFile(PipeWrite, Bytes, 1 + i % 16, &Length, NULL) || Length != (DWORD)(1 + i % 16)) {
            return 1;
        }
    }
    return 0;
}

static DWORD WINAPI ReadPipe(LPVOID Parameter)
{
    unsigned char Bytes[32];
    DWORD Length;

    (void)Parameter;
    while (ReadFile(PipeRead, Bytes, sizeof(Bytes), &Length, NULL)) {
        for (DWORD i = 0; i < Length; i++) {
            InterlockedExchangeAdd(&Sum, Bytes[i]);
        }
    }
    return GetLastError() == ERROR_BROKEN_PIPE ? 0 : 1;
}

static void Pipes(void)
{
    HANDLE Writers[PIPE_THREADS], Readers[PIPE_THREADS];
    LONG Bytes = 0, Expected = 0;

    Sum = 0;
    for (int i = 0; i < PIPE_ROUNDS; i++) {
        Bytes += 1 + i % 16;
    }
    CHECK(CreatePipe(&PipeRead, &PipeWrite, NULL, 64)); // small: writers have to wait
    for (int i = 0; i < PIPE_THREADS; i++) {
        Readers[i] = CreateThread(NULL, 0, ReadPipe, NULL, 0, NULL);
        Writers[i] = CreateThread(NULL, 0, WritePipe, (LPVOID)(ULONG_PTR)(i + 1), 0, NULL);
        Expected += Bytes * (i + 1);
    }
    CHECK_EQUAL(WaitForMultipleObjects(PIPE_THREADS, Writers, TRUE, INFINITE), WAIT_OBJECT_0);
    CloseHandle(PipeWrite);
    CHECK_EQUAL(WaitForMultipleObjects(PIPE_THREADS, Readers, TRUE, INFINITE), WAIT_OBJECT_0);
    CHECK_EQUAL(Sum, Expected);
    CloseHandle(PipeRead);
    for (int i = 0; i < PIPE_THREADS; i++) {
        DWORD Code;

        CHECK(GetExitCodeThread(Writers[i], &Code) && Code == 0);
        CHECK(GetExitCodeThread(Readers[i], &Code) && Code == 0);
        CloseHandle(Writers[i]);
        CloseHandle(Readers[i]);
    }
}

static DWORD WINAPI Busy(LPVOID Parameter)
{
    volatile LONG Count = 0;

    switch ((ULONG_PTR)Parameter % 4) {
    case 0:
        for (;;) {
            Count++;
        }
    case 1:
        for (;;) {
            CloseHandle(CreateEventA(NULL, FALSE, FALSE, NULL));
        }
    case 2:
        Sleep(INFINITE);
        return 0;
    default:
        for (;;) {
            HANDLE Thread = CreateThread(NULL, 0x10000, (LPTHREAD_START_ROUTINE)(PVOID)GetTickCount, NULL, 0, NULL);

            if (Thread != NULL) {
                WaitForSingleObject(Thread, INFINITE);
                CloseHandle(Thread);
            }
        }
    }
}

// A child with busy threads ends by itself or is ended; either way it is gone, with the right code.
static void Exits(const char *Program)
{
    for (int Round = 0; Round < 6; Round++) {
        STARTUPINFOA Startup = {.cb = sizeof(Startup)};
        PROCESS_INFORMATION Process;
        char Line[300];
        DWORD Code;

        snprintf(Line, sizeof(Line), "\"%s\" %s", Program, (Round & 1) ? "exit" : "stay");
        CHECK(CreateProcessA(NULL, Line, NULL, NULL, FALSE, 0, NULL, NULL, &Startup, &Process));
        if (!(Round & 1)) {
            Sleep(20 * Round);
            CHECK(TerminateProcess(Process.hProcess, 42));
        }
        CHECK_EQUAL(WaitForSingleObject(Process.hProcess, 30000), WAIT_OBJECT_0);
        CHECK(GetExitCodeProcess(Process.hProcess, &Code));
        CHECK_EQUAL(Code, (Round & 1) ? 7 : 42);
        CHECK_EQUAL(WaitForSingleObject(Process.hThread, 30000), WAIT_OBJECT_0); // perhaps a moment later
        CloseHandle(Process.hThread);
        CloseHandle(Process.hProcess);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        for (int i = 0; i < 8; i++) {
            CreateThread(NULL, 0, Busy, (LPVOID)(ULONG_PTR)i, 0, NULL);
        }
        Sleep(strcmp(argv[1], "exit") == 0 ? 50 : INFINITE);
        ExitProcess(7);
    }
    Contexts();
    Terminations();
    Cancellations();
    Pipes();
    Exits(argv[0]);
    return Verdict();
}
