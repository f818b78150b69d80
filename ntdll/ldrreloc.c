// SPDX-License-Identifier: MIT
// Relocation: an image that does not lie at the address it was linked for has the difference added wherever its
// relocation table says so. Source: PE/COFF specification 6.6.

#include "ldrp.h"

#define TYPE_SHIFT 12
#define OFFSET_MASK 0x0FFF

// Makes the sections that are not writable so, or gives them back the protection that their flags ask for.
NTSTATUS LdrpProtectSections(PVOID Base, PIMAGE_NT_HEADERS32 Headers, BOOLEAN Writable)
{
    PIMAGE_SECTION_HEADER Section = IMAGE_FIRST_SECTION(Headers);
    NTSTATUS Status;
    USHORT i;

    for (i = 0; i < Headers->FileHeader.NumberOfSections; i++, Section++) {
        PVOID Address = (PCHAR)Base + Section->VirtualAddress;
        SIZE_T Size = Section->Misc.VirtualSize != 0 ? Section->Misc.VirtualSize : Section->SizeOfRawData;
        ULONG Protect, Old;

        if ((Section->Characteristics & IMAGE_SCN_MEM_WRITE) || Size == 0)
            continue;
        if (Writable)
            Protect = PAGE_READWRITE;
        else
            Protect = (Section->Characteristics & IMAGE_SCN_MEM_EXECUTE) ? PAGE_EXECUTE_READ : PAGE_READONLY;
        Status = NtProtectVirtualMemory(NtCurrentProcess(), &Address, &Size, Protect, &Old);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    return STATUS_SUCCESS;
}

// Applies one block: the fix-ups of one page.
static NTSTATUS LdrpRelocateBlock(PLDRP_MODULE Module, PIMAGE_BASE_RELOCATION Block, ULONG Delta)
{
    PUSHORT Item = (PUSHORT)(Block + 1), End = (PUSHORT)((PCHAR)Block + Block->SizeOfBlock);
    ULONG Limit = Module->Entry.SizeOfImage;

    for (; Item < End; Item++) {
        ULONG Rva = Block->VirtualAddress + (*Item & OFFSET_MASK);
        PCHAR Target = (PCHAR)Module->Entry.DllBase + Rva;
        ULONG Type = *Item >> TYPE_SHIFT;

        if (Type == IMAGE_REL_BASED_ABSOLUTE)
            continue; // fills the block up to a multiple of four
        if (Rva >= Limit || Limit - Rva < sizeof(ULONG))
            return STATUS_INVALID_IMAGE_FORMAT;
        if (Type == IMAGE_REL_BASED_HIGHLOW)
            *(ULONG *)Target += Delta;
        else if (Type == IMAGE_REL_BASED_HIGH)
            *(USHORT *)Target += (USHORT)(Delta >> 16);
        else if (Type == IMAGE_REL_BASED_LOW)
            *(USHORT *)Target += (USHORT)Delta;
        else
            return STATUS_INVALID_IMAGE_FORMAT;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS LdrpApplyRelocations(PLDRP_MODULE Module, PIMAGE_BASE_RELOCATION Block, ULONG Size, ULONG Delta)
{
    NTSTATUS Status = STATUS_SUCCESS;

    while (NT_SUCCESS(Status) && Size >= sizeof(*Block) && Block->SizeOfBlock != 0) {
        if (Block->SizeOfBlock < sizeof(*Block) || Block->SizeOfBlock > Size || (Block->SizeOfBlock & 1))
            return STATUS_INVALID_IMAGE_FORMAT;
        Status = LdrpRelocateBlock(Module, Block, Delta);
        Size -= Block->SizeOfBlock;
        Block = (PIMAGE_BASE_RELOCATION)((PCHAR)Block + Block->SizeOfBlock);
    }
    return Status;
}

// Nothing to do if the image lies where its header says (Mm may have moved both). STATUS_CONFLICTING_ADDRESSES if it
// cannot be moved, STATUS_ILLEGAL_DLL_RELOCATION for kernel32, whose address other processes rely on.
NTSTATUS LdrpRelocateImage(PLDRP_MODULE Module)
{
    static const UNICODE_STRING Fixed = RTL_CONSTANT_STRING(L"kernel32.dll");
    PVOID Base = Module->Entry.DllBase;
    PIMAGE_NT_HEADERS32 Headers = RtlImageNtHeader(Base);
    ULONG Delta = (ULONG)(ULONG_PTR)Base - Headers->OptionalHeader.ImageBase, Size;
    PIMAGE_BASE_RELOCATION Block;
    NTSTATUS Status, Restored;

    if (Delta == 0)
        return STATUS_SUCCESS;
    Module->Entry.Flags |= LDRP_IMAGE_NOT_AT_BASE;
    if (Headers->FileHeader.Characteristics & IMAGE_FILE_RELOCS_STRIPPED)
        return STATUS_CONFLICTING_ADDRESSES;
    if (RtlEqualUnicodeString(&Module->Entry.BaseDllName, &Fixed, TRUE))
        return STATUS_ILLEGAL_DLL_RELOCATION;
    Block = RtlImageDirectoryEntryToData(Base, TRUE, IMAGE_DIRECTORY_ENTRY_BASERELOC, &Size);
    if (Block == NULL)
        return STATUS_SUCCESS; // nothing in it depends on its address
    Status = LdrpProtectSections(Base, Headers, TRUE);
    if (NT_SUCCESS(Status))
        Status = LdrpApplyRelocations(Module, Block, Size, Delta);
    Restored = LdrpProtectSections(Base, Headers, FALSE);
    IGNORE_STATUS(NtFlushInstructionCache(NtCurrentProcess(), Base, Module->Entry.SizeOfImage));
    return NT_SUCCESS(Status) ? Restored : Status;
}
