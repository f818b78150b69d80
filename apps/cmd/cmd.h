// SPDX-License-Identifier: MIT
// The command interpreter's private header. Everything is UTF-16 inside; output is converted where it leaves.

#ifndef MICA_CMD_H
#define MICA_CMD_H

#include <windows.h>

#define LINE_LENGTH 4096
#define PATH_LENGTH 520
#define MAXIMUM_WORDS 64

// One command: its words, and the line behind the first word as it was typed (echo, set and programs want it so).
typedef struct _COMMAND {
    int Count;
    WCHAR *Words[MAXIMUM_WORDS];
    WCHAR Text[LINE_LENGTH]; // the words live here
    const WCHAR *Rest;
    HANDLE Input, Output; // redirected or the standard ones
} COMMAND;

typedef int (*BUILTIN)(COMMAND *Command); // returns the new ERRORLEVEL

extern int ErrorLevel;
extern BOOL Leaving;

// output.c
void Print(HANDLE output, const WCHAR *text);
void PrintFormat(HANDLE output, const WCHAR *format, ...); // %s %d %u %x, widths with - and 0, %llu as %U
int PrintError(DWORD error, const WCHAR *subject);         // to standard error; returns 1

// parse.c
void ExpandVariables(const WCHAR *line, WCHAR *result, int size);
// FALSE after a message when the line is bad (an unfinished redirection). Closes nothing it did not open.
BOOL ParseCommand(const WCHAR *line, COMMAND *command);
void EndCommand(COMMAND *command);

// main.c: one line of a file or pipe; FALSE at its end
BOOL ReadBytes(HANDLE input, WCHAR *line);

// line.c, run.c, batch.c: each returns the new ERRORLEVEL
int ExecuteLine(const WCHAR *line);
int ExecuteCommand(const WCHAR *line);
int RunProgram(COMMAND *command);
BOOL IsBatchFile(const WCHAR *path);
int RunBatch(const WCHAR *path, COMMAND *command);

// builtins: tables in builtin.c
BUILTIN FindBuiltin(const WCHAR *name);
int CommandCd(COMMAND *), CommandCls(COMMAND *), CommandCopy(COMMAND *), CommandDel(COMMAND *), CommandDir(COMMAND *);
int CommandEcho(COMMAND *), CommandExit(COMMAND *), CommandHelp(COMMAND *), CommandMd(COMMAND *), CommandRd(COMMAND *);
int CommandRen(COMMAND *), CommandSet(COMMAND *), CommandType(COMMAND *), CommandVer(COMMAND *);

#endif
