# SPDX-License-Identifier: MIT
"""Collects what the rings say: one line a test as it ends, the failure blocks, and the closing line."""
import sys
import threading


class Results:
    def __init__(self):
        self.passed, self.failures, self.lock = 0, [], threading.Lock()

    def ok(self, name, note=""):
        with self.lock:
            self.passed += 1
            print(f"ok   {name}{'  ' + note if note else ''}", flush=True)

    def fail(self, name, block, replay):
        """block: name, seed, expected, got, place, state as the ring printed it."""
        with self.lock:
            self.failures.append(name)
            print(f"FAIL {name}", flush=True)
            for line in block.strip().splitlines():
                print(f"     {line}")
            print(f"     replay: {replay}", flush=True)

    def close(self):
        """Prints the closing line; returns the exit code."""
        if self.failures:
            print("\nfailed: " + " ".join(self.failures))
        print(f"\n{self.passed} passed, {len(self.failures)} failed")
        sys.stdout.flush()
        return 1 if self.failures or not self.passed else 0
