# SPDX-License-Identifier: MIT
"""Every kind of machine keeps the HAL's laws: with and without APICs, ACPI, MP tables, many processors."""
import re

from front import machine

TIMEOUT = 120
LAWS = "KTEST=hal.l*,hal.p*,hal.s*,hal.c*"


class Kind(machine.Machine):
    """A machine of any type; sockets instead of cores, for MP tables list one processor a socket."""
    def __init__(self, kind, sockets, **options):
        super().__init__(cpus=sockets or options.pop("cpus", 1), **options)
        self.kind, self.sockets = kind, sockets

    def command(self):
        line = super().command()
        line[line.index("-machine") + 1] = self.kind
        if self.sockets:
            line[line.index("-smp") + 1] = f"{self.sockets},sockets={self.sockets}"
        return line


def laws(kind="pc", sockets=0, words="", says="", **options):
    """Runs the laws on a machine; the log must contain what it says about the tables (a pattern), or nothing of them."""
    with Kind(kind, sockets, options=f"{words} {LAWS}".strip(), **options) as box:
        box.start()
        code = box.wait(TIMEOUT)
        log = box.log_text()
        assert code == machine.PASS, f"ended with {machine.VERDICTS.get(code, code)}\n" + "\n".join(log.splitlines()[-25:])
        if says:
            assert re.search(says, log), f"no '{says}' in the log:\n{log[:1500]}"
        else:
            assert "HAL: " not in log, log[:1500]


def test_acpi_tables_start_four_processors():
    laws(cpus=4, says="HAL: ACPI tables: 4 processors, 1 I/O APICs")


def test_mp_tables_start_four_processors_without_acpi():
    laws("pc,acpi=off", sockets=4, says="HAL: MP tables: 4 processors, 1 I/O APICs")


def test_mp_tables_are_preferred_when_asked_for():
    laws(sockets=2, words="/MPS", says="HAL: MP tables: 2 processors")


def test_8259s_run_the_machine_when_asked_for():
    laws(cpus=4, words="/PIC")


def test_8259s_run_a_processor_without_apic():
    laws(cpu="qemu32,-apic")


def test_8259s_run_a_machine_without_hpet_and_tsc():
    laws("pc,hpet=off", cpu="qemu32,-apic,-tsc")


def test_platform_clock_counts_when_asked_for():
    laws(words="/USEPLATFORMCLOCK", says="HAL: ACPI tables: 1 processors")


def test_q35_has_apics_too():
    laws("q35", cpus=2, says="HAL: ACPI tables: 2 processors")


def test_eight_processors():
    laws(cpus=8, says="HAL: ACPI tables: 8 processors")
