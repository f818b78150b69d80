// SPDX-License-Identifier: MIT
// Ldr: ntdll's image loader as other DLLs see it. Source: SDK/WDK documentation and the published Native API.

#ifndef MICA_NT_NTLDR_H
#define MICA_NT_NTLDR_H

#include "ntps.h"

#ifndef MICA_KERNEL
#define LDR_GET_DLL_HANDLE_EX_UNCHANGED_REFCOUNT 1
#define LDR_GET_DLL_HANDLE_EX_PIN 2

NTCHECK LdrLoadDll(PWSTR SearchPath, PULONG Characteristics, PUNICODE_STRING Name, PVOID *Base);
NTCHECK LdrUnloadDll(PVOID Base);
NTCHECK LdrGetDllHandle(PWSTR SearchPath, PULONG Characteristics, PUNICODE_STRING Name, PVOID *Base);
NTCHECK LdrGetDllHandleEx(ULONG Flags, PWSTR SearchPath, PULONG Characteristics, PUNICODE_STRING Name, PVOID *Base);
NTCHECK LdrGetProcedureAddress(PVOID Base, PANSI_STRING Name, ULONG Ordinal, PVOID *Address);
NTCHECK LdrDisableThreadCalloutsForDll(PVOID Base);
NTCHECK LdrFindEntryForAddress(PVOID Address, PLDR_DATA_TABLE_ENTRY *Entry);
NTCHECK LdrLockLoaderLock(ULONG Flags, PULONG Disposition, PULONG_PTR Cookie);
NTCHECK LdrUnlockLoaderLock(ULONG Flags, ULONG_PTR Cookie);
VOID NTAPI LdrShutdownProcess(VOID);
VOID NTAPI LdrShutdownThread(VOID);
VOID NTAPI LdrInitializeThunk(PCONTEXT Context, PVOID NtdllBase, PVOID Unused);
VOID NTAPI KiUserApcDispatcher(PVOID NormalRoutine, PVOID NormalContext, PVOID SystemArgument1, PVOID SystemArgument2);
VOID NTAPI KiUserExceptionDispatcher(PEXCEPTION_RECORD Record, PCONTEXT Context);
#endif

#endif
