// SPDX-License-Identifier: MIT
// The event rings (inc/ntos/kdtrace.h). A record is written with interrupts off into the ring of the processor that
// runs, so no lock is needed and the times in a ring never go back. Nothing is ever sent: the host reads the rings out
// of the machine's memory, however the machine has ended.

#include "kdp.h"
#include "kdtrace.h"

#define TRACE_DEFAULT_KB 4096u
#define TRACE_SMALLEST_KB 4u
#define TRACE_LARGEST_KB (64u << 10)
#define TRACE_SHARED_KB 256u
#define TRACE_HIGHEST_ADDRESS 0xBFFFFFFFull // below the PCI hole, where memory is one piece for the host

#define TRACE_TYPE(Name, Group, Text, Fields) {Text, #Group, KD_TRACE_##Group, Fields},

ULONG KdTraceMask;
BOOLEAN KdTraceKeepIds; // ids of threads and processes are not given out again
KD_TRACE_HEADER KdTraceHeader = {
    .Signature = {'M', 'I', 'C', 'A', 'T', 'R', 'C', '1'},
    .RecordSize = sizeof(KD_TRACE_RECORD),
    .RingCount = KD_TRACE_PROCESSORS + 1,
    .RingOffset = __builtin_offsetof(KD_TRACE_HEADER, Rings),
    .RingSize = sizeof(KD_TRACE_RING),
    .TypeCount = KdTraceEventCount,
    .TypeOffset = __builtin_offsetof(KD_TRACE_HEADER, Types),
    .TypeSize = sizeof(KD_TRACE_TYPE),
    .Types = {KD_TRACE_EVENTS(TRACE_TYPE)},
};

static ULONG KdpRingKilobytes;

// The place of the next record. The shared ring is filled by all processors, so its counter is advanced by one
// instruction that they cannot tear apart.
static PKD_TRACE_RECORD KdpTakeRecord(PKD_TRACE_RING Ring, BOOLEAN Shared)
{
    ULONG Number;

    if (Shared)
        Number = (ULONG)InterlockedExchangeAdd((volatile LONG *)&Ring->Written, 1);
    else
        Number = (ULONG)Ring->Written++;
    return &Ring->Records[Number & (Ring->Capacity - 1)];
}

// Writes a record (KdTrace is how to call it). Any IRQL; allocates nothing, takes no lock.
VOID KdTraceWrite(ULONG Type, ULONG_PTR A, ULONG_PTR B, ULONG_PTR C, ULONG_PTR D)
{
    BOOLEAN Enable = KeDisableInterrupts(), Shared = KdTraceHeader.Types[Type].Mask == KD_TRACE_IDS;
    ULONG Processor = KeGetCurrentProcessorNumber();
    PKD_TRACE_RING Ring = &KdTraceHeader.Rings[Shared ? KD_TRACE_SHARED_RING : Processor];
    PKD_TRACE_RECORD Record;

    if (Ring->Capacity != 0) {
        Record = KdpTakeRecord(Ring, Shared);
        Record->Time = __builtin_ia32_rdtsc();
        Record->Type = (UCHAR)Type;
        Record->Irql = KeGetCurrentIrql();
        Record->Processor = (UCHAR)Processor;
        Record->Thread = KdTraceThreadId(KeGetCurrentPrcb()->CurrentThread);
        Record->Argument[0] = A;
        Record->Argument[1] = B;
        Record->Argument[2] = C;
        Record->Argument[3] = D;
    }
    KeRestoreInterrupts(Enable);
}

// The IRQL has changed. A thread of priority 0 has nothing to do but to clear free pages, thousands of them, each under
// a lock: its raising to DISPATCH_LEVEL and coming back is left out, or the rings would hold nothing else.
// Any IRQL; what it says is true at worst for the moment after it.
VOID KdTraceLevel(KIRQL New, KIRQL Old)
{
    BOOLEAN Enable = KeDisableInterrupts(), Dull;
    PKD_TRACE_RING Ring = &KdTraceHeader.Rings[KeGetCurrentProcessorNumber()];

    Dull = KeGetCurrentPrcb()->CurrentThread->Priority == 0 && New <= DISPATCH_LEVEL && Old <= DISPATCH_LEVEL &&
           (New > Old ||
            (Ring->Capacity != 0 && Ring->Records[((ULONG)Ring->Written - 1) & (Ring->Capacity - 1)].Irql == New));
    if (!Dull)
        KdTraceWrite(KdTraceIrql, New, Old, 0, 0);
    KeRestoreInterrupts(Enable);
}

