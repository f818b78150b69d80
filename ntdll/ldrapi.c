// SPDX-License-Identifier: MIT
// The loader's calls for the DLLs above it: loading, finding, unloading, exports, the loader lock.
// Source: the published Native API; SDK documentation of LoadLibrary and its family.

#include "ldrp.h"

#define PROCEDURE_NAME_ROOM 256

static NTSTATUS LdrpLoadAndInitialize(PCWSTR SearchPath, PCUNICODE_STRING Name, BOOLEAN NoReferences,
                                      PLDRP_MODULE *Module)
{
    NTSTATUS Status = LdrpLoadModule(SearchPath, Name, NoReferences, Module);

    if (!NT_SUCCESS(Status))
        return Status;
    LdrpReference(*Module);
    Status = LdrpRunInitializers(NULL);
    if (!NT_SUCCESS(Status))
        LdrpDropReference(*Module);
    return Status;
}

// Loads a DLL (or counts one more use of it) and everything it needs, and attaches them. Name without extension means
// ".dll". SearchPath NULL: the process's. *Characteristics with IMAGE_FILE_EXECUTABLE_IMAGE: map only, no imports, no
// DllMain. STATUS_DLL_NOT_FOUND, STATUS_DLL_INIT_FAILED, STATUS_ENTRYPOINT_NOT_FOUND, STATUS_INVALID_IMAGE_FORMAT, ...
NTCHECK LdrLoadDll(PWSTR SearchPath, PULONG Characteristics, PUNICODE_STRING Given, PVOID *Base)
{
    BOOLEAN NoReferences = Characteristics != NULL && (*Characteristics & IMAGE_FILE_EXECUTABLE_IMAGE) != 0;
    WCHAR Text[LDRP_NAME_UNITS];
    UNICODE_STRING Name;
    PLDRP_MODULE Module;
    NTSTATUS Status = LdrpCompleteName(Given, Text, &Name);

    if (!NT_SUCCESS(Status))
        return Status;
    RtlEnterCriticalSection(&LdrpLoaderLock);
    Status = LdrpLoadAndInitialize(SearchPath, &Name, NoReferences, &Module);
    if (NT_SUCCESS(Status))
        *Base = Module->Entry.DllBase;
    RtlLeaveCriticalSection(&LdrpLoaderLock);
    return Status;
}

// One use less. STATUS_DLL_NOT_FOUND if no module begins at Base. During process exit nothing is unloaded.
NTCHECK LdrUnloadDll(PVOID Base)
{
    PLDRP_MODULE Module;
    NTSTATUS Status = STATUS_DLL_NOT_FOUND;

    if (LdrpLdr.ShutdownInProgress)
        return STATUS_SUCCESS;
    RtlEnterCriticalSection(&LdrpLoaderLock);
    Module = LdrpFindByBase(Base);
    if (Module != NULL) {
        LdrpDropReference(Module);
        Status = STATUS_SUCCESS;
    }
    RtlLeaveCriticalSection(&LdrpLoaderLock);
    return Status;
}

// Finds a loaded DLL by name. Flags: LDR_GET_DLL_HANDLE_EX_*; without UNCHANGED_REFCOUNT it counts one more use.
// STATUS_DLL_NOT_FOUND.
NTCHECK LdrGetDllHandleEx(ULONG Flags, PWSTR SearchPath, PULONG Characteristics, PUNICODE_STRING Given, PVOID *Base)
{
    WCHAR Text[LDRP_NAME_UNITS];
    UNICODE_STRING Name;
    PLDRP_MODULE Module;
    NTSTATUS Status = LdrpCompleteName(Given, Text, &Name);

    UNREFERENCED_PARAMETER(SearchPath);
    UNREFERENCED_PARAMETER(Characteristics);
    if (!NT_SUCCESS(Status))
        return Status;
    RtlEnterCriticalSection(&LdrpLoaderLock);
    Module = LdrpFindLoaded(&Name);
    if (Module == NULL) {
        Status = STATUS_DLL_NOT_FOUND;
    } else {
        *Base = Module->Entry.DllBase;
        if (Flags & LDR_GET_DLL_HANDLE_EX_PIN)
            Module->Entry.LoadCount = LDRP_PINNED;
        else if (!(Flags & LDR_GET_DLL_HANDLE_EX_UNCHANGED_REFCOUNT))
            LdrpReference(Module);
    }
    RtlLeaveCriticalSection(&LdrpLoaderLock);
    return Status;
}

