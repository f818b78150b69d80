// SPDX-License-Identifier: MIT
// Host ring: laws of FAT's pure code (drivers/fastfat: bpb, name, alias, lfn, stamp, freemap), under ASan and UBSan.
// Prints a line a law; exits non-zero on a failure. Argument: a seed.

#include <stdio.h>
#include <stdlib.h>

#include "drivers/fastfat/fatdisk.h"

static unsigned Failed;
static char FirstFailure[400];
static uint64_t Seed = 1;

#define expect(e)                                                                                                      \
    do {                                                                                                               \
        if (!(e) && Failed++ == 0)                                                                                     \
            snprintf(FirstFailure, sizeof(FirstFailure), "the first at %s:%d: expected %s", __FILE__, __LINE__, #e);   \
    } while (0)

static uint32_t Random(void)
{
    Seed = Seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(Seed >> 33);
}

static ULONG Widen(const char *Text, WCHAR *Name)
{
    ULONG i = 0;

    for (; Text[i] != 0; i++)
        Name[i] = (unsigned char)Text[i];
    return i;
}

static void MakeBoot(UCHAR *Boot)
{
    static const struct {
        ULONG Offset, Size, Value;
    } Fields[] = {
        {0, 1, 0xEB},
        {FAT_BOOT_BYTES_PER_SECTOR, 2, 512},
        {FAT_BOOT_SECTORS_PER_CLUSTER, 1, 1},
        {FAT_BOOT_RESERVED_SECTORS, 2, 32},
        {FAT_BOOT_FATS, 1, 2},
        {FAT_BOOT_MEDIA, 1, 0xF8},
        {FAT_BOOT_SECTORS32, 4, 81920},
        {FAT_BOOT_SECTORS_PER_FAT32, 4, 630},
        {FAT_BOOT_ROOT_CLUSTER, 4, 2},
        {FAT_BOOT_FSINFO_SECTOR, 2, 1},
        {FAT_BOOT_SIGNATURE, 2, 0xAA55},
    };

    memset(Boot, 0, FAT_BOOT_SIZE);
    for (size_t i = 0; i < sizeof(Fields) / sizeof(Fields[0]); i++)
        for (ULONG b = 0; b < Fields[i].Size; b++)
            Boot[Fields[i].Offset + b] = (UCHAR)(Fields[i].Value >> 8 * b);
}

// Law: whatever passes the parser is consistent: clusters and FAT lie inside the device.
static void boot_sector_numbers_never_contradict(void)
{
    UCHAR Boot[FAT_BOOT_SIZE];
    FAT_GEOMETRY g;
    const ULONGLONG Device = 81920ull * 512;

    MakeBoot(Boot);
    expect(FatParseBootSector(Boot, Device, &g));
    expect(g.ClusterCount == 81920 - 32 - 1260 && g.DataLbo == 1292 * 512 && g.FatLbo == 32 * 512);
    expect(!FatParseBootSector(Boot, Device - 512, &g));
    for (int i = 0; i < 200000; i++) {
        MakeBoot(Boot);
        for (ULONG n = 1 + Random() % 3; n > 0; n--)
            Boot[Random() % 0x40] = (UCHAR)Random();
        if (!FatParseBootSector(Boot, Device, &g))
            continue;
        if (!(g.DataLbo + ((ULONGLONG)g.ClusterCount << g.ClusterShift) <= Device &&
              (g.ClusterCount + 2ull) * 4 <= g.FatBytes && g.FatLbo + (ULONGLONG)g.FatBytes * g.Fats <= g.DataLbo &&
              g.RootCluster >= 2 && g.RootCluster < g.ClusterCount + 2 && g.ActiveFat < g.Fats &&
              g.FsInfoLbo < g.FatLbo))
            expect(!"a boot sector that contradicts itself was accepted");
    }
}

static void boot_sector_of_fat16_is_refused(void)
{
    UCHAR Boot[FAT_BOOT_SIZE];
    FAT_GEOMETRY g;

    MakeBoot(Boot);
    Boot[FAT_BOOT_SECTORS_PER_FAT16] = 200;
    expect(!FatParseBootSector(Boot, 1ull << 40, &g));
    MakeBoot(Boot);
    Boot[FAT_BOOT_ROOT_ENTRIES + 1] = 2;
    expect(!FatParseBootSector(Boot, 1ull << 40, &g));
}

// Law: a name that fits the short form comes back from it as it was.
static void short_names_round_trip(void)
{
    static const char *Fit[] = {"README.TXT", "readme.txt", "Makefile0", "a",
                                "A.B",        "lower.EXT",  "UPPER.ext", "12345678.123"};
    static const BOOLEAN Expected[] = {1, 1, 0, 1, 1, 1, 1, 1};
    static const char *Unfit[] = {"Mixed.txt", "toolongname.txt", "a.b.c",   ".profile", "x.", "a b.txt",
                                  "a+b",       "name.html",       "\xE4.txt"};
    WCHAR Name[300], Back[12];
    UCHAR Short[11], Case;

    for (size_t i = 0; i < sizeof(Fit) / sizeof(Fit[0]); i++) {
        ULONG Length = Widen(Fit[i], Name);

        expect(FatFitsShort(Name, Length, Short, &Case) == Expected[i]);
        if (Expected[i]) {
            expect(FatShortToUnicode(Short, Case, Back) == Length);
            expect(memcmp(Back, Name, Length * 2) == 0);
        }
    }
    for (size_t i = 0; i < sizeof(Unfit) / sizeof(Unfit[0]); i++)
        expect(!FatFitsShort(Name, Widen(Unfit[i], Name), Short, &Case));
}

static void aliases_are_legal_and_differ(void)
{
    WCHAR Name[300];
    UCHAR Short[40][11], Case;
    ULONG Length = Widen("A long file name with [odd] characters.html", Name);

    FatMakeAlias(Name, Length, 0, Short[0]);
    expect(memcmp(Short[0], "ALONGF~1HTM", 11) == 0);
    for (ULONG i = 0; i < 39; i++) {
        WCHAR Text[12];
        ULONG TextLength;

        FatMakeAlias(Name, Length, i, Short[i]);
        TextLength = FatShortToUnicode(Short[i], 0, Text);
        expect(FatFitsShort(Text, TextLength, Short[39], &Case) && Case == 0 && memcmp(Short[39], Short[i], 11) == 0);
        for (ULONG j = 0; j < i; j++)
            expect(memcmp(Short[i], Short[j], 11) != 0);
    }
    FatMakeAlias(Name, Widen("....", Name), 0, Short[0]);
    expect(Short[0][0] == '_');
    FatMakeAlias(Name, Widen(".gitignore", Name), 0, Short[0]);
    expect(memcmp(Short[0], "GITIGN~1   ", 11) == 0);
    for (int i = 0; i < 100000; i++) {
        Length = 1 + Random() % 40;
        for (ULONG c = 0; c < Length; c++)
            Name[c] = (WCHAR)(Random() % 4 ? 0x20 + Random() % 0x60 : Random());
        if (!FatIsNameLegal(Name, Length))
            continue;
        FatMakeAlias(Name, Length, Random() % 1000, Short[0]);
        for (ULONG c = 0; c < 11; c++)
            if (Short[0][c] < 0x20 || Short[0][c] > 0x7E || strchr("\"*+,./:;<=>?[\\]|", Short[0][c]) ||
                (Short[0][c] >= 'a' && Short[0][c] <= 'z'))
                expect(!"illegal character in an alias");
    }
}

// Law: what FatBuildLfn writes, the scan reads back, for every length.
static void long_names_round_trip(void)
{
    WCHAR Name[300], Back[300];
    UCHAR Short[11], Entry[32];
    FAT_DIRENT Dirent;
    FAT_SCAN Scan;

    for (ULONG Length = 1; Length <= FAT_NAME_MAXIMUM; Length++) {
        ULONG Count = FatLfnEntries(Length), Offset = 0x40;
        FAT_SCAN_RESULT Result = FatScanMore;

        for (ULONG i = 0; i < Length; i++)
            Name[i] = (WCHAR)(1 + Random() % 0xFFFE);
        FatMakeAlias(Name, Length, 0, Short);
        memset(&Dirent, 0, sizeof(Dirent));
        memcpy(Dirent.Name, Short, 11);
        FatScanReset(&Scan);
        for (ULONG i = Count; i > 0; i--, Offset += 32) {
            FatBuildLfn(Name, Length, i, FatShortChecksum(Short), Entry);
            Result = FatScanFeed(&Scan, Entry, Offset);
            if (Result != FatScanMore)
                expect(!"a long-name entry ended the scan");
        }
        Result = FatScanFeed(&Scan, (const UCHAR *)&Dirent, Offset);
        if (Result != FatScanFile || Scan.FirstOffset != 0x40 || Scan.DirentOffset != Offset ||
            FatScanName(&Scan, Back) != Length || memcmp(Back, Name, Length * 2) != 0)
            expect(!"a long name did not come back");
    }
    expect(TRUE);
}

// Law: random bytes never make the scan read or write outside, and never give a name that is too long.
static void scan_survives_garbage(void)
{
    UCHAR Entry[32];
    FAT_SCAN Scan;
    WCHAR Name[FAT_NAME_MAXIMUM];

    FatScanReset(&Scan);
    for (ULONG i = 0; i < 500000; i++) {
        for (ULONG b = 0; b < 32; b++)
            Entry[b] = (UCHAR)Random();
        if (Random() % 4)
            Entry[11] = FAT_ATTR_LFN;
        if (Random() % 2)
            Entry[13] = 7;
        if (Random() % 2)
            Entry[0] &= 0x5F;
        if (FatScanFeed(&Scan, Entry, i * 32) == FatScanFile && FatScanName(&Scan, Name) > FAT_NAME_MAXIMUM)
            expect(!"a name is too long");
    }
    expect(TRUE);
}

static void time_stamps_round_trip(void)
{
    USHORT Date, Time, Date2, Time2;
    UCHAR Tenths;

    // 2004-02-29 23:59:58 is 127225727980000000 (100 ns since 1601).
    expect(FatStampToTime((2004 - 1980) << 9 | 2 << 5 | 29, 23 << 11 | 59 << 5 | 29, 0) == 127225727980000000ll);
    for (ULONG Year = 0; Year < 128; Year++)
        for (ULONG Month = 1; Month <= 12; Month++)
            for (ULONG Day = 1; Day <= 28; Day++) {
                Date = (USHORT)(Year << 9 | Month << 5 | Day);
                Time = (USHORT)(Random() % 24 << 11 | Random() % 60 << 5 | Random() % 30);
                FatTimeToStamp(FatStampToTime(Date, Time, 73), &Date2, &Time2, &Tenths);
                if (Date != Date2 || Time != Time2 || Tenths != 73)
                    expect(!"a time stamp did not come back");
            }
    FatTimeToStamp(-1, &Date, &Time, &Tenths);
    expect(Date == (1 << 5 | 1) && Time == 0);
    FatTimeToStamp(0x7FFFFFFFFFFFFFFFll, &Date, &Time, &Tenths);
    expect(Date >> 9 == 127);
    for (int i = 0; i < 100000; i++) {
        (void)FatStampToTime((USHORT)Random(), (USHORT)Random(), (UCHAR)Random());
        FatTimeToStamp((LONGLONG)((uint64_t)Random() << 32 | Random()), &Date, &Time, &Tenths);
    }
}

// Law: the map agrees with a plain array of booleans after any sequence of marks, and finds what that has.
static void free_map_agrees_with_a_model(void)
{
    enum { Count = 777 };
    static BOOLEAN Model[Count];
    FAT_FREE_MAP Map = {calloc(1, FAT_FREE_MAP_BYTES(Count)), Count, Count};
    ULONG Used = 0;

    for (int i = 0; i < 200000; i++) {
        ULONG Cluster = 2 + Random() % Count, Found = 0, Wanted = 1 + Random() % 50;
        BOOLEAN Value = Random() % 1000 < (unsigned)(i / 200);

        Used += Value - Model[Cluster - 2];
        Model[Cluster - 2] = Value;
        FatMapMark(&Map, Cluster, Value);
        if (Map.Free != Count - Used || FatMapTest(&Map, Cluster) != Value)
            expect(!"the map lost count");
        ULONG Length = FatMapFindRun(&Map, Random() % (Count + 10), Wanted, &Found);
        if ((Length == 0) != (Used == Count) || Length > Wanted)
            expect(!"a run was not found");
        for (ULONG c = 0; c < Length; c++)
            if (Model[Found - 2 + c])
                expect(!"a used cluster was given out");
    }
    free(Map.Words);
    expect(TRUE);
}

#define LAW(Name)                                                                                                      \
    {                                                                                                                  \
#Name, Name                                                                                                    \
    }

int main(int argc, char **argv)
{
    static const struct {
        const char *Name;
        void (*Check)(void);
    } Laws[] = {LAW(boot_sector_numbers_never_contradict),
                LAW(boot_sector_of_fat16_is_refused),
                LAW(short_names_round_trip),
                LAW(aliases_are_legal_and_differ),
                LAW(long_names_round_trip),
                LAW(scan_survives_garbage),
                LAW(time_stamps_round_trip),
                LAW(free_map_agrees_with_a_model)};
    unsigned Total = 0;

    if (argc > 1)
        Seed = strtoull(argv[1], NULL, 0) + 1;
    for (size_t i = 0; i < sizeof(Laws) / sizeof(Laws[0]); i++) {
        Failed = 0;
        Laws[i].Check();
        if (Failed == 0)
            printf("ok %s\n", Laws[i].Name);
        else
            printf("FAIL %s: %u expectations, %s\n", Laws[i].Name, Failed, FirstFailure);
        Total += Failed;
    }
    return Total != 0;
}
