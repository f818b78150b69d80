// SPDX-License-Identifier: MIT
// FAT32 as it lies on the disk, and the code that only looks at bytes: boot sector, names, directory entries, time
// stamps, the free-cluster map. Nothing here waits, locks or allocates, so that tests/host/fat runs it natively.
// Source: Microsoft "FAT: General Overview of On-Disk Format" 1.03 (the FAT32 specification), MS "Long Filename
// Specification".

#ifndef MICA_FASTFAT_FATDISK_H
#define MICA_FASTFAT_FATDISK_H

#ifdef MICA_HOST
#include "fathost.h"
#else
#include "ntos.h"
#endif

// --- the boot sector (byte offsets; fields are not aligned)
#define FAT_BOOT_BYTES_PER_SECTOR 0x0B
#define FAT_BOOT_SECTORS_PER_CLUSTER 0x0D
#define FAT_BOOT_RESERVED_SECTORS 0x0E
#define FAT_BOOT_FATS 0x10
#define FAT_BOOT_ROOT_ENTRIES 0x11
#define FAT_BOOT_SECTORS16 0x13
#define FAT_BOOT_MEDIA 0x15
#define FAT_BOOT_SECTORS_PER_FAT16 0x16
#define FAT_BOOT_SECTORS32 0x20
#define FAT_BOOT_SECTORS_PER_FAT32 0x24
#define FAT_BOOT_EXTENDED_FLAGS 0x28
#define FAT_BOOT_VERSION 0x2A
#define FAT_BOOT_ROOT_CLUSTER 0x2C
#define FAT_BOOT_FSINFO_SECTOR 0x30
#define FAT_BOOT_STATE 0x41
#define FAT_BOOT_SERIAL 0x43
#define FAT_BOOT_LABEL 0x47
#define FAT_BOOT_SIGNATURE 0x1FE
#define FAT_BOOT_SIZE 512
#define FAT_STATE_DIRTY 0x01
#define FAT_NO_MIRROR 0x80 // ExtendedFlags: only the FAT in the low four bits is live

// --- the FSInfo sector
#define FAT_FSINFO_LEAD 0x000
#define FAT_FSINFO_STRUCT 0x1E4
#define FAT_FSINFO_FREE 0x1E8
#define FAT_FSINFO_NEXT 0x1EC
#define FAT_FSINFO_LEAD_VALUE 0x41615252u
#define FAT_FSINFO_STRUCT_VALUE 0x61417272u

// --- FAT entries
#define FAT_ENTRY_MASK 0x0FFFFFFFu
#define FAT_ENTRY_BAD 0x0FFFFFF7u
#define FAT_ENTRY_END_MINIMUM 0x0FFFFFF8u
#define FAT_ENTRY_END 0x0FFFFFFFu
#define FAT_ENTRY1_CLEAN 0x08000000u // in entry 1: the volume was shut down cleanly
#define FAT_FIRST_CLUSTER 2u
#define FAT_MAXIMUM_CLUSTERS 0x0FFFFFF5u

// What the boot sector says, checked and worked out. Lbo: byte offset on the volume.
typedef struct _FAT_GEOMETRY {
    ULONG BytesPerSector;
    ULONG ClusterShift; // bytes
    ULONG ClusterSize;
    ULONG ClusterCount; // clusters 2 .. ClusterCount + 1
    ULONG RootCluster;
    ULONG FatBytes; // of one FAT, as the FAT area has it
    ULONG Fats;
    ULONG ActiveFat;
    BOOLEAN Mirrored;
    ULONGLONG FatLbo; // of FAT 0
    ULONGLONG DataLbo;
    ULONGLONG FsInfoLbo; // 0: none
    ULONGLONG VolumeBytes;
    ULONG SerialNumber;
    UCHAR Label[11];
} FAT_GEOMETRY, *PFAT_GEOMETRY;

// --- directory entries
typedef struct _FAT_DIRENT {
    UCHAR Name[11];
    UCHAR Attributes;
    UCHAR NtCase;       // FAT_CASE_*
    UCHAR CreateTenths; // 10 ms
    USHORT CreateTime;
    USHORT CreateDate;
    USHORT AccessDate;
    USHORT ClusterHigh;
    USHORT WriteTime;
    USHORT WriteDate;
    USHORT ClusterLow;
    ULONG FileSize;
} FAT_DIRENT, *PFAT_DIRENT;
C_ASSERT_SIZE(FAT_DIRENT, 32);
#define FAT_DIRENT_SIZE 32u
#define FAT_ATTR_READ_ONLY 0x01
#define FAT_ATTR_HIDDEN 0x02
#define FAT_ATTR_SYSTEM 0x04
#define FAT_ATTR_VOLUME 0x08
#define FAT_ATTR_DIRECTORY 0x10
#define FAT_ATTR_ARCHIVE 0x20
#define FAT_ATTR_LFN 0x0F
#define FAT_ATTR_SETTABLE (FAT_ATTR_READ_ONLY | FAT_ATTR_HIDDEN | FAT_ATTR_SYSTEM | FAT_ATTR_ARCHIVE)
#define FAT_CASE_LOWER_BASE 0x08
#define FAT_CASE_LOWER_EXT 0x10
#define FAT_DIRENT_FREE 0xE5
#define FAT_DIRENT_END 0x00
#define FAT_DIRENT_REALLY_E5 0x05
#define FAT_LFN_LAST 0x40
#define FAT_LFN_CHARACTERS 13u
#define FAT_NAME_MAXIMUM 255u                 // characters of a long name
#define FAT_MAXIMUM_DIRECTORY_BYTES 0x200000u // 65536 entries

