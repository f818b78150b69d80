// SPDX-License-Identifier: MIT
// Capturing a caller's OBJECT_ATTRIBUTES: every field is read once, the name and the security descriptor are copied,
// and from then on nobody looks at the caller's memory again. Source: WDK, OBJECT_ATTRIBUTES.

#include "obp.h"

#define CREATE_INFO_DEPTH 16

static GENERAL_LOOKASIDE ObpCreateInfoList;

// Phase 0.
VOID ObpInitCapture(VOID)
{
    PAGED_CODE();
    ExInitializeLookasideList(&ObpCreateInfoList, NonPagedPool, sizeof(OBJECT_CREATE_INFORMATION), TAG_OB_CREATE_INFO,
                              CREATE_INFO_DEPTH);
}

// A block for ObpCaptureAttributes; NULL when there is no memory. IRQL <= APC_LEVEL.
POBJECT_CREATE_INFORMATION ObpAllocateCreateInformation(VOID)
{
    PAGED_CODE();
    return ExAllocateFromLookasideList(&ObpCreateInfoList);
}

// Releases what was captured into a block, and the block. IRQL <= APC_LEVEL.
VOID ObpFreeCreateInformation(POBJECT_CREATE_INFORMATION Information)
{
    PAGED_CODE();
    ObpReleaseCreateInformation(Information);
    ExFreeToLookasideList(&ObpCreateInfoList, Information);
}

// Frees a captured name; an empty one is fine. IRQL <= APC_LEVEL.
VOID ObpFreeName(PUNICODE_STRING Name)
{
    PAGED_CODE();
    if (Name->Buffer != NULL)
        ExFreePoolWithTag(Name->Buffer, 0); // parse procedures of other folders use tags of their own
    RtlZeroMemory(Name, sizeof(*Name));
}

// Copies a name to pool memory. An empty one has Buffer NULL. STATUS_OBJECT_NAME_INVALID for an odd length,
// STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT, STATUS_INSUFFICIENT_RESOURCES. IRQL <= APC_LEVEL.
NTSTATUS ObpCaptureName(PUNICODE_STRING Captured, PUNICODE_STRING Source, KPROCESSOR_MODE Mode)
{
    NTSTATUS Status = ExCaptureUnicodeString(Captured, Source, Mode);

    PAGED_CODE();
    return Status == STATUS_INVALID_PARAMETER ? STATUS_OBJECT_NAME_INVALID : Status;
}

// Reads the fixed part and the quality of service. Raises.
static VOID ObpReadAttributes(POBJECT_ATTRIBUTES Copy, POBJECT_ATTRIBUTES Attributes, KPROCESSOR_MODE Mode,
                              POBJECT_CREATE_INFORMATION Information)
{
    if (Mode != KernelMode)
        ProbeForReadType(Attributes);
    *Copy = *(volatile OBJECT_ATTRIBUTES *)Attributes;
    if (Copy->Length != sizeof(OBJECT_ATTRIBUTES) || (Copy->Attributes & ~OBJ_VALID_ATTRIBUTES) != 0)
        ExRaiseStatus(STATUS_INVALID_PARAMETER);
    if (Copy->SecurityQualityOfService != NULL) {
        PSECURITY_QUALITY_OF_SERVICE Qos = Copy->SecurityQualityOfService;

        if (Mode != KernelMode)
            ProbeForReadType(Qos);
        Information->Qos = *(volatile SECURITY_QUALITY_OF_SERVICE *)Qos;
        Information->HasQos = TRUE;
    }
}

// Captures optional object attributes and their name. User mode cannot ask for kernel handles: the bit is cleared.
//
// PASSIVE_LEVEL. On success the caller owns *Name (ObpFreeName) and what *Information holds
// (ObpReleaseCreateInformation). STATUS_INVALID_PARAMETER for a wrong length or unknown bits; else as ObpCaptureName
// and SeCaptureSecurityDescriptor.
NTSTATUS ObpCaptureAttributes(POBJECT_ATTRIBUTES Attributes, KPROCESSOR_MODE Mode,
                              POBJECT_CREATE_INFORMATION Information, PUNICODE_STRING Name)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    OBJECT_ATTRIBUTES Copy;

    PAGED_CODE();
    RtlZeroMemory(Information, sizeof(*Information));
    RtlZeroMemory(Name, sizeof(*Name));
    Information->ProbeMode = Mode;
    if (Attributes == NULL)
        return STATUS_SUCCESS;
    SEH_TRY
    {
        ObpReadAttributes(&Copy, Attributes, Mode, Information);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (!NT_SUCCESS(Status))
        return Status;
    Information->Attributes = Mode == KernelMode ? Copy.Attributes : Copy.Attributes & ~OBJ_KERNEL_HANDLE;
    Information->RootDirectory = Copy.RootDirectory;
    if (Copy.ObjectName != NULL) {
        Status = ObpCaptureName(Name, Copy.ObjectName, Mode);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    if (Copy.SecurityDescriptor != NULL) {
        Status = SeCaptureSecurityDescriptor(Copy.SecurityDescriptor, Mode, &Information->SecurityDescriptor);
        if (!NT_SUCCESS(Status))
            ObpFreeName(Name);
    }
    return Status;
}

// Frees what was captured beside the name. IRQL <= APC_LEVEL.
VOID ObpReleaseCreateInformation(POBJECT_CREATE_INFORMATION Information)
{
    PAGED_CODE();
    SeReleaseSecurityDescriptor(Information->SecurityDescriptor);
    Information->SecurityDescriptor = NULL;
}
