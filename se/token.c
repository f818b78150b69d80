// SPDX-License-Identifier: MIT
// Tokens: who somebody is and what he may do, as an object. There is one so far, the system's: LocalSystem with the
// groups and privileges that Windows gives it. Source: SDK, "LocalSystem Account"; Windows Internals, "Security".

#include "sep.h"

#define SYSTEM_LUID                                                                                                    \
    {                                                                                                                  \
        0x3E7, 0                                                                                                       \
    }
#define TOKEN_QUERY_SOURCE 0x0010
#define GROUP_ENABLED (SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED)

POBJECT_TYPE SeTokenObjectType;
PACCESS_TOKEN SeSystemToken;

static const GENERIC_MAPPING SepTokenMapping = {STANDARD_RIGHTS_READ | TOKEN_QUERY, STANDARD_RIGHTS_WRITE | 0xE0,
                                                STANDARD_RIGHTS_EXECUTE, TOKEN_ALL_ACCESS};

static ULONG SepPlanLength(const SEP_TOKEN_PLAN *Plan)
{
    ULONG Length = sizeof(TOKEN) + Plan->SidCount * sizeof(SID_AND_ATTRIBUTES) +
                   Plan->PrivilegeCount * sizeof(LUID_AND_ATTRIBUTES);

    for (ULONG Index = 0; Index < Plan->SidCount; Index++)
        Length += RtlLengthSid(Plan->Sids[Index].Sid);
    return Length;
}

// Makes a primary token from a plan. The caller owns the reference. STATUS_INSUFFICIENT_RESOURCES. PASSIVE_LEVEL.
NTSTATUS SepCreateToken(const SEP_TOKEN_PLAN *Plan, PTOKEN *Token)
{
    const LUID Authentication = SYSTEM_LUID;
    PUCHAR Next;
    PTOKEN New;
    NTSTATUS Status =
        ObCreateObject(KernelMode, SeTokenObjectType, NULL, KernelMode, NULL, SepPlanLength(Plan), 0, 0, (PVOID *)&New);

    if (!NT_SUCCESS(Status))
        return Status;
    ExAllocateLocallyUniqueId(&New->TokenId);
    New->AuthenticationId = Authentication;
    New->TokenType = TokenPrimary;
    New->UserAndGroupCount = Plan->SidCount;
    New->UserAndGroups = (PSID_AND_ATTRIBUTES)(New + 1);
    New->DefaultOwnerIndex = Plan->DefaultOwnerIndex;
    New->PrivilegeCount = Plan->PrivilegeCount;
    New->Privileges = (PLUID_AND_ATTRIBUTES)(New->UserAndGroups + Plan->SidCount);
    RtlCopyMemory(New->Privileges, Plan->Privileges, Plan->PrivilegeCount * sizeof(LUID_AND_ATTRIBUTES));
    Next = (PUCHAR)(New->Privileges + Plan->PrivilegeCount);
    for (ULONG Index = 0; Index < Plan->SidCount; Index++) {
        ULONG Length = RtlLengthSid(Plan->Sids[Index].Sid);

        New->UserAndGroups[Index].Sid = Next;
        New->UserAndGroups[Index].Attributes = Plan->Sids[Index].Attributes;
        RtlCopyMemory(Next, Plan->Sids[Index].Sid, Length);
        Next += Length;
    }
    *Token = New;
    return STATUS_SUCCESS;
}

static NTSTATUS SepCreateSystemToken(PTOKEN *Token)
{
    const SID_AND_ATTRIBUTES Sids[] = {
        {SeLocalSystemSid, 0},
        {SeAliasAdminsSid, SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED | SE_GROUP_OWNER},
        {SeWorldSid, GROUP_ENABLED},
        {SeAuthenticatedUserSid, GROUP_ENABLED},
    };
    LUID_AND_ATTRIBUTES Privileges[SE_MAX_WELL_KNOWN_PRIVILEGE - SE_MIN_WELL_KNOWN_PRIVILEGE + 1];
    SEP_TOKEN_PLAN Plan = {RTL_NUMBER_OF(Sids), Sids, 1, RTL_NUMBER_OF(Privileges), Privileges};

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Privileges); Index++) {
        Privileges[Index].Luid.LowPart = SE_MIN_WELL_KNOWN_PRIVILEGE + Index;
        Privileges[Index].Luid.HighPart = 0;
        Privileges[Index].Attributes = SE_PRIVILEGE_ENABLED_BY_DEFAULT | SE_PRIVILEGE_ENABLED;
    }
    return SepCreateToken(&Plan, Token);
}

// Makes the type Token and the system token. Phase 0, after Ob's.
BOOLEAN SepInitTokens(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"Token");
    OBJECT_TYPE_INITIALIZER Initializer = {.Length = sizeof(Initializer)};

    Initializer.InvalidAttributes = OBJ_OPENLINK;
    Initializer.GenericMapping = SepTokenMapping;
    Initializer.ValidAccessMask = TOKEN_ALL_ACCESS;
    Initializer.SecurityRequired = TRUE;
    Initializer.PoolType = PagedPool;
    Initializer.DispatcherOffset = -1;
    if (!NT_SUCCESS(ObCreateObjectType(&Name, &Initializer, NULL, &SeTokenObjectType)))
        return FALSE;
    return NT_SUCCESS(SepCreateSystemToken((PTOKEN *)&SeSystemToken));
}

// Does the token stand for Sid, as its user or an enabled group? ForDeny: deny-only groups count too. IRQL <=
// APC_LEVEL.
BOOLEAN SepTokenHasSid(PTOKEN Token, PSID Sid, BOOLEAN ForDeny)
{
    for (ULONG Index = 0; Index < Token->UserAndGroupCount; Index++) {
        ULONG Attributes = Token->UserAndGroups[Index].Attributes;

        if (!RtlEqualSid(Token->UserAndGroups[Index].Sid, Sid))
            continue;
        if (Attributes & SE_GROUP_USE_FOR_DENY_ONLY)
            return ForDeny;
        return Index == 0 || (Attributes & SE_GROUP_ENABLED) != 0;
    }
    return FALSE;
}

// Does the token hold the privilege, enabled? IRQL <= APC_LEVEL.
BOOLEAN SepTokenHasPrivilege(PTOKEN Token, ULONG Privilege)
{
    for (ULONG Index = 0; Index < Token->PrivilegeCount; Index++) {
        if (Token->Privileges[Index].Luid.LowPart == Privilege && Token->Privileges[Index].Luid.HighPart == 0)
            return (Token->Privileges[Index].Attributes & SE_PRIVILEGE_ENABLED) != 0;
    }
    return FALSE;
}
