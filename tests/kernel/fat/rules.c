// SPDX-License-Identifier: MIT
// Laws of opening, deleting, attributes, times, and of a full disk.

#include "fattest.h"

KTEST(fat, disposition_decides_what_a_create_does)
{
    // Law: the six dispositions, on a name that exists and on one that does not, do and report what the WDK says.
    static const struct {
        NTSTATUS OnExisting, OnMissing;
        ULONG Existing, Missing; // Information
    } Expected[] = {
        [FILE_SUPERSEDE] = {STATUS_SUCCESS, STATUS_SUCCESS, FILE_SUPERSEDED, FILE_CREATED},
        [FILE_OPEN] = {STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND, FILE_OPENED, 0},
        [FILE_CREATE] = {STATUS_OBJECT_NAME_COLLISION, STATUS_SUCCESS, 0, FILE_CREATED},
        [FILE_OPEN_IF] = {STATUS_SUCCESS, STATUS_SUCCESS, FILE_OPENED, FILE_CREATED},
        [FILE_OVERWRITE] = {STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND, FILE_OVERWRITTEN, 0},
        [FILE_OVERWRITE_IF] = {STATUS_SUCCESS, STATUS_SUCCESS, FILE_OVERWRITTEN, FILE_CREATED},
    };
    HANDLE Directory = FtMakeDirectory(L"ftdisp"), File;
    ULONG_PTR Information;
    NTSTATUS Status;

    for (ULONG i = 0; i <= FILE_MAXIMUM_DISPOSITION; i++) {
        Status = FtOpenEx(Directory, L"f", FT_ALL, FT_SHARE_ALL, i, 0, 0, &File, &Information);
        expect_status(Status, Expected[i].OnMissing);
        if (NT_SUCCESS(Status)) {
            expect_eq(Information, Expected[i].Missing);
            ZwClose(File);
        }
        IGNORE_STATUS(FtDelete(Directory, L"f"));
        expect_status(FtOpen(Directory, L"f", FILE_CREATE, 0, &File), STATUS_SUCCESS);
        expect_status(FtWrite(File, 0, "abc", 3), STATUS_SUCCESS);
        ZwClose(File);
        Status = FtOpenEx(Directory, L"f", FT_ALL, FT_SHARE_ALL, i, 0, 0, &File, &Information);
        expect_status(Status, Expected[i].OnExisting);
        if (NT_SUCCESS(Status)) {
            expect_eq(Information, Expected[i].Existing);
            expect_eq(FtSize(File), Expected[i].Existing == FILE_OPENED ? 3 : 0);
            ZwClose(File);
        }
        expect_status(FtDelete(Directory, L"f"), STATUS_SUCCESS);
    }
    expect_status(FtOpen(Directory, L"d", FILE_CREATE, FILE_DIRECTORY_FILE, &File), STATUS_SUCCESS);
    ZwClose(File);
    expect_status(FtOpen(Directory, L"d", FILE_OPEN, FILE_NON_DIRECTORY_FILE, &File), STATUS_FILE_IS_A_DIRECTORY);
    expect_status(FtDelete(Directory, L"d"), STATUS_SUCCESS);
    FtDropDirectory(Directory);
}

KTEST(fat, delete_waits_for_the_last_handle)
{
    // Law: a deleted file stays usable through its handles, cannot be opened again, and goes with the last of them.
    HANDLE Directory = FtMakeDirectory(L"ftdel"), First, Second, Third;
    ULONG Done;
    UCHAR Byte;

    expect_status(FtOpen(Directory, L"f", FILE_CREATE, 0, &First), STATUS_SUCCESS);
    expect_status(FtOpen(Directory, L"f", FILE_OPEN, 0, &Second), STATUS_SUCCESS);
    expect_status(FtWrite(First, 0, "x", 1), STATUS_SUCCESS);
    expect_status(FtDispose(First, TRUE), STATUS_SUCCESS);
    expect_status(FtOpen(Directory, L"f", FILE_OPEN, 0, &Third), STATUS_DELETE_PENDING);
    ZwClose(First);
    expect_status(FtRead(Second, 0, &Byte, 1, &Done), STATUS_SUCCESS);
    expect_status(FtDispose(Second, FALSE), STATUS_SUCCESS);
    expect_status(FtOpen(Directory, L"f", FILE_OPEN, 0, &Third), STATUS_SUCCESS);
    ZwClose(Third);
    expect_status(FtDispose(Second, TRUE), STATUS_SUCCESS);
    ZwClose(Second);
    expect_status(FtOpen(Directory, L"f", FILE_OPEN, 0, &Third), STATUS_OBJECT_NAME_NOT_FOUND);
    expect_status(FtOpen(Directory, L"g", FILE_CREATE, FILE_DELETE_ON_CLOSE, &Third), STATUS_SUCCESS);
    ZwClose(Third);
    expect_status(FtOpen(Directory, L"g", FILE_OPEN, 0, &Third), STATUS_OBJECT_NAME_NOT_FOUND);
    FtDropDirectory(Directory);
}

