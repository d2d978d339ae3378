"""The database of three nodes changes places: its primary dies, a standby is promoted, and what was acknowledged is there.

The address of the nodes follows the primary, as a virtual address or a proxy does it.
"""

import json

import pytest

from harness.flow import Flow, cancels, new_key, places
from harness.postgres import Postgres
from harness.promises import CLIENTS_FAULT, Promises, PromisingCluster
from harness.waiting import until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with PromisingCluster(tmp_path_factory.mktemp("failover")) as cluster:
        yield cluster


def halt(node, account):
    stop = ["halt", "--scope", f"account:{account}", "--action", "cancel-only", "--reason", "runaway", "--json"]
    return json.loads(node.command(*stop))["id"]


@pytest.mark.fault
def test_nothing_that_was_acknowledged_is_lost_with_the_primary(cluster):
    first, second, third = cluster.nodes
    primary, standby = cluster.postgres, Postgres(cluster.postgres)
    try:
        promises = Promises(cluster)
        key, halted, revoked = (new_key(cluster) for _ in range(3))
        with Flow(cluster, key, cluster.nodes) as flow:
            stop = halt(second, halted.account)
            third.command("key", "revoke", revoked.api_key)
            late = new_key(cluster)
            primary.stop()
            promises.client_is_lost()
            until(lambda: flow.refused)
            assert all(cancels(key, node).status == 200 for node in cluster.nodes)
            # The nodes find a standby first, which they do not take.
            cluster.use(standby)
            before = len(cluster.orders())
            for node in cluster.nodes:
                assert places(halted, node).status != 200 and places(revoked, node).status != 200
            assert all(name.startswith("c") for name in cluster.orders()[before:])
            standby.promote()
            flow.goes_on()
        flow.check()
    finally:
        primary.close()
        cluster.use(standby)
    assert not set(flow.refused) & CLIENTS_FAULT, flow.refused
    for node in cluster.nodes:
        until(lambda node=node: stop in node.halts())
        until(lambda node=node: places(late, node).status == 200)
        assert places(halted, node).status != 200 and cancels(halted, node).status == 200
        assert places(revoked, node).status == 401
    promises.hold()
    # And it is written to: a node that starts now, and a change that the others hear of.
    first.restart()
    until(lambda: places(key, first).status == 200)
    assert stop in first.halts() and places(revoked, first).status == 401
    first.command("key", "revoke", late.api_key)
    for node in cluster.nodes:
        until(lambda node=node: places(late, node).status == 401)
