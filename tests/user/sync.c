// SPDX-License-Identifier: MIT
// Events, mutexes, semaphores, timers, waits for any and all, critical sections, slim locks.

#include "check.h"

static HANDLE Ready, Go;
static volatile LONG Value;

static void Events(void)
{
    HANDLE Manual = CreateEventA(NULL, TRUE, FALSE, NULL), Auto = CreateEventA(NULL, FALSE, TRUE, NULL);

    CHECK(Manual != NULL && Auto != NULL);
    CHECK_EQUAL(WaitForSingleObject(Manual, 0), WAIT_TIMEOUT);
    CHECK(SetEvent(Manual));
    CHECK_EQUAL(WaitForSingleObject(Manual, 0), WAIT_OBJECT_0);
    CHECK_EQUAL(WaitForSingleObject(Manual, 0), WAIT_OBJECT_0);
    CHECK(ResetEvent(Manual));
    CHECK_EQUAL(WaitForSingleObject(Manual, 0), WAIT_TIMEOUT);
    CHECK_EQUAL(WaitForSingleObject(Auto, 0), WAIT_OBJECT_0);
    CHECK_EQUAL(WaitForSingleObject(Auto, 0), WAIT_TIMEOUT);
    CHECK(CloseHandle(Manual) && CloseHandle(Auto));
    CHECK_FAILS(WaitForSingleObject(Manual, 0) != WAIT_FAILED, ERROR_INVALID_HANDLE);
    CHECK_FAILS(SetEvent((HANDLE)0x7FFFFFF0), ERROR_INVALID_HANDLE);
}

static void Timeouts(void)
{
    HANDLE Never = CreateEventA(NULL, TRUE, FALSE, NULL);
    DWORD Start = GetTickCount(), Took;

    CHECK_EQUAL(WaitForSingleObject(Never, 100), WAIT_TIMEOUT);
    Took = GetTickCount() - Start;
    CHECK(Took >= 80 && Took < 400);
    CloseHandle(Never);
}

static void AnyAndAll(void)
{
    HANDLE Events[3];

    for (int i = 0; i < 3; i++) {
        Events[i] = CreateEventA(NULL, FALSE, FALSE, NULL);
    }
    CHECK_EQUAL(WaitForMultipleObjects(3, Events, FALSE, 0), WAIT_TIMEOUT);
    SetEvent(Events[2]);
    SetEvent(Events[1]);
    CHECK_EQUAL(WaitForMultipleObjects(3, Events, FALSE, 0), WAIT_OBJECT_0 + 1);
    CHECK_EQUAL(WaitForMultipleObjects(3, Events, TRUE, 0), WAIT_TIMEOUT);
    CHECK_EQUAL(WaitForMultipleObjects(3, Events, FALSE, 0), WAIT_OBJECT_0 + 2); // the failed wait took nothing
    for (int i = 0; i < 3; i++) {
        SetEvent(Events[i]);
    }
    CHECK_EQUAL(WaitForMultipleObjects(3, Events, TRUE, 0), WAIT_OBJECT_0);
    CHECK_EQUAL(WaitForMultipleObjects(3, Events, FALSE, 0), WAIT_TIMEOUT);
    CHECK_FAILS(WaitForMultipleObjects(0, Events, FALSE, 0) != WAIT_FAILED, ERROR_INVALID_PARAMETER);
    for (int i = 0; i < 3; i++) {
        CloseHandle(Events[i]);
    }
}

static DWORD WINAPI TakeAndDie(LPVOID Mutex)
{
    return WaitForSingleObject(Mutex, 0);
}

static void Mutexes(void)
{
    HANDLE Mutex = CreateMutexA(NULL, TRUE, NULL), Thread;
    DWORD Code;

    CHECK_EQUAL(WaitForSingleObject(Mutex, 0), WAIT_OBJECT_0); // its owner may take it again
    Thread = CreateThread(NULL, 0, TakeAndDie, Mutex, 0, NULL);
    WaitForSingleObject(Thread, INFINITE);
    CHECK(GetExitCodeThread(Thread, &Code) && Code == WAIT_TIMEOUT);
    CloseHandle(Thread);
    CHECK(ReleaseMutex(Mutex) && ReleaseMutex(Mutex));
    CHECK_FAILS(ReleaseMutex(Mutex), ERROR_NOT_OWNER);
    Thread = CreateThread(NULL, 0, TakeAndDie, Mutex, 0, NULL);
    WaitForSingleObject(Thread, INFINITE);
    CHECK(GetExitCodeThread(Thread, &Code) && Code == WAIT_OBJECT_0);
    CloseHandle(Thread);
    CHECK_EQUAL(WaitForSingleObject(Mutex, 0), WAIT_ABANDONED);
    CHECK(ReleaseMutex(Mutex));
    CloseHandle(Mutex);
}

