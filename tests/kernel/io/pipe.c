// SPDX-License-Identifier: MIT
// Laws of pipes. Source: SDK documentation (CreatePipe, CreateNamedPipe, PeekNamedPipe, DisconnectNamedPipe).

#include "testdrv.h"

#define KT_PIPE L"\\Device\\NamedPipe\\KtPipe"
#define KT_QUOTA 64

static NTSTATUS KtCreatePipe(PHANDLE Server, ULONG Share, ULONG Disposition, ULONG Options, ULONG Type, ULONG Instances)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(KT_PIPE);
    LARGE_INTEGER Timeout = {.QuadPart = -500000};
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return ZwCreateNamedPipeFile(
        Server, FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE,
        &Attributes, &IoStatus, Share, Disposition, Options, Type, Type, FILE_PIPE_QUEUE_OPERATION, Instances, KT_QUOTA,
        KT_QUOTA, &Timeout);
}

// Both ends of a fresh duplex pipe, synchronous.
static BOOLEAN KtConnect(PHANDLE Server, PHANDLE Client, ULONG Type)
{
    NTSTATUS Status =
        KtCreatePipe(Server, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_CREATE, FILE_SYNCHRONOUS_IO_NONALERT, Type, 1);

    expect_status(Status, STATUS_SUCCESS);
    if (!NT_SUCCESS(Status))
        return FALSE;
    Status = KtOpen(KT_PIPE, FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES,
                    FILE_SYNCHRONOUS_IO_NONALERT, Client);
    expect_status(Status, STATUS_SUCCESS);
    return NT_SUCCESS(Status);
}

static NTSTATUS KtPipeRead(HANDLE File, PVOID Buffer, ULONG Length, PULONG Done)
{
    IO_STATUS_BLOCK IoStatus = {.Information = 0};
    NTSTATUS Status = ZwReadFile(File, NULL, NULL, NULL, &IoStatus, Buffer, Length, NULL, NULL);

    *Done = (ULONG)IoStatus.Information;
    return Status;
}

static NTSTATUS KtPipeWrite(HANDLE File, const VOID *Buffer, ULONG Length, PULONG Done)
{
    IO_STATUS_BLOCK IoStatus = {.Information = 0};
    NTSTATUS Status = ZwWriteFile(File, NULL, NULL, NULL, &IoStatus, (PVOID)Buffer, Length, NULL, NULL);

    *Done = (ULONG)IoStatus.Information;
    return Status;
}

KTEST(io, pipe_delivers_bytes_in_order_across_writes)
{
    // Law: a byte pipe is a queue of bytes: reads need not match writes; both directions are independent.
    UCHAR Bytes[KT_QUOTA], Got[KT_QUOTA];
    HANDLE Server, Client;
    ULONG Done;

    if (!KtConnect(&Server, &Client, FILE_PIPE_BYTE_STREAM_TYPE))
        return;
    for (ULONG i = 0; i < sizeof(Bytes); i++)
        Bytes[i] = (UCHAR)(i * 7);
    expect_status(KtPipeWrite(Client, Bytes, 10, &Done), STATUS_SUCCESS);
    expect_status(KtPipeWrite(Client, Bytes + 10, 20, &Done), STATUS_SUCCESS);
    expect_eq(Done, 20);
    expect_status(KtPipeWrite(Server, "back", 4, &Done), STATUS_SUCCESS);
    expect_status(KtPipeRead(Server, Got, 15, &Done), STATUS_SUCCESS);
    expect_eq(Done, 15);
    expect_status(KtPipeRead(Server, Got + 15, sizeof(Got) - 15, &Done), STATUS_SUCCESS);
    expect_eq(Done, 15);
    expect(memcmp(Bytes, Got, 30) == 0);
    expect_status(KtPipeRead(Client, Got, sizeof(Got), &Done), STATUS_SUCCESS);
    expect_eq(Done, 4);
    expect(memcmp(Got, "back", 4) == 0);
    ZwClose(Client);
    ZwClose(Server);
}

