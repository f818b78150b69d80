// SPDX-License-Identifier: MIT
// Environment blocks: "NAME=value" strings, sorted by name without regard to case, each terminated, with one more
// terminator at the end. A block is an allocation of address space of its own; a change makes a new block. NULL stands
// for the process's block, which the PEB lock guards. Names may begin with '=' (the per-drive directories "=C:").
// Source: SDK documentation (SetEnvironmentVariable), the published Native API.

#include "ntdllp.h"

static PWSTR RtlpAllocateEnvironment(SIZE_T Units)
{
    PVOID Block = NULL;
    SIZE_T Size = Units * sizeof(WCHAR);

    if (!NT_SUCCESS(
            NtAllocateVirtualMemory(NtCurrentProcess(), &Block, 0, &Size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)))
        return NULL;
    return Block;
}

// Makes an empty block, or a copy of the process's. STATUS_NO_MEMORY. The caller destroys it.
NTCHECK RtlCreateEnvironment(BOOLEAN Inherit, PVOID *Environment)
{
    PWSTR Source, Block;
    SIZE_T Units = 1;

    RtlAcquirePebLock();
    Source = NtCurrentPeb()->ProcessParameters->Environment;
    if (Inherit && Source != NULL)
        Units = RtlpEnvironmentLength(Source);
    Block = RtlpAllocateEnvironment(Units);
    if (Block != NULL && Units > 1)
        memcpy(Block, Source, Units * sizeof(WCHAR));
    RtlReleasePebLock();
    *Environment = Block;
    return Block == NULL ? STATUS_NO_MEMORY : STATUS_SUCCESS;
}

VOID NTAPI RtlDestroyEnvironment(PVOID Environment)
{
    SIZE_T Size = 0;

    if (Environment != NULL)
        IGNORE_STATUS(NtFreeVirtualMemory(NtCurrentProcess(), &Environment, &Size, MEM_RELEASE));
}

// The name part of one string of a block.
static UNICODE_STRING RtlpVariableName(PCWSTR Text)
{
    UNICODE_STRING Name = {0, 0, (PWSTR)Text};
    PCWSTR End = Text[0] == 0 ? Text : wcschr(Text + 1, '=');

    if (End == NULL)
        End = Text + wcslen(Text);
    Name.Length = Name.MaximumLength = (USHORT)((End - Text) * sizeof(WCHAR));
    return Name;
}

// Finds a variable; if there is none, *Place is where it belongs. Returns its string or NULL.
static PWSTR RtlpFindVariable(PWSTR Block, PCUNICODE_STRING Name, PWSTR *Place)
{
    PWSTR p;

    *Place = NULL;
    for (p = Block; *p != 0; p += wcslen(p) + 1) {
        UNICODE_STRING Here = RtlpVariableName(p);
        LONG Order = RtlCompareUnicodeString(Name, &Here, TRUE);

        if (Order == 0)
            return p;
        if (Order < 0 && *Place == NULL)
            *Place = p; // no early end: a block from elsewhere need not be sorted
    }
    if (*Place == NULL)
        *Place = p;
    return NULL;
}

// Is "NAME=value" at Text one with this value?
static BOOLEAN RtlpHasValue(PCWSTR Text, PCUNICODE_STRING Value)
{
    UNICODE_STRING Name = RtlpVariableName(Text);
    ULONG Units = Value->Length / sizeof(WCHAR), i;

    Text += Name.Length / sizeof(WCHAR);
    if (*Text++ != '=')
        return FALSE;
    for (i = 0; i < Units && Text[i] != 0 && Text[i] == Value->Buffer[i]; i++)
        continue;
    return i == Units && Text[i] == 0;
}

