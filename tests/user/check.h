// SPDX-License-Identifier: MIT
// How the Windows test programs report: a line for each thing that is not as documented; the exit code is their number.

#ifndef MICA_USER_CHECK_H
#define MICA_USER_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static int Failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            Failures++;                                                                                                \
            printf("%s:%d: not true: %s (last error %lu)\n", __FILE__, __LINE__, #condition, GetLastError());          \
        }                                                                                                              \
    } while (0)

#define CHECK_EQUAL(got, expected)                                                                                     \
    do {                                                                                                               \
        long long Got_ = (long long)(got), Expected_ = (long long)(expected);                                          \
        if (Got_ != Expected_) {                                                                                       \
            Failures++;                                                                                                \
            printf("%s:%d: %s: expected 0x%llx, got 0x%llx (last error %lu)\n", __FILE__, __LINE__, #got, Expected_,   \
                   Got_, GetLastError());                                                                              \
        }                                                                                                              \
    } while (0)

// The call must fail, with this last error.
#define CHECK_FAILS(condition, error)                                                                                  \
    do {                                                                                                               \
        SetLastError(0xDEAD);                                                                                          \
        CHECK(!(condition));                                                                                           \
        CHECK_EQUAL(GetLastError(), (error));                                                                          \
    } while (0)

static inline int Verdict(void)
{
    if (Failures == 0) {
        printf("passed\n");
    }
    return Failures;
}

#endif
