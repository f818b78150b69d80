// SPDX-License-Identifier: MIT
// The well-known SIDs, as constants. Source: SDK, "Well-Known SIDs".

#include "sep.h"

#define NT_AUTHORITY                                                                                                   \
    {                                                                                                                  \
        {                                                                                                              \
            0, 0, 0, 0, 0, 5                                                                                           \
        }                                                                                                              \
    }
#define WORLD_AUTHORITY                                                                                                \
    {                                                                                                                  \
        {                                                                                                              \
            0, 0, 0, 0, 0, 1                                                                                           \
        }                                                                                                              \
    }

typedef struct _SEP_SID2 {
    SID Sid;
    ULONG Second;
} SEP_SID2;

static SID SepLocalSystem = {1, 1, NT_AUTHORITY, {18}};                // S-1-5-18
static SEP_SID2 SepAdministrators = {{1, 2, NT_AUTHORITY, {32}}, 544}; // S-1-5-32-544
static SID SepWorld = {1, 1, WORLD_AUTHORITY, {0}};                    // S-1-1-0
static SID SepAuthenticatedUsers = {1, 1, NT_AUTHORITY, {11}};         // S-1-5-11

PSID SeLocalSystemSid = &SepLocalSystem;
PSID SeAliasAdminsSid = &SepAdministrators;
PSID SeWorldSid = &SepWorld;
PSID SeAuthenticatedUserSid = &SepAuthenticatedUsers;
