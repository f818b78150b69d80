// SPDX-License-Identifier: MIT
// Everything user mode may see of NT, in one include.

#ifndef MICA_NT_NT_H
#define MICA_NT_NT_H

#include "ntatomic.h"
#include "ntbase.h"
#include "ntex.h"
#include "ntimage.h"
#include "ntio.h"
#include "ntke.h"
#include "ntldr.h"
#include "ntmm.h"
#include "ntob.h"
#include "ntps.h"
#include "ntrtl.h"

#define NTSERVICE(Name) NTCHECK Nt##Name
#define NTSERVICE_LAX(Name) NTSTATUS NTAPI Nt##Name
#include "ntservices.h"
#undef NTSERVICE
#undef NTSERVICE_LAX
#define NTSERVICE(Name) NTCHECK Zw##Name
#define NTSERVICE_LAX(Name) NTSTATUS NTAPI Zw##Name
#include "ntservices.h"
#undef NTSERVICE
#undef NTSERVICE_LAX

#endif
