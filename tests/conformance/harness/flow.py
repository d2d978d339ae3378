"""Orders that flow while something breaks, and what must be true of them afterwards."""

import threading
import time
from collections import Counter

from . import raw
from .binance import ORDER, Key
from .waiting import until


PATIENT = {"recvWindow": 60_000}
"""For a machine that has other things to do."""


def new_key(cluster):
    """A key of an account of its own, known to all nodes."""
    name = f"desk-{time.monotonic_ns()}"
    key = Key(cluster.new_key(name))
    key.account = name
    for node in cluster.nodes:
        until(lambda node=node: key.ask(node.server, "GET", "/api/v3/account").status == 200)
    return key


def order(key, node, name):
    """The bytes of an order of this name."""
    return key.bytes(node.server, "POST", "/api/v3/order", **PATIENT, **ORDER, newClientOrderId=name)


def cancels(key, node):
    return key.ask(node.server, "DELETE", "/api/v3/order", **PATIENT, symbol="BTCUSDT", orderId=1)


def places(key, node):
    return key.ask(node.server, "POST", "/api/v3/order", **PATIENT, **ORDER, newClientOrderId=f"n{time.monotonic_ns()}")


class Flow:
    """Clients that place orders at one node, and when it does not answer send the same bytes to the next: the worst that a client may do."""

    def __init__(self, cluster, key, nodes, clients=3):
        self.cluster, self.key, self.nodes = cluster, key, nodes
        self.sent, self.acknowledged, self.refused = [], [], Counter()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def _run(self, number):
        count = 0
        while not self.stopping.is_set():
            name = f"c{number}x{count}t{time.monotonic_ns()}"
            count += 1
            self.sent.append(name)
            request = order(self.key, self.nodes[0], name)
            for node in self.nodes:
                try:
                    answer = raw.exchange(node.server, request)
                except (OSError, raw.Closed):
                    continue
                if answer.status == 200:
                    self.acknowledged.append(name)
                else:
                    self.refused[answer.status] += 1
                break

    def __enter__(self):
        self.since = len(self.cluster.venue.seen)
        for thread in self.threads:
            thread.start()
        until(lambda: len(self.acknowledged) >= 5)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def goes_on(self, more=10):
        before = len(self.acknowledged)
        until(lambda: len(self.acknowledged) >= before + more, 120)

    def check(self):
        """Nothing twice, nothing acknowledged that did not arrive, nothing that nobody sent."""
        arrived = Counter(self.cluster.orders(self.since))
        assert not [name for name, times in arrived.items() if times > 1], "an order reached the venue twice"
        missing = set(self.acknowledged) - set(arrived)
        assert not missing, f"acknowledged, and not at the venue: {missing}"
        assert {name for name in arrived if name.startswith("c")} <= set(self.sent)
