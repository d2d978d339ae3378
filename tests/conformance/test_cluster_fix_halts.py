"""An order over FIX whose copy takes longer than the lease of halts: a halt that is confirmed meanwhile stops it."""

import json

import pytest

from harness.fix import limit_order, sending_time
from harness.fix_cluster import KEEPS, SYMBOL, FixCluster
from harness.waiting import until

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with FixCluster(tmp_path_factory.mktemp("fix-halts")) as cluster:
        yield cluster


def confirmed(raising, account):
    """Whether a halt of the account is. Once more for what is in force waits as the first did."""
    report = raising.command("halt", "--scope", f"account:{account}", "--reason", "runaway", "--json")
    return json.loads(report)["confirmed_us"] is not None


def told(client, name):
    """What the client hears of an order: that it is rejected; or nothing, for the connection ends, or it never was."""
    while (message := client.read()) is not None:
        assert message.get(11) != name, f"{message}"
        if message.get(35) == b"j":
            return message
        if message.get(35) == b"2":
            # The machine was so slow that the order was given up with its copy: it is not sent again.
            client.send("4", [(123, "Y"), (36, client.next_out)], seq=int(message.get(7)), header=[(43, "Y"), (122, sending_time())])
            return None
    return None


def state(client, name):
    """OrdStatus of an order at the venue, 8 where it knows none; News of the halt may come before."""
    client.send("H", [(11, name), (55, SYMBOL), (54, "1")])
    while (message := client.read()).get(150) not in (b"I", b"8"):
        assert message.get(35) in (b"0", b"8", b"B"), f"{message}"
    assert message.get(11) == name.encode()
    return message.get(39).decode()


def test_an_order_that_waits_for_its_copy_is_not_sent_under_a_halt(cluster, round):
    account = f"late-{round}"
    apart, raising, _ = cluster.nodes
    key = cluster.new_key(account)
    client = cluster.log_on(apart, account, KEEPS, key)
    client.rests("before", symbol=SYMBOL)
    # From the database alone, and silently. The order passes by the lease, if that lasts, and waits for its copy.
    apart.wires[0].cut()
    try:
        client.send("D", limit_order("late", symbol=SYMBOL))
        until(lambda: confirmed(raising, account), 30)
    finally:
        apart.wires[0].mend()
    refused = told(client, b"late")
    if refused:
        client.send("5")
        while client.read() is not None:
            pass
    client.close()
    with cluster.log_on(apart, account, KEEPS, key, next_out=client.next_out) as client:
        # It has a number: the venue asks for it, and does not get it.
        rejected = None if refused else told(client, b"late")
        if rejected:
            assert (rejected.get(372), rejected.get(379)) == (b"D", b"late"), f"{rejected}"
        assert state(client, "late") == "8", "the venue knows it"
        assert state(client, "before") == "0"
