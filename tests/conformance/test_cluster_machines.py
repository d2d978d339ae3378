"""One of three nodes has a disk that is full or hangs, or a clock that is set: orders there get the code of an infrastructure that failed or
pass at their right time, cancels pass, and it recovers by itself.
"""

import json
import os
import time

import pytest

from harness import raw
from harness.binance import ORDER, code, now_ms
from harness.broken import Clock, disk_of_its_own, full_disk, hanging_disk
from harness.flow import PATIENT, Flow, cancels, new_key, order, places
from harness.promises import CLIENTS_FAULT, Promises, PromisingCluster
from harness.tokens import DpopKey, TokenClient
from harness.waiting import until

HOUR = 3_600
ISSUER = "https://127.0.0.1:9999"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("machines")
    disk_of_its_own(folder / "a")
    machines = PromisingCluster(folder)
    machines.configuration += f'\n[tokens]\nissuer = ["{ISSUER}"]\n'
    with machines as cluster:
        cluster.clock = Clock(folder)
        last = cluster.nodes[2].server
        last.kill()
        last.extra.update(cluster.clock.environment)
        last.start()
        yield cluster


@pytest.fixture
def key(cluster):
    return new_key(cluster)


def whole(node):
    """What the auditor says of a node's log."""
    return node.command("audit", "verify")


def cancels_pass(key, node, count=5):
    return all(cancels(key, node).status == 200 for _ in range(count))


def refuses(key, node, count=5):
    """Orders are refused, promptly and as our fault; none reaches the venue."""
    before = set(node.cluster.orders())
    for _ in range(count):
        began = time.monotonic()
        answer = places(key, node)
        assert answer.status == 503, answer
        assert time.monotonic() - began < 20, "nobody waits for a disk"
    assert not [name for name in node.cluster.orders() if name not in before and name.startswith("n")]


def test_a_full_disk_stops_orders_and_cancels_pass(cluster, key):
    node, promises = cluster.nodes[0], Promises(cluster)
    with Flow(cluster, key, cluster.nodes) as flow:
        recorded = node.accepted("cancel")
        with full_disk(node.server):
            promises.client_is_lost()
            until(lambda: flow.refused)
            until(lambda: places(key, node).status == 503)
            refuses(key, node)
            assert cancels_pass(key, node)
            until(lambda: places(key, cluster.nodes[1]).status == 200, why="the others have disks of their own")
        until(lambda: places(key, node).status == 200)
        flow.goes_on()
    flow.check()
    assert not set(flow.refused) & CLIENTS_FAULT, flow.refused
    until(lambda: node.accepted("cancel") == recorded + 5, why="cancels that passed are recorded when there is room again")
    promises.hold()
    whole(node)


def test_a_node_that_dies_on_a_full_disk_starts_again_and_doubles_nothing(cluster, key):
    node, name = cluster.nodes[0], f"kept{time.monotonic_ns()}"
    kept = order(key, node, name)
    assert raw.exchange(node.server, kept).status == 200
    promises = Promises(cluster)
    with full_disk(node.server):
        promises.client_is_lost()
        until(lambda: places(key, node).status == 503)
        assert cancels_pass(key, node)
        node.server.kill()
    node.server.start()
    until(lambda: places(key, node).status == 200)
    for each in cluster.nodes:
        until(lambda each=each: raw.exchange(each.server, kept).status in CLIENTS_FAULT)
    assert cluster.orders().count(name) == 1
    promises.hold()
    whole(node)


