// SPDX-License-Identifier: MIT
// The model: random operations on a tree of files, done by the driver and by arrays; after each the two agree.

#include "model.h"

int snprintf(char *Buffer, size_t Size, const char *Format, ...);

NODE Nodes[NODES];
static struct {
    PFILE_OBJECT File;
    PNODE Node;
} Handles[HANDLES];
UCHAR Buffer[MAXIMUM_FILE + 8192] ALIGNED(4096);
BOOLEAN Verbose;

static PCSTR const Stems[] = {"a",
                              "README.TXT",
                              "readme2.txt",
                              "Mixed.Case",
                              "A long file name.html",
                              "another long name for a file.text",
                              "x.y.z",
                              "12345678.123",
                              "verylongbasename",
                              "verylongbasenamf",
                              "verylongbasenamg",
                              "verylongbasenamh",
                              "verylongbasenami",
                              "verylongbasenamj.dat",
                              "with space",
                              "a+b=c.[x]",
                              "UPPER",
                              "lower"};

VOID BuildPath(PNODE Node, PCHAR Path)
{
    if (Node == NULL) {
        Path[0] = 0;
        return;
    }
    BuildPath(Node->Parent, Path);
    strcat(Path, "\\");
    strcat(Path, Node->Name);
}

int CompareNames(PCSTR a, PCSTR b)
{
    for (; *a != 0 || *b != 0; a++, b++)
        if (RtlUpcaseUnicodeChar((UCHAR)*a) != RtlUpcaseUnicodeChar((UCHAR)*b))
            return 1;
    return 0;
}

static PNODE FindNode(PNODE Parent, PCSTR Name)
{
    for (ULONG i = 0; i < NODES; i++)
        if (Nodes[i].Used && Nodes[i].Parent == Parent && CompareNames(Nodes[i].Name, Name) == 0)
            return &Nodes[i];
    return NULL;
}

static PNODE RandomNode(BOOLEAN Directory, BOOLEAN Root)
{
    ULONG Start = SimRandom() % NODES;

    if (Root && SimRandom() % 3 == 0)
        return NULL;
    for (ULONG i = 0; i < NODES; i++) {
        PNODE Node = &Nodes[(Start + i) % NODES];

        if (Node->Used && Node->Directory == Directory)
            return Node;
    }
    return NULL;
}

static VOID RandomName(PCHAR Name)
{
    PCSTR Stem = Stems[SimRandom() % ARRAYSIZE(Stems)];

    if (SimRandom() % 3 == 0)
        snprintf(Name, 64, "%lu %s", SimRandom() % 30, Stem);
    else
        strcpy(Name, Stem);
}

static BOOLEAN IsBelow(PNODE Node, PNODE Ancestor)
{
    for (; Node != NULL; Node = Node->Parent)
        if (Node == Ancestor)
            return TRUE;
    return FALSE;
}

static BOOLEAN HasChildren(PNODE Node)
{
    for (ULONG i = 0; i < NODES; i++)
        if (Nodes[i].Used && Nodes[i].Parent == Node)
            return TRUE;
    return FALSE;
}

static BOOLEAN HasOpenBelow(PNODE Node)
{
    for (ULONG i = 0; i < NODES; i++)
        if (Nodes[i].Used && Nodes[i].Open != 0 && &Nodes[i] != Node && IsBelow(&Nodes[i], Node))
            return TRUE;
    return FALSE;
}

static PNODE NewNode(PNODE Parent, PCSTR Name, BOOLEAN Directory)
{
    for (ULONG i = 0; i < NODES; i++)
        if (!Nodes[i].Used) {
            Nodes[i] = (NODE){.Used = TRUE,
                              .Directory = Directory,
                              .Parent = Parent,
                              .Data = calloc(1, Directory ? 1 : MAXIMUM_FILE)};
            strcpy(Nodes[i].Name, Name);
            return &Nodes[i];
        }
    return NULL;
}

static VOID DropNode(PNODE Node)
{
    free(Node->Data);
    Node->Used = FALSE;
}

