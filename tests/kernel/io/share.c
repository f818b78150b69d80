// SPDX-License-Identifier: MIT
// Share access as a law over all pairs of opens. Source: SDK documentation, "Creating and Opening Files" (the sharing
// table).

#include "testdrv.h"

static ACCESS_MASK KtAccess(ULONG Bits)
{
    return ((Bits & 1) ? FILE_READ_DATA : 0) | ((Bits & 2) ? FILE_WRITE_DATA : 0) | ((Bits & 4) ? DELETE : 0);
}

KTEST(io, share_access_matrix)
{
    // Law: a second open succeeds exactly if what each of the two wants is shared by the other; opens that want neither
    // data nor deletion do not count. After removing both, nothing is counted.
    for (ULONG Case = 0; Case < 8 * 8 * 8 * 8; Case++) {
        ULONG Access1 = Case & 7, Share1 = (Case >> 3) & 7, Access2 = (Case >> 6) & 7, Share2 = Case >> 9;
        BOOLEAN Fits = Access1 == 0 || Access2 == 0 || ((Access2 & ~Share1) == 0 && (Access1 & ~Share2) == 0);
        FILE_OBJECT First = {.Type = IO_TYPE_FILE}, Second = {.Type = IO_TYPE_FILE};
        SHARE_ACCESS Share, None = {.OpenCount = 0};
        NTSTATUS Status;

        IoSetShareAccess(KtAccess(Access1), Share1, &First, &Share);
        Status = IoCheckShareAccess(KtAccess(Access2), Share2, &Second, &Share, TRUE);
        if ((Status == STATUS_SUCCESS) != Fits)
            expect_eq(Case, MAXULONG); // names the case that is wrong
        if (NT_SUCCESS(Status))
            IoRemoveShareAccess(&Second, &Share);
        IoRemoveShareAccess(&First, &Share);
        if (memcmp(&Share, &None, sizeof(Share)) != 0)
            expect_eq(Case, MAXULONG);
    }
    expect(TRUE);
}