static void Semaphores(void)
{
    HANDLE Semaphore = CreateSemaphoreA(NULL, 2, 3, NULL);
    LONG Previous = -1;

    CHECK_EQUAL(WaitForSingleObject(Semaphore, 0), WAIT_OBJECT_0);
    CHECK_EQUAL(WaitForSingleObject(Semaphore, 0), WAIT_OBJECT_0);
    CHECK_EQUAL(WaitForSingleObject(Semaphore, 0), WAIT_TIMEOUT);
    CHECK(ReleaseSemaphore(Semaphore, 2, &Previous) && Previous == 0);
    CHECK_FAILS(ReleaseSemaphore(Semaphore, 2, NULL), ERROR_TOO_MANY_POSTS);
    CHECK_EQUAL(WaitForSingleObject(Semaphore, 0), WAIT_OBJECT_0);
    CloseHandle(Semaphore);
    CHECK_FAILS(CreateSemaphoreA(NULL, 4, 3, NULL) != NULL, ERROR_INVALID_PARAMETER);
}

static void Names(void)
{
    HANDLE First = CreateEventA(NULL, TRUE, FALSE, "MicaSyncTest"), Second, Third;

    CHECK(First != NULL && GetLastError() == 0);
    Second = CreateEventA(NULL, TRUE, FALSE, "MicaSyncTest");
    CHECK(Second != NULL && GetLastError() == ERROR_ALREADY_EXISTS);
    Third = OpenEventA(EVENT_MODIFY_STATE, FALSE, "Local\\MicaSyncTest");
    CHECK(Third != NULL && SetEvent(Third));
    CHECK_EQUAL(WaitForSingleObject(First, 0), WAIT_OBJECT_0);
    CHECK_FAILS(WaitForSingleObject(Third, 0) != WAIT_FAILED, ERROR_ACCESS_DENIED); // opened without SYNCHRONIZE
    CHECK_FAILS(CreateMutexA(NULL, FALSE, "MicaSyncTest") != NULL, ERROR_INVALID_HANDLE);
    CHECK_FAILS(OpenEventA(SYNCHRONIZE, FALSE, "NoSuchEvent") != NULL, ERROR_FILE_NOT_FOUND);
    CloseHandle(First);
    CloseHandle(Second);
    CloseHandle(Third);
    CHECK_FAILS(OpenEventA(SYNCHRONIZE, FALSE, "MicaSyncTest") != NULL, ERROR_FILE_NOT_FOUND);
}

static void Timers(void)
{
    HANDLE Timer = CreateWaitableTimerA(NULL, FALSE, NULL);
    LARGE_INTEGER Due = {.QuadPart = -500000}; // 50 ms
    DWORD Start = GetTickCount();

    CHECK(Timer != NULL && SetWaitableTimer(Timer, &Due, 30, NULL, NULL, FALSE));
    CHECK_EQUAL(WaitForSingleObject(Timer, 5000), WAIT_OBJECT_0);
    CHECK(GetTickCount() - Start >= 40);
    CHECK_EQUAL(WaitForSingleObject(Timer, 5000), WAIT_OBJECT_0);
    CHECK(CancelWaitableTimer(Timer));
    CHECK_EQUAL(WaitForSingleObject(Timer, 100), WAIT_TIMEOUT);
    CloseHandle(Timer);
}

static CRITICAL_SECTION Section;

static DWORD WINAPI AddSlowly(LPVOID Parameter)
{
    (void)Parameter;
    for (int i = 0; i < 200; i++) {
        LONG Read;

        EnterCriticalSection(&Section);
        EnterCriticalSection(&Section);
        Read = Value;
        if (i % 16 == 0) {
            Sleep(0);
        }
        Value = Read + 1;
        LeaveCriticalSection(&Section);
        LeaveCriticalSection(&Section);
    }
    return 0;
}

