// SPDX-License-Identifier: MIT
// Snapping: every import of a module becomes the address of an export of another, which is loaded first if need be.
// Exports may be forwarders ("OTHER.Name", "OTHER.#7") to yet another module. Source: PE/COFF specification 6.3, 6.4.

#include "ldrp.h"

#define FORWARDER_ROOM 128

static NTSTATUS LdrpFindForwardTarget(PLDRP_MODULE Module, PCSTR Forwarder, PCSTR Dot, PLDRP_MODULE *Target)
{
    WCHAR Text[LDRP_NAME_UNITS], Complete[LDRP_NAME_UNITS];
    UNICODE_STRING Given = {0, 0, Text}, Name;
    ULONG Units = (ULONG)(Dot - Forwarder), i;
    NTSTATUS Status;

    if (Units == 0 || Units > FORWARDER_ROOM)
        return STATUS_INVALID_IMAGE_FORMAT;
    for (i = 0; i < Units; i++)
        Text[i] = (UCHAR)Forwarder[i];
    memcpy(Text + Units, L".dll", 5 * sizeof(WCHAR));
    Given.Length = (USHORT)((Units + 4) * sizeof(WCHAR));
    Status = LdrpCompleteName(&Given, Complete, &Name);
    if (!NT_SUCCESS(Status))
        return Status;
    *Target = LdrpFindByBaseName(&Name);
    if (*Target == NULL)
        Status = LdrpLoadModule(NULL, &Name, FALSE, Target);
    if (NT_SUCCESS(Status))
        Status = LdrpAddDependency(Module, *Target);
    return Status;
}

static NTSTATUS LdrpFollowForwarder(PLDRP_MODULE Module, PCSTR Forwarder, ULONG Depth, PVOID *Address)
{
    PCSTR Dot = strrchr(Forwarder, '.');
    PLDRP_MODULE Target;
    NTSTATUS Status;

    if (Dot == NULL || Depth == LDRP_MAXIMUM_FORWARDS)
        return STATUS_INVALID_IMAGE_FORMAT;
    Status = LdrpFindForwardTarget(Module, Forwarder, Dot, &Target);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Dot[1] == '#')
        return LdrpResolveExport(Target, NULL, strtoul(Dot + 2, NULL, 10), 0, Depth + 1, Address);
    return LdrpResolveExport(Target, Dot + 1, 0, MAXULONG, Depth + 1, Address);
}

// The address of an export by name (with a hint where its name may be) or, Name NULL, by ordinal.
// STATUS_ENTRYPOINT_NOT_FOUND, STATUS_ORDINAL_NOT_FOUND, and what loading a forwarder's module returns.
NTSTATUS LdrpResolveExport(PLDRP_MODULE Module, PCSTR Name, ULONG Ordinal, ULONG Hint, ULONG Depth, PVOID *Address)
{
    NTSTATUS Missing = Name != NULL ? STATUS_ENTRYPOINT_NOT_FOUND : STATUS_ORDINAL_NOT_FOUND;
    RTLP_EXPORTS Exports;
    PCSTR Forwarder;
    ULONG Index;

    if (!RtlpOpenExports(&Exports, Module->Entry.DllBase))
        return Missing;
    Index = Name != NULL ? RtlpFindExportName(&Exports, Name, Hint) : Ordinal - Exports.Directory->Base;
    *Address = RtlpExportAddress(&Exports, Index, &Forwarder);
    if (*Address == NULL)
        return Missing;
    return Forwarder == NULL ? STATUS_SUCCESS : LdrpFollowForwarder(Module, Forwarder, Depth, Address);
}

// Resolves one entry of the import name table to *Address.
static NTSTATUS LdrpSnapThunk(PLDRP_MODULE Module, PIMAGE_NT_HEADERS32 Headers, PLDRP_MODULE From, ULONG Thunk,
                              PVOID *Address)
{
    PIMAGE_IMPORT_BY_NAME ByName = NULL;
    ULONG Ordinal = Thunk & 0xFFFF;
    NTSTATUS Status;

    if (!(Thunk & IMAGE_ORDINAL_FLAG32)) {
        if (!RtlpIsRvaString(Headers, Module->Entry.DllBase, Thunk + FIELD_OFFSET(IMAGE_IMPORT_BY_NAME, Name)))
            return STATUS_INVALID_IMAGE_FORMAT;
        ByName = (PIMAGE_IMPORT_BY_NAME)((PCHAR)Module->Entry.DllBase + Thunk);
        Status = LdrpResolveExport(From, (PCSTR)ByName->Name, 0, ByName->Hint, 0, Address);
    } else {
        Status = LdrpResolveExport(From, NULL, Ordinal, 0, 0, Address);
    }
    if (Status == STATUS_ENTRYPOINT_NOT_FOUND || Status == STATUS_ORDINAL_NOT_FOUND)
        LdrpReportExportNotFound(From, ByName == NULL ? NULL : (PCSTR)ByName->Name, Ordinal, Module);
    return Status;
}

