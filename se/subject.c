// SPDX-License-Identifier: MIT
// Who asks (the subject context), what for (the access state), and single privileges. Nobody impersonates yet, so the
// subject is the process's primary token. Source: WDK, SeCaptureSubjectContext, SeSinglePrivilegeCheck,
// RtlMapGenericMask.

#include "sep.h"

// The current process's token, referenced; the system token where a process has none yet. IRQL <= DISPATCH_LEVEL.
PTOKEN SepReferenceCurrentToken(VOID)
{
    PACCESS_TOKEN Token = PsGetCurrentProcess()->Token;

    if (Token == NULL)
        Token = SeSystemToken;
    ObReferenceObject(Token);
    return Token;
}

// Notes who the current thread is, holding references until SeReleaseSubjectContext. IRQL <= APC_LEVEL.
VOID NTAPI SeCaptureSubjectContext(PSECURITY_SUBJECT_CONTEXT Subject)
{
    Subject->ClientToken = NULL;
    Subject->ImpersonationLevel = SecurityAnonymous;
    Subject->PrimaryToken = SepReferenceCurrentToken();
    Subject->ProcessAuditId = PsGetCurrentProcess()->UniqueProcessId;
}

// Drops the references of SeCaptureSubjectContext. IRQL <= APC_LEVEL.
VOID NTAPI SeReleaseSubjectContext(PSECURITY_SUBJECT_CONTEXT Subject)
{
    if (Subject->ClientToken != NULL)
        ObDereferenceObject(Subject->ClientToken);
    if (Subject->PrimaryToken != NULL)
        ObDereferenceObject(Subject->PrimaryToken);
    Subject->ClientToken = Subject->PrimaryToken = NULL;
}

// Replaces the generic bits of *Mask by what they mean for a type. Any IRQL.
VOID NTAPI RtlMapGenericMask(PACCESS_MASK Mask, PGENERIC_MAPPING Mapping)
{
    ACCESS_MASK Mapped = *Mask;

    if (Mapped & GENERIC_READ)
        Mapped |= Mapping->GenericRead;
    if (Mapped & GENERIC_WRITE)
        Mapped |= Mapping->GenericWrite;
    if (Mapped & GENERIC_EXECUTE)
        Mapped |= Mapping->GenericExecute;
    if (Mapped & GENERIC_ALL)
        Mapped |= Mapping->GenericAll;
    *Mask = Mapped & ~(ACCESS_MASK)(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL);
}

// Begins an open: the current subject wants DesiredAccess, whose generic bits are mapped if Mapping is given. Ends
// with SeDeleteAccessState. Never fails. IRQL <= APC_LEVEL.
NTSTATUS NTAPI SeCreateAccessState(PACCESS_STATE State, ACCESS_MASK DesiredAccess, PGENERIC_MAPPING Mapping)
{
    RtlZeroMemory(State, sizeof(*State));
    if (Mapping != NULL)
        RtlMapGenericMask(&DesiredAccess, Mapping);
    State->RemainingDesiredAccess = State->OriginalDesiredAccess = DesiredAccess;
    SeCaptureSubjectContext(&State->SubjectSecurityContext);
    return STATUS_SUCCESS;
}

// Ends an open. IRQL <= APC_LEVEL.
VOID SeDeleteAccessState(PACCESS_STATE State)
{
    SeReleaseSubjectContext(&State->SubjectSecurityContext);
}

// Does the current process's token hold the privilege, enabled? Kernel mode always does. IRQL <= APC_LEVEL.
BOOLEAN SeSinglePrivilegeCheck(ULONG Privilege, KPROCESSOR_MODE Mode)
{
    BOOLEAN Held;
    PTOKEN Token;

    if (Mode == KernelMode)
        return TRUE;
    Token = SepReferenceCurrentToken();
    Held = SepTokenHasPrivilege(Token, Privilege);
    ObDereferenceObject(Token);
    return Held;
}
