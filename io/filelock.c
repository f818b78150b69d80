// SPDX-License-Identifier: MIT
// The lock of a synchronous file object: Busy is the lock, Lock the event that the holder sets when Waiters says that
// somebody wants it. One operation at a time is what gives such a handle its file position.

#include "iop.h"

static BOOLEAN IopTryFileLock(PFILE_OBJECT File)
{
    return InterlockedExchange((volatile LONG *)&File->Busy, TRUE) == FALSE;
}

// Takes a file object's lock.
//
// Mode: of the wait; a user-mode wait ends when the thread is terminated.   PASSIVE_LEVEL.
// STATUS_SUCCESS, or STATUS_ALERTED / STATUS_USER_APC: the lock is not held.
NTSTATUS NTAPI IopAcquireFileLock(PFILE_OBJECT File, KPROCESSOR_MODE Mode)
{
    BOOLEAN Alertable = (File->Flags & FO_ALERTABLE_IO) != 0;
    NTSTATUS Status = STATUS_SUCCESS;

    if (IopTryFileLock(File))
        return STATUS_SUCCESS;
    InterlockedIncrement((volatile LONG *)&File->Waiters);
    while (!IopTryFileLock(File)) {
        Status = KeWaitForSingleObject(&File->Lock, Executive, Mode, Alertable, NULL);
        if (Status == STATUS_ALERTED || Status == STATUS_USER_APC)
            break;
        Status = STATUS_SUCCESS;
    }
    InterlockedDecrement((volatile LONG *)&File->Waiters);
    return Status;
}

// Releases a file object's lock and lets one waiter try.
//
// <= DISPATCH_LEVEL.
VOID IopReleaseFileLock(PFILE_OBJECT File)
{
    InterlockedExchange((volatile LONG *)&File->Busy, FALSE);
    if (*(volatile ULONG *)&File->Waiters != 0)
        KeSetEvent(&File->Lock, IO_NO_INCREMENT, FALSE);
}
