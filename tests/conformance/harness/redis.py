"""A Redis server of a test's own, on a socket in a folder of its own; or the server that `COUNTERSIGN_REDIS_SERVER` names: Valkey."""

import os
import signal
import subprocess
import time
from pathlib import Path

START_SECONDS = 30
SERVER = os.environ.get("COUNTERSIGN_REDIS_SERVER", "redis-server")


class Redis:
    """Started, killed, stopped and continued as operators and machines do it."""

    def __init__(self, folder, *arguments, password=None):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.password = password
        self.arguments = [*arguments, *(["--requirepass", password] if password else [])]
        self.process = None

    @property
    def url(self):
        return f"redis+unix://{self.folder / 'socket'}"

    def start(self):
        command = [SERVER, "--port", "0", "--unixsocket", "socket", "--save", "", "--appendonly", "no", *self.arguments]
        self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while "PONG" not in self.ask("PING", check=False):
            assert self.process.poll() is None and time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.02)
        return self

    def ask(self, *words, check=True):
        command = ["redis-cli", "-s", str(self.folder / "socket"), *map(str, words)]
        environment = {**os.environ, **({"REDISCLI_AUTH": self.password} if self.password else {})}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=check, timeout=START_SECONDS).stdout.strip()

    def age(self, seconds=3_600):
        """Makes its memory so old: what nodes ask of a new one is to wait for a minute and a second."""
        lines = dict(line.split(":", 1) for line in self.ask("INFO").splitlines() if ":" in line)
        name = f"{{countersign}}:began:{lines['run_id'].strip()}:{lines['master_replid'].strip()}"
        self.ask("SET", name, int(time.time() * 1000) - seconds * 1_000)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
