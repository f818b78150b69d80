# SPDX-License-Identifier: MIT
"""A small QMP client: keys, screenshots, stop."""
import json
import socket
import time


class Qmp:
    def __init__(self, path, timeout=10):
        end = time.monotonic() + timeout
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self.file = self.socket.makefile("rw", encoding="utf-8")
        self.file.readline()  # the greeting
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "error" in answer:
                raise RuntimeError(f"QMP {name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def screenshot(self, path):
        self.command("screendump", filename=path, format="png")

    KEYS = {" ": "spc", "\n": "ret", ".": "dot", ":": ("shift", "semicolon"), "\\": "backslash", "/": "slash", "-": "minus",
            ">": ("shift", "dot"), "_": ("shift", "minus"), ",": "comma"}

    def type(self, text, pause=0.03):
        """Types text on the PS/2 keyboard."""
        for character in text:
            key = self.KEYS.get(character, ("shift", character.lower()) if character.isupper() else character)
            keys = [key] if isinstance(key, str) else list(key)
            self.command("send-key", keys=[{"type": "qcode", "data": name} for name in keys])
            time.sleep(pause)