KTEST(io, pipe_breaks_after_the_data_is_drained)
{
    // Law: when the writer has closed, what it wrote can be read; then STATUS_PIPE_BROKEN. Writing to a closed reader
    // fails with STATUS_PIPE_CLOSING. With both ends closed the name is free again.
    HANDLE Server, Client;
    UCHAR Got[8];
    ULONG Done;

    if (!KtConnect(&Server, &Client, FILE_PIPE_BYTE_STREAM_TYPE))
        return;
    expect_status(KtPipeWrite(Client, "last", 4, &Done), STATUS_SUCCESS);
    ZwClose(Client);
    expect_status(KtPipeWrite(Server, "x", 1, &Done), STATUS_PIPE_CLOSING);
    expect_status(KtPipeRead(Server, Got, sizeof(Got), &Done), STATUS_SUCCESS);
    expect_eq(Done, 4);
    expect_status(KtPipeRead(Server, Got, sizeof(Got), &Done), STATUS_PIPE_BROKEN);
    ZwClose(Server);
    expect_status(KtOpen(KT_PIPE, FILE_READ_DATA, 0, &Client), STATUS_OBJECT_NAME_NOT_FOUND);
}

static volatile ULONG KtWritten;
static volatile NTSTATUS KtWriteStatus;

static VOID NTAPI KtBigWriter(PVOID Context)
{
    UCHAR Bytes[KT_QUOTA * 3];
    ULONG Done;

    for (ULONG i = 0; i < sizeof(Bytes); i++)
        Bytes[i] = (UCHAR)i;
    KtWriteStatus = KtPipeWrite(Context, Bytes, sizeof(Bytes), &Done);
    KtWritten = Done;
}

KTEST(io, pipe_write_beyond_the_quota_waits_for_the_reader)
{
    // Law: a write of more than the quota ends only when enough has been read, and no byte is lost or doubled.
    LARGE_INTEGER Tick = {.QuadPart = -200000};
    HANDLE Server, Client;
    PETHREAD Writer;
    ULONG Done, Total = 0;
    UCHAR Byte;

    if (!KtConnect(&Server, &Client, FILE_PIPE_BYTE_STREAM_TYPE))
        return;
    KtWritten = 0;
    KtWriteStatus = STATUS_PENDING;
    Writer = KtStartThread(KtBigWriter, Client, LOW_REALTIME_PRIORITY);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
    expect_status(KtWriteStatus, STATUS_PENDING);
    while (Total < KT_QUOTA * 3) {
        expect_status(KtPipeRead(Server, &Byte, 1, &Done), STATUS_SUCCESS);
        if (Done != 1 || Byte != (UCHAR)Total)
            break;
        Total++;
    }
    expect_eq(Total, KT_QUOTA * 3);
    KtJoin(Writer);
    expect_status(KtWriteStatus, STATUS_SUCCESS);
    expect_eq(KtWritten, KT_QUOTA * 3);
    ZwClose(Client);
    ZwClose(Server);
}

static volatile NTSTATUS KtReadStatus;
static volatile ULONG KtReadBytes;

static VOID NTAPI KtPipeReader(PVOID Context)
{
    UCHAR Got[8];
    ULONG Done;

    KtReadStatus = KtPipeRead(Context, Got, sizeof(Got), &Done);
    KtReadBytes = Done;
}

