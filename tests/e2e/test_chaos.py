# SPDX-License-Identifier: MIT
"""/CHAOS=seed: it forces something, the same seed the same things, another seed others; ./mica chaos gives a verdict."""
import subprocess
import sys

from front import chaos, machine, test

TESTS = ["ex.*", "ke.mutant*", "ke.apc*"]


def boot(seed):
    """One boot: (log without the boot line, what was forced)."""
    done, running, code, log, _, _, records = test.boot_with(TESTS, 0, 256, 1, f"/CHAOS={seed}")
    assert code == machine.PASS, f"ended with {code} in {running}: {[name for name, good in done.items() if not good]}\n{log[-2000:]}"
    return [line for line in log.splitlines() if "/CHAOS" not in line], chaos.forced(records)


def test_same_seed_same_run_and_another_differs():
    first, counts = boot(11)
    again, counts_again = boot(11)
    assert first == again, "the log differs"
    assert counts == counts_again, (counts, counts_again)
    _, others = boot(12)
    assert others != counts, others
    for action in ("quantum", "yield", "dpc", "apc", "unwait", "clock"):
        assert counts[action] > 0, f"{action} was never forced: {counts}"


def test_command_gives_a_line_a_seed():
    done = subprocess.run([sys.executable, machine.ROOT + "/mica", "chaos", "--seeds", "2", "--first", "3", "ke.mutant*"],
                          capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("ok   chaos seed 3", "ok   chaos seed 4", "points forced something", "2 passed, 0 failed"):
        assert words in done.stdout, f"'{words}' is not in:\n{done.stdout}"
