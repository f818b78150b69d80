// SPDX-License-Identifier: MIT
// The prototypes of the system services that are built, once as Nt* and once as Zw*. No include guard: nt.h includes
// this file twice. NTSERVICE(Name) gives the declaration, must-check; NTSERVICE_LAX may be ignored.
// Source: WDK documentation and the published Native API. Numbers and argument sizes: tools/services.tbl.

// --- objects
NTSERVICE_LAX(Close)(HANDLE Handle);
NTSERVICE(DuplicateObject)
(HANDLE SourceProcess, HANDLE SourceHandle, HANDLE TargetProcess, PHANDLE TargetHandle, ACCESS_MASK DesiredAccess,
 ULONG HandleAttributes, ULONG Options);
NTSERVICE(QueryObject)
(HANDLE Handle, OBJECT_INFORMATION_CLASS Class, PVOID Information, ULONG Length, PULONG ReturnLength);
NTSERVICE(SetInformationObject)(HANDLE Handle, OBJECT_INFORMATION_CLASS Class, PVOID Information, ULONG Length);
NTSERVICE(MakeTemporaryObject)(HANDLE Handle);
NTSERVICE(MakePermanentObject)(HANDLE Handle);
NTSERVICE(CreateDirectoryObject)(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSERVICE(OpenDirectoryObject)(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSERVICE(QueryDirectoryObject)
(HANDLE Directory, PVOID Buffer, ULONG Length, BOOLEAN ReturnSingleEntry, BOOLEAN RestartScan, PULONG Context,
 PULONG ReturnLength);
NTSERVICE(CreateSymbolicLinkObject)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PUNICODE_STRING Target);
NTSERVICE(OpenSymbolicLinkObject)(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSERVICE(QuerySymbolicLinkObject)(HANDLE Handle, PUNICODE_STRING Target, PULONG ReturnedLength);
NTSERVICE(WaitForSingleObject)(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout);
NTSERVICE(WaitForMultipleObjects)
(ULONG Count, HANDLE *Handles, WAIT_TYPE WaitType, BOOLEAN Alertable, PLARGE_INTEGER Timeout);
NTSERVICE(SignalAndWaitForSingleObject)(HANDLE Signal, HANDLE Wait, BOOLEAN Alertable, PLARGE_INTEGER Timeout);
// --- executive objects
NTSERVICE(CreateEvent)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, EVENT_TYPE Type, BOOLEAN InitialState);
NTSERVICE(OpenEvent)(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSERVICE(SetEvent)(HANDLE Handle, PLONG PreviousState);
NTSERVICE(ResetEvent)(HANDLE Handle, PLONG PreviousState);
NTSERVICE(ClearEvent)(HANDLE Handle);
NTSERVICE(PulseEvent)(HANDLE Handle, PLONG PreviousState);
NTSERVICE(SetEventBoostPriority)(HANDLE Handle);
NTSERVICE(QueryEvent)
(HANDLE Handle, EVENT_INFORMATION_CLASS Class, PVOID Information, ULONG Length, PULONG ReturnLength);
NTSERVICE(CreateMutant)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, BOOLEAN InitialOwner);
NTSERVICE(OpenMutant)(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSERVICE(ReleaseMutant)(HANDLE Handle, PLONG PreviousCount);
NTSERVICE(QueryMutant)
(HANDLE Handle, MUTANT_INFORMATION_CLASS Class, PVOID Information, ULONG Length, PULONG ReturnLength);
NTSERVICE(CreateSemaphore)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, LONG InitialCount, LONG MaximumCount);
NTSERVICE(OpenSemaphore)(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSERVICE(ReleaseSemaphore)(HANDLE Handle, LONG ReleaseCount, PLONG PreviousCount);
NTSERVICE(QuerySemaphore)
(HANDLE Handle, SEMAPHORE_INFORMATION_CLASS Class, PVOID Information, ULONG Length, PULONG ReturnLength);
NTSERVICE(CreateTimer)(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, TIMER_TYPE Type);
NTSERVICE(OpenTimer)(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSERVICE(SetTimer)
(HANDLE Handle, PLARGE_INTEGER DueTime, PTIMER_APC_ROUTINE ApcRoutine, PVOID Context, BOOLEAN Resume, LONG Period,
 PBOOLEAN PreviousState);
NTSERVICE(CancelTimer)(HANDLE Handle, PBOOLEAN CurrentState);
NTSERVICE(QueryTimer)
(HANDLE Handle, TIMER_INFORMATION_CLASS Class, PVOID Information, ULONG Length, PULONG ReturnLength);
NTSERVICE(CreateKeyedEvent)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, ULONG Flags);
NTSERVICE(OpenKeyedEvent)(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSERVICE(WaitForKeyedEvent)(HANDLE Handle, PVOID Key, BOOLEAN Alertable, PLARGE_INTEGER Timeout);
NTSERVICE(ReleaseKeyedEvent)(HANDLE Handle, PVOID Key, BOOLEAN Alertable, PLARGE_INTEGER Timeout);
// --- system
NTSERVICE(QuerySystemInformation)(SYSTEM_INFORMATION_CLASS Class, PVOID Information, ULONG Length, PULONG ReturnLength);
NTSERVICE(SetSystemInformation)(SYSTEM_INFORMATION_CLASS Class, PVOID Information, ULONG Length);
NTSERVICE(QuerySystemTime)(PLARGE_INTEGER SystemTime);
NTSERVICE(SetSystemTime)(PLARGE_INTEGER SystemTime, PLARGE_INTEGER PreviousTime);
NTSERVICE(QueryPerformanceCounter)(PLARGE_INTEGER Counter, PLARGE_INTEGER Frequency);
NTSERVICE(QueryTimerResolution)(PULONG Maximum, PULONG Minimum, PULONG Current);
NTSERVICE(SetTimerResolution)(ULONG Desired, BOOLEAN Set, PULONG Current);
NTSERVICE(DisplayString)(PUNICODE_STRING String);
NTSERVICE(ShutdownSystem)(SHUTDOWN_ACTION Action);
NTSERVICE(RaiseHardError)
(NTSTATUS Status, ULONG Count, ULONG UnicodeStringMask, PULONG_PTR Parameters, ULONG Options, PULONG Response);
NTSERVICE(AllocateLocallyUniqueId)(PLUID Luid);
NTSERVICE(FlushInstructionCache)(HANDLE Process, PVOID Base, SIZE_T Length);
NTSERVICE(GetCurrentProcessorNumber)(VOID);
NTSERVICE(QueryDefaultLocale)(BOOLEAN UserProfile, PULONG LocaleId);
// --- threads and processes
NTSERVICE(DelayExecution)(BOOLEAN Alertable, PLARGE_INTEGER Interval);
NTSERVICE_LAX(YieldExecution)(VOID);
NTSERVICE(CreateProcess)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, HANDLE Parent, BOOLEAN InheritHandles,
 HANDLE Section, HANDLE DebugPort, HANDLE ExceptionPort);
NTSERVICE(CreateProcessEx)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, HANDLE Parent, ULONG Flags,
 HANDLE Section, HANDLE DebugPort, HANDLE ExceptionPort, ULONG JobMemberLevel);
NTSERVICE(CreateThread)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, HANDLE Process, PCLIENT_ID ClientId,
 PCONTEXT Context, PINITIAL_TEB InitialTeb, BOOLEAN CreateSuspended);
