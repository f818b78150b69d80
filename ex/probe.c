// SPDX-License-Identifier: MIT
// Probing and capturing what user mode hands in. A probe compares an address with the end of user space; whether the
// memory is really there shows when it is touched, inside the caller's SEH_TRY. Everything is read once.
// Source: WDK, ProbeForRead, ProbeForWrite.

#include "exp.h"

// Raises STATUS_ACCESS_VIOLATION. Inside SEH_TRY; IRQL <= APC_LEVEL.
VOID NTAPI ExRaiseAccessViolation(VOID)
{
    RtlRaiseStatus(STATUS_ACCESS_VIOLATION);
}

// Raises STATUS_DATATYPE_MISALIGNMENT. Inside SEH_TRY; IRQL <= APC_LEVEL.
VOID NTAPI ExRaiseDatatypeMisalignment(VOID)
{
    RtlRaiseStatus(STATUS_DATATYPE_MISALIGNMENT);
}

// Raises Status. Inside SEH_TRY; IRQL <= APC_LEVEL.
VOID NTAPI ExRaiseStatus(NTSTATUS Status)
{
    RtlRaiseStatus(Status);
}

// Checks that a range lies in user space and can be written now, touching every page. Raises STATUS_ACCESS_VIOLATION
// or STATUS_DATATYPE_MISALIGNMENT. Another thread may change the protection afterwards: writes stay inside SEH_TRY.
VOID NTAPI ProbeForWrite(volatile VOID *Address, SIZE_T Length, ULONG Alignment)
{
    ULONG_PTR Start = (ULONG_PTR)Address, Last = Start + Length - 1;

    if (Length == 0)
        return;
    if (Start & (Alignment - 1))
        ExRaiseDatatypeMisalignment();
    if (Last < Start || Last >= MM_PROBE_LIMIT)
        ExRaiseAccessViolation();
    for (;;) {
        volatile UCHAR *Byte = (volatile UCHAR *)Start;

        *Byte = *Byte;
        if (PAGE_ALIGN(Start) == PAGE_ALIGN(Last))
            break;
        Start = (ULONG_PTR)PAGE_ALIGN(Start) + PAGE_SIZE;
    }
}

// Copies a caller's UNICODE_STRING into paged pool, probing it if Mode is UserMode. An empty one gives Buffer ==
// NULL.
//
// IRQL <= APC_LEVEL. The caller owns *Captured until ExReleaseCapturedUnicodeString. STATUS_ACCESS_VIOLATION,
// STATUS_DATATYPE_MISALIGNMENT, STATUS_INVALID_PARAMETER (odd length), STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI ExCaptureUnicodeString(PUNICODE_STRING Captured, PUNICODE_STRING String, KPROCESSOR_MODE Mode)
{
    UNICODE_STRING Copy;
    PWSTR volatile Buffer = NULL;
    volatile NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    RtlZeroMemory(Captured, sizeof(*Captured));
    SEH_TRY
    {
        if (Mode != KernelMode)
            ProbeForReadType(String);
        Copy = *(volatile UNICODE_STRING *)String;
        if (Copy.Length & 1)
            ExRaiseStatus(STATUS_INVALID_PARAMETER);
        if (Copy.Length != 0) {
            if (Mode != KernelMode)
                ProbeForRead(Copy.Buffer, Copy.Length, sizeof(WCHAR));
            Buffer = ExAllocatePoolWithTag(PagedPool, Copy.Length, TAG_EX_STRING);
            if (Buffer == NULL)
                ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
            RtlCopyMemory(Buffer, Copy.Buffer, Copy.Length);
            Captured->Length = Captured->MaximumLength = Copy.Length;
            Captured->Buffer = Buffer;
        }
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (!NT_SUCCESS(Status) && Buffer != NULL)
        ExFreePoolWithTag(Buffer, TAG_EX_STRING);
    return Status;
}

// Frees what ExCaptureUnicodeString made. IRQL <= APC_LEVEL.
VOID ExReleaseCapturedUnicodeString(PUNICODE_STRING Captured, KPROCESSOR_MODE Mode)
{
    UNREFERENCED_PARAMETER(Mode);
    if (Captured->Buffer != NULL)
        ExFreePoolWithTag(Captured->Buffer, TAG_EX_STRING);
    RtlZeroMemory(Captured, sizeof(*Captured));
}
