// SPDX-License-Identifier: MIT
// A process's address space from its page directories to their release. Four directories: 0 and 1 are the user half, 2
// is shared by its session (systable.c), or with 3 GB of user space the process's own, 3 is a copy with its own self map.
// The pointer table (32 bytes) has to lie below 4 GB, as CR3 has 32 bits: they come from pages of their own.

#include "mi.h"

#define MI_POINTER_TABLE_SIZE 32u
#define MI_TABLES_PER_PAGE (PAGE_SIZE / MI_POINTER_TABLE_SIZE)
#define MI_DIRECTORY_SIZE PAGE_SIZE
#define MI_SHARED_DIRECTORY 2
#define MI_OWN_DIRECTORIES (3u + MmIsLargeAddressSplit()) // pages charged to a process
#define MI_OWN_LIST 2u                                    // the working-set list's page table and first page
#define MI_OWN_PAGES (MI_OWN_DIRECTORIES + MI_OWN_LIST)
#define MI_DEFAULT_MINIMUM 50u // pages of the working set; SDK, "SetProcessWorkingSetSize"
#define MI_DEFAULT_MAXIMUM 345u

#define MiIsSharedDirectory(Index) ((Index) == MI_SHARED_DIRECTORY && !MmIsLargeAddressSplit())

typedef struct _MI_FREE_POINTER_TABLE {
    struct _MI_FREE_POINTER_TABLE *Next;
} MI_FREE_POINTER_TABLE, *PMI_FREE_POINTER_TABLE;
static PMI_FREE_POINTER_TABLE MiFreePointerTables;
static KSPIN_LOCK MiPointerTableLock;

static VOID MiFreePointerTable(PVOID Table)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiPointerTableLock);

    ((PMI_FREE_POINTER_TABLE)Table)->Next = MiFreePointerTables;
    MiFreePointerTables = Table;
    KfReleaseSpinLock(&MiPointerTableLock, OldIrql);
}

static PVOID MiAllocatePointerTable(VOID)
{
    PHYSICAL_ADDRESS Highest = {.QuadPart = 0xFFFFFFFF};
    PMI_FREE_POINTER_TABLE Table;
    PUCHAR Page;
    KIRQL OldIrql;
    ULONG Index;

    OldIrql = KfAcquireSpinLock(&MiPointerTableLock);
    Table = MiFreePointerTables;
    if (Table != NULL)
        MiFreePointerTables = Table->Next;
    KfReleaseSpinLock(&MiPointerTableLock, OldIrql);
    if (Table != NULL)
        return Table;
    Page = MmAllocateContiguousMemory(PAGE_SIZE, Highest);
    if (Page == NULL)
        return NULL;
    for (Index = 1; Index < MI_TABLES_PER_PAGE; Index++)
        MiFreePointerTable(Page + Index * MI_POINTER_TABLE_SIZE);
    return Page;
}

static VOID MiInitializeProcessFields(PEPROCESS Process)
{
    memset(&Process->VadRoot, 0, sizeof(Process->VadRoot));
    memset(&Process->VadMap, 0, sizeof(Process->VadMap));
    memset(&Process->Vm, 0, sizeof(Process->Vm));
    memset(&Process->CloneRoot, 0, sizeof(Process->CloneRoot));
    Process->DeadClones = 0;
    KeInitializeGuardedMutex(&Process->AddressCreationLock);
    KeInitializeGuardedMutex(&Process->WorkingSetLock);
    InitializeListHead(&Process->MmProcessLinks);
    Process->ExecuteOptions = MEM_EXECUTE_OPTION_DISABLE | MEM_EXECUTE_OPTION_PERMANENT;
    Process->NumberOfWatchedRanges = 0;
    Process->UserPhysicalPages = MM_EMPTY_LIST;
    Process->NumberOfUserPhysicalPages = 0;
    Process->NumberOfLockedPages = 0;
    Process->HighestUserAddress = MM_HIGHEST_USER_ADDRESS;
    Process->Vm.MinimumWorkingSetSize = MI_DEFAULT_MINIMUM;
    Process->Vm.MaximumWorkingSetSize = MI_DEFAULT_MAXIMUM;
    Process->Vm.GrowthLimit = MAXULONG;
}

// The idle process (and any other made by hand): the boot page tables become its own. IRQL any; the pools are up or
// not.
VOID MmInitializeHandBuiltProcess(PEPROCESS Process)
{
    ULONG Index, Cr3;

    __asm__ volatile("mov %%cr3, %0" : "=r"(Cr3));
    MiInitializeProcessFields(Process);
    Process->Pcb.DirectoryTableBase = Cr3;
    for (Index = 0; Index < 4; Index++)
        Process->PageDirectoryPages[Index] = MI_PTE_FRAME(MiGetPdeAddress(PTE_BASE) + Index);
}

static VOID MiFreeDirectories(PEPROCESS Process)
{
    ULONG Index;

    for (Index = 0; Index < 4; Index++) {
        if (!MiIsSharedDirectory(Index) && Process->PageDirectoryPages[Index] != 0)
            MiFreeKernelPage(Process->PageDirectoryPages[Index]);
        Process->PageDirectoryPages[Index] = 0;
    }
}

