// SPDX-License-Identifier: MIT
// Laws of rtl/upcase.c, codepage.c, utf8.c.

#include "hosttest.h"

HOST_TEST(case_mappings_lead_back)
{
    ULONG c;

    for (c = 0; c < 0x10000; c++) {
        WCHAR Up = RtlUpcaseUnicodeChar((WCHAR)c), Down = RtlDowncaseUnicodeChar((WCHAR)c);

        expect(Up == c || RtlDowncaseUnicodeChar(Up) == c);
        expect(Down == c || RtlUpcaseUnicodeChar(Down) == c);
        expect_eq(RtlUpcaseUnicodeChar(Up), Up);
    }
    expect_eq(RtlUpcaseUnicodeChar('z'), 'Z');
    expect_eq(RtlUpcaseUnicodeChar(0xE4), 0xC4);
    expect_eq(RtlUpcaseUnicodeChar(0xFF), 0x178);
    expect_eq(RtlUpcaseUnicodeChar(0x3B1), 0x391);
    expect_eq(RtlUpcaseUnicodeChar(0x444), 0x424);
    expect_eq(RtlUpcaseUnicodeChar(0x131), 0x131);
    expect_eq(RtlUpcaseUnicodeChar(0xDF), 0xDF);
}

HOST_TEST(every_byte_of_1252_survives_the_way_through_unicode)
{
    ULONG c, Size;

    for (c = 0; c < 256; c++) {
        CHAR Byte = (CHAR)c, Back = 0;
        WCHAR Wide = 0;

        expect(NT_SUCCESS(RtlMultiByteToUnicodeN(&Wide, sizeof(Wide), &Size, &Byte, 1)) && Size == 2);
        expect(NT_SUCCESS(RtlUnicodeToMultiByteN(&Back, 1, &Size, &Wide, 2)) && Size == 1);
        expect_eq((UCHAR)Back, c);
    }
}

HOST_TEST(characters_outside_1252_become_question_marks)
{
    WCHAR Wide[3] = {0x4E2D, 0x20AC, 0x80};
    CHAR Narrow[3];
    ULONG Size;

    expect(NT_SUCCESS(RtlUnicodeToMultiByteN(Narrow, 3, &Size, Wide, sizeof(Wide))));
    expect(Narrow[0] == '?' && (UCHAR)Narrow[1] == 0x80 && Narrow[2] == '?');
}

static ULONG Encode(ULONG Point, WCHAR Wide[2])
{
    if (Point < 0x10000) {
        Wide[0] = (WCHAR)Point;
        return 1;
    }
    Wide[0] = (WCHAR)(0xD800 + ((Point - 0x10000) >> 10));
    Wide[1] = (WCHAR)(0xDC00 + (Point & 0x3FF));
    return 2;
}

HOST_TEST(every_code_point_survives_the_way_through_utf8)
{
    ULONG Point, Size, Back;

    for (Point = 0; Point < 0x110000; Point++) {
        WCHAR Wide[2], Again[2] = {0, 0};
        ULONG Units = Encode(Point, Wide);
        CHAR Utf8[4];

        if (Point >= 0xD800 && Point < 0xE000)
            continue;
        expect_eq(RtlUnicodeToUTF8N(Utf8, 4, &Size, Wide, Units * 2), STATUS_SUCCESS);
        expect_eq(Size, Point < 0x80 ? 1 : Point < 0x800 ? 2 : Point < 0x10000 ? 3 : 4);
        expect_eq(RtlUTF8ToUnicodeN(Again, 4, &Back, Utf8, Size), STATUS_SUCCESS);
        expect(Back == Units * 2 && Again[0] == Wide[0] && (Units == 1 || Again[1] == Wide[1]));
    }
}

static VOID ExpectUtf8(const char *Bytes, ULONG Count, const WCHAR *Want, NTSTATUS Status)
{
    WCHAR Wide[16];
    ULONG Size;
    char *Guarded = HostGuarded(Count);

    memcpy(Guarded, Bytes, Count);
    expect_eq(RtlUTF8ToUnicodeN(Wide, sizeof(Wide), &Size, Guarded, Count), Status);
    expect_eq(Size / 2, wcslen(Want));
    expect_eq(memcmp(Wide, Want, Size), 0);
}

HOST_TEST(ill_formed_utf8_becomes_replacement_characters)
{
    ExpectUtf8("a\xC0\x80z", 4, L"a\xFFFD\xFFFDz", STATUS_SOME_NOT_MAPPED);
    ExpectUtf8("\xED\xA0\x80", 3, L"\xFFFD\xFFFD\xFFFD", STATUS_SOME_NOT_MAPPED);
    ExpectUtf8("\xE2\x82", 2, L"\xFFFD", STATUS_SOME_NOT_MAPPED);
    ExpectUtf8("\xF4\x90\x80\x80", 4, L"\xFFFD\xFFFD\xFFFD\xFFFD", STATUS_SOME_NOT_MAPPED);
    ExpectUtf8("\xE2\x82\xAC", 3, L"\x20AC", STATUS_SUCCESS);
}

HOST_TEST(oem_characters_come_back)
{
    // Law: each byte of code page 437 is one character, and that character is this byte again; others become '?'.
    for (ULONG Byte = 0; Byte < 256; Byte++) {
        char Oem = (char)Byte, Back = 0;
        WCHAR Wide = 0;
        ULONG Size;

        expect_eq(RtlOemToUnicodeN(&Wide, sizeof(Wide), &Size, &Oem, 1), STATUS_SUCCESS);
        expect(Size == 2 && (Byte < 0x80) == (Wide == Byte));
        expect_eq(RtlUnicodeToOemN(&Back, 1, &Size, &Wide, sizeof(Wide)), STATUS_SUCCESS);
        expect(Size == 1 && (UCHAR)Back == Byte);
    }
    {
        char Back = 0;

        expect_eq(RtlUnicodeToOemN(&Back, 1, NULL, L"\x20AC", 2), STATUS_SUCCESS);
        expect_eq(Back, '?');
    }
}

HOST_TEST(conversions_never_leave_their_buffers)
{
    ULONG Round;

    for (Round = 0; Round < 2000; Round++) {
        ULONG Count = HostRandom() % 12, Room = HostRandom() % 12, i, Size;
        char *Source = HostGuarded(Count), *Narrow = HostGuarded(Room);
        WCHAR *Wide = HostGuarded(Room * 2);
        NTSTATUS Status;

        for (i = 0; i < Count; i++)
            Source[i] = (char)(HostRandom() | (HostRandom() & 0x80));
        Status = RtlUTF8ToUnicodeN(Wide, Room * 2, &Size, Source, Count);
        expect(Size <= Room * 2 &&
               (Status == STATUS_SUCCESS || Status == STATUS_SOME_NOT_MAPPED || Status == STATUS_BUFFER_TOO_SMALL));
        Status = RtlUnicodeToUTF8N(Narrow, Room, &Size, (PWSTR)Source, Count & ~1u);
        expect(Size <= Room || Status == STATUS_BUFFER_TOO_SMALL);
    }
}
