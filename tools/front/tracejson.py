# SPDX-License-Identifier: MIT
"""From the kernel's events to the Trace Event Format that Perfetto's UI and Chrome's tracing page open.

Three kinds of tracks. A processor's: the thread it runs, inside it interrupts and DPCs, its IRQL as a counter. A thread's: system
calls, APCs and page faults as they nest, and at the bottom always its state: Running, Ready or Waiting for what. Arrows lead from
where an object was signaled to where the thread that this woke runs again, and from an IPI to its arrival. A page file's: its reads
and writes from start to end, those under way at the same time in lanes below each other; one more such track for all other files.
Source: the document "Trace Event Format" (Chromium project)."""
import ntnames

PROCESSORS = 1  # the tracks' process id; NT's are multiples of four
PAGE_FILES, FILES = 2, 3  # tracks of page-file I/O, a few lanes for each file; of reads and writes of other files' pages
LANES = 64
LINES = {0: "clock", 24: "IPI", 25: "clock"}
STATUS_NAMES = {0: "SUCCESS", 0x102: "TIMEOUT", 0x103: "PENDING", 0xC0: "USER_APC", 0x100: "KERNEL_APC", 0x101: "ALERTED"}
READY, TERMINATED, WAITING = 1, 4, 5


class Track:
    def __init__(self, pid, tid):
        self.pid, self.tid, self.open, self.state = pid, tid, [], None


