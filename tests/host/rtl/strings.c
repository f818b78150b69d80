// SPDX-License-Identifier: MIT
// Laws of rtl/mem.c, string.c, wstring.c, unistr.c, compare.c, integer.c.

#include "hosttest.h"

#define ROUNDS 2000
#define ROOM 200

static VOID FillRandom(PUCHAR Buffer, ULONG Length)
{
    while (Length-- != 0)
        Buffer[Length] = (UCHAR)HostRandom();
}

HOST_TEST(memmove_equals_a_copy_through_a_second_buffer)
{
    static UCHAR a[ROOM], b[ROOM], Second[ROOM];
    ULONG Round, i;

    for (Round = 0; Round < ROUNDS; Round++) {
        ULONG From = HostRandom() % 60, To = HostRandom() % 60, Length = HostRandom() % 130;

        FillRandom(a, ROOM);
        for (i = 0; i < ROOM; i++)
            b[i] = a[i];
        for (i = 0; i < Length; i++)
            Second[i] = b[From + i];
        for (i = 0; i < Length; i++)
            b[To + i] = Second[i];
        expect_eq((ULONG)memmove(a + To, a + From, Length), (ULONG)(a + To));
        for (i = 0; i < ROOM && a[i] == b[i]; i++)
            ;
        expect_eq(i, ROOM);
    }
}

HOST_TEST(memset_and_memcpy_touch_exactly_their_bytes)
{
    static UCHAR a[ROOM], b[ROOM];
    ULONG Round, i;

    for (Round = 0; Round < ROUNDS; Round++) {
        ULONG At = HostRandom() % 60, Length = HostRandom() % 100;
        UCHAR Value = (UCHAR)HostRandom();

        for (i = 0; i < ROOM; i++)
            a[i] = b[i] = (UCHAR)i;
        memset(a + At, Value, Length);
        for (i = 0; i < ROOM; i++)
            expect_eq(a[i], i >= At && i < At + Length ? Value : (UCHAR)i);
        memcpy(b + At, a, Length);
        for (i = 0; i < ROOM; i++)
            expect_eq(b[i], i >= At && i < At + Length ? a[i - At] : (UCHAR)i);
    }
}

HOST_TEST(memcmp_orders_by_the_first_difference)
{
    static UCHAR a[ROOM], b[ROOM];
    ULONG Round;

    for (Round = 0; Round < ROUNDS; Round++) {
        ULONG Length = HostRandom() % ROOM, At;

        FillRandom(a, Length);
        memcpy(b, a, Length);
        expect_eq(memcmp(a, b, Length), 0);
        expect_eq(RtlCompareMemory(a, b, Length), Length);
        if (Length == 0)
            continue;
        At = HostRandom() % Length;
        b[At] = (UCHAR)(a[At] + 1);
        expect((memcmp(a, b, Length) < 0) == (a[At] < b[At]));
        expect_eq(RtlCompareMemory(a, b, Length), At);
    }
}

HOST_TEST(string_functions_read_no_further_than_the_terminator)
{
    char *s = HostGuarded(6);
    WCHAR *w = HostGuarded(6 * sizeof(WCHAR));

    strcpy(s, "abcab");
    wcscpy(w, L"abcab");
    expect_eq(strlen(s), 5);
    expect_eq(wcslen(w), 5);
    expect(strchr(s, 'z') == NULL && strchr(s, 0) == s + 5);
    expect(strrchr(s, 'a') == s + 3 && wcsrchr(w, 'a') == w + 3);
    expect(strstr(s, "cab") == s + 2 && strstr(s, "cabx") == NULL && strstr(s, "") == s);
    expect(wcsstr(w, L"cab") == w + 2 && wcsstr(w, L"x") == NULL);
    expect(strcmp(s, "abcab") == 0 && strcmp(s, "abcb") < 0 && strcmp(s, "abc") > 0);
    expect(strncmp(s, "abX", 2) == 0 && wcsncmp(w, L"abX", 3) > 0);
    expect(_stricmp(s, "ABCAB") == 0 && _wcsicmp(w, L"ABCAB") == 0);
}

HOST_TEST(strncpy_pads_and_does_not_terminate_a_full_buffer)
{
    char Buffer[6] = "xxxxx";

    strncpy(Buffer, "ab", 4);
    expect(Buffer[2] == 0 && Buffer[3] == 0 && Buffer[4] == 'x');
    strncpy(Buffer, "abcdef", 4);
    expect(Buffer[3] == 'd' && Buffer[4] == 'x');
}

HOST_TEST(strtoul_reads_what_c11_says)
{
    char *End;

    expect_eq(strtoul("  0x1fz", &End, 0), 0x1F);
    expect(*End == 'z');
    expect_eq(strtoul("017", NULL, 0), 15);
    expect_eq(strtoul("4294967296", NULL, 10), MAXULONG);
    expect_eq(strtoul("-1", NULL, 10), MAXULONG);
    expect_eq(strtoul("0x", &End, 16), 0);
    expect(*End == 'x');
    strtoul("none", &End, 10);
    expect(*End == 'n');
}

