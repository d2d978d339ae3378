"""Runs unmodified JavaScript clients: one Node process for all clients with the same clock, each client asked by its number."""

import json
import selectors
import shutil
import subprocess
from pathlib import Path

from .sdk import ANSWER_SECONDS, Refused
from .server import environment

FOLDER = Path(__file__).parents[1] / "js"
#: Where the clients are installed, beside the scripts that import them: made by `cargo xtask test`.
INSTALLED = FOLDER / "node_modules"


def versions():
    """The pinned versions, by package name."""
    return json.loads((FOLDER / "package.json").read_text())["dependencies"]


class Node:
    """A Node process whose clock is wrong by `clock` seconds. It is started by its first client."""

    def __init__(self, server, clock=0):
        self.server, self.clock = server, clock
        self.process = None
        self.opened = 0

    def _start(self):
        self.errors = open(self.server.state.parent / f"node{self.clock}.stderr", "ab")
        self.process = subprocess.Popen(
            [shutil.which("node"), "child.mjs"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment(NODE_EXTRA_CA_CERTS=self.server.ca),
        )
        self._say({"clock": self.clock})

    def _say(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def ask(self, message):
        """What it answers; raises `Refused` with the class and the code that the client's caller sees."""
        if self.process is None:
            self._start()
        self._say(message)
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if waiting.select(ANSWER_SECONDS) else ""
        if not line:
            self.process.kill()
            raise AssertionError(f"nothing was said to {message}; see {self.errors.name}")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["ok"]

    def client(self, module, record):
        """A client of its own in this process."""
        self.opened += 1
        return Client(self, self.opened, {"module": module, "host": f"127.0.0.1:{self.server.port}", "record": record})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.errors.close()


class Client:
    """One client, made by entering it."""

    def __init__(self, node, number, told):
        self.node, self.number, self.told = node, number, told

    def ask(self, operation, *arguments):
        """The result of one operation."""
        return self.node.ask({"client": self.number, "operation": operation, "arguments": arguments})

    def __enter__(self):
        self.node.ask({"open": self.number, **self.told})
        return self

    def __exit__(self, *_):
        if self.node.process.poll() is None:
            self.node.ask({"close": self.number})
