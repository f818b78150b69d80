// SPDX-License-Identifier: MIT
// The dispatch routine that most drivers need most often.

#include "driver.h"

// Completes a request that asks for nothing the driver would have to do: an open (which then says so), a close, a
// flush. IRQL <= DISPATCH_LEVEL.
NTSTATUS NTAPI DrvSucceed(PDEVICE_OBJECT Device, PIRP Irp)
{
    ULONG_PTR Information = IoGetCurrentIrpStackLocation(Irp)->MajorFunction == IRP_MJ_CREATE ? FILE_OPENED : 0;

    UNREFERENCED_PARAMETER(Device);
    return DrvCompleteIrp(Irp, STATUS_SUCCESS, Information, IO_NO_INCREMENT);
}
