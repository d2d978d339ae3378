"""One FIX session and three nodes: QuickFIX as client and as venue, and whatever happens to nodes, database and memory between them.

Of every order that the client sent, the venue has seen exactly one, and the client has its report; numbers go on. See docs/fix/gateway.md,
"Several nodes".
"""

import itertools
import json
from collections import Counter

import pytest

from harness.engine import Engine
from harness.fix import FixClient, binance_logon, limit_order, sending_time
from harness.fix_cluster import QuickFixCluster
from harness.tls_tunnel import TlsTunnel
from harness.waiting import until

pytestmark = pytest.mark.fault

LEFT_OUT = 100_000


def new_key(node):
    """A key with which an engine signs; what `key new` prints."""
    node.command("account", "new", "fix")
    rate = ["--weight-per-minute", "1000000", "--orders-per-10s", "1000000"]
    return node.command("key", "new", "--account", "fix", "--purpose", "binance", "--kind", "Ed25519", "--scopes", "order:write,order:read", *rate)


class Trading:
    """A client that keeps its session, a tunnel that leads to a node, and the venue."""

    def __init__(self, cluster):
        self.cluster, self.sent, self.names = cluster, [], itertools.count()
        self.acceptor = Engine("acceptor", cluster.folder / "acceptor", "FIX.4.4", "VENUE", "FIRM", cluster.fix_port)
        self.acceptor.wait("started")
        self.credential = cluster.folder / "credential.json"
        self.credential.write_text(new_key(cluster.nodes[0]))
        self.tunnel = TlsTunnel(cluster.nodes[0].server).__enter__()
        self.engine = None

    def start(self, node):
        """The client's engine logs on at a node; the fields of the answer."""
        self.lead_to(node)
        self.engine = Engine("initiator", self.cluster.folder / "client", "FIX.4.4", "FIRM", "SPOT", self.tunnel.port, self.credential)
        logon = self.engine.wait("admin", "A")
        self.engine.wait("logon")
        return logon

    def lead_to(self, node):
        self.tunnel.target = ("127.0.0.1", node.server.port)

    def order(self, count=1):
        for _ in range(count):
            self.sent.append(f"n{next(self.names)}")
            self.engine.send([[35, "D"], *([tag, str(value)] for tag, value in limit_order(self.sent[-1]))])

    def cancel(self):
        """The venue does not know the order; what counts is that it hears of it."""
        name = f"c{next(self.names)}"
        self.engine.send([[35, "F"], [11, name], [41, "none"], [55, "BTCUSDT"], [54, "1"], [60, sending_time()]])
        self.acceptor.wait("app", "F", t11=name)

    def trades_again(self):
        """Sends orders until one passes."""
        until(self._passes)

    def _passes(self):
        self.order()
        name, refused = self.sent.pop(), len(self.engine.told("admin", "3"))
        while len(self.engine.told("admin", "3")) == refused:
            self.engine.next()
            if any(fields["11"] == name for fields in self.engine.told("app", "8")):
                return True
        return False

    def settle(self):
        """Until the client has a report of each order; then all of them are at the venue, once."""
        while not set(self.sent) <= {fields["11"] for fields in self.engine.told("app", "8")}:
            self.engine.wait("app", "8")
        seen = Counter(fields["11"] for fields in self.venue("D"))
        assert {name: seen[name] for name in self.sent} == dict.fromkeys(self.sent, 1)
        self.sent.clear()

    def venue(self, kind):
        """What the venue has seen so far."""
        mark = f"mark-{next(self.names)}"
        self.acceptor.send([[35, "B"], [148, mark]])
        # This one: older marks are sent again when somebody asks for what was missed.
        self.acceptor.wait("sent-app", "B", t148=mark)
        return self.acceptor.told("app", kind)

    def close(self):
        for engine in (self.engine, self.acceptor):
            if engine and engine.process.poll() is None:
                engine.kill()
        self.tunnel.__exit__()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with QuickFixCluster(tmp_path_factory.mktemp("fix")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def venue(cluster):
    trading = Trading(cluster)
    yield trading
    trading.close()


@pytest.fixture
def trading(cluster, venue):
    """Logged on at the first node; logged out at the end."""
    venue.start(cluster.nodes[0])
    yield venue
    venue.engine.stop()
    venue.sent.clear()


def moves(trading, old, new):
    """The node of the session is killed under orders; the client comes back at another one."""
    trading.order(10)
    old.server.kill()
    trading.order(10)
    trading.lead_to(new)
    trading.engine.wait("logon")
    trading.order(10)
    trading.settle()


def test_a_session_goes_on_at_another_node_and_back(cluster, trading):
    first, second, _ = cluster.nodes
    for old, new in [(first, second), (second, first)]:
        moves(trading, old, new)
        old.server.start()


def test_a_second_logon_at_another_node_does_not_end_the_first(cluster, trading):
    with FixClient(cluster.nodes[1].server, "FIRM", "SPOT") as other:
        binance_logon(other, json.loads(trading.credential.read_text()), reset=False)
        assert b"open on another connection" in other.expect("5").get(58)
    trading.order(5)
    trading.settle()


def test_after_a_logout_the_next_node_takes_it_at_once(cluster, trading):
    trading.order()
    trading.settle()
    trading.engine.stop()
    last = max(int(fields["34"]) for kind in ("8", "0", "1") for fields in [*trading.engine.told("app", kind), *trading.engine.told("admin", kind)])
    logon = trading.start(cluster.nodes[1])
    assert last < int(logon["34"]) < last + 100, "no number is left out"
    trading.order(3)
    trading.settle()


def test_a_database_that_restarts_ends_no_session_and_cancels_pass(cluster, trading, round):
    trading.order()
    trading.settle()
    cluster.postgres.stop()
    try:
        trading.cancel()
        refused = len(trading.engine.told("admin", "3"))
        trading.engine.send([[35, "D"], *([tag, str(value)] for tag, value in limit_order(f"refused-{round}"))])
        while len(trading.engine.told("admin", "3")) == refused:
            trading.engine.wait("admin", "3")
        trading.cancel()
    finally:
        cluster.postgres.start()
    trading.trades_again()
    trading.order(3)
    trading.settle()
    assert all(event["event"] != "logout" for event in trading.engine.events), "the session stayed"
    assert f"refused-{round}" not in {fields["11"] for fields in trading.venue("D")}


def test_a_node_that_is_lost_without_the_database_leaves_nothing_to_guess(cluster, trading, round):
    first, second, _ = cluster.nodes
    trading.order(3)
    trading.settle()
    cluster.postgres.stop()
    try:
        for _ in range(3):
            trading.cancel()
        name = f"refused-{round}"
        trading.engine.send([[35, "D"], *([tag, str(value)] for tag, value in limit_order(name))])
        trading.engine.wait("admin", "3")
        first.server.kill()
    finally:
        cluster.postgres.start()
    trading.lead_to(second)
    logon = trading.engine.wait("admin", "A")
    assert int(logon["34"]) > LEFT_OUT, "numbers that the other node may have used are left out"
    trading.engine.wait("logon")
    trading.trades_again()
    trading.order(3)
    trading.settle()
    assert name not in {fields["11"] for fields in trading.venue("D")}, "what was refused is not taken when it is sent again"
    first.server.start()
