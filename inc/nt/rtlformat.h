// SPDX-License-Identifier: MIT
// The formatter's state (rtl/format.c), for the printf names that only ntdll exports.

#ifndef MICA_NT_RTLFORMAT_H
#define MICA_NT_RTLFORMAT_H

#include "nttypes.h"

typedef struct _RTLP_FORMAT {
    const VOID *Text; // the format, of the same width as the buffer
    VOID *Buffer;
    size_t Count;  // units in the buffer
    size_t Length; // units produced so far, also those that did not fit
    BOOLEAN Wide;
} RTLP_FORMAT, *PRTLP_FORMAT;

int RtlpFormat(PRTLP_FORMAT Format, va_list Arguments);

#endif