// Entries of a thunk array, up to the zero that ends it; MAXULONG if it leaves the image.
static ULONG LdrpCountThunks(PIMAGE_NT_HEADERS32 Headers, PVOID Base, ULONG Rva)
{
    ULONG Count;

    for (Count = 0;; Count++) {
        if (!RtlpIsRvaRange(Headers, Rva + Count * sizeof(ULONG), sizeof(ULONG)))
            return MAXULONG;
        if (((PULONG)((PCHAR)Base + Rva))[Count] == 0)
            return Count;
    }
}

static BOOLEAN LdrpIsWritable(PIMAGE_NT_HEADERS32 Headers, ULONG Rva)
{
    PIMAGE_SECTION_HEADER Section = IMAGE_FIRST_SECTION(Headers);
    USHORT i;

    for (i = 0; i < Headers->FileHeader.NumberOfSections; i++, Section++) {
        if (Rva >= Section->VirtualAddress && Rva - Section->VirtualAddress < Section->Misc.VirtualSize)
            return (Section->Characteristics & IMAGE_SCN_MEM_WRITE) != 0;
    }
    return FALSE;
}

// Fills the address table of one import descriptor.
static NTSTATUS LdrpSnapDescriptor(PLDRP_MODULE Module, PIMAGE_NT_HEADERS32 Headers, PIMAGE_IMPORT_DESCRIPTOR Import,
                                   PLDRP_MODULE From)
{
    PCHAR Base = Module->Entry.DllBase;
    ULONG NamesRva = Import->OriginalFirstThunk != 0 ? Import->OriginalFirstThunk : Import->FirstThunk;
    ULONG Count = LdrpCountThunks(Headers, Base, NamesRva), i, Old = 0;
    PVOID *Table = (PVOID *)(Base + Import->FirstThunk), Page = Table;
    SIZE_T Size = Count * sizeof(PVOID);
    BOOLEAN Writable = LdrpIsWritable(Headers, Import->FirstThunk);
    NTSTATUS Status = STATUS_SUCCESS;

    if (Count == MAXULONG || !RtlpIsRvaRange(Headers, Import->FirstThunk, Size))
        return STATUS_INVALID_IMAGE_FORMAT;
    if (Count == 0)
        return STATUS_SUCCESS;
    if (!Writable)
        Status = NtProtectVirtualMemory(NtCurrentProcess(), &Page, &Size, PAGE_READWRITE, &Old);
    for (i = 0; i < Count && NT_SUCCESS(Status); i++)
        Status = LdrpSnapThunk(Module, Headers, From, ((PULONG)(Base + NamesRva))[i], &Table[i]);
    if (!Writable && Old != 0)
        IGNORE_STATUS(NtProtectVirtualMemory(NtCurrentProcess(), &Page, &Size, Old, &Old));
    return Status;
}

// Loads the module that a descriptor names, as a dependency of Module.
static NTSTATUS LdrpLoadImport(PCWSTR SearchPath, PLDRP_MODULE Module, PCSTR DllName, PLDRP_MODULE *From)
{
    WCHAR Text[LDRP_NAME_UNITS], Complete[LDRP_NAME_UNITS];
    UNICODE_STRING Given = {0, 0, Text}, Name;
    ULONG Bytes;
    NTSTATUS Status;

    IGNORE_STATUS(RtlMultiByteToUnicodeN(Text, sizeof(Text), &Bytes, DllName, strlen(DllName)));
    Given.Length = (USHORT)Bytes;
    Status = LdrpCompleteName(&Given, Complete, &Name);
    if (!NT_SUCCESS(Status))
        return STATUS_INVALID_IMAGE_FORMAT;
    Status = LdrpLoadModule(SearchPath, &Name, FALSE, From);
    if (Status == STATUS_DLL_NOT_FOUND)
        LdrpReportDllNotFound(&Name, Module, Status);
    if (!NT_SUCCESS(Status))
        return Status;
    return LdrpAddDependency(Module, *From);
}

// Loads and snaps everything a module imports.
NTSTATUS LdrpWalkImports(PCWSTR SearchPath, PLDRP_MODULE Module)
{
    PVOID Base = Module->Entry.DllBase;
    PIMAGE_NT_HEADERS32 Headers = RtlImageNtHeader(Base);
    PIMAGE_IMPORT_DESCRIPTOR Import;
    PLDRP_MODULE From;
    ULONG Size;
    NTSTATUS Status;

    Import = RtlImageDirectoryEntryToData(Base, TRUE, IMAGE_DIRECTORY_ENTRY_IMPORT, &Size);
    if (Import == NULL)
        return STATUS_SUCCESS;
    for (;; Import++) {
        if (!RtlpIsRvaRange(Headers, (ULONG)((PCHAR)Import - (PCHAR)Base), sizeof(*Import)))
            return STATUS_INVALID_IMAGE_FORMAT;
        if (Import->Name == 0 || Import->FirstThunk == 0)
            return STATUS_SUCCESS;
        if (!RtlpIsRvaString(Headers, Base, Import->Name))
            return STATUS_INVALID_IMAGE_FORMAT;
        Status = LdrpLoadImport(SearchPath, Module, (PCSTR)Base + Import->Name, &From);
        if (!NT_SUCCESS(Status))
            return Status;
        Status = LdrpSnapDescriptor(Module, Headers, Import, From);
        if (!NT_SUCCESS(Status))
            return Status;
    }
}
