// SPDX-License-Identifier: MIT
// Named pipes. A pipe name (NP_FCB) has instances (NP_CCB); an instance has two ends and a queue of bytes for each
// direction. One spin lock guards everything; requests that become finished under it are collected and completed after.
//
//     client  --writes-->  Queue[FILE_PIPE_INBOUND  = 0]  --reads-->  server
//     client  <--reads---  Queue[FILE_PIPE_OUTBOUND = 1]  <--writes-- server
//
// An end e therefore writes to Queue[e] and reads from Queue[1 - e] (FILE_PIPE_CLIENT_END is 0, ..._SERVER_END 1).

#ifndef MICA_NPFS_H
#define MICA_NPFS_H

#include "ntos.h"

#define TAG_NPFS 0x7366704E // 'Npfs'

struct _NP_QUEUE;

// Bytes in a queue, or a request that waits: the IRP's DriverContext[0] points back here.
typedef struct _NP_ENTRY {
    LIST_ENTRY Link;
    PIRP Irp;                // NULL: buffered data behind the entry
    struct _NP_QUEUE *Queue; // whose Available counts the rest of this entry; NULL: reads, flushes, listens
    ULONG Length;
    ULONG Done; // bytes already read
    PCHAR Data;
} NP_ENTRY, *PNP_ENTRY;

typedef struct _NP_QUEUE {
    LIST_ENTRY Entries; // data in order: buffered entries, then writes that wait for room, flushes between them
    LIST_ENTRY Readers; // reads that wait for data; only while there is none
    ULONG Quota;        // bytes that may be buffered
    ULONG Buffered;     // bytes that are
    ULONG Available;    // bytes that can be read: buffered and in waiting writes
} NP_QUEUE, *PNP_QUEUE;

typedef struct _NP_FCB {
    LIST_ENTRY Link; // NpPipes
    LIST_ENTRY Instances;
    ULONG References; // CCBs that are not freed yet
    ULONG MaximumInstances;
    ULONG CurrentInstances;
    ULONG Type;          // FILE_PIPE_*_TYPE
    ULONG Configuration; // FILE_PIPE_INBOUND, OUTBOUND, FULL_DUPLEX
    LARGE_INTEGER DefaultTimeout;
    UNICODE_STRING Name;
} NP_FCB, *PNP_FCB;

typedef struct _NP_CCB {
    LIST_ENTRY Link; // in its FCB while an end is open
    PNP_FCB Fcb;
    ULONG State;          // FILE_PIPE_*_STATE
    PFILE_OBJECT File[2]; // the open ends; a client that was disconnected is not one any more
    ULONG ReadMode[2];
    ULONG CompletionMode[2];
    NP_QUEUE Queue[2];
    LIST_ENTRY Listeners;
    ULONG References; // file objects whose close has not come
} NP_CCB, *PNP_CCB;

// FILE_OBJECT: FsContext is the CCB (NULL: the root or the device itself), FsContext2 the end.
#define NpCcb(File) ((PNP_CCB)(File)->FsContext)
#define NpEnd(File) ((ULONG)(ULONG_PTR)(File)->FsContext2)

extern KSPIN_LOCK NpLock;
extern LIST_ENTRY NpPipes; // of NP_FCB, under NpLock

// --- queue.c, pend.c: under NpLock
VOID NpInitializeQueue(PNP_QUEUE Queue, ULONG Quota);
NTSTATUS NpReadQueue(PNP_QUEUE Queue, PVOID Buffer, ULONG Length, BOOLEAN MessageMode, PULONG Copied, PLIST_ENTRY Done);
ULONG NpPeekQueue(PNP_QUEUE Queue, PVOID Buffer, ULONG Length, BOOLEAN MessageMode, PULONG FirstLength,
                  PULONG Messages);
ULONG NpFeedReaders(PNP_QUEUE Queue, PCHAR Data, ULONG Length, ULONG MessageMode, PLIST_ENTRY Done);
VOID NpFailList(PLIST_ENTRY List, NTSTATUS Status, PLIST_ENTRY Done);
VOID NpDiscardQueue(PNP_QUEUE Queue, NTSTATUS Status, PLIST_ENTRY Done);
BOOLEAN NpHasData(PNP_QUEUE Queue);
NTSTATUS NpPend(PNP_ENTRY Entry, PLIST_ENTRY List, PIRP Irp, PLIST_ENTRY Done);
BOOLEAN NpOwn(PNP_ENTRY Entry);
VOID NpFinish(PIRP Irp, NTSTATUS Status, ULONG_PTR Information, PLIST_ENTRY Done);
VOID NpFreeEntry(PNP_ENTRY Entry);
// --- pend.c: without NpLock
PNP_ENTRY NpAllocateEntry(ULONG DataLength);
VOID NpCompleteAll(PLIST_ENTRY Done);
NTSTATUS NpComplete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information);

// --- names.c: under NpLock
PNP_FCB NpFindPipe(PUNICODE_STRING Name);
VOID NpUnlinkInstance(PNP_CCB Ccb);
VOID NpReleaseCcb(PNP_CCB Ccb);

// --- the dispatch routines
NTCHECK NpCreate(PDEVICE_OBJECT Device, PIRP Irp);          // open.c
NTCHECK NpCreateNamedPipe(PDEVICE_OBJECT Device, PIRP Irp); // createpipe.c
NTCHECK NpCleanup(PDEVICE_OBJECT Device, PIRP Irp);         // close.c
NTCHECK NpClose(PDEVICE_OBJECT Device, PIRP Irp);
NTCHECK NpRead(PDEVICE_OBJECT Device, PIRP Irp); // readwrite.c
NTCHECK NpWrite(PDEVICE_OBJECT Device, PIRP Irp);
NTCHECK NpFlush(PDEVICE_OBJECT Device, PIRP Irp);
NTCHECK NpFsControl(PDEVICE_OBJECT Device, PIRP Irp);        // control.c
NTCHECK NpQueryInformation(PDEVICE_OBJECT Device, PIRP Irp); // query.c
NTCHECK NpSetInformation(PDEVICE_OBJECT Device, PIRP Irp);
NTCHECK NpQueryVolume(PDEVICE_OBJECT Device, PIRP Irp);

#endif
