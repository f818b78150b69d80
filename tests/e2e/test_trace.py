# SPDX-License-Identifier: MIT
"""./mica trace: what the file must hold, shown with two threads that hand a token to each other."""
import collections
import functools
import json
import os
import subprocess
import sys
import threading

from front import check, debug, machine

LOCK = threading.Lock()
ROUNDS = 40
PROCESSORS = 1
PING_PONG = """#include <windows.h>
static HANDLE ping, pong;
static DWORD WINAPI ponger(void *unused)
{
    for (int i = 0; i < %(rounds)d; i++) { WaitForSingleObject(ping, INFINITE); SetEvent(pong); }
    return 0;
}
static DWORD WINAPI nothing(void *unused) { return 0; }
int main(void)
{
    HANDLE thread;
    ping = CreateEventA(NULL, FALSE, FALSE, NULL);
    pong = CreateEventA(NULL, FALSE, FALSE, NULL);
    thread = CreateThread(NULL, 0, ponger, NULL, 0, NULL);
    for (int i = 0; i < %(rounds)d; i++) { SetEvent(ping); WaitForSingleObject(pong, INFINITE); }
    WaitForSingleObject(thread, INFINITE);
    for (int i = 0; i < 20; i++) { /* ids would be used again here */
        thread = CreateThread(NULL, 0, nothing, NULL, 0, NULL);
        WaitForSingleObject(thread, INFINITE);
        CloseHandle(thread);
    }
    Sleep(20);
    return 7;
}
""" % {"rounds": ROUNDS}
PAGES = 256
PAGE_OUT = """#include <windows.h>
#include <winternl.h>
NTSYSAPI NTSTATUS NTAPI NtSetSystemInformation(int, PVOID, ULONG);
static void command(ULONG number) { NtSetSystemInformation(80, &number, sizeof(number)); } /* SystemMemoryListInformation */
int main(void)
{
    volatile char *memory = VirtualAlloc(NULL, %(pages)d << 12, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    HANDLE file = CreateFileA("D:\\\\TRACED.DAT", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    HANDLE section = CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, 0x8000, NULL);
    char *view = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    int i, wrong = 0;

    for (i = 0; i < %(pages)d; i++) memory[i << 12] = (char)(i * 3);
    for (i = 0; i < 8; i++) view[i << 12] = 1;
    FlushViewOfFile(view, 0);
    SetProcessWorkingSetSize(GetCurrentProcess(), (SIZE_T)-1, (SIZE_T)-1);
    command(3); /* MemoryFlushModifiedList */
    command(4); /* MemoryPurgeStandbyList */
    for (i = 0; i < %(pages)d; i++) wrong += memory[i << 12] != (char)(i * 3);
    for (i = 0; i < 8; i++) wrong += view[i << 12] != 1;
    return wrong ? 1 : 7;
}
""" % {"pages": PAGES}


def trace(folder, *options, text=PING_PONG, name="pingpong"):
    """Traces a program: (exit code, the file's bytes, standard error)."""
    source, out = os.path.join(folder, name + ".c"), os.path.join(folder, "trace.json")
    with open(source, "w", encoding="ascii") as file:
        file.write(text)
    program = check.compile_program(folder, [source], flags=("-lntdll",))
    done = subprocess.run([sys.executable, os.path.join(machine.ROOT, "mica"), "trace", "--out", out, *options, program],
                          capture_output=True, timeout=200, check=False)
    if not os.path.exists(out):
        raise AssertionError(f"no trace: exit code {done.returncode}: {done.stderr.decode()}")
    with open(out, "rb") as file:
        return done.returncode, file.read(), done.stderr.decode()


@functools.lru_cache(maxsize=None)
def traced_once(*options):
    with check.scratch() as folder:
        return trace(folder, *options)


def traced(*options):
    with LOCK:  # the tests run side by side: one of them waits for the other's trace
        return traced_once(*options)


def events(*options):
    code, data, errors = traced(*options)
    assert code == 7, f"exit code {code}: {errors}"
    return json.loads(data)["traceEvents"]


