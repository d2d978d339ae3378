"""A node whose process is replaced by the next one, with clients at it all the time."""

import os
import subprocess
import threading
import time
import warnings

from . import raw
from .binance import ORDER
from .recorded import recorded
from .server import BINARY, Server, environment
from .waiting import until

CONFIGURATION = """
[limits]
drain_deadline = "10s"

[fix]
enabled = true

[upstream.venue]
url = "http://127.0.0.1:{venue}"
fix = "127.0.0.1:{fix}"
"""


class VenueWithFix:
    """`countersign venue` in a process of its own, which outlives every gateway in front of it."""

    def __init__(self, jwks):
        command = [str(BINARY), "venue", "--listen", "127.0.0.1:0", "--fix-listen", "127.0.0.1:0", "--jwks", str(jwks)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment())
        self.fix, self.port = (int(self.process.stdout.readline().strip().rsplit(":", 1)[1]) for _ in range(2))

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.process.stdout.close()


class Node:
    """One node, by whatever process."""

    def __init__(self, folder):
        with Server(folder / "state") as first:
            assert first.port
        self.venue = VenueWithFix(folder / "state" / "jwks.json")
        self.config = folder / "node.toml"
        self.config.write_text(CONFIGURATION.format(venue=self.venue.port, fix=self.venue.fix))
        self.server = Server(folder / "state", config=self.config).start()
        self.former = []

    @property
    def port(self):
        return self.server.port

    @property
    def ca(self):
        return self.server.ca

    @property
    def state(self):
        return self.server.state

    def upgrade(self):
        self.server = replace(self.server, self.former)

    def stop(self):
        self.server.stop()
        for former in self.former:
            former.kill()
        self.venue.stop()


def replace(server, former):
    """Starts the next process of a node; returns it when it says that it is ready. The one before drains."""
    successor = Server(server.state, **server.extra)
    successor.program = BINARY
    successor.arguments = [*server.arguments, *([] if "--take-over" in server.arguments else ["--take-over"])]
    successor.start()
    assert successor.port == server.port, "the same port"
    former.append(server)
    return successor


def drained(server):
    """Waits until a process that was replaced has ended by itself."""
    assert server.process.wait(60) == 0, server.said()


class Requests:
    """Clients that place orders which rest nowhere, each on a connection of its own or, `kept`, on one that they keep as long as the gateway lets them. Nothing
    is tried again: whatever goes wrong is a finding."""

    def __init__(self, server, key, kept=False, clients=2):
        self.server, self.key, self.kept = server, key, kept
        self.placed, self.wrong, self.stopped = [], [], []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def _run(self, number):
        connection, count = None, 0
        while not self.stopping.is_set():
            name = f"r{number}x{count}t{time.monotonic_ns()}"
            count += 1
            request = self.key.bytes(self.server, "POST", "/api/v3/order", **{**ORDER, "timeInForce": "IOC"}, newClientOrderId=name, recvWindow=60000)
            try:
                connection = connection or raw.Connection(self.server)
                connection.send(request)
                answer = connection.answer()
            except (OSError, raw.Closed) as error:
                self.wrong.append((name, repr(error)))
                connection = None
                continue
            if answer.status == 503:
                # A process that gets no processor for a second stops itself, upgraded or not: the test asks the audit log whether it was that.
                self.stopped.append((name, answer.body, answer.header("countersign-correlation")))
            elif answer.status != 200:
                self.wrong.append((name, answer.status, answer.body))
            else:
                self.placed.append(name)
            if not self.kept or (answer.header("connection") or "").lower() == "close":
                connection.tls.close()
                connection = None

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.goes_on()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def goes_on(self, more=10):
        before = len(self.placed)
        until(lambda: len(self.placed) >= before + more or self.wrong, 120)


STARVED = frozenset({"halt_unknown"})
"""What a process refuses for that gets no processor for a second: its lease ends."""
WITH_MEMORY = STARVED | {"store_unavailable"}
"""And where there is a shared memory: that answers too late."""


def only_starved(flows, *states, excused=STARVED):
    """Whether nothing that was stopped was so but for what a process could not read in time: said aloud, and with COUNTERSIGN_STRICT, on a
    machine that is quiet, no excuse."""
    if os.environ.get("COUNTERSIGN_STRICT"):
        return False
    warnings.warn("requests were refused because this machine was too busy to read the halts in a second", stacklevel=2)
    stopped = {correlation for flow in flows for _, _, correlation in flow.stopped}

    def known():
        reasons = {record["correlation"]: record["reject"] for state in states for record in recorded(state, "refuse")}
        return reasons if stopped <= reasons.keys() else None

    reasons = until(known, why="a refusal is on no record")
    return all(reasons[correlation] in excused for correlation in stopped)


def refusals(*states):
    """What the audit logs of nodes say of whatever they refused."""
    return [(state.name, record["at"], record["reject"], record.get("detail")) for state in states for record in recorded(state, "refuse")]