def test_a_disk_that_hangs_stops_orders_and_cancels_pass(cluster, key):
    node, promises = cluster.nodes[0], Promises(cluster)
    with Flow(cluster, key, cluster.nodes) as flow:
        recorded = node.accepted("cancel")
        with hanging_disk(node.server):
            promises.client_is_lost()
            until(lambda: flow.refused)
            refuses(key, node)
            assert cancels_pass(key, node)
        until(lambda: places(key, node).status == 200)
        flow.goes_on()
    flow.check()
    assert not set(flow.refused) & CLIENTS_FAULT, flow.refused
    until(lambda: node.accepted("cancel") == recorded + 5)
    promises.hold()
    whole(node)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_that_is_set_by_an_hour_is_told_and_not_followed(cluster, key, jump):
    node, name = cluster.nodes[2], f"once{time.monotonic_ns()}"
    until(lambda: not node.degraded())
    promises = Promises(cluster, node)
    once = order(key, cluster.nodes[1], name)
    assert raw.exchange(cluster.nodes[1].server, once).status == 200
    with Flow(cluster, key, [node]) as flow:
        cluster.clock.set(jump)
        try:
            until(lambda: "was set" in "".join(node.degraded()))
            promises.client_is_lost()
            flow.goes_on()
            assert cancels_pass(key, node)
            for each in cluster.nodes:
                until(lambda each=each: raw.exchange(each.server, once).status in CLIENTS_FAULT, why="accepted before")
            # What is right by the clock that was set was captured an hour ago, or is kept for then.
            for late in [now_ms() + jump * 1_000, now_ms() + jump * 1_000 // 2]:
                answer = key.ask(node.server, "POST", "/api/v3/order", timestamp=late, **PATIENT, **ORDER, newClientOrderId=name)
                assert (answer.status, code(answer)) == (400, -1021)
        finally:
            cluster.clock.set(0)
        until(lambda: not node.degraded())
        flow.goes_on()
    flow.check()
    assert not set(flow.refused) & CLIENTS_FAULT, "nobody was locked out, nobody was called late"
    assert not flow.refused or not os.environ.get("COUNTERSIGN_STRICT"), flow.refused
    assert cluster.orders().count(name) == 1
    promises.hold()


def test_a_node_that_starts_with_a_wrong_clock_takes_no_orders_until_it_is_set_right(cluster, key):
    # An hour behind it does not start at all: the CA of this test is younger than that.
    node, jump = cluster.nodes[2], HOUR
    promises = Promises(cluster, node)
    node.server.kill()
    promises.client_is_lost()
    cluster.clock.set(jump)
    try:
        node.server.start()
        assert "apart" in "".join(node.degraded())
        refuses(key, node)
        # By its clock alone, an order that was signed for in an hour would pass.
        then = key.ask(node.server, "POST", "/api/v3/order", timestamp=now_ms() + jump * 1_000, **PATIENT, **ORDER, newClientOrderId="then")
        assert then.status == 503 and "then" not in cluster.orders()
        until(lambda: places(key, cluster.nodes[0]).status == 200, why="the others go on")
    finally:
        cluster.clock.set(0)
    until(lambda: places(key, node).status == 200)
    until(lambda: not node.degraded())
    promises.hold()


def test_no_assertion_proof_or_token_is_called_bad_by_a_wrong_clock(cluster, key):
    node, file, dpop = cluster.nodes[2], cluster.folder / f"{key.account}.json", DpopKey()
    made = ["--account", key.account, "--purpose", "native", "--kind", "Ed25519", "--scopes", "md:read"]
    cluster.nodes[0].command("key", "new", *made, "--out", file)
    record = json.loads(file.read_text())
    # A new one for each request: a node that starts again has another port.
    at = lambda node: TokenClient(node.server, record=record, key=dpop)
    reads = lambda node: at(node).get("/native/v1/ticker?sym=BTCUSDT", token).status_code

    def asks(node, **changed):
        client = at(node)
        asserts = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": client.assertion(aud=ISSUER, **changed)}
        return client.post(headers=client.proof(), grant_type="client_credentials", scope="md:read", **asserts)

    token = until(lambda: asks(cluster.nodes[0]).json().get("access_token"))
    until(lambda: reads(node) == 200)
    node.server.kill()
    cluster.clock.set(HOUR)
    try:
        node.server.start()
        assert "apart" in "".join(node.degraded())
        late, then = asks(node), int(time.time()) + HOUR
        assert (late.status_code, late.json()["error"]) == (503, "temporarily_unavailable"), "of the assertion"
        late = asks(node, iat=then, exp=then + 60)
        assert (late.status_code, late.json()["error"]) == (503, "temporarily_unavailable"), "of the proof beside it"
        assert reads(node) == 503, "of a token that lives for minutes, and its proof"
    finally:
        cluster.clock.set(0)
    until(lambda: not node.degraded())
    until(lambda: reads(node) == 200, why="it was good all the time")
