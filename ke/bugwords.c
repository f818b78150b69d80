// SPDX-License-Identifier: MIT
// What the four parameters of a bugcheck mean, in words. A code whose first (or fourth) parameter selects the meaning
// of the others has a row for each value. Source: WDK, "Bug Check Code Reference".

#include "ki.h"

#define ANY 0xFFFFFFFFu

typedef struct _KI_BUGCHECK_WORDS {
    ULONG Code;
    UCHAR Selector; // which parameter (0-3) must have Value
    ULONG Value;    // ANY: this row is for all
    PCSTR Summary;
    PCSTR Words[4]; // NULL: says nothing
} KI_BUGCHECK_WORDS;

#define SPECIAL_WORDS                                                                                                  \
    {                                                                                                                  \
        "address that was touched", "0: read, 1: write", "instruction that did it", NULL                               \
    }
#define FAULT_WORDS                                                                                                    \
    {                                                                                                                  \
        "address that was touched", "IRQL", "0: read, 1: write, 8: execute", "instruction that did it"                 \
    }

static const KI_BUGCHECK_WORDS KiBugCheckWords[] = {
    {IRQL_NOT_LESS_OR_EQUAL, 0, ANY, "Memory that is not there, or is paged, was touched at a raised IRQL.",
     FAULT_WORDS},
    {DRIVER_IRQL_NOT_LESS_OR_EQUAL, 0, ANY, "A driver touched memory that is not there, or is paged, at a raised IRQL.",
     FAULT_WORDS},
    {BAD_POOL_HEADER,
     0,
     2,
     "Freed pool was written to.",
     {NULL, "block", "first word that has changed", "what stands there now"}},
    {BAD_POOL_HEADER,
     0,
     3,
     "A pool free list is damaged: a freed block was written to.",
     {NULL, "list entry", "its forward link", "its backward link"}},
    {BAD_POOL_HEADER,
     0,
     0x20,
     "A pool block's header and its neighbour's disagree: somebody wrote beyond a block.",
     {NULL, "header that was looked at", "the header behind it", "its first word"}},
    {BAD_POOL_CALLER, 0, 7, "A pool block was freed a second time.", {NULL, NULL, "its header's first word", "block"}},
    {BAD_POOL_CALLER,
     0,
     8,
     "Pool was allocated at an IRQL that is too high for it.",
     {NULL, "IRQL", "0: nonpaged pool, 1: paged", "tag"}},
    {BAD_POOL_CALLER,
     0,
     9,
     "Pool was freed at an IRQL that is too high for it.",
     {NULL, "IRQL", "0: nonpaged pool, 1: paged", "block"}},
    {BAD_POOL_CALLER,
     0,
     0x0A,
     "Pool was freed under another tag than it was allocated with.",
     {NULL, "block", "its tag", "the tag given"}},
    {BAD_POOL_CALLER,
     0,
     0x40,
     "Something that is no address in system space was freed as pool.",
     {NULL, "address", "start of system space", "tag"}},
    {BAD_POOL_CALLER, 0, 0x41, "Pages that are not allocated were freed as pool.", {NULL, "address", "tag", NULL}},
    {BAD_POOL_CALLER,
     0,
     0x46,
     "An address at which no allocation of pages begins was freed as pool.",
     {NULL, "address", NULL, NULL}},
    {SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
     3,
     0x20,
     "What was freed is no block of special pool, or was freed before.",
     {"address", NULL, NULL, NULL}},
    {SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
     3,
     0x21,
     "What was freed is not the beginning of its block.",
     {"address", "bytes of the block", "where in its page it begins", NULL}},
    {SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
     3,
     0x22,
     "Special pool was freed under another tag than its own.",
     {"block", "its tag", "the tag given", NULL}},
    {SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
     3,
     0x23,
     "Bytes before a block of special pool have been changed.",
     {"block", "first byte that has changed", "what stands there now", NULL}},
    {SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
     3,
     0x24,
     "Bytes behind a block of special pool have been changed.",
     {"block", "first byte that has changed", "what stands there now", NULL}},
    {SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
     3,
     0x30,
     "Pool was allocated at an IRQL that is too high for it.",
     {"IRQL", "0: nonpaged pool, 1: paged, 2: session", "bytes", NULL}},
    {SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
     3,
     0x31,
     "Pool was freed at an IRQL that is too high for it.",
     {"IRQL", "0: nonpaged pool, 1: paged, 2: session", "block", NULL}},
    {PAGE_FAULT_IN_FREED_SPECIAL_POOL, 0, ANY, "Pool was used after it had been freed.", SPECIAL_WORDS},
    {PAGE_FAULT_BEYOND_END_OF_ALLOCATION, 0, ANY, "Pool was used beyond the end (or before the beginning) of a block.",
     SPECIAL_WORDS},
    {DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL, 0, ANY, "A driver used pool after it had been freed.", SPECIAL_WORDS},
    {DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION, 0, ANY,
     "A driver used pool beyond the end (or before the beginning) of a block.", SPECIAL_WORDS},
    {PAGE_FAULT_IN_NONPAGED_AREA,
     0,
     ANY,
     "System memory that is not there was touched.",
     {"address that was touched", "0: read, 1: write, 8: execute", "instruction that did it", NULL}},
    {ATTEMPTED_WRITE_TO_READONLY_MEMORY,
     0,
     ANY,
     "The kernel wrote to memory that it may only read.",
     {"address that was touched", "its page-table entry", NULL, NULL}},
    {ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY,
     0,
     ANY,
     "The kernel went to code in memory that is not for code.",
     {"address that was touched", "its page-table entry", NULL, NULL}},
    {MUST_SUCCEED_POOL_EMPTY,
     0,
     ANY,
     "Pool that must be had could not be had.",
     {"bytes", "0: nonpaged pool, 1: paged", "tag", NULL}},
    {NO_MORE_SYSTEM_PTES,
     0,
     ANY,
     "There are no addresses left to map memory at.",
     {NULL, "pages asked for", "pages free", NULL}},
    {QUOTA_UNDERFLOW,
     0,
     ANY,
     "More pool quota was returned than had been charged.",
     {"account", "0: nonpaged pool, 1: paged", "bytes returned", "what the account would have"}},
};

// The words for a bugcheck; NULL if there are none. Words[n] (NULL: none) describes parameter n. Any IRQL.
PCSTR KiBugCheckWordsOf(ULONG Code, const ULONG_PTR *Parameters, PCSTR Words[4])
{
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(KiBugCheckWords); Index++) {
        const KI_BUGCHECK_WORDS *Row = &KiBugCheckWords[Index];

        if (Row->Code != Code || (Row->Value != ANY && Parameters[Row->Selector] != Row->Value))
            continue;
        RtlCopyMemory(Words, Row->Words, sizeof(Row->Words));
        return Row->Summary;
    }
    return NULL;
}