NTSERVICE(OpenProcess)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PCLIENT_ID ClientId);
NTSERVICE(OpenThread)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PCLIENT_ID ClientId);
NTSERVICE_LAX(TerminateProcess)(HANDLE Process, NTSTATUS ExitStatus);
NTSERVICE_LAX(TerminateThread)(HANDLE Thread, NTSTATUS ExitStatus);
NTSERVICE(SuspendThread)(HANDLE Thread, PULONG PreviousCount);
NTSERVICE(ResumeThread)(HANDLE Thread, PULONG PreviousCount);
NTSERVICE(SuspendProcess)(HANDLE Process);
NTSERVICE(ResumeProcess)(HANDLE Process);
NTSERVICE(AlertThread)(HANDLE Thread);
NTSERVICE(AlertResumeThread)(HANDLE Thread, PULONG PreviousCount);
NTSERVICE(TestAlert)(VOID);
NTSERVICE(QueueApcThread)(HANDLE Thread, PPS_APC_ROUTINE Routine, PVOID Argument1, PVOID Argument2, PVOID Argument3);
NTSERVICE(GetContextThread)(HANDLE Thread, PCONTEXT Context);
NTSERVICE(SetContextThread)(HANDLE Thread, PCONTEXT Context);
NTSERVICE_LAX(Continue)(PCONTEXT Context, BOOLEAN TestAlert);
NTSERVICE_LAX(RaiseException)(PEXCEPTION_RECORD ExceptionRecord, PCONTEXT Context, BOOLEAN FirstChance);
NTSERVICE(QueryInformationProcess)
(HANDLE Process, PROCESSINFOCLASS Class, PVOID Information, ULONG Length, PULONG ReturnLength);
NTSERVICE(SetInformationProcess)(HANDLE Process, PROCESSINFOCLASS Class, PVOID Information, ULONG Length);
NTSERVICE(QueryInformationThread)
(HANDLE Thread, THREADINFOCLASS Class, PVOID Information, ULONG Length, PULONG ReturnLength);
NTSERVICE(SetInformationThread)(HANDLE Thread, THREADINFOCLASS Class, PVOID Information, ULONG Length);
NTSERVICE(OpenProcessToken)(HANDLE Process, ACCESS_MASK DesiredAccess, PHANDLE Token);
NTSERVICE(OpenProcessTokenEx)(HANDLE Process, ACCESS_MASK DesiredAccess, ULONG Attributes, PHANDLE Token);
NTSERVICE(QueryInformationToken)
(HANDLE Token, TOKEN_INFORMATION_CLASS Class, PVOID Information, ULONG Length, PULONG ReturnLength);
// --- memory
NTSERVICE(CreatePagingFile)
(PUNICODE_STRING PageFileName, PLARGE_INTEGER MinimumSize, PLARGE_INTEGER MaximumSize, ULONG Priority);
NTSERVICE(AllocateVirtualMemory)
(HANDLE Process, PVOID *BaseAddress, ULONG_PTR ZeroBits, PSIZE_T RegionSize, ULONG Type, ULONG Protect);
NTSERVICE(FreeVirtualMemory)(HANDLE Process, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG FreeType);
NTSERVICE(ProtectVirtualMemory)
(HANDLE Process, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG NewProtect, PULONG OldProtect);
NTSERVICE(QueryVirtualMemory)
(HANDLE Process, PVOID Address, MEMORY_INFORMATION_CLASS Class, PVOID Information, SIZE_T Length, PSIZE_T ReturnLength);
NTSERVICE(ReadVirtualMemory)(HANDLE Process, PVOID Address, PVOID Buffer, SIZE_T Size, PSIZE_T Done);
NTSERVICE(WriteVirtualMemory)(HANDLE Process, PVOID Address, PVOID Buffer, SIZE_T Size, PSIZE_T Done);
NTSERVICE(FlushVirtualMemory)(HANDLE Process, PVOID *BaseAddress, PSIZE_T RegionSize, PIO_STATUS_BLOCK IoStatus);
NTSERVICE(LockVirtualMemory)(HANDLE Process, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG MapType);
NTSERVICE(UnlockVirtualMemory)(HANDLE Process, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG MapType);
NTSERVICE(CreateSection)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PLARGE_INTEGER MaximumSize,
 ULONG PageProtection, ULONG AllocationAttributes, HANDLE File);
