// SPDX-License-Identifier: MIT
// Environment variables.

#include "k32.h"

#define VARIABLE_MAXIMUM 0x7FFEu // bytes of a UNICODE_STRING, even

static SIZE_T BasepBlockLength(const WCHAR *Block)
{
    const WCHAR *End = Block;

    while (*End != 0) {
        End += wcslen(End) + 1;
    }
    return (SIZE_T)(End - Block) + 1;
}

DWORD WINAPI GetEnvironmentVariableW(LPCWSTR Name, LPWSTR Buffer, DWORD Size)
{
    UNICODE_STRING NameString, Value;
    NTSTATUS Status;

    RtlInitUnicodeString(&NameString, Name);
    Value.Length = 0;
    Value.MaximumLength = (USHORT)min_of(Size == 0 ? 0 : (Size - 1) * sizeof(WCHAR), VARIABLE_MAXIMUM);
    Value.Buffer = Buffer;
    Status = RtlQueryEnvironmentVariable_U(NULL, &NameString, &Value);
    if (Status == STATUS_BUFFER_TOO_SMALL) {
        return Value.Length / sizeof(WCHAR) + 1;
    }
    if (!NT_SUCCESS(Status)) {
        BaseSetLastNTError(Status);
        return 0;
    }
    if (Size == 0) {
        return Value.Length / sizeof(WCHAR) + 1;
    }
    Buffer[Value.Length / sizeof(WCHAR)] = 0;
    if (Value.Length == 0) {
        SetLastError(ERROR_SUCCESS); // an empty variable, not a missing one
    }
    return Value.Length / sizeof(WCHAR);
}

DWORD WINAPI GetEnvironmentVariableA(LPCSTR Name, LPSTR Buffer, DWORD Size)
{
    BASE_WIDE Wide AUTO_WIDE;
    WCHAR Local[MAX_PATH], *Value = Local;
    DWORD Length, Result;

    if (!BaseWiden(&Wide, Name)) {
        return 0;
    }
    Length = GetEnvironmentVariableW(Wide.Buffer, Local, MAX_PATH);
    if (Length >= MAX_PATH) {
        Value = BaseAllocate(Length * sizeof(WCHAR));
        if (Value == NULL) {
            return 0;
        }
        Length = GetEnvironmentVariableW(Wide.Buffer, Value, Length);
    }
    Result = Length == 0 && GetLastError() != ERROR_SUCCESS ? 0 : BaseNarrowResult(Value, Length, Buffer, Size);
    if (Value != Local) {
        BaseFreeMemory(Value);
    }
    return Result;
}

WINBOOL WINAPI SetEnvironmentVariableW(LPCWSTR Name, LPCWSTR Value)
{
    UNICODE_STRING NameString, ValueString;
    NTSTATUS Status;

    if (Name == NULL || *Name == 0 || wcschr(Name + 1, L'=') != NULL) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    RtlInitUnicodeString(&NameString, Name);
    if (Value != NULL) {
        RtlInitUnicodeString(&ValueString, Value);
    }
    Status = RtlSetEnvironmentVariable(NULL, &NameString, Value == NULL ? NULL : &ValueString);
    return BaseBool(Status);
}

WINBOOL WINAPI SetEnvironmentVariableA(LPCSTR Name, LPCSTR Value)
{
    BASE_WIDE WideName AUTO_WIDE = {.Buffer = NULL};
    BASE_WIDE WideValue AUTO_WIDE = {.Buffer = NULL};

    return BaseWiden(&WideName, Name) && BaseWiden(&WideValue, Value) &&
           SetEnvironmentVariableW(WideName.Buffer, WideValue.Buffer);
}

// A copy of the block, so that nobody frees or changes the process's own.
LPWCH WINAPI GetEnvironmentStringsW(VOID)
{
    PWSTR Copy;
    SIZE_T Bytes;

    RtlAcquirePebLock();
    Bytes = BasepBlockLength(NtCurrentPeb()->ProcessParameters->Environment) * sizeof(WCHAR);
    Copy = BaseAllocate(Bytes);
    if (Copy != NULL) {
        memcpy(Copy, NtCurrentPeb()->ProcessParameters->Environment, Bytes);
    }
    RtlReleasePebLock();
    return Copy;
}

