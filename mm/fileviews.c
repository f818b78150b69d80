// SPDX-License-Identifier: MIT
// Who has a file's data mapped: each control area lists its views in processes and in system space, so that a flush
// sees what they wrote (the processor notes that in their page-table entries only), and so that what they wrote is
// never older than five minutes on the disk's side: the mapped page writer's clock.

#include "mi.h"

LONGLONG MiMappedWriteInterval = -300 * 10000000ll; // five minutes (Windows Internals, "Modified Page Writer")

static LIST_ENTRY MiMappedFiles = {&MiMappedFiles, &MiMappedFiles}; // control areas with views in processes; PFN lock
static ULONG MiViewSequence;

// A process maps a file's data. The VAD is counted in the control area already. Takes the PFN lock.
VOID MiAddFileView(PEPROCESS Process, PMMVAD Vad)
{
    PCONTROL_AREA ControlArea = Vad->ControlArea;
    KIRQL OldIrql;

    if (ControlArea->FilePointer == NULL || ControlArea->u.Flags.Image)
        return;
    OldIrql = MiLockPfn();
    Vad->ViewProcess = Process;
    Vad->ViewSequence = ++MiViewSequence;
    if (IsListEmpty(&ControlArea->UserViews))
        InsertTailList(&MiMappedFiles, &ControlArea->MappedLinks);
    InsertTailList(&ControlArea->UserViews, &Vad->ViewLinks);
    MiUnlockPfn(OldIrql);
}

// The view is gone; what was written in it is in the frames. Takes the PFN lock.
VOID MiRemoveFileView(PMMVAD Vad)
{
    PCONTROL_AREA ControlArea = Vad->ControlArea;
    KIRQL OldIrql;

    if (Vad->ViewProcess == NULL)
        return;
    OldIrql = MiLockPfn();
    RemoveEntryList(&Vad->ViewLinks);
    if (IsListEmpty(&ControlArea->UserViews))
        RemoveEntryList(&ControlArea->MappedLinks);
    MiUnlockPfn(OldIrql);
}

// The first view behind Sequence, with a reference to its process. *Vad must be looked for again: it may be gone.
static PEPROCESS MiNextFileView(PCONTROL_AREA ControlArea, PULONG Sequence, PMMVAD *Vad, PULONG_PTR StartVpn)
{
    PEPROCESS Process = NULL;
    KIRQL OldIrql = MiLockPfn();

    for (PLIST_ENTRY Entry = ControlArea->UserViews.Flink; Entry != &ControlArea->UserViews; Entry = Entry->Flink) {
        PMMVAD Candidate = CONTAINING_RECORD(Entry, MMVAD, ViewLinks);

        if ((LONG)(Candidate->ViewSequence - *Sequence) > 0) {
            Process = Candidate->ViewProcess;
            ObReferenceObject(Process); // it has an address space, so it has references
            *Sequence = Candidate->ViewSequence;
            *StartVpn = Candidate->StartingVpn;
            *Vad = Candidate;
            break;
        }
    }
    MiUnlockPfn(OldIrql);
    return Process;
}

// One view: moves the dirty bits of what lies in pages [First, Last] of the file into the frames.
static VOID MiCaptureFileView(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG Sequence, ULONGLONG First,
                              ULONGLONG Last)
{
    BOOLEAN Attach = Process != PsGetCurrentProcess();
    KAPC_STATE ApcState;

    if (Attach && !KeTryToStackAttachProcess(&Process->Pcb, &ApcState))
        return; // a process that is out of memory has no valid entry
    MiLockWorkingSet(Process);
    if (MiLocateVad(&Process->VadRoot, StartVpn) == Vad && !Vad->u.VadFlags.PrivateMemory &&
        Vad->ViewSequence == Sequence) {
        ULONGLONG Pages = Vad->EndingVpn - Vad->StartingVpn;

        First = max_of(First, Vad->FirstPage);
        Last = min_of(Last, Vad->FirstPage + Pages);
        if (First <= Last)
            MiCaptureDirtyVpns(StartVpn + (ULONG_PTR)(First - Vad->FirstPage),
                               StartVpn + (ULONG_PTR)(Last - Vad->FirstPage));
    }
    MiUnlockWorkingSet(Process);
    if (Attach)
        KeUnstackDetachProcess(&ApcState);
}

// What programs wrote to bytes [Start, End) of a file through their views becomes visible in the frames. The control
// area is referenced. IRQL <= APC_LEVEL, no Mm locks; attaches to each process in turn.
VOID MiCaptureUserDirtyBits(PCONTROL_AREA ControlArea, ULONGLONG Start, ULONGLONG End)
{
    ULONG Sequence = MiViewSequence - (MAXULONG >> 1);
    PEPROCESS Process;
    ULONG_PTR StartVpn;
    PMMVAD Vad;

    if (IsListEmpty(&ControlArea->UserViews) || Start >= End)
        return;
    while ((Process = MiNextFileView(ControlArea, &Sequence, &Vad, &StartVpn)) != NULL) {
        MiCaptureFileView(Process, Vad, StartVpn, Sequence, Start >> PAGE_SHIFT, (End - 1) >> PAGE_SHIFT);
        ObDereferenceObject(Process);
    }
}

// The next file with views behind Previous, with a section reference; Previous loses its.
static PCONTROL_AREA MiNextMappedFile(PCONTROL_AREA Previous)
{
    PCONTROL_AREA Found = NULL;
    KIRQL OldIrql = MiLockPfn();
    PLIST_ENTRY Entry = &MiMappedFiles;

    if (Previous == NULL || !IsListEmpty(&Previous->UserViews)) // else it is on the list no more: the round ends
        Entry = Previous != NULL ? Previous->MappedLinks.Flink : MiMappedFiles.Flink;
    for (; Entry != &MiMappedFiles && Found == NULL; Entry = Entry->Flink) {
        PCONTROL_AREA Candidate = CONTAINING_RECORD(Entry, CONTROL_AREA, MappedLinks);

        if (MiReferenceControlArea(Candidate))
            Found = Candidate;
    }
    MiUnlockPfn(OldIrql);
    if (Previous != NULL)
        MiDereferenceControlArea(Previous, 1, 0, 0);
    return Found;
}

// Writes what programs have modified in their views of files. The mapped page writer does it every five minutes, so
// that nothing waits longer than that. PASSIVE_LEVEL.
VOID MiWriteMappedFiles(VOID)
{
    PCONTROL_AREA ControlArea = NULL;
    IO_STATUS_BLOCK IoStatus;

    while ((ControlArea = MiNextMappedFile(ControlArea)) != NULL)
        IGNORE_STATUS(MiFlushControlArea(ControlArea, 0, MAXULONG * (ULONGLONG)PAGE_SIZE, &IoStatus)); // it stays dirty
}
