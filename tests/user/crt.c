// SPDX-License-Identifier: MIT
// The C library beside printf and files: strings, conversion, sorting, time, mathematics, wide characters, jumps,
// streams in their odd corners, memory of aligned blocks, exit functions.

#include "check.h"
#include <ctype.h>
#include <direct.h>
#include <fcntl.h>
#include <float.h>
#include <io.h>
#include <locale.h>
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/timeb.h>
#include <time.h>
#include <wctype.h>

static int Near(double First, double Second)
{
    return fabs(First - Second) <= 1e-12 * (fabs(Second) + 1e-300) || First == Second;
}

static void Strings(void)
{
    char Buffer[64] = "one,two;;three", Copy[8];
    char *Token = strtok(Buffer, ",;");

    CHECK(strcmp(Token, "one") == 0);
    CHECK(strcmp(strtok(NULL, ",;"), "two") == 0);
    CHECK(strcmp(strtok(NULL, ",;"), "three") == 0);
    CHECK(strtok(NULL, ",;") == NULL);
    CHECK(strstr("haystack", "stack") != NULL && strstr("haystack", "needle") == NULL);
    CHECK(strchr("abc", 0) != NULL && strrchr("abcabc", 'b') != NULL && strpbrk("abc", "xc")[0] == 'c');
    CHECK(strspn("aabc", "ab") == 3 && strcspn("aabc", "c") == 3);
    CHECK(strncpy(Copy, "ab", 5) == Copy && memcmp(Copy, "ab\0\0", 5) == 0);
    CHECK(strcmp("a", "b") < 0 && strcmp("\xFF", "a") > 0 && strncmp("abc", "abd", 2) == 0);
    CHECK(_stricmp("HeLLo", "hEllO") == 0 && _strnicmp("HELp", "helm", 3) == 0);
    CHECK(memcmp("\x80", "\x7F", 1) > 0 && memchr("abc", 'c', 3) != NULL && memchr("abc", 'c', 2) == NULL);
    strcpy(Buffer, "0123456789");
    memmove(Buffer + 2, Buffer, 8);
    CHECK(strcmp(Buffer, "0101234567") == 0);
    CHECK(strcmp(_strupr(strcpy(Buffer, "mIxEd")), "MIXED") == 0 && strcmp(_strrev(Buffer), "DEXIM") == 0);
    CHECK(isalpha('x') && !isalpha('1') && isspace('\t') && toupper('q') == 'Q' && isxdigit('F') && !isprint(7) &&
          ispunct('!'));
    CHECK(strcmp(strerror(ENOENT), "No such file or directory") == 0);
}

static int __cdecl CompareInts(const void *First, const void *Second)
{
    return (*(const int *)First > *(const int *)Second) - (*(const int *)First < *(const int *)Second);
}

static void Sorting(void)
{
    static int Numbers[1000];
    int Key = 500, Missing = 1001, Sorted = 1;

    for (int i = 0; i < 1000; i++) {
        Numbers[i] = (i * 617) % 1000;
    }
    qsort(Numbers, 1000, sizeof(int), CompareInts);
    for (int i = 0; i < 1000; i++) {
        Sorted &= Numbers[i] == i;
    }
    CHECK(Sorted);
    CHECK(bsearch(&Key, Numbers, 1000, sizeof(int), CompareInts) == &Numbers[500]);
    CHECK(bsearch(&Missing, Numbers, 1000, sizeof(int), CompareInts) == NULL);
    srand(1);
    CHECK_EQUAL(rand(), 41); // the published generator's first three
    CHECK_EQUAL(rand(), 18467);
    CHECK_EQUAL(rand(), 6334);
    CHECK(div(-7, 2).quot == -3 && div(-7, 2).rem == -1 && abs(-5) == 5);
}

static void Conversion(void)
{
    char Text[40];

    CHECK(strcmp(_itoa(-255, Text, 10), "-255") == 0 && strcmp(_itoa(-1, Text, 16), "ffffffff") == 0);
    CHECK(strcmp(_i64toa(-9000000000ll, Text, 10), "-9000000000") == 0 && strcmp(_ultoa(35, Text, 36), "z") == 0);
    CHECK(_atoi64("-9000000000") == -9000000000ll && _strtoui64("ffffffffffffffff", NULL, 16) == UINT64_MAX);
    CHECK(strtol("0x1f", NULL, 0) == 31 && strtol("077", NULL, 0) == 63 && strtol("z", NULL, 36) == 35);
    CHECK(wcstol(L"-42", NULL, 10) == -42 && _wtoi(L"7") == 7 && wcstod(L"2.5", NULL) == 2.5);
    CHECK(strtod("1e400", NULL) == HUGE_VAL && strtod("0x1p4", NULL) == 16.0 && strtod("-.5e1", NULL) == -5.0);
}

