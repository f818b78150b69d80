// SPDX-License-Identifier: MIT
// Share access: what the opens of one file allow each other. Each open that reads, writes or deletes counts; a new one
// fails if it wants what an earlier one does not share, or does not share what an earlier one has.
// Source: WDK documentation (IoCheckShareAccess).

#include "iop.h"

static BOOLEAN IopNoteAccess(ACCESS_MASK DesiredAccess, ULONG DesiredShare, PFILE_OBJECT File)
{
    File->ReadAccess = (DesiredAccess & (FILE_EXECUTE | FILE_READ_DATA)) != 0;
    File->WriteAccess = (DesiredAccess & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
    File->DeleteAccess = (DesiredAccess & DELETE) != 0;
    if (!File->ReadAccess && !File->WriteAccess && !File->DeleteAccess)
        return FALSE;
    File->SharedRead = (DesiredShare & FILE_SHARE_READ) != 0;
    File->SharedWrite = (DesiredShare & FILE_SHARE_WRITE) != 0;
    File->SharedDelete = (DesiredShare & FILE_SHARE_DELETE) != 0;
    return TRUE;
}

static BOOLEAN IopCounts(PFILE_OBJECT File)
{
    return File->ReadAccess || File->WriteAccess || File->DeleteAccess;
}

static BOOLEAN IopConflicts(PFILE_OBJECT File, PSHARE_ACCESS Share)
{
    if ((File->ReadAccess && Share->SharedRead < Share->OpenCount) ||
        (File->WriteAccess && Share->SharedWrite < Share->OpenCount) ||
        (File->DeleteAccess && Share->SharedDelete < Share->OpenCount))
        return TRUE;
    return (Share->Readers != 0 && !File->SharedRead) || (Share->Writers != 0 && !File->SharedWrite) ||
           (Share->Deleters != 0 && !File->SharedDelete);
}

// Checks an open against those before it, and counts it if Update.
//
// The caller holds the lock that protects ShareAccess. STATUS_SHARING_VIOLATION.
NTSTATUS NTAPI IoCheckShareAccess(ACCESS_MASK DesiredAccess, ULONG DesiredShare, PFILE_OBJECT File,
                                  PSHARE_ACCESS ShareAccess, BOOLEAN Update)
{
    if (!IopNoteAccess(DesiredAccess, DesiredShare, File))
        return STATUS_SUCCESS;
    if (IopConflicts(File, ShareAccess))
        return STATUS_SHARING_VIOLATION;
    if (Update)
        IoUpdateShareAccess(File, ShareAccess);
    return STATUS_SUCCESS;
}

// Starts the counts with a file's first open.
//
// The caller holds the lock that protects ShareAccess.
VOID NTAPI IoSetShareAccess(ACCESS_MASK DesiredAccess, ULONG DesiredShare, PFILE_OBJECT File, PSHARE_ACCESS ShareAccess)
{
    memset(ShareAccess, 0, sizeof(*ShareAccess));
    if (IopNoteAccess(DesiredAccess, DesiredShare, File))
        IoUpdateShareAccess(File, ShareAccess);
}

// Counts an open that IoCheckShareAccess has let pass without Update.
//
// The caller holds the lock that protects ShareAccess.
VOID NTAPI IoUpdateShareAccess(PFILE_OBJECT File, PSHARE_ACCESS ShareAccess)
{
    if (!IopCounts(File))
        return;
    ShareAccess->OpenCount++;
    ShareAccess->Readers += File->ReadAccess;
    ShareAccess->Writers += File->WriteAccess;
    ShareAccess->Deleters += File->DeleteAccess;
    ShareAccess->SharedRead += File->SharedRead;
    ShareAccess->SharedWrite += File->SharedWrite;
    ShareAccess->SharedDelete += File->SharedDelete;
}

// Takes an open out of the counts.
//
// The caller holds the lock that protects ShareAccess.
VOID NTAPI IoRemoveShareAccess(PFILE_OBJECT File, PSHARE_ACCESS ShareAccess)
{
    if (!IopCounts(File))
        return;
    ShareAccess->OpenCount--;
    ShareAccess->Readers -= File->ReadAccess;
    ShareAccess->Writers -= File->WriteAccess;
    ShareAccess->Deleters -= File->DeleteAccess;
    ShareAccess->SharedRead -= File->SharedRead;
    ShareAccess->SharedWrite -= File->SharedWrite;
    ShareAccess->SharedDelete -= File->SharedDelete;
}
