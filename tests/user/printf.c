// SPDX-License-Identifier: MIT
// printf with every kind of argument. The expected texts are what Microsoft's msvcrt.dll gives (exponents of three
// digits, %p as eight upper-case digits); mingw-w64 programs get C99's from a printf linked into them unless they say
// the next line, so both are tried.

#define __USE_MINGW_ANSI_STDIO 0
#include "check.h"
#include <math.h>
#include <wchar.h>

static void Expect(int Line, const char *Expected, const char *Format, ...)
{
    char Text[1024];
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = vsprintf(Text, Format, Arguments);
    va_end(Arguments);
    if (strcmp(Text, Expected) != 0 || Length != (int)strlen(Expected)) {
        Failures++;
        printf("%s:%d: \"%s\": expected \"%s\", got \"%s\" (%d)\n", __FILE__, Line, Format, Expected, Text, Length);
    }
}
#define EXPECT(...) Expect(__LINE__, __VA_ARGS__)

static void Integers(void)
{
    EXPECT("0 -1 2147483647 -2147483648", "%d %d %d %d", 0, -1, 2147483647, (int)0x80000000);
    EXPECT("[   42] [42   ] [00042] [+42] [ 42]", "[%5d] [%-5d] [%05d] [%+d] [% d]", 42, 42, 42, 42, 42);
    EXPECT("[ 0042] [-0042]", "[%5.4d] [%.4d]", 42, -42);
    EXPECT("4294967295 37777777777 ffffffff FFFFFFFF", "%u %o %x %X", -1, -1, -1, -1);
    EXPECT("0xff 0XFF 0377", "%#x %#X %#o", 255, 255, 255);
    EXPECT("-1 65535", "%hd %hu", 0x1FFFF, 0x1FFFF);
    EXPECT("123456789 3000000000", "%ld %lu", 123456789l, 3000000000ul);
    EXPECT("-9223372036854775808 18446744073709551615", "%I64d %I64u", (long long)0x8000000000000000ull, ~0ull);
    EXPECT("123456789012345 7048860ddf79", "%lld %llx", 123456789012345ll, 123456789012345ll);
    EXPECT("[  7] [7  ] [00007]", "[%*d] [%*d] [%.*d]", 3, 7, -3, 7, 5, 7);
    EXPECT("[]", "[%.0d]", 0);
    EXPECT("100%", "%d%%", 100);
}

static void Strings(void)
{
    int Count = 0;

    EXPECT("abc [  abc] [abc  ] [ab]", "%s [%5s] [%-5s] [%.2s]", "abc", "abc", "abc", "abc");
    EXPECT("(null)", "%s", (char *)NULL);
    EXPECT("A [  B] [C  ]", "%c [%3c] [%-3c]", 'A', 'B', 'C');
    EXPECT("wide wide w", "%ls %S %C", L"wide", L"wide", L'w');
    EXPECT("narrow", "%hs", "narrow");
    EXPECT("0012ABCD", "%p", (void *)0x12ABCD);
    EXPECT("four ", "four%n ", &Count);
    CHECK_EQUAL(Count, 4);
}

static void Floats(void)
{
    EXPECT("3.141593 -0.500000 0.000000", "%f %f %f", 3.14159265358979, -0.5, 0.0);
    EXPECT("3.14 3 3. [    3.142] [3.142    ] [00003.142]", "%.2f %.0f %#.0f [%9.3f] [%-9.3f] [%09.3f]", 3.14159,
           3.14159, 3.14159, 3.14159, 3.14159, 3.14159);
    EXPECT("1.000000e+000 1.234568e+010 1.5E-007", "%e %e %.1E", 1.0, 12345678901.0, 1.5e-7);
    EXPECT("100000 1e+006 0.0001 1e-005 1.5", "%g %g %g %g %g", 100000.0, 1000000.0, 0.0001, 0.00001, 1.5);
    EXPECT("1e+100 1.79769e+308", "%g %g", 1e100, 1.7976931348623157e308);
    EXPECT("+1.5 [      1e+010] [-0001.5]", "%+g [%12g] [%07g]", 1.5, 1e10, -1.5);
    EXPECT("0.1 0.10000000000000001", "%.15g %.17g", 0.1, 0.1);
    EXPECT("123456789012345.671875 [1000000000000000000000]", "%f [%.0f]", 123456789012345.671875, 1e21);
    EXPECT("1.#INF00 -1.#INF00 1.#INF", "%f %f %g", HUGE_VAL, -HUGE_VAL, HUGE_VAL);
}

