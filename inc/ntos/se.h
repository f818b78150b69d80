// SPDX-License-Identifier: MIT
// Se: tokens and the one access check every open passes through. The full reference monitor comes later
// (docs/status.md); the shapes are NT's. Contracts stand at the definitions in se/.

#ifndef MICA_NTOS_SE_H
#define MICA_NTOS_SE_H

#include "ke.h"

typedef struct _SECURITY_QUALITY_OF_SERVICE {
    ULONG Length;
    SECURITY_IMPERSONATION_LEVEL ImpersonationLevel;
    BOOLEAN ContextTrackingMode;
    BOOLEAN EffectiveOnly;
} SECURITY_QUALITY_OF_SERVICE, *PSECURITY_QUALITY_OF_SERVICE;

typedef PVOID PACCESS_TOKEN;
typedef struct _SECURITY_SUBJECT_CONTEXT {
    PACCESS_TOKEN ClientToken;
    SECURITY_IMPERSONATION_LEVEL ImpersonationLevel;
    PACCESS_TOKEN PrimaryToken;
    PVOID ProcessAuditId;
} SECURITY_SUBJECT_CONTEXT, *PSECURITY_SUBJECT_CONTEXT;

typedef struct _ACCESS_STATE {
    LUID OperationID;
    BOOLEAN SecurityEvaluated;
    BOOLEAN GenerateAudit;
    BOOLEAN GenerateOnClose;
    BOOLEAN PrivilegesAllocated;
    ULONG Flags;
    ACCESS_MASK RemainingDesiredAccess;
    ACCESS_MASK PreviouslyGrantedAccess;
    ACCESS_MASK OriginalDesiredAccess;
    SECURITY_SUBJECT_CONTEXT SubjectSecurityContext;
    PSECURITY_DESCRIPTOR SecurityDescriptor;
    PVOID AuxData;
} ACCESS_STATE, *PACCESS_STATE;

struct _OBJECT_TYPE;
extern struct _OBJECT_TYPE *SeTokenObjectType;
extern PSID SeLocalSystemSid;
extern PACCESS_TOKEN SeSystemToken;

BOOLEAN SeInitSystem(ULONG Phase); // 0: SIDs; 1 (Ob is up): token type and the system token
NTCHECK SeCreateAccessState(PACCESS_STATE State, ACCESS_MASK DesiredAccess, PGENERIC_MAPPING Mapping);
VOID SeDeleteAccessState(PACCESS_STATE State);
VOID NTAPI RtlMapGenericMask(PACCESS_MASK Mask, PGENERIC_MAPPING Mapping);
// Decides whether the subject may have DesiredAccess (generic bits mapped). Kernel mode always may.
BOOLEAN NTAPI SeAccessCheck(PSECURITY_DESCRIPTOR Security, PSECURITY_SUBJECT_CONTEXT Subject, BOOLEAN Locked, ACCESS_MASK DesiredAccess,
                            ACCESS_MASK PreviouslyGranted, PVOID *Privileges, PGENERIC_MAPPING Mapping, KPROCESSOR_MODE Mode,
                            PACCESS_MASK Granted, PNTSTATUS Status);
// Gives a new process its primary token: a reference to its parent's, or the system token.
NTCHECK SeInitProcess(PEPROCESS Parent, PEPROCESS Process);
VOID SeDeleteProcess(PEPROCESS Process);
VOID NTAPI SeCaptureSubjectContext(PSECURITY_SUBJECT_CONTEXT Subject);
VOID NTAPI SeReleaseSubjectContext(PSECURITY_SUBJECT_CONTEXT Subject);

#endif
