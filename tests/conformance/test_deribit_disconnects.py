"""Deribit's cancel on disconnect for a whole account: kept in the store, and true of the connections that log in after it."""

import contextlib
import itertools
import json
import re
import signal
import socket
import threading

import pytest
import websockets.exceptions
import websockets.sync.server

from harness.raw import ask as request
from harness.raw import context
from harness.server import Server, run
from harness.streams import open_websocket
from harness.waiting import until
from test_client_certificates import ASKS_EVERYBODY, lists_it, reload, write_list
from test_websocket import ask, talking

PATH = "/ws/api/v2"
ORDER = {"instrument_name": "BTC_USDT", "amount": 0.01, "type": "limit", "price": 1000}
SECONDS = 15
CLIENTS = 8


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
    assert on_disconnect(server) == (True, "on")
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
    assert on_disconnect(server) == (False, "off")


def on_disconnect(server, account="demo"):
    """What operators are told of an account: in JSON, and in words."""
    listed, shown = (json.loads(run("account", *words, "--json", "--state", server.state).stdout) for words in (["list"], ["show", account]))
    (enabled,) = {shown["cancel_on_disconnect"], *(each["cancel_on_disconnect"] for each in listed if each["account"] == account)}
    (line,) = [line for line in run("account", "list", "--state", server.state).stdout.splitlines() if line.startswith(account)]
    word = re.split(r"\s{2,}", line.strip())[3]
    assert word in run("account", "show", account, "--state", server.state).stdout
    return enabled, word


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


class Upstream:
    """A venue of Deribit's on WebSockets whose links break, which says nothing to whoever is on one."""

    def __init__(self):
        self.links, self.orders, self.cancelled = [], itertools.count(), set()
        self.server = websockets.sync.server.serve(self.serve, "127.0.0.1", 0)
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, link):
        self.links.append(link)
        link.deaf = False
        for text in link:
            call = json.loads(text)
            if link.deaf or call["params"].get("label") == "last":
                return
            if call["method"] == "private/buy":
                order, state = f"order-{next(self.orders)}", "open"
            else:
                order, state = call["params"].get("order_id", "all"), "cancelled"
                self.cancelled.add(order)
            told = {"order_id": order, "order_state": state}
            with contextlib.suppress(websockets.exceptions.ConnectionClosed):
                link.send(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": {"order": told} if state == "open" else told}))

    def hang_up(self):
        """All links end as those of a process that died: no word, and what comes later is heard by nobody."""
        for link in self.links:
            link.deaf = True
            link.socket.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.server.shutdown()


TO_UPSTREAM = """
[upstream.venue]
url = "http://127.0.0.1:{port}"

[[route]]
builtin = "deribit"
upstream = "venue"
"""


@pytest.fixture
def broken(tmp_path):
    """A gateway before such a venue."""
    upstream = Upstream()
    config = tmp_path / "gateway.toml"
    config.write_text(TO_UPSTREAM.format(port=upstream.port))
    with Server(tmp_path / "state", config=config) as server:
        yield server, upstream
    upstream.stop()


def cancelling(server, key, tls=None):
    """A connection whose end cancels its orders, and how to call on it."""
    connection = open_websocket(server, PATH, tls)

    def call(method, params):
        connection.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        return json.loads(connection.recv(SECONDS))["result"]

    call("public/auth", login(key))
    assert call("private/enable_cancel_on_disconnect", {}) == "ok"
    return connection, call


def test_the_orders_of_a_link_that_ended_are_cancelled_on_another(broken):
    """Those that are known, and whatever the one that was not answered any more may have placed."""
    server, upstream = broken
    connection, call = cancelling(server, server.credential("deribit-hmac"))
    order = call("private/buy", ORDER)["order"]["order_id"]
    connection.send(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "private/buy", "params": {**ORDER, "label": "last"}}))
    with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
        connection.recv(SECONDS)
    assert closed.value.rcvd.reason == "the upstream is gone"
    until(lambda: upstream.cancelled == {order, "all"})


def test_a_link_that_ended_with_its_client_hides_no_cancel(broken):
    """The gateway finds both ends in one moment, as it does when it was busy; a link that is closed takes what is sent without a word."""
    server, upstream = broken
    key = server.credential("deribit-hmac")
    clients = [cancelling(server, key) for _ in range(CLIENTS)]
    orders = {call("private/buy", ORDER)["order"]["order_id"] for _, call in clients}
    server.process.send_signal(signal.SIGSTOP)
    try:
        upstream.hang_up()
        for connection, _ in clients:
            connection.socket.shutdown(socket.SHUT_RDWR)
    finally:
        server.process.send_signal(signal.SIGCONT)
    until(lambda: orders <= upstream.cancelled, why="an order is left")


def test_orders_of_whoever_lost_the_certificate_that_everybody_needs_are_cancelled(tmp_path):
    """The certificate is good for nothing any more, and that is when orders must go."""
    with Server(tmp_path / "state"):
        pass
    write_list(tmp_path)
    config = tmp_path / "gateway.toml"
    config.write_text(ASKS_EVERYBODY.format(lists=tmp_path / "crl.pem"))
    with Server(tmp_path / "state", config=config) as server:
        tls = context(server.ca, alpn=None)
        tls.load_cert_chain(server.state / "demo" / "client-certificate.pem")
        key = server.credential("deribit-hmac")
        connection, call = cancelling(server, key, tls)
        order = call("private/buy", ORDER)["order"]["order_id"]
        lists_it(tmp_path)
        reload(server)
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            connection.recv(SECONDS)
        # Good once more, to look.
        write_list(tmp_path)
        reload(server)
        looking, call = cancelling(server, key, tls)
        with looking:
            until(lambda: call("private/get_order_state", {"order_id": order})["order_state"] == "cancelled")