static BOOLEAN KdpMakeRing(ULONG Number, ULONG Kilobytes)
{
    PKD_TRACE_RING Ring = &KdTraceHeader.Rings[Number];
    PHYSICAL_ADDRESS Highest = {.QuadPart = TRACE_HIGHEST_ADDRESS};
    PVOID Records = MmAllocateContiguousMemory(Kilobytes << 10, Highest);

    if (Records == NULL)
        return FALSE;
    RtlZeroMemory(Records, Kilobytes << 10);
    Ring->Records = Records;
    Ring->Physical = (ULONG)MmGetPhysicalAddress(Records).QuadPart;
    Ring->Capacity = (Kilobytes << 10) / sizeof(KD_TRACE_RECORD);
    return TRUE;
}

static BOOLEAN KdpIsWord(PCSTR Text, PCSTR Word)
{
    SIZE_T Length = strlen(Word);

    return _strnicmp(Text, Word, Length) == 0 && (Text[Length] == ',' || Text[Length] == ' ' || Text[Length] == '\0');
}

// The groups of /TRACEONLY=name,name; all without it. Names that nobody knows are told in the log.
static ULONG KdpReadGroups(PCSTR Text)
{
#define TRACE_GROUP(Group, Bit, Word) {Word, 1ul << (Bit)},
    static const struct {
        PCSTR Word;
        ULONG Mask;
    } Groups[] = {KD_TRACE_GROUPS(TRACE_GROUP)};
    ULONG Index, Mask = KD_TRACE_IDS;

    if (Text == NULL)
        return ~0ul;
    for (;;) {
        for (Index = 0; Index < RTL_NUMBER_OF(Groups) && !KdpIsWord(Text, Groups[Index].Word); Index++)
            ;
        if (Index < RTL_NUMBER_OF(Groups))
            Mask |= Groups[Index].Mask;
        else
            DbgPrint("Kd: no events are called %.16s\n", Text);
        while (*Text != ',' && *Text != ' ' && *Text != '\0')
            Text++;
        if (*Text != ',')
            return Mask;
        Text++;
    }
}

// Kilobytes of a ring: the largest power of two that is not above what /TRACE= asks for; 0: no tracing.
static ULONG KdpReadSize(VOID)
{
    PCSTR Text = KeFindBootOption("/TRACE=");
    ULONG Asked = 0, Size = TRACE_SMALLEST_KB;

    if (Text == NULL)
        return KeFindBootOption("/TRACE") != NULL ? TRACE_DEFAULT_KB : 0;
    for (; *Text >= '0' && *Text <= '9' && Asked < TRACE_LARGEST_KB; Text++)
        Asked = Asked * 10 + (ULONG)(*Text - '0');
    while (Size * 2 <= Asked && Size < TRACE_LARGEST_KB)
        Size *= 2;
    return Size;
}

// Makes the ring of another processor, before that runs. PASSIVE_LEVEL. Without memory it stays untraced.
VOID KdTraceStartProcessor(ULONG Number)
{
    if (KdpRingKilobytes != 0 && !KdpMakeRing(Number, KdpRingKilobytes))
        KdPrintBoot("Kd: no memory to trace processor %u\n", Number);
}

// Starts tracing if /TRACE asks for it. Phase 0, once there is memory and before the first process has an id.
VOID KdTraceInitSystem(VOID)
{
    KdpRingKilobytes = KdpReadSize();
    if (KdpRingKilobytes == 0)
        return;
    if (!(KeFeatureBits & KF_RDTSC) || !KdpMakeRing(KD_TRACE_SHARED_RING, TRACE_SHARED_KB) ||
        !KdpMakeRing(0, KdpRingKilobytes)) {
        KdPrintBoot("Kd: no tracing: no memory, or no time stamp counter\n");
        KdpRingKilobytes = 0;
        return;
    }
    KdTraceKeepIds = TRUE;
    KdTraceHeader.Mask = KdpReadGroups(KeFindBootOption("/TRACEONLY="));
    if (KdTraceHeader.Mask & KD_TRACE_SERVICE)
        KeTraceServices();
    KdHostRecord("trace %08X", (ULONG)MmGetPhysicalAddress(&KdTraceHeader).QuadPart);
    KdTraceMask = KdTraceHeader.Mask;
}
