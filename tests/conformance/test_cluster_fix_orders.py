"""A FIX session cancels when it is lost, and its node is killed: another one cancels, once, whether the client comes back or not.
"""

import signal

import pytest

from harness.fix import limit_order, sending_time
from harness.fix_cluster import CANCELS, KEEPS, SYMBOL, FixCluster, state
from harness.waiting import until

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with FixCluster(tmp_path_factory.mktemp("fix-orders")) as cluster:
        yield cluster


@pytest.fixture
def before(cluster):
    """What is on record so far. All nodes run again behind the test."""
    yield cluster.lost()
    for node in cluster.nodes:
        if node.server.process.poll() is not None:
            node.server.start()


@pytest.fixture
def killed(cluster, before, round, request):
    """A session with an order that rests, whose node was killed; the sender's name, and that of the order."""
    sender = f"{request.node.originalname[5:25]}-{round}"
    first = cluster.nodes[0]
    client = cluster.log_on(first, sender, CANCELS)
    client.send("D", limit_order("rests", symbol=SYMBOL))
    client.expect("8", t39="0", t11="rests")
    first.server.kill()
    client.close()
    return sender


def test_orders_of_a_node_that_is_lost_are_cancelled_once(cluster, before, killed):
    until(lambda: cluster.lost() - before, 60, "nobody cancelled")
    with cluster.log_on(cluster.nodes[1], killed, KEEPS) as client:
        assert state(client, "rests") == "4"
        client.logout()
    assert cluster.lost() - before == {"1 orders cancelled, scope session: node lost": 1}


def test_a_client_that_comes_back_finds_its_orders_cancelled_and_keeps_its_new_ones(cluster, before, killed):
    with cluster.log_on(cluster.nodes[1], killed, CANCELS) as client:
        assert state(client, "rests") == "4", "before it is let in"
        client.send("D", limit_order("new", symbol=SYMBOL))
        client.expect("8", t39="0", t11="new")
        # Another lost session is settled meanwhile: this one is not.
        other = cluster.log_on(cluster.nodes[2], f"{killed}-other", CANCELS)
        cluster.nodes[2].server.kill()
        other.close()
        until(lambda: "0 orders cancelled, scope session: node lost" in cluster.lost() - before, 60, "nobody cancelled")
        assert state(client, "new") == "0"
        client.logout()
    assert (cluster.lost() - before)["1 orders cancelled, scope session: node lost"] == 1


def test_a_venue_that_is_away_is_asked_again(cluster, before, killed):
    cluster.door.lead_to(1)
    try:
        until(lambda: any("NOT cancelled" in detail for detail in cluster.lost() - before), 60, "nobody tried")
    finally:
        cluster.door.lead_to(cluster.paper.fix)
    until(lambda: "1 orders cancelled, scope session: node lost" in cluster.lost() - before, 90, "nobody tried again")
    with cluster.log_on(cluster.nodes[1], killed, KEEPS) as client:
        assert state(client, "rests") == "4"
        client.logout()


def test_reports_that_the_lost_node_never_read_are_there_when_the_client_is_back(cluster, before, round):
    first, second, third = cluster.nodes
    sender = f"unread-{round}"
    client = cluster.log_on(first, sender, CANCELS)
    # Of an account of its own, which has coins enough for one of these.
    with cluster.log_on(third, f"crosses-{round}", KEEPS, cluster.new_key(f"other-{round}")) as other:
        for name, price in [("filled", "95000"), ("rests", "90000")]:
            client.send("D", limit_order(name, price=price, symbol=SYMBOL))
            client.expect("8", t39="0", t11=name)
        first.server.process.send_signal(signal.SIGSTOP)
        # Through all that the market maker bids, down to the first of them.
        sells = limit_order("sells", side="2", price="95000", quantity="5", symbol=SYMBOL)
        other.send("D", [(tag, "3" if tag == 59 else value) for tag, value in sells])
        while other.expect("8").get(39) in (b"0", b"1"):
            pass
        other.logout()
    first.server.kill()
    client.close()
    until(lambda: cluster.lost() - before, 60, "nobody cancelled")
    assert cluster.lost() - before == {"1 orders cancelled, scope session: node lost": 1}
    with cluster.log_on(second, sender, KEEPS) as again:
        told = [(report.get(11), report.get(39)) for report in again.reports("4")]
        assert told == [(b"filled", b"2"), (b"rests", b"4")]
        again.logout()


def test_a_node_that_leaves_in_order_leaves_nothing_to_others(cluster, before, round):
    first, second, _ = cluster.nodes
    sender = f"leaves-{round}"
    with cluster.log_on(first, sender, CANCELS) as client:
        client.send("D", limit_order("rests", symbol=SYMBOL))
        client.expect("8", t39="0", t11="rests")
        assert cluster.wills() == 1
        first.server.process.send_signal(signal.SIGTERM)
        client.expect("5")
        client.send("5")
        assert client.read() is None
    assert first.server.process.wait(60) == 0
    assert cluster.wills() == 0
    with cluster.log_on(second, sender, KEEPS) as client:
        assert state(client, "rests") == "4", "the node did it itself"
        client.logout()
    assert not cluster.lost() - before