static NTSTATUS OpenNode(PNODE Node, ACCESS_MASK Access, ULONG Options, PFILE_OBJECT *File)
{
    CHAR Path[1024];

    BuildPath(Node, Path);
    if (Path[0] == 0)
        strcpy(Path, "\\");
    return SimOpen(Path, Access, 7, FILE_OPEN, Options, 0, File, NULL);
}

static VOID OpCreate(VOID)
{
    BOOLEAN Directory = SimRandom() % 4 == 0;
    PNODE Parent = RandomNode(TRUE, TRUE), Node;
    CHAR Path[1024], Name[64];
    PFILE_OBJECT File;
    ULONG_PTR Information;
    ULONG Disposition =
        Directory ? (SimRandom() % 2 ? FILE_CREATE : FILE_OPEN_IF) : SimRandom() % (FILE_MAXIMUM_DISPOSITION + 1);
    NTSTATUS Status;

    RandomName(Name);
    BuildPath(Parent, Path);
    strcat(Path, "\\");
    strcat(Path, Name);
    Node = FindNode(Parent, Name);
    if (Node != NULL)
        Node->Durable = FALSE;
    Status = SimOpen(Path, FILE_READ_DATA | FILE_WRITE_DATA | SYNCHRONIZE, 7, Disposition,
                     Directory ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE, 0, &File, &Information);
    if (Verbose)
        printf("create %s disposition %lu: %08lx\n", Path, Disposition, (ULONG)Status);
    if (Status == STATUS_DISK_FULL)
        return;
    if (Node == NULL) {
        if (Disposition == FILE_OPEN || Disposition == FILE_OVERWRITE) {
            SimCheck(Status == STATUS_OBJECT_NAME_NOT_FOUND);
            return;
        }
        SimCheck(Status == STATUS_SUCCESS && Information == FILE_CREATED);
        Node = NewNode(Parent, Name, Directory);
        SimClose(File);
        if (Node == NULL) { // no room in the model
            SimCheck(SimOpen(Path, DELETE, 7, FILE_OPEN, FILE_DELETE_ON_CLOSE, 0, &File, NULL) == STATUS_SUCCESS);
            SimClose(File);
        }
        return;
    }
    if (Disposition == FILE_CREATE) {
        SimCheck(Status == STATUS_OBJECT_NAME_COLLISION);
        return;
    }
    if (Node->Directory != Directory) {
        SimCheck(Status == (Directory ? STATUS_NOT_A_DIRECTORY : STATUS_FILE_IS_A_DIRECTORY));
        return;
    }
    SimCheck(Status == STATUS_SUCCESS);
    if (!Directory && Disposition != FILE_OPEN && Disposition != FILE_OPEN_IF) {
        Node->Size = 0;
        Node->Durable = FALSE;
        memset(Node->Data, 0, MAXIMUM_FILE);
    }
    SimClose(File);
}

static PFILE_OBJECT AnyHandle(PNODE *Node)
{
    ULONG i = SimRandom() % HANDLES;

    if (Handles[i].File == NULL) {
        *Node = RandomNode(FALSE, FALSE);
        if (*Node == NULL)
            return NULL;
        SimCheck(OpenNode(*Node, FILE_READ_DATA | FILE_WRITE_DATA | DELETE | SYNCHRONIZE, 0, &Handles[i].File) ==
                 STATUS_SUCCESS);
        Handles[i].Node = *Node;
        (*Node)->Open++;
    }
    *Node = Handles[i].Node;
    return Handles[i].File;
}

static VOID CloseHandleAt(ULONG i)
{
    if (Handles[i].File == NULL)
        return;
    Handles[i].Node->Open--;
    SimClose(Handles[i].File);
    Handles[i].File = NULL;
}

