// SPDX-License-Identifier: MIT
// Image helpers that are not in ntrtl.h: bounds and export tables (rtl/image.c, rtl/export.c). ntdll's loader
// uses them too.

#ifndef MICA_NT_RTLIMAGE_H
#define MICA_NT_RTLIMAGE_H

#include "nttypes.h"
#include "ntimage.h"

NTCHECK RtlImageNtHeaderEx(ULONG Flags, PVOID Base, ULONGLONG Size, PIMAGE_NT_HEADERS32 *Headers);
PIMAGE_SECTION_HEADER NTAPI RtlImageRvaToSection(PIMAGE_NT_HEADERS32 Headers, PVOID Base, ULONG Rva);
PVOID NTAPI RtlImageRvaToVa(PIMAGE_NT_HEADERS32 Headers, PVOID Base, ULONG Rva, PIMAGE_SECTION_HEADER *LastSection);
BOOLEAN RtlpIsRvaRange(PIMAGE_NT_HEADERS32 Headers, ULONG Rva, ULONG Size);
BOOLEAN RtlpIsRvaString(PIMAGE_NT_HEADERS32 Headers, PVOID Base, ULONG Rva);

// An image's export table with its arrays checked against the image's size.
typedef struct _RTLP_EXPORTS {
    PVOID Base;
    PIMAGE_NT_HEADERS32 Headers;
    PIMAGE_EXPORT_DIRECTORY Directory;
    ULONG DirectoryRva;
    ULONG DirectorySize;
    const ULONG *Functions;
    const ULONG *Names;
    const USHORT *NameOrdinals;
} RTLP_EXPORTS, *PRTLP_EXPORTS;

// FALSE if the image has no exports or a damaged table.
BOOLEAN RtlpOpenExports(PRTLP_EXPORTS Exports, PVOID Base);
// The index into Functions of a name; MAXULONG if it is not exported. Hint: where to look first.
ULONG RtlpFindExportName(const RTLP_EXPORTS *Exports, PCSTR Name, ULONG Hint);
// The address at an index; NULL if there is none. *Forwarder: the text "DLL.Name" if it is a forwarder, else NULL.
PVOID RtlpExportAddress(const RTLP_EXPORTS *Exports, ULONG Index, PCSTR *Forwarder);

#endif
