// SPDX-License-Identifier: MIT
// Locales: there is one, "C".

#include "crt.h"
#include <locale.h>

static struct lconv CrtpConventions = {
    .decimal_point = ".",
    .thousands_sep = "",
    .grouping = "",
    .int_curr_symbol = "",
    .currency_symbol = "",
    .mon_decimal_point = "",
    .mon_thousands_sep = "",
    .mon_grouping = "",
    .positive_sign = "",
    .negative_sign = "",
    .int_frac_digits = CHAR_MAX,
    .frac_digits = CHAR_MAX,
    .p_cs_precedes = CHAR_MAX,
    .p_sep_by_space = CHAR_MAX,
    .n_cs_precedes = CHAR_MAX,
    .n_sep_by_space = CHAR_MAX,
    .p_sign_posn = CHAR_MAX,
    .n_sign_posn = CHAR_MAX,
};

struct lconv *__cdecl localeconv(void)
{
    return &CrtpConventions;
}

// A query, "C" and the system's default ("") succeed; every other name fails.
char *__cdecl setlocale(int Category, const char *Name)
{
    if (Category < LC_MIN || Category > LC_MAX) {
        return NULL;
    }
    if (Name == NULL || *Name == 0 || strcmp(Name, "C") == 0 || strcmp(Name, "POSIX") == 0) {
        return "C";
    }
    return NULL;
}

wchar_t *__cdecl _wsetlocale(int Category, const wchar_t *Name)
{
    if (Category < LC_MIN || Category > LC_MAX) {
        return NULL;
    }
    return Name == NULL || *Name == 0 || wcscmp(Name, L"C") == 0 ? L"C" : NULL;
}
