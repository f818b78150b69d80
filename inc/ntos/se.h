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

// --- access control lists and security descriptors (SDK layouts)
#define ACL_REVISION 2
#define ACCESS_ALLOWED_ACE_TYPE 0
#define ACCESS_DENIED_ACE_TYPE 1
#define INHERIT_ONLY_ACE 0x08
#define SECURITY_DESCRIPTOR_REVISION 1
#define SE_OWNER_DEFAULTED 0x0001
#define SE_DACL_PRESENT 0x0004
#define SE_SACL_PRESENT 0x0010
#define SE_SELF_RELATIVE 0x8000
#define SE_GROUP_MANDATORY 0x1
#define SE_GROUP_ENABLED_BY_DEFAULT 0x2
#define SE_GROUP_ENABLED 0x4
#define SE_GROUP_OWNER 0x8
#define SE_GROUP_USE_FOR_DENY_ONLY 0x10
#define SE_PRIVILEGE_ENABLED_BY_DEFAULT 0x1
#define SE_PRIVILEGE_ENABLED 0x2
typedef struct _ACE_HEADER {
    UCHAR AceType;
    UCHAR AceFlags;
    USHORT AceSize;
} ACE_HEADER, *PACE_HEADER;
typedef struct _ACCESS_ALLOWED_ACE { // ACCESS_DENIED_ACE too
    ACE_HEADER Header;
    ACCESS_MASK Mask;
    ULONG SidStart; // the SID begins here
} ACCESS_ALLOWED_ACE, *PACCESS_ALLOWED_ACE;
typedef struct _SECURITY_DESCRIPTOR_RELATIVE {
    UCHAR Revision;
    UCHAR Sbz1;
    SECURITY_DESCRIPTOR_CONTROL Control;
    ULONG Owner; // offsets from the beginning, 0: none
    ULONG Group;
    ULONG Sacl;
    ULONG Dacl;
} SECURITY_DESCRIPTOR_RELATIVE, *PISECURITY_DESCRIPTOR_RELATIVE;
typedef struct _TOKEN_GROUPS {
    ULONG GroupCount;
    SID_AND_ATTRIBUTES Groups[1];
} TOKEN_GROUPS, *PTOKEN_GROUPS;
typedef struct _TOKEN_OWNER {
    PSID Owner;
} TOKEN_OWNER, *PTOKEN_OWNER;

// --- privileges (the low parts of their LUIDs; the high parts are 0)
#define SE_MIN_WELL_KNOWN_PRIVILEGE 2
#define SE_LOCK_MEMORY_PRIVILEGE 4
#define SE_INCREASE_QUOTA_PRIVILEGE 5
#define SE_TCB_PRIVILEGE 7
#define SE_SECURITY_PRIVILEGE 8
#define SE_TAKE_OWNERSHIP_PRIVILEGE 9
#define SE_SYSTEMTIME_PRIVILEGE 12
#define SE_PROF_SINGLE_PROCESS_PRIVILEGE 13
#define SE_INC_BASE_PRIORITY_PRIVILEGE 14
#define SE_CREATE_PAGEFILE_PRIVILEGE 15
#define SE_CREATE_PERMANENT_PRIVILEGE 16
#define SE_SHUTDOWN_PRIVILEGE 19
#define SE_DEBUG_PRIVILEGE 20
#define SE_CHANGE_NOTIFY_PRIVILEGE 23
#define SE_MAX_WELL_KNOWN_PRIVILEGE 35
// Does the current thread's token hold the privilege, enabled? Kernel mode always does.
BOOLEAN SeSinglePrivilegeCheck(ULONG Privilege, KPROCESSOR_MODE Mode);
// Copies a caller's descriptor (absolute or self-relative, probed if Mode is UserMode) into a self-relative one in
// paged pool, with the subject's user as the owner if it names none. NULL stays NULL. SeReleaseSecurityDescriptor frees
// it.
NTCHECK SeCaptureSecurityDescriptor(PSECURITY_DESCRIPTOR Source, KPROCESSOR_MODE Mode, PSECURITY_DESCRIPTOR *Captured);
VOID SeReleaseSecurityDescriptor(PSECURITY_DESCRIPTOR Captured);
ULONG SeLengthSecurityDescriptor(PSECURITY_DESCRIPTOR Captured); // of a captured one

struct _OBJECT_TYPE;
extern struct _OBJECT_TYPE *SeTokenObjectType;
extern PSID SeLocalSystemSid, SeAliasAdminsSid, SeWorldSid, SeAuthenticatedUserSid;
extern PACCESS_TOKEN SeSystemToken;

BOOLEAN SeInitSystem(ULONG Phase); // 0: token type and the system token; 1: nothing more
NTCHECK SeCreateAccessState(PACCESS_STATE State, ACCESS_MASK DesiredAccess, PGENERIC_MAPPING Mapping);
VOID SeDeleteAccessState(PACCESS_STATE State);
VOID NTAPI RtlMapGenericMask(PACCESS_MASK Mask, PGENERIC_MAPPING Mapping);
// Decides whether the subject may have DesiredAccess (generic bits mapped). Kernel mode always may.
BOOLEAN NTAPI SeAccessCheck(PSECURITY_DESCRIPTOR Security, PSECURITY_SUBJECT_CONTEXT Subject, BOOLEAN Locked,
                            ACCESS_MASK DesiredAccess, ACCESS_MASK PreviouslyGranted, PVOID *Privileges,
                            PGENERIC_MAPPING Mapping, KPROCESSOR_MODE Mode, PACCESS_MASK Granted, PNTSTATUS Status);
// Gives a new process its primary token: a reference to its parent's, or the system token.
NTCHECK SeInitProcess(PEPROCESS Parent, PEPROCESS Process);
VOID SeDeleteProcess(PEPROCESS Process);
VOID NTAPI SeCaptureSubjectContext(PSECURITY_SUBJECT_CONTEXT Subject);
VOID NTAPI SeReleaseSubjectContext(PSECURITY_SUBJECT_CONTEXT Subject);

#endif
