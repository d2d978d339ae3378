"""The clock of the machine, wrong by some seconds: set before an SDK is imported, so that the SDK is not touched."""

import datetime
import time


def wrong_by(seconds):
    """Shifts what every later import sees."""
    now, now_ns, real = time.time, time.time_ns, datetime.datetime
    time.time = lambda: now() + seconds
    time.time_ns = lambda: now_ns() + int(seconds * 1e9)
    shift = datetime.timedelta(seconds=seconds)

    class Shifted(real):
        @classmethod
        def now(cls, tz=None):
            return real.now(tz) + shift

        @classmethod
        def utcnow(cls):
            return real.utcnow() + shift

    datetime.datetime = Shifted
