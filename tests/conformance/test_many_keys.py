"""Limits of keys on connections that may log in more than once: each key has its own, and none keeps orders from being cancelled."""

import json
import time

import pytest

from harness import raw
from harness.limited import made_key
from harness.streams import open_websocket
from harness.waiting import until

LIMIT = 2
"""Orders in ten seconds, of a key that places them."""
OTHERS = 4
"""Logins that a connection remembers."""


@pytest.fixture
def socket(server):
    with open_websocket(server, "/ws/api/v2") as opened:
        yield opened


def call(socket, method, **params):
    socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    while "id" not in (answer := json.loads(socket.recv(20))):
        pass
    return answer


def credentials(key):
    return {"grant_type": "client_credentials", "client_id": key["api_key"], "client_secret": key["secret"]}


def token(server, key):
    query = "&".join(f"{name}={value}" for name, value in credentials(key).items())
    return json.loads(raw.ask(server, "GET", f"/api/v2/public/auth?{query}").body)["result"]["access_token"]


def test_a_key_whose_login_gives_way_to_others_keeps_its_limits(server, socket):
    trader = made_key(server, "--scopes", "order:read,order:write", "--orders-per-10s", str(LIMIT), purpose="deribit")
    others = [token(server, made_key(server, "--scopes", "order:read", purpose="deribit")) for _ in range(OTHERS)]

    def buys():
        answer = call(socket, "private/buy", instrument_name="BTC_USDT", amount=0.01, type="limit", price=1000)
        return "result" in answer, answer

    assert "result" in call(socket, "public/auth", **credentials(trader))
    while True:
        window = time.time() // 10
        assert all(buys()[0] for _ in range(LIMIT))
        for other in others:
            call(socket, "private/get_open_orders", access_token=other)
        passed, answer = buys()
        if time.time() // 10 == window:
            break
        # A window has ended meanwhile, and the next one has begun with orders of this round.
        until(lambda: time.time() // 10 > window + 1)
    assert not passed and answer["error"]["code"] == 10028, answer


def test_a_key_at_its_limit_has_its_orders_cancelled_when_its_connection_is_lost(server, socket):
    """What is done in the name of a client that is gone costs it nothing."""
    scopes = ["--scopes", "order:read,order:write"]
    trader, watcher = (made_key(server, *scopes, "--weight-per-minute", weight, purpose="deribit") for weight in ("20", "6000"))
    with open_websocket(server, "/ws/api/v2") as lost:
        assert "result" in call(lost, "public/auth", **credentials(trader))
        assert call(lost, "private/enable_cancel_on_disconnect")["result"] == "ok"
        placed = call(lost, "private/buy", instrument_name="BTC_USDT", amount=0.01, type="limit", price=1001)
        name = placed["result"]["order"]["order_id"]
        while "error" not in (answer := call(lost, "private/get_open_orders")):
            pass
        assert answer["error"]["code"] == 10028, answer
        lost.socket.shutdown(2)
    assert "result" in call(socket, "public/auth", **credentials(watcher))

    def rests():
        return name in [order["order_id"] for order in call(socket, "private/get_open_orders")["result"]]

    until(lambda: not rests(), seconds=20, why="it rests though nobody is there")