class Converter:
    def __init__(self, symbol, services):
        self.symbol, self.services = symbol, services
        self.events, self.live, self.zero = [], False, 0
        self.processors, self.threads, self.current, self.irql = {}, {}, {}, {}
        self.waits, self.woken, self.calls, self.flows = {}, {}, {}, 0
        self.file_names, self.page_files, self.transfers, self.lanes, self.track_names = {}, {}, {}, {}, {}
        self.process_names, self.parents, self.thread_process, self.starts = {0: "Idle"}, {}, {}, {}

    # --- names

    def learn(self, events):
        """Who is who: read first, since a thread may run before its birth is in the ring."""
        for event in events:
            values = event.values
            if event.name == "name":
                known = self.process_names.get(values["process"], "")
                self.process_names[values["process"]] = known + values["name"]
            elif event.name == "thread create":
                self.thread_process[values["thread"]] = values["process"]
                self.starts[values["thread"]] = values["start"]

    def process_of(self, thread):
        return self.thread_process.get(thread, 0)

    def label(self, thread):
        if thread == 0:
            return "Idle"
        start, process = self.starts.get(thread, 0), self.process_of(thread)
        name = self.symbol(start) if start >= 1 << 31 else self.process_names.get(process, f"process {process:x}")
        return f"{name} ({thread:x})"

    # --- writing

    def time(self, nanoseconds):
        return (nanoseconds - self.zero) / 1000

    def put(self, phase, track, when, **more):
        if self.live:
            self.events.append({"ph": phase, "pid": track.pid, "tid": track.tid, "ts": self.time(when), **more})

    def begin(self, track, when, name, category, args=None):
        track.open.append((name, category, args or {}))
        self.put("B", track, when, name=name, cat=category, args=args or {})

    def end(self, track, when):
        name = track.open.pop()[0]
        self.put("E", track, when, name=name)

    def instant(self, track, when, name, category, args):
        self.put("i", track, when, name=name, cat=category, s="t", args=args)

    def start(self, when):
        """From here on events are written; what is open already begins now."""
        self.live, self.zero = True, when
        for track in self.tracks():
            for name, category, args in track.open:
                self.put("B", track, when, name=name, cat=category, args=args)
        for cpu, level in self.irql.items():
            self.put("C", self.processors[cpu], when, name=f"IRQL of processor {cpu}", args={"IRQL": level})

    def finish(self, when):
        for track in self.tracks():
            while track.open:
                self.end(track, when)

    # --- tracks

    def tracks(self):
        return [*self.processors.values(), *self.threads.values(), *self.lanes.values()]

    def lane(self, file):
        """The first track of a file's I/O on which nothing is under way."""
        pid, first = (PAGE_FILES, self.page_files[file] * LANES) if file in self.page_files else (FILES, 0)
        for tid in range(first, first + LANES):
            track = self.lanes.setdefault((pid, tid), Track(pid, tid))
            if not track.open or tid == first + LANES - 1:
                name = self.file_names.get(file, "page file") if pid == PAGE_FILES else "views and the cache"
                self.track_names[pid, tid] = name + (f" ({tid - first + 1})" if tid > first else "")
                return track
        return None

    def processor(self, cpu):
        return self.processors.setdefault(cpu, Track(PROCESSORS, cpu))

    def thread(self, number):
        return self.threads.setdefault(number, Track(self.process_of(number), number))

    def set_state(self, number, when, name, args=None):
        """The state is the innermost slice of a thread's track."""
        if number == 0:
            return
        track = self.thread(number)
        if track.state:
            self.end(track, when)
        track.state = name and (name, args or {})
        if name:
            self.begin(track, when, name, "state", args)

    def push(self, number, when, name, category, args):
        track = self.thread(number)
        state = track.state
        self.set_state(number, when, None)
        self.begin(track, when, name, category, args)
        if state:
            self.set_state(number, when, *state)

    def pop(self, number, when, category):
        """Ends the innermost slice of a category, and whatever was left open inside it."""
        track = self.thread(number)
        state = track.state
        if not any(slice_category == category for _, slice_category, _ in track.open):
            return
        self.set_state(number, when, None)
        while track.open:
            last = track.open[-1][1]
            self.end(track, when)
            if last == category:
                break
        if state:
            self.set_state(number, when, *state)

    def runs(self, cpu, number, when):
        """A thread gets a processor."""
        track = self.processor(cpu)
        while track.open:
            self.end(track, when)
        self.current[cpu] = number
        if number:
            self.begin(track, when, self.label(number), "thread", {"thread": f"{number:x}"})
            self.set_state(number, when, "Running", {"processor": cpu})
            for flow in self.woken.pop(number, ()):
                self.put("f", self.thread(number), when, name="wake", cat="wake", id=flow, bp="e")

    def flow(self, track, when, name):
        self.flows += 1
        self.put("s", track, when, name=name, cat=name, id=self.flows)
        return self.flows

    def level(self, cpu, when, irql):
        if self.irql.get(cpu) != irql:
            self.irql[cpu] = irql
            self.put("C", self.processor(cpu), when, name=f"IRQL of processor {cpu}", args={"IRQL": irql})

    def place(self, event):
        """Where something happens: in the thread, unless an interrupt or a DPC runs in its place."""
        track = self.processor(event.cpu)
        borrowed = event.thread == 0 or any(category in ("interrupt", "dpc") for _, category, _ in track.open)
        return track if borrowed else self.thread(event.thread)

    # --- events

    def take(self, event):
        if event.cpu not in self.current:
            self.runs(event.cpu, event.thread, event.time)
        self.level(event.cpu, event.time, event.values["new"] if event.name == "irql" else event.irql)
        handler = getattr(self, "on_" + event.name.replace(" ", "_"), None)
        if handler:
            handler(event, event.time, **event.values)

    def on_switch(self, event, when, old, new, state, reason):
        if old:
            if state == WAITING:
                args = {"reason": ntnames.word(ntnames.REASONS, reason), **self.waits.get(old, {})}
                self.set_state(old, when, f"Waiting ({args['reason']})", args)
            else:
                self.set_state(old, when, None if state == TERMINATED else "Ready")
            if state == TERMINATED:
                track = self.thread(old)
                while track.open:
                    self.end(track, when)
        self.runs(event.cpu, new, when)

    def on_ready(self, event, when, thread, cpu, priority):
        self.set_state(thread, when, "Ready", {"priority": priority, "processor": cpu, "by": self.label(event.thread)})

    def on_wait_begin(self, event, when, object, type, count, reason):  # pylint: disable=redefined-builtin
        self.waits[event.thread] = {"object": f"{ntnames.word(ntnames.KINDS, type)} {object:08x}", "objects": count}

    def on_wait_end(self, event, when, object, status):  # pylint: disable=redefined-builtin
        self.waits.pop(event.thread, None)

    def on_signal(self, event, when, object, type):  # pylint: disable=redefined-builtin
        self.instant(self.place(event), when, "signal", "signal", {"object": f"{ntnames.word(ntnames.KINDS, type & 127)} {object:08x}"})

    def on_wake(self, event, when, thread, object, type, status):  # pylint: disable=redefined-builtin
        track = self.place(event)
        if not track.open:  # an arrow begins in a slice
            return
        self.woken.setdefault(thread, []).append(self.flow(track, when, "wake"))

    def on_interrupt_begin(self, event, when, line, **values):
        self.begin(self.processor(event.cpu), when, f"{LINES.get(line, f'line {line}')} interrupt", "interrupt",
                   {"line": line, "IRQL before": values["from"]})

    def on_interrupt_end(self, event, when, line):
        self.leave(event.cpu, when, "interrupt")

    def on_dpc_begin(self, event, when, routine, dpc, context):
        self.begin(self.processor(event.cpu), when, f"DPC {self.symbol(routine)}", "dpc", {"dpc": f"{dpc:08x}", "context": f"{context:08x}"})

    def on_dpc_end(self, event, when, routine):
        self.leave(event.cpu, when, "dpc")

    def leave(self, cpu, when, category):
        track = self.processor(cpu)
        if any(slice_category == category for _, slice_category, _ in track.open):
            while self.ends_with(track, when) != category:
                pass

    def ends_with(self, track, when):
        category = track.open[-1][1]
        self.end(track, when)
        return category

    def on_apc_begin(self, event, when, kernel, normal, mode):
        name = self.symbol(normal or kernel) if (normal or kernel) >= 1 << 31 else f"{normal:08x}"
        self.push(event.thread, when, f"{'user' if mode else 'kernel'} APC {name}", "apc", {"kernel routine": self.symbol(kernel)})

    def on_apc_end(self, event, when, mode):
        self.pop(event.thread, when, "apc")

    def on_service_begin(self, event, when, service, a, b, c):
        name = self.services[service] if service < len(self.services) else f"service {service:x}"
        self.push(event.thread, when, name, "service", {"arguments": f"{a:x} {b:x} {c:x}"})

    def on_service_end(self, event, when, service, status):
        if event.thread and any(category == "service" for _, category, _ in self.thread(event.thread).open):
            self.instant(self.thread(event.thread), when, f"= {STATUS_NAMES.get(status, f'{status:08x}')}", "service", {})
        self.pop(event.thread, when, "service")

    def on_fault_begin(self, event, when, address, eip, error):
        if event.thread:
            self.push(event.thread, when, "page fault", "fault", {"address": f"{address:08x}", "at": f"{eip:08x}", "error": error})

    def on_fault_end(self, event, when, status):
        if event.thread:
            self.pop(event.thread, when, "fault")

    def on_timer(self, event, when, timer, dpc, period):
        self.instant(self.processor(event.cpu), when, "timer", "timer",
                     {"timer": f"{timer:08x}", "dpc": self.symbol(dpc) if dpc else "none", "period": period})

    def on_ipi_send(self, event, when, targets, request):
        track = self.place(event)
        self.instant(track, when, "IPI", "ipi", {"targets": f"{targets:x}", "request": f"{request:x}"})
        for cpu in range(32):
            if targets >> cpu & 1 and track.open:
                self.calls.setdefault(cpu, []).append(self.flow(track, when, "ipi"))

    def on_ipi_receive(self, event, when, request):
        track = self.processor(event.cpu)
        self.instant(track, when, "IPI arrives", "ipi", {"request": f"{request:x}"})
        for flow in self.calls.pop(event.cpu, ()):
            if track.open:
                self.put("f", track, when, name="ipi", cat="ipi", id=flow, bp="e")

    def on_chaos(self, event, when, point, action, step):
        self.instant(self.processor(event.cpu), when, "chaos", "chaos", {"point": point, "action": action, "step": step})

    def on_file_name(self, event, when, file, part, name):
        self.file_names[file] = name if part == 0 else self.file_names.get(file, "") + name

    def on_page_file(self, event, when, file, number, size):
        self.page_files[file] = number

    def transfer(self, event, when, verb, io, file, page, pages):
        track = self.lane(file)
        self.transfers[io] = track
        self.begin(track, when, f"{verb} {pages} {'page' if pages == 1 else 'pages'}", "paging",
                   {"file": self.file_names.get(file) or f"{file:08x}", "offset": f"{page << 12:x}", "thread": self.label(event.thread)})

    def on_page_read_begin(self, event, when, io, file, page, pages):
        self.transfer(event, when, "read", io, file, page, pages)

    def on_page_write_begin(self, event, when, io, file, page, pages):
        self.transfer(event, when, "write", io, file, page, pages)

    def on_page_read_end(self, event, when, io, status, **values):
        track = self.transfers.pop(io, None)
        if track is not None:
            if status:
                self.instant(track, when, f"= {STATUS_NAMES.get(status, f'{status:08x}')}", "paging", {"for": self.label(values["for"])})
            self.end(track, when)

    on_page_write_end = on_page_read_end

    def on_process_create(self, event, when, process, parent):
        self.instant(self.place(event), when, "process create", "ids", {"process": f"{process:x}", "name": self.process_names.get(process, "")})

    def on_process_exit(self, event, when, process, status):
        self.instant(self.place(event), when, "process exit", "ids", {"process": f"{process:x}", "status": f"{status:08x}"})

    def on_thread_create(self, event, when, thread, process, start, priority):
        self.instant(self.place(event), when, "thread create", "ids", {"thread": f"{thread:x}", "priority": priority})

    def on_thread_exit(self, event, when, thread, status):
        self.instant(self.place(event), when, "thread exit", "ids", {"thread": f"{thread:x}", "status": f"{status:08x}"})

    # --- the whole

    def track_name(self, pid, tid):
        return f"Processor {tid}" if pid == PROCESSORS else self.track_names.get((pid, tid)) or self.label(tid)

    def metadata(self):
        """Names and order of the tracks that have events."""
        used = {(event["pid"], event["tid"]) for event in self.events}
        rows = []

        def tell(what, pid, tid, key, value):
            rows.append({"ph": "M", "name": what, "pid": pid, "tid": tid, "args": {key: value}})
        for pid in sorted({pid for pid, _ in used}):
            special = {PROCESSORS: "Processors", PAGE_FILES: "Page files", FILES: "Pages of files"}
            name = special.get(pid) or f"{self.process_names.get(pid, 'process')} ({pid:x})"
            tell("process_name", pid, 0, "name", name)
            tell("process_sort_index", pid, 0, "sort_index", pid)
        for pid, tid in sorted(used):
            tell("thread_name", pid, tid, "name", self.track_name(pid, tid))
            tell("thread_sort_index", pid, tid, "sort_index", tid)
        return rows


