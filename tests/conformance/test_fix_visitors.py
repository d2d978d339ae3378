"""Market data over FIX for whoever logs on without credentials, where the operator wants it."""

import contextlib
import json

from harness.fix import FixClient, kraken_logon, limit_order, value
from harness.server import Server, run
from harness.waiting import until


def anonymous(server, target="KRAKEN-MD", sender="ANYBODY", more=()):
    client = FixClient(server, sender, target)
    client.send("A", [(98, 0), (108, 30), (141, "Y"), *more])
    return client


def test_nobody_is_let_in_unless_the_operator_says_so(gateway):
    with anonymous(gateway.server) as client:
        client.expect("5")
        assert client.read() is None


VISITORS_PER_SOURCE_MAX = 32


def test_visitors_of_one_source_do_not_take_all_places(tmp_path):
    config = tmp_path / "gateway.toml"
    config.write_text('[fix]\npublic_market_data = ["KRAKEN-MD"]\n')
    with Server(tmp_path / "state", config=config) as server, contextlib.ExitStack() as held:
        for _ in range(VISITORS_PER_SOURCE_MAX):
            held.enter_context(anonymous(server)).expect("A")
        with anonymous(server) as one_more:
            one_more.expect("5")
        held.close()

        def is_let_in():
            with anonymous(server) as client:
                return client.read().get(35) == b"A"

        until(is_let_in)


def test_krakens_market_data_is_public_where_the_operator_says_so(tmp_path):
    config = tmp_path / "gateway.toml"
    config.write_text('[fix]\npublic_market_data = ["KRAKEN-MD"]\n')
    with Server(tmp_path / "state", config=config) as server:
        prices = [(263, "1"), (264, 5), (265, 0), (267, 2), (269, "0"), (269, "1"), (146, 1), (55, "BTC/USDT")]
        # Two strangers of one name: neither keeps the other out.
        with anonymous(server) as client, anonymous(server) as other:
            for one in (client, other):
                one.expect("A")
                one.send("V", [(262, "book"), *prices])
                one.expect("W", t262="book", t55="BTC/USDT")
            client.send("D", limit_order("nobodys", symbol="BTC/USDT"))
            assert "auth.required" in value(next_public(client, "j"), 58)
            client.send("AF", [(584, "mine"), (585, "7")])
            assert "auth.required" in value(next_public(client, "j"), 58)
            client.send("1", [(112, "alive")])
            next_public(client, "0")
            listed = json.loads(run("session", "list", "--json", "--state", server.state).stdout)
            assert listed == [], "nobody has no session to be listed"
            client.send("5")
            next_public(client, "5")
        # Elsewhere, and with half of a credential, it is a Logon like all others.
        for refused in (anonymous(server, target="KRAKEN-TRD"), anonymous(server, more=[(553, "somebody")]), anonymous(server, more=[(5025, "1")])):
            with refused:
                refused.expect("5")
        with FixClient(server, "TRADES", "KRAKEN-MD") as client:
            kraken_logon(client, server.credential("kraken"))
            client.expect("A")
            client.send("D", limit_order("somebodys", symbol="BTC/USDT"))
            client.expect("8", t39="0", t11="somebodys")
            client.logout()


def next_public(client, kind):
    """The next message of a type; prices go on meanwhile."""
    while (message := client.read()) is not None:
        if message.get(35).decode() == kind:
            return message
        assert message.get(35) in (b"0", b"1", b"W", b"X"), message
    raise AssertionError(f"the connection ended instead of {kind}")
