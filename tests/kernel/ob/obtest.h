// SPDX-License-Identifier: MIT
// What the tests of ob/ share: a type of objects that counts its deletions.

#ifndef MICA_TESTS_OBTEST_H
#define MICA_TESTS_OBTEST_H

#include "ktest.h"

typedef struct _OB_TEST_OBJECT {
    KEVENT Event;
    ULONG Number;
} OB_TEST_OBJECT, *POB_TEST_OBJECT;

typedef struct _OB_TEST_COUNTS {
    volatile LONG Deleted, Opened, Closed, ClosedLast;
    KIRQL DeleteIrql;
} OB_TEST_COUNTS;

#define OB_TEST_ALL_ACCESS (STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 0xFF)

extern OB_TEST_COUNTS ObTest;
extern POBJECT_TYPE ObTestType;
// Makes the type the first time, and sets the counts to zero.
VOID ObTestBegin(VOID);
// A new object, with a name if Name is not NULL; the caller owns the reference.
POB_TEST_OBJECT ObTestCreate(PCWSTR Name, ULONG Attributes);
HANDLE ObTestInsert(POB_TEST_OBJECT Object, ACCESS_MASK Access);
#define OB_HEADER(o) OBJECT_TO_OBJECT_HEADER(o)

#endif
