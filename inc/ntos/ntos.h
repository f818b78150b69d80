// SPDX-License-Identifier: MIT
// What one kernel folder may see of the others, in one include.

#ifndef MICA_NTOS_NTOS_H
#define MICA_NTOS_NTOS_H

#include "ke.h"
#include "kechaos.h"
#include "hal.h"
#include "kd.h"
#include "kdtrace.h"
#include "ex.h"
#include "se.h"
#include "ob.h"
#include "mm.h"
#include "ps.h"
#include "io.h"
#include "cc.h"
#include "fast.h"

#endif
