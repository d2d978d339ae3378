"""Runs unmodified vendor SDKs, each in a process of its own, and hands their answers and exceptions over."""

import json
import os
import selectors
import subprocess
import sys
from pathlib import Path

from .server import environment

FOLDER = Path(__file__).parents[1]
#: The environment of the client that cannot share one: made by `cargo xtask test`.
COINBASE_PYTHON = Path(os.environ.get("COUNTERSIGN_COINBASE_PYTHON", FOLDER.parents[1] / ".test-env/venv-coinbase/bin/python"))
#: The environment of the client that its newer versions dropped; likewise.
BITMEX_PYTHON = Path(os.environ.get("COUNTERSIGN_BITMEX_PYTHON", FOLDER.parents[1] / ".test-env/venv-bitmex/bin/python"))
#: Longer than any one operation may take.
ANSWER_SECONDS = 90


class Refused(Exception):
    """What the SDK raised, or returned instead of a result."""

    def __init__(self, told):
        super().__init__(f"{told['class']} {told['code']}: {told['text']}")
        self.kind, self.code, self.text = told["class"], told["code"], told["text"]


class Sdk:
    """One SDK in its process. It is started by its first operation and ended by `close`."""

    def __init__(self, module, server, record, clock=0, python=sys.executable):
        self.module, self.server, self.clock, self.python = module, server, clock, str(python)
        self.record = {**record, "ca": server.ca}
        self.process = None

    def _start(self):
        # The CA is where each HTTP and WebSocket library looks for it; the SDKs themselves have no setting for it.
        trust = dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "WEBSOCKET_CLIENT_CA_BUNDLE"), self.server.ca)
        self.errors = open(self.server.state.parent / f"sdk-{self.module}.stderr", "ab")
        self.process = subprocess.Popen(
            [self.python, "-m", "sdks.child", self.module],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment(**trust, PYTHONWARNINGS="ignore", PYTHONDONTWRITEBYTECODE="1"),
        )
        self._say({"host": f"127.0.0.1:{self.server.port}", "record": self.record, "clock": self.clock})

    def _say(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def ask(self, operation, *arguments):
        """The result of one operation.

        Raises `Refused` with the class and the code that the SDK's caller sees.
        """
        if self.process is None:
            self._start()
        self._say({"operation": operation, "arguments": arguments})
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if waiting.select(ANSWER_SECONDS) else ""
        if not line:
            self.process.kill()
            raise AssertionError(f"{self.module} said nothing to {operation}; see {self.errors.name}")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["ok"]

    def close(self):
        """Ends the process."""
        if self.process and self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process:
            self.errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
