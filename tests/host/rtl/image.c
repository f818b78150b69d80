// SPDX-License-Identifier: MIT
// Laws of rtl/image.c and export.c: a sound image gives its exports; a damaged one gives nothing worse than "not
// found". The image lies against an unreadable page, so that any look outside it is a crash.

#include "hosttest.h"
#include "rtlimage.h"

#define IMAGE_SIZE 0x2000
#define EXPORT_RVA 0x1000
#define NT_OFFSET 0x80
#define MUTATIONS 30000

static const char *const Names[] = {"Alpha", "Beta", "Delta", "Forward", "Gamma"};

// An image as it lies in memory, with five exports.
static VOID BuildImage(PCHAR Base)
{
    PIMAGE_DOS_HEADER Dos = (PIMAGE_DOS_HEADER)Base;
    PIMAGE_NT_HEADERS32 Nt = (PIMAGE_NT_HEADERS32)(Base + NT_OFFSET);
    PIMAGE_EXPORT_DIRECTORY Directory = (PIMAGE_EXPORT_DIRECTORY)(Base + EXPORT_RVA);
    PULONG Functions = (PULONG)(Directory + 1), NameRvas = Functions + 5;
    PUSHORT Ordinals = (PUSHORT)(NameRvas + 5);
    PCHAR Text = (PCHAR)(Ordinals + 6);
    ULONG i;

    memset(Base, 0, IMAGE_SIZE);
    Dos->e_magic = IMAGE_DOS_SIGNATURE;
    Dos->e_lfanew = NT_OFFSET;
    Nt->Signature = IMAGE_NT_SIGNATURE;
    Nt->FileHeader.Machine = IMAGE_FILE_MACHINE_I386;
    Nt->FileHeader.NumberOfSections = 1;
    Nt->FileHeader.SizeOfOptionalHeader = sizeof(IMAGE_OPTIONAL_HEADER32);
    Nt->OptionalHeader.Magic = IMAGE_NT_OPTIONAL_HDR32_MAGIC;
    Nt->OptionalHeader.SizeOfImage = IMAGE_SIZE;
    Nt->OptionalHeader.SizeOfHeaders = 0x400;
    Nt->OptionalHeader.NumberOfRvaAndSizes = IMAGE_NUMBEROF_DIRECTORY_ENTRIES;
    Nt->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_EXPORT] = (IMAGE_DATA_DIRECTORY){EXPORT_RVA, 0x200};
    Directory->Base = 1;
    Directory->NumberOfFunctions = Directory->NumberOfNames = 5;
    Directory->AddressOfFunctions = (ULONG)((PCHAR)Functions - Base);
    Directory->AddressOfNames = (ULONG)((PCHAR)NameRvas - Base);
    Directory->AddressOfNameOrdinals = (ULONG)((PCHAR)Ordinals - Base);
    for (i = 0; i < 5; i++) {
        Functions[i] = 0x500 + i * 16;
        NameRvas[i] = (ULONG)(Text - Base);
        Ordinals[i] = (USHORT)i;
        strcpy(Text, Names[i]);
        Text += strlen(Text) + 1;
    }
    strcpy(Text, "OTHER.Target");
    Functions[3] = (ULONG)(Text - Base);
}

HOST_TEST(exports_are_found_by_name_and_forwarders_are_not_addresses)
{
    PCHAR Base = HostGuarded(IMAGE_SIZE);
    RTLP_EXPORTS Exports;
    PCSTR Forwarder;
    ULONG i;

    BuildImage(Base);
    expect(RtlpOpenExports(&Exports, Base));
    for (i = 0; i < 5; i++) {
        expect_eq(RtlpFindExportName(&Exports, Names[i], HostRandom() % 6), i);
        expect_eq((ULONG)RtlFindExportedRoutineByName(Base, Names[i]), i == 3 ? 0 : (ULONG)Base + 0x500 + i * 16);
    }
    expect(RtlpExportAddress(&Exports, 3, &Forwarder) != NULL && Forwarder != NULL);
    expect_text(Forwarder, "OTHER.Target");
    expect(RtlpExportAddress(&Exports, 5, &Forwarder) == NULL);
    expect(RtlFindExportedRoutineByName(Base, "Alph") == NULL && RtlFindExportedRoutineByName(Base, "Alphax") == NULL);
}

static VOID Exercise(PCHAR Base)
{
    RTLP_EXPORTS Exports;
    PIMAGE_NT_HEADERS32 Headers;
    PCSTR Forwarder;
    ULONG i, Size;

    if (!NT_SUCCESS(RtlImageNtHeaderEx(0, Base, IMAGE_SIZE, &Headers)))
        return;
    Headers->OptionalHeader.SizeOfImage =
        min_of(Headers->OptionalHeader.SizeOfImage, (ULONG)IMAGE_SIZE); // as Mm guarantees
    for (i = 0; i < 20; i++)
        RtlImageDirectoryEntryToData(Base, TRUE, (USHORT)i, &Size);
    for (i = 0; i < 5; i++)
        RtlFindExportedRoutineByName(Base, Names[i]);
    if (RtlpOpenExports(&Exports, Base)) {
        for (i = 0; i < 20; i++)
            RtlpExportAddress(&Exports, HostRandom() >> (i & 31), &Forwarder);
    }
}

HOST_TEST(damaged_images_are_never_followed_outside)
{
    PCHAR Base = HostGuarded(IMAGE_SIZE);
    ULONG Round, i;

    for (Round = 0; Round < MUTATIONS; Round++) {
        BuildImage(Base);
        for (i = HostRandom() % 8 + 1; i != 0; i--) {
            ULONG At = (HostRandom() & 1 ? HostRandom() % 0x200 : EXPORT_RVA + HostRandom() % 0x80) & ~3u;

            if (HostRandom() & 1)
                *(PULONG)(Base + At) = HostRandom() >> (HostRandom() % 32);
            else
                Base[At + HostRandom() % 4] ^= (CHAR)(1 << HostRandom() % 8);
        }
        Exercise(Base);
    }
    expect(TRUE);
}
