// SPDX-License-Identifier: MIT
// The one-threaded kernel: pool with a count, resources that check who holds them, IRPs that complete at once, a disk.

#include "sim.h"

long syscall(long Number, ...);
void *fopen(const char *Path, const char *Mode);
int fclose(void *Stream);
unsigned fread(void *Buffer, unsigned Size, unsigned Count, void *Stream);
unsigned fwrite(const void *Buffer, unsigned Size, unsigned Count, void *Stream);
int fseek(void *Stream, long Offset, int Whence);
long ftell(void *Stream);
int fflush(void *Stream);
int vprintf(const char *Format, va_list Arguments);
void __asan_handle_no_return(void);

PUCHAR SimDisk;
ULONGLONG SimDiskBytes, SimSeed = 1;
ULONG SimWrites, SimPoolBlocks;
LONG SimLocksHeld;
IO_STATUS_BLOCK SimIoStatus;
PDRIVER_OBJECT SimDriver;
PDEVICE_OBJECT SimTarget, SimVolume;
ULONG MmNumberOfPhysicalPages = 4096;
volatile KSYSTEM_TIME KeTickCount;

static ULONG SimPcr[0x400];
static ULONG SimThread[0x400];
static LARGE_INTEGER SimTime = {.QuadPart = 133485408000000000ll}; // 2024-01-01
static BOOLEAN SimCompleted;
static PKTIMER SimTimers[8];
static PWORK_QUEUE_ITEM SimWork[8];

VOID SimFailed(PCSTR Expression, PCSTR File, ULONG Line)
{
    printf("%s:%lu: expected %s\n", File, Line, Expression);
    fflush(NULL);
    abort();
}

VOID KeAssertFailed(PCSTR Expression, PCSTR File, ULONG Line)
{
    SimFailed(Expression, File, Line);
}

ULONG SimRandom(VOID)
{
    SimSeed = SimSeed * 6364136223846793005ull + 1442695040888963407ull;
    return (ULONG)(SimSeed >> 33);
}

// Makes fs point to something like a KPCR, as kernel code expects.
VOID SimStart(VOID)
{
    struct {
        unsigned Entry, Base, Limit, Flags;
    } Descriptor = {(unsigned)-1, (unsigned)SimPcr, 0xFFFFF, 0x51};

    SimCheck(syscall(243, &Descriptor) == 0); // set_thread_area
    __asm__ volatile("mov %0, %%fs" : : "r"(Descriptor.Entry << 3 | 3));
    SimPcr[0] = MAXULONG;
    SimPcr[0x1C / 4] = (ULONG)SimPcr;
    SimPcr[0x124 / 4] = (ULONG)SimThread;
}

// --- pool, locks, events
PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Type);
    UNREFERENCED_PARAMETER(Tag);
    SimPoolBlocks++;
    return memset(malloc(Bytes), 0xA5, Bytes);
}
PVOID ExAllocatePoolZero(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    return memset(ExAllocatePoolWithTag(Type, Bytes, Tag), 0, Bytes);
}
VOID NTAPI ExFreePoolWithTag(PVOID Memory, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    SimCheck(Memory != NULL);
    SimPoolBlocks--;
    free(Memory);
}
NTSTATUS NTAPI ExInitializeResourceLite(PERESOURCE Resource)
{
    memset(Resource, 0, sizeof(*Resource));
    return STATUS_SUCCESS;
}
NTSTATUS NTAPI ExDeleteResourceLite(PERESOURCE Resource)
{
    SimCheck(Resource->ActiveEntries == 0);
    return STATUS_SUCCESS;
}
VOID NTAPI ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD Thread)
{
    UNREFERENCED_PARAMETER(Thread);
    SimCheck(Resource->ActiveEntries != 0);
    if (--Resource->ActiveEntries == 0)
        Resource->Flag = FALSE;
}
// It is nobody's now: a pinned range may outlive a request.
VOID NTAPI ExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer)
{
    UNREFERENCED_PARAMETER(Resource);
    UNREFERENCED_PARAMETER(OwnerPointer);
    SimLocksHeld--;
}
BOOLEAN NTAPI ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource)
{
    return Resource->Flag && Resource->ActiveEntries != 0;
}
BOOLEAN NTAPI ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait)
{
    UNREFERENCED_PARAMETER(Wait);
    SimCheck(Resource->ActiveEntries == 0 || Resource->Flag); // shared, then exclusive: a real kernel would hang here
    Resource->Flag = TRUE;
    Resource->ActiveEntries++;
    SimLocksHeld++;
    return TRUE;
}
BOOLEAN NTAPI ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait)
{
    UNREFERENCED_PARAMETER(Wait);
    Resource->ActiveEntries++;
    SimLocksHeld++;
    return TRUE;
}
// One thread: run-down protection is there until it is waited for, and there is nobody to wait for.
VOID FASTCALL ExInitializeRundownProtection(PEX_RUNDOWN_REF Ref)
{
    Ref->Count = 0;
}

