// SPDX-License-Identifier: MIT
// Se's private header: the token's body, and what its rooms share.

#ifndef MICA_SE_SEP_H
#define MICA_SE_SEP_H

#include "ntos.h"

#define TAG_SE_DESCRIPTOR 0x64536553 // 'SeSd'
#define TAG_SE_QUERY 0x75716553      // 'Sequ'

#define SEP_MAX_SID_SUBAUTHORITIES 15
#define SEP_MAX_SID_LENGTH (8 + 4 * SEP_MAX_SID_SUBAUTHORITIES)

// Who somebody is and what he may do. The variable part (SID array, SIDs, privileges) follows in the same body and
// never changes after the token is made, so readers need no lock.
typedef struct _TOKEN {
    LUID TokenId;
    LUID AuthenticationId;
    TOKEN_TYPE TokenType;
    SECURITY_IMPERSONATION_LEVEL ImpersonationLevel;
    ULONG UserAndGroupCount;
    PSID_AND_ATTRIBUTES UserAndGroups; // [0] is the user
    ULONG DefaultOwnerIndex;           // into UserAndGroups
    ULONG PrivilegeCount;
    PLUID_AND_ATTRIBUTES Privileges;
} TOKEN, *PTOKEN;

// What SeCreate needs to know of a token, as data (token.c has the system's).
typedef struct _SEP_TOKEN_PLAN {
    ULONG SidCount;
    const SID_AND_ATTRIBUTES *Sids; // [0] is the user
    ULONG DefaultOwnerIndex;
    ULONG PrivilegeCount;
    const LUID_AND_ATTRIBUTES *Privileges;
} SEP_TOKEN_PLAN;

BOOLEAN SepInitTokens(VOID);
NTSTATUS SepCreateToken(const SEP_TOKEN_PLAN *Plan, PTOKEN *Token);
// Does the token stand for Sid? ForDeny: groups that only count against their bearer count too.
BOOLEAN SepTokenHasSid(PTOKEN Token, PSID Sid, BOOLEAN ForDeny);
BOOLEAN SepTokenHasPrivilege(PTOKEN Token, ULONG Privilege);
// The current process's token, referenced.
PTOKEN SepReferenceCurrentToken(VOID);

// The parts of a descriptor in either form; NULL if absent.
PSID SepGetOwner(PSECURITY_DESCRIPTOR Descriptor);
PSID SepGetGroup(PSECURITY_DESCRIPTOR Descriptor);
PACL SepGetDacl(PSECURITY_DESCRIPTOR Descriptor);
PACL SepGetSacl(PSECURITY_DESCRIPTOR Descriptor);
// Is Acl, at most Available bytes, a list of whole entries with valid SIDs?
BOOLEAN SepValidAcl(PACL Acl, ULONG Available);

#endif
