// SPDX-License-Identifier: MIT
// What the laws of the cache manager share.

#ifndef MICA_TESTS_KERNEL_CC_CCTEST_H
#define MICA_TESTS_KERNEL_CC_CCTEST_H

#include "cc/ccp.h"
#include "mm/mi.h"
#include "tests/kernel/fat/fattest.h"

// A new file of Size bytes that is cached and deleted with its handle; its file object, referenced.
PFILE_OBJECT CtOpen(HANDLE Directory, ULONG Size, PHANDLE File);
// Writes everything of a file and drops it from memory: the next look is at the disk.
VOID CtEmptyCache(PFILE_OBJECT File);

#endif
