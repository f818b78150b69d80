// SPDX-License-Identifier: MIT
// Small system services: display a string, shut down, unique ids, processor number, locale.
// Source: SDK (AllocateLocallyUniqueId, GetSystemDefaultLCID, ExitWindowsEx); the Native API as published.

#include "exp.h"

#define LOCALE_EN_US 0x0409
#define FIRST_FREE_LUID 0x3EA // below: SYSTEM_LUID (3E7) and its kin
#define DISPLAY_CHUNK 240     // a line of the log: messages of two processors do not mix inside one

static volatile LONGLONG ExpLastLuid = FIRST_FREE_LUID;

// Shows a string on the boot screen and in the log, in the ANSI code page. Needs SeTcbPrivilege. PASSIVE_LEVEL.
NTSTATUS NTAPI NtDisplayString(PUNICODE_STRING String)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    UNICODE_STRING Captured;
    NTSTATUS Status;

    PAGED_CODE();
    if (!SeSinglePrivilegeCheck(SE_TCB_PRIVILEGE, Mode))
        return STATUS_PRIVILEGE_NOT_HELD;
    Status = ExCaptureUnicodeString(&Captured, String, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    for (ULONG Done = 0; NT_SUCCESS(Status) && Done < Captured.Length; Done += DISPLAY_CHUNK * sizeof(WCHAR)) {
        CHAR Text[DISPLAY_CHUNK + 1];
        ULONG Count;

        Status = RtlUnicodeToMultiByteN(Text, DISPLAY_CHUNK, &Count, Captured.Buffer + Done / sizeof(WCHAR),
                                        min_of(Captured.Length - Done, DISPLAY_CHUNK * sizeof(WCHAR)));
        if (NT_SUCCESS(Status)) {
            Text[Count] = 0;
            HalDisplayString(Text);
            DbgPrint("%s", Text);
        }
    }
    ExReleaseCapturedUnicodeString(&Captured, Mode);
    return Status;
}

// Flushes and shuts down the volumes, then halts, restarts or powers off. Needs SeShutdownPrivilege. Does not return
// on success. STATUS_INVALID_PARAMETER for an unknown action. PASSIVE_LEVEL.
NTSTATUS NTAPI NtShutdownSystem(SHUTDOWN_ACTION Action)
{
    static const FIRMWARE_REENTRY Routines[] = {[ShutdownNoReboot] = HalHaltRoutine,
                                                [ShutdownReboot] = HalRebootRoutine,
                                                [ShutdownPowerOff] = HalPowerDownRoutine};

    PAGED_CODE();
    if ((ULONG)Action >= RTL_NUMBER_OF(Routines))
        return STATUS_INVALID_PARAMETER;
    if (!SeSinglePrivilegeCheck(SE_SHUTDOWN_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    IoShutdownSystem();
    HalReturnToFirmware(Routines[Action]);
}

// A number that was not given out since the system started. Any IRQL. Source: WDK, ExAllocateLocallyUniqueId.
VOID ExAllocateLocallyUniqueId(PLUID Luid)
{
    LONGLONG Old, New;

    do {
        Old = ExpLastLuid;
        New = Old + 1;
    } while (InterlockedCompareExchange64(&ExpLastLuid, New, Old) != Old);
    Luid->LowPart = (ULONG)New;
    Luid->HighPart = (LONG)(New >> 32);
}

// The same as a service. STATUS_ACCESS_VIOLATION. PASSIVE_LEVEL.
NTSTATUS NTAPI NtAllocateLocallyUniqueId(PLUID Luid)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status;
    LUID Value;

    PAGED_CODE();
    Status = Luid == NULL ? STATUS_ACCESS_VIOLATION : ExpProbeOptional(Luid, sizeof(LUID), Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    ExAllocateLocallyUniqueId(&Value);
    return ExpReturnQuery(Luid, &Value, sizeof(Value), NULL, Mode);
}

// The number of the processor that runs the caller, now. Any IRQL.
NTSTATUS NTAPI NtGetCurrentProcessorNumber(VOID)
{
    return KeGetCurrentPrcb()->Number;
}

// The default locale of the user or the system: English (United States). STATUS_ACCESS_VIOLATION. PASSIVE_LEVEL.
NTSTATUS NTAPI NtQueryDefaultLocale(BOOLEAN UserProfile, PULONG LocaleId)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(UserProfile);
    Status = LocaleId == NULL ? STATUS_ACCESS_VIOLATION : ExpProbeOptional(LocaleId, sizeof(ULONG), Mode);
    return NT_SUCCESS(Status) ? ExpReturnLong((PLONG)LocaleId, LOCALE_EN_US, Mode) : Status;
}
