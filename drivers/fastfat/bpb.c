// SPDX-License-Identifier: MIT
// The boot sector: is this a FAT32 volume that can be trusted? Every number that later code divides or indexes by is
// checked here, once, so that a corrupt disk ends in "unrecognized volume" and nowhere else.

#include "fatdisk.h"

static BOOLEAN FatIsPowerOfTwo(ULONG Value)
{
    return Value != 0 && (Value & (Value - 1)) == 0;
}

static BOOLEAN FatCheckFixedFields(const UCHAR *Boot)
{
    ULONG BytesPerSector = FatGet16(Boot + FAT_BOOT_BYTES_PER_SECTOR);
    ULONG SectorsPerCluster = Boot[FAT_BOOT_SECTORS_PER_CLUSTER];

    if (FatGet16(Boot + FAT_BOOT_SIGNATURE) != 0xAA55)
        return FALSE;
    if (Boot[0] != 0xEB && Boot[0] != 0xE9)
        return FALSE;
    if (!FatIsPowerOfTwo(BytesPerSector) || BytesPerSector < 512 || BytesPerSector > 4096)
        return FALSE;
    if (!FatIsPowerOfTwo(SectorsPerCluster) || SectorsPerCluster * BytesPerSector > 0x10000)
        return FALSE;
    if (FatGet16(Boot + FAT_BOOT_RESERVED_SECTORS) == 0 || Boot[FAT_BOOT_FATS] == 0 || Boot[FAT_BOOT_FATS] > 4)
        return FALSE;
    if (Boot[FAT_BOOT_MEDIA] != 0xF0 && Boot[FAT_BOOT_MEDIA] < 0xF8)
        return FALSE;
    // A FAT12 or FAT16 volume has a fixed root directory and a 16-bit FAT size: not ours.
    if (FatGet16(Boot + FAT_BOOT_ROOT_ENTRIES) != 0 || FatGet16(Boot + FAT_BOOT_SECTORS_PER_FAT16) != 0)
        return FALSE;
    return FatGet16(Boot + FAT_BOOT_VERSION) == 0 && FatGet32(Boot + FAT_BOOT_SECTORS_PER_FAT32) != 0;
}

// FALSE when the areas do not fit each other or the device.
static BOOLEAN FatLayOut(const UCHAR *Boot, ULONGLONG DeviceBytes, PFAT_GEOMETRY Geometry)
{
    ULONGLONG Total = FatGet32(Boot + FAT_BOOT_SECTORS32), FatSectors = FatGet32(Boot + FAT_BOOT_SECTORS_PER_FAT32);
    ULONGLONG Reserved = FatGet16(Boot + FAT_BOOT_RESERVED_SECTORS), Data, Clusters;
    ULONG Sector = Geometry->BytesPerSector;

    if (Total == 0)
        Total = FatGet16(Boot + FAT_BOOT_SECTORS16);
    if (Total * Sector > DeviceBytes || FatSectors * Sector > 0x40000000)
        return FALSE;
    Data = Reserved + FatSectors * Geometry->Fats;
    if (Data >= Total)
        return FALSE;
    Clusters = (Total - Data) * Sector >> Geometry->ClusterShift;
    if (Clusters == 0 || Clusters > FAT_MAXIMUM_CLUSTERS || (Clusters + FAT_FIRST_CLUSTER) * 4 > FatSectors * Sector)
        return FALSE;
    Geometry->ClusterCount = (ULONG)Clusters;
    Geometry->FatBytes = (ULONG)FatSectors * Sector;
    Geometry->FatLbo = Reserved * Sector;
    Geometry->DataLbo = Data * Sector;
    Geometry->VolumeBytes = Total * Sector;
    return TRUE;
}

// Checks a boot sector (FAT_BOOT_SIZE bytes) and fills Geometry from it. DeviceBytes: size of the partition.
// FALSE: not a FAT32 volume, or one whose numbers contradict each other. IRQL <= APC_LEVEL, touches nothing else.
BOOLEAN FatParseBootSector(const UCHAR *Boot, ULONGLONG DeviceBytes, PFAT_GEOMETRY Geometry)
{
    ULONG Flags = FatGet16(Boot + FAT_BOOT_EXTENDED_FLAGS), FsInfo = FatGet16(Boot + FAT_BOOT_FSINFO_SECTOR);

    memset(Geometry, 0, sizeof(*Geometry));
    if (!FatCheckFixedFields(Boot))
        return FALSE;
    Geometry->BytesPerSector = FatGet16(Boot + FAT_BOOT_BYTES_PER_SECTOR);
    Geometry->ClusterSize = Geometry->BytesPerSector * Boot[FAT_BOOT_SECTORS_PER_CLUSTER];
    Geometry->ClusterShift = (ULONG)__builtin_ctz((unsigned int)Geometry->ClusterSize);
    Geometry->Fats = Boot[FAT_BOOT_FATS];
    Geometry->Mirrored = (Flags & FAT_NO_MIRROR) == 0;
    Geometry->ActiveFat = Geometry->Mirrored ? 0 : (Flags & 0xF);
    if (Geometry->ActiveFat >= Geometry->Fats || !FatLayOut(Boot, DeviceBytes, Geometry))
        return FALSE;
    Geometry->RootCluster = FatGet32(Boot + FAT_BOOT_ROOT_CLUSTER) & FAT_ENTRY_MASK;
    if (Geometry->RootCluster < FAT_FIRST_CLUSTER ||
        Geometry->RootCluster - FAT_FIRST_CLUSTER >= Geometry->ClusterCount)
        return FALSE;
    if (FsInfo != 0 && FsInfo < FatGet16(Boot + FAT_BOOT_RESERVED_SECTORS))
        Geometry->FsInfoLbo = (ULONGLONG)FsInfo * Geometry->BytesPerSector;
    Geometry->SerialNumber = FatGet32(Boot + FAT_BOOT_SERIAL);
    memcpy(Geometry->Label, Boot + FAT_BOOT_LABEL, sizeof(Geometry->Label));
    return TRUE;
}
