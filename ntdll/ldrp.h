// SPDX-License-Identifier: MIT
// Private header of the loader. A module is on the three lists of PEB_LDR_DATA (load, memory and initialization order)
// and knows the modules it depends on: each of these edges is one of the dependency's LoadCount. A module lives until
// its LoadCount falls to zero; those that the program was linked with live for ever (LoadCount FFFFh).
// Everything here runs with the loader lock held.

#ifndef MICA_NTDLL_LDRP_H
#define MICA_NTDLL_LDRP_H

#include "ntdllp.h"

#define LDRP_PINNED 0xFFFF
#define LDRP_MAXIMUM_FORWARDS 16 // a longer chain of forwarders is taken for a circle
#define LDRP_NO_TLS 0xFFFF

typedef struct _LDRP_MODULE {
    LDR_DATA_TABLE_ENTRY Entry; // first: the lists lead here
    PIMAGE_TLS_DIRECTORY32 Tls; // set with Entry.TlsIndex; NULL: the module has no thread-local storage
    struct _LDRP_MODULE **Dependencies;
    ULONG DependencyCount;
    ULONG DependencyRoom;
} LDRP_MODULE, *PLDRP_MODULE;

extern PEB_LDR_DATA LdrpLdr;
extern PLDRP_MODULE LdrpImage; // the program
extern BOOLEAN LdrpStarting;   // the program's modules are being loaded: failures are reported as hard errors
extern HANDLE LdrpKnownDlls;   // the object directory, NULL if there is none
VOID LdrpOpenKnownDlls(VOID);
extern PWSTR LdrpDefaultPath; // where DLLs are looked for if nobody says otherwise

// ldrlist.c: modules
PLDRP_MODULE LdrpAllocateModule(PVOID Base, PCUNICODE_STRING FullName);
VOID LdrpInsertModule(PLDRP_MODULE Module);
VOID LdrpRemoveModule(PLDRP_MODULE Module);
VOID LdrpFreeModule(PLDRP_MODULE Module);
PLDRP_MODULE LdrpFindByBaseName(PCUNICODE_STRING Name);
PLDRP_MODULE LdrpFindByFullName(PCUNICODE_STRING Name);
PLDRP_MODULE LdrpFindByBase(PVOID Base);
NTSTATUS LdrpAddDependency(PLDRP_MODULE Module, PLDRP_MODULE Dependency); // counts once for each pair
VOID LdrpReference(PLDRP_MODULE Module);

// ldrname.c: names
#define LDRP_NAME_UNITS (MAXIMUM_PATH + 1)
// Adds ".dll" where there is no extension, drops a final dot. Name's buffer is Text.
NTSTATUS LdrpCompleteName(PCUNICODE_STRING Given, PWSTR Text, PUNICODE_STRING Name);
BOOLEAN LdrpHasPath(PCUNICODE_STRING Name);
PLDRP_MODULE LdrpFindLoaded(PCUNICODE_STRING Name); // by base or full name, as Name has a path or not
NTSTATUS LdrpBuildDefaultPath(VOID);

// ldrmap.c: finds the file, maps it, makes the module. STATUS_DLL_NOT_FOUND and what the services return.
NTSTATUS LdrpMapDll(PCWSTR SearchPath, PCUNICODE_STRING Name, PLDRP_MODULE *Module);

// ldrreloc.c: moves an image to where it lies.
NTSTATUS LdrpRelocateImage(PLDRP_MODULE Module);
NTSTATUS LdrpProtectSections(PVOID Base, PIMAGE_NT_HEADERS32 Headers, BOOLEAN Writable);

// ldrload.c: a module with everything it needs, ready for its initialization.
NTSTATUS LdrpLoadModule(PCWSTR SearchPath, PCUNICODE_STRING Name, BOOLEAN NoReferences, PLDRP_MODULE *Module);
VOID LdrpDropReference(PLDRP_MODULE Module);

// ldrsnap.c: imports and exports
NTSTATUS LdrpWalkImports(PCWSTR SearchPath, PLDRP_MODULE Module);
NTSTATUS LdrpResolveExport(PLDRP_MODULE Module, PCSTR Name, ULONG Ordinal, ULONG Hint, ULONG Depth, PVOID *Address);

// ldrtls.c: static thread-local storage
NTSTATUS LdrpRegisterTls(PLDRP_MODULE Module); // before the module's first code runs
VOID LdrpUnregisterTls(PLDRP_MODULE Module);
NTSTATUS LdrpCreateThreadTls(VOID); // for the calling thread
VOID LdrpDeleteThreadTls(VOID);
VOID LdrpCallTlsCallbacks(PLDRP_MODULE Module, ULONG Reason);

// ldrrun.c: calling DLLs
NTSTATUS LdrpRunInitializers(PCONTEXT Context);
VOID LdrpRunDetach(PLDRP_MODULE Module, PVOID Reserved);
BOOLEAN NTAPI LdrpCallInitRoutine(PVOID Routine, PVOID Base, ULONG Reason, PVOID Context); // i386/callinit.asm

// ldrerror.c: what went wrong, for a person to read. Only while the process starts; otherwise the status is enough.
VOID LdrpReportDllNotFound(PCUNICODE_STRING Name, PLDRP_MODULE For, NTSTATUS Status);
VOID LdrpReportExportNotFound(PLDRP_MODULE Module, PCSTR Name, ULONG Ordinal, PLDRP_MODULE For);
VOID LdrpReportInitFailed(PLDRP_MODULE Module);
VOID LdrpReportBadImage(PCUNICODE_STRING Name, NTSTATUS Status);

#define LdrpModuleOf(Links, Field) CONTAINING_RECORD((Links), LDRP_MODULE, Entry.Field)

#endif
