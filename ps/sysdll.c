// SPDX-License-Identifier: MIT
// ntdll.dll: the one image that every process has, at one address; the kernel enters user mode only through its
// exports.

#include "psp.h"

PVOID PsNtDllBase, PsNtDllSection, PspLoaderInitRoutine;

static NTSTATUS PspCreateSystemDllSection(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\SystemRoot\\System32\\ntdll.dll");
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    HANDLE File, Section;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwOpenFile(&File, SYNCHRONIZE | FILE_EXECUTE | FILE_READ_DATA, &Attributes, &IoStatus, FILE_SHARE_READ,
                        FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE);
    if (!NT_SUCCESS(Status))
        return Status;
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwCreateSection(&Section, SECTION_ALL_ACCESS, &Attributes, NULL, PAGE_EXECUTE, SEC_IMAGE, File);
    ZwClose(File);
    if (!NT_SUCCESS(Status))
        return Status;
    Status =
        ObReferenceObjectByHandle(Section, SECTION_ALL_ACCESS, MmSectionObjectType, KernelMode, &PsNtDllSection, NULL);
    ZwClose(Section);
    return Status;
}

// Maps ntdll where it lies in every process; the caller is attached to Process. IRQL PASSIVE_LEVEL.
NTSTATUS NTAPI PspMapSystemDll(PEPROCESS Process)
{
    LARGE_INTEGER Offset = {.QuadPart = 0};
    PVOID Base = PsNtDllBase;
    SIZE_T ViewSize = 0;
    NTSTATUS Status;

    PAGED_CODE();
    Status = MmMapViewOfSection(PsNtDllSection, Process, &Base, 0, 0, &Offset, &ViewSize, ViewShare, 0, PAGE_READWRITE);
    return Status == STATUS_IMAGE_NOT_AT_BASE ? STATUS_CONFLICTING_ADDRESSES : Status;
}

static const struct {
    PCSTR Name;
    PVOID *Target;
} PspEntryPoints[] = {
    {"LdrInitializeThunk", &PspLoaderInitRoutine},
    {"KiUserApcDispatcher", &KeUserApcDispatcher},
    {"KiUserExceptionDispatcher", &KeUserExceptionDispatcher},
    {"KiRaiseUserExceptionDispatcher", &KeRaiseUserExceptionDispatcher},
};

static NTSTATUS PspFindEntryPoints(VOID)
{
    PVOID FastCall, FastReturn, IntCall;
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(PspEntryPoints); Index++) {
        *PspEntryPoints[Index].Target = RtlFindExportedRoutineByName(PsNtDllBase, PspEntryPoints[Index].Name);
        if (*PspEntryPoints[Index].Target == NULL) {
            KdPrintBoot("ntdll.dll does not export %s\n", PspEntryPoints[Index].Name);
            return STATUS_PROCEDURE_NOT_FOUND;
        }
    }
    FastCall = RtlFindExportedRoutineByName(PsNtDllBase, "KiFastSystemCall");
    FastReturn = RtlFindExportedRoutineByName(PsNtDllBase, "KiFastSystemCallRet");
    IntCall = RtlFindExportedRoutineByName(PsNtDllBase, "KiIntSystemCall");
    if (FastCall == NULL || FastReturn == NULL || IntCall == NULL)
        return STATUS_PROCEDURE_NOT_FOUND;
    SharedUserData->SystemCall = (ULONG)(ULONG_PTR)((KeFeatureBits & KF_SYSENTER) ? FastCall : IntCall);
    SharedUserData->SystemCallReturn = (ULONG)(ULONG_PTR)FastReturn;
    return STATUS_SUCCESS;
}

// Phase 1: opens ntdll, decides its address (its preferred base), finds the entry points. IRQL PASSIVE_LEVEL.
NTSTATUS NTAPI PspLocateSystemDll(VOID)
{
    LARGE_INTEGER Offset = {.QuadPart = 0};
    SIZE_T ViewSize = 0;
    PVOID Base = NULL;
    NTSTATUS Status;

    PAGED_CODE();
    Status = PspCreateSystemDllSection();
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MmMapViewOfSection(PsNtDllSection, PsGetCurrentProcess(), &Base, 0, 0, &Offset, &ViewSize, ViewShare, 0,
                                PAGE_READWRITE);
    if (Status != STATUS_SUCCESS)
        return NT_SUCCESS(Status) ? STATUS_CONFLICTING_ADDRESSES : Status;
    PsNtDllBase = Base;
    Status = PspFindEntryPoints();
    IGNORE_STATUS(MmUnmapViewOfSection(PsGetCurrentProcess(), Base));
    return Status;
}
