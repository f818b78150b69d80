# SPDX-License-Identifier: MIT
"""The power fails ten times; ./mica powercut does it two hundred times."""
from front import powercut

CUTS, SEED = 10, 7


def test_what_was_flushed_survives_power_cuts():
    checked, failed = powercut.series(CUTS, seed=SEED)
    assert not failed, "\n".join(failed)
    assert checked >= CUTS, f"only {checked} flushed files were there to be checked"