static void Times(void)
{
    time_t Moment = 1000000000; // 2001-09-09 01:46:40 UTC
    struct tm *Broken = gmtime(&Moment), Copy;
    char Text[64];
    struct _timeb Fine;
    clock_t Before;

    CHECK(Broken->tm_year == 101 && Broken->tm_mon == 8 && Broken->tm_mday == 9 && Broken->tm_hour == 1 &&
          Broken->tm_min == 46 && Broken->tm_sec == 40 && Broken->tm_wday == 0 && Broken->tm_yday == 251);
    CHECK(strcmp(asctime(Broken), "Sun Sep 09 01:46:40 2001\n") == 0);
    CHECK(strftime(Text, sizeof(Text), "%Y-%m-%d %H:%M:%S %a %B %j %p", Broken) != 0);
    CHECK(strcmp(Text, "2001-09-09 01:46:40 Sun September 252 AM") == 0);
    Copy = *localtime(&Moment);
    CHECK_EQUAL(mktime(&Copy), Moment);
    Copy.tm_mon += 14; // out of range on purpose
    CHECK(mktime(&Copy) != -1 && Copy.tm_mon == 10 && Copy.tm_year == 102);
    CHECK(time(NULL) > 1600000000 && difftime(5, 3) == 2.0);
    _ftime(&Fine);
    CHECK(Fine.time >= time(NULL) - 1 && Fine.millitm < 1000);
    Before = clock();
    Sleep(60);
    CHECK(clock() - Before >= 40 && clock() - Before < 500);
}

static void Mathematics(void)
{
    double Whole;
    int Exponent;

    CHECK(Near(sin(1.0), 0.8414709848078965) && Near(cos(1.0), 0.5403023058681398) &&
          Near(tan(1.0), 1.5574077246549023));
    CHECK(Near(asin(0.5), 0.5235987755982989) && Near(acos(0.5), 1.0471975511965979) &&
          Near(atan(1.0), 0.7853981633974483));
    CHECK(Near(atan2(-1.0, -1.0), -2.356194490192345) && Near(sinh(1.0), 1.1752011936438014) &&
          Near(cosh(1.0), 1.5430806348152437));
    CHECK(Near(tanh(0.5), 0.46211715726000975) && Near(exp(1.0), 2.718281828459045) &&
          Near(log(10.0), 2.302585092994046));
    CHECK(Near(log10(1000.0), 3.0) && Near(pow(2.0, 0.5), 1.4142135623730951) && Near(sqrt(2.0), 1.4142135623730951));
    CHECK(floor(-1.5) == -2.0 && ceil(-1.5) == -1.0 && fmod(7.5, 2.0) == 1.5 && fabs(-2.5) == 2.5);
    CHECK(modf(-3.25, &Whole) == -0.25 && Whole == -3.0);
    CHECK(frexp(48.0, &Exponent) == 0.75 && Exponent == 6 && ldexp(0.75, 6) == 48.0);
    CHECK(pow(2.0, 10.0) == 1024.0 && hypot(3.0, 4.0) == 5.0);
    CHECK(_isnan(sqrt(-1.0)) && !_finite(HUGE_VAL) && _copysign(2.0, -0.0) == -2.0);
    CHECK((_controlfp(0, 0) & _MCW_EM) == _MCW_EM);
}

static void WideCharacters(void)
{
    wchar_t Wide[32];
    char Narrow[32];

    CHECK(mbstowcs(Wide, "narrow", 32) == 6 && wcscmp(Wide, L"narrow") == 0);
    CHECK(wcstombs(Narrow, L"wide", 32) == 4 && strcmp(Narrow, "wide") == 0);
    CHECK(wcslen(L"four") == 4 && wcschr(L"abc", L'b')[0] == L'b' && wcsstr(L"haystack", L"st") != NULL);
    CHECK(_wcsicmp(L"\x00C4rger", L"\x00E4RGER") == 0 && towupper(L'\x00E9') == L'\x00C9' && iswalpha(L'\x00DF') &&
          !iswalpha(L'7'));
    CHECK(swprintf(Wide, 32, L"%d-%ls", 5, L"x") == 3 && wcscmp(Wide, L"5-x") == 0);
    CHECK(MultiByteToWideChar(CP_UTF8, 0, "\xE2\x82\xAC\xF0\x9F\x98\x80", -1, Wide, 32) == 4 && Wide[0] == 0x20AC &&
          Wide[1] == 0xD83D);
    CHECK(WideCharToMultiByte(CP_UTF8, 0, Wide, -1, Narrow, 32, NULL, NULL) == 8 &&
          memcmp(Narrow, "\xE2\x82\xAC\xF0\x9F\x98\x80", 8) == 0);
    CHECK(WideCharToMultiByte(CP_ACP, 0, L"\x20AC", 1, Narrow, 1, NULL, NULL) == 1 && Narrow[0] == '\x80');
    CHECK_FAILS(MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, "\xFF", 1, Wide, 32), ERROR_NO_UNICODE_TRANSLATION);
    CHECK_FAILS(MultiByteToWideChar(CP_ACP, 0, "abc", 3, Wide, 2), ERROR_INSUFFICIENT_BUFFER);
}

static jmp_buf Jump;

static __attribute__((noinline)) void Leave(int Value)
{
    longjmp(Jump, Value);
}