BOOLEAN FASTCALL ExAcquireRundownProtection(PEX_RUNDOWN_REF Ref)
{
    return Ref->Count == 0;
}

VOID FASTCALL ExReleaseRundownProtection(PEX_RUNDOWN_REF Ref)
{
    UNREFERENCED_PARAMETER(Ref);
}

VOID FASTCALL ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF Ref)
{
    Ref->Count = 1;
}

VOID FASTCALL ExReleaseResourceLite(PERESOURCE Resource)
{
    SimCheck(Resource->ActiveEntries != 0);
    if (--Resource->ActiveEntries == 0)
        Resource->Flag = FALSE;
    SimLocksHeld--;
}
ULONG NTAPI ExIsResourceAcquiredSharedLite(PERESOURCE Resource)
{
    return Resource->ActiveEntries;
}
VOID NTAPI KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    Mutex->Count = 1;
}
VOID NTAPI KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    SimCheck(Mutex->Count == 1);
    Mutex->Count = 0;
}
VOID NTAPI KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    SimCheck(Mutex->Count == 0);
    Mutex->Count = 1;
}
VOID NTAPI KeInitializeSpinLock(PKSPIN_LOCK Lock)
{
    *Lock = 0;
}
KIRQL FASTCALL KfAcquireSpinLock(PKSPIN_LOCK Lock)
{
    SimCheck(*Lock == 0);
    *Lock = 1;
    return 0;
}
VOID FASTCALL KfReleaseSpinLock(PKSPIN_LOCK Lock, KIRQL OldIrql)
{
    UNREFERENCED_PARAMETER(OldIrql);
    SimCheck(*Lock == 1);
    *Lock = 0;
}
VOID NTAPI KeEnterCriticalRegion(VOID)
{
}
VOID NTAPI KeLeaveCriticalRegion(VOID)
{
}
VOID NTAPI KeInitializeEvent(PKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    Event->Header.Type = (UCHAR)Type;
    Event->Header.SignalState = State;
}
LONG NTAPI KeSetEvent(PKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    UNREFERENCED_PARAMETER(Increment);
    UNREFERENCED_PARAMETER(Wait);
    Event->Header.SignalState = 1;
    return 0;
}
VOID KeWaitForever(PVOID Object, KWAIT_REASON Reason)
{
    PKEVENT Event = Object;

    UNREFERENCED_PARAMETER(Reason);
    SimCheck(Event->Header.SignalState != 0); // nobody else would set it
    if (Event->Header.Type == SynchronizationEvent)
        Event->Header.SignalState = 0;
}