NTSERVICE(OpenSection)(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSERVICE(MapViewOfSection)
(HANDLE Section, HANDLE Process, PVOID *BaseAddress, ULONG_PTR ZeroBits, SIZE_T CommitSize,
 PLARGE_INTEGER SectionOffset, PSIZE_T ViewSize, SECTION_INHERIT Inherit, ULONG AllocationType, ULONG Protect);
NTSERVICE(UnmapViewOfSection)(HANDLE Process, PVOID BaseAddress);
NTSERVICE(QuerySection)
(HANDLE Section, SECTION_INFORMATION_CLASS Class, PVOID Information, SIZE_T Length, PSIZE_T ReturnLength);
NTSERVICE(AreMappedFilesTheSame)(PVOID First, PVOID Second);
NTSERVICE(ExtendSection)(HANDLE Section, PLARGE_INTEGER NewSectionSize);
NTSERVICE(GetWriteWatch)
(HANDLE Process, ULONG Flags, PVOID BaseAddress, SIZE_T RegionSize, PVOID *Addresses, PULONG_PTR Entries,
 PULONG Granularity);
NTSERVICE(ResetWriteWatch)(HANDLE Process, PVOID BaseAddress, SIZE_T RegionSize);
NTSERVICE(AllocateUserPhysicalPages)(HANDLE Process, PULONG_PTR NumberOfPages, PULONG_PTR UserPfns);
NTSERVICE(FreeUserPhysicalPages)(HANDLE Process, PULONG_PTR NumberOfPages, PULONG_PTR UserPfns);
NTSERVICE(MapUserPhysicalPages)(PVOID VirtualAddress, ULONG_PTR NumberOfPages, PULONG_PTR UserPfns);
NTSERVICE(MapUserPhysicalPagesScatter)(PVOID *VirtualAddresses, ULONG_PTR NumberOfPages, PULONG_PTR UserPfns);
// --- files
NTSERVICE(CreateFile)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatus,
 PLARGE_INTEGER AllocationSize, ULONG FileAttributes, ULONG ShareAccess, ULONG Disposition, ULONG Options,
 PVOID EaBuffer, ULONG EaLength);
