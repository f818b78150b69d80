// SPDX-License-Identifier: MIT
// Private to kd/.

#ifndef MICA_KD_KDP_H
#define MICA_KD_KDP_H

#include "ntos.h"

#define KD_LINE_SIZE 512 // a longer message is cut off

// output.c: each writes one message as a whole, interrupts off.
VOID KdpWriteLog(PCSTR Text);
VOID KdpWriteHost(PCSTR Text);
extern BOOLEAN KdpLogEnabled;

#endif