KTEST(io, pipe_read_waits_for_data_or_the_end)
{
    // Law: a read of an empty pipe waits; a write ends it with what is there, the other end's close with
    // STATUS_PIPE_BROKEN.
    LARGE_INTEGER Tick = {.QuadPart = -200000};
    HANDLE Server, Client;
    PETHREAD Reader;
    ULONG Done;

    if (!KtConnect(&Server, &Client, FILE_PIPE_BYTE_STREAM_TYPE))
        return;
    KtReadStatus = STATUS_PENDING;
    Reader = KtStartThread(KtPipeReader, Server, LOW_REALTIME_PRIORITY);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
    expect_status(KtReadStatus, STATUS_PENDING);
    expect_status(KtPipeWrite(Client, "abc", 3, &Done), STATUS_SUCCESS);
    KtJoin(Reader);
    expect_status(KtReadStatus, STATUS_SUCCESS);
    expect_eq(KtReadBytes, 3);

    KtReadStatus = STATUS_PENDING;
    Reader = KtStartThread(KtPipeReader, Server, LOW_REALTIME_PRIORITY);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
    ZwClose(Client);
    KtJoin(Reader);
    expect_status(KtReadStatus, STATUS_PIPE_BROKEN);
    ZwClose(Server);
}

KTEST(io, pipe_peek_leaves_the_data)
{
    // Law: a peek tells how much there is, copies what fits and takes nothing away.
    struct {
        FILE_PIPE_PEEK_BUFFER Header;
        UCHAR More[16];
    } Peek;
    IO_STATUS_BLOCK IoStatus;
    HANDLE Server, Client;
    UCHAR Got[8];
    ULONG Done;

    if (!KtConnect(&Server, &Client, FILE_PIPE_BYTE_STREAM_TYPE))
        return;
    expect_status(KtPipeWrite(Client, "abcdef", 6, &Done), STATUS_SUCCESS);
    expect_status(ZwFsControlFile(Server, NULL, NULL, NULL, &IoStatus, FSCTL_PIPE_PEEK, NULL, 0, &Peek, 16 + 3),
                  STATUS_BUFFER_OVERFLOW);
    expect_eq(Peek.Header.ReadDataAvailable, 6);
    expect_eq(IoStatus.Information, 16 + 3);
    expect(memcmp(Peek.Header.Data, "abc", 3) == 0);
    expect_status(ZwFsControlFile(Server, NULL, NULL, NULL, &IoStatus, FSCTL_PIPE_PEEK, NULL, 0, &Peek, 8),
                  STATUS_INVALID_PARAMETER);
    expect_status(KtPipeRead(Server, Got, sizeof(Got), &Done), STATUS_SUCCESS);
    expect_eq(Done, 6);
    ZwClose(Client);
    ZwClose(Server);
}

KTEST(io, pipe_message_mode_keeps_boundaries)
{
    // Law: in message mode a read takes one message; STATUS_BUFFER_OVERFLOW leaves its rest for the next read.
    FILE_PIPE_INFORMATION Modes = {FILE_PIPE_MESSAGE_MODE, FILE_PIPE_QUEUE_OPERATION};
    IO_STATUS_BLOCK IoStatus;
    HANDLE Server, Client;
    UCHAR Got[16];
    ULONG Done;

    if (!KtConnect(&Server, &Client, FILE_PIPE_MESSAGE_TYPE))
        return;
    expect_status(ZwSetInformationFile(Client, &IoStatus, &Modes, sizeof(Modes), FilePipeInformation), STATUS_SUCCESS);
    expect_status(KtPipeWrite(Server, "first", 5, &Done), STATUS_SUCCESS);
    expect_status(KtPipeWrite(Server, "2nd", 3, &Done), STATUS_SUCCESS);
    expect_status(KtPipeRead(Client, Got, 2, &Done), STATUS_BUFFER_OVERFLOW);
    expect_eq(Done, 2);
    expect_status(KtPipeRead(Client, Got, sizeof(Got), &Done), STATUS_SUCCESS);
    expect_eq(Done, 3);
    expect(memcmp(Got, "rst", 3) == 0);
    expect_status(KtPipeRead(Client, Got, sizeof(Got), &Done), STATUS_SUCCESS);
    expect_eq(Done, 3);
    expect(memcmp(Got, "2nd", 3) == 0);
    ZwClose(Client);
    ZwClose(Server);
}

