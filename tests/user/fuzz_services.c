// SPDX-License-Identifier: MIT
// Calls system services with random and boundary arguments through int 2Eh. The parent starts children that do the
// calls (a child may well destroy itself: that is no failure), until so many calls were made, and checks that the
// kernel lives on and that neither handles nor pool are lost. Arguments: CALLS SEED. A child: fuzz_services child SEED
// SECTION-HANDLE.

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES 0x128
#define SHUTDOWN_SYSTEM 0x102
#define CALLS_PER_CHILD 4000
#define CHILD_LIMIT_MS 1000
#define POOL_SLACK (64 * 1024) // caches that grow with use: lookaside lists, file and cache structures

typedef LONG(NTAPI *QUERY)(ULONG, PVOID, ULONG, PULONG);

static unsigned state;
static HANDLE handles[16];
static unsigned handle_count;
static unsigned char *readable, *writable, *hole;

static unsigned next(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static unsigned pick_integer(void)
{
    static const unsigned values[] = {0,          1,         2,        3,          4,          7,          8,
                                      0x10,       0xFF,      0x100,    0xFFF,      0x1000,     0x1001,     0xFFFF,
                                      0x10000,    0x10001,   0x2000,   0x3000,     0x4000,     0x7FFFFFFF, 0x80000000,
                                      0xC0000000, 0xFFFFFFF, 0x1FFFFF, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFF000, 0x8000,
                                      0x20,       0x40,      0x04,     0x1F0003};

    return next() % 4 ? values[next() % (sizeof(values) / sizeof(values[0]))] : next();
}

static void fill(unsigned char *buffer, unsigned length)
{
    for (unsigned index = 0; index < length; index += 4) {
        unsigned value = next() % 3 ? pick_integer() : (unsigned)(writable + next() % 4096);

        memcpy(buffer + index, &value, 4);
    }
}

// An OBJECT_ATTRIBUTES with a name of some kind, at the start of the writable page.
static unsigned object_attributes(void)
{
    static const WCHAR *const names[] = {L"\\BaseNamedObjects\\fuzz",
                                         L"\\??\\D:\\fuzz.tmp",
                                         L"\\",
                                         L"\\Device",
                                         L"fuzz",
                                         L"\\??\\C:",
                                         L"\\Device\\Console",
                                         L"",
                                         L"\\BaseNamedObjects\\",
                                         L"\\??\\D:\\"};
    const WCHAR *name = names[next() % (sizeof(names) / sizeof(names[0]))];
    unsigned *fields = (unsigned *)writable;
    unsigned length = (unsigned)wcslen(name) * 2;

    memcpy(writable + 256, name, length);
    fields[16] = (next() % 8 ? length : next() & 0xFFFF) | (next() & 0xFFFF) << 16;
    fields[17] = (unsigned)(writable + 256);
    fields[0] = next() % 8 ? 24 : pick_integer();
    fields[1] = next() % 2 ? 0 : (unsigned)handles[next() % handle_count];
    fields[2] = next() % 8 ? (unsigned)&fields[16] : pick_integer();
    fields[3] = next() % 2 ? 0x40 : pick_integer();
    fields[4] = fields[5] = 0;
    return (unsigned)fields;
}

static unsigned pick_argument(void)
{
    switch (next() % 12) {
    case 0:
    case 1:
        return pick_integer();
    case 2:
    case 3:
    case 4:
        return (unsigned)handles[next() % handle_count];
    case 5:
    case 6:
        return (unsigned)(writable + (next() % 2 ? 0 : next() % 4096));
    case 7:
        return object_attributes();
    case 8:
        return (unsigned)(readable + next() % 4096);
    case 9:
        return (unsigned)(hole - next() % 16); // straddles the end of what is mapped
    case 10:
        return 0x80000000u + (next() & 0x7FFFFFFF);
    default:
        return next() % 2 ? 0x7FFEFFFC + next() % 8 : 0;
    }
}

static void call(unsigned number, unsigned *arguments)
{
    unsigned result;

    __asm__ volatile("int $0x2e" : "=a"(result) : "a"(number), "d"(arguments) : "ecx", "memory");
    (void)result;
}

static void make_targets(void)
{
    unsigned char *region = VirtualAlloc(NULL, 0x10000, MEM_RESERVE, PAGE_NOACCESS);
    DWORD old;

    writable = VirtualAlloc(region, 0x2000, MEM_COMMIT, PAGE_READWRITE);
    hole = region + 0x2000;
    readable = VirtualAlloc(region + 0x4000, 0x1000, MEM_COMMIT, PAGE_READWRITE);
    VirtualProtect(readable, 0x1000, PAGE_READONLY, &old);
    handles[handle_count++] = CreateEventA(NULL, FALSE, TRUE, NULL);
    handles[handle_count++] = CreateMutexA(NULL, FALSE, NULL);
    handles[handle_count++] = CreateSemaphoreA(NULL, 1, 5, NULL);
    handles[handle_count++] = CreateWaitableTimerA(NULL, FALSE, NULL);
    handles[handle_count++] = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x4000, NULL);
    handles[handle_count++] = CreateFileA("D:\\fuzz.dat", GENERIC_READ | GENERIC_WRITE, 7, NULL, OPEN_ALWAYS, 0, NULL);
    handles[handle_count++] = GetStdHandle(STD_OUTPUT_HANDLE);
    handles[handle_count++] = (HANDLE)-1;
    handles[handle_count++] = (HANDLE)-2;
    handles[handle_count++] = NULL;
    handles[handle_count++] = (HANDLE)0x1234;
    handles[handle_count++] = (HANDLE)0x80000004;
}

