// SPDX-License-Identifier: MIT
// The list of modules, and the edges between them.

#include "ldrp.h"

#define DEPENDENCY_STEP 8

PEB_LDR_DATA LdrpLdr = {.Length = sizeof(PEB_LDR_DATA)};

// Makes the entry of an image that is mapped at Base; it is on no list yet. NULL without memory.
PLDRP_MODULE LdrpAllocateModule(PVOID Base, PCUNICODE_STRING FullName)
{
    PIMAGE_NT_HEADERS32 Headers = RtlImageNtHeader(Base);
    PLDRP_MODULE Module = RtlAllocateHeap(RtlProcessHeap(), HEAP_ZERO_MEMORY, sizeof(*Module));
    PWSTR Last;

    if (Module == NULL)
        return NULL;
    if (!NT_SUCCESS(RtlDuplicateUnicodeString(RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE, FullName,
                                              &Module->Entry.FullDllName))) {
        RtlpFree(Module);
        return NULL;
    }
    Last = wcsrchr(Module->Entry.FullDllName.Buffer, '\\');
    RtlInitUnicodeString(&Module->Entry.BaseDllName, Last == NULL ? Module->Entry.FullDllName.Buffer : Last + 1);
    Module->Entry.DllBase = Base;
    Module->Entry.TlsIndex = LDRP_NO_TLS;
    Module->Entry.SizeOfImage = Headers->OptionalHeader.SizeOfImage;
    Module->Entry.TimeDateStamp = Headers->FileHeader.TimeDateStamp;
    if (Headers->OptionalHeader.AddressOfEntryPoint != 0)
        Module->Entry.EntryPoint = (PCHAR)Base + Headers->OptionalHeader.AddressOfEntryPoint;
    if (Headers->FileHeader.Characteristics & IMAGE_FILE_DLL)
        Module->Entry.Flags |= LDRP_IMAGE_DLL;
    InitializeListHead(&Module->Entry.HashLinks);
    InitializeListHead(&Module->Entry.InInitializationOrderLinks);
    return Module;
}

VOID LdrpFreeModule(PLDRP_MODULE Module)
{
    RtlpFree(Module->Dependencies);
    RtlFreeUnicodeString(&Module->Entry.FullDllName);
    RtlpFree(Module);
}

// Puts it on the load-order and memory-order lists; the initialization order comes when its imports are known.
VOID LdrpInsertModule(PLDRP_MODULE Module)
{
    InsertTailList(&LdrpLdr.InLoadOrderModuleList, &Module->Entry.InLoadOrderLinks);
    InsertTailList(&LdrpLdr.InMemoryOrderModuleList, &Module->Entry.InMemoryOrderLinks);
}

VOID LdrpRemoveModule(PLDRP_MODULE Module)
{
    RemoveEntryList(&Module->Entry.InLoadOrderLinks);
    RemoveEntryList(&Module->Entry.InMemoryOrderLinks);
    RemoveEntryList(&Module->Entry.InInitializationOrderLinks);
}

typedef BOOLEAN (*PLDRP_MATCH)(PLDRP_MODULE Module, const VOID *Key);

static PLDRP_MODULE LdrpFind(PLDRP_MATCH Match, const VOID *Key)
{
    PLIST_ENTRY Links;

    for (Links = LdrpLdr.InLoadOrderModuleList.Flink; Links != &LdrpLdr.InLoadOrderModuleList; Links = Links->Flink) {
        PLDRP_MODULE Module = LdrpModuleOf(Links, InLoadOrderLinks);

        if (!(Module->Entry.Flags & LDRP_UNLOAD_IN_PROGRESS) && Match(Module, Key))
            return Module;
    }
    return NULL;
}

static BOOLEAN LdrpMatchBaseName(PLDRP_MODULE Module, const VOID *Key)
{
    return RtlEqualUnicodeString(&Module->Entry.BaseDllName, Key, TRUE);
}

static BOOLEAN LdrpMatchFullName(PLDRP_MODULE Module, const VOID *Key)
{
    return RtlEqualUnicodeString(&Module->Entry.FullDllName, Key, TRUE);
}

static BOOLEAN LdrpMatchBase(PLDRP_MODULE Module, const VOID *Key)
{
    return Module->Entry.DllBase == Key;
}

PLDRP_MODULE LdrpFindByBaseName(PCUNICODE_STRING Name)
{
    return LdrpFind(LdrpMatchBaseName, Name);
}

PLDRP_MODULE LdrpFindByFullName(PCUNICODE_STRING Name)
{
    return LdrpFind(LdrpMatchFullName, Name);
}

PLDRP_MODULE LdrpFindByBase(PVOID Base)
{
    return LdrpFind(LdrpMatchBase, Base);
}

VOID LdrpReference(PLDRP_MODULE Module)
{
    if (Module->Entry.LoadCount < LDRP_PINNED - 1)
        Module->Entry.LoadCount++;
    else
        Module->Entry.LoadCount = LDRP_PINNED;
}

NTSTATUS LdrpAddDependency(PLDRP_MODULE Module, PLDRP_MODULE Dependency)
{
    PVOID Larger;
    ULONG i;

    if (Module == Dependency)
        return STATUS_SUCCESS;
    for (i = 0; i < Module->DependencyCount; i++) {
        if (Module->Dependencies[i] == Dependency)
            return STATUS_SUCCESS;
    }
    if (Module->DependencyCount == Module->DependencyRoom) {
        SIZE_T Bytes = (Module->DependencyRoom + DEPENDENCY_STEP) * sizeof(PVOID);

        Larger = Module->Dependencies == NULL ? RtlpAlloc(Bytes)
                                              : RtlReAllocateHeap(RtlProcessHeap(), 0, Module->Dependencies, Bytes);
        if (Larger == NULL)
            return STATUS_NO_MEMORY;
        Module->Dependencies = Larger;
        Module->DependencyRoom += DEPENDENCY_STEP;
    }
    Module->Dependencies[Module->DependencyCount++] = Dependency;
    LdrpReference(Dependency);
    return STATUS_SUCCESS;
}
