// SPDX-License-Identifier: MIT
// Making processes that never get a thread.

#ifndef MICA_TESTS_PSTEST_H
#define MICA_TESTS_PSTEST_H

#include "ktest.h"

NTSTATUS KtImageSection(PCWSTR Path, PHANDLE Section);
NTSTATUS KtCreateProcess(HANDLE Section, PHANDLE Process);

#endif