static VOID OpWrite(VOID)
{
    BOOLEAN Direct = SimRandom() % 5 == 0;
    PNODE Node;
    PFILE_OBJECT File = AnyHandle(&Node);
    ULONG Offset, Length, Done;
    NTSTATUS Status;

    if (File == NULL)
        return;
    Offset = SimRandom() % 3 == 0 ? Node->Size : SimRandom() % (SimRandom() % 4 ? Node->Size + 1 : MAXIMUM_FILE);
    Length = 1 + SimRandom() % (SimRandom() % 2 ? 1000 : 70000);
    if (Direct) {
        Offset &= ~511u;
        Length = (Length + 511) & ~511u;
    }
    if (Offset + Length > MAXIMUM_FILE)
        return;
    for (ULONG i = 0; i < Length; i++)
        Buffer[i] = (UCHAR)(SimRandom() >> 3);
    Node->Durable = FALSE;
    Status = SimTransfer(File, TRUE, Offset, Buffer, Length, Direct, &Done);
    if (Verbose)
        printf("write %s %lu+%lu direct %d: %08lx\n", Node->Name, Offset, Length, Direct, (ULONG)Status);
    if (Status == STATUS_DISK_FULL)
        return;
    SimCheck(Status == STATUS_SUCCESS && Done == Length);
    memcpy(Node->Data + Offset, Buffer, Length);
    Node->Size = max_of(Node->Size, Offset + Length);
    Node->Durable = FALSE;
}

static VOID OpRead(VOID)
{
    BOOLEAN Direct = SimRandom() % 5 == 0;
    PNODE Node;
    PFILE_OBJECT File = AnyHandle(&Node);
    ULONG Offset, Length, Done, Expected;
    NTSTATUS Status;

    if (File == NULL)
        return;
    Offset = SimRandom() % (Node->Size + 100);
    Length = 1 + SimRandom() % 70000;
    if (Direct) {
        Offset &= ~511u;
        Length = (Length + 511) & ~511u;
    }
    Status = SimTransfer(File, FALSE, Offset, Buffer, Length, Direct, &Done);
    if (Verbose)
        printf("read %s %lu+%lu direct %d: %08lx\n", Node->Name, Offset, Length, Direct, (ULONG)Status);
    if (Offset >= Node->Size) {
        SimCheck(Status == STATUS_END_OF_FILE);
        return;
    }
    Expected = min_of(Length, Node->Size - Offset);
    SimCheck(Status == STATUS_SUCCESS && Done == Expected);
    SimCheck(memcmp(Buffer, Node->Data + Offset, Expected) == 0);
}

static VOID OpSetSize(VOID)
{
    PNODE Node;
    PFILE_OBJECT File = AnyHandle(&Node);
    FILE_END_OF_FILE_INFORMATION End;
    FILE_ALLOCATION_INFORMATION Allocation;
    ULONG Size = SimRandom() % 2 ? SimRandom() % (MAXIMUM_FILE / 4) : SimRandom() % (File != NULL ? Node->Size + 1 : 1);
    NTSTATUS Status;

    if (File == NULL)
        return;
    Node->Durable = FALSE;
    if (SimRandom() % 4 == 0) {
        Allocation.AllocationSize.QuadPart = Size;
        Status = SimSet(File, FileAllocationInformation, &Allocation, sizeof(Allocation));
        if (Status == STATUS_DISK_FULL)
            return;
        SimCheck(Status == STATUS_SUCCESS);
        Size = min_of(Size, Node->Size);
    } else {
        End.EndOfFile.QuadPart = Size;
        Status = SimSet(File, FileEndOfFileInformation, &End, sizeof(End));
        if (Verbose)
            printf("size %s %lu -> %lu: %08lx\n", Node->Name, Node->Size, Size, (ULONG)Status);
        if (Status == STATUS_DISK_FULL)
            return;
        SimCheck(Status == STATUS_SUCCESS);
    }
    if (Size < Node->Size)
        memset(Node->Data + Size, 0, Node->Size - Size);
    Node->Size = Size;
    Node->Durable = FALSE;
}

static VOID OpDelete(VOID)
{
    PNODE Node = RandomNode(SimRandom() % 3 == 0, FALSE);
    FILE_DISPOSITION_INFORMATION Disposition = {TRUE};
    PFILE_OBJECT File;
    NTSTATUS Status;

    if (Node == NULL || Node->Open != 0)
        return;
    Node->Durable = FALSE;
    SimCheck(OpenNode(Node, DELETE, 0, &File) == STATUS_SUCCESS);
    Status = SimSet(File, FileDispositionInformation, &Disposition, sizeof(Disposition));
    if (Verbose)
        printf("delete %s: %08lx\n", Node->Name, (ULONG)Status);
    SimCheck(Status == (Node->Directory && HasChildren(Node) ? STATUS_DIRECTORY_NOT_EMPTY : STATUS_SUCCESS));
    SimClose(File);
    if (Status == STATUS_SUCCESS) {
        SimCheck(OpenNode(Node, FILE_READ_DATA, 0, &File) == STATUS_OBJECT_NAME_NOT_FOUND);
        DropNode(Node);
    }
}

