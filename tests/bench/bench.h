// SPDX-License-Identifier: MIT
// What the rooms of the benchmark share: bench.c has main and the rows of the kernel layer, memory.c those of Mm.

#ifndef MICA_TESTS_BENCH_H
#define MICA_TESTS_BENCH_H

#include <windows.h>
#include <stdlib.h>

#define BATCHES 50
#define PAGE 4096
#define FRESH_PAGES 20
#define SMALL_BLOCK 65536
#define DESCRIPTORS 100000

// The plugin tools/icnt.c reports its counts when it sees these.
#define MARK_BEGIN() __asm__ volatile(".byte 0x0F, 0x1F, 0x80, 0x02, 0x00, 0xED, 0x5E")
#define MARK_END() __asm__ volatile(".byte 0x0F, 0x1F, 0x80, 0x03, 0x00, 0xED, 0x5E")

typedef unsigned long long ticks_t;

static inline ticks_t ticks(void)
{
    unsigned low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (ticks_t)high << 32 | low;
}

// bench.c
ticks_t median(ticks_t *values, int count);
void print(const char *name, ticks_t value);
void measure(const char *name, void (*operation)(void), int per_batch);
// memory.c
void fresh_page(void);
void copy_on_write(void);
void soft_fault(void);
void block_touch_release(void);
void want_zeroed_pages(void);
void release_pages(void);
void want_no_zeroed_pages(void);
void prepare_copies(void);
void release_copies(void);
void prepare_soft_faults(void);
void trim(const char *name);
void page_file(const char *out_name, const char *in_name);
void raw_disk(const char *out_name, const char *in_name);
void with_descriptors(int count, const char *touch, const char *reserve);
void release_descriptors(void);

#endif
