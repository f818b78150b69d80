// SPDX-License-Identifier: MIT
// Ob's start: first the types and the kernel's handle table, later (with threads and locks that may wait) the
// namespace.

#include "obp.h"

static const GENERIC_MAPPING ObpTypeMapping = {STANDARD_RIGHTS_READ, STANDARD_RIGHTS_WRITE, STANDARD_RIGHTS_EXECUTE,
                                               STANDARD_RIGHTS_REQUIRED};

// The standing directories and links, in the order they are made.
static const PCWSTR ObpDirectories[] = {
    L"\\BaseNamedObjects", L"\\Device",   L"\\Driver",   L"\\FileSystem", L"\\??",         L"\\KnownDlls",
    L"\\KernelObjects",    L"\\Callback", L"\\Security", L"\\Sessions",   L"\\RPC Control"};
static const struct {
    PCWSTR Name;
    PCWSTR Target;
} ObpLinks[] = {
    {L"\\DosDevices", L"\\??"},
    {L"\\GLOBAL??", L"\\??"},
    {L"\\??\\Global", L"\\??"},
    {L"\\BaseNamedObjects\\Global", L"\\BaseNamedObjects"},
    {L"\\BaseNamedObjects\\Local", L"\\BaseNamedObjects"},
};

static BOOLEAN ObpCreateTypeType(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"Type");
    OBJECT_TYPE_INITIALIZER Initializer = {.Length = sizeof(Initializer)};
    POBJECT_TYPE Type;

    Initializer.InvalidAttributes = OBJ_OPENLINK;
    Initializer.GenericMapping = ObpTypeMapping;
    Initializer.ValidAccessMask = STANDARD_RIGHTS_REQUIRED;
    Initializer.PoolType = NonPagedPool;
    Initializer.DispatcherOffset = -1;
    return NT_SUCCESS(ObCreateObjectType(&Name, &Initializer, NULL, &Type));
}

static BOOLEAN ObpCreateNamespace(VOID)
{
    POBJECT_DIRECTORY Types;
    NTSTATUS Status = ObpCreatePermanentDirectory(NULL, &ObpRootDirectory);

    if (NT_SUCCESS(Status))
        Status = ObpCreatePermanentDirectory(L"\\ObjectTypes", &Types);
    if (NT_SUCCESS(Status))
        Status = ObpCreateTypeDirectory(Types);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(ObpDirectories) && NT_SUCCESS(Status); Index++)
        Status = ObpCreatePermanentDirectory(ObpDirectories[Index], NULL);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(ObpLinks) && NT_SUCCESS(Status); Index++)
        Status = ObpCreatePermanentLink(ObpLinks[Index].Name, ObpLinks[Index].Target);
    return NT_SUCCESS(Status);
}

// Phase 0, when both pools exist: the types Type, Directory and SymbolicLink, the kernel's handle table; objects can
// be made. Phase 1, in the first system thread: the namespace. FALSE: no memory.
BOOLEAN ObInitSystem(ULONG Phase)
{
    if (Phase == 1)
        return ObpCreateNamespace();
    ObpInitCapture();
    ObpKernelHandleTable = ExCreateHandleTable(NULL);
    return ObpKernelHandleTable != NULL && ObpInitDeletion() && ObpCreateTypeType() && ObpCreateDirectoryType() &&
           ObpCreateLinkType();
}
