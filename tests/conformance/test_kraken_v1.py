"""Kraken's WebSocket v1: ccxt of a year that speaks it, unmodified, and frame by frame as the venue's documentation has them."""

import base64
import hashlib
import hmac
import json
import time

import pytest
import requests

from harness.limited import made_key
from harness.sdk import BITMEX_PYTHON, Sdk
from harness.server import Server
from test_websocket import talking

PATH = "/kraken/ws"


@pytest.fixture(scope="module")
def key(server):
    # A key of its own: what another client counts is too high for this one.
    return made_key(server, purpose="kraken", kind="HS512")


@pytest.fixture(scope="module")
def client(server):
    with Sdk("kraken_v1_ccxt", server, made_key(server, purpose="kraken", kind="HS512"), python=BITMEX_PYTHON) as sdk:
        yield sdk


@pytest.mark.parametrize("stream", ["candle_stream", "heartbeat_stream", "order_stream", "trade_stream"])
def test_ccxt_streams_over_v1(client, stream):
    assert client.ask(stream)


def token(server, key):
    nonce = time.time_ns()
    body, path = f"nonce={nonce}", "/0/private/GetWebSocketsToken"
    text = path.encode() + hashlib.sha256(f"{nonce}{body}".encode()).digest()
    signature = base64.b64encode(hmac.new(base64.b64decode(key["secret"]), text, "sha512").digest()).decode()
    headers = {"API-Key": key["api_key"], "API-Sign": signature, "Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(server.base + path, data=body, headers=headers, verify=server.ca, timeout=20).json()
    assert answer["error"] == [], answer
    return answer["result"]["token"]


async def until(connection, wanted):
    while True:
        frame = json.loads(await connection.recv())
        if wanted(frame):
            return frame


async def ask(connection, event, told=None, **members):
    """The status that answers an event. Arrays that come before it are put into `told`."""
    await connection.send(json.dumps({"event": event, "reqid": 7, **members}))

    def answers(frame):
        if told is not None and isinstance(frame, list):
            told.append(frame)
        return isinstance(frame, dict) and frame.get("reqid") == 7

    return await until(connection, answers)


def test_a_connection_begins_with_one_status_and_hears_the_market(server):
    async def story(connection):
        status = json.loads(await connection.recv())
        assert (status["event"], status["status"]) == ("systemStatus", "online"), status
        assert await ask(connection, "ping") == {"event": "pong", "reqid": 7}
        for name, told in {"ticker": "ticker", "book": "book-10", "ohlc": "ohlc-1", "spread": "spread", "trade": "trade"}.items():
            answer = await ask(connection, "subscribe", pair=["XBT/USDT"], subscription={"name": name})
            assert (answer["event"], answer["status"], answer["channelName"], answer["pair"]) == ("subscriptionStatus", "subscribed", told, "XBT/USDT"), answer
            number, data, channel, pair = await until(connection, lambda frame: isinstance(frame, list) and frame[-2] == told)
            assert (number, channel, pair) == (answer["channelID"], told, "XBT/USDT") and data, told
            if name == "book":
                assert float(data["bs"][0][0]) < float(data["as"][0][0]) and len(data["bs"][0]) == 3, data
        changed = await until(connection, lambda frame: isinstance(frame, list) and frame[-2] == "book-10")
        assert changed[-3]["c"].isdigit() and set(changed[1]) & {"a", "b"}, changed
        left = await ask(connection, "unsubscribe", channelID=number)
        assert (left["status"], left["channelName"]) == ("unsubscribed", "trade"), left
        for wrong in ({"name": "book", "depth": 42}, {"name": "unheard"}):
            answer = await ask(connection, "subscribe", pair=["XBT/USDT"], subscription=wrong)
            assert (answer["event"], answer["status"]) == ("subscriptionStatus", "error") and answer["errorMessage"], answer
        # What the venue behind says of itself first is not told again.
        frames = [json.loads(await connection.recv()) for _ in range(20)]
        assert not [frame for frame in frames if isinstance(frame, dict) and frame["event"] == "systemStatus"]

    talking(server, story, PATH)


def test_orders_need_a_token_and_are_told_as_they_change(server, key):
    shown = token(server, key)
    order = {"pair": "XBT/USDT", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "9000"}

    async def story(connection):
        told = []
        answer = await ask(connection, "subscribe", subscription={"name": "openOrders", "token": shown})
        assert (answer["status"], answer["channelName"]) == ("subscribed", "openOrders"), answer
        placed = await ask(connection, "addOrder", told, token=shown, **order)
        assert (placed["event"], placed["status"]) == ("addOrderStatus", "ok") and placed["descr"], placed
        while len(told) < 3:
            told.append(await until(connection, lambda frame: isinstance(frame, list)))
        assert [frame[1:] for frame in told] == [["openOrders", {"sequence": number}] for number in (1, 2, 3)], told
        whole, opened = (frame[0][0][placed["txid"]] for frame in told[1:])
        assert (whole["status"], whole["descr"]["pair"], whole["vol"], opened["status"]) == ("pending", "XBT/USDT", "0.01000000", "open"), told
        checked = await ask(connection, "addOrder", token=shown, validate="true", **order)
        assert checked["status"] == "ok" and "txid" not in checked, checked
        edited = await ask(connection, "editOrder", token=shown, orderid=placed["txid"], pair="XBT/USDT", price="9100")
        assert (edited["status"], edited["originaltxid"]) == ("ok", placed["txid"]), edited
        assert (await ask(connection, "cancelOrder", token=shown, txid=[edited["txid"]]))["status"] == "ok"
        gone = await ask(connection, "cancelOrder", token=shown, txid=[edited["txid"]])
        assert (gone["status"], gone["errorMessage"]) == ("error", "EOrder:Unknown order"), gone
        await ask(connection, "addOrder", token=shown, **order)
        assert (await ask(connection, "cancelAll", token=shown))["count"] >= 1
        armed = await ask(connection, "cancelAllOrdersAfter", token=shown, timeout=60)
        assert armed["event"] == "cancelAllOrdersAfterStatus" and armed["triggerTime"] > armed["currentTime"], armed
        assert (await ask(connection, "cancelAllOrdersAfter", token=shown, timeout=0))["triggerTime"] == "0"
        poor = await ask(connection, "addOrder", token=shown, **{**order, "volume": "100000000"})
        assert (poor["event"], poor["status"]) == ("addOrderStatus", "error"), poor
        for wrong in ({"token": "forged"}, {}):
            answer = await ask(connection, "addOrder", **order, **wrong)
            assert (answer["event"], answer["status"], answer["errorMessage"]) == ("addOrderStatus", "error", "EAPI:Invalid key"), answer

    talking(server, story, PATH)


def test_v1_is_at_the_root_where_no_other_venue_has_it(tmp_path):
    """As at the venue: a client is given an address, and no path."""
    config = tmp_path / "config.toml"
    config.write_text('[[route]]\nbuiltin = "kraken"\n')

    async def story(connection):
        status = json.loads(await connection.recv())
        assert status["event"] == "systemStatus", status
        answer = await ask(connection, "subscribe", pair=["XBT/USDT"], subscription={"name": "spread"})
        assert answer["status"] == "subscribed", answer
        assert (await until(connection, lambda frame: isinstance(frame, list)))[-2:] == ["spread", "XBT/USDT"]

    async def order_first(connection):
        # Its `type` is the side; no subscription has told the venue behind before which version is spoken.
        placed = await ask(connection, "addOrder", token=shown, pair="XBT/USDT", type="buy", ordertype="limit", volume="0.01", price="9000")
        assert (placed["event"], placed["status"]) == ("addOrderStatus", "ok"), placed

    with Server(tmp_path / "state", config=config) as server:
        talking(server, story, "/")
        shown = token(server, made_key(server, purpose="kraken", kind="HS512"))
        talking(server, order_first, "/")


def test_a_key_that_may_not_trade_does_not(server):
    reader = made_key(server, "--scopes", "md:read,account:read,order:read", purpose="kraken", kind="HS512")
    shown = token(server, reader)

    async def story(connection):
        answer = await ask(connection, "subscribe", subscription={"name": "ownTrades", "token": shown})
        assert answer["status"] == "subscribed", answer
        answer = await ask(connection, "cancelAll", token=shown)
        assert (answer["status"], answer["errorMessage"]) == ("error", "EGeneral:Permission denied"), answer

    talking(server, story, PATH)
