"""A halt is confirmed when every node is past it: three nodes, one of which is cut off, killed, drained, or takes a request that is slow."""

import contextlib
import json
import os
import threading
import time

import pytest

from harness.flow import new_key, places
from harness.operators import OperatorSocket
from harness.three import Cluster
from harness.upgrade import drained, replace
from harness.waiting import until

LEASE = 1.0

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("halts")) as cluster:
        yield cluster


@pytest.fixture
def key(cluster):
    key = new_key(cluster)
    until(lambda: status(cluster.nodes[1])["confirmed"])
    return key


def status(node):
    return json.loads(node.command("halt", "status", "--json"))


def halt(node, scope):
    return json.loads(node.command("halt", "--scope", scope, "--reason", "runaway", "--json"))


def states(report):
    return {line["node"]: line["state"] for line in report["nodes"]}


def test_a_halt_is_confirmed_within_a_moment_when_all_nodes_say_so(cluster, key):
    report = halt(cluster.nodes[1], f"account:{key.account}")
    assert set(states(report)) == {node.name for node in cluster.nodes} and set(states(report).values()) == {"acked"}, report
    assert report["barrier_us"] <= report["confirmed_us"], "all of them said so, nobody waited for a lease"
    before = len(cluster.orders())
    assert all(places(key, node).status != 200 for node in cluster.nodes) and len(cluster.orders()) == before
    until(lambda: status(cluster.nodes[0])["confirmed"])
    said = cluster.nodes[0].command("halt", "status")
    assert "confirmed" in said and "NOT confirmed" not in said and "nodes: a acked, b acked, c acked" in said
    assert 'countersign_halt_nodes{state="acked"} 3' in cluster.nodes[0].shown("/metrics")
    again = halt(cluster.nodes[2], f"account:{key.account}")
    assert again["was_in_force"] and again["confirmed_us"] is not None


def confirmed(raising, key):
    """The report of a halt that is confirmed. Once more for what is in force: it waits as the first did."""
    report = halt(raising, f"account:{key.account}")
    return report if report["confirmed_us"] is not None else None


def test_no_order_of_a_node_that_is_cut_off_reaches_the_venue_after_a_halt_is_confirmed(cluster, key):
    apart, raising, _ = cluster.nodes
    stopping, placed = threading.Event(), []

    def trade():
        while not stopping.is_set():
            if places(key, apart).status == 200:
                placed.append(time.monotonic())

    trading = threading.Thread(target=trade)
    trading.start()
    until(lambda: len(placed) > 3)
    # The database alone: the node goes on taking orders on its lease.
    apart.wires[0].cut()
    try:
        began = time.monotonic()
        report = until(lambda: confirmed(raising, key), 30)
        at_the_venue = len(cluster.orders())
        assert time.monotonic() - began >= LEASE * 0.9, "the lease of the node that is cut off"
        assert states(report)[apart.name] == "lapsed", report
        assert report["barrier_us"] <= report["confirmed_us"], "this node was past it at once"
        until(lambda: places(key, apart).status != 200)
        assert len(cluster.orders()) == at_the_venue, "confirmed, and an order came after"
        shown = status(raising)
        assert shown["confirmed"] and states(shown)[apart.name] == "lapsed"
    finally:
        apart.wires[0].mend()
        stopping.set()
        trading.join()
    until(lambda: states(status(raising))[apart.name] == "acked", 30)
    assert places(key, apart).status != 200


def test_a_node_that_ended_in_order_is_not_waited_for(cluster, key):
    leaving, raising, _ = cluster.nodes
    leaving.server.stop()
    try:
        until(lambda: leaving.name not in states(status(raising)))
        report = halt(raising, f"account:{key.account}")
        assert report["confirmed_us"] is not None and leaving.name not in states(report), report
        assert set(states(report).values()) == {"acked"}, report
    finally:
        leaving.server.start()
    until(lambda: states(status(raising)).get(leaving.name) == "acked")


def test_a_halt_that_is_not_in_the_database_is_not_confirmed_beyond_its_node(cluster, key):
    raising = cluster.nodes[1]
    raising.wires[0].cut()
    try:
        report = halt(raising, f"account:{key.account}")
        assert report["epoch"] is None and report["confirmed_us"] is None and report["barrier_us"] is not None, report
        assert states(report)[raising.name] == "acked" and "acked" not in [states(report)[node.name] for node in cluster.nodes if node is not raising]
        assert "NOT confirmed" in raising.command("halt", "status")
    finally:
        raising.wires[0].mend()
    until(lambda: status(raising)["confirmed"], 30)


def test_who_holds_up_the_writing_of_halts_keeps_no_operator_waiting_and_no_node_from_its_lease(cluster, key):
    raising = cluster.nodes[1]
    halted = new_key(cluster)
    with cluster.postgres.holding_halts("cluster"):
        with contextlib.closing(OperatorSocket(raising.server)) as operator:
            began = time.monotonic()
            report = operator.post("/v1/halts", {"scope": f"account:{halted.account}", "action": "cancel-only", "reason": "runaway"})
            assert time.monotonic() - began < (1.8 if os.environ.get("COUNTERSIGN_STRICT") else 10), "it waits for a second, on a machine that has other things to do"
        assert report["epoch"] is None and report["confirmed_us"] is None and report["barrier_us"] is not None, report
        told = []
        while time.monotonic() - began < 4 * LEASE:
            told.append(places(key, raising).status)
            assert places(halted, raising).status != 200
        until(lambda: places(key, raising).status == 200, 20, "the lease is renewed meanwhile")
        # A node that stands still for a second has none for a moment.
        assert set(told) <= ({200} if os.environ.get("COUNTERSIGN_STRICT") else {200, 503}) and told.count(200) > len(told) / 2, told
    until(lambda: status(raising)["confirmed"])
    again = halt(raising, f"account:{halted.account}")
    assert again["was_in_force"] and again["epoch"] and again["confirmed_us"] is not None, again
    assert all(places(halted, node).status != 200 for node in cluster.nodes)


def test_after_a_crash_of_the_database_nobody_is_taken_for_silent_before_a_lease_is_over(cluster, key):
    apart, raising, _ = cluster.nodes
    until(lambda: places(key, apart).status == 200)
    cluster.postgres.stop()
    cluster.postgres.start()
    until(lambda: status(raising)["unknown"] is None)

    report = until(lambda: confirmed(raising, key), 30)
    assert {node.name for node in cluster.nodes} <= set(states(report)), report
    until(lambda: status(raising)["confirmed"], 30)
    assert all(places(key, node).status != 200 for node in cluster.nodes)


def test_a_process_that_handed_over_is_not_waited_for_and_the_next_one_is(cluster, key):
    taking, raising, _ = cluster.nodes
    former = []
    taking.server = replace(taking.server, former)
    names = sorted(node.name for node in cluster.nodes)
    assert taking.name in [line["node"] for line in status(raising)["nodes"]], "the one or the other, or both"
    drained(former[-1])
    until(lambda: [line["node"] for line in sorted(status(raising)["nodes"], key=lambda line: line["node"])] == names)
    report = halt(raising, f"account:{key.account}")
    assert report["confirmed_us"] is not None and states(report) == dict.fromkeys(names, "acked"), report
    assert places(key, taking).status != 200
