"""A PostgreSQL server of a test's own, on a Unix socket in a folder of its own."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from .waiting import until

NEEDED = "this test needs PostgreSQL: apt-get install postgresql (`cargo xtask test` does it)"
START_SECONDS = 60
LOCK_SPACE = 0x4373674E
"""The first half of the name of each lock of the gateway's (`schema.rs`)."""


def _programs():
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    assert versions, NEEDED
    return max(versions, key=lambda path: int(path.parent.name))


class Postgres:
    """The server refuses to run as root, so it runs as nobody then."""

    def __init__(self, primary=None, waited_for=True):
        # Not below the folder of a test, which others than root may not enter; in memory where there is room, for its flushes.
        memory = Path("/dev/shm")
        roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-postgres-", dir=memory if roomy else None))
        self.user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        if self.user:
            shutil.chown(self.folder, "nobody", "nogroup")
        self.programs = _programs()
        if primary is not None:
            self._copy(primary, waited_for)
            return
        made = self._run("initdb", "-D", "data", "-U", "countersign", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        assert made.returncode == 0, made.stderr
        self.start()

    def _run(self, program, *arguments):
        command = [str(self.programs / program), *arguments]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=START_SECONDS, env=environment, **self.user)

    def start(self):
        """Starts it and waits until it lets clients in."""
        settings = f"-c listen_addresses= -k {self.folder} -c shared_buffers=8MB -c max_connections=60"
        done = self._run("pg_ctl", "-D", "data", "-w", "-t", str(START_SECONDS), "-l", "log", "-o", settings, "start")
        assert done.returncode == 0, done.stdout + done.stderr + (self.folder / "log").read_text(errors="replace")

    def _copy(self, primary, waited_for):
        """Becomes a standby, which the primary waits for with each commit, or not."""
        copied = self._run("pg_basebackup", "-h", str(primary.folder), "-U", "countersign", "-D", "data", "-R", "-X", "stream", "-c", "fast", "--no-sync")
        assert copied.returncode == 0, copied.stderr
        self.start()
        if not waited_for:
            return
        primary.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.sql("postgres", "SELECT pg_reload_conf()")
        until(lambda: primary.sql("postgres", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1")

    def fall_behind(self, primary):
        """A standby has all that its primary has by now, and gets nothing of what is committed from here on."""
        now = primary.sql("postgres", "SELECT pg_current_wal_flush_lsn()")
        until(lambda: self.sql("postgres", f"SELECT pg_last_wal_replay_lsn() >= '{now}'") == "t")
        self.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''")
        self.sql("postgres", "SELECT pg_reload_conf()")
        until(lambda: self.sql("postgres", "SELECT count(*) FROM pg_stat_wal_receiver") == "0")

    def promote(self):
        """A standby becomes the primary, and waits for nobody."""
        done = self._run("pg_ctl", "-D", "data", "-w", "-t", str(START_SECONDS), "promote")
        assert done.returncode == 0, done.stdout + done.stderr
        self.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names")
        self.sql("postgres", "SELECT pg_reload_conf()")

    def stop(self):
        """As a crash does it: nothing is written, nobody is told."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")

    def hang(self, on=True):
        """All of its processes stop in their tracks, or go on."""
        postmaster = int((self.folder / "data/postmaster.pid").read_text().split()[0])

        def tell(*pids):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP if on else signal.SIGCONT)

        # Who makes the others stops first and goes on last.
        if on:
            tell(postmaster)
        tell(*map(int, Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()))
        if not on:
            tell(postmaster)

    def database(self, name):
        """Makes a database; its address."""
        self.sql("postgres", f'CREATE DATABASE "{name}"')
        return f"postgresql://countersign@localhost/{name}?host={self.folder}"

    def sql(self, name, statement):
        """What psql says, unaligned and without headings."""
        done = self._run("psql", "-h", str(self.folder), "-U", "countersign", "-d", name, "-At", "-v", "ON_ERROR_STOP=1", "-c", statement)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextlib.contextmanager
    def holding_halts(self, name):
        """Holds the lock under which halts are written, as somebody does who stands still in the middle, and is not thrown out."""
        hold = f"SELECT pg_advisory_lock({LOCK_SPACE}, 1); SELECT pg_sleep(600)"
        command = [str(self.programs / "psql"), "-h", str(self.folder), "-U", "countersign", "-d", name, "-c", hold]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as holder:
            held = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = {LOCK_SPACE} AND objid = 1 AND granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)')"
            try:
                until(lambda: self.sql(name, held) == "1")
                yield
            finally:
                self.sql(name, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND pid <> pg_backend_pid()")
                holder.kill()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