def test_a_logout_that_keeps_orders_leaves_nothing_to_cancel_before_it_is_answered(cluster, before, round):
    sender = f"logout-{round}"
    with cluster.log_on(cluster.nodes[0], sender, CANCELS) as client:
        client.send("D", limit_order(f"kept-{round}", symbol=SYMBOL))
        client.expect("8", t39="0", t11=f"kept-{round}")
        assert cluster.wills() == 1
        # DontCancelOnDisconnect, as Deribit's clients say it.
        client.send("5", [(9003, "Y")])
        client.expect("5")
        assert cluster.wills() == 0
    cluster.nodes[0].server.kill()
    with cluster.log_on(cluster.nodes[1], sender, KEEPS) as client:
        assert state(client, f"kept-{round}") == "0", "it rests"
        client.logout()
    assert not cluster.lost() - before


def test_an_end_that_could_not_cancel_is_made_up_for(cluster, before, round):
    sender, ended = f"venue-{round}", cluster.lost("upstream lost")
    with cluster.log_on(cluster.nodes[0], sender, CANCELS) as client:
        client.send("D", limit_order("rests", symbol=SYMBOL))
        client.expect("8", t39="0", t11="rests")
        cluster.door.lead_to(1)
        try:
            client.expect("5")
            until(lambda: any("NOT cancelled" in detail for detail in cluster.lost("upstream lost") - ended), 60, "the node did not try")
        finally:
            cluster.door.lead_to(cluster.paper.fix)
    until(lambda: "1 orders cancelled, scope session: node lost" in cluster.lost() - before, 90, "nobody tried again")
    until(lambda: cluster.wills() == 0, why="it is on record, and not forgotten")


def test_what_cannot_be_read_is_not_forgotten(cluster, before, round):
    first, second, third = cluster.nodes
    sender = f"sealed-{round}"
    with cluster.log_on(first, sender, CANCELS) as client:
        client.send("D", limit_order("rests", symbol=SYMBOL))
        client.expect("8", t39="0", t11="rests")
        # As another key would have sealed it.
        changed = "UPDATE fix_journals SET will = set_byte(will, 20, get_byte(will, 20) # 1) WHERE will IS NOT NULL"
        cluster.postgres.sql("cluster", changed)
        first.server.kill()
    unread = "cannot be read here"
    known = cluster.lost(unread)
    until(lambda: sum((cluster.lost(unread) - known).values()) == 2, 60, "both nodes that are left say so")
    assert [number(node, "fix_wills_unreadable") for node in (second, third)] == [1, 1]
    with cluster.presents(second, sender, KEEPS) as client:
        assert client.expect("5").get(58).endswith(b"back off.")
    assert cluster.wills() == 1 and not cluster.lost() - before
    cluster.postgres.sql("cluster", changed)
    until(lambda: "1 orders cancelled, scope session: node lost" in cluster.lost() - before, 120, "nobody cancelled")
    assert sum((cluster.lost(unread) - known).values()) == 2, "once by each"
    until(lambda: [number(node, "fix_wills_unreadable") for node in (second, third)] == [0, 0])
    with cluster.log_on(second, sender, KEEPS) as client:
        assert state(client, "rests") == "4"
        client.logout()

def test_what_other_sessions_of_the_account_placed_after_the_loss_stays(cluster, before, round):
    first, second, _ = cluster.nodes
    key, pair = cluster.new_key(f"account-{round}", "coinbase-exchange"), "BTC-USDT"
    lost = cluster.log_on_as_at_coinbase(first, f"all-{round}", key, [(8013, "Y")])
    with cluster.log_on_as_at_coinbase(second, f"stays-{round}", key) as other:
        lost.rests(f"own-{round}", symbol=pair)
        other.rests(f"earlier-{round}", symbol=pair)
        cluster.renewed()
        first.server.kill()
        lost.close()
        other.rests(f"later-{round}", symbol=pair)
        until(lambda: cluster.lost() - before, 60, "nobody cancelled")
        assert cluster.lost() - before == {"2 orders cancelled, scope account: node lost": 1}
        assert [state(other, f"{name}-{round}", pair) for name in ("own", "earlier", "later")] == ["4", "4", "0"]
        other.send("F", [(11, "gone"), (41, f"later-{round}"), (55, pair), (54, "1"), (60, sending_time())])
        other.expect("8", t39="4")
        other.logout()


def number(node, series):
    """One of the numbers that a node shows."""
    lines = node.shown("/metrics").splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith(f"countersign_{series} "))))