static NTSTATUS RtlpQueryVariable(PWSTR Block, PCUNICODE_STRING Name, PUNICODE_STRING Value)
{
    UNICODE_STRING Found;
    PWSTR Place, Text;
    SIZE_T Units;

    Text = Block == NULL ? NULL : RtlpFindVariable(Block, Name, &Place);
    if (Text == NULL)
        return STATUS_VARIABLE_NOT_FOUND;
    Found = RtlpVariableName(Text);
    Text += Found.Length / sizeof(WCHAR);
    if (*Text == '=')
        Text++;
    Units = wcslen(Text);
    Value->Length = (USHORT)(Units * sizeof(WCHAR));
    if (Value->Length > Value->MaximumLength)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(Value->Buffer, Text, Value->Length);
    if (Value->Length + sizeof(WCHAR) <= Value->MaximumLength)
        Value->Buffer[Units] = 0;
    return STATUS_SUCCESS;
}

// Copies a variable's value, with a terminator if there is room. STATUS_VARIABLE_NOT_FOUND; STATUS_BUFFER_TOO_SMALL
// with Value->Length telling what is needed.
NTCHECK RtlQueryEnvironmentVariable_U(PVOID Environment, PUNICODE_STRING Name, PUNICODE_STRING Value)
{
    NTSTATUS Status;

    if (Environment != NULL)
        return RtlpQueryVariable(Environment, Name, Value);
    RtlAcquirePebLock();
    Status = RtlpQueryVariable(NtCurrentPeb()->ProcessParameters->Environment, Name, Value);
    RtlReleasePebLock();
    return Status;
}

// Builds a block with Name set to Value (NULL: removed) and the rest of Block. NULL without memory.
static PWSTR RtlpRebuild(PWSTR Block, PCUNICODE_STRING Name, PCUNICODE_STRING Value)
{
    PWSTR Place, Old = RtlpFindVariable(Block, Name, &Place), After, New, p;
    SIZE_T Total = RtlpEnvironmentLength(Block), Before;
    SIZE_T Added = Value == NULL ? 0 : (Name->Length + Value->Length) / sizeof(WCHAR) + 2;

    if (Old != NULL)
        Place = Old;
    After = Old == NULL ? Place : Old + wcslen(Old) + 1;
    Before = Place - Block;
    New = RtlpAllocateEnvironment(Total + Added + 1);
    if (New == NULL)
        return NULL;
    memcpy(New, Block, Before * sizeof(WCHAR));
    p = New + Before;
    if (Value != NULL) {
        memcpy(p, Name->Buffer, Name->Length);
        p += Name->Length / sizeof(WCHAR);
        *p++ = '=';
        memcpy(p, Value->Buffer, Value->Length);
        p += Value->Length / sizeof(WCHAR);
        *p++ = 0;
    }
    memcpy(p, After, (Total - (After - Block)) * sizeof(WCHAR));
    return New;
}

static NTSTATUS RtlpSetVariable(PVOID *Environment, PCUNICODE_STRING Name, PCUNICODE_STRING Value)
{
    WCHAR Empty[1] = {0};
    PWSTR Block = *Environment == NULL ? Empty : *Environment, New, Place;

    PCWSTR Old = RtlpFindVariable(Block, Name, &Place);

    if (Value == NULL && Old == NULL)
        return STATUS_VARIABLE_NOT_FOUND;
    if (Value != NULL && Old != NULL && RtlpHasValue(Old, Value))
        return STATUS_SUCCESS; // as the start of each process whose directory is its parent's
    New = RtlpRebuild(Block, Name, Value);
    if (New == NULL)
        return STATUS_NO_MEMORY;
    RtlDestroyEnvironment(*Environment);
    *Environment = New;
    return STATUS_SUCCESS;
}

// Sets or (Value NULL or without buffer) removes a variable. Environment NULL: the process's. The block moves.
// STATUS_INVALID_PARAMETER for a name with '=' in it, STATUS_VARIABLE_NOT_FOUND, STATUS_NO_MEMORY.
NTCHECK RtlSetEnvironmentVariable(PVOID *Environment, PUNICODE_STRING Name, PUNICODE_STRING Value)
{
    PRTL_USER_PROCESS_PARAMETERS Parameters = NtCurrentPeb()->ProcessParameters;
    PVOID Old;
    NTSTATUS Status;
    USHORT i;

    if (Name->Length < sizeof(WCHAR))
        return STATUS_INVALID_PARAMETER;
    for (i = 1; i < Name->Length / sizeof(WCHAR); i++) {
        if (Name->Buffer[i] == '=')
            return STATUS_INVALID_PARAMETER;
    }
    if (Value != NULL && Value->Buffer == NULL)
        Value = NULL;
    if (Environment != NULL)
        return RtlpSetVariable(Environment, Name, Value);
    RtlAcquirePebLock();
    Old = Parameters->Environment;
    Status = RtlpSetVariable(&Parameters->Environment, Name, Value);
    if (Parameters->Environment != Old)
        Parameters->EnvironmentSize = RtlpEnvironmentLength(Parameters->Environment) * sizeof(WCHAR);
    RtlReleasePebLock();
    return Status;
}

