// SPDX-License-Identifier: MIT
// The line editor. Every change is a replacement of the line and the cursor by new ones; one routine works out the
// fewest characters that show it, with nothing but printable characters, blanks and backspaces, so any terminal will
// do.

#include "console.h"

static VOID ConsoleFlushEcho(PCONSOLE Console)
{
    PLINE_EDITOR Editor = &Console->Editor;

    if (Editor->EchoLength > 0 && (Console->InputMode & ENABLE_ECHO_INPUT))
        ConsoleEcho(Console, Editor->Echo, Editor->EchoLength);
    Editor->EchoLength = 0;
}

static VOID ConsoleAddEcho(PCONSOLE Console, CHAR Character)
{
    if (Console->Editor.EchoLength == OUTPUT_CHUNK)
        ConsoleFlushEcho(Console);
    Console->Editor.Echo[Console->Editor.EchoLength++] = Character;
}

static ULONG ConsoleCommonPrefix(PLINE_EDITOR Editor, PCSTR Text, ULONG Length)
{
    ULONG Common = 0;

    while (Common < Length && Common < Editor->Length && Editor->Text[Common] == Text[Common])
        Common++;
    return Common;
}

// Makes Text the line, the cursor at Cursor, and shows the difference. The console's thread.
VOID ConsoleReplaceLine(PCONSOLE Console, PCSTR Text, ULONG Length, ULONG Cursor)
{
    PLINE_EDITOR Editor = &Console->Editor;
    ULONG Common = ConsoleCommonPrefix(Editor, Text, Length);
    ULONG Place = Editor->Cursor;
    BOOLEAN Same = Common == Length && Common == Editor->Length;
    ULONG From = Same ? Cursor : Common;

    for (; Place > From; Place--)
        ConsoleAddEcho(Console, '\b');
    for (; Place < From; Place++)
        ConsoleAddEcho(Console, Editor->Text[Place]);
    if (!Same) {
        for (; Place < Length; Place++)
            ConsoleAddEcho(Console, Text[Place]);
        for (; Place < Editor->Length; Place++)
            ConsoleAddEcho(Console, ' ');
        for (; Place > Cursor; Place--)
            ConsoleAddEcho(Console, '\b');
    }
    memmove(Editor->Text, Text, Length);
    Editor->Length = Length;
    Editor->Cursor = Cursor;
    ConsoleFlushEcho(Console);
}

static VOID ConsoleMoveCursor(PCONSOLE Console, ULONG Cursor)
{
    if (Cursor <= Console->Editor.Length)
        ConsoleReplaceLine(Console, Console->Editor.Text, Console->Editor.Length, Cursor);
}

// Takes out the character at Place.
static VOID ConsoleRemove(PCONSOLE Console, ULONG Place)
{
    PLINE_EDITOR Editor = &Console->Editor;

    if (Place >= Editor->Length)
        return;
    memcpy(Editor->Scratch, Editor->Text, Place);
    memcpy(Editor->Scratch + Place, Editor->Text + Place + 1, Editor->Length - Place - 1);
    ConsoleReplaceLine(Console, Editor->Scratch, Editor->Length - 1, Place);
}

static VOID ConsoleTypeCharacter(PCONSOLE Console, CHAR Character)
{
    PLINE_EDITOR Editor = &Console->Editor;
    ULONG Rest = Editor->Cursor + (Editor->Overwrite && Editor->Cursor < Editor->Length ? 1 : 0);
    ULONG Length = Editor->Length - (Rest - Editor->Cursor) + 1;

    if (Length > LINE_SIZE)
        return;
    memcpy(Editor->Scratch, Editor->Text, Editor->Cursor);
    Editor->Scratch[Editor->Cursor] = Character;
    memcpy(Editor->Scratch + Editor->Cursor + 1, Editor->Text + Rest, Editor->Length - Rest);
    ConsoleReplaceLine(Console, Editor->Scratch, Length, Editor->Cursor + 1);
}

static VOID ConsoleShowHistory(PCONSOLE Console, BOOLEAN Older)
{
    PCSTR Text;

    if (ConsoleRecall(&Console->Editor, Older, &Text))
        ConsoleReplaceLine(Console, Text, (ULONG)strlen(Text), (ULONG)strlen(Text));
}

static VOID ConsoleEndLine(PCONSOLE Console, PCSTR Mark)
{
    ConsoleMoveCursor(Console, Console->Editor.Length);
    for (; *Mark != '\0'; Mark++)
        ConsoleAddEcho(Console, *Mark);
    ConsoleAddEcho(Console, '\r');
    ConsoleAddEcho(Console, '\n');
    ConsoleFlushEcho(Console);
}

// Ctrl-C gives an empty line until there are control events (docs/status.md).
static EDIT_RESULT ConsoleEditCharacter(PCONSOLE Console, CHAR Character)
{
    PLINE_EDITOR Editor = &Console->Editor;

    if (Character == '\r') {
        ConsoleEndLine(Console, "");
        if (Console->InputMode & ENABLE_ECHO_INPUT)
            ConsoleRemember(Editor);
        return EditLine;
    }
    if (Character == CHARACTER_CTRL_C && (Console->InputMode & ENABLE_PROCESSED_INPUT)) {
        ConsoleEndLine(Console, "^C");
        Editor->Length = Editor->Cursor = 0;
        return EditLine;
    }
    if (Character == CHARACTER_CTRL_Z && Editor->Length == 0) {
        ConsoleEndLine(Console, "^Z");
        return EditEndOfFile;
    }
    if (Character == CHARACTER_BACKSPACE && Editor->Cursor > 0)
        ConsoleRemove(Console, Editor->Cursor - 1);
    else if (Character == CHARACTER_ESCAPE)
        ConsoleReplaceLine(Console, "", 0, 0);
    else if ((UCHAR)Character >= ' ')
        ConsoleTypeCharacter(Console, Character);
    return EditMore;
}

// Works one key into the line. EditLine: Editor.Text is a whole line (the caller takes it and empties the editor).
// The console's thread.
EDIT_RESULT ConsoleEditKey(PCONSOLE Console, CONSOLE_KEY Key)
{
    PLINE_EDITOR Editor = &Console->Editor;

    switch (Key) {
    case KEY_LEFT:
        if (Editor->Cursor > 0)
            ConsoleMoveCursor(Console, Editor->Cursor - 1);
        return EditMore;
    case KEY_RIGHT:
        ConsoleMoveCursor(Console, Editor->Cursor + 1);
        return EditMore;
    case KEY_HOME:
        ConsoleMoveCursor(Console, 0);
        return EditMore;
    case KEY_END:
        ConsoleMoveCursor(Console, Editor->Length);
        return EditMore;
    case KEY_UP:
    case KEY_DOWN:
        ConsoleShowHistory(Console, Key == KEY_UP);
        return EditMore;
    case KEY_INSERT:
        Editor->Overwrite = !Editor->Overwrite;
        return EditMore;
    case KEY_DELETE:
        ConsoleRemove(Console, Editor->Cursor);
        return EditMore;
    default:
        return Key < 0x100 ? ConsoleEditCharacter(Console, (CHAR)Key) : EditMore;
    }
}
