"""Disks that are full or hang, and clocks that are set, for one gateway on a machine where others go on."""

import contextlib
import ctypes
import fcntl
import os
import resource
import warnings
from pathlib import Path

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
NEEDED = "this test needs libfaketime: apt-get install faketime (`cargo xtask test` does it)"


CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
DISK_BYTES = 64 << 20
"""Room for all that twenty rounds write, and soon full."""


def disk_of_its_own(folder):
    """Gives a folder that is not there yet a file system of its own, which can be filled; where that is not permitted, says so.

    It is mounted where only this thread and what it starts can see it, and is gone with them.
    """
    folder.mkdir(mode=0o700)
    libc = ctypes.CDLL(None, use_errno=True)
    steps = [
        lambda: libc.unshare(CLONE_NEWNS),
        lambda: libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None),
        lambda: libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", ctypes.c_ulong(0), b"mode=700,size=%d" % DISK_BYTES),
    ]
    for step in steps:
        if step() != 0:
            why = os.strerror(ctypes.get_errno())
            warnings.warn(f"no file system can be mounted here ({why}): a full disk is played by a limit of the size of files", stacklevel=2)
            return


@contextlib.contextmanager
def full_disk(server):
    """There is no room on the disk of its state, if it has one of its own (`disk_of_its_own`); else its files cannot grow."""
    with filled(server.state) if server.state.is_mount() else limited(server):
        yield


@contextlib.contextmanager
def filled(folder):
    """Something else took all the room that there was; and gives it back."""
    ballast = folder / "ballast"
    try:
        with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(1 << 16)):
                pass
        assert os.statvfs(folder).f_bavail == 0, "it is not full"
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def limited(server, torn=37):
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
