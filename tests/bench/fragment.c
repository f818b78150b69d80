// SPDX-License-Identifier: MIT
// Fragmentation: an hour of the machine's time in which objects of all sizes come and go at random, 32 times a second:
// memory, views, events with names, files, suspended threads (each with a kernel stack out of the system PTEs). What is
// left of the address space, the pools and the system PTEs then, and when everything has gone. ./mica bench --hour.

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 3000
#define MOST_THREADS 200
#define LARGEST_MB 2
#define PAUSE 20 // milliseconds; two ticks of the clock
#define PERFORMANCE_CLASS 2
#define POOL_TAG_CLASS 22
#define PAGED_PAGES 28 // ULONGs of SYSTEM_PERFORMANCE_INFORMATION
#define NONPAGED_PAGES 29
#define FREE_SYSTEM_PTES 34
#define PAGE 4096u

typedef enum { NOTHING, MEMORY, SECTION, EVENT, FILE_OBJECT, THREAD } kind_t;

typedef struct {
    ULONG tag, paged_allocs, paged_frees, paged_used, nonpaged_allocs, nonpaged_frees, nonpaged_used;
} pool_tag_t;

typedef struct {
    ULONG pages[2], used[2]; // nonpaged, paged
    ULONG free_ptes;
} figures_t;

static struct {
    kind_t kind;
    HANDLE handle;
    void *memory;
} slots[SLOTS];
static unsigned threads, seed = 1;
static LONG(NTAPI *query)(ULONG, void *, ULONG, ULONG *);

static unsigned chance(unsigned limit)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % limit;
}

static DWORD WINAPI nobody(void *unused)
{
    (void)unused;
    return 0;
}

static size_t any_size(void) // small ones more often
{
    return 1 + chance(1u << (12 + chance(10))) % (LARGEST_MB << 20);
}

static void make(unsigned i)
{
    char name[260];
    size_t size = any_size();

    slots[i].kind = 1 + chance(THREAD);
    slots[i].memory = NULL;
    slots[i].handle = NULL;
    switch (slots[i].kind) {
    case MEMORY:
        slots[i].memory = VirtualAlloc(NULL, size, MEM_RESERVE | (size < 0x20000 ? MEM_COMMIT : 0), PAGE_READWRITE);
        break;
    case SECTION:
        slots[i].handle = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, size, NULL);
        slots[i].memory = chance(2) ? MapViewOfFile(slots[i].handle, FILE_MAP_WRITE, 0, 0, 0) : NULL;
        break;
    case EVENT:
        sprintf(name, "event %u %0*u", i, 1 + (int)chance(200), i);
        slots[i].handle = CreateEventA(NULL, FALSE, FALSE, chance(3) ? name : NULL);
        break;
    case FILE_OBJECT:
        slots[i].handle = CreateFileA("D:\\", GENERIC_READ, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
        break;
    default:
        if (threads < MOST_THREADS)
            slots[i].handle = CreateThread(NULL, 0, nobody, NULL, CREATE_SUSPENDED, NULL);
        threads += slots[i].handle != NULL;
        break;
    }
}

static void end(unsigned i)
{
    if (slots[i].kind == MEMORY && slots[i].memory != NULL)
        VirtualFree(slots[i].memory, 0, MEM_RELEASE);
    if (slots[i].kind == SECTION && slots[i].memory != NULL)
        UnmapViewOfFile(slots[i].memory);
    if (slots[i].kind == THREAD && slots[i].handle != NULL) {
        ResumeThread(slots[i].handle);
        WaitForSingleObject(slots[i].handle, INFINITE);
        threads--;
    }
    if (slots[i].handle != NULL && slots[i].handle != INVALID_HANDLE_VALUE)
        CloseHandle(slots[i].handle);
    slots[i].kind = NOTHING;
}

static void look(figures_t *figures)
{
    static ULONG performance[100], tags[20000];
    ULONG length = 0;

    memset(figures, 0, sizeof(*figures));
    query(PERFORMANCE_CLASS, performance, 312, &length);
    figures->pages[0] = performance[NONPAGED_PAGES];
    figures->pages[1] = performance[PAGED_PAGES];
    figures->free_ptes = performance[FREE_SYSTEM_PTES];
    if (query(POOL_TAG_CLASS, tags, sizeof(tags), &length) < 0)
        return;
    for (ULONG i = 0; i < tags[0]; i++) {
        figures->used[0] += ((pool_tag_t *)(tags + 1))[i].nonpaged_used;
        figures->used[1] += ((pool_tag_t *)(tags + 1))[i].paged_used;
    }
    figures->used[1] -= (sizeof(tags) + PAGE - 1) & ~(PAGE - 1); // the answer itself, while it was put together
}

// The largest free range of addresses, in percent of all that is free.
static unsigned largest_free(void)
{
    MEMORY_BASIC_INFORMATION information;
    unsigned long long all = 0, largest = 0;
    char *va = NULL;

    for (; VirtualQuery(va, &information, sizeof(information)) != 0; va += information.RegionSize) {
        if (information.State != MEM_FREE)
            continue;
        all += information.RegionSize;
        if (information.RegionSize > largest)
            largest = information.RegionSize;
    }
    return (unsigned)(largest * 100 / all);
}

static unsigned share(const figures_t *figures, int pool)
{
    return (unsigned)(figures->used[pool] * 100ull / (figures->pages[pool] * (unsigned long long)PAGE));
}

static void print(const char *name, unsigned value)
{
    printf("%s\t%u\n", name, value);
}

int main(int count, char **arguments)
{
    DWORD seconds = count > 1 ? strtoul(arguments[1], NULL, 0) : 3600, start = GetTickCount();
    unsigned steps = 0, free_before;
    figures_t before, full, after;

    query = (LONG(NTAPI *)(ULONG, void *, ULONG, ULONG *))(void *)GetProcAddress(GetModuleHandleA("ntdll.dll"),
                                                                                 "NtQuerySystemInformation");
    free_before = largest_free();
    look(&before);
    for (; GetTickCount() - start < seconds * 1000; steps++) {
        unsigned i = chance(SLOTS);

        if (slots[i].kind == NOTHING)
            make(i);
        else
            end(i);
        Sleep(PAUSE);
    }
    look(&full);
    print("objects made and ended", steps);
    print("largest free range of addresses, % of the free ones, before", free_before);
    print("same, after", largest_free());
    print("nonpaged pool in use, % of its pages, before", share(&before, 0));
    print("same, after", share(&full, 0));
    print("paged pool in use, % of its pages, before", share(&before, 1));
    print("same, after", share(&full, 1));
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].kind != NOTHING)
            end(i);
    Sleep(5000);
    look(&after);
    print("nonpaged pool pages more than before, all ended", after.pages[0] - before.pages[0]);
    print("paged pool pages more than before, all ended", after.pages[1] - before.pages[1]);
    print("system PTEs fewer than before, all ended", before.free_ptes - after.free_ptes);
    return 0;
}
