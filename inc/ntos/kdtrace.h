// SPDX-License-Identifier: MIT
// The event ring: typed, time-stamped records of what the kernel does, one ring a processor, in memory that the host
// can read when the machine has ended or stands still (docs/trace.md). An event is one row of KD_TRACE_EVENTS: adding a
// row and one KdTrace(Name, ...) where it happens is all; the table travels with the rings, so the reader learns it
// there.
//
//   KdTraceHeader (in the kernel image; its physical address is the host record "trace")
//     +-----------+----------------------+-------------------------------------+
//     | the sizes | Rings[]: where each  | Types[]: name, group, fields of     |
//     |           | is, how much written | each event, in words                |
//     +-----------+----------------------+-------------------------------------+
//   a ring: Capacity records (a power of two); record n lies at n % Capacity, so Written - Capacity are lost
//
// What a test costs while nothing is traced: one load and one branch (KdTraceMask). Calls of system services cost
// nothing: tracing puts another table in the place of theirs (ke/service.c).

#ifndef MICA_NTOS_KDTRACE_H
#define MICA_NTOS_KDTRACE_H

#include "ketypes.h"

// Groups: bits of KdTraceMask; /TRACEONLY= takes the names. ids is always on: without it nothing has a name.
#define KD_TRACE_GROUPS(X)                                                                                             \
    X(SCHED, 0, "sched")                                                                                               \
    X(WAIT, 1, "wait")                                                                                                 \
    X(SIGNAL, 2, "signal")                                                                                             \
    X(INTERRUPT, 3, "interrupt")                                                                                       \
    X(DPC, 4, "dpc")                                                                                                   \
    X(APC, 5, "apc")                                                                                                   \
    X(IPI, 6, "ipi")                                                                                                   \
    X(TIMER, 7, "timer")                                                                                               \
    X(IRQL, 8, "irql")                                                                                                 \
    X(CLOCK, 9, "clock")                                                                                               \
    X(SERVICE, 10, "service")                                                                                          \
    X(FAULT, 11, "fault")                                                                                              \
    X(IDS, 12, "ids")                                                                                                  \
    X(CHAOS, 13, "chaos")                                                                                              \
    X(MEMORY, 14, "memory")                                                                                            \
    X(PAGES, 15, "pages")                                                                                              \
    X(PAGING, 16, "paging")
#define KD_TRACE_GROUP_BIT(Group, Bit, Text) KD_TRACE_##Group = 1 << (Bit),
enum { KD_TRACE_GROUPS(KD_TRACE_GROUP_BIT) };
#define KD_TRACE_WATCH 0x80000000u // no group: the faults of some process are noted (ps/wswatch.c)

// Event, group, the name the host shows, its arguments as name:kind. Every record also has time, processor, IRQL and
// the id of the thread that ran. Kinds (tools/ktrace.py): thread, process, object, type (KOBJECTS), state, reason,
// status, code (an address in the kernel), service, line, hex, number, text (all that is left, as characters).
#define KD_TRACE_EVENTS(X)                                                                                             \
    X(Switch, SCHED, "switch", "old:thread new:thread state:state reason:reason")                                      \
    X(Ready, SCHED, "ready", "thread:thread cpu:number priority:number")                                               \
    X(WaitBegin, WAIT, "wait begin", "object:object type:type count:number reason:reason")                             \
    X(WaitEnd, WAIT, "wait end", "object:object status:status")                                                        \
    X(Signal, SIGNAL, "signal", "object:object type:type")                                                             \
    X(Wake, SIGNAL, "wake", "thread:thread object:object type:type status:status")                                     \
    X(InterruptBegin, INTERRUPT, "interrupt begin", "line:line from:number")                                           \
    X(InterruptEnd, INTERRUPT, "interrupt end", "line:line")                                                           \
    X(DpcBegin, DPC, "dpc begin", "routine:code dpc:object context:hex")                                               \
    X(DpcEnd, DPC, "dpc end", "routine:code")                                                                          \
    X(ApcBegin, APC, "apc begin", "kernel:code normal:code mode:number")                                               \
    X(ApcEnd, APC, "apc end", "mode:number")                                                                           \
    X(IpiSend, IPI, "ipi send", "targets:hex request:hex")                                                             \
    X(IpiReceive, IPI, "ipi receive", "request:hex")                                                                   \
    X(TimerExpire, TIMER, "timer", "timer:object dpc:code period:number")                                              \
    X(Irql, IRQL, "irql", "new:number old:number")                                                                     \
    X(Tick, CLOCK, "tick", "low:hex high:hex")                                                                         \
    X(ServiceBegin, SERVICE, "service begin", "service:service a:hex b:hex c:hex")                                     \
    X(ServiceEnd, SERVICE, "service end", "service:service status:status")                                             \
    X(FaultBegin, FAULT, "fault begin", "address:hex eip:hex error:hex")                                               \
    X(FaultEnd, FAULT, "fault end", "status:status")                                                                   \
    X(Resolve, MEMORY, "resolve", "address:hex kind:number page:hex write:number")                                     \
    X(PageList, PAGES, "page list", "page:hex list:number priority:number")                                            \
    X(WorkingSetTrim, MEMORY, "trim", "process:process taken:number left:number age:number")                           \
    X(PageReadBegin, PAGING, "page read begin", "io:object file:object page:hex pages:number")                         \
    X(PageReadEnd, PAGING, "page read end", "io:object status:status bytes:hex for:thread")                            \
    X(PageWriteBegin, PAGING, "page write begin", "io:object file:object page:hex pages:number")                       \
    X(PageWriteEnd, PAGING, "page write end", "io:object status:status bytes:hex for:thread")                          \
    X(FileName, IDS, "file name", "file:object part:number name:text")                                                 \
    X(PageFile, IDS, "page file", "file:object number:number size:hex")                                                \
    X(ProcessCreate, IDS, "process create", "process:process parent:process")                                          \
    X(ProcessExit, IDS, "process exit", "process:process status:status")                                               \
    X(Name, IDS, "name", "process:process name:text")                                                                  \
    X(ThreadCreate, IDS, "thread create", "thread:thread process:process start:hex priority:number")                   \
    X(ThreadExit, IDS, "thread exit", "thread:thread status:status")                                                   \
    X(Chaos, CHAOS, "chaos", "point:number action:number step:number")