def first_of(events, names, image):
    """When the process of this image was made; None if it never was."""
    wanted = {process for process, name in names.items() if name.lower() == image.lower()[:15]}
    return next((event.time for event in events if event.name == "process create" and event.values["process"] in wanted), None)


def nanoseconds(events, virtual):
    """The same events with times in nanoseconds. Virtual time's counter counts them; a real one is measured by the ticks."""
    ticks = [(event.time, event.values["low"] | event.values["high"] << 32) for event in events if event.name == "tick"]
    scale = 1.0
    if not virtual and len(ticks) > 1 and ticks[-1][0] > ticks[0][0]:
        scale = (ticks[-1][1] - ticks[0][1]) * 100 / (ticks[-1][0] - ticks[0][0])
    return [event._replace(time=int(event.time * scale)) for event in events] if scale != 1.0 else events


def convert(events, symbol, services, image=None, virtual=True):
    """The list of trace events. image: begin when this program's process is made, not at the first event."""
    events = nanoseconds(events, virtual)
    converter = Converter(symbol, services)
    converter.learn(events)
    begin = first_of(events, converter.process_names, image) if image else None
    for event in events:
        if not converter.live and (begin is None or event.time >= begin):
            converter.start(event.time)
        converter.take(event)
    if events:
        converter.finish(events[-1].time)
    arrived = {event["id"] for event in converter.events if event["ph"] == "f"}  # the trace may end before an arrow does
    converter.events = [event for event in converter.events if event["ph"] != "s" or event["id"] in arrived]
    return converter.metadata() + converter.events
