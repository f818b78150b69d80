// SPDX-License-Identifier: MIT
// Laws of rtl/nameexpr.c: known cases, and a slow model that tries every way to match.

#include "hosttest.h"

static BOOLEAN Match(const WCHAR *Expression, const WCHAR *Name)
{
    UNICODE_STRING e, n;

    RtlInitUnicodeString(&e, Expression);
    RtlInitUnicodeString(&n, Name);
    return RtlIsNameInExpression(&e, &n, TRUE);
}

HOST_TEST(wildcards_mean_what_the_documentation_says)
{
    expect(Match(L"*", L"anything.txt"));
    expect(Match(L"*.TXT", L"a.txt") && !Match(L"*.TXT", L"a.txtx") && Match(L"*.TXT", L"a.b.txt"));
    expect(Match(L"A?C", L"abc") && !Match(L"A?C", L"ac") && !Match(L"A?C", L"abbc"));
    expect(Match(L"<.TXT", L"a.b.txt") && Match(L"<", L"noext") && !Match(L"<", L"with.ext"));
    expect(Match(L"A>>>", L"a") && Match(L"A>>>", L"abcd") && !Match(L"A>>>", L"abcde"));
    expect(Match(L">>>>\"TXT", L"ab.txt") && !Match(L">\"TXT", L"ab.txt"));
    expect(Match(L"ABC\"", L"abc") && Match(L"ABC\"", L"abc.") && !Match(L"ABC\"", L"abcd"));
    expect(!Match(L"", L"a") && Match(L"", L""));
}

// The definition, written down as it reads.
static BOOLEAN Model(const WCHAR *e, const WCHAR *n)
{
    BOOLEAN LastDot = *n == '.' && wcschr(n + 1, '.') == NULL;

    switch (*e) {
    case 0:
        return *n == 0;
    case '*':
        return Model(e + 1, n) || (*n != 0 && Model(e, n + 1));
    case '<':
        return Model(e + 1, n) || (*n != 0 && !LastDot && Model(e, n + 1));
    case '?':
        return *n != 0 && Model(e + 1, n + 1);
    case '>':
        return *n == 0 || *n == '.' ? Model(e + 1, n) : Model(e + 1, n + 1);
    case '"':
        return *n == '.' ? Model(e + 1, n + 1) : *n == 0 && Model(e + 1, n);
    default:
        return *e == *n && Model(e + 1, n + 1);
    }
}

HOST_TEST(the_automaton_agrees_with_the_definition)
{
    static const WCHAR Pattern[] = L"AB.*<?>\"", Letters[] = L"AB.";
    ULONG Round;

    for (Round = 0; Round < 40000; Round++) {
        WCHAR e[8] = {0}, n[8] = {0};
        ULONG i, Ends = HostRandom() % 7 + 1, Length = HostRandom() % 6 + 1;

        for (i = 0; i < Ends; i++)
            e[i] = Pattern[HostRandom() % 8];
        for (i = 0; i < Length; i++)
            n[i] = Letters[HostRandom() % 3];
        expect_eq(Match(e, n), Model(e, n));
    }
}

HOST_TEST(many_stars_do_not_take_for_ever)
{
    static WCHAR e[400], n[255];
    UNICODE_STRING Expression = {sizeof(e), sizeof(e), e}, Name = {sizeof(n), sizeof(n), n};
    ULONG i;

    for (i = 0; i < 400; i++)
        e[i] = i % 2 ? 'A' : '*';
    for (i = 0; i < 255; i++)
        n[i] = 'A';
    e[399] = 'B';
    expect(!RtlIsNameInExpression(&Expression, &Name, FALSE));
}
