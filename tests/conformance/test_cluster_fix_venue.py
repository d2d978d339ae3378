"""A node is lost in front of venues that are as they are: one does not tell orders by their time, another leaves numbers out.
"""

import pytest

from harness.engine import Engine
from harness.fix import ScriptedVenue, limit_order, sending_time
from harness.fix_cluster import CANCELS, QuickFixCluster
from harness.waiting import until

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with QuickFixCluster(tmp_path_factory.mktemp("fix-venue")) as cluster:
        yield cluster


def test_a_venue_that_knows_no_moment_is_asked_for_the_orders_of_the_session(cluster, round):
    first, sender, before = cluster.nodes[0], f"FIRM{round}", cluster.lost()
    with Engine("acceptor", cluster.folder / f"acceptor-{round}", "FIXT.1.1", "VENUE", sender, cluster.fix_port) as acceptor:
        acceptor.wait("started")
        client = cluster.log_on_as_at_coinbase(first, sender, cluster.new_key(f"fix-{round}", "coinbase-exchange"), [(8013, "Y")])
        client.send("D", limit_order("rests", symbol="BTC-USDT"))
        client.expect("8", t11="rests")
        first.server.kill()
        client.close()
        asked = [acceptor.wait("app", "q") for _ in range(2)]
        assert [(fields["530"], fields["20003"], "20004" in fields) for fields in asked] == [("7", "account-before", True), ("7", "session", False)]
        until(lambda: cluster.lost() - before, 60, "nobody put it on record")
        words = "1 orders cancelled, scope session: node lost, and the venue does not tell orders of the account by their time"
        assert cluster.lost() - before == {words: 1}
        first.server.start()


@pytest.mark.parametrize("counted", [False, True], ids=["nothing-counted", "counted"])
def test_what_the_venue_left_out_before_its_answer_is_asked_for(cluster, counted, round):
    first, before = cluster.nodes[0], cluster.lost()
    name = f"GAP-{'counted' if counted else 'nothing'}-{round}"
    with ScriptedVenue(cluster.fix_port) as venue:
        client = cluster.presents(first, name, CANCELS, cluster.new_key(name.lower()))
        venue.accept()
        client.expect("A")
        first.server.kill()
        client.close()
        venue.accept()
        question = venue.asked("q")
        if counted:
            # A heartbeat counts, and what is asked for behind it would be written with that: it is given up, and asked anew.
            venue.send("0")
            venue.next_out += 1
            answers(venue, question)
            assert venue.read() is None
            venue.accept()
            answers(venue, venue.asked("q"))
        else:
            missed = venue.next_out
            venue.next_out += 1
            answers(venue, question)
            request = venue.read()
            assert (request.get(35), int(request.get(7))) == (b"2", missed)
            venue.fill(missed, missed + 1)
            answers(venue, question, seq=missed + 1, header=[(43, "Y"), (122, sending_time())])
        until(lambda: cluster.lost() - before, 60, "nobody put it on record")
        assert cluster.lost() - before == {"3 orders cancelled, scope session: node lost": 1}
    first.server.start()


def answers(venue, question, **again):
    venue.send("r", [(11, question.get(11).decode()), (37, "M1"), (530, "7"), (531, "7"), (533, "3")], **again)