static void LinkedIn(int Line, const char *Expected, const char *Format, ...)
{
    char Text[256];
    va_list Arguments;

    va_start(Arguments, Format);
    __mingw_vsprintf(Text, Format, Arguments);
    va_end(Arguments);
    if (strcmp(Text, Expected) != 0) {
        Failures++;
        printf("%s:%d: expected \"%s\", got \"%s\"\n", __FILE__, Line, Expected, Text);
    }
}

// What a program gets that does not ask for msvcrt's printf.
static void C99(void)
{
    LinkedIn(__LINE__, "1.000000e+00 1e-05 inf 0x1p+0", "%e %g %f %a", 1.0, 0.00001, HUGE_VAL, 1.0);
    LinkedIn(__LINE__, "1.5 -7 18446744073709551615", "%.1Lf %hhd %zu%s", 1.5l, -7, 18446744u, "073709551615");
    LinkedIn(__LINE__, "42 wide 9000000000 abc", "%d %ls %lld %.3s", 42, L"wide", 9000000000ll, "abcdef");
}

static void Bounded(void)
{
    char Small[8] = "xxxxxxx";
    wchar_t Wide[64];

    CHECK_EQUAL(_snprintf(Small, 4, "%d", 123456), -1);
    CHECK(memcmp(Small, "1234xxx", 7) == 0);
    CHECK_EQUAL(_snprintf(Small, 8, "%d", 1234), 4);
    CHECK(strcmp(Small, "1234") == 0);
    CHECK_EQUAL(_snwprintf(Wide, 64, L"%d %s %S %x", 42, L"wide", "narrow", 255), 17);
    CHECK(wcscmp(Wide, L"42 wide narrow ff") == 0);
}

static void Scanning(void)
{
    int Integer = 0, Hex = 0, Count = 0;
    char Word[16], Set[16], Character = 0;
    double Real = 0;
    float Single = 0;
    long long Large = 0;

    CHECK_EQUAL(sscanf("12 0x1F word 2.5 -1e3 9000000000", "%d %i %15s %lf %f %I64d", &Integer, &Hex, Word, &Real,
                       &Single, &Large),
                6);
    CHECK_EQUAL(Integer, 12);
    CHECK_EQUAL(Hex, 31);
    CHECK(strcmp(Word, "word") == 0);
    CHECK(Real == 2.5 && Single == -1000.0f);
    CHECK_EQUAL(Large, 9000000000ll);
    CHECK_EQUAL(sscanf("abc123,x", "%15[a-z]%d,%c%n", Set, &Integer, &Character, &Count), 3);
    CHECK(strcmp(Set, "abc") == 0 && Integer == 123 && Character == 'x' && Count == 8);
    CHECK_EQUAL(sscanf("no", "%d", &Integer), 0);
    CHECK_EQUAL(sscanf("", "%d", &Integer), EOF);
}

static void Numbers(void)
{
    char *End;

    CHECK_EQUAL(strtol("  -123abc", &End, 10), -123);
    CHECK(strcmp(End, "abc") == 0);
    CHECK_EQUAL(strtoul("0xffffffff", NULL, 0), 0xFFFFFFFFul);
    CHECK_EQUAL(strtol("99999999999", NULL, 10), LONG_MAX);
    CHECK_EQUAL(strtol("-99999999999", NULL, 10), LONG_MIN);
    CHECK(strtod("1.5e3xyz", &End) == 1500.0 && strcmp(End, "xyz") == 0);
    CHECK(atof("0.1") == 0.1);
    CHECK_EQUAL(atoi("42"), 42);
}

int main(void)
{
    Integers();
    Strings();
    Floats();
    C99();
    Bounded();
    Scanning();
    Numbers();
    return Verdict();
}