WINBOOL WINAPI FreeEnvironmentStringsW(LPWCH Block)
{
    BaseFreeMemory(Block);
    return TRUE;
}

static LPCH BasepEnvironmentStringsA(VOID)
{
    PWSTR Wide = GetEnvironmentStringsW();
    PCHAR Ansi = NULL;
    SIZE_T Length;
    ULONG Result;

    if (Wide != NULL) {
        Length = BasepBlockLength(Wide);
        Ansi = BaseAllocate(Length);
        if (Ansi != NULL && !BaseBool(RtlUnicodeToMultiByteN(Ansi, Length, &Result, Wide, Length * sizeof(WCHAR)))) {
            BaseFreeMemory(Ansi);
            Ansi = NULL;
        }
        BaseFreeMemory(Wide);
    }
    return Ansi;
}

// Exported as GetEnvironmentStrings too (kernel32.def); the SDK header makes that name an inline function.
LPCH WINAPI GetEnvironmentStringsA(VOID);
LPCH WINAPI GetEnvironmentStringsA(VOID)
{
    return BasepEnvironmentStringsA();
}

WINBOOL WINAPI FreeEnvironmentStringsA(LPCH Block)
{
    BaseFreeMemory(Block);
    return TRUE;
}

// See k32.h.
PWSTR BaseWidenEnvironment(LPCSTR Environment)
{
    LPCSTR End = Environment;
    PWSTR Wide;
    SIZE_T Length;
    ULONG Result;

    while (*End != 0) {
        End += strlen(End) + 1;
    }
    Length = (SIZE_T)(End - Environment) + 1;
    Wide = BaseAllocate((Length + 1) * sizeof(WCHAR));
    if (Wide != NULL && !BaseBool(RtlMultiByteToUnicodeN(Wide, Length * sizeof(WCHAR), &Result, Environment, Length))) {
        BaseFreeMemory(Wide);
        return NULL;
    }
    return Wide;
}

DWORD WINAPI ExpandEnvironmentStringsW(LPCWSTR Source, LPWSTR Target, DWORD Size)
{
    UNICODE_STRING SourceString, TargetString;
    ULONG Needed = 0;
    NTSTATUS Status;

    RtlInitUnicodeString(&SourceString, Source);
    TargetString.Length = 0;
    TargetString.MaximumLength = (USHORT)min_of(Size * sizeof(WCHAR), VARIABLE_MAXIMUM);
    TargetString.Buffer = Target;
    Status = RtlExpandEnvironmentStrings_U(NULL, &SourceString, &TargetString, &Needed);
    if (NT_SUCCESS(Status) || Status == STATUS_BUFFER_TOO_SMALL) {
        return Needed / sizeof(WCHAR);
    }
    BaseSetLastNTError(Status);
    return 0;
}

DWORD WINAPI ExpandEnvironmentStringsA(LPCSTR Source, LPSTR Target, DWORD Size)
{
    BASE_WIDE Wide AUTO_WIDE;
    PWSTR Expanded;
    DWORD Needed, Result;

    if (!BaseWiden(&Wide, Source)) {
        return 0;
    }
    Needed = ExpandEnvironmentStringsW(Wide.Buffer, NULL, 0);
    Expanded = Needed == 0 ? NULL : BaseAllocate((Needed + 1) * sizeof(WCHAR));
    if (Expanded == NULL) {
        return 0;
    }
    ExpandEnvironmentStringsW(Wide.Buffer, Expanded, Needed + 1);
    Result = BaseNarrowResult(Expanded, wcslen(Expanded), Target, Size);
    BaseFreeMemory(Expanded);
    return Result < Size ? Result + 1 : Result; // counts the NUL, unlike its siblings
}