def check_shape(rows):
    """Times never go back, every begin has its end, every arrow both its ends, each inside a slice."""
    last, open_slices, flows = 0, {}, {}
    for row in rows:
        if row["ph"] == "M":
            continue
        assert row["ts"] >= last, f"{row} lies before {last}"
        last = row["ts"]
        stack = open_slices.setdefault((row["pid"], row["tid"]), [])
        if row["ph"] == "B":
            stack.append(row["name"])
        elif row["ph"] == "E":
            assert stack and stack.pop() == row["name"], f"{row} ends something else"
        elif row["ph"] == "s":
            assert stack, f"{row} begins nowhere"
            flows[row["id"]] = row
        elif row["ph"] == "f":
            assert stack and row["id"] in flows, f"{row} comes from nowhere"
    ended = {row["id"] for row in rows if row["ph"] == "f"}
    assert set(flows) == ended, f"arrows that lead nowhere: {set(flows) - ended}"
    left = {track: names for track, names in open_slices.items() if names}
    assert not left, f"begun and never ended: {left}"


def running(rows, name):
    """The names of the threads whose slices begin on processor tracks, in order, of a process."""
    return [row["name"] for row in rows if row["ph"] == "B" and row["pid"] == PROCESSORS and row["name"].startswith(name)]


def test_begins_have_ends_and_times_increase():
    check_shape(events())


def test_ping_pong_alternates():
    rows = events()
    order = running(rows, "pingpong.exe")
    two = {name for name, _ in collections.Counter(order).most_common(2)}
    changes = sum(one != other and {one, other} == two for one, other in zip(order, order[1:]))
    assert changes >= 2 * ROUNDS - 4, f"{changes} changes between two threads in {ROUNDS} rounds"


def test_arrows_lead_from_signal_to_wake_up():
    rows = events()
    starts = {row["id"]: row for row in rows if row["ph"] == "s" and row["name"] == "wake"}
    ends = {row["id"]: row for row in rows if row["ph"] == "f" and row["name"] == "wake"}
    threads = {row["tid"] for row in rows if row["ph"] == "M" and row["name"] == "thread_name" and
               row["args"]["name"].startswith("pingpong.exe")}
    between = [key for key in ends if ends[key]["tid"] in threads and starts[key]["tid"] in threads]
    assert len(between) >= ROUNDS - 2, f"{len(between)} arrows between the two threads in {ROUNDS} rounds"
    assert all(starts[key]["ts"] < ends[key]["ts"] and starts[key]["tid"] != ends[key]["tid"] for key in between)


def test_tracks_show_calls_states_interrupts_and_irql():
    rows = events()
    begun = {row["name"] for row in rows if row["ph"] == "B"}
    for name in ("NtSetEvent", "NtWaitForSingleObject", "NtCreateThread", "Running", "Ready", "Waiting (UserRequest)", "clock interrupt",
                 "page fault"):
        assert name in begun, f"no slice '{name}' among {sorted(begun)}"
    assert any(name.startswith("DPC ") for name in begun), sorted(begun)
    levels = {row["args"]["IRQL"] for row in rows if row["ph"] == "C"}
    assert {0, 2, 28} <= levels, f"IRQLs seen: {sorted(levels)}"
    waits = [row["args"]["object"] for row in rows if row["ph"] == "B" and row["name"] == "Waiting (UserRequest)" and "object" in row["args"]]
    assert any(text.startswith("SynchronizationEvent ") for text in waits), waits[:5]


def test_thread_ids_are_never_used_again():
    made = [row["args"]["thread"] for row in events() if row["ph"] == "i" and row["name"] == "thread create"]
    assert len(made) >= 21 and len(made) == len(set(made)), made


