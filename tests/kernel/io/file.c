// SPDX-License-Identifier: MIT
// Laws of files on a mounted volume, as the services show them: names, relative opens, renames, positions, listings.
// Source: WDK documentation (ZwCreateFile, ZwSetInformationFile, ZwQueryDirectoryFile).

#include "testdrv.h"

#define KT_ROOT L"\\??\\D:\\ktio"
#define KT_ALL (FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | DELETE | SYNCHRONIZE)

static NTSTATUS KtCreateAt(HANDLE Root, PCWSTR Name, ACCESS_MASK Access, ULONG Disposition, ULONG Options,
                           PHANDLE Handle)
{
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Name);
    InitializeObjectAttributes(&Attributes, &String, OBJ_CASE_INSENSITIVE, Root, NULL);
    return ZwCreateFile(Handle, Access | SYNCHRONIZE, &Attributes, &IoStatus, NULL, FILE_ATTRIBUTE_NORMAL,
                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, Disposition,
                        Options | FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0);
}

static NTSTATUS KtDelete(PCWSTR Name)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Name);
    InitializeObjectAttributes(&Attributes, &String, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return ZwDeleteFile(&Attributes);
}

static NTSTATUS KtQueryAttributes(PCWSTR Name, PFILE_NETWORK_OPEN_INFORMATION Information)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Name);
    InitializeObjectAttributes(&Attributes, &String, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return ZwQueryFullAttributesFile(&Attributes, Information);
}

// Makes D:\ktio and opens it.
static BOOLEAN KtMakeRoot(PHANDLE Root)
{
    NTSTATUS Status = KtCreateAt(NULL, KT_ROOT, FILE_LIST_DIRECTORY, FILE_OPEN_IF, FILE_DIRECTORY_FILE, Root);

    expect_status(Status, STATUS_SUCCESS);
    return NT_SUCCESS(Status);
}

static NTSTATUS KtRename(HANDLE File, HANDLE Root, PCWSTR Name, BOOLEAN Replace)
{
    ULONG Length = wcslen(Name) * sizeof(WCHAR);
    UCHAR Buffer[sizeof(FILE_RENAME_INFORMATION) + 128] ALIGNED(4);
    PFILE_RENAME_INFORMATION Rename = (PFILE_RENAME_INFORMATION)Buffer;
    IO_STATUS_BLOCK IoStatus;

    Rename->ReplaceIfExists = Replace;
    Rename->RootDirectory = Root;
    Rename->FileNameLength = Length;
    memcpy(Rename->FileName, Name, Length);
    return ZwSetInformationFile(File, &IoStatus, Rename, FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName) + Length,
                                FileRenameInformation);
}

KTEST(io, file_opens_relative_to_a_directory_and_tells_its_name)
{
    // Law: a name relative to an open directory names the same file as the whole path; the file knows that path.
    struct {
        OBJECT_NAME_INFORMATION Info;
        WCHAR Text[64];
    } Name;
    UNICODE_STRING Expected = RTL_CONSTANT_STRING(L"\\Device\\Harddisk1\\Partition1\\ktio\\a.txt");
    FILE_NETWORK_OPEN_INFORMATION Network;
    HANDLE Root, File;
    PFILE_OBJECT Object;
    ULONG Needed;

    if (!KtMakeRoot(&Root))
        return;
    expect_status(KtCreateAt(Root, L"a.txt", KT_ALL, FILE_CREATE, 0, &File), STATUS_SUCCESS);
    expect_status(KtQueryAttributes(KT_ROOT L"\\A.TXT", &Network), STATUS_SUCCESS);
    expect_eq(Network.EndOfFile.QuadPart, 0);
    expect_status(ObReferenceObjectByHandle(File, 0, IoFileObjectType, KernelMode, (PVOID *)&Object, NULL), 0);
    expect_status(IoQueryFileName(Object, &Name.Info, sizeof(Name), &Needed), STATUS_SUCCESS);
    expect(RtlEqualUnicodeString(&Name.Info.Name, &Expected, TRUE));
    expect_status(IoQueryFileName(Object, &Name.Info, sizeof(OBJECT_NAME_INFORMATION) + 4, &Needed),
                  STATUS_BUFFER_OVERFLOW);
    ObDereferenceObject(Object);
    ZwClose(File);
    expect_status(KtDelete(KT_ROOT L"\\a.txt"), STATUS_SUCCESS);
    expect_status(KtQueryAttributes(KT_ROOT L"\\a.txt", &Network), STATUS_OBJECT_NAME_NOT_FOUND);
    expect_status(KtQueryAttributes(KT_ROOT L"\\no\\a.txt", &Network), STATUS_OBJECT_PATH_NOT_FOUND);
    ZwClose(Root);
    expect_status(KtDelete(KT_ROOT), STATUS_SUCCESS);
}

