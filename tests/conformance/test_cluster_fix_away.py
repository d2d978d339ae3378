"""A client of a FIX session leaves and comes back while the database that nodes share is away: to the same process, with its numbers; its
cancels pass, its orders are refused as our fault, and all is as ever when the database is back.
"""

import pytest

from harness.fix import limit_order, sending_time
from harness.fix_cluster import CANCELS, KEEPS, SYMBOL, FixCluster, state
from harness.recorded import recorded
from harness.waiting import until

pytestmark = pytest.mark.fault

LEFT_OUT = 100_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with FixCluster(tmp_path_factory.mktemp("fix-away")) as cluster:
        yield cluster


@pytest.fixture
def outage(cluster):
    """Takes the database away; it is back behind the test, and all nodes run."""
    is_away = []

    def change(away):
        if away != bool(is_away):
            (cluster.postgres.stop if away else cluster.postgres.start)()
            is_away[:] = [True] if away else []

    yield change
    change(False)
    for node in cluster.nodes:
        if node.server.process.poll() is not None:
            node.server.start()


def named(client, name):
    """Names of orders are those of all sessions of the account."""
    return f"{client.sender}-{name}"


def place(client, name):
    client.send("D", limit_order(named(client, name), symbol=SYMBOL))


def rests(client, name):
    place(client, name)
    client.expect("8", t39="0", t11=named(client, name))


def has(client, name):
    """OrdStatus of an order at the venue."""
    return state(client, named(client, name))


def refused(node, client, name):
    """An order is refused: as while halts are not known, which is our fault."""
    place(client, name)
    assert client.expect("j", t372="D").get(58).startswith(b"halt."), client.received[-1]
    until(lambda: refusals(node)[-1:] and refusals(node)[-1][0] == "halt_unknown", 10, name)


def passes(client, name):
    """Orders are refused until the database has everything; then one rests."""

    def tried():
        place(client, name)
        while (answer := client.read()).get(35) not in (b"8", b"j"):
            assert answer.get(35) in (b"0", b"1"), answer
        return answer.get(35) == b"8"

    until(tried, 60, "no order passed")


def refusals(node):
    """Whose fault the node called what it refused, with the words for operators."""
    return [(record.get("reject"), record.get("detail", "")) for record in recorded(node.state, "refuse")]


@pytest.mark.parametrize("how", ["logs out", "is lost"])
def test_a_client_comes_back_cancels_and_trades_again(cluster, outage, how, round):
    first, second, _ = cluster.nodes
    sender = f"back-{how[:2]}-{round}"
    client = cluster.log_on(first, sender, KEEPS)
    for name in ("one", "two"):
        rests(client, name)
    outage(True)
    for gone in ("one", "two"):
        if how == "logs out":
            client.logout()
        client.close()
        client = cluster.log_on(first, sender, KEEPS, next_out=client.next_out)
        assert int(client.received[0].get(34)) < LEFT_OUT, "no number is left out"
        client.send("F", [(11, named(client, f"no-{gone}")), (41, named(client, gone)), (55, SYMBOL), (54, "1"), (60, sending_time())])
        while client.expect("8").get(39) != b"4":
            pass
        assert has(client, gone) == "4", "the venue has it cancelled"
        refused(first, client, f"refused-{gone}")
    outage(False)
    passes(client, "after")
    client.logout()
    client.close()
    with cluster.log_on(second, sender, KEEPS, next_out=client.next_out) as client:
        assert int(client.received[0].get(34)) < LEFT_OUT, "all that was said is known there"
        assert [has(client, name) for name in ("one", "two", "after")] == ["4", "4", "0"]
        rests(client, "elsewhere")
        client.send("5", [(9003, "Y")])
        client.expect("5")


def test_what_was_agreed_on_stands_and_is_written_anew(cluster, outage, round):
    first, second, _ = cluster.nodes
    sender, before = f"agreed-{round}", cluster.lost()
    client = cluster.log_on(first, sender, CANCELS)
    rests(client, "lost")
    outage(True)
    client.close()
    with cluster.log_on(first, sender, CANCELS, next_out=client.next_out) as client:
        assert has(client, "lost") == "4", "its node did it"
        refused(first, client, "refused")
        outage(False)
        passes(client, "rests")
        assert cluster.wills() == 1
        first.server.kill()
    until(lambda: cluster.lost() - before, 60, "nobody cancelled")
    assert cluster.lost() - before == {"1 orders cancelled, scope session: node lost": 1}
    with cluster.log_on(second, sender, KEEPS) as client:
        assert has(client, "rests") == "4"
        client.logout()


def test_a_logon_that_needs_the_database_is_refused_as_our_fault(cluster, outage, round):
    first, second, _ = cluster.nodes
    known, new = f"known-{round}", f"new-{round}"
    client = cluster.log_on(first, known, KEEPS)
    rests(client, "rests")
    outage(True)
    client.logout()
    client.close()
    for node, sender, terms in [(first, known, CANCELS), (first, new, KEEPS), (second, known, KEEPS)]:
        since = len(refusals(node))
        with cluster.presents(node, sender, terms, next_out=client.next_out) as stranger:
            assert stranger.expect("5").get(58).endswith(b"back off."), sender
        until(lambda: [reason for reason, _ in refusals(node)[since:]] == ["store_unavailable"], 10, sender)
    assert any("agreed on" in detail for _, detail in refusals(first))
    # Refused, and kept all the same.
    client = cluster.log_on(first, known, KEEPS, next_out=client.next_out)
    assert has(client, "rests") == "0"
    client.logout()
    outage(False)
    # Given back by itself: nobody was there.
    with cluster.log_on(second, known, KEEPS, next_out=client.next_out) as client:
        assert int(client.received[0].get(34)) < LEFT_OUT
        rests(client, "new")
        client.logout()


def test_a_node_that_was_cut_off_learns_who_has_the_session(cluster, outage, round):
    first, second, _ = cluster.nodes
    sender = f"fence-{round}"
    client = cluster.log_on(first, sender, KEEPS)
    rests(client, "rests")
    words = "another node has a FIX session whose client left here"
    told = first.server.said().count(words)
    # From the database alone, and silently.
    first.wires[0].cut()
    try:
        client.logout()
        # With numbers from 1: this client has no memory for what is asked for again.
        elsewhere = cluster.log_on(second, sender, KEEPS)
        rests(elsewhere, "elsewhere")
        since = len(refusals(first))
        with cluster.presents(first, sender, KEEPS, next_out=elsewhere.next_out) as stale:
            stale.expect("5")
        until(lambda: refusals(first)[since:], 10, "it is on record")
        [(reason, detail)] = refusals(first)[since:]
        assert reason == "upstream_unavailable" and "open on another connection" in detail, detail
        rests(elsewhere, "again")
    finally:
        first.wires[0].mend()
    until(lambda: first.server.said().count(words) > told, 60, "it was not told")
    elsewhere.logout()
    with cluster.log_on(first, sender, KEEPS, next_out=elsewhere.next_out) as client:
        assert [has(client, name) for name in ("rests", "elsewhere", "again")] == ["0", "0", "0"]
        client.logout()
