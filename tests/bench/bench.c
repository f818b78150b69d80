// SPDX-License-Identifier: MIT
// Measures what one operation costs: batches of each, time-stamp counter around them, the median batch. Under
// -icount shift=0 the counter counts guest instructions. Prints "name<tab>counter ticks per operation" a line.

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCHES 50

static HANDLE event, ping, pong, file;
static char *pages;
static char buffer[65536];
static volatile LONG stop;

static unsigned long long ticks(void)
{
    unsigned low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (unsigned long long)high << 32 | low;
}

#define NULL_SERVICE 0x126 // NtGetCurrentProcessorNumber

static void null_int2e(void)
{
    unsigned result;

    __asm__ volatile("int $0x2e" : "=a"(result) : "a"(NULL_SERVICE), "d"(0) : "ecx", "memory");
}

static void null_sysenter(void)
{
    unsigned result;

    __asm__ volatile("call *%%edx" : "=a"(result) : "a"(NULL_SERVICE), "d"(*(unsigned *)0x7FFE0300) : "ecx", "memory");
}

static void event_set_and_consume(void)
{
    SetEvent(event);
    WaitForSingleObject(event, 0);
}

static void yield_thread(void)
{
    SwitchToThread();
}

static void ping_pong(void)
{
    SetEvent(ping);
    WaitForSingleObject(pong, INFINITE);
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

static size_t next_page;

static void fresh_page(void)
{
    pages[next_page] = 1;
    next_page += 4096;
}

static void read_4k(void)
{
    DWORD done;

    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    ReadFile(file, buffer, 4096, &done, NULL);
}

static int compare(const void *first, const void *second)
{
    unsigned long long a = *(const unsigned long long *)first, b = *(const unsigned long long *)second;

    return a < b ? -1 : a > b;
}

// Runs an operation in batches and prints the median cost of one.
static void measure(const char *name, void (*operation)(void), int per_batch)
{
    unsigned long long costs[BATCHES];

    for (int warm = 0; warm < 2; warm++)
        operation();
    for (int batch = 0; batch < BATCHES; batch++) {
        unsigned long long begin = ticks();

        for (int index = 0; index < per_batch; index++)
            operation();
        costs[batch] = (ticks() - begin) / per_batch;
    }
    qsort(costs, BATCHES, sizeof(costs[0]), compare);
    printf("%s\t%llu\n", name, costs[BATCHES / 2]);
    fflush(stdout);
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
}

int main(void)
{
    DWORD done;

    event = CreateEvent(NULL, FALSE, FALSE, NULL);
    ping = CreateEvent(NULL, FALSE, FALSE, NULL);
    pong = CreateEvent(NULL, FALSE, FALSE, NULL);
    pages = VirtualAlloc(NULL, 4096 * (BATCHES * 20 + 16), MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    file = CreateFileA("D:\\bench.dat", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    WriteFile(file, buffer, sizeof(buffer), &done, NULL);
    if (*(unsigned short *)(*(unsigned *)0x7FFE0300 + 2) == 0x340F) // mov edx, esp; sysenter
        measure("null system call, SYSENTER", null_sysenter, 200);
    measure("null system call, int 2Eh", null_int2e, 200);
    measure("set + consume an event, no waiter", event_set_and_consume, 100);
    with_thread("yield to another thread of the process", yield_thread, yielder);
    with_thread("two-thread event ping-pong, round trip", ping_pong, ponger);
    measure("first touch of a fresh private page", fresh_page, 20);
    measure("read 4 KB, cached", read_4k, 50);
    return 0;
}