def test_four_processors():
    """Each processor has its track, runs something, and has an IRQL; IPIs lead from one to another."""
    rows = events("--cpus", "4")
    check_shape(rows)
    for cpu in range(4):
        mine = [row for row in rows if row["pid"] == PROCESSORS and row["tid"] == cpu]
        assert any(row["ph"] == "B" and row["cat"] == "thread" for row in mine), f"processor {cpu} runs nothing"
        assert any(row["ph"] == "C" and row["name"] == f"IRQL of processor {cpu}" for row in mine), f"no IRQL of processor {cpu}"
    starts = {row["id"]: row["tid"] for row in rows if row["ph"] == "s" and row["name"] == "ipi"}
    assert any(row["ph"] == "f" and row["name"] == "ipi" and starts[row["id"]] != row["tid"] for row in rows), "no IPI arrived"
    seen = {}
    for row in rows:  # one processor at a time
        if row["ph"] == "B" and row["pid"] == PROCESSORS and row["cat"] == "thread":
            assert row["name"] not in seen.values(), f"{row} runs on {seen}"
            seen[row["tid"]] = row["name"]
        elif row["ph"] == "E" and row["pid"] == PROCESSORS and seen.get(row["tid"]) == row["name"]:
            del seen[row["tid"]]


def test_same_seed_same_trace():
    with check.scratch() as folder:
        code, data, errors = trace(folder)
    assert code == 7, errors
    first = traced()[1].splitlines()
    for number, (one, other) in enumerate(zip(first, data.splitlines())):
        assert one == other, f"line {number + 1} differs:\n{one}\n{other}"
    assert len(first) == len(data.splitlines())


def test_filter_and_overwritten_events():
    """A small ring keeps the newest events and says how many it lost; a filter leaves the rest out."""
    code, data, errors = traced("--buffer", "16", "--filter", "sched,irql")
    assert code == 7 and "older events of processor 0 were overwritten" in errors, errors
    whole = json.loads(data)
    assert int(whole["otherData"]["lost"]["0"]) > 0, whole["otherData"]
    check_shape(whole["traceEvents"])
    assert not any(row.get("cat") == "service" for row in whole["traceEvents"])


def test_debugger_shows_the_last_events():
    text = debug.execute(["hbreak NtCreateProcessEx", "continue", "kd trace 10"], options="/TRACE=64 /TRACEONLY=sched,service,wait",
                         disks=[(os.path.join(machine.build_dir(), "c.img"), True)])
    for words in ("Processor 0: the last ", "service begin service=NtCreateProcess ", "System.8"):
        assert words in text, f"'{words}' is not in:\n{text[-3000:]}"


def pages_of(rows, pid, verb):
    """(slices, their pages) of the reads or writes on the tracks of a process."""
    mine = [row for row in rows if row["ph"] == "B" and row["pid"] == pid and row["name"].startswith(verb + " ")]
    return mine, sum(int(row["name"].split()[1]) for row in mine)


def test_page_files_have_tracks():
    """What was written to page files and read back has slices, each with its end, on the file's track, those of files on another."""
    with check.scratch() as folder:
        code, data, errors = trace(folder, "--filter", "paging,fault", text=PAGE_OUT, name="pageout")
    assert code == 7, errors
    rows = json.loads(data)["traceEvents"]
    check_shape(rows)
    writes, written = pages_of(rows, 2, "write")
    reads, read = pages_of(rows, 2, "read")
    assert written >= PAGES and read >= PAGES, f"{written} written, {read} read"
    assert all(row["args"]["file"].lower().endswith("pagefile.sys") for row in writes + reads), writes[:3]
    assert any("MiModifiedPageWriter" in row["args"]["thread"] for row in writes), writes[:3]
    assert any(row["args"]["thread"].startswith("pageout.exe") for row in reads), reads[:3]
    slots = {int(row["args"]["offset"], 16) for row in reads}
    assert slots & {int(row["args"]["offset"], 16) for row in writes}, "nothing is read from where it was written"
    flushed, _ = pages_of(rows, 3, "write")
    assert any(row["args"]["file"].upper().endswith("TRACED.DAT") for row in flushed), flushed[:3]
    again, _ = pages_of(rows, 3, "read")
    assert any(row["args"]["file"].upper().endswith("TRACED.DAT") for row in again), again[:3]
    names = {row["args"]["name"] for row in rows if row["ph"] == "M" and row["pid"] == 2 and row["name"] == "thread_name"}
    assert any(name.lower().endswith("pagefile.sys") for name in names), names