KTEST(io, file_position_follows_reads_and_writes)
{
    // Law: on a synchronous handle each transfer begins where the last one ended, whether it went through the cache or
    // by an IRP; a handle that may only append writes at the end.
    FILE_POSITION_INFORMATION Position;
    IO_STATUS_BLOCK IoStatus;
    HANDLE Root, File, Append;
    UCHAR Bytes[16];

    if (!KtMakeRoot(&Root))
        return;
    expect_status(KtCreateAt(Root, L"p", KT_ALL, FILE_CREATE, 0, &File), STATUS_SUCCESS);
    for (ULONG i = 0; i < 4; i++)
        expect_status(ZwWriteFile(File, NULL, NULL, NULL, &IoStatus, "0123456789", 10, NULL, NULL), STATUS_SUCCESS);
    expect_status(KtCreateAt(Root, L"p", FILE_APPEND_DATA, FILE_OPEN, 0, &Append), STATUS_SUCCESS);
    Position.CurrentByteOffset.QuadPart = 3;
    expect_status(ZwWriteFile(Append, NULL, NULL, NULL, &IoStatus, "end", 3, &Position.CurrentByteOffset, NULL),
                  STATUS_SUCCESS);
    ZwClose(Append);
    expect_status(ZwSetInformationFile(File, &IoStatus, &Position, sizeof(Position), FilePositionInformation), 0);
    for (ULONG Place = 3; Place < 43; Place += 8) {
        ULONG Count = min_of(8, 43 - Place);

        expect_status(ZwReadFile(File, NULL, NULL, NULL, &IoStatus, Bytes, 8, NULL, NULL), STATUS_SUCCESS);
        expect_eq(IoStatus.Information, Count);
        for (ULONG i = 0; i < Count; i++)
            expect_eq(Bytes[i], Place + i < 40 ? '0' + (Place + i) % 10 : (UCHAR) "end"[Place + i - 40]);
    }
    expect_status(ZwReadFile(File, NULL, NULL, NULL, &IoStatus, Bytes, 8, NULL, NULL), STATUS_END_OF_FILE);
    expect_status(ZwQueryInformationFile(File, &IoStatus, &Position, sizeof(Position), FilePositionInformation),
                  STATUS_SUCCESS);
    expect_eq(Position.CurrentByteOffset.QuadPart, 43);
    ZwClose(File);
    ZwClose(Root);
    expect_status(KtDelete(KT_ROOT L"\\p"), STATUS_SUCCESS);
    expect_status(KtDelete(KT_ROOT), STATUS_SUCCESS);
}

KTEST(io, file_rename_moves_within_a_volume_only)
{
    // Law: a rename by simple name, by full path and relative to a directory all work on one volume; another volume is
    // STATUS_NOT_SAME_DEVICE; a taken name needs ReplaceIfExists; bad lengths are STATUS_INVALID_PARAMETER.
    FILE_NETWORK_OPEN_INFORMATION Network;
    FILE_RENAME_INFORMATION Bad = {.FileNameLength = 400};
    IO_STATUS_BLOCK IoStatus;
    HANDLE Root, Sub, File, Other;

    if (!KtMakeRoot(&Root))
        return;
    expect_status(KtCreateAt(Root, L"sub", FILE_LIST_DIRECTORY, FILE_CREATE, FILE_DIRECTORY_FILE, &Sub), 0);
    expect_status(KtCreateAt(Root, L"one", KT_ALL, FILE_CREATE, 0, &File), STATUS_SUCCESS);
    expect_status(KtCreateAt(Root, L"taken", KT_ALL, FILE_CREATE, 0, &Other), STATUS_SUCCESS);
    ZwClose(Other);
    expect_status(KtRename(File, NULL, L"two", FALSE), STATUS_SUCCESS);
    expect_status(KtRename(File, NULL, L"taken", FALSE), STATUS_OBJECT_NAME_COLLISION);
    expect_status(KtRename(File, NULL, L"\\??\\C:\\two", FALSE), STATUS_NOT_SAME_DEVICE);
    expect_status(KtRename(File, NULL, KT_ROOT L"\\no\\two", FALSE), STATUS_OBJECT_PATH_NOT_FOUND);
    expect_status(KtRename(File, Sub, L"three", FALSE), STATUS_SUCCESS);
    expect_status(KtQueryAttributes(KT_ROOT L"\\sub\\three", &Network), STATUS_SUCCESS);
    expect_status(KtRename(File, NULL, KT_ROOT L"\\taken", TRUE), STATUS_SUCCESS);
    expect_status(KtQueryAttributes(KT_ROOT L"\\sub\\three", &Network), STATUS_OBJECT_NAME_NOT_FOUND);
    expect_status(ZwSetInformationFile(File, &IoStatus, &Bad, sizeof(Bad), FileRenameInformation),
                  STATUS_INVALID_PARAMETER);
    ZwClose(File);
    ZwClose(Sub);
    ZwClose(Root);
    expect_status(KtDelete(KT_ROOT), STATUS_DIRECTORY_NOT_EMPTY);
    expect_status(KtDelete(KT_ROOT L"\\taken"), STATUS_SUCCESS);
    expect_status(KtDelete(KT_ROOT L"\\sub"), STATUS_SUCCESS);
    expect_status(KtDelete(KT_ROOT), STATUS_SUCCESS);
}

