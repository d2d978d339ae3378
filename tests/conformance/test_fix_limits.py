"""What a FIX message holds is what it is charged as and what halts stop: lists, quotes, and data that hides a field."""

import pytest

from harness.fix import FixClient, ScriptedVenue, binance_logon, limit_order, sending_time
from harness.halted import Halted
from harness.limited import made_key
from harness.ports import kept_port

SCOPES = ("--scopes", "order:read,order:write")


@pytest.fixture(scope="module")
def port():
    with kept_port() as port:
        yield port


@pytest.fixture(scope="module")
def venue(port):
    with ScriptedVenue(port) as venue:
        yield venue


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, venue, port):
    halted = Halted(tmp_path_factory.mktemp("fix-limits"), f'[upstream.venue]\nfix = "127.0.0.1:{port}"\nfix_target = "VENUE"\n')
    with halted.server:
        yield halted


@pytest.fixture(autouse=True)
def lifted(gateway):
    yield
    gateway.lift_all()


def logged_on(gateway, venue, sender, *limits):
    key = made_key(gateway.server, *SCOPES, *limits, kind="Ed25519")
    client = FixClient(gateway.server, sender, "SPOT")
    binance_logon(client, key)
    venue.hear()
    venue.next_out = 1
    venue.answer()
    client.expect("A")
    return client


def refused(client):
    """The next Reject; News of the halt may come before it."""
    while (message := client.read()).get(35) != b"3":
        assert message.get(35) in (b"0", b"B"), message
    return message


def new_list(count, said=None):
    orders = [pair for number in range(count) for pair in [(11, f"o{number}"), (67, number + 1), (54, "1"), (55, "BTCUSDT"), (38, "0.01"), (40, "2"), (44, "1")]]
    return [(66, "L1"), (394, 3), (68, count), (73, said or count), *orders]


def mass_quote(count, said=None):
    quotes = [pair for number in range(count) for pair in [(299, f"e{number}"), (55, "BTCUSDT"), (132, "1"), (133, "2"), (134, "1"), (135, "1")]]
    return [(117, "Q1"), (296, 1), (302, "S1"), (311, "BTCUSDT"), (304, count), (295, said or count), *quotes]


@pytest.mark.parametrize("msg_type, made", [("E", new_list), ("i", mass_quote)], ids=["list", "quotes"])
def test_a_list_is_charged_as_its_orders(gateway, venue, msg_type, made):
    with logged_on(gateway, venue, f"LIMIT-{msg_type}", "--orders-per-10s", "5") as client:
        for fields in (made(100), made(100, said=1), made(6)):
            client.send(msg_type, fields)
            text = refused(client).get(58).lower()
            assert b"orders" in text and b"weight" not in text
        client.send(msg_type, made(5))
        assert venue.asked(msg_type).get(34) == b"2", "the first that reached the venue"
        client.logout()


@pytest.mark.parametrize("length, data", [(2072, 2073), (43111, 42982), (354, 355)], ids=["extension", "late extension", "of the version"])
def test_a_cancel_hides_no_order(gateway, venue, length, data):
    hidden = "x\x0135=D\x0138=9\x0140=1\x0154=1"
    with logged_on(gateway, venue, f"HIDES-{data}") as client:
        gateway.halt()
        client.send("D", limit_order("stopped"))
        refused(client)
        cancel = [(11, "c1"), (41, "o1"), (55, "BTCUSDT"), (54, "1"), (60, sending_time())]
        client.send("F", [*cancel, (length, len(hidden)), (data, hidden)])
        refused(client)
        client.send("F", cancel)
        assert venue.asked("F").get(34) == b"2", "the first that reached the venue"
