// SPDX-License-Identifier: MIT
// The lines entered before, for the up and down keys.

#include "console.h"

// Remembers the line that was entered, unless it is empty or the same as the last one. The console's thread.
VOID ConsoleRemember(PLINE_EDITOR Editor)
{
    PCHAR Copy;

    Editor->HistoryPlace = 0;
    if (Editor->Length == 0)
        return;
    if (Editor->HistoryCount > 0 && strlen(Editor->History[0]) == Editor->Length &&
        RtlEqualMemory(Editor->History[0], Editor->Text, Editor->Length))
        return;
    Copy = ExAllocatePoolWithTag(PagedPool, Editor->Length + 1, TAG_CONSOLE);
    if (Copy == NULL)
        return; // a line that is not remembered is no harm
    memcpy(Copy, Editor->Text, Editor->Length);
    Copy[Editor->Length] = '\0';
    if (Editor->HistoryCount == HISTORY_SIZE)
        ExFreePoolWithTag(Editor->History[--Editor->HistoryCount], TAG_CONSOLE);
    memmove(&Editor->History[1], &Editor->History[0], Editor->HistoryCount * sizeof(Editor->History[0]));
    Editor->History[0] = Copy;
    Editor->HistoryCount++;
}

// Goes one line back or forth. FALSE: there is none. Beyond the newest lies an empty line.
BOOLEAN ConsoleRecall(PLINE_EDITOR Editor, BOOLEAN Older, PCSTR *Text)
{
    if (Older ? Editor->HistoryPlace == Editor->HistoryCount : Editor->HistoryPlace == 0)
        return FALSE;
    Editor->HistoryPlace += Older ? 1 : -1;
    *Text = Editor->HistoryPlace == 0 ? "" : Editor->History[Editor->HistoryPlace - 1];
    return TRUE;
}
