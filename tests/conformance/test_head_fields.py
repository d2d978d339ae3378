"""What was judged reaches the venue, and nothing beside it: fields that `Connection` names, and names that some read as others."""

import json

import pytest

from harness.halted import Halted
from harness.h2raw import H2, status
from harness.limited import made_key
from harness.raw import Connection, request
from harness.reading import FORM, JSON
from harness.signing import bybit, kraken
from test_http2 import pseudo

LOOK_ALIKES = ["Transfer_Encoding", "Transfer.Encoding", "Content_Length", "Content_Type", "Content_Encoding", "content~type"]

pytestmark = pytest.mark.usefixtures("lifted", "emptied")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, behind):
    halted = Halted(tmp_path_factory.mktemp("fields"), behind.routes("kraken", "bybit"))
    with halted.server:
        yield halted


@pytest.mark.parametrize("option", ["content-type", "close, Content-Type", "Host,\tCONTENT-TYPE", "content-length"])
def test_a_type_that_was_judged_is_not_taken_off(gateway, behind, option):
    """Without its type the body is a form, and another order."""
    kraken_key, bybit_key = made_key(gateway.server, purpose="kraken", kind="HS512"), made_key(gateway.server, purpose="bybit")
    gateway.halt(scope="instrument:XBTUSDT", action="freeze")
    gateway.halt()
    hidden = json.dumps({"nonce": "NONCE", "pair": "ETHUSDT", "orders": [], "z": "&nonce=NONCE&pair=XBTUSDT&"})
    fields = [("Content-Type", JSON), ("Connection", option)]
    assert kraken(gateway.server, kraken_key, "/0/private/AddOrderBatch", hidden, *fields).status in (200, 400)
    reduces = json.dumps({"category": "linear", "symbol": "BTCUSDT", "reduceOnly": True, "z": "&symbol=BTCUSDT&side=Buy&qty=100&"})
    bybit(gateway.server, bybit_key, "/v5/order/create", reduces, *fields)
    assert behind.taken() == []
    assert bybit(gateway.server, bybit_key, "/v5/order/create", reduces, ("Content-Type", JSON), ("Connection", "keep-alive, TE")).status == 200
    assert [read["reduceOnly"] for read in behind.taken()] == [True]


def test_the_head_of_a_websocket_loses_nothing_either(guarded):
    upgrade = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "YWFhYWFhYWFhYWFhYWFhYQ==")]
    before = len(guarded.venue.seen)
    for path in ("/ws-api/v3", "/open"):
        with Connection(guarded.server) as connection:
            connection.send(request(guarded.server, "GET", path, [*upgrade, ("Connection", "Upgrade, Authorization"), ("Authorization", "x")]))
            assert connection.answer().status == 400, path
    assert len(guarded.venue.seen) == before


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_name_that_is_read_as_framing_reaches_nobody(guarded, name):
    before = len(guarded.venue.seen)
    for more in ([], [("Connection", "keep-alive, TE")]):  # the short way, the library's
        with Connection(guarded.server) as connection:
            connection.send(request(guarded.server, "POST", "/open", [(name, "5"), *more], b"abc"))
            assert connection.answer().status == 400
    with H2(guarded.server) as connection:
        connection.request(1, [*pseudo(guarded, method="POST"), (name.lower(), "5")], b"abc")
        outcome, headers = connection.outcome(1)
    assert (outcome, status(headers)) == ("answered", 400)
    assert len(guarded.venue.seen) == before


def test_what_other_proxies_say_is_taken_off(guarded):
    names = ["Proxy", "X-MS-Client-Principal-Id", "X-Goog-Iap-Jwt-Assertion", "Cf-Access-Jwt-Assertion", "Tailscale-User-Login"]
    names += ["Fly-Client-IP", "X-Appengine-User-Ip", "X-Azure-ClientIP", "X-Client-Verify", "X-Client-DN", "X-Jwt-Assertion"]
    names += ["X-Pomerium-Claim-Email", "X-Userinfo", "X-HTTP-Host-Override"]
    for name in names:
        with Connection(guarded.server) as connection:
            connection.send(request(guarded.server, "GET", f"/open?{name}", [(name, "forged"), ("Content-Type", FORM)]))
            assert connection.answer().status == 200
        assert guarded.venue.targets[-1] == f"GET /open?{name}"
        assert all(value != "forged" for _, value in guarded.venue.last_headers()), name
