# SPDX-License-Identifier: MIT
"""./mica iso: a GRUB ISO with the kernel and the system disk as a module (the kernel makes a RAM disk of it)."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

from front import machine

GRUB_CONFIG = """set timeout=0
menuentry "Mica" {
    multiboot /boot/mica.elf mica.elf %s
    module /boot/c.img c.img
    %s
    boot
}
"""


def make(path, options="", data=None):
    """Writes the ISO; data: an image that becomes D:. Raises RuntimeError with grub-mkrescue's words when it fails."""
    with tempfile.TemporaryDirectory() as tree:
        folder = os.path.join(tree, "boot", "grub")
        os.makedirs(folder)
        for name in ("mica.elf", "c.img"):
            shutil.copyfile(os.path.join(machine.build_dir(), name), os.path.join(tree, "boot", name))
        if data:
            shutil.copyfile(data, os.path.join(tree, "boot", "d.img"))
        with open(os.path.join(folder, "grub.cfg"), "w", encoding="ascii") as config:
            config.write(GRUB_CONFIG % (options, "module /boot/d.img d.img" if data else ""))
        done = subprocess.run(["grub-mkrescue", "-o", path, tree], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"grub-mkrescue: {done.stderr.strip()}")


def main(arguments):
    parser = argparse.ArgumentParser(prog="./mica iso", description="Makes a GRUB ISO that boots Mica on its own.")
    parser.add_argument("output", nargs="?", default=os.path.join(machine.ROOT, "build", "mica.iso"))
    options = parser.parse_args(arguments)
    machine.ensure_built()
    try:
        make(options.output)
    except RuntimeError as error:
        print(f"mica: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: try it with\n    qemu-system-i386 -cpu max -m 256 -cdrom {options.output}")
    return 0
