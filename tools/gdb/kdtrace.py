# SPDX-License-Identifier: MIT
"""kd trace: the last events of each processor, from the rings that /TRACE makes."""
import gdb
import ktrace
from kdprocess import image_name, processes, threads_of
from kdutil import Complaint, at, number, parse, symbol

DEFAULT_COUNT = 20


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def thread_names():
    """{id: image.id} of the threads that there are now."""
    names = {0: "Idle"}
    for process in processes():
        image = image_name(at(process, "EPROCESS"))
        for thread in threads_of(process):
            number_of = number(at(thread, "ETHREAD")["Cid"]["UniqueThread"])
            names[number_of] = f"{image}.{number_of:x}"
    return names


def trace(arguments):
    count = parse(arguments[0]) if arguments else DEFAULT_COUNT
    try:
        rings = ktrace.Rings(read, number(gdb.parse_and_eval("&KdTraceHeader")), virtual=True)
    except gdb.MemoryError as error:
        raise Complaint(f"the rings are not there yet: {error}") from error
    if not any(capacity for _, capacity, _, _ in rings.rings):
        raise Complaint("nothing is traced: boot with /TRACE (./mica debug --options /TRACE)")
    names = thread_names()
    chosen = [parse(arguments[1])] if len(arguments) > 1 else range(len(rings.rings) - 1)

    def name(thread):
        return names.get(thread, f"{thread:x}")
    for processor in chosen:
        events, lost = rings.ring(processor, count)
        if not events:
            continue
        print(f"Processor {processor}: the last {len(events)} of {rings.rings[processor][0]} events, {lost} lost")
        print("            time  IRQL  thread                event")
        for event in events:
            print(f"{event.time:16} {event.irql:5}  {name(event.thread):20}  {event.name} "
                  f"{rings.words(event, symbol, name)}")
