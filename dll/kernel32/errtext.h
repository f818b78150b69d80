// SPDX-License-Identifier: MIT
// The table of system error texts (errtext.c), for FormatMessage.

#ifndef MICA_K32_ERRTEXT_H
#define MICA_K32_ERRTEXT_H

#include "k32.h"

typedef struct _BASE_ERROR_TEXT {
    DWORD Error;
    LPCSTR Text;
} BASE_ERROR_TEXT;

LPCSTR BaseErrorText(DWORD Error);

#endif
