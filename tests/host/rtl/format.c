// SPDX-License-Identifier: MIT
// Laws of rtl/format.c.

#include "hosttest.h"

static char Text[256];

static const char *Format(const char *Pattern, ...)
{
    va_list Arguments;

    va_start(Arguments, Pattern);
    _vsnprintf(Text, sizeof(Text), Pattern, Arguments);
    va_end(Arguments);
    return Text;
}

HOST_TEST(numbers_obey_flags_width_and_precision)
{
    expect_text(Format("%d|%5d|%-5d|%05d|%+d|% d", 42, 42, 42, 42, 42, 42), "42|   42|42   |00042|+42| 42");
    expect_text(Format("%d %i", -2147483647 - 1, -1), "-2147483648 -1");
    expect_text(Format("%u %x %X %#x %#o", 4000000000u, 0xBEEF, 0xBEEF, 255, 8), "4000000000 beef BEEF 0xff 010");
    expect_text(Format("%.5d|%8.3d|%-8.3d|%.0d", 7, 7, 7, 0), "00007|     007|007     |");
    expect_text(Format("%*d|%-*d|%.*d", 4, 1, 4, 1, 3, 1), "   1|1   |001");
    expect_text(Format("%hd %hu", 0x12345, 0x12345), "9029 9029");
    expect_text(Format("%I64d %lld %I64x", -5000000000ll, 18446744073ll, 0x123456789ABCDEFull),
                "-5000000000 18446744073 123456789abcdef");
    expect_text(Format("%p", (PVOID)0x401000), "00401000");
    expect_text(Format("%%%c%c", 'a', 'b'), "%ab");
}

HOST_TEST(strings_obey_width_and_precision)
{
    UNICODE_STRING Wide = RTL_CONSTANT_STRING(L"wide");
    ANSI_STRING Narrow = RTL_CONSTANT_STRING("narrow");

    expect_text(Format("%s|%6s|%-6s|%.2s", "abc", "abc", "abc", "abc"), "abc|   abc|abc   |ab");
    expect_text(Format("%ws %S %ls %hs", L"one", L"two", L"three", "four"), "one two three four");
    expect_text(Format("%wZ %Z", &Wide, &Narrow), "wide narrow");
    expect_text(Format("%s %ws %wZ", NULL, NULL, NULL), "(null) (null) (null)");
    Wide.Length = 4;
    expect_text(Format("%wZ", &Wide), "wi");
}

HOST_TEST(a_precision_bounds_what_is_read)
{
    char *Guarded = HostGuarded(3);

    memcpy(Guarded, "abc", 3);
    expect_text(Format("%.3s", Guarded), "abc");
}

HOST_TEST(the_result_never_leaves_the_buffer_and_always_ends)
{
    ULONG Size, Fit;

    for (Size = 0; Size < 12; Size++) {
        char *Buffer = HostGuarded(Size);

        Fit = (ULONG)_snprintf(Buffer, Size, "%s", "12345678");
        expect_eq(Fit, Size > 8 ? 8 : (ULONG)-1);
        if (Size != 0)
            expect_eq(strlen(Buffer), min_of(Size - 1, 8u));
    }
}

HOST_TEST(wide_formats_mean_wide_strings)
{
    WCHAR Buffer[40];

    expect_eq(_snwprintf(Buffer, 40, L"%s %S %d", L"wide", "narrow", 7), 13);
    expect_eq(wcscmp(Buffer, L"wide narrow 7"), 0);
    expect_eq(_snwprintf(Buffer, 4, L"%s", L"wide"), -1);
}