static VOID MiFillPointerTable(PEPROCESS Process, PMMPTE Table)
{
    KIRQL OldIrql;
    PMMPTE Directory;
    ULONG Index;

    Directory = MiMapPage(Process->PageDirectoryPages[3], &OldIrql);
    for (Index = 0; Index < 4; Index++) {
        Table[Index].u.Long = ((ULONGLONG)Process->PageDirectoryPages[Index] << PAGE_SHIFT) | MI_VALID;
        Directory[Index].u.Long = MI_TABLE_PTE(Process->PageDirectoryPages[Index]) | MmNoExecute;
    }
    MiUnmapPage(Directory, OldIrql);
}

static PFN_NUMBER MiSharedDirectoryOf(PEPROCESS Process)
{
    return Process->Session == NULL ? MiSharedDirectoryPage : Process->Session->PageDirectory;
}

// Makes the page tables of a new process and initializes Mm's part of its EPROCESS. IRQL <= APC_LEVEL.
// STATUS_COMMITMENT_LIMIT, STATUS_INSUFFICIENT_RESOURCES: nothing is left behind, DirectoryTableBase is 0.
NTSTATUS NTAPI MmCreateProcessAddressSpace(PEPROCESS Process)
{
    PMMPTE Table;
    ULONG Index;

    MiInitializeProcessFields(Process);
    Process->Pcb.DirectoryTableBase = 0;
    if (!MiChargeCommitment(MI_OWN_PAGES, NULL))
        return STATUS_COMMITMENT_LIMIT;
    Table = MiAllocatePointerTable();
    for (Index = 0; Index < 4 && Table != NULL; Index++) {
        Process->PageDirectoryPages[Index] =
            MiIsSharedDirectory(Index) ? MiSharedDirectoryOf(Process) : MiAllocateKernelPage(NULL);
        if (Process->PageDirectoryPages[Index] == 0)
            break;
    }
    if (Table == NULL || Index < 4 || !MiCreateWorkingSetList(Process)) {
        MiFreeDirectories(Process);
        if (Table != NULL)
            MiFreePointerTable(Table);
        MiReturnCommitment(MI_OWN_PAGES, NULL);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    MiFillPointerTable(Process, Table);
    MiAddAddressSpace(Process, Process->PageDirectoryPages[3]);
    Process->Pcb.DirectoryTableBase = MmGetPhysicalAddress(Table).LowPart;
    Process->PaePointerTable = Table;
    return STATUS_SUCCESS;
}

// The memory between the end of 2 GB and the process's highest address, when user space has 3 GB.
static SIZE_T MiUpperBytes(PEPROCESS Process)
{
    return Process->HighestUserAddress == MM_HIGHEST_USER_ADDRESS
               ? MM_ALLOCATION_GRANULARITY
               : (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS + 1 - USER_SHARED_DATA_USER;
}

// User space has 3 GB: the shared data's 64 KB lie in the middle of it, and a program that does not say that it can
// handle addresses above 2 GB must not meet one. A descriptor that no service changes keeps these addresses; it does
// not count as the program's memory. Characteristics: of the program's image.
NTSTATUS MiReserveUpperAddresses(PEPROCESS Process, ULONG Characteristics)
{
    ULONG_PTR Base = USER_SHARED_DATA_USER;
    PMMVAD Vad;
    NTSTATUS Status = MiLockAddressSpace(Process);

    if (!NT_SUCCESS(Status))
        return Status;
    if (!(Characteristics & IMAGE_FILE_LARGE_ADDRESS_AWARE))
        Process->HighestUserAddress = MM_HIGHEST_2GB_ADDRESS;
    Status = MiReserve(Process, &Base, MiUpperBytes(Process), 0, MEM_RESERVE, MM_NOACCESS);
    if (NT_SUCCESS(Status)) {
        Vad = MiLocateVad(&Process->VadRoot, MI_VPN(Base));
        Vad->u.VadFlags.NoChange = 1;
        Vad->u.VadFlags.VadType = VadDevicePhysicalMemory;
        Process->VirtualSize -= MiUpperBytes(Process);
        Process->PeakVirtualSize = Process->VirtualSize;
    }
    MiUnlockAddressSpace(Process);
    return Status;
}

// Maps the program into a new process; see mm.h. The process is attached to. IRQL PASSIVE_LEVEL.
NTSTATUS NTAPI MmInitializeProcessAddressSpace(PEPROCESS Process, PVOID ImageSection, PVOID *ImageBase)
{
    SIZE_T ViewSize = 0;
    NTSTATUS Status;

    *ImageBase = NULL;
    if (!(((PSECTION)ImageSection)->AllocationAttributes & SEC_IMAGE))
        return STATUS_SECTION_NOT_IMAGE;
    MiInitializeExecuteOptions(Process, ((PSECTION)ImageSection)->Segment->ImageInformation.DllCharacteristics);
    if (MmIsLargeAddressSplit()) {
        Status =
            MiReserveUpperAddresses(Process, ((PSECTION)ImageSection)->Segment->ImageInformation.ImageCharacteristics);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    Status = MmMapViewOfSection(ImageSection, Process, ImageBase, 0, 0, NULL, &ViewSize, ViewShare, 0, PAGE_EXECUTE);
    return Status;
}

static VOID MiUnmapSharedData(PEPROCESS Process)
{
    PVOID Va = (PVOID)USER_SHARED_DATA_USER;
    PMMPTE Pte = MiPteIfTable(Va);

    if (Pte == NULL)
        return;
    if (Pte->u.Long != 0) {
        MiWriteInvalidPte(Pte, 0); // the frame is the kernel's and was never counted
        KeFlushSingleTb(Va, FALSE);
        MiCountUsedPte(Va, -1);
    }
    MiDeletePageTable(Process, Va);
}

// Before the descriptors go: what MiReserveUpperAddresses has made can be deleted like another one.
static VOID MiReleaseUpperAddresses(PEPROCESS Process)
{
    PMMVAD Vad = MiLocateVad(&Process->VadRoot, MI_VPN(USER_SHARED_DATA_USER));

    MiLockWorkingSet(Process);
    MiUnmapSharedData(Process);
    MiUnlockWorkingSet(Process);
    if (Vad != NULL)
        Process->VirtualSize += MiUpperBytes(Process);
}

// The last thread is gone: releases everything in the user half. The process is attached to. IRQL PASSIVE_LEVEL.
// Afterwards its address space can't be changed any more (STATUS_PROCESS_IS_TERMINATING). Bugcheck 0x76: a driver has
// left pages of it locked. May be called again.
VOID MmCleanProcessAddressSpace(PEPROCESS Process)
{
    PMMVAD Vad;

    PAGED_CODE();
    ASSERT(Process == PsGetCurrentProcess());
    KeAcquireGuardedMutex(&Process->AddressCreationLock);
    PsSetFlags(Process, PS_PROCESS_FLAGS_VM_DELETED);
    MiLockWorkingSet(Process);
    if (!Process->Vm.Flags.BeingDeleted) {
        Process->Vm.Flags.BeingDeleted = 1;
        MiDeleteListedPages(Process);
    }
    MiUnlockWorkingSet(Process);
    MiDeleteVadMap(Process);
    if (MmIsLargeAddressSplit())
        MiReleaseUpperAddresses(Process);
    while ((Vad = Process->VadRoot.Root) != NULL)
        MiUnmapVad(Process, Vad);
    MiFreeAllUserPhysicalPages(Process);
    MiLockWorkingSet(Process);
    MiUnmapSharedData(Process);
    MiUnlockWorkingSet(Process);
    MiUnlockAddressSpace(Process);
    ASSERT(Process->CommitCharge == 0 && Process->CloneRoot.Root == NULL);
    if (Process->NumberOfLockedPages != 0)
        KeBugCheckEx(PROCESS_HAS_LOCKED_PAGES, 0, (ULONG_PTR)Process, (ULONG)Process->NumberOfLockedPages, 0);
}

// The last reference is gone: releases the page tables. An idle processor may still have them loaded, and is made to
// let go of them first. IRQL <= APC_LEVEL.
VOID MmDeleteProcessAddressSpace(PEPROCESS Process)
{
    if (Process->PaePointerTable == NULL)
        return;
    KeUnloadProcess(&Process->Pcb);
    MiRemoveAddressSpace(Process);
    MiDeleteWorkingSetList(Process);
    MiFreeDirectories(Process);
    MiFreePointerTable(Process->PaePointerTable);
    Process->PaePointerTable = NULL;
    Process->Pcb.DirectoryTableBase = 0;
    MiReturnCommitment(MI_OWN_DIRECTORIES, NULL);
}

// Memory figures of a process, as NtQueryInformationProcess shows them. Any IRQL; not a consistent snapshot.
VOID MmQueryProcessVm(PEPROCESS Process, PVM_COUNTERS Counters)
{
    memset(Counters, 0, sizeof(*Counters));
    Counters->PeakVirtualSize = Process->PeakVirtualSize;
    Counters->VirtualSize = Process->VirtualSize;
    Counters->PageFaultCount = Process->Vm.PageFaultCount;
    Counters->PeakWorkingSetSize = Process->Vm.PeakWorkingSetSize << PAGE_SHIFT;
    Counters->WorkingSetSize = Process->Vm.WorkingSetSize << PAGE_SHIFT;
    if (Process->QuotaBlock != NULL) {
        Counters->QuotaNonPagedPoolUsage = (SIZE_T)Process->QuotaBlock->Usage[NonPagedPool];
        Counters->QuotaPeakNonPagedPoolUsage = (SIZE_T)Process->QuotaBlock->Peak[NonPagedPool];
        Counters->QuotaPagedPoolUsage = (SIZE_T)Process->QuotaBlock->Usage[PagedPool];
        Counters->QuotaPeakPagedPoolUsage = (SIZE_T)Process->QuotaBlock->Peak[PagedPool];
    }
    Counters->PagefileUsage = Process->CommitCharge << PAGE_SHIFT;
    Counters->PeakPagefileUsage = Process->CommitChargePeak << PAGE_SHIFT;
}
