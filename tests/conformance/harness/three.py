"""Three gateways with one PostgreSQL and one Redis, in front of a venue that counts; the wires of a node can be cut."""

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from .postgres import Postgres
from .server import Server, run
from .venue import CountingVenue

SECONDS = 60
SHARED_FILES = ["ca.pem", "ca-key.pem", "gateway-root-key.pem", "gateway-key.pem", "gateway-delegation.txt", "identity-key.pem", "sealing.key"]

CONFIGURATION = """
[cluster]
node = "{name}"
database = "{database}"
redis = "{redis}"

[limits]
drain_deadline = "5s"

[upstream.venue]
url = "http://127.0.0.1:{venue}"

[[route]]
name = "place"
path = "/api/v3/order"
methods = ["POST"]
scope = "order:write"
dialect = "binance"

[[route]]
name = "cancel"
path = "/api/v3/order"
methods = ["DELETE"]
scope = "order:write"
dialect = "binance"

[[route]]
name = "account"
path = "/api/v3/account"
scope = "account:read"
dialect = "binance"
"""


def until(holds, seconds=SECONDS):
    """Waits for a condition; how long that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, "it never came true"
        time.sleep(0.01)
    return time.monotonic() - began


class SharedMemory:
    """A Redis server of a test's own on a port of its own; it keeps nothing over a restart."""

    def __init__(self):
        self.program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert self.program, "this test needs Redis: apt-get install redis-server (`cargo xtask test` does it)"
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-redis-"))
        self.port = None
        self.process = None
        self.start()

    def start(self):
        if self.port is None:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
        command = [self.program, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.say("PING") == b"+PONG\r\n")

    def say(self, *words):
        """One command, and the first bytes of its answer."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as talk:
            talk.sendall(f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words))
            return talk.recv(4096)
        return None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def hang(self, on=True):
        self.process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Wire:
    """Carries bytes from a port of its own to a server; when it is cut, nothing arrives and nobody is told."""

    def __init__(self, connect):
        self.connect = connect
        self.whole = threading.Event()
        self.whole.set()
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.door.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near):
        self.whole.wait()
        with contextlib.suppress(OSError), near, self.connect() as far, selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    self.whole.wait()
                    key.data.sendall(data)

    def cut(self):
        self.whole.clear()

    def mend(self):
        self.whole.set()

    def close(self):
        self.mend()
        self.door.close()


class Node:
    """A gateway of the cluster."""

    def __init__(self, cluster, name, first=None, **extra):
        self.cluster, self.name = cluster, name
        self.state = cluster.folder / name
        self.wires = [Wire(cluster.to_postgres), Wire(cluster.to_redis)]
        if first:
            self.state.mkdir(mode=0o700)
            for file in SHARED_FILES:
                shutil.copy2(first.state / file, self.state / file)
        config = cluster.folder / f"{name}.toml"
        database = f"postgresql://countersign@127.0.0.1:{self.wires[0].port}/cluster?sslmode=disable"
        redis = f"redis://127.0.0.1:{self.wires[1].port}"
        config.write_text(CONFIGURATION.format(name=name, database=database, redis=redis, venue=cluster.venue.port))
        self.server = Server(self.state, config=config, **extra)
        self.server.start()

    def command(self, *arguments):
        done = run(*arguments, "--state", self.state)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}\n{self.server.said()}"
        return done.stdout

    def halts(self):
        return [halt["id"] for halt in json.loads(self.command("halt", "status", "--json"))["halts"]]

    def cut(self):
        """The network between this node and both servers is gone."""
        for wire in self.wires:
            wire.cut()

    def mend(self):
        for wire in self.wires:
            wire.mend()

    def restart(self):
        self.server.kill()
        self.server.start()


class Cluster:
    """Started with the first `with`; whatever a test broke is mended by the test."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.postgres = Postgres()
        self.postgres.database("cluster")
        self.memory = SharedMemory()
        self.venue = CountingVenue()
        self.nodes = []

    def to_postgres(self):
        talk = socket.socket(socket.AF_UNIX)
        talk.connect(str(self.postgres.folder / ".s.PGSQL.5432"))
        return talk

    def to_redis(self):
        return socket.create_connection(("127.0.0.1", self.memory.port), 5)

    def __enter__(self):
        self.venue.__enter__()
        try:
            for name in "abc":
                self.nodes.append(Node(self, name, self.nodes[0] if self.nodes else None))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.mend()
            node.server.kill()
            for wire in node.wires:
                wire.close()
        self.venue.__exit__()
        self.memory.close()
        self.postgres.close()

    def new_key(self, account):
        """A key that all nodes know; what `key new` prints."""
        first = self.nodes[0]
        first.command("account", "new", account)
        kind = ["--purpose", "binance", "--kind", "HS256", "--scopes", "order:write,order:read,account:read"]
        rate = ["--weight-per-minute", "1000000", "--orders-per-10s", "1000000"]
        return json.loads(first.command("key", "new", "--account", account, *kind, *rate))

    def orders(self, since=0):
        """The names of the orders that reached the venue."""
        return [target.split("newClientOrderId=")[1].split("&")[0] for method, target, _, _ in self.venue.seen[since:] if method == "POST"]