NTSERVICE(OpenFile)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatus,
 ULONG ShareAccess, ULONG Options);
NTSERVICE(CreateNamedPipeFile)
(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatus,
 ULONG ShareAccess, ULONG Disposition, ULONG Options, ULONG NamedPipeType, ULONG ReadMode, ULONG CompletionMode,
 ULONG MaximumInstances, ULONG InboundQuota, ULONG OutboundQuota, PLARGE_INTEGER DefaultTimeout);
NTSERVICE(ReadFile)
(HANDLE File, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext, PIO_STATUS_BLOCK IoStatus, PVOID Buffer,
 ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key);
NTSERVICE(WriteFile)
(HANDLE File, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext, PIO_STATUS_BLOCK IoStatus, PVOID Buffer,
 ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key);
NTSERVICE(DeviceIoControlFile)
(HANDLE File, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext, PIO_STATUS_BLOCK IoStatus, ULONG Code,
 PVOID InputBuffer, ULONG InputLength, PVOID OutputBuffer, ULONG OutputLength);
NTSERVICE(FsControlFile)
(HANDLE File, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext, PIO_STATUS_BLOCK IoStatus, ULONG Code,
 PVOID InputBuffer, ULONG InputLength, PVOID OutputBuffer, ULONG OutputLength);
NTSERVICE(QueryInformationFile)
(HANDLE File, PIO_STATUS_BLOCK IoStatus, PVOID Information, ULONG Length, FILE_INFORMATION_CLASS Class);
NTSERVICE(SetInformationFile)
(HANDLE File, PIO_STATUS_BLOCK IoStatus, PVOID Information, ULONG Length, FILE_INFORMATION_CLASS Class);
NTSERVICE(QueryDirectoryFile)
(HANDLE File, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext, PIO_STATUS_BLOCK IoStatus, PVOID Information,
 ULONG Length, FILE_INFORMATION_CLASS Class, BOOLEAN ReturnSingleEntry, PUNICODE_STRING FileName, BOOLEAN RestartScan);
NTSERVICE(QueryVolumeInformationFile)
(HANDLE File, PIO_STATUS_BLOCK IoStatus, PVOID Information, ULONG Length, FS_INFORMATION_CLASS Class);
NTSERVICE(QueryAttributesFile)(POBJECT_ATTRIBUTES ObjectAttributes, PFILE_BASIC_INFORMATION Information);
NTSERVICE(QueryFullAttributesFile)(POBJECT_ATTRIBUTES ObjectAttributes, PFILE_NETWORK_OPEN_INFORMATION Information);
NTSERVICE(DeleteFile)(POBJECT_ATTRIBUTES ObjectAttributes);
NTSERVICE(FlushBuffersFile)(HANDLE File, PIO_STATUS_BLOCK IoStatus);
NTSERVICE(CancelIoFile)(HANDLE File, PIO_STATUS_BLOCK IoStatus);