KTEST(fat, attributes_and_times_stay_and_are_obeyed)
{
    // Law: attributes and times are kept to FAT's precision; a read-only file is not written, replaced or deleted.
    HANDLE Directory = FtMakeDirectory(L"ftattr"), File;
    FILE_BASIC_INFORMATION Basic;
    IO_STATUS_BLOCK IoStatus;
    const LONGLONG When = 131592384000000000ll; // 2018-01-01 00:00

    expect_status(FtOpen(Directory, L"f", FILE_CREATE, 0, &File), STATUS_SUCCESS);
    memset(&Basic, 0, sizeof(Basic));
    Basic.FileAttributes = FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN;
    Basic.LastWriteTime.QuadPart = When;
    expect_status(ZwSetInformationFile(File, &IoStatus, &Basic, sizeof(Basic), FileBasicInformation), STATUS_SUCCESS);
    expect_status(FtDispose(File, TRUE), STATUS_CANNOT_DELETE);
    ZwClose(File);
    expect_status(FtOpenEx(Directory, L"f", FILE_WRITE_DATA, FT_SHARE_ALL, FILE_OPEN, 0, 0, &File, NULL),
                  STATUS_ACCESS_DENIED);
    expect_status(FtOpenEx(Directory, L"f", FILE_READ_DATA, FT_SHARE_ALL, FILE_OVERWRITE, 0, 0, &File, NULL),
                  STATUS_ACCESS_DENIED);
    expect_status(FtOpenEx(Directory, L"f", FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES, FT_SHARE_ALL, FILE_OPEN, 0, 0,
                           &File, NULL),
                  0);
    expect_status(ZwQueryInformationFile(File, &IoStatus, &Basic, sizeof(Basic), FileBasicInformation), STATUS_SUCCESS);
    expect_eq(Basic.FileAttributes, FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN);
    expect_eq(Basic.LastWriteTime.QuadPart, When);
    memset(&Basic, 0, sizeof(Basic));
    Basic.FileAttributes = FILE_ATTRIBUTE_NORMAL;
    expect_status(ZwSetInformationFile(File, &IoStatus, &Basic, sizeof(Basic), FileBasicInformation), STATUS_SUCCESS);
    ZwClose(File);
    expect_status(FtDelete(Directory, L"f"), STATUS_SUCCESS);
    FtDropDirectory(Directory);
}

static VOID FtFillDisk(HANDLE File, ULONGLONG Clusters, ULONG ClusterSize)
{
    FILE_ALLOCATION_INFORMATION Allocation = {{.QuadPart = (LONGLONG)(Clusters * ClusterSize)}};
    IO_STATUS_BLOCK IoStatus;

    expect_status(ZwSetInformationFile(File, &IoStatus, &Allocation, sizeof(Allocation), FileAllocationInformation),
                  STATUS_SUCCESS);
}

KTEST(fat, full_disk_loses_nothing_and_leaks_nothing)
{
    // Law: without space a write fails with STATUS_DISK_FULL and changes nothing; deleting gives every cluster back.
    HANDLE Directory = FtMakeDirectory(L"ftfull"), Hog, File;
    FILE_FS_SIZE_INFORMATION Volume;
    IO_STATUS_BLOCK IoStatus;
    PUCHAR Buffer = ExAllocatePoolZero(PagedPool, 0x8000, TAG_FAT_NAME);
    ULONGLONG Before = FtFreeClusters(Directory);
    ULONG ClusterSize, Done, Size = 0;

    expect_status(ZwQueryVolumeInformationFile(Directory, &IoStatus, &Volume, sizeof(Volume), FileFsSizeInformation),
                  STATUS_SUCCESS);
    ClusterSize = Volume.SectorsPerAllocationUnit * Volume.BytesPerSector;
    expect_status(FtOpen(Directory, L"hog", FILE_CREATE, 0, &Hog), STATUS_SUCCESS);
    expect_status(FtOpen(Directory, L"file", FILE_CREATE, 0, &File), STATUS_SUCCESS);
    FtFillDisk(Hog, FtFreeClusters(Directory) - 0x10000 / ClusterSize, ClusterSize);
    memset(Buffer, 'd', 0x8000);
    while (NT_SUCCESS(FtWrite(File, Size, Buffer, 5000)))
        Size += 5000;
    expect(Size > 0x10000 - 5000 - ClusterSize && Size <= 0x10000);
    expect_eq(FtSize(File), Size);
    expect_status(FtWrite(File, Size, Buffer, 0x8000), STATUS_DISK_FULL);
    expect_status(FtSetSize(File, Size + 0x10000), STATUS_DISK_FULL);
    expect_status(FtWrite(File, 0xFFFFFFF0u, Buffer, 0x20), STATUS_DISK_FULL);
    expect_eq(FtSize(File), Size);
    expect_status(FtRead(File, Size - 5000, Buffer, 0x8000, &Done), STATUS_SUCCESS);
    expect_eq(Done, 5000);
    expect(Buffer[0] == 'd' && Buffer[4999] == 'd');
    ZwClose(File);
    ZwClose(Hog);
    expect_status(FtDelete(Directory, L"file"), STATUS_SUCCESS);
    expect_status(FtDelete(Directory, L"hog"), STATUS_SUCCESS);
    expect_eq(FtFreeClusters(Directory), Before);
    ExFreePoolWithTag(Buffer, TAG_FAT_NAME);
    FtDropDirectory(Directory);
}

