// SPDX-License-Identifier: MIT
// What a program may say about scheduling: priorities, classes, processors, boosts; and what it is told: times.

#include "check.h"
#include <winternl.h>

NTSTATUS NTAPI NtSetInformationThread(HANDLE, THREADINFOCLASS, PVOID, ULONG); // not in winternl.h
NTSTATUS NTAPI NtSetEventBoostPriority(HANDLE);

#define THREAD_PRIORITY_CLASS 2
#define THREAD_BASE_PRIORITY_CLASS 3
#define THREAD_IDEAL_PROCESSOR_CLASS 13
#define PROCESS_BASE_PRIORITY_CLASS 5
#define PROCESS_FOREGROUND_CLASS 25
#define BAD_PARAMETER ((NTSTATUS)0xC000000D)
#define BAD_LENGTH ((NTSTATUS)0xC0000004)
#define BAD_HANDLE ((NTSTATUS)0xC0000008)
#define DENIED ((NTSTATUS)0xC0000022)
#define TYPE_MISMATCH ((NTSTATUS)0xC0000024)

static DWORD WINAPI WaitForEvent(LPVOID Event)
{
    return WaitForSingleObject(Event, INFINITE);
}

static void Priorities(void)
{
    HANDLE Self = GetCurrentThread();
    LONG Value;

    for (int Level = -2; Level <= 2; Level++) {
        CHECK(SetThreadPriority(Self, Level));
        CHECK_EQUAL(GetThreadPriority(Self), Level);
    }
    CHECK(SetThreadPriority(Self, THREAD_PRIORITY_TIME_CRITICAL));
    CHECK_EQUAL(GetThreadPriority(Self), THREAD_PRIORITY_TIME_CRITICAL);
    CHECK(SetThreadPriority(Self, THREAD_PRIORITY_IDLE));
    CHECK_EQUAL(GetThreadPriority(Self), THREAD_PRIORITY_IDLE);
    CHECK(SetThreadPriority(Self, THREAD_PRIORITY_NORMAL));
    CHECK_FAILS(SetThreadPriority(Self, 3), ERROR_INVALID_PARAMETER); // -7 to 6 are the real-time class's
    CHECK_FAILS(SetThreadPriority(Self, -3), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(SetThreadPriority(Self, 100), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(GetThreadPriority(Self), THREAD_PRIORITY_NORMAL);

    Value = 0;
    CHECK_EQUAL(NtSetInformationThread(Self, (THREADINFOCLASS)THREAD_PRIORITY_CLASS, &Value, sizeof(Value)),
                BAD_PARAMETER);
    Value = 32;
    CHECK_EQUAL(NtSetInformationThread(Self, (THREADINFOCLASS)THREAD_PRIORITY_CLASS, &Value, sizeof(Value)),
                BAD_PARAMETER);
    Value = 9;
    CHECK_EQUAL(NtSetInformationThread(Self, (THREADINFOCLASS)THREAD_PRIORITY_CLASS, &Value, 2), BAD_LENGTH);
    CHECK_EQUAL(NtSetInformationThread(Self, (THREADINFOCLASS)THREAD_PRIORITY_CLASS, &Value, sizeof(Value)), 0);
    Value = 17;
    CHECK_EQUAL(NtSetInformationThread(Self, (THREADINFOCLASS)THREAD_BASE_PRIORITY_CLASS, &Value, sizeof(Value)),
                BAD_PARAMETER);
}

static void Classes(void)
{
    static const DWORD Classes[] = {IDLE_PRIORITY_CLASS,         BELOW_NORMAL_PRIORITY_CLASS, NORMAL_PRIORITY_CLASS,
                                    ABOVE_NORMAL_PRIORITY_CLASS, HIGH_PRIORITY_CLASS,         REALTIME_PRIORITY_CLASS};
    static const LONG Bases[] = {4, 6, 8, 10, 13, 24};
    HANDLE Self = GetCurrentProcess();
    PROCESS_BASIC_INFORMATION Basic;
    BYTE Foreground = 1;
    LONG Value = 0;

    for (int i = 0; i < 6; i++) {
        CHECK(SetPriorityClass(Self, Classes[i]));
        CHECK_EQUAL(GetPriorityClass(Self), Classes[i]);
        CHECK_EQUAL(NtQueryInformationProcess(Self, ProcessBasicInformation, &Basic, sizeof(Basic), NULL), 0);
        CHECK_EQUAL((LONG)(LONG_PTR)Basic.BasePriority, Bases[i]); // BasePriority
        CHECK_EQUAL(GetThreadPriority(GetCurrentThread()), 0);
    }
    CHECK(SetThreadPriority(GetCurrentThread(), 6)); // in the real-time class
    CHECK_EQUAL(GetThreadPriority(GetCurrentThread()), 6);
    CHECK(SetThreadPriority(GetCurrentThread(), 0));
    CHECK(SetPriorityClass(Self, NORMAL_PRIORITY_CLASS));
    CHECK_FAILS(SetPriorityClass(Self, 3), ERROR_INVALID_PARAMETER);

    CHECK_EQUAL(NtSetInformationProcess(Self, (PROCESSINFOCLASS)PROCESS_FOREGROUND_CLASS, &Foreground, 1), 0);
    CHECK_EQUAL(NtSetInformationProcess(Self, (PROCESSINFOCLASS)PROCESS_FOREGROUND_CLASS, &Foreground, 4), BAD_LENGTH);
    Foreground = 0;
    CHECK_EQUAL(NtSetInformationProcess(Self, (PROCESSINFOCLASS)PROCESS_FOREGROUND_CLASS, &Foreground, 1), 0);
    CHECK_EQUAL(NtSetInformationProcess(Self, (PROCESSINFOCLASS)PROCESS_BASE_PRIORITY_CLASS, &Value, sizeof(Value)),
                BAD_PARAMETER);
}

static void Processors(void)
{
    DWORD_PTR Process, System, Old;
    HANDLE Self = GetCurrentThread();
    SYSTEM_INFO Info;
    DWORD Count = 0;

    GetSystemInfo(&Info);
    CHECK(GetProcessAffinityMask(GetCurrentProcess(), &Process, &System));
    CHECK_EQUAL(System, Info.dwActiveProcessorMask);
    for (DWORD_PTR Mask = System; Mask != 0; Mask &= Mask - 1) {
        DWORD_PTR One = Mask & -Mask;

        CHECK(SetThreadAffinityMask(Self, One) != 0);
        for (int i = 0; i < 20; i++) {
            CHECK_EQUAL((DWORD_PTR)1 << GetCurrentProcessorNumber(), One);
            SwitchToThread();
        }
        Count++;
    }
    CHECK_EQUAL(Count, Info.dwNumberOfProcessors);
    Old = SetThreadAffinityMask(Self, Process);
    CHECK(Old != 0 && (Old & (Old - 1)) == 0);
    CHECK_FAILS(SetThreadAffinityMask(Self, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(SetThreadAffinityMask(Self, System | 0x80000000), ERROR_INVALID_PARAMETER);

    CHECK(SetProcessAffinityMask(GetCurrentProcess(), 1));
    CHECK_EQUAL(GetCurrentProcessorNumber(), 0);
    CHECK(GetProcessAffinityMask(GetCurrentProcess(), &Process, &System) && Process == 1);
    CHECK(SetProcessAffinityMask(GetCurrentProcess(), System));
    CHECK_FAILS(SetProcessAffinityMask(GetCurrentProcess(), 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(SetProcessAffinityMask(GetCurrentProcess(), 0x80000000), ERROR_INVALID_PARAMETER);

    Old = SetThreadIdealProcessor(Self, Info.dwNumberOfProcessors - 1);
    CHECK(Old < Info.dwNumberOfProcessors);
    CHECK_EQUAL(SetThreadIdealProcessor(Self, MAXIMUM_PROCESSORS), Info.dwNumberOfProcessors - 1); // only asks
    CHECK_EQUAL(SetThreadIdealProcessor(Self, (DWORD)Old), Info.dwNumberOfProcessors - 1);
    CHECK_EQUAL(SetThreadIdealProcessor(Self, 99), (DWORD)-1);
}

static void Boosts(void)
{
    HANDLE Event = CreateEventA(NULL, TRUE, FALSE, NULL);
    HANDLE Thread = CreateThread(NULL, 0, WaitForEvent, Event, 0, NULL);
    BOOL Disabled = TRUE;

    CHECK(GetThreadPriorityBoost(Thread, &Disabled) && !Disabled);
    CHECK(SetThreadPriorityBoost(Thread, TRUE));
    CHECK(GetThreadPriorityBoost(Thread, &Disabled) && Disabled);
    CHECK(SetProcessPriorityBoost(GetCurrentProcess(), FALSE)); // for its threads too
    CHECK(GetThreadPriorityBoost(Thread, &Disabled) && !Disabled);
    CHECK(SetProcessPriorityBoost(GetCurrentProcess(), TRUE));
    CHECK(GetProcessPriorityBoost(GetCurrentProcess(), &Disabled) && Disabled);
    CHECK(GetThreadPriorityBoost(GetCurrentThread(), &Disabled) && Disabled);
    CHECK(SetProcessPriorityBoost(GetCurrentProcess(), FALSE));
    SetEvent(Event);
    CHECK_EQUAL(WaitForSingleObject(Thread, INFINITE), WAIT_OBJECT_0);
    CloseHandle(Thread);
    CloseHandle(Event);
}

// The thread that is woken runs at the priority of the one that wakes it, for a while; see also ke/gate.c's laws.
static void HandedOn(void)
{
    HANDLE Event = CreateEventA(NULL, FALSE, FALSE, NULL), Manual = CreateEventA(NULL, TRUE, FALSE, NULL);
    HANDLE Thread = CreateThread(NULL, 0, WaitForEvent, Event, 0, NULL), Denied;

    Sleep(20); // it waits
    CHECK_EQUAL(NtSetEventBoostPriority(Event), 0);
    CHECK_EQUAL(WaitForSingleObject(Thread, 5000), WAIT_OBJECT_0);
    CHECK_EQUAL(WaitForSingleObject(Event, 0), WAIT_TIMEOUT); // the thread took the signal
    CHECK_EQUAL(NtSetEventBoostPriority(Event), 0);
    CHECK_EQUAL(NtSetEventBoostPriority(Event), 0);
    CHECK_EQUAL(WaitForSingleObject(Event, 0), WAIT_OBJECT_0);
    CHECK_EQUAL(WaitForSingleObject(Event, 0), WAIT_TIMEOUT);
    CHECK_EQUAL(NtSetEventBoostPriority(Manual), TYPE_MISMATCH);
    CHECK_EQUAL(NtSetEventBoostPriority(Thread), TYPE_MISMATCH);
    CHECK_EQUAL(NtSetEventBoostPriority((HANDLE)0x7FFFFFF0), BAD_HANDLE);
    CHECK(DuplicateHandle(GetCurrentProcess(), Event, GetCurrentProcess(), &Denied, SYNCHRONIZE, FALSE, 0));
    CHECK_EQUAL(NtSetEventBoostPriority(Denied), DENIED);
    CloseHandle(Denied);
    CloseHandle(Thread);
    CloseHandle(Manual);
    CloseHandle(Event);
}

static ULONGLONG Ticks(FILETIME Time)
{
    return (ULONGLONG)Time.dwHighDateTime << 32 | Time.dwLowDateTime;
}

static DWORD WINAPI Burn(LPVOID Milliseconds)
{
    DWORD Begin = GetTickCount();

    while (GetTickCount() - Begin < (DWORD)(ULONG_PTR)Milliseconds) {
    }
    return 0;
}

// Exact: nobody stops a whole processor for a while, of which the accounts could not know.
static void Times(BOOL Exact)
{
    ULONGLONG Least = Exact ? 100 * 10000 : 0; // the thread has the processor for most of its 200 ms
    HANDLE Thread = CreateThread(NULL, 0, Burn, (LPVOID)200, 0, NULL);
    FILETIME Create, Exit, Kernel, User, ProcessKernel, ProcessUser, Again;

    CHECK(GetThreadTimes(Thread, &Create, &Exit, &Kernel, &User));
    CHECK(GetProcessTimes(GetCurrentProcess(), &Create, &Exit, &ProcessKernel, &ProcessUser));
    CHECK_EQUAL(WaitForSingleObject(Thread, INFINITE), WAIT_OBJECT_0);
    CHECK(GetThreadTimes(Thread, &Create, &Exit, &Kernel, &User));
    CHECK(Ticks(Exit) > Ticks(Create));
    CHECK(Ticks(Kernel) + Ticks(User) >= Least);
    CHECK(!Exact || Ticks(Kernel) + Ticks(User) <= Ticks(Exit) - Ticks(Create) + 2 * 156250);
    // A thread that has ended stays in the times of its process.
    CHECK(GetProcessTimes(GetCurrentProcess(), &Create, &Exit, &Again, &User));
    CHECK(Ticks(Again) + Ticks(User) >= Ticks(ProcessKernel) + Ticks(ProcessUser) + Least);
    CHECK_EQUAL(Ticks(Exit), 0);
    CloseHandle(Thread);
}

static DWORD WINAPI Answer(LPVOID Parameter)
{
    HANDLE *Events = Parameter;

    for (int i = 0; i < 100; i++) {
        if (SignalObjectAndWait(Events[1], Events[0], INFINITE, FALSE) != WAIT_OBJECT_0) {
            return 1;
        }
    }
    return 0;
}

// The two hand the turn to each other a hundred times; every kind of object can be signaled.
static void SignalAndWait(void)
{
    HANDLE Events[2] = {CreateEventA(NULL, FALSE, FALSE, NULL), CreateEventA(NULL, FALSE, FALSE, NULL)};
    HANDLE Thread = CreateThread(NULL, 0, Answer, Events, 0, NULL), Object;
    DWORD Code;

    CHECK_EQUAL(WaitForSingleObject(Events[1], INFINITE), WAIT_OBJECT_0);
    for (int i = 0; i < 99; i++) {
        CHECK_EQUAL(SignalObjectAndWait(Events[0], Events[1], INFINITE, FALSE), WAIT_OBJECT_0);
    }
    CHECK_EQUAL(SignalObjectAndWait(Events[0], Thread, INFINITE, FALSE), WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(Thread, &Code) && Code == 0);
    Object = CreateMutexA(NULL, TRUE, NULL);
    CHECK_EQUAL(SignalObjectAndWait(Object, Object, 0, FALSE), WAIT_OBJECT_0); // released and taken again
    CHECK(ReleaseMutex(Object));
    CHECK_EQUAL(SignalObjectAndWait(Object, Events[0], 0, FALSE), WAIT_FAILED);
    CHECK_EQUAL(GetLastError(), ERROR_NOT_OWNER);
    CloseHandle(Object);
    Object = CreateSemaphoreA(NULL, 0, 1, NULL);
    CHECK_EQUAL(SignalObjectAndWait(Object, Events[0], 20, FALSE), WAIT_TIMEOUT);
    CHECK_EQUAL(SignalObjectAndWait(Object, Events[0], 20, FALSE), WAIT_FAILED);
    CHECK_EQUAL(GetLastError(), ERROR_TOO_MANY_POSTS);
    CloseHandle(Object);
    CHECK_EQUAL(SignalObjectAndWait(Thread, Events[0], 0, FALSE), WAIT_FAILED); // a thread cannot be signaled
    CloseHandle(Thread);
}

// schedule.exe inexact: where processors are stopped from outside, as those of a machine with more than its host has.
int main(int argc, char **argv)
{
    (void)argv;
    Priorities();
    Classes();
    Processors();
    Boosts();
    HandedOn();
    Times(argc == 1);
    SignalAndWait();
    return Verdict();
}
