"""A FIX session whose key was revoked forwards nothing more, whatever it was about to."""

import contextlib
import threading

import pytest

from harness.fix import FixClient, ScriptedVenue, binance_logon, limit_order
from harness.limited import made_key
from harness.operators import credential_id, revoke
from harness.ports import kept_port
from harness.recorded import recorded
from harness.server import Server
from harness.waiting import until

BEFORE = 10
"""Orders that are under way when the key is revoked."""

SCOPES = ["--scopes", "order:read,order:write", "--orders-per-10s", "1000000", "--weight-per-minute", "1000000"]


def of_key(server, key):
    """What became of it, in the order in which it was put on record."""
    found = recorded(server.state, "accept", "key_revoke")
    return [record["event"] for record in found if record.get("key_id") == key["api_key"]]


def test_no_order_passes_behind_the_end_of_its_key(tmp_path):
    """The gateway looks at open connections ten times a second; an order in between is looked at by itself."""
    with Server(tmp_path / "state") as server:
        key = made_key(server, *SCOPES, kind="Ed25519")
        until(lambda: recorded(server.state, "start"))
        with FixClient(server, "FALLING", "SPOT") as client:
            binance_logon(client, key)
            client.expect("A")
            client.send("D", limit_order("first"))
            client.expect("8")
            revoking = threading.Thread(target=revoke, args=(server, credential_id(server, key)))
            number = 0
            with contextlib.suppress(OSError):
                while number < 2 * BEFORE or revoking.is_alive():
                    number += 1
                    if number == BEFORE:
                        revoking.start()
                    client.send("D", limit_order(f"n{number}"))
            revoking.join()
        until(lambda: "key_revoke" in of_key(server, key))
        events = of_key(server, key)
        behind = events[events.index("key_revoke") + 1 :]
        # One may have been looked at already, and be put on record a moment later.
        assert len(behind) <= 1, f"{len(behind)} of {number} orders"


@pytest.fixture
def slow(tmp_path):
    """A gateway before a venue that takes its time."""
    config = tmp_path / "gateway.toml"
    with kept_port() as port, ScriptedVenue(port) as venue:
        config.write_text(f'[upstream.venue]\nfix = "127.0.0.1:{port}"\nfix_target = "VENUE"\n')
        with Server(tmp_path / "state", config=config) as server:
            yield server, venue


@pytest.mark.parametrize("revoked", [False, True], ids=["kept", "revoked"])
def test_a_key_that_falls_while_the_venue_takes_its_time_opens_nothing(slow, revoked):
    server, venue = slow
    key = made_key(server, *SCOPES, kind="Ed25519")
    until(lambda: recorded(server.state, "start"))
    with FixClient(server, "WAITING", "SPOT") as client:
        binance_logon(client, key)
        client.send("D", limit_order("early"))
        venue.hear()
        if revoked:
            revoke(server, credential_id(server, key))
        venue.answer()
        client.expect("A")
        if revoked:
            told = client.read()
            while told.get(35) != b"5":
                told = client.read()
            assert told.get(58) == b"the credential may no longer be used"
            client.send("5")
            heard = venue.read()
            while heard is not None:
                assert heard.get(35) != b"D", f"{heard}"
                heard = venue.read() if heard.get(35) != b"5" else None
        else:
            assert venue.asked("D").get(11) == b"early"