static VOID NTAPI FtHammer(PVOID Context)
{
    HANDLE File;
    UCHAR Bytes[700];
    WCHAR Name[32];
    ULONG Done;

    for (ULONG Round = 0; Round < 12; Round++) {
        _snwprintf(Name, ARRAYSIZE(Name), FT_ROOT L"hammer %u", (ULONG)Context);
        expect_status(FtOpen(NULL, Name, FILE_OVERWRITE_IF, 0, &File), STATUS_SUCCESS);
        for (ULONG i = 0; i < 10; i++) {
            memset(Bytes, (int)((ULONG)Context + Round + i), sizeof(Bytes));
            expect_status(FtWrite(File, i * 3000, Bytes, sizeof(Bytes)), STATUS_SUCCESS);
        }
        for (ULONG i = 0; i < 10; i++) {
            expect_status(FtRead(File, i * 3000, Bytes, sizeof(Bytes), &Done), STATUS_SUCCESS);
            expect_eq(Bytes[699], (UCHAR)((ULONG)Context + Round + i));
        }
        ZwClose(File);
        if (Round % 3 == 2)
            expect_status(FtDelete(NULL, Name), STATUS_SUCCESS);
    }
}

static VOID NTAPI FtOpenOnce(PVOID Context)
{
    HANDLE File;

    UNREFERENCED_PARAMETER(Context);
    expect_status(FtOpen(NULL, FT_ROOT L"hammer none", FILE_OPEN, 0, &File), STATUS_OBJECT_NAME_NOT_FOUND);
}

// Has more threads inside a create at once, and more IRPs, than the test will: the lists of spare blocks, which keep
// what was needed at most, are then as long as they get.
static VOID FtWarmUp(VOID)
{
    LARGE_INTEGER Moment = {.QuadPart = -1000000};
    PETHREAD Threads[8];
    HANDLE Root;
    PFILE_OBJECT Object;
    PVCB Vcb;

    FtWarmIrps();
    expect_status(
        FtOpenEx(NULL, FT_ROOT, FILE_LIST_DIRECTORY, FT_SHARE_ALL, FILE_OPEN, FILE_DIRECTORY_FILE, 0, &Root, NULL),
        STATUS_SUCCESS);
    Object = FtFileObject(Root);
    Vcb = ((PFCB)Object->FsContext)->Vcb;
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Vcb->Resource, TRUE);
    for (ULONG i = 0; i < ARRAYSIZE(Threads); i++)
        Threads[i] = KtStartThread(FtOpenOnce, NULL, 8);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    ExReleaseResourceLite(&Vcb->Resource);
    KeLeaveCriticalRegion();
    for (ULONG i = 0; i < ARRAYSIZE(Threads); i++)
        KtJoin(Threads[i]);
    ObDereferenceObject(Object);
    ZwClose(Root);
}

KTEST(fat, threads_work_on_one_volume_at_once)
{
    // Law: creates, writes, reads and deletes of several threads do not disturb each other.
    PETHREAD Threads[4];

    FtWarmUp();
    for (ULONG i = 0; i < ARRAYSIZE(Threads); i++)
        Threads[i] = KtStartThread(FtHammer, (PVOID)(i * 16), 8);
    for (ULONG i = 0; i < ARRAYSIZE(Threads); i++)
        KtJoin(Threads[i]);
}
