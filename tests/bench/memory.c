// SPDX-License-Identifier: MIT
// The rows of the memory manager: first touches, copies, soft faults, trims, page files, many descriptors.

#include "bench.h"
#include <psapi.h>

#define ALL_FRESH (BATCHES * FRESH_PAGES + 2)
#define DRAIN_PAGES 256 // touched at a time until no page is zero already
#define MOST_DRAINS 1024
#define MEMORY_LIST_CLASS 80 // SystemMemoryListInformation: the number of zeroed pages is its first word
#define MEMORY_LIST_WORDS 22
#define FLUSH_MODIFIED_LIST 3
#define PURGE_STANDBY_LIST 4
#define PAGING_PAGES 240 // fewer than what wakes the writer
#define PAGING_ROUNDS 7
#define RAW_OFFSET 0x2000000

static char *pages, *original, *copied, *soft;
static size_t next_page;

void fresh_page(void)
{
    pages[next_page] = 1;
    next_page += PAGE;
}

void copy_on_write(void)
{
    copied[next_page] = 1;
    next_page += PAGE;
}

void soft_fault(void)
{
    (void)*(volatile char *)&soft[next_page];
    next_page += PAGE;
}

void block_touch_release(void)
{
    char *block = VirtualAlloc(NULL, SMALL_BLOCK, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    *block = 1;
    VirtualFree(block, 0, MEM_RELEASE);
}

static unsigned zeroed_pages(void)
{
    static LONG(NTAPI * query)(ULONG, void *, ULONG, ULONG *);
    ULONG lists[MEMORY_LIST_WORDS];

    if (query == NULL)
        query = (LONG(NTAPI *)(ULONG, void *, ULONG, ULONG *))(void *)GetProcAddress(GetModuleHandleA("ntdll.dll"),
                                                                                     "NtQuerySystemInformation");
    return query(MEMORY_LIST_CLASS, lists, sizeof(lists), NULL) < 0 ? 0 : lists[0];
}

static char *fresh_pages(size_t count)
{
    return VirtualAlloc(NULL, count * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

// Lets the zero page thread work until there are enough zeroed pages.
void want_zeroed_pages(void)
{
    while (zeroed_pages() < 2 * ALL_FRESH)
        Sleep(10);
    pages = fresh_pages(ALL_FRESH);
    next_page = 0;
}

// What a row has touched would fill the page file when later rows empty working sets.
void release_pages(void)
{
    VirtualFree(pages, 0, MEM_RELEASE);
}

// Uses the zeroed pages up and frees them: who frees no longer leaves them zeroed, and the thread that zeroes them does
// not run while the processor has anything else to do.
void want_no_zeroed_pages(void)
{
    static char *used[MOST_DRAINS];
    size_t count = 0;

    while (zeroed_pages() != 0 && count < MOST_DRAINS) {
        used[count] = fresh_pages(DRAIN_PAGES);
        for (size_t page = 0; page < DRAIN_PAGES; page++)
            used[count][page * PAGE] = 1;
        count++;
    }
    while (count != 0)
        VirtualFree(used[--count], 0, MEM_RELEASE);
    pages = fresh_pages(ALL_FRESH);
    next_page = 0;
}

// Pages that two views have, and that the one to be written to will get copies of.
void prepare_copies(void)
{
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, ALL_FRESH * PAGE, NULL);

    original = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    copied = MapViewOfFile(section, FILE_MAP_COPY, 0, 0, 0);
    CloseHandle(section);
    for (size_t page = 0; page < ALL_FRESH; page++) {
        original[page * PAGE] = 1;
        (void)*(volatile char *)&copied[page * PAGE];
    }
    next_page = 0;
}

void release_copies(void)
{
    UnmapViewOfFile(copied);
    UnmapViewOfFile(original);
}

// Pages of a file that nobody has changed, all on the standby list.
void prepare_soft_faults(void)
{
    HANDLE other = CreateFileA("D:\\soft.dat", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL), section;

    SetFilePointer(other, ALL_FRESH * PAGE, NULL, FILE_BEGIN);
    SetEndOfFile(other);
    section = CreateFileMappingA(other, NULL, PAGE_READONLY, 0, 0, NULL);
    soft = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
    for (size_t page = 0; page < ALL_FRESH; page++)
        (void)*(volatile char *)&soft[page * PAGE];
    K32EmptyWorkingSet(GetCurrentProcess());
    next_page = 0;
}

// What it costs to take a page out of the working set: all of them at once, and so many of them are ours.
void trim(const char *name)
{
    ticks_t costs[BATCHES], begin;

    for (int batch = 0; batch < BATCHES; batch++) {
        char *block = fresh_pages(DRAIN_PAGES);

        K32EmptyWorkingSet(GetCurrentProcess());
        for (size_t page = 0; page < DRAIN_PAGES; page++)
            block[page * PAGE] = 1;
        MARK_BEGIN();
        begin = ticks();
        K32EmptyWorkingSet(GetCurrentProcess());
        costs[batch] = (ticks() - begin) / DRAIN_PAGES;
        MARK_END();
        VirtualFree(block, 0, MEM_RELEASE);
    }
    print(name, median(costs, BATCHES));
}

static void memory_list_command(ULONG command)
{
    typedef LONG(WINAPI * set_t)(ULONG, PVOID, ULONG);
    set_t set = (set_t)(void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtSetSystemInformation");

    set(MEMORY_LIST_CLASS, &command, sizeof(command));
}

// Pages of ours to the page file and back, by transfers of 16.
void page_file(const char *out_name, const char *in_name)
{
    ticks_t out[PAGING_ROUNDS], in[PAGING_ROUNDS], begin;

    for (int round = 0; round < PAGING_ROUNDS; round++) {
        char *block = fresh_pages(PAGING_PAGES);

        memory_list_command(FLUSH_MODIFIED_LIST);
        for (size_t page = 0; page < PAGING_PAGES; page++)
            block[page * PAGE] = 1;
        K32EmptyWorkingSet(GetCurrentProcess());
        begin = ticks();
        memory_list_command(FLUSH_MODIFIED_LIST);
        out[round] = (ticks() - begin) / PAGING_PAGES;
        memory_list_command(PURGE_STANDBY_LIST);
        begin = ticks();
        for (size_t page = 0; page < PAGING_PAGES; page++)
            *(volatile char *)&block[page * PAGE];
        in[round] = (ticks() - begin) / PAGING_PAGES;
        VirtualFree(block, 0, MEM_RELEASE);
    }
    print(out_name, median(out, PAGING_ROUNDS));
    print(in_name, median(in, PAGING_ROUNDS));
}

// The same bytes through the disk driver alone: what is at the disk's end is read and written back.
void raw_disk(const char *out_name, const char *in_name)
{
    HANDLE disk = CreateFileA("\\\\.\\PhysicalDrive1", GENERIC_READ | GENERIC_WRITE, 3, NULL, OPEN_EXISTING, 0, NULL);
    char *block = VirtualAlloc(NULL, SMALL_BLOCK, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ticks_t out[BATCHES], in[BATCHES], begin;
    DWORD done;

    for (int batch = 0; batch < BATCHES; batch++) {
        SetFilePointer(disk, RAW_OFFSET, NULL, FILE_BEGIN);
        begin = ticks();
        if (!ReadFile(disk, block, SMALL_BLOCK, &done, NULL) || done != SMALL_BLOCK)
            exit(1);
        in[batch] = (ticks() - begin) / (SMALL_BLOCK / PAGE);
        SetFilePointer(disk, RAW_OFFSET, NULL, FILE_BEGIN);
        begin = ticks();
        if (!WriteFile(disk, block, SMALL_BLOCK, &done, NULL) || done != SMALL_BLOCK)
            exit(1);
        out[batch] = (ticks() - begin) / (SMALL_BLOCK / PAGE);
    }
    print(out_name, median(out, BATCHES));
    print(in_name, median(in, BATCHES));
    VirtualFree(block, 0, MEM_RELEASE);
    CloseHandle(disk);
}

// --- an address space with many descriptors
static char *span, *low_pages, *high_pages;
static int carved;

static void release_page(void *address)
{
    static LONG(NTAPI * release)(HANDLE, void **, SIZE_T *, ULONG);
    SIZE_T size = PAGE;

    if (release == NULL)
        release = (LONG(NTAPI *)(HANDLE, void **, SIZE_T *, ULONG))(void *)GetProcAddress(GetModuleHandleA("ntdll.dll"),
                                                                                          "NtFreeVirtualMemory");
    release(GetCurrentProcess(), &address, &size, MEM_RELEASE);
}

// Every second page of one large reservation is released, until what is left are so many reservations.
static void want_descriptors(int count)
{
    if (span == NULL)
        span = VirtualAlloc(NULL, 2 * DESCRIPTORS * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    for (; carved < count; carved++)
        release_page(span + (2 * carved + 1) * PAGE);
    while (zeroed_pages() < 2 * ALL_FRESH)
        Sleep(10);
    low_pages = fresh_pages(ALL_FRESH);
    high_pages = VirtualAlloc(NULL, ALL_FRESH * PAGE, MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN, PAGE_READWRITE);
    next_page = 0;
}

// Below all of them and above all of them in turn, so that the descriptor is searched for each time.
static void touch_far_pages(void)
{
    low_pages[next_page] = 1;
    high_pages[next_page] = 1;
    next_page += PAGE;
}

static void reserve_and_release(void)
{
    VirtualFree(VirtualAlloc(NULL, SMALL_BLOCK, MEM_RESERVE, PAGE_NOACCESS), 0, MEM_RELEASE);
}

void with_descriptors(int count, const char *touch, const char *reserve)
{
    want_descriptors(count);
    measure(touch, touch_far_pages, FRESH_PAGES / 2);
    measure(reserve, reserve_and_release, FRESH_PAGES);
    VirtualFree(low_pages, 0, MEM_RELEASE);
    VirtualFree(high_pages, 0, MEM_RELEASE);
}

void release_descriptors(void)
{
    for (int piece = 0; piece < DESCRIPTORS; piece++)
        release_page(span + 2 * piece * PAGE);
}
