// SPDX-License-Identifier: MIT
// Matching a file name against an expression with wildcards:
//     *  any number of characters          ?  exactly one
//     <  (DOS *) any number, but it does not pass the last dot of the name
//     >  (DOS ?) one character that is not a dot; nothing at a dot or at the end
//     "  (DOS .) a dot; nothing at the end
// The expression is a small automaton whose set of live positions is followed through the name, so that the time is
// bounded by the product of the lengths. Source: WDK documentation of FsRtlIsNameInExpression.

#include "rtlp.h"

#define DOS_STAR '<'
#define DOS_QM '>'
#define DOS_DOT '"'
#define MAXIMUM_EXPRESSION 512 // longer ones match nothing: no name component is as long

typedef struct _NAME_MATCH {
    const WCHAR *Expression;
    ULONG Count;
    UCHAR Live[MAXIMUM_EXPRESSION + 1]; // positions in the expression that the name so far can have led to
} NAME_MATCH, *PNAME_MATCH;

// Adds the positions reachable without consuming a character. Next: the coming character, 0 at the end of the name.
static VOID RtlpCloseOver(PNAME_MATCH Match, WCHAR Next)
{
    ULONG p;

    for (p = 0; p < Match->Count; p++) {
        if (!Match->Live[p])
            continue;
        switch (Match->Expression[p]) {
        case '*':
        case DOS_STAR:
            Match->Live[p + 1] = TRUE;
            break;
        case DOS_QM:
            if (Next == 0 || Next == '.')
                Match->Live[p + 1] = TRUE;
            break;
        case DOS_DOT:
            if (Next == 0)
                Match->Live[p + 1] = TRUE;
            break;
        }
    }
}

// Consumes Character. Going downwards, so that each position is moved once.
static VOID RtlpConsume(PNAME_MATCH Match, WCHAR Character, BOOLEAN LastDot)
{
    ULONG p;
    BOOLEAN Stay, Advance;

    Match->Live[Match->Count] = FALSE;
    for (p = Match->Count; p-- > 0;) {
        if (!Match->Live[p])
            continue;
        Stay = Advance = FALSE;
        switch (Match->Expression[p]) {
        case '*':
            Stay = TRUE;
            break;
        case DOS_STAR:
            Stay = !LastDot;
            break;
        case '?':
            Advance = TRUE;
            break;
        case DOS_QM:
            Advance = Character != '.';
            break;
        case DOS_DOT:
            Advance = Character == '.';
            break;
        default:
            Advance = Match->Expression[p] == Character;
            break;
        }
        Match->Live[p] = Stay;
        if (Advance)
            Match->Live[p + 1] = TRUE;
    }
}

// TRUE if Name matches Expression, which the caller has upper-cased if IgnoreCase. Any IRQL, as far as the strings may
// be touched; uses half a kilobyte of stack.
BOOLEAN NTAPI RtlIsNameInExpression(PCUNICODE_STRING Expression, PCUNICODE_STRING Name, BOOLEAN IgnoreCase)
{
    ULONG Length = Name->Length / sizeof(WCHAR), LastDot = Length, i;
    NAME_MATCH Match;
    WCHAR Character;

    Match.Expression = Expression->Buffer;
    Match.Count = Expression->Length / sizeof(WCHAR);
    if (Match.Count > MAXIMUM_EXPRESSION)
        return FALSE;
    if (Match.Count == 0 || Length == 0)
        return Match.Count == Length;
    if (Match.Count == 1 && Match.Expression[0] == '*')
        return TRUE;
    for (i = 0; i < Length; i++) {
        if (Name->Buffer[i] == '.')
            LastDot = i;
    }
    memset(Match.Live, FALSE, Match.Count + 1);
    Match.Live[0] = TRUE;
    for (i = 0; i < Length; i++) {
        Character = IgnoreCase ? RtlUpcaseUnicodeChar(Name->Buffer[i]) : Name->Buffer[i];
        RtlpCloseOver(&Match, Character);
        RtlpConsume(&Match, Character, i == LastDot);
    }
    RtlpCloseOver(&Match, 0);
    return Match.Live[Match.Count];
}
