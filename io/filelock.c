// SPDX-License-Identifier: MIT
// The lock of a synchronous file object: Busy is the lock, Lock the event that the holder sets when Waiters says that
// somebody wants it. One operation at a time is what gives such a handle its file position.

#include "iop.h"

// The lock was not free: waits until this thread has it. Contract: IopAcquireFileLock (iop.h).
NTSTATUS NTAPI IopWaitForFileLock(PFILE_OBJECT File, KPROCESSOR_MODE Mode)
{
    BOOLEAN Alertable = (File->Flags & FO_ALERTABLE_IO) != 0;
    NTSTATUS Status = STATUS_SUCCESS;

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
