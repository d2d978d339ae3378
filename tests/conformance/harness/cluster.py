"""Several gateways with one state, one shared memory and one venue; and a wire to them that can be moved."""

import json
import queue
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

from .authz import PaperVenue
from .recorded import recorded
from .redis import Redis
from .server import BINARY, Server, environment

DEADLINE = 90

CONFIGURATION = """
[cluster]
node = "{node}"
redis = "{redis}"
redis_timeout = "{patience}"

[upstream.venue]
url = "http://127.0.0.1:{venue}"
"""


class Cluster:
    """Nodes by name. They share what an operator gives to all nodes of a gateway: keys, credentials, the pinned root.

    `prepare` gets the first one before the others have what it has. `patience` is how long a question to the memory may take; a worker
    stands still for so long when the memory hangs.
    """

    def __init__(self, folder, names, prepare=lambda first: None, patience="5s"):
        self.redis = Redis(folder / "redis").start()
        # The keys that all of them sign with follow from what they share: a node alone would draw others.
        config = folder / "first.toml"
        config.write_text(f'[cluster]\nnode = "first"\nredis = "{self.redis.url}"\nredis_timeout = "5s"\n')
        with Server(folder / "first", config=config) as first:
            assert first.port
            prepare(first)
        self.venue = PaperVenue(0, folder / "first" / "jwks.json")
        self.nodes = {}
        for name in names:
            config = folder / f"{name}.toml"
            config.write_text(CONFIGURATION.format(node=name, redis=self.redis.url, venue=self.venue.port, patience=patience))
            shutil.copytree(folder / "first", folder / name)
            self.nodes[name] = Server(folder / name, config=config)

    def __enter__(self):
        for node in self.nodes.values():
            node.start()
        return self

    def __exit__(self, *_):
        for node in self.nodes.values():
            node.stop()
        self.venue.stop()
        self.redis.kill()

    def records(self, event):
        """Audit records of an event, of all nodes."""
        return [(name, record) for name, node in self.nodes.items() for record in recorded(node.state, event)]


class Wire:
    """A port that leads to a node, and to another one when it is told so. Whatever went to the former is cut."""

    def __init__(self, port):
        self.target = port
        self.open = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def lead_to(self, port):
        self.target = port
        self.cut()

    def cut(self):
        for end in self.open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self.open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        self.cut()


class Client:
    """`countersign connect --json`: bodies in, lines out."""

    def __init__(self, port, credential, *arguments):
        command = [str(BINARY), "connect", f"https://127.0.0.1:{port}", "--credential", str(credential), "--json", *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
        )
        self.seen = []
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def send(self, body):
        self.process.stdin.write(json.dumps(body) + "\n")
        self.process.stdin.flush()

    def until(self, wanted):
        """Reads until a line is wanted; returns it. All lines are in `seen`."""
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"did not come; seen: {self.seen[-20:]}") from None
            if line is None:
                raise AssertionError(f"ended: {self.process.stderr.read()}; seen: {self.seen[-20:]}")
            self.seen.append(line)
            if wanted(line):
                return line

    def ask(self, body):
        """One question, one answer."""
        self.send(body)
        return self.until(lambda line: line.get("re") == body["id"] or line.get("err", {}).get("re") == body["id"])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def private_copy(source, folder):
    """A credential file that `connect` accepts."""
    file = Path(folder) / source.name
    file.write_text(source.read_text())
    file.chmod(0o600)
    return file