static void RunFour(LPTHREAD_START_ROUTINE Routine)
{
    HANDLE Threads[4];

    Value = 0;
    for (int i = 0; i < 4; i++) {
        Threads[i] = CreateThread(NULL, 0, Routine, NULL, 0, NULL);
        CHECK(Threads[i] != NULL);
    }
    CHECK_EQUAL(WaitForMultipleObjects(4, Threads, TRUE, INFINITE), WAIT_OBJECT_0);
    for (int i = 0; i < 4; i++) {
        CloseHandle(Threads[i]);
    }
}

static DWORD WINAPI TrySection(LPVOID Parameter)
{
    (void)Parameter;
    return (DWORD)TryEnterCriticalSection(&Section);
}

static void CriticalSections(void)
{
    HANDLE Thread;
    DWORD Code;

    InitializeCriticalSection(&Section);
    RunFour(AddSlowly);
    CHECK_EQUAL(Value, 800);
    CHECK(TryEnterCriticalSection(&Section));
    Thread = CreateThread(NULL, 0, TrySection, NULL, 0, NULL);
    WaitForSingleObject(Thread, INFINITE);
    CHECK(GetExitCodeThread(Thread, &Code) && Code == 0);
    CloseHandle(Thread);
    LeaveCriticalSection(&Section);
    DeleteCriticalSection(&Section);
}

static SRWLOCK Slim = SRWLOCK_INIT;
static CONDITION_VARIABLE Condition = CONDITION_VARIABLE_INIT;

static DWORD WINAPI SlimAdd(LPVOID Parameter)
{
    (void)Parameter;
    for (int i = 0; i < 200; i++) {
        LONG Read;

        AcquireSRWLockShared(&Slim);
        Read = Value;
        if (i % 16 == 0) {
            Sleep(0);
        }
        (void)Read;
        ReleaseSRWLockShared(&Slim);
        AcquireSRWLockExclusive(&Slim);
        Read = Value;
        if (i % 16 == 0) {
            Sleep(0);
        }
        Value = Read + 1;
        ReleaseSRWLockExclusive(&Slim);
    }
    return 0;
}

static DWORD WINAPI WakeWhenTold(LPVOID Parameter)
{
    (void)Parameter;
    Sleep(10);
    AcquireSRWLockExclusive(&Slim);
    Value = 1;
    ReleaseSRWLockExclusive(&Slim);
    WakeAllConditionVariable(&Condition);
    return 0;
}

static void SlimLocks(void)
{
    HANDLE Thread;

    RunFour(SlimAdd);
    CHECK_EQUAL(Value, 800);
    Value = 0;
    AcquireSRWLockExclusive(&Slim);
    CHECK(!TryAcquireSRWLockExclusive(&Slim));
    Thread = CreateThread(NULL, 0, WakeWhenTold, NULL, 0, NULL);
    while (Value == 0) {
        CHECK(SleepConditionVariableSRW(&Condition, &Slim, 5000, 0));
    }
    CHECK_FAILS(SleepConditionVariableSRW(&Condition, &Slim, 10, 0), ERROR_TIMEOUT);
    ReleaseSRWLockExclusive(&Slim);
    WaitForSingleObject(Thread, INFINITE);
    CloseHandle(Thread);
}

static DWORD WINAPI PingPong(LPVOID Parameter)
{
    (void)Parameter;
    for (int i = 0; i < 100; i++) {
        WaitForSingleObject(Go, INFINITE);
        Value++;
        SetEvent(Ready);
    }
    return 0;
}

static void SignalAndWait(void)
{
    HANDLE Thread;

    Ready = CreateEventA(NULL, FALSE, FALSE, NULL);
    Go = CreateEventA(NULL, FALSE, FALSE, NULL);
    Value = 0;
    Thread = CreateThread(NULL, 0, PingPong, NULL, 0, NULL);
    for (int i = 0; i < 100; i++) {
        CHECK_EQUAL(SignalObjectAndWait(Go, Ready, INFINITE, FALSE), WAIT_OBJECT_0);
        CHECK_EQUAL(Value, i + 1);
    }
    CHECK_EQUAL(WaitForSingleObject(Thread, INFINITE), WAIT_OBJECT_0);
    CloseHandle(Thread);
    CloseHandle(Ready);
    CloseHandle(Go);
}

int main(void)
{
    Events();
    Timeouts();
    AnyAndAll();
    Mutexes();
    Semaphores();
    Names();
    Timers();
    CriticalSections();
    SlimLocks();
    SignalAndWait();
    return Verdict();
}
