// SPDX-License-Identifier: MIT
// The access check. Walks the discretionary list in order: an allowing entry grants its rights, a denying one refuses
// those not granted before it. No descriptor or no list: everything is granted; an empty list: nothing but the
// owner's rights. Source: WDK, SeAccessCheck; SDK, "How DACLs Control Access to an Object".

#include "sep.h"

typedef struct _SEP_CHECK {
    PTOKEN Token;
    PGENERIC_MAPPING Mapping;
    ACCESS_MASK Remaining; // wanted and not granted yet
    ACCESS_MASK Granted;
    ACCESS_MASK Denied;
    BOOLEAN Maximum; // MAXIMUM_ALLOWED: find out everything
} SEP_CHECK, *PSEP_CHECK;

static VOID SepGrant(PSEP_CHECK Check, ACCESS_MASK Rights)
{
    Rights &= ~Check->Denied;
    if (!Check->Maximum)
        Rights &= Check->Remaining;
    Check->Granted |= Rights;
    Check->Remaining &= ~Rights;
}

static VOID SepDeny(PSEP_CHECK Check, ACCESS_MASK Rights)
{
    Check->Denied |= Rights & ~Check->Granted;
}

static VOID SepCheckPrivileges(PSEP_CHECK Check)
{
    if ((Check->Remaining & ACCESS_SYSTEM_SECURITY) != 0 && SepTokenHasPrivilege(Check->Token, SE_SECURITY_PRIVILEGE))
        SepGrant(Check, ACCESS_SYSTEM_SECURITY);
    if ((Check->Remaining & WRITE_OWNER) != 0 && SepTokenHasPrivilege(Check->Token, SE_TAKE_OWNERSHIP_PRIVILEGE))
        SepGrant(Check, WRITE_OWNER);
}

static VOID SepWalkDacl(PSEP_CHECK Check, PACL Dacl)
{
    PACE_HEADER Ace = (PACE_HEADER)(Dacl + 1);

    for (USHORT Index = 0; Index < Dacl->AceCount; Index++, Ace = (PACE_HEADER)((PUCHAR)Ace + Ace->AceSize)) {
        PACCESS_ALLOWED_ACE Entry = (PACCESS_ALLOWED_ACE)Ace;
        ACCESS_MASK Rights;

        if (!Check->Maximum && (Check->Remaining == 0 || (Check->Remaining & Check->Denied) != 0))
            return;
        if ((Ace->AceFlags & INHERIT_ONLY_ACE) != 0 || Ace->AceType > ACCESS_DENIED_ACE_TYPE)
            continue;
        if (!SepTokenHasSid(Check->Token, &Entry->SidStart, Ace->AceType == ACCESS_DENIED_ACE_TYPE))
            continue;
        Rights = Entry->Mask;
        RtlMapGenericMask(&Rights, Check->Mapping);
        if (Ace->AceType == ACCESS_ALLOWED_ACE_TYPE)
            SepGrant(Check, Rights);
        else
            SepDeny(Check, Rights);
    }
}

static BOOLEAN SepFinish(ACCESS_MASK Granted, PACCESS_MASK GrantedAccess, NTSTATUS Verdict, PNTSTATUS Status)
{
    *GrantedAccess = NT_SUCCESS(Verdict) ? Granted : 0;
    *Status = Verdict;
    return NT_SUCCESS(Verdict);
}

// Decides whether Subject may have DesiredAccess (no generic bits) to something with this descriptor. MAXIMUM_ALLOWED
// asks for everything it may have. PreviouslyGranted is added to the result. Kernel mode may always. *Privileges
// stays NULL.
//
// IRQL <= APC_LEVEL. Locked is of no consequence: tokens do not change. Returns TRUE with *Granted, or FALSE with
// *Status STATUS_ACCESS_DENIED or (ACCESS_SYSTEM_SECURITY without the privilege) STATUS_PRIVILEGE_NOT_HELD.
BOOLEAN NTAPI SeAccessCheck(PSECURITY_DESCRIPTOR Security, PSECURITY_SUBJECT_CONTEXT Subject, BOOLEAN Locked,
                            ACCESS_MASK DesiredAccess, ACCESS_MASK PreviouslyGranted, PVOID *Privileges,
                            PGENERIC_MAPPING Mapping, KPROCESSOR_MODE Mode, PACCESS_MASK Granted, PNTSTATUS Status)
{
    SEP_CHECK Check = {.Mapping = Mapping, .Granted = PreviouslyGranted};
    PSID Owner;
    PACL Dacl;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(Locked);
    ASSERT((DesiredAccess & (GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL)) == 0);
    if (Privileges != NULL)
        *Privileges = NULL;
    Check.Maximum = (DesiredAccess & MAXIMUM_ALLOWED) != 0;
    Check.Remaining = DesiredAccess & ~(MAXIMUM_ALLOWED | PreviouslyGranted);
    if (Mode == KernelMode || Security == NULL)
        return SepFinish(PreviouslyGranted | Check.Remaining | (Check.Maximum ? Mapping->GenericAll : 0), Granted,
                         STATUS_SUCCESS, Status);

    Check.Token = Subject->ClientToken != NULL ? Subject->ClientToken : Subject->PrimaryToken;
    SepCheckPrivileges(&Check);
    if (Check.Remaining & ACCESS_SYSTEM_SECURITY)
        return SepFinish(0, Granted, STATUS_PRIVILEGE_NOT_HELD, Status);
    Owner = SepGetOwner(Security);
    if (Owner != NULL && SepTokenHasSid(Check.Token, Owner, FALSE))
        SepGrant(&Check, READ_CONTROL | WRITE_DAC);
    Dacl = SepGetDacl(Security);
    if (Dacl == NULL)
        SepGrant(&Check, Check.Remaining | (Check.Maximum ? Mapping->GenericAll : 0));
    else
        SepWalkDacl(&Check, Dacl);
    if (Check.Remaining != 0 || Check.Granted == 0)
        return SepFinish(0, Granted, DesiredAccess == 0 ? STATUS_SUCCESS : STATUS_ACCESS_DENIED, Status);
    return SepFinish(Check.Granted, Granted, STATUS_SUCCESS, Status);
}
