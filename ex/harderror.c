// SPDX-License-Identifier: MIT
// Hard errors: what Windows shows in a message box, Mica prints as one readable line, in the log and on the screen.
// Nobody answers, so the response is always ResponseReturnToCaller. Source: the Native API as published
// (NtRaiseHardError).

#include "exp.h"

#define MAXIMUM_HARDERROR_PARAMETERS 5
#define HARDERROR_LINE 512

// The message of a status as Windows words it; %1 and %2 stand for the parameters.
static const struct {
    NTSTATUS Status;
    PCSTR Name;
    PCSTR Message;
} ExpHardErrors[] = {
    {STATUS_DLL_NOT_FOUND, "STATUS_DLL_NOT_FOUND", "The program can't start because %1 is missing"},
    {STATUS_ENTRYPOINT_NOT_FOUND, "STATUS_ENTRYPOINT_NOT_FOUND",
     "The procedure entry point %1 could not be located in the library %2"},
    {STATUS_ORDINAL_NOT_FOUND, "STATUS_ORDINAL_NOT_FOUND", "The ordinal %1 could not be located in the library %2"},
    {STATUS_DLL_INIT_FAILED, "STATUS_DLL_INIT_FAILED", "Initialization of the dynamic link library %1 failed"},
    {STATUS_INVALID_IMAGE_FORMAT, "STATUS_INVALID_IMAGE_FORMAT",
     "%1 is either not designed to run on Windows or it contains an error"},
    {STATUS_IMAGE_MACHINE_TYPE_MISMATCH, "STATUS_IMAGE_MACHINE_TYPE_MISMATCH",
     "The image %1 is for another type of machine"},
    {STATUS_APP_INIT_FAILURE, "STATUS_APP_INIT_FAILURE", "The application was unable to start correctly (%1)"},
    {STATUS_UNHANDLED_EXCEPTION, "STATUS_UNHANDLED_EXCEPTION", "Unhandled exception %1 at %2"},
    {STATUS_ACCESS_VIOLATION, "STATUS_ACCESS_VIOLATION", "The instruction at %1 referenced memory at %2"},
    {STATUS_NO_MEMORY, "STATUS_NO_MEMORY", "Not enough memory to finish the operation"},
};

typedef struct _EXP_HARD_ERROR {
    ULONG Count;
    ULONG StringMask;
    ULONG_PTR Values[MAXIMUM_HARDERROR_PARAMETERS];
    UNICODE_STRING Strings[MAXIMUM_HARDERROR_PARAMETERS];
    CHAR Line[HARDERROR_LINE];
} EXP_HARD_ERROR, *PEXP_HARD_ERROR;

static NTSTATUS ExpCaptureHardError(PEXP_HARD_ERROR Error, PULONG_PTR Parameters, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Mode != KernelMode)
            ProbeForRead(Parameters, Error->Count * sizeof(ULONG_PTR), sizeof(ULONG_PTR));
        for (ULONG Index = 0; Index < Error->Count; Index++)
            Error->Values[Index] = ((volatile ULONG_PTR *)Parameters)[Index];
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    for (ULONG Index = 0; NT_SUCCESS(Status) && Index < Error->Count; Index++) {
        if (Error->StringMask & (1u << Index))
            Status = ExCaptureUnicodeString(&Error->Strings[Index], (PUNICODE_STRING)Error->Values[Index], Mode);
    }
    return Status;
}

static VOID ExpAppend(PEXP_HARD_ERROR Error, PULONG Used, PCSTR Format, ...)
{
    va_list Arguments;
    int Written;

    va_start(Arguments, Format);
    Written = _vsnprintf(Error->Line + *Used, HARDERROR_LINE - *Used, Format, Arguments);
    va_end(Arguments);
    *Used = Written < 0 ? (ULONG)strlen(Error->Line) : *Used + (ULONG)Written;
}

static VOID ExpAppendParameter(PEXP_HARD_ERROR Error, PULONG Used, ULONG Index)
{
    if (Index >= Error->Count)
        return;
    if (Error->StringMask & (1u << Index))
        ExpAppend(Error, Used, "%wZ", &Error->Strings[Index]);
    else
        ExpAppend(Error, Used, "0x%08lx", Error->Values[Index]);
}

static VOID ExpFormatHardError(PEXP_HARD_ERROR Error, NTSTATUS ErrorStatus)
{
    PCSTR Name = NULL, Message = NULL;
    ULONG Used = 0;

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(ExpHardErrors); Index++) {
        if (ExpHardErrors[Index].Status == ErrorStatus) {
            Name = ExpHardErrors[Index].Name;
            Message = ExpHardErrors[Index].Message;
        }
    }
    ExpAppend(Error, &Used, "%.16s: ", PsGetCurrentProcess()->ImageFileName);
    if (Message == NULL) {
        ExpAppend(Error, &Used, "hard error");
        for (ULONG Index = 0; Index < Error->Count; Index++) {
            ExpAppend(Error, &Used, Index == 0 ? " " : ", ");
            ExpAppendParameter(Error, &Used, Index);
        }
    }
    for (; Message != NULL && *Message != 0; Message++) {
        if (Message[0] == '%' && Message[1] != 0)
            ExpAppendParameter(Error, &Used, (ULONG)(*++Message - '1'));
        else
            ExpAppend(Error, &Used, "%c", *Message);
    }
    ExpAppend(Error, &Used, " (%08lx%s%s)\n", ErrorStatus, Name != NULL ? " " : "", Name != NULL ? Name : "");
}

// Prints one line about ErrorStatus with its parameters: those in UnicodeStringMask are pointers to UNICODE_STRINGs.
// *Response becomes ResponseReturnToCaller. STATUS_INVALID_PARAMETER_2: too many parameters, _4: unknown options,
// STATUS_ACCESS_VIOLATION; STATUS_NOT_IMPLEMENTED for OptionShutdownSystem (NT ends in a bugcheck there).
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtRaiseHardError(NTSTATUS ErrorStatus, ULONG Count, ULONG UnicodeStringMask, PULONG_PTR Parameters,
                                ULONG Options, PULONG Response)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PEXP_HARD_ERROR Error;
    NTSTATUS Status;

    PAGED_CODE();
    if (Count > MAXIMUM_HARDERROR_PARAMETERS || (Count != 0 && Parameters == NULL))
        return STATUS_INVALID_PARAMETER_2;
    if (Options > OptionShutdownSystem)
        return STATUS_INVALID_PARAMETER_4;
    if (Options == OptionShutdownSystem)
        return STATUS_NOT_IMPLEMENTED;
    Status = Response == NULL ? STATUS_ACCESS_VIOLATION : ExpProbeOptional(Response, sizeof(ULONG), Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Error = ExAllocatePoolZero(PagedPool, sizeof(*Error), TAG_EX_QUERY);
    if (Error == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Error->Count = Count;
    Error->StringMask = UnicodeStringMask;
    Status = ExpCaptureHardError(Error, Parameters, Mode);
    if (NT_SUCCESS(Status)) {
        ExpFormatHardError(Error, ErrorStatus);
        DbgPrint("%s", Error->Line);
        KdHostRecord("harderror %08lx %s", ErrorStatus, Error->Line); // ./mica run tells a loader's failure by it
        HalDisplayString(Error->Line);
        Status = ExpReturnLong((PLONG)Response, ResponseReturnToCaller, Mode);
    }
    for (ULONG Index = 0; Index < Count; Index++)
        ExReleaseCapturedUnicodeString(&Error->Strings[Index], Mode);
    ExFreePoolWithTag(Error, TAG_EX_QUERY);
    return Status;
}
