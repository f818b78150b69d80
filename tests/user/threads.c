// SPDX-License-Identifier: MIT
// Threads: start, end, exit codes, suspension, priorities, thread-local storage, APCs, contexts.

#include "check.h"
#include <process.h>

static volatile LONG Counter;
static DWORD TlsIndex;
static __thread int EmulatedTls = 7;

static DWORD WINAPI CountAndReturn(LPVOID Parameter)
{
    for (int i = 0; i < 1000; i++) {
        InterlockedIncrement(&Counter);
    }
    return (DWORD)(ULONG_PTR)Parameter * 3;
}

static void Many(void)
{
    HANDLE Threads[20];
    DWORD Code, Id;

    for (int i = 0; i < 20; i++) {
        Threads[i] = CreateThread(NULL, 0, CountAndReturn, (LPVOID)(ULONG_PTR)i, 0, &Id);
        CHECK(Threads[i] != NULL && Id != 0);
    }
    CHECK_EQUAL(WaitForMultipleObjects(20, Threads, TRUE, INFINITE), WAIT_OBJECT_0);
    CHECK_EQUAL(Counter, 20000);
    for (int i = 0; i < 20; i++) {
        CHECK(GetExitCodeThread(Threads[i], &Code) && Code == (DWORD)i * 3);
        CHECK(CloseHandle(Threads[i]));
    }
}

static DWORD WINAPI SetFlag(LPVOID Parameter)
{
    *(volatile LONG *)Parameter = 1;
    ExitThread(77);
}

static void Suspended(void)
{
    volatile LONG Flag = 0;
    HANDLE Thread = CreateThread(NULL, 0, SetFlag, (LPVOID)&Flag, CREATE_SUSPENDED, NULL);
    DWORD Code;

    CHECK(Thread != NULL);
    CHECK_EQUAL(WaitForSingleObject(Thread, 30), WAIT_TIMEOUT);
    CHECK_EQUAL(Flag, 0);
    CHECK(GetExitCodeThread(Thread, &Code) && Code == STILL_ACTIVE);
    CHECK_EQUAL(SuspendThread(Thread), 1);
    CHECK_EQUAL(ResumeThread(Thread), 2);
    CHECK_EQUAL(ResumeThread(Thread), 1);
    CHECK_EQUAL(WaitForSingleObject(Thread, INFINITE), WAIT_OBJECT_0);
    CHECK_EQUAL(Flag, 1);
    CHECK(GetExitCodeThread(Thread, &Code) && Code == 77);
    CHECK(CloseHandle(Thread));
}

static DWORD WINAPI UseTls(LPVOID Parameter)
{
    int Failed = TlsGetValue(TlsIndex) != NULL || EmulatedTls != 7;

    TlsSetValue(TlsIndex, Parameter);
    EmulatedTls = (int)(ULONG_PTR)Parameter;
    Sleep(10);
    return Failed || TlsGetValue(TlsIndex) != Parameter || EmulatedTls != (int)(ULONG_PTR)Parameter;
}

static void LocalStorage(void)
{
    HANDLE Threads[4];
    DWORD Code;

    TlsIndex = TlsAlloc();
    CHECK(TlsIndex != TLS_OUT_OF_INDEXES);
    CHECK(TlsSetValue(TlsIndex, (LPVOID)99));
    for (int i = 0; i < 4; i++) {
        Threads[i] = CreateThread(NULL, 0, UseTls, (LPVOID)(ULONG_PTR)(i + 1), 0, NULL);
    }
    CHECK_EQUAL(WaitForMultipleObjects(4, Threads, TRUE, INFINITE), WAIT_OBJECT_0);
    for (int i = 0; i < 4; i++) {
        CHECK(GetExitCodeThread(Threads[i], &Code) && Code == 0);
        CloseHandle(Threads[i]);
    }
    CHECK(TlsGetValue(TlsIndex) == (LPVOID)99);
    CHECK_EQUAL(EmulatedTls, 7);
    CHECK(TlsFree(TlsIndex));
    CHECK_FAILS(TlsFree(TlsIndex), ERROR_INVALID_PARAMETER);
}

static void CALLBACK OnApc(ULONG_PTR Parameter)
{
    InterlockedExchangeAdd(&Counter, (LONG)Parameter);
}

