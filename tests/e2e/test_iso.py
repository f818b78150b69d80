# SPDX-License-Identifier: MIT
"""The GRUB ISO boots the same system on its own: from the CD, without a hard disk."""
import os

from front import iso, machine
from test_boot import booted


def test_iso_boots_to_the_prompt():
    with machine.Machine(cdrom="", realtime=True) as box:
        path = os.path.join(box.folder, "mica.iso")
        iso.make(path)
        box.cdrom = path
        box.start()
        booted(box)
