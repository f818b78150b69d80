// SPDX-License-Identifier: MIT
// Measures what one operation costs: batches of each, time-stamp counter around them, the median batch. Under
// -icount shift=0 the counter counts guest instructions; in real time it is the host's, and the last line tells how
// fast that runs. Prints "name<tab>counter ticks per operation" a line. An argument: only rows that begin with it.
// How each row is measured, and what it contains: docs/bench.md.

#include "bench.h"
#include <winternl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALIBRATIONS 5
#define CALIBRATION_TICKS 6
#define TICK_SPIN 2000
#define USER_SHARED_DATA 0x7FFE0000
#define SYSTEM_CALL_FIELD 0x300
#define TICK_COUNT_FIELD 0x320
#define INTERRUPT_TIME_FIELD 8 // 100 ns
#define UNITS_A_SECOND 10000000ull
#define NULL_SERVICE 0x126 // NtGetCurrentProcessorNumber
#define PARTNER_ARGUMENT "--partner"
#define READY_NAME "bench-ready"

// What the SDK's headers leave out of ntdll (Windows Internals, "Processes"; the structure's first half counts).
typedef struct _RTL_USER_PROCESS_INFORMATION {
    ULONG Length;
    HANDLE Process, Thread;
    CLIENT_ID ClientId;
    ULONG ImageInformation[12];
} RTL_USER_PROCESS_INFORMATION;
NTSTATUS NTAPI RtlCreateProcessParameters(PVOID *parameters, UNICODE_STRING *image, UNICODE_STRING *dlls,
                                          UNICODE_STRING *folder, UNICODE_STRING *line, PVOID environment,
                                          UNICODE_STRING *title, UNICODE_STRING *desktop, UNICODE_STRING *shell,
                                          UNICODE_STRING *runtime);
NTSTATUS NTAPI RtlCreateUserProcess(UNICODE_STRING *image, ULONG attributes, PVOID parameters, PVOID process_security,
                                    PVOID thread_security, HANDLE parent, BOOLEAN inherit, HANDLE debug,
                                    HANDLE exception, RTL_USER_PROCESS_INFORMATION *information);
NTSTATUS NTAPI NtResumeThread(HANDLE thread, ULONG *count);

static UNICODE_STRING native;
static PVOID native_parameters;

static HANDLE event, ping, pong, file, section;
static char buffer[65536];
static volatile LONG stop;
static int *volatile nowhere = (int *)8;

static unsigned tick_count(void)
{
    return *(volatile unsigned *)(USER_SHARED_DATA + TICK_COUNT_FIELD);
}

static void null_int2e(void)
{
    unsigned result;

    __asm__ volatile("int $0x2e" : "=a"(result) : "a"(NULL_SERVICE), "d"(0) : "ecx", "memory");
}

static void null_sysenter(void)
{
    unsigned result;

    __asm__ volatile("call *%%edx"
                     : "=a"(result)
                     : "a"(NULL_SERVICE), "d"(*(unsigned *)(USER_SHARED_DATA + SYSTEM_CALL_FIELD))
                     : "ecx", "memory");
}

static void duplicate_and_close(void)
{
    HANDLE copy;

    DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS);
    CloseHandle(copy);
}

static void event_set_and_consume(void)
{
    SetEvent(event);
    WaitForSingleObject(event, 0);
}

static void yield(void)
{
    SwitchToThread();
}

static void ping_pong(void)
{
    SetEvent(ping);
    WaitForSingleObject(pong, INFINITE);
}

static void ping_and_wait(void)
{
    SignalObjectAndWait(ping, pong, INFINITE, FALSE);
}

static DWORD WINAPI yielder(void *unused)
{
    (void)unused;
    while (!stop)
        SwitchToThread();
    return 0;
}

static DWORD WINAPI ponger(void *unused)
{
    (void)unused;
    for (;;) {
        WaitForSingleObject(ping, INFINITE);
        if (stop)
            return 0;
        SetEvent(pong);
    }
}

static DWORD WINAPI pong_and_waiter(void *unused)
{
    (void)unused;
    WaitForSingleObject(ping, INFINITE);
    while (!stop)
        SignalObjectAndWait(pong, ping, INFINITE, FALSE);
    return 0;
}

static DWORD WINAPI nothing(void *unused)
{
    (void)unused;
    return 0;
}