static void Apcs(void)
{
    Counter = 0;
    CHECK(QueueUserAPC(OnApc, GetCurrentThread(), 5));
    CHECK(QueueUserAPC(OnApc, GetCurrentThread(), 6));
    Sleep(1);
    CHECK_EQUAL(Counter, 0);
    CHECK_EQUAL(SleepEx(1000, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQUAL(Counter, 11);
    CHECK_EQUAL(SleepEx(1, TRUE), 0);
}

static unsigned __stdcall FromLibrary(void *Parameter)
{
    errno = 0;
    strtol("99999999999", NULL, 10);
    *(int *)Parameter = errno;
    _endthreadex(5);
    return 0;
}

static void Library(void)
{
    int Result = 0;
    HANDLE Thread;
    DWORD Code;

    errno = 0;
    Thread = (HANDLE)_beginthreadex(NULL, 0, FromLibrary, &Result, 0, NULL);
    CHECK(Thread != NULL);
    CHECK_EQUAL(WaitForSingleObject(Thread, INFINITE), WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(Thread, &Code) && Code == 5);
    CHECK_EQUAL(Result, ERANGE);
    CHECK_EQUAL(errno, 0);
    CloseHandle(Thread);
}

static DWORD WINAPI Spin(LPVOID Parameter)
{
    while (*(volatile LONG *)Parameter == 0) {
    }
    return 0;
}

static void PriorityAndContext(void)
{
    volatile LONG Stop = 0;
    HANDLE Thread = CreateThread(NULL, 0, Spin, (LPVOID)&Stop, CREATE_SUSPENDED, NULL);
    CONTEXT Context = {.ContextFlags = CONTEXT_FULL};

    CHECK_EQUAL(GetThreadPriority(Thread), THREAD_PRIORITY_NORMAL);
    CHECK(SetThreadPriority(Thread, THREAD_PRIORITY_BELOW_NORMAL));
    CHECK_EQUAL(GetThreadPriority(Thread), THREAD_PRIORITY_BELOW_NORMAL);
    CHECK_FAILS(SetThreadPriority(Thread, 1000), ERROR_INVALID_PARAMETER);
    ResumeThread(Thread);
    Sleep(20); // it spins, at a lower priority than ours
    CHECK_EQUAL(SuspendThread(Thread), 0);
    CHECK(GetThreadContext(Thread, &Context));
    CHECK(Context.Eip != 0 && Context.Esp != 0 && (Context.SegCs & 3) == 3);
    Stop = 1;
    CHECK_EQUAL(ResumeThread(Thread), 1);
    CHECK_EQUAL(WaitForSingleObject(Thread, INFINITE), WAIT_OBJECT_0);
    CloseHandle(Thread);
    CHECK_FAILS(OpenThread(THREAD_QUERY_INFORMATION, FALSE, 0xFFFFFFF0) != NULL, ERROR_INVALID_PARAMETER);
}

static DWORD WINAPI SleepForever(LPVOID Parameter)
{
    Sleep(INFINITE);
    return (DWORD)(ULONG_PTR)Parameter;
}

static void Terminated(void)
{
    HANDLE Thread = CreateThread(NULL, 0, SleepForever, NULL, 0, NULL);
    DWORD Code;

    Sleep(5);
    CHECK(TerminateThread(Thread, 123));
    CHECK_EQUAL(WaitForSingleObject(Thread, INFINITE), WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(Thread, &Code) && Code == 123);
    CloseHandle(Thread);
}

static LPVOID MainFiber, OtherFiber;
static int FiberSteps;

static void CALLBACK Fiber(LPVOID Parameter)
{
    for (;;) {
        FiberSteps += *(int *)Parameter;
        CHECK(GetFiberData() == Parameter && GetCurrentFiber() == OtherFiber);
        SwitchToFiber(MainFiber);
    }
}

static void Fibers(void)
{
    int Step = 3;

    MainFiber = ConvertThreadToFiber(NULL);
    CHECK(MainFiber != NULL && IsThreadAFiber());
    OtherFiber = CreateFiber(0, Fiber, &Step);
    CHECK(OtherFiber != NULL);
    for (int i = 0; i < 5; i++) {
        SwitchToFiber(OtherFiber);
    }
    CHECK_EQUAL(FiberSteps, 15);
    DeleteFiber(OtherFiber);
    CHECK(ConvertFiberToThread());
}

static SLIST_HEADER List;

static DWORD WINAPI PushMany(LPVOID Parameter)
{
    (void)Parameter;
    for (int i = 0; i < 200; i++) {
        InterlockedPushEntrySList(&List, malloc(sizeof(SLIST_ENTRY)));
    }
    return 0;
}

static void Lists(void)
{
    HANDLE Threads[4];
    PSLIST_ENTRY Entry;
    int Count = 0;

    InitializeSListHead(&List);
    for (int i = 0; i < 4; i++) {
        Threads[i] = CreateThread(NULL, 0, PushMany, NULL, 0, NULL);
    }
    CHECK_EQUAL(WaitForMultipleObjects(4, Threads, TRUE, INFINITE), WAIT_OBJECT_0);
    CHECK_EQUAL(QueryDepthSList(&List), 800);
    while ((Entry = InterlockedPopEntrySList(&List)) != NULL) {
        free(Entry);
        Count++;
    }
    CHECK_EQUAL(Count, 800);
    for (int i = 0; i < 4; i++) {
        CloseHandle(Threads[i]);
    }
}

int main(void)
{
    Many();
    Fibers();
    Lists();
    Suspended();
    LocalStorage();
    Apcs();
    Library();
    PriorityAndContext();
    Terminated();
    return Verdict();
}