KTEST(io, pipe_instances_are_limited_and_can_be_reused)
{
    // Law: no more instances than the first creator allowed, no client without a listening instance; after a disconnect
    // and a new listen the same server end takes another client, and the old client's handle is dead.
    HANDLE Server, Second, Client, Other;
    IO_STATUS_BLOCK IoStatus;
    ULONG Done;

    expect_status(
        KtCreatePipe(&Server, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN_IF, 0, FILE_PIPE_BYTE_STREAM_TYPE, 1),
        STATUS_SUCCESS);
    expect_status(
        KtCreatePipe(&Second, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN_IF, 0, FILE_PIPE_BYTE_STREAM_TYPE, 1),
        STATUS_INSTANCE_NOT_AVAILABLE);
    expect_status(KtCreatePipe(&Second, FILE_SHARE_READ, FILE_OPEN_IF, 0, FILE_PIPE_BYTE_STREAM_TYPE, 1),
                  STATUS_ACCESS_DENIED);
    expect_status(KtOpen(KT_PIPE, FILE_WRITE_DATA, FILE_SYNCHRONOUS_IO_NONALERT, &Client), STATUS_SUCCESS);
    expect_status(KtOpen(KT_PIPE, FILE_WRITE_DATA, 0, &Other), STATUS_PIPE_NOT_AVAILABLE);
    expect_status(ZwFsControlFile(Server, NULL, NULL, NULL, &IoStatus, FSCTL_PIPE_LISTEN, NULL, 0, NULL, 0),
                  STATUS_PIPE_CONNECTED);
    expect_status(ZwFsControlFile(Server, NULL, NULL, NULL, &IoStatus, FSCTL_PIPE_DISCONNECT, NULL, 0, NULL, 0),
                  STATUS_SUCCESS);
    expect_status(KtPipeWrite(Client, "x", 1, &Done), STATUS_PIPE_DISCONNECTED);
    expect_status(ZwFsControlFile(Server, NULL, NULL, NULL, &IoStatus, FSCTL_PIPE_LISTEN, NULL, 0, NULL, 0),
                  STATUS_PENDING);
    expect_status(KtOpen(KT_PIPE, FILE_WRITE_DATA, FILE_SYNCHRONOUS_IO_NONALERT, &Other), STATUS_SUCCESS);
    expect_status(IoStatus.Status, STATUS_SUCCESS); // the listen has ended
    expect_status(KtPipeWrite(Other, "x", 1, &Done), STATUS_SUCCESS);
    ZwClose(Client);
    ZwClose(Other);
    ZwClose(Server);
}

KTEST(io, pipe_read_can_be_cancelled)
{
    // Law: a waiting read ends with STATUS_CANCELLED and leaves the pipe usable.
    IO_STATUS_BLOCK IoStatus, CancelStatus;
    HANDLE Server, Client;
    UCHAR Got[4];
    ULONG Done;

    expect_status(
        KtCreatePipe(&Server, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_CREATE, 0, FILE_PIPE_BYTE_STREAM_TYPE, 1),
        STATUS_SUCCESS);
    expect_status(KtOpen(KT_PIPE, FILE_WRITE_DATA, FILE_SYNCHRONOUS_IO_NONALERT, &Client), STATUS_SUCCESS);
    expect_status(ZwReadFile(Server, NULL, NULL, NULL, &IoStatus, Got, 4, NULL, NULL), STATUS_PENDING);
    expect_status(ZwCancelIoFile(Server, &CancelStatus), STATUS_SUCCESS);
    expect_status(IoStatus.Status, STATUS_CANCELLED);
    expect_status(KtPipeWrite(Client, "ok", 2, &Done), STATUS_SUCCESS);
    expect_status(ZwReadFile(Server, NULL, NULL, NULL, &IoStatus, Got, 4, NULL, NULL), STATUS_SUCCESS);
    expect_eq(IoStatus.Information, 2);
    ZwClose(Client);
    ZwClose(Server);
}