static int child(unsigned seed, HANDLE section)
{
    volatile LONG *made = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    unsigned arguments[17];

    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    state = seed * 2654435761u + 1;
    make_targets();
    for (int index = 0; index < CALLS_PER_CHILD; index++) {
        unsigned number = next() % (SERVICES + 8);

        if (number == SHUTDOWN_SYSTEM)
            continue;
        fill(writable, 0x200);
        for (int argument = 0; argument < 17; argument++)
            arguments[argument] = pick_argument();
        made[0]++;
        made[1] = (LONG)number;
        call(number, next() % 64 ? arguments : (unsigned *)pick_argument());
    }
    return 0;
}

// Handles in the whole system and bytes of both pools.
static void system_usage(unsigned *handle_total, unsigned *pool_bytes)
{
    static union {
        ULONG words[65536];
        unsigned char bytes[262144];
    } buffer;
    QUERY query = (QUERY)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtQuerySystemInformation");
    ULONG length;

    *handle_total = *pool_bytes = 0;
    if (query(16, &buffer, sizeof(buffer), &length) >= 0)
        *handle_total = buffer.words[0];
    if (query(22, &buffer, sizeof(buffer), &length) >= 0) {
        for (ULONG index = 0; index < buffer.words[0]; index++)
            *pool_bytes += buffer.words[1 + index * 7 + 3] + buffer.words[1 + index * 7 + 6];
    }
}

static void run_child(const char *self, unsigned seed, HANDLE section)
{
    STARTUPINFOA startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION process;
    char line[300];

    snprintf(line, sizeof(line), "\"%s\" child %u %u", self, seed, (unsigned)section);
    if (!CreateProcessA(self, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process)) {
        printf("child %u does not start: error %lu\n", seed, GetLastError());
        exit(1);
    }
    if (WaitForSingleObject(process.hProcess, CHILD_LIMIT_MS) != WAIT_OBJECT_0) {
        TerminateProcess(process.hProcess, 99);
        if (WaitForSingleObject(process.hProcess, 10000) != WAIT_OBJECT_0) {
            printf("child %u cannot be ended\n", seed);
            exit(1);
        }
    }
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
}

int main(int argc, char **argv)
{
    SECURITY_ATTRIBUTES inherit = {sizeof(inherit), NULL, TRUE};
    unsigned handles_before = 0, pool_before = 0, handles_after, pool_after, children = 0, idle = 0;
    LONG total = 0, calls = argc > 1 ? atoi(argv[1]) : 1000;
    unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    volatile LONG *made;
    HANDLE section;

    if (argc > 3 && strcmp(argv[1], "child") == 0)
        return child((unsigned)atoi(argv[2]), (HANDLE)(ULONG_PTR)atoi(argv[3]));
    section = CreateFileMappingA(INVALID_HANDLE_VALUE, &inherit, PAGE_READWRITE, 0, 4096, NULL);
    made = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    if (made == NULL)
        return 2;
    while (total < calls) {
        made[0] = 0;
        run_child(argv[0], seed * 1000 + children++, section);
        // A child may have written anything anywhere, its counter included; but not every time.
        idle = made[0] == 0 ? idle + 1 : 0;
        if (idle == 8) {
            printf("child %u and those before it made no calls\n", children - 1);
            return 3;
        }
        total += made[0] > 0 && made[0] < CALLS_PER_CHILD ? made[0] : CALLS_PER_CHILD;
        if (children == 8)
            system_usage(&handles_before, &pool_before);
    }
    Sleep(3000); // the lazy writer and the reaper have their turn
    system_usage(&handles_after, &pool_after);
    printf("%ld calls in %u children; handles %u -> %u, pool %u -> %u bytes\n", total, children, handles_before,
           handles_after, pool_before, pool_after);
    if (children > 8 && (handles_after > handles_before || pool_after > pool_before + POOL_SLACK)) {
        printf("the kernel lost something\n");
        return 4;
    }
    return 0;
}