// Without changing the count.
NTCHECK LdrGetDllHandle(PWSTR SearchPath, PULONG Characteristics, PUNICODE_STRING Name, PVOID *Base)
{
    return LdrGetDllHandleEx(LDR_GET_DLL_HANDLE_EX_UNCHANGED_REFCOUNT, SearchPath, Characteristics, Name, Base);
}

// One use more (Flags 1: for ever).
NTCHECK LdrAddRefDll(ULONG Flags, PVOID Base)
{
    PLDRP_MODULE Module;

    RtlEnterCriticalSection(&LdrpLoaderLock);
    Module = LdrpFindByBase(Base);
    if (Module != NULL && (Flags & 1))
        Module->Entry.LoadCount = LDRP_PINNED;
    else if (Module != NULL)
        LdrpReference(Module);
    RtlLeaveCriticalSection(&LdrpLoaderLock);
    return Module == NULL ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

// A forwarder may have brought in modules that are not attached yet.
static NTSTATUS LdrpResolveForCaller(PLDRP_MODULE Module, PCSTR Name, ULONG Ordinal, PVOID *Address)
{
    volatile NTSTATUS Status;

    SEH_TRY
    {
        Status = LdrpResolveExport(Module, Name, Ordinal, MAXULONG, 0, (PVOID *)Address);
    }
    SEH_EXCEPT
    {
        Status = STATUS_INVALID_IMAGE_FORMAT;
    }
    SEH_END
    if (NT_SUCCESS(Status))
        Status = LdrpRunInitializers(NULL);
    return Status;
}

// The address of an export, by Name or (Name NULL or empty) by Ordinal. STATUS_DLL_NOT_FOUND if no module begins at
// Base, STATUS_ENTRYPOINT_NOT_FOUND or STATUS_ORDINAL_NOT_FOUND if it does not export that.
NTCHECK LdrGetProcedureAddress(PVOID Base, PANSI_STRING Name, ULONG Ordinal, PVOID *Address)
{
    CHAR Text[PROCEDURE_NAME_ROOM];
    PCSTR ByName = NULL;
    PLDRP_MODULE Module;
    NTSTATUS Status = STATUS_DLL_NOT_FOUND;

    if (Name != NULL && Name->Length != 0) {
        if (Name->Length >= sizeof(Text))
            return STATUS_ENTRYPOINT_NOT_FOUND;
        memcpy(Text, Name->Buffer, Name->Length);
        Text[Name->Length] = 0;
        ByName = Text;
    }
    RtlEnterCriticalSection(&LdrpLoaderLock);
    Module = LdrpFindByBase(Base);
    if (Module != NULL)
        Status = LdrpResolveForCaller(Module, ByName, Ordinal, Address);
    RtlLeaveCriticalSection(&LdrpLoaderLock);
    return Status;
}

// No more DLL_THREAD_ATTACH and DETACH for this DLL. Refused for one with static TLS, which needs them.
NTCHECK LdrDisableThreadCalloutsForDll(PVOID Base)
{
    PLDRP_MODULE Module;
    NTSTATUS Status = STATUS_DLL_NOT_FOUND;

    RtlEnterCriticalSection(&LdrpLoaderLock);
    Module = LdrpFindByBase(Base);
    if (Module != NULL && Module->Entry.TlsIndex == LDRP_NO_TLS) {
        Module->Entry.Flags |= LDRP_DONT_CALL_FOR_THREADS;
        Status = STATUS_SUCCESS;
    }
    RtlLeaveCriticalSection(&LdrpLoaderLock);
    return Status;
}

// The module that contains Address. The entry is valid as long as the module stays loaded. STATUS_NO_MORE_ENTRIES.
NTCHECK LdrFindEntryForAddress(PVOID Address, PLDR_DATA_TABLE_ENTRY *Entry)
{
    PLIST_ENTRY Links, Head = &LdrpLdr.InMemoryOrderModuleList;
    NTSTATUS Status = STATUS_NO_MORE_ENTRIES;

    RtlEnterCriticalSection(&LdrpLoaderLock);
    for (Links = Head->Flink; Links != Head && Status != STATUS_SUCCESS; Links = Links->Flink) {
        PLDRP_MODULE Module = LdrpModuleOf(Links, InMemoryOrderLinks);

        if ((ULONG_PTR)Address - (ULONG_PTR)Module->Entry.DllBase < Module->Entry.SizeOfImage) {
            *Entry = &Module->Entry;
            Status = STATUS_SUCCESS;
        }
    }
    RtlLeaveCriticalSection(&LdrpLoaderLock);
    return Status;
}

#define LOCK_FLAG_RAISE 1
#define LOCK_FLAG_TRY 2
#define LOCK_ACQUIRED 1
#define LOCK_NOT_ACQUIRED 2

// Takes the loader lock; the cookie gives it back. Flag 2: only if that needs no waiting (*Disposition says).
NTCHECK LdrLockLoaderLock(ULONG Flags, PULONG Disposition, PULONG_PTR Cookie)
{
    if ((Flags & ~(LOCK_FLAG_RAISE | LOCK_FLAG_TRY)) != 0)
        return STATUS_INVALID_PARAMETER_1;
    if (Cookie == NULL)
        return STATUS_INVALID_PARAMETER_3;
    if ((Flags & LOCK_FLAG_TRY) && Disposition == NULL)
        return STATUS_INVALID_PARAMETER_2;
    *Cookie = 0;
    if (!(Flags & LOCK_FLAG_TRY))
        RtlEnterCriticalSection(&LdrpLoaderLock);
    else if (!RtlTryEnterCriticalSection(&LdrpLoaderLock)) {
        *Disposition = LOCK_NOT_ACQUIRED;
        return STATUS_SUCCESS;
    }
    if (Disposition != NULL)
        *Disposition = LOCK_ACQUIRED;
    *Cookie = (ULONG_PTR)NtCurrentTeb()->ClientId.UniqueThread | 1;
    return STATUS_SUCCESS;
}

// STATUS_INVALID_PARAMETER_2 for a cookie that is not the calling thread's. Cookie 0: nothing was taken.
NTCHECK LdrUnlockLoaderLock(ULONG Flags, ULONG_PTR Cookie)
{
    if ((Flags & ~LOCK_FLAG_RAISE) != 0)
        return STATUS_INVALID_PARAMETER_1;
    if (Cookie == 0)
        return STATUS_SUCCESS;
    if (Cookie != ((ULONG_PTR)NtCurrentTeb()->ClientId.UniqueThread | 1))
        return STATUS_INVALID_PARAMETER_2;
    RtlLeaveCriticalSection(&LdrpLoaderLock);
    return STATUS_SUCCESS;
}

typedef VOID(NTAPI *PLDR_ENUMERATE)(PLDR_DATA_TABLE_ENTRY Entry, PVOID Context, PBOOLEAN Stop);

// Calls Routine for each module in load order, with the loader lock held, until it sets *Stop.
NTCHECK LdrEnumerateLoadedModules(ULONG Reserved, PLDR_ENUMERATE Routine, PVOID Context)
{
    PLIST_ENTRY Links, Head = &LdrpLdr.InLoadOrderModuleList;
    BOOLEAN Stop = FALSE;

    if (Reserved != 0 || Routine == NULL)
        return STATUS_INVALID_PARAMETER;
    RtlEnterCriticalSection(&LdrpLoaderLock);
    for (Links = Head->Flink; Links != Head && !Stop; Links = Links->Flink)
        Routine(&LdrpModuleOf(Links, InLoadOrderLinks)->Entry, Context, &Stop);
    RtlLeaveCriticalSection(&LdrpLoaderLock);
    return STATUS_SUCCESS;
}

// PE relocation of one block, as the published helper does: returns the address behind Items.
PIMAGE_BASE_RELOCATION NTAPI LdrProcessRelocationBlock(PVOID Address, ULONG Count, PUSHORT Items, LONG Delta)
{
    for (; Count != 0; Count--, Items++) {
        if (*Items >> 12 == IMAGE_REL_BASED_HIGHLOW)
            *(ULONG *)((PCHAR)Address + (*Items & 0xFFF)) += Delta;
    }
    return (PIMAGE_BASE_RELOCATION)Items;
}
