// SPDX-License-Identifier: MIT
// A QEMU plugin that pulls the plug: it counts guest instructions from the marker NOP 0F 1F 80 02 00 ED 5E on, and
// kills QEMU, without a word to anybody, when cut=N of them have run. At an ordinary end it writes their number to
// out=FILE. At each marker 0F 1F 80 04 00 ED 5E, the guest's flush of a disk's cache, it writes how long log=FILE (of
// the disk's writes) is to flushes=FILE, 8 bytes. With atflush=1 the end comes just before the next flush after N: the
// disk's cache is then full of news. QEMU 7.2, plugin interface 1.
// Build: gcc -O2 -shared -fPIC -o libpowercut.so powercut.c

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
                                                  void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *), int, void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static const unsigned char marker[] = {0x0F, 0x1F, 0x80, 0x02, 0x00, 0xED, 0x5E};
static const unsigned char flush_marker[] = {0x0F, 0x1F, 0x80, 0x04, 0x00, 0xED, 0x5E};
static uint64_t executed, cut;
static int counting, at_flush;
static const char *disk_log;
static FILE *out, *flushes;

static void block(unsigned cpu, void *instructions)
{
    if (!counting)
        return;
    executed += (uintptr_t)instructions;
    if (cut != 0 && executed >= cut && !at_flush)
        kill(getpid(), SIGKILL);
}

static void begin(unsigned cpu, void *unused)
{
    counting = 1;
}

static void flush(unsigned cpu, void *unused)
{
    struct stat information;
    uint64_t length;

    if (at_flush && cut != 0 && executed >= cut)
        kill(getpid(), SIGKILL);
    if (flushes == NULL || stat(disk_log, &information) != 0)
        return;
    length = (uint64_t)information.st_size;
    fwrite(&length, sizeof(length), 1, flushes);
}

static int is_marker(struct qemu_plugin_insn *instruction, const unsigned char *bytes)
{
    return qemu_plugin_insn_size(instruction) == sizeof(marker) &&
           memcmp(qemu_plugin_insn_data(instruction), bytes, sizeof(marker)) == 0;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);

    qemu_plugin_register_vcpu_tb_exec_cb(tb, block, 0, (void *)(uintptr_t)count);
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(tb, i);

        if (is_marker(instruction, marker))
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, begin, 0, NULL);
        if (is_marker(instruction, flush_marker))
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, flush, 0, NULL);
    }
}

static void end(qemu_plugin_id_t id, void *unused)
{
    if (out != NULL)
        fprintf(out, "%llu\n", (unsigned long long)executed);
    if (out != NULL)
        fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count,
                                                               char **arguments)
{
    for (int i = 0; i < count; i++) {
        if (strncmp(arguments[i], "cut=", 4) == 0)
            cut = strtoull(arguments[i] + 4, NULL, 0);
        if (strncmp(arguments[i], "out=", 4) == 0)
            out = fopen(arguments[i] + 4, "w");
        if (strncmp(arguments[i], "atflush=", 8) == 0)
            at_flush = atoi(arguments[i] + 8);
        if (strncmp(arguments[i], "log=", 4) == 0)
            disk_log = strdup(arguments[i] + 4);
        if (strncmp(arguments[i], "flushes=", 8) == 0 && (flushes = fopen(arguments[i] + 8, "w")) != NULL)
            setbuf(flushes, NULL);
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, end, NULL);
    return 0;
}
