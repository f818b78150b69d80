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

    def named(self, prefix):
        """This report for tests whose names begin with prefix in it: "smp4." for those of a machine with four processors."""
        return Prefixed(self, prefix)

    def close(self):
        """Prints the closing line; returns the exit code."""
        if self.failures:
            print("\nfailed: " + " ".join(self.failures))
        print(f"\n{self.passed} passed, {len(self.failures)} failed")
        sys.stdout.flush()
        return 1 if self.failures or not self.passed else 0


class Prefixed:
    def __init__(self, report, prefix):
        self.report, self.prefix = report, prefix

    def ok(self, name, note=""):
        self.report.ok(self.prefix + name, note)

    def fail(self, name, block, replay):
        self.report.fail(self.prefix + name, block, replay)