static void thread_create_wait_close(void)
{
    HANDLE thread = CreateThread(NULL, 0, nothing, NULL, 0, NULL);

    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

// The faulting instruction reads through ecx: give that an address that exists, and go on.
static LONG WINAPI mend(EXCEPTION_POINTERS *pointers)
{
    pointers->ContextRecord->Ecx = (DWORD)(ULONG_PTR)buffer;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void access_violation(void)
{
    int *address = nowhere;

    __asm__ volatile("movl (%%ecx), %%eax" : "+c"(address) : : "eax", "memory");
}

static void read_4k(void)
{
    DWORD done;

    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    ReadFile(file, buffer, 4096, &done, NULL);
}

static void read_64k(void)
{
    DWORD done;

    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    ReadFile(file, buffer, sizeof(buffer), &done, NULL);
}

static void write_4k(void)
{
    DWORD done;

    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    WriteFile(file, buffer, 4096, &done, NULL);
}

// A 64 KB view of a file whose data is in the cache: mapped, one page touched, unmapped.
static void map_view(void)
{
    volatile char *view = MapViewOfFile(section, FILE_MAP_READ, 0, 0, sizeof(buffer));

    (void)view[0];
    UnmapViewOfFile((void *)view);
}

// A native image that ends with its first instruction: the process, its one thread, its end, its exit code's reader.
static void create_process(void)
{
    RTL_USER_PROCESS_INFORMATION child;

    RtlCreateUserProcess(&native, OBJ_CASE_INSENSITIVE, native_parameters, NULL, NULL, NULL, FALSE, NULL, NULL, &child);
    NtResumeThread(child.Thread, NULL);
    WaitForSingleObject(child.Process, INFINITE);
    CloseHandle(child.Thread);
    CloseHandle(child.Process);
}

static int compare(const void *first, const void *second)
{
    ticks_t a = *(const ticks_t *)first, b = *(const ticks_t *)second;

    return a < b ? -1 : a > b;
}

ticks_t median(ticks_t *values, int count)
{
    qsort(values, count, sizeof(values[0]), compare);
    return values[count / 2];
}

void print(const char *name, ticks_t value)
{
    printf("%s\t%llu\n", name, value);
    fflush(stdout);
}

// Runs an operation in batches and prints the median cost of one.
void measure(const char *name, void (*operation)(void), int per_batch)
{
    ticks_t costs[BATCHES];

    for (int warm = 0; warm < 2; warm++)
        operation();
    MARK_BEGIN();
    for (int batch = 0; batch < BATCHES; batch++) {
        ticks_t begin = ticks();

        for (int index = 0; index < per_batch; index++)
            operation();
        costs[batch] = (ticks() - begin) / per_batch;
    }
    MARK_END();
    print(name, median(costs, BATCHES));
}

static void with_thread(const char *name, void (*operation)(void), LPTHREAD_START_ROUTINE partner)
{
    HANDLE thread;

    stop = 0;
    thread = CreateThread(NULL, 0, partner, NULL, 0, NULL);
    measure(name, operation, 100);
    stop = 1;
    SetEvent(ping);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    ResetEvent(ping);
    ResetEvent(pong);
}

// A second process of this program that does nothing but yield, until it is ended.
static void with_process(const char *name, void (*operation)(void))
{
    HANDLE ready = CreateEventA(NULL, FALSE, FALSE, READY_NAME);
    STARTUPINFOA startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION child;
    char path[MAX_PATH], line[MAX_PATH + sizeof(PARTNER_ARGUMENT) + 4];

    GetModuleFileNameA(NULL, path, sizeof(path));
    snprintf(line, sizeof(line), "\"%s\" " PARTNER_ARGUMENT, path);
    if (!CreateProcessA(path, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &child)) {
        fprintf(stderr, "no second process: error %lu\n", GetLastError());
        exit(1);
    }
    WaitForSingleObject(ready, INFINITE);
    measure(name, operation, 100);
    TerminateProcess(child.hProcess, 0);
    WaitForSingleObject(child.hProcess, INFINITE);
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
    CloseHandle(ready);
}

static int partner(void)
{
    SetEvent(OpenEventA(EVENT_MODIFY_STATE, FALSE, READY_NAME));
    for (;;)
        SwitchToThread();
}

static void spin(void)
{
    for (int index = 0; index < TICK_SPIN; index++)
        __asm__ volatile("");
}

// What a piece of busy work costs more when the clock ticks in it: the interrupt from entry to exit.
static void clock_tick(const char *name)
{
    ticks_t costs[BATCHES], quiet[BATCHES], begin, cost;
    int with = 0, without = 0;

    MARK_BEGIN();
    while (with < BATCHES) {
        unsigned before;

        begin = ticks();
        before = tick_count();
        spin();
        if (tick_count() != before) {
            cost = ticks() - begin;
            costs[with++] = cost;
        } else {
            cost = ticks() - begin;
            quiet[without++ % BATCHES] = cost;
        }
    }
    MARK_END();
    cost = median(quiet, BATCHES);
    begin = median(costs, BATCHES);
    print(name, begin > cost ? begin - cost : 0);
}

static unsigned interrupt_time(void)
{
    return *(volatile unsigned *)(USER_SHARED_DATA + INTERRUPT_TIME_FIELD);
}

// Waits until the clock ticks; returns the counter then.
static ticks_t at_tick(void)
{
    unsigned before = tick_count();

    while (tick_count() == before)
        ;
    return ticks();
}

// Counter ticks a second, against the system's clock: from the edge of one tick to the edge of another.
static void calibrate(void)
{
    ticks_t rates[CALIBRATIONS];

    for (int round = 0; round < CALIBRATIONS; round++) {
        ticks_t begin = at_tick(), end = begin;
        unsigned from = interrupt_time();

        for (int count = 0; count < CALIBRATION_TICKS; count++)
            end = at_tick();
        rates[round] = (end - begin) * UNITS_A_SECOND / (interrupt_time() - from);
    }
    print("counter ticks a second", median(rates, CALIBRATIONS));
}

static const char *wanted = "";

static int want(const char *name)
{
    return strncmp(name, wanted, strlen(wanted)) == 0;
}

static void prepare(void)
{
    DWORD done;

    event = CreateEvent(NULL, FALSE, FALSE, NULL);
    ping = CreateEvent(NULL, FALSE, FALSE, NULL);
    pong = CreateEvent(NULL, FALSE, FALSE, NULL);
    file = CreateFileA("D:\\bench.dat", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    WriteFile(file, buffer, sizeof(buffer), &done, NULL);
    section = CreateFileMapping(file, NULL, PAGE_READONLY, 0, 0, NULL);
    RtlInitUnicodeString(&native, L"\\??\\D:\\native.exe");
    RtlCreateProcessParameters(&native_parameters, &native, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    AddVectoredExceptionHandler(1, mend);
}

#define ROW(name, statement)                                                                                           \
    do {                                                                                                               \
        if (want(name))                                                                                                \
            statement;                                                                                                 \
    } while (0)
#define MEASURE(name, operation, per_batch) ROW(name, measure(name, operation, per_batch))

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], PARTNER_ARGUMENT) == 0)
        return partner();
    if (count > 1)
        wanted = arguments[1];
    prepare();
    if (*(unsigned short *)(*(unsigned *)(USER_SHARED_DATA + SYSTEM_CALL_FIELD) + 2) ==
        0x340F) // mov edx, esp; sysenter
        MEASURE("null system call, SYSENTER", null_sysenter, 200);
    MEASURE("null system call, int 2Eh", null_int2e, 200);
    MEASURE("duplicate + close a handle", duplicate_and_close, 100);
    MEASURE("set + consume an event, no waiter", event_set_and_consume, 100);
    ROW("yield to another thread of the process",
        with_thread("yield to another thread of the process", yield, yielder));
    ROW("yield to another process", with_process("yield to another process", yield));
    ROW("two-thread event ping-pong, round trip",
        with_thread("two-thread event ping-pong, round trip", ping_pong, ponger));
    ROW("same with signal-and-wait, round trip",
        with_thread("same with signal-and-wait, round trip", ping_and_wait, pong_and_waiter));
    MEASURE("thread create + wait + close", thread_create_wait_close, 20);
    ROW("clock tick with nothing to do", clock_tick("clock tick with nothing to do"));
    MEASURE("access violation to a user handler and back", access_violation, 50);
    ROW("first touch of a fresh private page",
        (want_zeroed_pages(), measure("first touch of a fresh private page", fresh_page, FRESH_PAGES),
         release_pages()));
    ROW("two first touches, 10 descriptors", with_descriptors(10, "two first touches, 10 descriptors",
                                                              "two first touches, 10 descriptors: reserve, release"));
    ROW("two first touches, 100,000 descriptors",
        (with_descriptors(DESCRIPTORS, "two first touches, 100,000 descriptors",
                          "two first touches, 100,000 descriptors: reserve, release"),
         release_descriptors()));
    ROW("same, page must be zeroed now",
        (want_no_zeroed_pages(), measure("same, page must be zeroed now", fresh_page, FRESH_PAGES), release_pages()));
    ROW("copy-on-write fault with copy",
        (prepare_copies(), measure("copy-on-write fault with copy", copy_on_write, FRESH_PAGES), release_copies()));
    ROW("soft fault from the standby list",
        (prepare_soft_faults(), measure("soft fault from the standby list", soft_fault, FRESH_PAGES)));
    MEASURE("reserve + commit 64 KB, touch a page, release", block_touch_release, 20);
    ROW("trimming, per page", trim("trimming, per page"));
    ROW("page-out and page-in, per page", page_file("page-out, per page", "page-in, per page"));
    ROW("raw disk transfers of 64 KB, per page",
        raw_disk("raw disk write of 64 KB, per page", "raw disk read of 64 KB, per page"));
    MEASURE("read 4 KB, cached", read_4k, 50);
    MEASURE("read 64 KB, cached", read_64k, 10);
    MEASURE("write 4 KB, cached", write_4k, 50);
    MEASURE("map + touch + unmap a cached 64 KB view", map_view, 20);
    MEASURE("process create + exit + wait", create_process, 4);
    calibrate();
    return 0;
}