#define KD_TRACE_EVENT_NUMBER(Name, Group, Text, Fields) KdTrace##Name,
enum { KD_TRACE_EVENTS(KD_TRACE_EVENT_NUMBER) KdTraceEventCount };
#define KD_TRACE_EVENT_GROUP(Name, Group, Text, Fields) KdTraceGroupOf##Name = KD_TRACE_##Group,
enum { KD_TRACE_EVENTS(KD_TRACE_EVENT_GROUP) };

typedef struct _KD_TRACE_RECORD {
    ULONGLONG Time; // time stamp counter
    UCHAR Type;
    UCHAR Irql;
    UCHAR Processor;
    UCHAR Reserved;
    ULONG Thread; // id of the current thread; 0 is the idle thread
    ULONG Argument[4];
} KD_TRACE_RECORD, *PKD_TRACE_RECORD;
C_ASSERT_SIZE(KD_TRACE_RECORD, 32);

// One ring for each processor, and behind them one that all share for group ids, where busier events push nothing out.
#define KD_TRACE_PROCESSORS 32
#define KD_TRACE_SHARED_RING KD_TRACE_PROCESSORS
typedef struct _KD_TRACE_RING {
    volatile ULONGLONG Written; // records since the start
    ULONG Capacity;             // records; 0: there is no such ring
    ULONG Physical;             // where the records are, for the host
    PKD_TRACE_RECORD Records;
    ULONG Reserved;
} KD_TRACE_RING, *PKD_TRACE_RING;
C_ASSERT_SIZE(KD_TRACE_RING, 24);

typedef struct _KD_TRACE_TYPE {
    CHAR Name[16];
    CHAR Group[12];
    ULONG Mask;
    CHAR Fields[64];
} KD_TRACE_TYPE, *PKD_TRACE_TYPE;

typedef struct _KD_TRACE_HEADER {
    CHAR Signature[8]; // "MICATRC1"
    ULONG RecordSize;
    ULONG RingCount, RingOffset, RingSize; // offsets from the header
    ULONG TypeCount, TypeOffset, TypeSize;
    ULONG Mask;
    KD_TRACE_RING Rings[KD_TRACE_PROCESSORS + 1];
    KD_TRACE_TYPE Types[KdTraceEventCount];
} KD_TRACE_HEADER, *PKD_TRACE_HEADER;

// The callees keep every register, so that code that traces nothing does not save any for their sake.
#define KD_TRACE_CALL __attribute__((no_caller_saved_registers, cold))

extern ULONG KdTraceMask; // what is traced now
extern BOOLEAN KdTraceKeepIds;
extern KD_TRACE_HEADER KdTraceHeader;

// Records an event if its group is traced; otherwise its arguments are not evaluated. Any IRQL, any lock held.
#define KdTrace(Name, A, B, C, D)                                                                                      \
    do {                                                                                                               \
        if (__builtin_expect((KdTraceMask & KdTraceGroupOf##Name) != 0, 0))                                            \
            KdTraceWrite(KdTrace##Name, (ULONG_PTR)(A), (ULONG_PTR)(B), (ULONG_PTR)(C), (ULONG_PTR)(D));               \
    } while (0)
KD_TRACE_CALL VOID KdTraceLevel(KIRQL New, KIRQL Old);
KD_TRACE_CALL VOID KdTraceWrite(ULONG Type, ULONG_PTR A, ULONG_PTR B, ULONG_PTR C, ULONG_PTR D);

// kd/trace.c, kd/traceids.c; contracts there.
VOID KdTraceInitSystem(VOID);
VOID KdTraceStartProcessor(ULONG Number);
struct _EPROCESS;
struct _ETHREAD;
KD_TRACE_CALL ULONG KdTraceThreadId(struct _KTHREAD *Thread);
VOID KdTraceProcess(struct _EPROCESS *Process);
VOID KdTraceProcessName(struct _EPROCESS *Process);
VOID KdTraceThread(struct _ETHREAD *Thread);
VOID KdTraceFile(PVOID File, const UNICODE_STRING *Name);

#endif
