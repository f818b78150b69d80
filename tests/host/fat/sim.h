// SPDX-License-Identifier: MIT
// A kernel small enough for one thread: just what drivers/fastfat and cc/ call, so that both run natively, as they are,
// on a disk in memory. simkernel.c has Ex, Ke, Io, Ob; simmm.c has Mm's side of caching; simio.c sends the requests.

#ifndef MICA_TESTS_SIM_H
#define MICA_TESTS_SIM_H

#include "ntos.h"

// From the host's C library (its headers and NT's do not go together).
int printf(const char *Format, ...);
void *malloc(size_t Size);
void *calloc(size_t Count, size_t Size);
void free(void *Memory);
void abort(void);
void exit(int Code);

#define SimCheck(e) ((e) ? (void)0 : SimFailed(#e, __FILE__, __LINE__))
DECLSPEC_NORETURN VOID SimFailed(PCSTR Expression, PCSTR File, ULONG Line);

// The disk
extern PUCHAR SimDisk;
extern ULONGLONG SimDiskBytes;
extern ULONG SimWrites;    // made so far
VOID SimBeforeWrite(VOID); // the test's: the disk is what a power cut here would leave
// The disk's write cache (simcache.c): what a write changes may stay in it until a flush.
VOID SimUseWriteCache(VOID);
VOID SimNoteWrite(ULONGLONG Offset, const UCHAR *Data, ULONG Length);
VOID SimNoteFlush(VOID);
PUCHAR SimCutPower(VOID); // a disk that a power cut here would leave: any part of what the cache holds is lost
VOID SimLoadDisk(PCSTR Path);
VOID SimSaveDisk(PCSTR Path);

// The machine
VOID SimStart(VOID);
ULONG SimRandom(VOID);
extern ULONGLONG SimSeed;
VOID SimTick(VOID); // a second passes: timers fire, workers run
extern ULONG SimPoolBlocks;
extern LONG SimLocksHeld;
VOID SimVerifyPages(VOID); // every clean page in memory is what a page read gives
VOID SimPageSweep(VOID);   // Mm gives up unused segments, at random

// Files; all as from kernel mode
NTSTATUS SimMount(VOID);
NTSTATUS SimOpen(PCSTR Path, ACCESS_MASK Access, ULONG Share, ULONG Disposition, ULONG Options, ULONG Attributes,
                 PFILE_OBJECT *File, PULONG_PTR Information);
VOID SimClose(PFILE_OBJECT File);
NTSTATUS SimTransfer(PFILE_OBJECT File, BOOLEAN Write, ULONGLONG Offset, PVOID Buffer, ULONG Length, BOOLEAN Direct,
                     PULONG Done);
NTSTATUS SimQuery(PFILE_OBJECT File, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length);
NTSTATUS SimSet(PFILE_OBJECT File, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length);
NTSTATUS SimRename(PFILE_OBJECT File, PCSTR Path, BOOLEAN Replace);
NTSTATUS SimQueryDirectory(PFILE_OBJECT File, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length, PCSTR Pattern,
                           UCHAR Flags, PULONG Used);
NTSTATUS SimQueryVolume(FS_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length);
NTSTATUS SimFlush(PFILE_OBJECT File);
VOID SimShutdown(VOID);
ULONG SimMetadataBlocks(VOID); // pool blocks of the metadata cache
// simmm.c
VOID SimDeleteSection(PVOID Section);
BOOLEAN SimIsSection(PVOID Object);
// simkernel.c
NTSTATUS SimSend(PDEVICE_OBJECT Device, PIRP Irp); // completes in SimIoStatus
extern IO_STATUS_BLOCK SimIoStatus;
extern PDRIVER_OBJECT SimDriver;
extern PDEVICE_OBJECT SimTarget, SimVolume;

#endif