// --- time and workers
NTSTATUS NTAPI KeDelayExecutionThread(KPROCESSOR_MODE Mode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    UNREFERENCED_PARAMETER(Mode);
    UNREFERENCED_PARAMETER(Alertable);
    UNREFERENCED_PARAMETER(Interval);
    return STATUS_SUCCESS;
}
VOID NTAPI KeQuerySystemTime(PLARGE_INTEGER Time)
{
    SimTime.QuadPart += 12345;
    *Time = SimTime;
}
VOID NTAPI KeInitializeTimer(PKTIMER Timer)
{
    Timer->Dpc = NULL;
}
VOID NTAPI KeInitializeDpc(PKDPC Dpc, PKDEFERRED_ROUTINE Routine, PVOID Context)
{
    Dpc->DeferredRoutine = Routine;
    Dpc->DeferredContext = Context;
}
BOOLEAN NTAPI KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)
{
    UNREFERENCED_PARAMETER(DueTime);
    Timer->Dpc = Dpc;
    for (ULONG i = 0; i < ARRAYSIZE(SimTimers); i++)
        if (SimTimers[i] == NULL || SimTimers[i] == Timer) {
            SimTimers[i] = Timer;
            return FALSE;
        }
    SimCheck(!"too many timers");
    return FALSE;
}
VOID NTAPI ExQueueWorkItem(PWORK_QUEUE_ITEM Item, WORK_QUEUE_TYPE Queue)
{
    ULONG i = 0;

    UNREFERENCED_PARAMETER(Queue);
    while (SimWork[i] != NULL)
        i++;
    SimWork[i] = Item;
}
VOID SimTick(VOID)
{
    PKTIMER Timers[ARRAYSIZE(SimTimers)];

    SimTime.QuadPart += 10000000;
    KeTickCount.LowPart += 64;
    memcpy(Timers, SimTimers, sizeof(Timers));
    memset(SimTimers, 0, sizeof(SimTimers));
    for (ULONG i = 0; i < ARRAYSIZE(Timers) && Timers[i] != NULL; i++)
        Timers[i]->Dpc->DeferredRoutine(Timers[i]->Dpc, Timers[i]->Dpc->DeferredContext, NULL, NULL);
    for (ULONG i = 0; i < ARRAYSIZE(SimWork) && SimWork[i] != NULL; i++) {
        PWORK_QUEUE_ITEM Item = SimWork[i];

        Item->WorkerRoutine(Item->Parameter);
    }
    memset(SimWork, 0, sizeof(SimWork));
    SimCheck(SimLocksHeld == 0);
}

// --- exceptions: the real frames, a short dispatcher
VOID NTAPI ExRaiseStatus(NTSTATUS Status)
{
    EXCEPTION_RECORD Record = {.ExceptionCode = Status};
    EXCEPTION_POINTERS Pointers = {&Record, NULL};
    PSEH_FRAME Frame = (PSEH_FRAME)SimPcr[0];

    SimCheck(SimPcr[0] != MAXULONG);
    Frame->Code = Status;
    if (Frame->Filter != NULL)
        SimCheck(Frame->Filter(&Pointers, Frame->FilterContext) == EXCEPTION_EXECUTE_HANDLER);
    __asan_handle_no_return();
    SehResumeContext(Frame->Resume);
}
EXCEPTION_DISPOSITION CDECL SehpFrameHandler(PEXCEPTION_RECORD Record, PVOID Frame, PCONTEXT Context, PVOID Dispatcher)
{
    UNREFERENCED_PARAMETER(Record);
    UNREFERENCED_PARAMETER(Frame);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Dispatcher);
    return ExceptionContinueSearch;
}

// --- objects: a reference count in front
LONG FASTCALL ObfReferenceObject(PVOID Object)
{
    return ++((PLONG)Object)[-2];
}
PFILE_OBJECT NTAPI IoCreateStreamFileObject(PFILE_OBJECT File, PDEVICE_OBJECT Device)
{
    PLONG Block = calloc(1, sizeof(FILE_OBJECT) + 8);
    PFILE_OBJECT Stream = (PFILE_OBJECT)(Block + 2);

    UNREFERENCED_PARAMETER(File);
    Block[0] = 1;
    Stream->Type = 5;
    Stream->Flags = FO_STREAM_FILE;
    Stream->DeviceObject = Device;
    return Stream;
}
static VOID SimSendClose(PFILE_OBJECT File)
{
    PIRP Irp = IoAllocateIrp(SimVolume->StackSize, FALSE);
    PIO_STACK_LOCATION Stack = IoGetNextIrpStackLocation(Irp);

    Stack->MajorFunction = IRP_MJ_CLOSE;
    Stack->FileObject = File;
    IGNORE_STATUS(SimSend(SimVolume, Irp));
    free(File->FileName.Buffer);
    free((PLONG)File - 2);
}
LONG FASTCALL ObfDereferenceObject(PVOID Object)
{
    LONG Left = --((PLONG)Object)[-2];

    SimCheck(Left >= 0);
    if (Left != 0)
        return Left;
    if (SimIsSection(Object))
        SimDeleteSection(Object);
    else
        SimSendClose(Object);
    return 0;
}