KTEST(io, directory_listing_gives_each_match_once)
{
    // Law: a listing continues where it stopped until STATUS_NO_MORE_FILES; the first call's expression stays in force;
    // nothing that matches is STATUS_NO_SUCH_FILE.
    static const PCWSTR Names[] = {L"x1.a", L"x2.a", L"x3.b"};
    UNICODE_STRING Pattern = RTL_CONSTANT_STRING(L"*.a"), Nothing = RTL_CONSTANT_STRING(L"*.zzz");
    struct {
        FILE_NAMES_INFORMATION Info;
        WCHAR Text[64];
    } Entry;
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status = STATUS_SUCCESS;
    HANDLE Root, File;
    ULONG Count;

    if (!KtMakeRoot(&Root))
        return;
    for (ULONG i = 0; i < RTL_NUMBER_OF(Names); i++) {
        expect_status(KtCreateAt(Root, Names[i], KT_ALL, FILE_CREATE, 0, &File), STATUS_SUCCESS);
        ZwClose(File);
    }
    for (Count = 0; Count < 5 && NT_SUCCESS(Status); Count++)
        Status = ZwQueryDirectoryFile(Root, NULL, NULL, NULL, &IoStatus, &Entry, sizeof(Entry), FileNamesInformation,
                                      TRUE, Count == 0 ? &Pattern : NULL, FALSE);
    expect_status(Status, STATUS_NO_MORE_FILES);
    expect_eq(Count, 3); // two matches and the end
    ZwClose(Root);
    expect_status(KtCreateAt(NULL, KT_ROOT, FILE_LIST_DIRECTORY, FILE_OPEN, FILE_DIRECTORY_FILE, &Root), 0);
    expect_status(ZwQueryDirectoryFile(Root, NULL, NULL, NULL, &IoStatus, &Entry, sizeof(Entry), FileNamesInformation,
                                       TRUE, &Nothing, FALSE),
                  STATUS_NO_SUCH_FILE);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Names); i++) {
        expect_status(KtCreateAt(Root, Names[i], DELETE, FILE_OPEN, FILE_DELETE_ON_CLOSE, &File), STATUS_SUCCESS);
        ZwClose(File);
    }
    ZwClose(Root);
    expect_status(KtDelete(KT_ROOT), STATUS_SUCCESS);
}

KTEST(io, volume_is_mounted_and_tells_its_device)
{
    // Law: a volume is mounted once; the bare device opens for its attributes without it; the device type is a disk.
    FILE_FS_DEVICE_INFORMATION Device;
    FILE_FS_SIZE_INFORMATION Size;
    IO_STATUS_BLOCK IoStatus;
    PFILE_OBJECT Object;
    HANDLE File, Raw;

    expect_status(KtCreateAt(NULL, L"\\??\\D:\\", FILE_LIST_DIRECTORY, FILE_OPEN, FILE_DIRECTORY_FILE, &File), 0);
    expect_status(ZwQueryVolumeInformationFile(File, &IoStatus, &Device, sizeof(Device), FileFsDeviceInformation), 0);
    expect_eq(Device.DeviceType, FILE_DEVICE_DISK);
    expect_status(ZwQueryVolumeInformationFile(File, &IoStatus, &Size, sizeof(Size), FileFsSizeInformation), 0);
    expect_eq(Size.BytesPerSector, 512);
    expect_status(ZwQueryVolumeInformationFile(File, &IoStatus, &Size, 4, FileFsSizeInformation),
                  STATUS_INFO_LENGTH_MISMATCH);
    expect_status(KtCreateAt(NULL, L"\\??\\D:", FILE_READ_ATTRIBUTES, FILE_OPEN, 0, &Raw), STATUS_SUCCESS);
    expect_status(ObReferenceObjectByHandle(Raw, 0, IoFileObjectType, KernelMode, (PVOID *)&Object, NULL), 0);
    expect(Object->Flags & FO_DIRECT_DEVICE_OPEN);
    expect_eq(Object->Vpb, NULL);
    expect(Object->DeviceObject->Vpb->Flags & VPB_MOUNTED);
    ObDereferenceObject(Object);
    ZwClose(Raw);
    ZwClose(File);
}
