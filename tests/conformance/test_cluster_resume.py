"""A node is killed under order flow: its sessions go on at another node, and no order is in doubt."""

import json
import shutil
import time
from collections import Counter

import pytest

from harness.cluster import DEADLINE, Client, Cluster, Wire
from harness.postgres import Postgres
from harness.redis import Redis
from harness.server import Server, run
from harness.three import SHARED_FILES
from harness.waiting import until

ORDERS = 40

pytestmark = pytest.mark.fault


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path, ["node-a", "node-b", "node-c"]) as running:
        yield running


def credential(cluster):
    return cluster.nodes["node-b"].state / "demo" / "native-ed25519.json"


def order(number):
    """The price tells which order it is, and nothing else does: the venue sees no two orders as one."""
    return {"op": "order.place", "sym": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.01", "px": str(1000 + number), "id": number}


def resting(client, number):
    """How often each order rests at the venue."""
    orders = client.ask({"op": "order.list", "id": number})["orders"]
    return Counter(round(float(order["px"])) - 1000 for order in orders)


def test_no_order_comes_twice_and_no_answer_is_lost_when_a_node_is_killed(cluster):
    a, b = cluster.nodes["node-a"], cluster.nodes["node-b"]
    wire = Wire(a.port)
    with Client(wire.port, credential(cluster), "--resume", "120") as client:
        assert client.ask(order(1)).get("ok")
        for number in range(2, ORDERS + 1):
            client.send(order(number))
            if number == ORDERS // 2:
                # Some are answered, some are with the venue, some are on their way.
                client.until(lambda line: line.get("re") == ORDERS // 4)
                a.kill()
                wire.lead_to(b.port)
        resumed = client.until(lambda line: "resumed" in line)["resumed"]
        client.ask(order(1000))
        lines = list(client.seen)
        counted = resting(client, 2000)
    wire.close()
    answered = {line["re"] for line in lines if line.get("ok") and line.get("re", 0) <= 1000}
    assert 1000 in answered and len(answered) >= ORDERS // 4, lines
    assert all(times == 1 for times in counted.values()), counted
    assert answered <= set(counted), "what was acknowledged rests"
    # What the node had forwarded when it died is told: by an answer, or as lost.
    silent = set(counted) - answered
    told = resumed["lost"] or [line for line in lines if "gap" in line]
    assert told or not silent, (silent, resumed, lines)
    never = resumed["not_applied"]
    if never:
        # Numbers of messages are those of orders here: one each, from 1.
        refused = set(range(never["from"], never["from"] + never["count"]))
        assert not refused & set(counted), "what the gateway says was not applied is not at the venue"
    until(lambda: [name for name, _ in cluster.records("session_resume")] == ["node-b"])


def test_the_contract_that_was_signed_anew_is_what_another_node_goes_on_with(cluster):
    """HS-123 HS-125: the life of a session counts from its last proof, wherever it is gone on with."""
    a, b = cluster.nodes["node-a"], cluster.nodes["node-b"]
    life = 16
    wire = Wire(a.port)
    with Client(wire.port, credential(cluster), "--resume", "120", "--life", str(life)) as client:
        assert client.until(lambda line: "regranted" in line)["regranted"]["life_s"] == life
        a.kill()
        wire.lead_to(b.port)
        client.until(lambda line: "resumed" in line)
        assert client.ask(order(1)).get("ok")
        (listed,) = json.loads(run("session", "list", "--json", "--state", b.state).stdout)
    wire.close()
    assert listed["until_ms"] - listed["since_ms"] > life * 1000, listed


def test_what_was_subscribed_to_goes_on_at_another_node(cluster):
    """HS-133: nobody has to ask again, and what was ended stays ended."""
    a, b = cluster.nodes["node-a"], cluster.nodes["node-b"]
    wire = Wire(a.port)
    with Client(wire.port, credential(cluster), "--resume", "120") as client:
        for number, (op, feed) in enumerate([("subscribe", "ticker"), ("subscribe", "book"), ("unsubscribe", "book")]):
            assert client.ask({"op": op, "sym": "BTCUSDT", "feeds": [feed], "id": number}).get("ok")
        a.kill()
        wire.lead_to(b.port)
        client.until(lambda line: "resumed" in line)
        since, before = time.time() * 1000, len(client.seen)
        for _ in range(3):
            client.until(lambda line: line.get("ev") == "ticker" and line["t"] > since)
        fresh = {line["ev"] for line in client.seen[before:] if "ev" in line and line["t"] > since}
        assert fresh == {"ticker"}, "a book comes with each tick, to whoever wants it"
        assert not any("countersign.again" in str(line) for line in client.seen), "nobody asked now"
    wire.close()


def test_orders_of_a_client_that_does_not_come_back_are_cancelled_once(cluster):
    a, b = cluster.nodes["node-a"], cluster.nodes["node-b"]
    with Client(a.port, credential(cluster), "--resume", "120", "--cod", "session", "--cod-grace-ms", "1000") as client:
        for number in range(1, 4):
            assert client.ask(order(number)).get("ok")
        client.kill()
        a.kill()
    cancelled = until(lambda: cluster.records("cancel_on_disconnect"), DEADLINE, "nobody cancelled")
    with Client(b.port, credential(cluster)) as other:
        until(lambda: not resting(other, 1), DEADLINE, "orders rest")
        # Whoever else meant to would have by now: each look of a node takes half a second.
        for number in range(2, 60):
            assert not resting(other, number)
    assert len(cancelled) == 1 and len(cluster.records("cancel_on_disconnect")) == 1, cancelled
    assert cancelled[0][0] in ("node-b", "node-c")
    assert "3 orders cancelled" in str(cancelled[0][1]), cancelled


def test_a_live_node_lets_go_of_a_session_whose_client_is_elsewhere(cluster):
    a, b = cluster.nodes["node-a"], cluster.nodes["node-b"]
    wire = Wire(a.port)
    with Client(wire.port, credential(cluster), "--resume", "120", "--cod", "session", "--cod-grace-ms", "60000") as client:
        assert client.ask(order(1)).get("ok")
        kept = resting(client, 2)
        wire.lead_to(b.port)
        client.until(lambda line: "resumed" in line)
        assert client.ask(order(3)).get("ok")
        assert resting(client, 4)[3] == 1 and kept[1] == 1
        ends = until(lambda: [(name, record) for name, record in cluster.records("session_end") if name == "node-a"], DEADLINE, "node a did not let go")
        assert "served by another node" in str(ends), ends
        assert not cluster.records("cancel_on_disconnect"), "its client is there"
    wire.close()


@pytest.fixture
def pair(tmp_path):
    """Two nodes with one database and one memory, each with the embedded venue."""
    postgres, redis = Postgres(), Redis(tmp_path / "redis").start()
    database = postgres.database("cluster")
    nodes = []
    try:
        for name in ("one", "two"):
            state, config = tmp_path / name, tmp_path / f"{name}.toml"
            config.write_text(f'[cluster]\nnode = "{name}"\ndatabase = "{database}"\nredis = "{redis.url}"\n')
            if nodes:
                state.mkdir(mode=0o700)
                for file in SHARED_FILES:
                    shutil.copy2(nodes[0].state / file, state / file)
            nodes.append(Server(state, config=config).start())
        yield *nodes, redis
    finally:
        for node in nodes:
            node.kill()
        redis.resume()
        redis.kill()
        postgres.close()


def test_a_session_that_an_operator_ended_is_over_though_the_memory_has_it(pair):
    """The memory was away when it ended, and its node died before it could say so: the records know."""
    one, two, redis = pair
    wire, key = Wire(one.port), one.state / "key.json"
    kind = ["--account", "desk", "--purpose", "native", "--kind", "Ed25519", "--scopes", "order:read"]
    for made in (run("account", "new", "desk", "--state", one.state), run("key", "new", *kind, "--out", key, "--state", one.state)):
        assert made.returncode == 0, made.stderr
    with Client(wire.port, key, "--resume", "300") as client:
        assert client.ask({"op": "order.list", "id": 1}).get("ok")

        def sessions():
            return json.loads(run("session", "list", "--json", "--state", one.state).stdout)

        [session] = sessions()
        sid = session["sid"]
        # Its client is on the way, and knocks again and again.
        wire.lead_to(1)
        until(lambda: sessions()[0]["away"], DEADLINE, "the client is not missed")
        redis.pause()
        ended = run("session", "kill", sid, "--state", one.state)
        assert ended.returncode == 0, ended.stderr
        until(lambda: "session_end" in audit(one), DEADLINE, "it did not end")
        until(lambda: not sessions(), DEADLINE, "it is still listed")
        one.kill()
        redis.resume()
        assert sid in redis.ask("KEYS", "*"), "the memory still has it"
        wire.lead_to(two.port)
        until(lambda: client.process.poll() is not None or any("resumed" in line for line in list(client._lines.queue) if line), DEADLINE, "no end")
        told = [line for line in list(client._lines.queue) if line]
    wire.close()
    assert not any("resumed" in line for line in told), told
    until(lambda: sid not in redis.ask("KEYS", "*"), DEADLINE, "the memory keeps it")


def audit(node):
    return "".join(file.read_text(errors="replace") for file in (node.state / "audit").glob("audit-*.jsonl"))
