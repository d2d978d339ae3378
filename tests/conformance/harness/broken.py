"""Disks that are full or hang, and clocks that are set, for one gateway on a machine where others go on."""

import contextlib
import fcntl
import resource
from pathlib import Path

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
NEEDED = "this test needs libfaketime: apt-get install faketime (`cargo xtask test` does it)"


@contextlib.contextmanager
def full_disk(server, torn=37):
    """Its files cannot grow beyond the newest file of the audit log and a few bytes: the next line is torn, and then nothing is written.

    A limit of the process, because that needs no privilege and no mount; writes fail as they do on a disk without room.
    """
    pid = server.process.pid
    newest = max((server.state / "audit").glob("audit-*.jsonl"))
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (newest.stat().st_size + torn, before[1]))
    try:
        yield
    finally:
        if server.process.poll() is None and server.process.pid == pid:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def hanging_disk(server):
    """What it writes into the audit log is not answered, as by a disk that hangs: somebody else has the lock of the log."""
    with open(server.state / "audit" / "lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)


class Clock:
    """The wall clock of one process, which goes on when it is set; its other clocks are the machine's."""

    def __init__(self, folder):
        assert FAKETIME, NEEDED
        self.file = Path(folder) / "clock"
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
        }

    def set(self, seconds):
        """So far from the machine's, from the next reading on."""
        beside = self.file.with_suffix(".new")
        beside.write_text(f"{seconds:+d}\n")
        beside.rename(self.file)