// Makes Environment the process's and frees or hands back the one before.
VOID NTAPI RtlSetCurrentEnvironment(PVOID Environment, PVOID *Previous)
{
    PVOID Old;

    RtlAcquirePebLock();
    Old = NtCurrentPeb()->ProcessParameters->Environment;
    NtCurrentPeb()->ProcessParameters->Environment = Environment;
    RtlReleasePebLock();
    if (Previous != NULL)
        *Previous = Old;
    else
        RtlDestroyEnvironment(Old);
}

typedef struct _EXPANSION {
    PUNICODE_STRING Destination;
    ULONG Bytes; // produced so far, also those that did not fit
} EXPANSION, *PEXPANSION;

static VOID RtlpEmitUnits(PEXPANSION Expansion, PCWSTR Text, ULONG Bytes)
{
    if (Expansion->Bytes + Bytes <= Expansion->Destination->MaximumLength)
        memcpy((PCHAR)Expansion->Destination->Buffer + Expansion->Bytes, Text, Bytes);
    Expansion->Bytes += Bytes;
}

// Emits the value of the variable that a '%' at Text opens; returns the units used, 0 if it is not a variable.
static ULONG RtlpExpandOne(PEXPANSION Expansion, PWSTR Block, PCWSTR Text, ULONG Units)
{
    UNICODE_STRING Name = {0, 0, (PWSTR)Text + 1}, Value = {0, 0, NULL};
    PWSTR Found, Place;
    ULONG End = 1;

    while (End < Units && Text[End] != '%')
        End++;
    if (End == Units || End == 1 || Block == NULL)
        return 0;
    Name.Length = (USHORT)((End - 1) * sizeof(WCHAR));
    Found = RtlpFindVariable(Block, &Name, &Place);
    if (Found == NULL)
        return 0;
    Value.Buffer = Found + Name.Length / sizeof(WCHAR) + 1;
    RtlpEmitUnits(Expansion, Value.Buffer, wcslen(Value.Buffer) * sizeof(WCHAR));
    return End + 1;
}

// Replaces each %NAME% that is set by its value. *Length (optional): bytes needed with the terminator.
// STATUS_BUFFER_TOO_SMALL if it did not fit.
NTCHECK RtlExpandEnvironmentStrings_U(PVOID Environment, PUNICODE_STRING Source, PUNICODE_STRING Destination,
                                      PULONG Length)
{
    EXPANSION Expansion = {Destination, 0};
    ULONG Units = Source->Length / sizeof(WCHAR), i = 0, Used;
    PWSTR Block;

    RtlAcquirePebLock();
    Block = Environment == NULL ? NtCurrentPeb()->ProcessParameters->Environment : Environment;
    while (i < Units) {
        Used = Source->Buffer[i] == '%' ? RtlpExpandOne(&Expansion, Block, &Source->Buffer[i], Units - i) : 0;
        if (Used == 0) {
            RtlpEmitUnits(&Expansion, &Source->Buffer[i], sizeof(WCHAR));
            Used = 1;
        }
        i += Used;
    }
    RtlReleasePebLock();
    if (Length != NULL)
        *Length = Expansion.Bytes + sizeof(WCHAR);
    if (Expansion.Bytes + sizeof(WCHAR) > Destination->MaximumLength)
        return STATUS_BUFFER_TOO_SMALL;
    Destination->Length = (USHORT)Expansion.Bytes;
    Destination->Buffer[Expansion.Bytes / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}
