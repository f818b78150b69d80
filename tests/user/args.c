// SPDX-License-Identifier: MIT
// argc and argv: run as  args.exe one "two words" quo\"te back\slash\ "" "back\\\\\"mix"  by any caller that quotes
// arguments as Microsoft's C library reads them.

#include "check.h"

int main(int argc, char **argv)
{
    static const char *const Expected[] = {"one", "two words", "quo\"te", "back\\slash\\", "", "back\\\\\"mix"};
    int Count = (int)(sizeof(Expected) / sizeof(Expected[0]));
    char Program[MAX_PATH];

    CHECK_EQUAL(argc, Count + 1);
    CHECK(argv[argc] == NULL);
    CHECK(strstr(argv[0], "args.exe") != NULL);
    for (int i = 0; i < Count && i + 1 < argc; i++) {
        if (strcmp(argv[i + 1], Expected[i]) != 0) {
            Failures++;
            printf("argv[%d]: expected <%s>, got <%s>\n", i + 1, Expected[i], argv[i + 1]);
        }
    }
    CHECK(GetModuleFileNameA(NULL, Program, sizeof(Program)) != 0);
    CHECK(strstr(Program, "args.exe") != NULL);
    CHECK(getenv("SystemRoot") != NULL && _stricmp(getenv("SystemRoot"), "C:\\WINDOWS") == 0);
    CHECK(getenv("NO_SUCH_VARIABLE") == NULL);
    CHECK_EQUAL(_putenv("MICA_TEST=value"), 0);
    CHECK(getenv("mica_test") != NULL && strcmp(getenv("mica_test"), "value") == 0);
    CHECK(GetEnvironmentVariableA("MICA_TEST", Program, sizeof(Program)) == 5);
    CHECK_EQUAL(_putenv("MICA_TEST="), 0);
    CHECK(getenv("MICA_TEST") == NULL);
    return Verdict();
}
