// SPDX-License-Identifier: MIT
// The host ring: laws of code that needs no kernel, run on the building machine. A test is a 32-bit static program
// without a C library (the code under test brings its own), so that types and pointers are the kernel's. It prints `ok
// name` or `FAIL name: ...` for each law and exits with 0 or 1. HOST_SEED in the environment varies the random inputs.

#ifndef MICA_TESTS_HOST_HOSTTEST_H
#define MICA_TESTS_HOST_HOSTTEST_H

#include "nt.h"

typedef struct _HOST_TEST {
    const char *Name;
    VOID (*Routine)(VOID);
} HOST_TEST;

#define HOST_TEST(Law)                                                                                                 \
    static VOID Law(VOID);                                                                                             \
    static const HOST_TEST Law##_entry __attribute__((used, section("hosttests"), aligned(4))) = {#Law, Law};          \
    static VOID Law(VOID)

VOID HostExpect(BOOLEAN Condition, const char *Expression, ULONGLONG Got, ULONGLONG Want, const char *File, ULONG Line);
#define expect(e) HostExpect(!!(e), #e, 0, 1, __FILE__, __LINE__)
#define expect_eq(got, want)                                                                                           \
    do {                                                                                                               \
        ULONGLONG Got_ = (ULONGLONG)(got), Want_ = (ULONGLONG)(want);                                                  \
        HostExpect(Got_ == Want_, #got " == " #want, Got_, Want_, __FILE__, __LINE__);                                 \
    } while (0)
#define expect_text(got, want) HostExpect(strcmp((got), (want)) == 0, #got " is " #want, 0, 0, __FILE__, __LINE__)

ULONG HostRandom(VOID);
// Size bytes that end where an unreadable page begins: one byte too many is a crash. Valid until the test ends.
PVOID HostGuarded(SIZE_T Size);
VOID HostPrint(const char *Format, ...);

#endif