// The paths below a node are about to change.
static VOID ForgetBelow(PNODE Node)
{
    for (ULONG i = 0; i < NODES; i++)
        if (Nodes[i].Used && IsBelow(&Nodes[i], Node))
            Nodes[i].Durable = FALSE;
}

static NTSTATUS ExpectRename(PNODE Node, PNODE Parent, PNODE Target, BOOLEAN Replace)
{
    if (Node->Directory && IsBelow(Parent, Node))
        return STATUS_INVALID_PARAMETER;
    if (Node->Directory && HasOpenBelow(Node))
        return STATUS_ACCESS_DENIED;
    if (Target == NULL || Target == Node)
        return STATUS_SUCCESS;
    if (!Replace)
        return STATUS_OBJECT_NAME_COLLISION;
    return Target->Directory || Target->Open != 0 ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

static VOID OpRename(VOID)
{
    PNODE Node = RandomNode(SimRandom() % 3 == 0, FALSE), Parent, Target;
    CHAR Path[1024], Name[64];
    BOOLEAN Replace = SimRandom() % 2;
    PFILE_OBJECT File;
    NTSTATUS Status, Expected;

    if (Node == NULL)
        return;
    Parent = SimRandom() % 2 ? Node->Parent : RandomNode(TRUE, TRUE);
    RandomName(Name);
    BuildPath(Parent, Path);
    strcat(Path, "\\");
    strcat(Path, Name);
    Target = FindNode(Parent, Name);
    ForgetBelow(Node);
    if (Target != NULL)
        Target->Durable = FALSE;
    Expected = ExpectRename(Node, Parent, Target, Replace);
    SimCheck(OpenNode(Node, DELETE, 0, &File) == STATUS_SUCCESS);
    Status = SimRename(File, Path, Replace);
    if (Verbose)
        printf("rename %s to %s replace %d: %08lx\n", Node->Name, Path, Replace, (ULONG)Status);
    SimClose(File);
    if (Status == STATUS_DISK_FULL)
        return;
    SimCheck(Status == Expected);
    if (Status != STATUS_SUCCESS)
        return;
    if (Target != NULL && Target != Node)
        DropNode(Target);
    Node->Parent = Parent;
    strcpy(Node->Name, Name);
    Node->Durable = FALSE;
}

static ULONG CheckEntries(PNODE Directory, PUCHAR Information)
{
    ULONG Count = 0;

    for (;;) {
        PFILE_BOTH_DIR_INFORMATION Entry = (PFILE_BOTH_DIR_INFORMATION)Information;
        CHAR Name[256];
        PNODE Node;

        for (ULONG i = 0; i < Entry->FileNameLength / 2; i++)
            Name[i] = (CHAR)Entry->FileName[i];
        Name[Entry->FileNameLength / 2] = 0;
        if (Name[0] != '.') {
            Node = FindNode(Directory, Name);
            SimCheck(Node != NULL && strcmp(Node->Name, Name) == 0);
            SimCheck(Node->Directory == ((Entry->FileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0));
            SimCheck(Node->Directory || Entry->EndOfFile.QuadPart == Node->Size);
            Count++;
        }
        if (Entry->NextEntryOffset == 0)
            return Count;
        Information += Entry->NextEntryOffset;
    }
}

// Law: a directory shows each of its files once, with its name as it was given and its size, however it is asked.
static VOID OpEnumerate(VOID)
{
    PNODE Directory = RandomNode(TRUE, TRUE);
    ULONG Count = 0, Expected = 0, Used, Length = 700 + SimRandom() % 3000;
    UCHAR Flags = SimRandom() % 4 == 0 ? SL_RETURN_SINGLE_ENTRY : 0;
    PFILE_OBJECT File;
    NTSTATUS Status;

    SimCheck(OpenNode(Directory, FILE_LIST_DIRECTORY, FILE_DIRECTORY_FILE, &File) == STATUS_SUCCESS);
    for (;;) {
        Status = SimQueryDirectory(File, FileBothDirectoryInformation, Buffer, Length, "*", Flags, &Used);
        if (Status == STATUS_NO_MORE_FILES || Status == STATUS_NO_SUCH_FILE)
            break;
        SimCheck(Status == STATUS_SUCCESS && Used <= Length);
        Count += CheckEntries(Directory, Buffer);
    }
    for (ULONG i = 0; i < NODES; i++)
        Expected += Nodes[i].Used && Nodes[i].Parent == Directory;
    SimCheck(Count == Expected);
    SimClose(File);
}

static VOID OpFlush(VOID)
{
    PNODE Node;
    PFILE_OBJECT File = AnyHandle(&Node);

    if (File == NULL)
        return;
    SimCheck(SimFlush(File) == STATUS_SUCCESS);
    Node->Durable = TRUE;
}

static VOID OpVerify(VOID)
{
    PNODE Node = RandomNode(FALSE, FALSE);
    FILE_STANDARD_INFORMATION Standard;
    PFILE_OBJECT File;
    ULONG Done;

    if (Node == NULL)
        return;
    SimCheck(OpenNode(Node, FILE_READ_DATA, 0, &File) == STATUS_SUCCESS);
    SimCheck(SimQuery(File, FileStandardInformation, &Standard, sizeof(Standard)) == STATUS_SUCCESS);
    SimCheck(Standard.EndOfFile.QuadPart == Node->Size && Standard.AllocationSize.QuadPart >= Node->Size);
    if (Node->Size != 0) {
        SimCheck(SimTransfer(File, FALSE, 0, Buffer, MAXIMUM_FILE, FALSE, &Done) == STATUS_SUCCESS &&
                 Done == Node->Size);
        SimCheck(memcmp(Buffer, Node->Data, Node->Size) == 0);
    }
    SimClose(File);
}

VOID Step(VOID)
{
    switch (SimRandom() % 24) {
    case 0:
    case 1:
    case 2:
        OpCreate();
        break;
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
        OpWrite();
        break;
    case 8:
    case 9:
    case 10:
        OpRead();
        break;
    case 11:
    case 12:
        OpSetSize();
        break;
    case 13:
        OpDelete();
        break;
    case 14:
    case 15:
        OpRename();
        break;
    case 16:
        OpEnumerate();
        break;
    case 17:
        CloseHandleAt(SimRandom() % HANDLES);
        break;
    case 18:
        SimTick();
        break;
    case 19:
        OpFlush();
        break;
    case 20:
        OpVerify();
        break;
    case 21:
        SimPageSweep();
        break;
    case 22:
        SimVerifyPages();
        break;
    default:
        CloseHandleAt(SimRandom() % HANDLES);
        break;
    }
}

VOID CloseHandles(VOID)
{
    for (ULONG i = 0; i < HANDLES; i++)
        CloseHandleAt(i);
}

// Law: what was freed is free: after deleting everything the volume has all its clusters but the root's.
VOID DeleteEverything(VOID)
{
    FILE_FS_SIZE_INFORMATION Size;
    BOOLEAN Left = TRUE;

    CloseHandles();
    while (Left) {
        Left = FALSE;
        for (ULONG i = 0; i < NODES; i++) {
            PFILE_OBJECT File;

            if (!Nodes[i].Used)
                continue;
            Left = TRUE;
            if (HasChildren(&Nodes[i]))
                continue;
            SimCheck(OpenNode(&Nodes[i], DELETE, FILE_DELETE_ON_CLOSE, &File) == STATUS_SUCCESS);
            SimClose(File);
            DropNode(&Nodes[i]);
        }
    }
    SimCheck(SimQueryVolume(FileFsSizeInformation, &Size, sizeof(Size)) == STATUS_SUCCESS);
    SimCheck(Size.TotalAllocationUnits.QuadPart - Size.AvailableAllocationUnits.QuadPart < 20);
}
