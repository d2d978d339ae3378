"""Orders that the venue asks for again after an outage: under a halt it gets a gap fill in their place, and their client is told."""

import pytest

from harness.fix import FixClient, ScriptedVenue, binance_logon, limit_order, sending_time, value
from harness.halted import Halted
from harness.limited import made_key
from harness.ports import kept_port
from harness.waiting import until


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
    halted = Halted(tmp_path_factory.mktemp("fix-late"), f'[upstream.venue]\nfix = "127.0.0.1:{port}"\nfix_target = "VENUE"\n')
    with halted.server:
        yield halted


@pytest.fixture(autouse=True)
def lifted(gateway):
    yield
    gateway.lift_all()


def cancel(name):
    return [(11, name), (41, "o1"), (55, "BTCUSDT"), (54, "1"), (60, sending_time())]


def interrupted(gateway, venue, sender):
    """An order, a cancel and an order, which the venue will know nothing of: its key, and the number that the client goes on with."""
    key = made_key(gateway.server, "--scopes", "order:read,order:write", kind="Ed25519")
    with FixClient(gateway.server, sender, "SPOT") as client:
        binance_logon(client, key)
        venue.hear()
        venue.next_out = 1
        venue.answer()
        client.expect("A")
        client.send("D", limit_order("first"))
        client.send("F", cancel("second"))
        client.send("D", limit_order("third"))
        assert [venue.asked(kind).get(11) for kind in ("D", "F", "D")] == [b"first", b"second", b"third"]
        venue.socket.close()
        client.expect("5")
        client.send("5")
        assert client.read() is None
        return key, client.next_out


def asked_again(venue):
    """What the venue gets for its ResendRequest from 2 on: type, number, ClOrdID or NewSeqNo, PossDupFlag."""
    got, logon = [], int(venue.logon.get(34))
    while not (got and got[-1][0] == "4" and int(got[-1][2]) > logon):
        message = venue.read()
        assert message is not None, f"the connection ended behind {got}"
        if message.get(35) not in (b"0", b"1"):
            got.append((value(message, 35), int(message.get(34)), value(message, 11) or value(message, 36), value(message, 43)))
    return got


def back(gateway, venue, sender, key, next_out, together):
    """The client and the venue are logged on again, and the venue asks for all from 2 on: with its answer, or behind it."""
    client = FixClient(gateway.server, sender, "SPOT", next_out=next_out)
    binance_logon(client, key, reset=False)
    venue.hear()
    answer = venue.message("A", [(98, 0), (108, venue.logon.get(108))])
    again = venue.message("2", [(7, 2), (16, 0)], seq=venue.next_out + 1)
    venue.next_out += 2
    if together:
        venue.socket.sendall(answer.encode() + again.encode())
        client.expect("A")
    else:
        venue.socket.sendall(answer.encode())
        client.expect("A")
        venue.socket.sendall(again.encode())
    return client


def next_told(client):
    """The next BusinessMessageReject; News of the halt may come before it."""
    while (message := client.read()).get(35) != b"j":
        assert message.get(35) in (b"0", b"B"), f"{message}"
    return message


def refused(gateway, key):
    return [record["reject"] for record in gateway.records("refuse") if record.get("key_id") == key["api_key"]]


@pytest.mark.parametrize("together", [True, False], ids=["with the answer", "behind it"])
def test_no_order_is_sent_again_under_a_halt(gateway, venue, together):
    sender = f"LATE-{together}"
    key, next_out = interrupted(gateway, venue, sender)
    gateway.halt()
    with back(gateway, venue, sender, key, next_out, together) as client:
        logon = int(venue.logon.get(34))
        got = asked_again(venue)
        assert [message[0] for message in got if message[0] != "4"] == ["F"], f"{got}"
        assert got[:3] == [("4", 2, "3", "Y"), ("F", 3, "second", "Y"), ("4", 4, "5", "Y")]
        for name in (b"first", b"third"):
            told = next_told(client)
            assert (told.get(372), told.get(379), told.get(45)) == (b"D", name, None), f"{told}"
            assert (told.get(380), told.get(25016), told.get(58)) == (b"0", b"-2010", b"Market is closed."), f"{told}"
        client.send("F", cancel("fourth"))
        assert int(venue.asked("F").get(34)) == logon + 1
        until(lambda: refused(gateway, key) == ["halted"] * 2)
        gateway.lift_all()
        client.send("D", limit_order("fifth"))
        assert venue.asked("D").get(11) == b"fifth", "what was withheld does not come behind the halt"


def test_without_a_halt_they_are_sent_again(gateway, venue):
    key, next_out = interrupted(gateway, venue, "LATE-ON")
    with back(gateway, venue, "LATE-ON", key, next_out, together=True) as client:
        assert asked_again(venue)[:3] == [("D", 2, "first", "Y"), ("F", 3, "second", "Y"), ("D", 4, "third", "Y")]
        client.send("D", limit_order("next"))
        assert venue.asked("D").get(11) == b"next"
        client.logout()
