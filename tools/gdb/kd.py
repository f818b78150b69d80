# SPDX-License-Identifier: MIT
"""NT's debugger commands for GDB: kd process, thread, pcr, prcb, running, idt, pte, object, pool, poolused, stacks, symbols.

Field names and their order are those that WinDbg prints for 32-bit Windows (debugger documentation of the WDK), so that a
textbook's output can be read straight across. Loaded by ./mica debug, or by hand: source tools/gdb/kd.py"""
import os
import sys

import gdb

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import kdobject  # noqa: E402
import kdpool  # noqa: E402
import kdprocess  # noqa: E402
import kdsystem  # noqa: E402
import kdtrace  # noqa: E402
import kdutil  # noqa: E402


class Kd(gdb.Command):
    """NT's debugger commands. `help kd` lists them."""

    def __init__(self):
        super().__init__("kd", gdb.COMMAND_DATA, prefix=True)

    def invoke(self, _argument, _from_tty):
        gdb.execute("help kd")


def command(name, function, text):
    """Registers `kd name`; errors become one line instead of a Python traceback."""

    class Wrapped(gdb.Command):
        __doc__ = text

        def __init__(self):
            super().__init__("kd " + name, gdb.COMMAND_DATA)

        def invoke(self, argument, _from_tty):
            try:
                function(gdb.string_to_argv(argument))
            except (gdb.error, kdutil.Complaint) as error:
                print(f"kd {name}: {error}")

    Wrapped()


Kd()
command("process", kdprocess.process, "kd process [0|ADDRESS] [FLAGS] [IMAGE]: processes; 0 lists all; flags 2 threads, 4 stacks.")
command("thread", kdprocess.thread, "kd thread [ADDRESS]: a thread, the current one by default.")
command("stacks", kdprocess.stacks, "kd stacks [0|1|2]: every thread with what it waits in; 2 with full stacks.")
command("pcr", kdsystem.pcr, "kd pcr [N]: the control region of a processor, of the selected one by default.")
command("prcb", kdsystem.prcb, "kd prcb [N]: the control block of a processor.")
command("running", kdsystem.running, "kd running: what each processor runs.")
command("idt", kdsystem.idt, "kd idt [-a]: the interrupt descriptor table; -a all vectors.")
command("pte", kdsystem.pte, "kd pte VA: the page-directory and page-table entry of an address.")
command("object", kdobject.show, "kd object ADDRESS|\\\\PATH: an object, or what a directory holds.")
command("symbols", kdprocess.symbols, "kd symbols: loads the symbols of the current process' modules.")
command("pool", kdpool.show, "kd pool ADDRESS: the blocks of a page of pool, or the allocation of whole pages.")
command("poolused", kdpool.used, "kd poolused [TAG]: allocations, frees and bytes in use of each tag.")
command("trace", kdtrace.trace, "kd trace [COUNT] [PROCESSOR]: the last events of each processor (boot with /TRACE).")