FORCEINLINE ULONG FatDirentCluster(const FAT_DIRENT *Dirent)
{
    return ((ULONG)Dirent->ClusterHigh << 16 | Dirent->ClusterLow) & FAT_ENTRY_MASK;
}
FORCEINLINE VOID FatSetDirentCluster(PFAT_DIRENT Dirent, ULONG Cluster)
{
    Dirent->ClusterHigh = (USHORT)(Cluster >> 16);
    Dirent->ClusterLow = (USHORT)Cluster;
}

// --- bpb.c
BOOLEAN FatParseBootSector(const UCHAR *Boot, ULONGLONG DeviceBytes, PFAT_GEOMETRY Geometry);
FORCEINLINE ULONG FatGet16(const UCHAR *p)
{
    return p[0] | (ULONG)p[1] << 8;
}
FORCEINLINE ULONG FatGet32(const UCHAR *p)
{
    return FatGet16(p) | FatGet16(p + 2) << 16;
}
FORCEINLINE VOID FatPut32(PUCHAR p, ULONG Value)
{
    p[0] = (UCHAR)Value;
    p[1] = (UCHAR)(Value >> 8);
    p[2] = (UCHAR)(Value >> 16);
    p[3] = (UCHAR)(Value >> 24);
}

// --- name.c
BOOLEAN FatIsNameLegal(const WCHAR *Name, ULONG Length);
BOOLEAN FatNamesEqual(const WCHAR *First, ULONG FirstLength, const WCHAR *Second, ULONG SecondLength);
ULONG FatShortToUnicode(const UCHAR *Short, UCHAR NtCase, WCHAR *Name);
BOOLEAN FatFitsShort(const WCHAR *Name, ULONG Length, PUCHAR Short, PUCHAR NtCase);
// --- alias.c
#define FAT_ALIAS_CANDIDATES 13u
VOID FatMakeAlias(const WCHAR *Name, ULONG Length, ULONG Attempt, PUCHAR Short);
// --- short names
// The Unicode character of a byte of a short name: code page 437. The short names that we make are pure ASCII.
FORCEINLINE WCHAR FatOemToUnicode(UCHAR Character)
{
    WCHAR Wide = 0;

    IGNORE_STATUS(RtlOemToUnicodeN(&Wide, sizeof(Wide), NULL, (const CHAR *)&Character, 1)); // one always succeeds
    return Wide;
}

// --- lfn.c
UCHAR FatShortChecksum(const UCHAR *Short);
ULONG FatLfnEntries(ULONG Length);
VOID FatBuildLfn(const WCHAR *Name, ULONG Length, ULONG Ordinal, UCHAR Checksum, PUCHAR Entry);

// --- scan.c: feeds entries in order, gives whole files
typedef enum _FAT_SCAN_RESULT { FatScanMore, FatScanFile, FatScanLabel, FatScanFree, FatScanEnd } FAT_SCAN_RESULT;
typedef struct _FAT_SCAN {
    ULONG Expected; // ordinal of the next long-name entry; 0: none is open
    UCHAR Checksum;
    ULONG Pending; // characters gathered for the open long name
    // The result
    FAT_DIRENT Dirent;
    ULONG FirstOffset;  // of its first entry
    ULONG DirentOffset; // of its short entry
    ULONG LongLength;   // characters; 0: there is no long name
    WCHAR Long[FAT_LFN_CHARACTERS * 20];
} FAT_SCAN, *PFAT_SCAN;
VOID FatScanReset(PFAT_SCAN Scan);
FAT_SCAN_RESULT FatScanFeed(PFAT_SCAN Scan, const UCHAR *Entry, ULONG Offset);
ULONG FatScanName(const FAT_SCAN *Scan, WCHAR *Name);

// --- stamp.c: FAT keeps local time; the system's local time is UTC
LONGLONG FatStampToTime(USHORT Date, USHORT Time, UCHAR Tenths);
VOID FatTimeToStamp(LONGLONG NtTime, USHORT *Date, USHORT *Time, UCHAR *Tenths);

// --- freemap.c: one bit a cluster, set: in use. Bit 0 is cluster 2.
typedef struct _FAT_FREE_MAP {
    ULONG *Words;
    ULONG Count; // clusters
    ULONG Free;
} FAT_FREE_MAP, *PFAT_FREE_MAP;
#define FAT_FREE_MAP_BYTES(Clusters) (((Clusters) + 31) / 32 * 4)
BOOLEAN FatMapTest(const FAT_FREE_MAP *Map, ULONG Cluster);
VOID FatMapMark(PFAT_FREE_MAP Map, ULONG Cluster, BOOLEAN Used);
ULONG FatMapFindRun(const FAT_FREE_MAP *Map, ULONG Hint, ULONG Wanted, ULONG *Cluster);

#endif
