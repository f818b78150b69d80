// SPDX-License-Identifier: MIT
// Loading a module with all that it needs, and letting it go. A damaged image may make any of these steps touch memory
// that is not there: the steps that read the image run under an exception frame. No code of the module runs here.

#include "ldrp.h"

static VOID LdrpUnmap(PLDRP_MODULE Module)
{
    IGNORE_STATUS(NtUnmapViewOfSection(NtCurrentProcess(), Module->Entry.DllBase));
    LdrpFreeModule(Module);
}

// Takes a module off the lists, then lets its dependencies go. If another module still counts on it (a circle of
// imports) its memory stays.
static VOID LdrpDiscard(PLDRP_MODULE Module)
{
    ULONG i;

    Module->Entry.Flags |= LDRP_UNLOAD_IN_PROGRESS;
    LdrpUnregisterTls(Module);
    LdrpRemoveModule(Module);
    for (i = 0; i < Module->DependencyCount; i++)
        LdrpDropReference(Module->Dependencies[i]);
    Module->DependencyCount = 0;
    if (Module->Entry.LoadCount == 0)
        LdrpUnmap(Module);
}

// One user of the module less. The last one's going detaches and unmaps it.
VOID LdrpDropReference(PLDRP_MODULE Module)
{
    if (Module->Entry.LoadCount == LDRP_PINNED || Module->Entry.LoadCount == 0)
        return;
    if (--Module->Entry.LoadCount != 0 || (Module->Entry.Flags & LDRP_UNLOAD_IN_PROGRESS))
        return;
    LdrpRunDetach(Module, NULL);
    LdrpDiscard(Module);
}

// Relocates, resolves imports (recursively), and gives the module its place in the initialization order: behind
// everything it depends on.
static NTSTATUS LdrpPrepare(PCWSTR SearchPath, PLDRP_MODULE Module, BOOLEAN NoReferences)
{
    volatile NTSTATUS Status;

    SEH_TRY
    {
        Status = LdrpRelocateImage(Module);
        if (NT_SUCCESS(Status) && !NoReferences)
            Status = LdrpWalkImports(SearchPath, Module);
        if (NT_SUCCESS(Status) && !NoReferences)
            Status = LdrpRegisterTls(Module);
    }
    SEH_EXCEPT
    {
        Status = STATUS_INVALID_IMAGE_FORMAT;
    }
    SEH_END
    return Status;
}

// Returns a module by its completed name: one that is loaded already, or a new one. The caller takes the reference.
// NoReferences: the image is only mapped and relocated, never initialized. On failure nothing is left behind.
NTSTATUS LdrpLoadModule(PCWSTR SearchPath, PCUNICODE_STRING Name, BOOLEAN NoReferences, PLDRP_MODULE *Result)
{
    PLDRP_MODULE Module = LdrpFindLoaded(Name);
    NTSTATUS Status;

    *Result = Module;
    if (Module != NULL)
        return STATUS_SUCCESS;
    Status = LdrpMapDll(SearchPath, Name, &Module);
    if (Status == STATUS_INVALID_IMAGE_FORMAT || Status == STATUS_INVALID_IMAGE_NOT_MZ ||
        Status == STATUS_INVALID_IMAGE_PROTECT || Status == STATUS_INVALID_IMAGE_WIN_64 ||
        Status == STATUS_IMAGE_MACHINE_TYPE_MISMATCH)
        LdrpReportBadImage(Name, Status);
    if (!NT_SUCCESS(Status))
        return Status;
    *Result = Module;
    if (Module->Entry.InLoadOrderLinks.Flink != NULL)
        return STATUS_SUCCESS; // the same file under another name
    LdrpInsertModule(Module);
    Module->Entry.Flags |= LDRP_LOAD_IN_PROGRESS;
    Status = LdrpPrepare(SearchPath, Module, NoReferences);
    Module->Entry.Flags &= ~LDRP_LOAD_IN_PROGRESS;
    if (!NT_SUCCESS(Status)) {
        if (Status == STATUS_INVALID_IMAGE_FORMAT)
            LdrpReportBadImage(Name, Status);
        LdrpDiscard(Module);
        return Status;
    }
    if (NoReferences)
        Module->Entry.Flags |= LDRP_ENTRY_PROCESSED | LDRP_DONT_CALL_FOR_THREADS;
    else
        InsertTailList(&LdrpLdr.InInitializationOrderModuleList, &Module->Entry.InInitializationOrderLinks);
    return STATUS_SUCCESS;
}
