"""Starts the binary under test and stops it again.

A server is started on port 0 and says on standard output where it listens; nothing here waits for a fixed time.
"""

import json
import os
import queue
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

BINARY = Path(os.environ.get("COUNTERSIGN_BIN", Path(__file__).parents[3] / "target/debug/countersign"))
FORMER = Path(os.environ.get("COUNTERSIGN_FORMER_BIN", BINARY))
"""The program that is upgraded: the same one, or one of another version."""
READY = re.compile(r"^ready: https://([0-9.]+|\[::1\]):([0-9]+)\s*$")
OPERATOR = re.compile(r"https://127\.0\.0\.1:([0-9]+)")
START_SECONDS = 120
STOP_SECONDS = 30


def environment(**extra):
    """The environment of every program started here: no proxy, no colours, nothing inherited that configures us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_") and "proxy" not in name.lower()}
    kept.pop("COUNTERSIGN_BIN", None)
    return {**kept, "NO_COLOR": "1", **extra}


def run(*arguments, stdin=None, timeout=60, cwd=None, **extra):
    """Runs `countersign ARGUMENTS` to its end."""
    command = [str(BINARY), *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, cwd=cwd, env=environment(**extra))


class Server:
    """One running `countersign serve`.

    Tests log in with the keys of the demo account, whatever service is behind: `demo` asks for it, as somebody would who tries things out.
    """

    def __init__(self, state, *arguments, listen="127.0.0.1:0", config=None, limits_files=False, demo="on", cwd=None, **extra):
        self.state = Path(state)
        self.arguments = ["serve", "--state", str(self.state), "--listen", listen, "--operator-listen", "127.0.0.1:0"]
        if demo is not None:
            self.arguments += ["--set", f"demo_account={demo}"]
        if config is not None:
            self.arguments += ["--config", str(config)]
        self.arguments += list(arguments)
        self.extra = extra
        self.cwd = cwd
        self.program = FORMER
        # A write beyond the limit of a file's size then fails, and does not end the process (Python ignores SIGXFSZ, and gives that on).
        self.restore_signals = not limits_files
        self.process = None
        self.port = None
        self.lines = []
        self.stderr_path = self.state.parent / f"{self.state.name}.stderr"

    def start(self):
        """Starts it and waits for its ready line."""
        errors = open(self.stderr_path, "ab")
        self.process = subprocess.Popen(
            [str(self.program), *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=self.cwd,
            env=environment(**self.extra),
            restore_signals=self.restore_signals,
        )
        errors.close()
        self._output = queue.Queue()
        threading.Thread(target=self._read, args=(self.process.stdout, self._output), daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                line = self._output.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                self.kill()
                raise AssertionError(f"not ready after {START_SECONDS} s; said:\n{self.said()}") from None
            if line is None:
                raise AssertionError(f"ended with {self.process.wait()} before it was ready; said:\n{self.said()}")
            if match := READY.match(line):
                self.port = int(match.group(2))
                return self

    def _read(self, stream, lines):
        for line in stream:
            self.lines.append(line.rstrip("\n"))
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def said(self):
        """Everything it printed, for a failed assertion."""
        return "\n".join(self.lines) + "\n" + self.stderr_path.read_text(errors="replace")

    def logs(self):
        """Standard output and standard error."""
        return self.said()

    @property
    def base(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def ws_base(self):
        return f"wss://127.0.0.1:{self.port}"

    @property
    def ca(self):
        return str(self.state / "ca.pem")

    def credential(self, name):
        """The content of `demo/<name>.json`."""
        return json.loads((self.state / "demo" / f"{name}.json").read_text())

    def stop(self):
        """Asks it to end; returns the exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("did not end after SIGTERM") from None

    def kill(self):
        """kill -9."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