static void Jumps(void)
{
    volatile int Count = 0;
    int Got = setjmp(Jump);

    if (Got < 3) {
        Count++;
        Leave(Got + 1);
    }
    CHECK_EQUAL(Got, 3);
    CHECK_EQUAL(Count, 3);
    if (setjmp(Jump) == 0) {
        Leave(0); // becomes 1
    }
}

static void Streams(void)
{
    static char Own[16];
    char Line[32];
    FILE *File = fopen("D:\\crt.tmp", "w+b");
    int Fd, Fds[2];

    CHECK(File != NULL && setvbuf(File, Own, _IOFBF, sizeof(Own)) == 0);
    CHECK(fwrite("0123456789ABCDEFGHIJ", 1, 20, File) == 20 && ftell(File) == 20);
    CHECK(fseek(File, 5, SEEK_SET) == 0 && fgetc(File) == '5' && fseek(File, 2, SEEK_CUR) == 0 && fgetc(File) == '8');
    CHECK(fseek(File, -1, SEEK_END) == 0 && fgetc(File) == 'J' && fgetc(File) == EOF && feof(File));
    clearerr(File);
    CHECK(!feof(File) && fseek(File, 0, SEEK_SET) == 0 && fputc('x', File) == 'x' && fflush(File) == 0 &&
          fgetc(File) == '1');
    CHECK(fclose(File) == 0);
    Fd = _open("D:\\crt.tmp", _O_RDWR | _O_BINARY);
    CHECK(Fd >= 3 && _read(Fd, Line, 4) == 4 && memcmp(Line, "x123", 4) == 0 && _lseek(Fd, 0, SEEK_END) == 20);
    CHECK(_chsize(Fd, 10) == 0 && _filelength(Fd) == 10 && _eof(Fd) == 1 && _close(Fd) == 0 && _close(Fd) == -1 &&
          errno == EBADF);
    File = freopen("D:\\crt.tmp", "r", fopen("D:\\crt.tmp", "r"));
    CHECK(File != NULL && fread(Line, 1, 32, File) == 10 && fclose(File) == 0);
    CHECK(remove("D:\\crt.tmp") == 0);
    CHECK(_pipe(Fds, 512, _O_BINARY) == 0 && _write(Fds[1], "pipe", 4) == 4 && _read(Fds[0], Line, 32) == 4);
    CHECK(_close(Fds[1]) == 0 && _read(Fds[0], Line, 32) == 0 && _close(Fds[0]) == 0);
    File = tmpfile();
    CHECK(File != NULL && fputs("temporary", File) >= 0 && fclose(File) == 0);
    CHECK(_setmode(_fileno(stdout), _O_BINARY) == _O_TEXT && _setmode(_fileno(stdout), _O_TEXT) == _O_BINARY);
}

static void Paths(void)
{
    char Drive[_MAX_DRIVE], Directory[_MAX_DIR], Name[_MAX_FNAME], Extension[_MAX_EXT], Path[MAX_PATH];

    _splitpath("C:\\dir.x\\sub\\name.tar.gz", Drive, Directory, Name, Extension);
    CHECK(strcmp(Drive, "C:") == 0 && strcmp(Directory, "\\dir.x\\sub\\") == 0 && strcmp(Name, "name.tar") == 0 &&
          strcmp(Extension, ".gz") == 0);
    _makepath(Path, "D", "\\a", "b", "c");
    CHECK(strcmp(Path, "D:\\a\\b.c") == 0);
    CHECK(_fullpath(Path, "C:\\a\\.\\b\\..\\c", MAX_PATH) != NULL && strcmp(Path, "C:\\a\\c") == 0);
    CHECK(_mkdir("D:\\crtdir") == 0 && _mkdir("D:\\crtdir") == -1 && errno == EEXIST);
    CHECK(_access("D:\\crtdir", 0) == 0 && _chdir("D:\\crtdir") == 0 && _getcwd(Path, MAX_PATH) != NULL);
    CHECK(_stricmp(Path, "D:\\crtdir") == 0 && _chdir("D:\\") == 0 && _rmdir("D:\\crtdir") == 0 &&
          _access("D:\\crtdir", 0) == -1);
}

static void Rest(void)
{
    void *Aligned = _aligned_malloc(100, 256);

    CHECK(Aligned != NULL && ((uintptr_t)Aligned & 255) == 0);
    _aligned_free(Aligned);
    CHECK(_msize(malloc(123)) >= 123 && _heapchk() == _HEAPOK);
    CHECK(strcmp(setlocale(LC_ALL, NULL), "C") == 0 && setlocale(LC_ALL, "xx_YY") == NULL &&
          *localeconv()->decimal_point == '.');
}

static void AtExit(void)
{
    printf("%s", Failures == 0 ? "at exit\n" : "");
}

int main(void)
{
    CHECK_EQUAL(atexit(AtExit), 0);
    Strings();
    Sorting();
    Conversion();
    Times();
    Mathematics();
    WideCharacters();
    Jumps();
    Streams();
    Paths();
    Rest();
    return Verdict();
}
