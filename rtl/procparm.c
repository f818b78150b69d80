// SPDX-License-Identifier: MIT
// Process parameters: one block with its strings behind it. It travels between processes with offsets in place of
// pointers ("denormalized"); the new process's loader normalizes it. The environment is a block of its own.
// Source: the published Native API (RTL_USER_PROCESS_PARAMETERS). IRQL <= APC_LEVEL.

#include "rtlp.h"

#define TAG_PROCESS_PARAMETERS 0x70507452 // 'RtPp'
#define CURRENT_DIRECTORY_BYTES 520       // room for any directory the process may change to (MAX_PATH characters)
#define PARAMETER_STRINGS 8

// The strings behind the block, in the order in which they lie there.
static VOID RtlpParameterStrings(PRTL_USER_PROCESS_PARAMETERS Parameters, PUNICODE_STRING Strings[PARAMETER_STRINGS])
{
    Strings[0] = &Parameters->CurrentDirectory.DosPath;
    Strings[1] = &Parameters->DllPath;
    Strings[2] = &Parameters->ImagePathName;
    Strings[3] = &Parameters->CommandLine;
    Strings[4] = &Parameters->WindowTitle;
    Strings[5] = &Parameters->DesktopInfo;
    Strings[6] = &Parameters->ShellInfo;
    Strings[7] = &Parameters->RuntimeData;
}

static ULONG RtlpParameterRoom(PCUNICODE_STRING Source, ULONG Index)
{
    ULONG Bytes = Source == NULL ? 0 : Source->Length + sizeof(WCHAR);

    if (Index == 0)
        Bytes = max_of(Bytes, CURRENT_DIRECTORY_BYTES);
    return ALIGN_UP_BY(Bytes, sizeof(ULONG));
}

// Copies Source to *At as an offset string, and moves *At.
static VOID RtlpPlaceString(PRTL_USER_PROCESS_PARAMETERS Parameters, PULONG At, PUNICODE_STRING String,
                            PCUNICODE_STRING Source, ULONG Room)
{
    PWSTR Text = (PWSTR)((PCHAR)Parameters + *At);

    *String = (UNICODE_STRING){0, 0, NULL};
    if (Room == 0)
        return;
    String->MaximumLength = (USHORT)min_of(Room, MAXUSHORT - 1u);
    String->Buffer = (PWSTR)(ULONG_PTR)*At;
    if (Source != NULL) {
        String->Length = Source->Length;
        memcpy(Text, Source->Buffer, Source->Length);
    }
    *At += Room;
}

// In user mode, what is not given comes from the calling process: its directory, DLL path and environment.
static VOID RtlpInheritParameters(PCUNICODE_STRING Sources[PARAMETER_STRINGS], PVOID *Environment)
{
#ifdef MICA_KERNEL
    UNREFERENCED_PARAMETER(Sources);
    UNREFERENCED_PARAMETER(Environment);
#else
    PRTL_USER_PROCESS_PARAMETERS Own = NtCurrentPeb()->ProcessParameters;

    if (Sources[0] == NULL)
        Sources[0] = &Own->CurrentDirectory.DosPath;
    if (Sources[1] == NULL)
        Sources[1] = &Own->DllPath;
    if (*Environment == NULL)
        *Environment = Own->Environment;
#endif
}

// Makes a denormalized block. Optional strings may be NULL: DllPath and CurrentDirectory are inherited (user mode) or
// empty, CommandLine is ImagePathName, the last four are empty. Environment is only noted. The caller frees the block
// with RtlDestroyProcessParameters. STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY.
NTCHECK RtlCreateProcessParameters(PRTL_USER_PROCESS_PARAMETERS *Result, PUNICODE_STRING ImagePathName,
                                   PUNICODE_STRING DllPath, PUNICODE_STRING CurrentDirectory,
                                   PUNICODE_STRING CommandLine, PVOID Environment, PUNICODE_STRING WindowTitle,
                                   PUNICODE_STRING DesktopInfo, PUNICODE_STRING ShellInfo, PUNICODE_STRING RuntimeData)
{
    PCUNICODE_STRING Sources[PARAMETER_STRINGS] = {CurrentDirectory, DllPath,     ImagePathName, CommandLine,
                                                   WindowTitle,      DesktopInfo, ShellInfo,     RuntimeData};
    PUNICODE_STRING Strings[PARAMETER_STRINGS];
    ULONG Size = sizeof(RTL_USER_PROCESS_PARAMETERS), At = Size, i;
    PRTL_USER_PROCESS_PARAMETERS Parameters;

    if (ImagePathName == NULL)
        return STATUS_INVALID_PARAMETER;
    RtlpInheritParameters(Sources, &Environment);
    if (CommandLine == NULL)
        Sources[3] = ImagePathName;
    for (i = 0; i < PARAMETER_STRINGS; i++)
        Size += RtlpParameterRoom(Sources[i], i);
    Parameters = RtlpAllocateMemory(Size, TAG_PROCESS_PARAMETERS);
    if (Parameters == NULL)
        return STATUS_NO_MEMORY;
    memset(Parameters, 0, Size);
    Parameters->MaximumLength = Parameters->Length = Size;
    Parameters->Environment = Environment;
    RtlpParameterStrings(Parameters, Strings);
    for (i = 0; i < PARAMETER_STRINGS; i++)
        RtlpPlaceString(Parameters, &At, Strings[i], Sources[i], RtlpParameterRoom(Sources[i], i));
    *Result = Parameters;
    return STATUS_SUCCESS;
}

NTCHECK RtlDestroyProcessParameters(PRTL_USER_PROCESS_PARAMETERS Parameters)
{
    RtlpFreeMemory(Parameters, TAG_PROCESS_PARAMETERS);
    return STATUS_SUCCESS;
}

// Turns the strings' offsets into pointers; a block that is normalized already stays as it is. Returns the block.
PRTL_USER_PROCESS_PARAMETERS NTAPI RtlNormalizeProcessParams(PRTL_USER_PROCESS_PARAMETERS Parameters)
{
    PUNICODE_STRING Strings[PARAMETER_STRINGS];
    ULONG i;

    if (Parameters == NULL || (Parameters->Flags & RTL_USER_PROC_PARAMS_NORMALIZED))
        return Parameters;
    RtlpParameterStrings(Parameters, Strings);
    for (i = 0; i < PARAMETER_STRINGS; i++) {
        if (Strings[i]->Buffer != NULL)
            Strings[i]->Buffer = (PWSTR)((PCHAR)Parameters + (ULONG_PTR)Strings[i]->Buffer);
    }
    Parameters->Flags |= RTL_USER_PROC_PARAMS_NORMALIZED;
    return Parameters;
}

// The other way.
PRTL_USER_PROCESS_PARAMETERS NTAPI RtlDeNormalizeProcessParams(PRTL_USER_PROCESS_PARAMETERS Parameters)
{
    PUNICODE_STRING Strings[PARAMETER_STRINGS];
    ULONG i;

    if (Parameters == NULL || !(Parameters->Flags & RTL_USER_PROC_PARAMS_NORMALIZED))
        return Parameters;
    RtlpParameterStrings(Parameters, Strings);
    for (i = 0; i < PARAMETER_STRINGS; i++) {
        if (Strings[i]->Buffer != NULL)
            Strings[i]->Buffer = (PWSTR)((PCHAR)Strings[i]->Buffer - (PCHAR)Parameters);
    }
    Parameters->Flags &= ~RTL_USER_PROC_PARAMS_NORMALIZED;
    return Parameters;
}