HOST_TEST(append_never_writes_past_the_maximum_length)
{
    ULONG Round;

    for (Round = 0; Round < ROUNDS / 4; Round++) {
        ULONG Room = (HostRandom() % 20) * sizeof(WCHAR), Length = (HostRandom() % 20) * sizeof(WCHAR);
        UNICODE_STRING Destination = {0, (USHORT)Room, HostGuarded(Room)};
        WCHAR Text[20] = {0};
        UNICODE_STRING Source = {(USHORT)Length, (USHORT)Length, Text};
        NTSTATUS Status = RtlAppendUnicodeStringToString(&Destination, &Source);

        expect_eq(NT_SUCCESS(Status), Length <= Room);
        expect_eq(Destination.Length, NT_SUCCESS(Status) ? Length : 0);
        RtlCopyUnicodeString(&Destination, &Source);
        expect_eq(Destination.Length, min_of(Room, Length));
    }
}

HOST_TEST(comparison_is_an_order)
{
    ULONG Round;

    for (Round = 0; Round < ROUNDS; Round++) {
        WCHAR Text[3][4];
        UNICODE_STRING s[3];
        ULONG i, j;

        for (i = 0; i < 3; i++) {
            for (j = 0; j < 4; j++)
                Text[i][j] = (WCHAR)("aAbB\xE4\xC4xX"[HostRandom() % 8] & 0xFF);
            s[i] = (UNICODE_STRING){(USHORT)(HostRandom() % 5 * 2), 8, Text[i]};
        }
        for (i = 0; i < 2; i++) {
            BOOLEAN Fold = i == 1;
            LONG ab = RtlCompareUnicodeString(&s[0], &s[1], Fold), ba = RtlCompareUnicodeString(&s[1], &s[0], Fold);
            LONG bc = RtlCompareUnicodeString(&s[1], &s[2], Fold), ac = RtlCompareUnicodeString(&s[0], &s[2], Fold);
            ULONG ha, hb;

            expect((ab < 0) == (ba > 0) && (ab == 0) == (ba == 0));
            expect(!(ab <= 0 && bc <= 0) || ac <= 0);
            expect((ab == 0) == RtlEqualUnicodeString(&s[0], &s[1], Fold));
            expect(!RtlPrefixUnicodeString(&s[0], &s[1], Fold) || ab <= 0);
            expect(NT_SUCCESS(RtlHashUnicodeString(&s[0], Fold, 0, &ha)) &&
                   NT_SUCCESS(RtlHashUnicodeString(&s[1], Fold, 1, &hb)));
            expect(ab != 0 || ha == hb);
        }
    }
}

HOST_TEST(integers_survive_the_way_through_text)
{
    static const ULONG Bases[] = {2, 8, 10, 16};
    ULONG Round;

    for (Round = 0; Round < ROUNDS; Round++) {
        WCHAR Text[40];
        UNICODE_STRING String = {0, sizeof(Text), Text};
        ULONG Value = HostRandom() >> (HostRandom() % 32), Base = Bases[Round % 4], Back = 0;

        expect(NT_SUCCESS(RtlIntegerToUnicodeString(Value, Base, &String)));
        expect(NT_SUCCESS(RtlUnicodeStringToInteger(&String, Base, &Back)));
        expect_eq(Back, Value);
    }
}

HOST_TEST(dos_errors_of_common_statuses_are_the_documented_ones)
{
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_SUCCESS), 0);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_OBJECT_NAME_NOT_FOUND), 2);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_OBJECT_PATH_NOT_FOUND), 3);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_ACCESS_DENIED), 5);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_INVALID_HANDLE), 6);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_NO_MEMORY), 8);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_SHARING_VIOLATION), 32);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_END_OF_FILE), 38);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_INVALID_PARAMETER), 87);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_PIPE_BROKEN), 109);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_DISK_FULL), 112);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_BUFFER_TOO_SMALL), 122);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_DLL_NOT_FOUND), 126);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_ENTRYPOINT_NOT_FOUND), 127);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_OBJECT_NAME_COLLISION), 183);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_INVALID_IMAGE_FORMAT), 193);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_BUFFER_OVERFLOW), 234);
    expect_eq(RtlNtStatusToDosErrorNoTeb(STATUS_ACCESS_VIOLATION), 998);
    expect_eq(RtlNtStatusToDosErrorNoTeb((NTSTATUS)0xC0001234), 317);
    expect_eq(RtlNtStatusToDosErrorNoTeb((NTSTATUS)0xC0070057), 0x57);
}
