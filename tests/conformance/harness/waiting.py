"""Waiting for what another process brings about."""

import time

SECONDS = 60


def until(holds, seconds=SECONDS, why="it did not come to that"):
    """Asks until it is so; what was found then."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, why
        time.sleep(0.02)
    return found
