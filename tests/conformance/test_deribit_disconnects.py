"""Deribit's cancel on disconnect for a whole account: kept in the store, and true of the connections that log in after it."""

import json

import pytest

from harness.raw import ask as request
from harness.server import Server
from harness.waiting import until
from test_websocket import ask, talking

PATH = "/ws/api/v2"
ORDER = {"instrument_name": "BTC_USDT", "amount": 0.01, "type": "limit", "price": 1000}


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path / "state") as running:
        yield running


def login(key):
    return {"grant_type": "client_credentials", "client_id": key["api_key"], "client_secret": key["secret"]}


def calls(server, key, *asked):
    """Logs in and makes these calls; then the client is gone without a goodbye."""

    async def story(connection):
        answers = []
        for number, (method, params) in enumerate([("public/auth", login(key)), *asked]):
            answers.append(await ask(connection, json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})))
        connection.transport.abort()
        return answers[1:]

    return [answer.get("result", answer.get("error")) for answer in talking(server, story, PATH)]


def orders_of(server, key, method, **params):
    token = json.loads(request(server, "POST", "/api/v2", [], json.dumps({"id": 1, "method": "public/auth", "params": login(key)}).encode()).body)
    bearer = [("Authorization", f"Bearer {token['result']['access_token']}")]
    return json.loads(request(server, "POST", "/api/v2", bearer, json.dumps({"id": 2, "method": method, "params": params}).encode()).body)["result"]


def state_of(server, key, order):
    return orders_of(server, key, "private/get_order_state", order_id=order)["order_state"]


def placed(server, key):
    (order,) = calls(server, key, ("private/buy", ORDER))
    return order["order"]["order_id"]


def test_what_an_account_says_holds_for_its_new_connections_and_over_a_restart(server):
    key = server.credential("deribit-hmac")
    account = {"scope": "account"}
    stays = placed(server, key)
    enabled, read = calls(server, key, ("private/enable_cancel_on_disconnect", account), ("private/get_cancel_on_disconnect", account))
    assert (enabled, read) == ("ok", {"enabled": True, "scope": "account"})
    goes = placed(server, key)
    until(lambda: state_of(server, key, goes) == "cancelled")
    assert state_of(server, key, stays) == "open"
    server.stop()
    server.start()
    (read,) = calls(server, key, ("private/get_cancel_on_disconnect", {}))
    assert read == {"enabled": True, "scope": "connection"}
    calls(server, key, ("private/disable_cancel_on_disconnect", account))
    (read,) = calls(server, key, ("private/get_cancel_on_disconnect", account))
    assert read == {"enabled": False, "scope": "account"}


def test_who_may_not_trade_decides_nothing_for_the_account(server):
    key = server.credential("deribit-hmac")
    reader = {**login(key), "scope": "trade:read account:read"}
    refused, read = calls(
        server, key, ("public/auth", reader), ("private/enable_cancel_on_disconnect", {"scope": "account"}), ("private/get_cancel_on_disconnect", {"scope": "account"})
    )[1:]
    assert refused["code"] == 13021 and read["enabled"] is False


def test_orders_whose_answers_are_under_way_are_cancelled_too(server):
    """In the name of whoever placed them, though who logged in since may only read."""
    key = server.credential("deribit-hmac")
    reader = {**login(key), "scope": "trade:read account:read"}

    async def story(connection):
        for number, (method, params) in enumerate([("public/auth", login(key)), ("private/enable_cancel_on_disconnect", {})]):
            await ask(connection, json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        order = {"jsonrpc": "2.0", "id": 7, "method": "private/buy", "params": {**ORDER, "label": "subscription"}}
        for _ in range(20):
            await connection.send(json.dumps(order))
        await connection.send(json.dumps({"jsonrpc": "2.0", "id": 8, "method": "public/auth", "params": reader}))
        # The gateway answers it, and has passed on what came before.
        while json.loads(await connection.recv())["id"] != 8:
            pass
        connection.transport.abort()

    talking(server, story, PATH)
    ended = {"instrument_name": "BTC_USDT", "count": 100}
    until(lambda: len(orders_of(server, key, "private/get_order_history_by_instrument", **ended)) == 20)
    assert orders_of(server, key, "private/get_open_orders") == []
