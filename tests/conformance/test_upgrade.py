"""A running process is replaced by the next one of its node: no connection refused, no request failed, no session lost, no order twice.
"""

import json
import time
from collections import Counter

import pytest

from harness import raw
from harness.binance import ORDER, Key
from harness.cluster import Client, private_copy
from harness.cluster import Cluster as Resuming
from harness.fix import FixClient, binance_logon, limit_order
from harness.promises import LEASE, Promises, PromisingCluster
from harness.recorded import recorded
from harness.server import Server, run
from harness.upgrade import WITH_MEMORY, Node, Requests, drained, only_starved, refusals, replace
from harness.waiting import until
from harness.wire import Wire

ORDERS_MAX = 40
pytestmark = pytest.mark.fault


@pytest.fixture
def node(tmp_path):
    running = Node(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def key(node):
    kind = ["--purpose", "binance", "--kind", "HS256", "--scopes", "order:write,order:read,account:read"]
    rate = ["--weight-per-minute", "1000000", "--orders-per-10s", "1000000"]
    made = run("key", "new", "--account", "demo", *kind, *rate, "--state", node.state)
    assert made.returncode == 0, made.stderr
    key = Key(json.loads(made.stdout))
    until(lambda: key.ask(node, "GET", "/api/v3/account").status == 200)
    return key


def native_order(number):
    return {"op": "order.place", "sym": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.01", "px": str(2000 + number), "id": number}


def orders_until_it_moved(client, number, times):
    """Orders all the time, as many as the key may have and then questions; the number of the last one."""
    last = number + ORDERS_MAX
    while len([line for line in client.seen if "resumed" in line]) < times:
        if number < last:
            number += 1
            assert client.ask(native_order(number)).get("ok"), client.seen[-5:]
        else:
            assert client.ask({"op": "ticker", "sym": "BTCUSDT", "id": f"t{time.monotonic_ns()}"}).get("ok"), client.seen[-5:]
            time.sleep(0.02)
    return number


def resting(client, number):
    orders = client.ask({"op": "order.list", "id": number})["orders"]
    return Counter(round(float(order["px"])) - 2000 for order in orders if float(order["px"]) > 2000)


def test_requests_pass_while_one_process_takes_over_from_another(node, key):
    with Requests(node, key) as anew, Requests(node, key, kept=True) as kept:
        for _ in range(2):
            node.upgrade()
            anew.goes_on()
            kept.goes_on()
            drained(node.former[-1])
            anew.goes_on()
    assert not anew.wrong and not kept.wrong, (anew.wrong[:5], kept.wrong[:5])
    assert not (anew.stopped or kept.stopped) or only_starved([anew, kept], node.state), (anew.stopped[:3], kept.stopped[:3], refusals(node.state)[-9:])
    # Each process appended to one log, and none broke its chain.
    verified = run("audit", "verify", "--state", node.state)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    accepted = Counter(record["correlation"] for record in recorded(node.server.state, "accept"))
    assert accepted and set(accepted.values()) == {1}


def accepted(node, key):
    """The bytes of an order that was taken."""

    def tried():
        request = key.bytes(node, "POST", "/api/v3/order", **ORDER, newClientOrderId=f"n{time.monotonic_ns()}", recvWindow=60000)
        return request if raw.exchange(node, request).status == 200 else None

    return until(tried)


def test_what_one_process_accepted_the_next_does_not(node, key):
    request = accepted(node, key)
    node.upgrade()
    again = raw.exchange(node, request)
    assert again.status == 400 and b"-1022" not in again.body, again.body
    accepted(node, key)


def test_a_native_session_moves_and_its_orders_stay(node):
    # HS-131, HS-132
    credential = node.state / "demo" / "native-ed25519.json"
    cancels = ["--cod", "session", "--cod-grace-ms", "0"]
    with Client(node.port, credential, "--resume", "120", *cancels) as client:
        number = 0
        for process in range(2):
            node.upgrade()
            number = orders_until_it_moved(client, number, process + 1)
            drained(node.former[-1])
        number += 1
        assert client.ask(native_order(number)).get("ok")
        counted = resting(client, 100_000)
        lines = list(client.seen)
    assert counted == Counter(range(1, number + 1)), "each order once"
    assert not [line for line in lines if "away" in line or "gap" in line or "nack" in line], "never without a connection, nothing lost"
    moved = [line["resumed"] for line in lines if "resumed" in line]
    assert len(moved) == 2 and not any(resumed["lost"] or resumed["not_applied"] for resumed in moved), moved
    answers = Counter(line["re"] for line in lines if "re" in line)
    assert set(answers.values()) == {1}, "each answer once"
    # The log is a moment behind.
    until(lambda: len(recorded(node.server.state, "session_resume")) == 2, 60, "not both moves are on record")
    assert not [record for record in recorded(node.server.state, "cancel_on_disconnect") if "drain" in str(record)], "nobody left"


def test_a_session_whose_client_is_away_is_found_by_it_in_the_next_process(node):
    from harness.cluster import Wire

    credential = node.state / "demo" / "native-ed25519.json"
    wire = Wire(node.port)
    with Client(wire.port, credential, "--resume", "120", "--cod", "session", "--cod-grace-ms", "60000") as client:
        assert client.ask(native_order(1)).get("ok")
        assert client.ask({"op": "subscribe", "sym": "BTCUSDT", "feeds": ["ticker"], "id": 7}).get("ok")
        # Nothing answers there: it stays away.
        wire.lead_to(1)
        client.until(lambda line: "away" in line)
        node.upgrade()
        drained(node.former[-1])
        wire.lead_to(node.port)
        assert client.until(lambda line: "resumed" in line)["resumed"]["lost"] is None
        since = time.time() * 1000
        assert client.ask(native_order(2)).get("ok")
        assert resting(client, 9) == Counter([1, 2])
        # HS-133
        client.until(lambda line: line.get("ev") == "ticker" and line["t"] > since)
    wire.close()


def test_a_fix_session_logs_out_and_comes_back_with_its_numbers(node):
    credential = json.loads((node.state / "demo" / "binance-ed25519.json").read_text())
    with FixClient(node, "UPGRADED", "SPOT") as client:
        binance_logon(client, credential)
        client.expect("A")
        client.send("D", limit_order("before", price="3000"))
        client.expect("8", t39="0", t11="before")
        node.upgrade()
        client.expect("5")
        client.send("5")
        assert client.read() is None
        numbers = client.next_out
    with FixClient(node, "UPGRADED", "SPOT", next_out=numbers) as client:
        binance_logon(client, credential, reset=False)
        client.expect("A")
        client.send("D", limit_order("after", price="3001"))
        client.expect("8", t39="0", t11="after")
        client.send("H", [(11, "before"), (55, "BTCUSDT"), (54, "1")])
        client.expect("8", t150="I", t39="0")
        client.logout()
    drained(node.former[-1])


def test_a_successor_that_fails_changes_nothing(node, key):
    request = accepted(node, key)
    elsewhere = Server(node.state, "--take-over", listen="127.0.0.1:1", config=node.config)
    with pytest.raises(AssertionError, match="stop it to move to another address"):
        elsewhere.start()
    assert raw.exchange(node, request).status == 400, "the journals were taken back"
    assert key.ask(node, "GET", "/api/v3/account").status == 200
    node.upgrade()
    assert raw.exchange(node, request).status == 400


def test_the_venue_inside_a_gateway_is_not_upgraded_away(tmp_path):
    with Server(tmp_path / "state") as running:
        done = run("serve", "--state", running.state, "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--take-over")
        assert done.returncode == 2 and "countersign venue" in done.stderr, done.stderr
        assert running.process.poll() is None


class Three(PromisingCluster):
    cuts = False
    # A quiet connection is closed after half of it, and a client that stands still for that long is quiet.
    drains = "20s"


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    with Three(tmp_path_factory.mktemp("rolling")) as cluster:
        yield cluster


def test_three_nodes_are_replaced_one_after_the_other(three):
    key = Key(three.new_key(f"desk-{time.monotonic_ns()}"))
    for node in three.nodes:
        until(lambda node=node: key.ask(node.server, "GET", "/api/v3/account").status == 200)
    promises, former = Promises(three), []
    since = len(three.venue.seen)
    flows = [Requests(node.server, key, clients=1) for node in three.nodes]
    flows += [Requests(node.server, key, kept=True, clients=1) for node in three.nodes]
    for flow in flows:
        flow.__enter__()
    try:
        for node in three.nodes:
            node.server = replace(node.server, former)
            if node is three.nodes[0]:
                # While its session moves from one process to the next.
                promises.client_is_lost()
            for flow in flows:
                flow.goes_on(5)
            drained(former[-1])
    finally:
        for flow in flows:
            flow.__exit__()
    assert not [flow.wrong[:3] for flow in flows if flow.wrong]
    stopped = [flow.stopped[:3] for flow in flows if flow.stopped]
    states = [node.state for node in three.nodes]
    assert not stopped or only_starved(flows, *states, excused=WITH_MEMORY), (stopped, refusals(*states)[-9:])
    arrived = Counter(three.orders(since))
    placed = {name for flow in flows for name in flow.placed}
    assert set(arrived.values()) == {1} and placed == set(arrived)
    promises.hold()


def test_a_process_that_takes_long_to_start_knows_the_halts_when_it_takes_over(three):
    """What it read first is older than its lease by then: who came between two reads was refused."""
    node, key, former = three.nodes[0], Key(three.new_key(f"slow-{time.monotonic_ns()}")), []
    until(lambda: key.ask(node.server, "GET", "/api/v3/account").status == 200)
    slow = Wire(three.postgres_socket, late=0.07)
    before = node.server.arguments
    node.server.arguments = [*before, "--set", f"cluster.database=postgresql://countersign@127.0.0.1:{slow.port}/cluster?sslmode=disable"]
    try:
        with Requests(node.server, key, clients=6) as flow:
            began = time.monotonic()
            node.server = replace(node.server, former)
            assert time.monotonic() - began > LEASE, "a start that is no longer than a lease shows nothing"
            flow.goes_on()
            drained(former[-1])
            flow.goes_on()
        assert not flow.wrong, flow.wrong[:3]
        assert not flow.stopped or only_starved([flow], node.state, excused=WITH_MEMORY), (flow.stopped[:3], refusals(node.state)[-9:])
    finally:
        for process in former:
            process.kill()
        node.server.arguments = before
        node.restart()
        slow.close()


def test_a_session_in_the_shared_memory_moves_without_a_loss(tmp_path):
    with Resuming(tmp_path, ["node-a", "node-b"]) as cluster:
        a, former = cluster.nodes["node-a"], []
        credential = a.state / "demo" / "native-ed25519.json"
        with Client(a.port, credential, "--resume", "120", "--cod", "session", "--cod-grace-ms", "0") as client:
            cluster.nodes["node-a"] = replace(a, former)
            number = orders_until_it_moved(client, 0, 1)
            drained(former[-1])
            assert resting(client, 100_000) == Counter(range(1, number + 1))
            assert not [line for line in client.seen if "away" in line or "gap" in line], client.seen
        until(lambda: [name for name, _ in cluster.records("session_resume")] == ["node-a"])


def test_a_node_that_stops_tells_its_clients_where_another_one_is(tmp_path):
    with Resuming(tmp_path, ["node-a", "node-b"]) as cluster:
        a, b = cluster.nodes["node-a"], cluster.nodes["node-b"]
        a.stop()
        a.arguments += ["--set", f"cluster.also=127.0.0.1:{b.port}"]
        a.start()
        with Client(a.port, private_copy(b.state / "demo" / "native-ed25519.json", tmp_path), "--resume", "120", "--cod", "session", "--cod-grace-ms", "60000") as client:
            assert client.ask(native_order(1)).get("ok")
            assert a.stop() == 0
            client.until(lambda line: "resumed" in line)
            assert client.ask(native_order(2)).get("ok")
            assert resting(client, 9) == Counter([1, 2])
        until(lambda: [name for name, _ in cluster.records("session_resume")] == ["node-b"])