// --- Io
PIRP NTAPI IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)
{
    PIRP Irp = calloc(1, sizeof(IRP) + (ULONG)StackSize * sizeof(IO_STACK_LOCATION));

    UNREFERENCED_PARAMETER(ChargeQuota);
    Irp->StackCount = StackSize;
    Irp->CurrentLocation = StackSize + 1;
    Irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)(Irp + 1) + StackSize;
    return Irp;
}
VOID NTAPI IoFreeIrp(PIRP Irp)
{
    free(Irp);
}
NTSTATUS FASTCALL IofCallDriver(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = --Irp->Tail.Overlay.CurrentStackLocation;

    SimCheck(Irp->CurrentLocation-- > 1);
    Stack->DeviceObject = Device;
    return Device->DriverObject->MajorFunction[Stack->MajorFunction](Device, Irp);
}
VOID FASTCALL IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    PIO_STACK_LOCATION Stack = Irp->Tail.Overlay.CurrentStackLocation++;

    UNREFERENCED_PARAMETER(PriorityBoost);
    Irp->CurrentLocation++;
    if (Stack->CompletionRoutine != NULL) {
        SimCheck(Stack->CompletionRoutine(NULL, Irp, Stack->Context) == STATUS_MORE_PROCESSING_REQUIRED);
        return;
    }
    SimIoStatus = Irp->IoStatus;
    SimCompleted = TRUE;
    IoFreeIrp(Irp);
}
NTSTATUS SimSend(PDEVICE_OBJECT Device, PIRP Irp)
{
    SimCompleted = FALSE;
    IGNORE_STATUS(IofCallDriver(Device, Irp));
    SimCheck(SimCompleted);
    return SimIoStatus.Status;
}
VOID MmInitializeMdl(PMDL Mdl, PVOID Base, SIZE_T Length)
{
    memset(Mdl, 0, sizeof(*Mdl));
    Mdl->StartVa = PAGE_ALIGN(Base);
    Mdl->ByteOffset = BYTE_OFFSET(Base);
    Mdl->ByteCount = (ULONG)Length;
}
PMDL NTAPI IoAllocateMdl(PVOID Va, ULONG Length, BOOLEAN Secondary, BOOLEAN ChargeQuota, PIRP Irp)
{
    PMDL Mdl = calloc(1, sizeof(MDL));

    UNREFERENCED_PARAMETER(Secondary);
    UNREFERENCED_PARAMETER(ChargeQuota);
    UNREFERENCED_PARAMETER(Irp);
    MmInitializeMdl(Mdl, Va, Length);
    return Mdl;
}
VOID NTAPI IoBuildPartialMdl(PMDL Source, PMDL Target, PVOID Va, ULONG Length)
{
    PUCHAR Start = MmGetMdlVirtualAddress(Source);

    SimCheck((PUCHAR)Va >= Start && (PUCHAR)Va + Length <= Start + Source->ByteCount);
    SimCheck(MmGetMdlVirtualAddress(Target) == Va && Target->ByteCount == Length);
}
VOID NTAPI IoFreeMdl(PMDL Mdl)
{
    free(Mdl);
}
VOID NTAPI MmBuildMdlForNonPagedPool(PMDL Mdl)
{
    UNREFERENCED_PARAMETER(Mdl);
}
VOID NTAPI MmProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation)
{
    UNREFERENCED_PARAMETER(Mdl);
    UNREFERENCED_PARAMETER(Mode);
    UNREFERENCED_PARAMETER(Operation);
}
VOID NTAPI MmUnmapLockedPages(PVOID Base, PMDL Mdl)
{
    UNREFERENCED_PARAMETER(Base);
    UNREFERENCED_PARAMETER(Mdl);
    SimCheck(FALSE); // nothing is ever mapped
}
VOID NTAPI MmUnlockPages(PMDL Mdl)
{
    UNREFERENCED_PARAMETER(Mdl);
}
PVOID MmGetSystemAddressForMdl(PMDL Mdl)
{
    return MmGetMdlVirtualAddress(Mdl);
}
PIRP NTAPI IoBuildDeviceIoControlRequest(ULONG Code, PDEVICE_OBJECT Device, PVOID Input, ULONG InputLength,
                                         PVOID Output, ULONG OutputLength, BOOLEAN Internal, PKEVENT Event,
                                         PIO_STATUS_BLOCK IoStatus)
{
    PIRP Irp = IoAllocateIrp(Device->StackSize, FALSE);

    UNREFERENCED_PARAMETER(Input);
    UNREFERENCED_PARAMETER(InputLength);
    UNREFERENCED_PARAMETER(OutputLength);
    UNREFERENCED_PARAMETER(Internal);
    UNREFERENCED_PARAMETER(Event);
    UNREFERENCED_PARAMETER(IoStatus);
    SimCheck(Code == IOCTL_DISK_GET_LENGTH_INFO);
    ((PGET_LENGTH_INFORMATION)Output)->Length.QuadPart = (LONGLONG)SimDiskBytes;
    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    return Irp;
}
NTSTATUS NTAPI IoCreateDevice(PDRIVER_OBJECT Driver, ULONG ExtensionSize, PUNICODE_STRING Name, DEVICE_TYPE Type,
                              ULONG Characteristics, BOOLEAN Exclusive, PDEVICE_OBJECT *Device)
{
    UNREFERENCED_PARAMETER(Name);
    UNREFERENCED_PARAMETER(Characteristics);
    UNREFERENCED_PARAMETER(Exclusive);
    *Device = calloc(1, sizeof(DEVICE_OBJECT) + ExtensionSize);
    (*Device)->DriverObject = Driver;
    (*Device)->DeviceType = Type;
    (*Device)->StackSize = 1;
    (*Device)->DeviceExtension = *Device + 1;
    return STATUS_SUCCESS;
}
VOID NTAPI IoDeleteDevice(PDEVICE_OBJECT Device)
{
    free(Device);
}
VOID NTAPI IoRegisterFileSystem(PDEVICE_OBJECT Device)
{
    UNREFERENCED_PARAMETER(Device);
}
NTSTATUS NTAPI IoRegisterShutdownNotification(PDEVICE_OBJECT Device)
{
    UNREFERENCED_PARAMETER(Device);
    return STATUS_SUCCESS;
}
WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR Character)
{
    return Character >= 'a' && Character <= 'z' ? Character - 32 : Character;
}
ULONG CDECL DbgPrint(PCSTR Format, ...)
{
    va_list Arguments;

    va_start(Arguments, Format);
    vprintf(Format, Arguments);
    va_end(Arguments);
    return 0;
}

// --- the disk
VOID SimLoadDisk(PCSTR Path)
{
    void *Stream = fopen(Path, "rb");

    SimCheck(Stream != NULL && fseek(Stream, 0, 2) == 0);
    SimDiskBytes = (ULONGLONG)ftell(Stream);
    SimDisk = malloc((ULONG)SimDiskBytes);
    fseek(Stream, 0, 0);
    SimCheck(fread(SimDisk, 1, (ULONG)SimDiskBytes, Stream) == SimDiskBytes);
    fclose(Stream);
    SimWrites = 0;
}
VOID SimSaveDisk(PCSTR Path)
{
    void *Stream = fopen(Path, "wb");

    SimCheck(Stream != NULL && fwrite(SimDisk, 1, (ULONG)SimDiskBytes, Stream) == SimDiskBytes);
    fclose(Stream);
}
