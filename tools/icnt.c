// SPDX-License-Identifier: MIT
// A QEMU plugin that counts guest instructions exactly, for ./mica bench.
/* icnt.c: exact guest instruction counter for QEMU 7.2 (TCG plugin API v1), 1 vCPU.
 * Counts every executed guest instruction, split into user/kernel by virtual address
 * (split=0x80000000 by default), and prints a line whenever the guest executes the
 * marker   nopl 0x5EEDxxxx(%eax)   (bytes 0f 1f 80 xx xx ed 5e) - a NOP for everybody.
 * With count=off only the marks are reported (their wall_us is then not slowed down).
 * With hist=FILE each instruction has a counter; mark 2 clears them, mark 3 writes
 * "address count" lines there (./mica bench --profile).
 * Build: gcc -O2 -shared -fPIC -o libicnt.so icnt.c
 */
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
                                                  void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int op, void *ptr, uint64_t imm);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *), int flags,
                                                   void *ud);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t n_user, n_kern, last_u, last_k;
static uint64_t split = 0x80000000u;
static FILE *out;
static uint64_t t0;
static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

// Counters by instruction address: open addressing, filled when code is translated.
#define SLOTS (1u << 20)
#define MARK_CLEAR 2
#define MARK_WRITE 3
static struct {
    uint64_t address, count;
} * slots;
static const char *histogram;
static int counting = 1;
static uint64_t *slot(uint64_t address)
{
    uint32_t i = (uint32_t)(address * 2654435761u) % SLOTS;
    while (slots[i].address && slots[i].address != address)
        i = (i + 1) % SLOTS;
    slots[i].address = address;
    return &slots[i].count;
}
static void write_histogram(void)
{
    FILE *f = fopen(histogram, "w");
    for (uint32_t i = 0; i < SLOTS; i++)
        if (slots[i].count)
            fprintf(f, "%08x %llu\n", (unsigned)slots[i].address, (unsigned long long)slots[i].count);
    fclose(f);
}
static void mark(unsigned cpu, void *ud)
{
    if (slots && (uintptr_t)ud == MARK_CLEAR)
        for (uint32_t i = 0; i < SLOTS; i++)
            slots[i].count = 0;
    if (slots && (uintptr_t)ud == MARK_WRITE)
        write_histogram();

    uint64_t u = n_user, k = n_kern;
    fprintf(out, "MARK %04x total %llu kern %llu user %llu dkern %llu duser %llu wall_us %llu\n",
            (unsigned)(uintptr_t)ud, (unsigned long long)(u + k), (unsigned long long)k, (unsigned long long)u,
            (unsigned long long)(k - last_k), (unsigned long long)(u - last_u),
            (unsigned long long)((now() - t0) / 1000));
    fflush(out);
    last_u = u;
    last_k = k;
}
static void trans(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *in = qemu_plugin_tb_get_insn(tb, i);
        uint64_t va = qemu_plugin_insn_vaddr(in);
        if (counting)
            qemu_plugin_register_vcpu_insn_exec_inline(in, 0, va >= split ? &n_kern : &n_user, 1);
        if (slots)
            qemu_plugin_register_vcpu_insn_exec_inline(in, 0, slot(va), 1);
        if (qemu_plugin_insn_size(in) == 7) {
            const uint8_t *d = qemu_plugin_insn_data(in);
            if (d[0] == 0x0f && d[1] == 0x1f && d[2] == 0x80 && d[5] == 0xed && d[6] == 0x5e)
                qemu_plugin_register_vcpu_insn_exec_cb(in, mark, 0, (void *)(uintptr_t)(d[3] | d[4] << 8));
        }
    }
}
static void fin(qemu_plugin_id_t id, void *p)
{
    mark(0, (void *)0xffff);
    fclose(out);
}
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                                                               char **argv)
{
    out = stderr;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "split=", 6))
            split = strtoull(argv[i] + 6, 0, 0);
        if (!strncmp(argv[i], "hist=", 5))
            histogram = strdup(argv[i] + 5);
        if (!strcmp(argv[i], "count=off"))
            counting = 0;
        if (!strncmp(argv[i], "out=", 4))
            out = fopen(argv[i] + 4, "w");
    }
    if (histogram)
        slots = calloc(SLOTS, sizeof(slots[0]));
    t0 = now();
    qemu_plugin_register_vcpu_tb_trans_cb(id, trans);
    qemu_plugin_register_atexit_cb(id, fin, NULL);
    return 0;
}
