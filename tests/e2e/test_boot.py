# SPDX-License-Identifier: MIT
"""The machine as a person meets it: it boots to the prompt, takes keys, shows what was typed, shuts down."""
import os
import shutil
import time

import image
from front import machine
from qmp import Qmp

PROMPT = "C:\\>"
BOOT_SECONDS = 60


def booted(box):
    """Waits for the prompt in the serial log; the log without it fails the test."""
    assert machine.wait_for(lambda: PROMPT in box.log_text() or box.process.poll() is not None, BOOT_SECONDS) and \
        PROMPT in box.log_text(), "no prompt:\n" + "\n".join(box.log_text().splitlines()[-20:])


def machine_with_disks(box):
    system = os.path.join(box.folder, "c.img")
    shutil.copyfile(os.path.join(machine.build_dir(), "c.img"), system)
    data = os.path.join(box.folder, "d.img")
    image.create(data, 36, "DATA", "44415441")
    box.disks = [(system, False), (data, False)]
    return [system, data]


def test_typed_keys_reach_cmd_and_exit_leaves_clean_disks():
    with machine.Machine(realtime=True, qmp=True) as box:
        disks = machine_with_disks(box)
        box.start()
        booted(box)
        keyboard = Qmp(box.qmp_path)
        keyboard.type("echo Mica 42 > D:\\note.txt\n")
        keyboard.type("type D:\\note.txt\n")
        assert machine.wait_for(lambda: "\nMica 42" in box.log_text(), 30), box.log_text()[-800:]
        keyboard.type("ver\n")
        assert machine.wait_for(lambda: "Mica" in box.log_text().split("ver")[-1], 30), box.log_text()[-800:]
        keyboard.type("exit\n")
        assert box.wait(60) is not None, "exit did not shut the machine down\n" + box.log_text()[-800:]
        for disk in disks:
            clean, text = image.check(disk)
            assert clean, text


def test_screen_shows_the_prompt():
    with machine.Machine(realtime=True, qmp=True) as box:
        machine_with_disks(box)
        box.start()
        booted(box)
        time.sleep(0.3)
        picture = os.path.join(box.folder, "screen.png")
        Qmp(box.qmp_path).screenshot(picture)
        assert machine.wait_for(lambda: os.path.exists(picture) and os.path.getsize(picture) > 1000, 10), "no picture"


def test_boots_with_16_mb():
    with machine.Machine(memory=16) as box:
        machine_with_disks(box)
        box.start()
        booted(box)


def test_boots_on_a_processor_without_nx_and_sysenter():
    with machine.Machine(cpu="pentium2,-sep") as box:
        machine_with_disks(box)
        box.start()
        booted(box)


def test_boots_with_memory_beyond_4_gb():
    with machine.Machine(memory=4608) as box:
        machine_with_disks(box)
        box.start()
        booted(box)


def test_same_seed_gives_the_same_log():
    logs = []
    for _ in range(2):
        with machine.Machine(seed=3) as box:
            machine_with_disks(box)
            box.start()
            booted(box)
            time.sleep(0.5)
            with open(box.log, "rb") as log:
                logs.append(log.read())
    assert logs[0] == logs[1], "the logs of two boots with seed 3 differ"


def boots_on(processors):
    with machine.Machine(cpus=processors) as box:
        machine_with_disks(box)
        box.start()
        booted(box)


def test_boots_on_two_processors():
    boots_on(2)


def test_boots_on_four_processors():
    boots_on(4)


def test_boots_on_eight_processors():
    boots_on(8)
