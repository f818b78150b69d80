// SPDX-License-Identifier: MIT
// The one place where Ob asks Se: every open, by name or by pointer, passes here.

#include "obp.h"

// Grants what State still wants on Object, or refuses. On success State->PreviouslyGrantedAccess is what the handle
// gets. Kernel mode gets what it asks for. PASSIVE_LEVEL. STATUS_ACCESS_DENIED, STATUS_PRIVILEGE_NOT_HELD.
NTSTATUS ObpCheckAccess(PVOID Object, PACCESS_STATE State, KPROCESSOR_MODE Mode)
{
    POBJECT_HEADER Header = OBJECT_TO_OBJECT_HEADER(Object);
    POBJECT_TYPE Type = Header->Type;
    ACCESS_MASK Desired = State->RemainingDesiredAccess, Granted;
    NTSTATUS Status;

    RtlMapGenericMask(&Desired, &Type->TypeInfo.GenericMapping);
    if (!SeAccessCheck(Header->SecurityDescriptor, &State->SubjectSecurityContext, FALSE, Desired,
                       State->PreviouslyGrantedAccess, NULL, &Type->TypeInfo.GenericMapping, Mode, &Granted, &Status))
        return Status;
    State->PreviouslyGrantedAccess = Granted & (Type->TypeInfo.ValidAccessMask | ACCESS_SYSTEM_SECURITY);
    State->RemainingDesiredAccess = 0;
    return STATUS_SUCCESS;
}
