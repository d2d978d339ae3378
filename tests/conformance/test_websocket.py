"""The WebSocket API frame by frame: signed requests, session logon, revocation while the connection is open."""

import asyncio
import json
import ssl

import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from harness.binance import ORDER, Key, now_ms
from harness.limited import made_key
from harness.server import run

SECONDS = 20


def talking(server, story, path="/ws-api/v3", **settings):
    """Opens a WebSocket and runs an async story on it."""
    tls = ssl.create_default_context(cafile=server.ca)

    async def with_connection():
        async with websockets.connect(f"{server.ws_base}{path}", ssl=tls, proxy=None, **settings) as connection:
            return await asyncio.wait_for(story(connection), SECONDS)

    return asyncio.run(with_connection())


async def ask(connection, frame):
    await connection.send(frame)
    return json.loads(await connection.recv())


def plain(method, id=1, **parameters):
    return json.dumps({"id": id, "method": method, "params": parameters})


@pytest.mark.parametrize("kind", ["hmac_key", "ed25519_key", "rsa_key"])
def test_signed_requests_trade(server, kind, request):
    key = request.getfixturevalue(kind)

    async def story(connection):
        placed = await ask(connection, key.frame("order.place", **ORDER))
        canceled = await ask(connection, key.frame("order.cancel", id=2, symbol="BTCUSDT", orderId=placed["result"]["orderId"]))
        return placed, canceled

    placed, canceled = talking(server, story)
    assert placed["status"] == 200 and placed["id"] == 1
    assert canceled["result"]["status"] == "CANCELED"
    assert isinstance(placed["rateLimits"], list) and isinstance(canceled["rateLimits"], list)


def test_a_logon_spares_key_and_signature_but_not_the_timestamp(server, ed25519_key):
    async def story(connection):
        logon = await ask(connection, ed25519_key.frame("session.logon"))
        placed = await ask(connection, plain("order.place", **ORDER, timestamp=now_ms()))
        timeless = await ask(connection, plain("order.place", **ORDER))
        status = await ask(connection, plain("session.status"))
        logout = await ask(connection, plain("session.logout"))
        after = await ask(connection, plain("order.place", **ORDER, timestamp=now_ms()))
        return logon, placed, timeless, status, logout, after

    logon, placed, timeless, status, logout, after = talking(server, story)
    assert logon["result"]["apiKey"] == ed25519_key.api_key
    assert {"authorizedSince", "connectedSince", "returnRateLimits", "serverTime"} <= set(logon["result"])
    assert placed["status"] == 200
    assert timeless["status"] == 400 and timeless["error"]["code"] == -1102
    assert status["result"]["apiKey"] == ed25519_key.api_key
    assert logout["result"]["apiKey"] is None
    assert after["status"] in (400, 401)


def test_only_ed25519_logs_on(server, hmac_key, rsa_key):
    for key in (hmac_key, rsa_key):
        reply = talking(server, lambda connection, key=key: ask(connection, key.frame("session.logon")))
        assert reply["status"] in (400, 401, 403) and "error" in reply


def test_without_a_logon_nothing_is_traded(server):
    reply = talking(server, lambda connection: ask(connection, plain("order.place", **ORDER, timestamp=now_ms())))
    assert reply["status"] in (400, 401) and "error" in reply


def test_a_frame_signed_for_other_parameters_is_refused(server, hmac_key):
    frame = hmac_key.frame("order.place", **ORDER).replace('"quantity": "0.01"', '"quantity": "9.01"')
    reply = talking(server, lambda connection: ask(connection, frame))
    assert reply["error"]["code"] == -1022


def test_a_frame_is_accepted_once(server, hmac_key):
    frame = hmac_key.frame("order.place", **ORDER)

    async def story(connection):
        return await ask(connection, frame), await ask(connection, frame)

    first, second = talking(server, story)
    assert first["status"] == 200
    assert second["status"] == 400 and second["error"]["code"] == -1021
    third = talking(server, lambda connection: ask(connection, frame))
    assert third["error"]["code"] == -1021


BROKEN = [
    "", "x", "[]", "{}", '{"id":1}', '{"method":"ping"}', '{"id":1,"method":1}', '{"id":1,"method":"ping","method":"time"}',
    '{"id":1,"method":"order.place","params":[]}', '{"id":{},"method":"ping"}', '{"id":1,"method":"no.such"}',
    '{"id":1,"method":"ping"}}', "\ufeff{}", '{"id":1e400,"method":"ping"}', "[" * 2000,
]


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_a_broken_frame_is_answered_or_closed(server, number):
    async def story(connection):
        try:
            return await ask(connection, BROKEN[number])
        except ConnectionClosed:
            return None

    reply = talking(server, story)
    assert reply is None or reply["status"] == 400 or reply["error"]


def test_a_frame_beyond_the_limit_closes_the_connection(server):
    async def story(connection):
        try:
            await connection.send("a" * (2 << 20))
            return await connection.recv()
        except ConnectionClosed as closed:
            return closed

    outcome = talking(server, story)
    assert isinstance(outcome, ConnectionClosed) or "error" in outcome


def test_a_revoked_key_is_told_on_its_open_connection_and_refused_within_a_second(server):
    record = made_key(server, kind="Ed25519")
    key = Key(record)

    async def story(connection):
        assert (await ask(connection, key.frame("session.logon")))["status"] == 200
        revoked = await asyncio.to_thread(run, "key", "revoke", "--state", server.state, record["api_key"])
        assert revoked.returncode == 0, revoked.stderr
        try:
            told = json.loads(await asyncio.wait_for(connection.recv(), 1))
        except TimeoutError:
            told = await ask(connection, plain("order.place", **ORDER, timestamp=now_ms()))
        except ConnectionClosed:
            return None
        return told

    told = talking(server, story)
    assert told is None or told["error"]["code"] == -2015
    assert key.ask(server, "GET", "/api/v3/account").status == 401


def test_public_streams_need_no_key(server):
    async def story(connection):
        await connection.send(json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@ticker"], "id": 1}))
        while True:
            message = json.loads(await connection.recv())
            if message.get("e") == "24hrTicker":
                return message

    assert float(talking(server, story, path="/ws")["c"]) > 0


def test_an_upgrade_of_a_route_that_is_none_is_refused(server):
    with pytest.raises(InvalidStatus) as refused:
        talking(server, lambda connection: connection.recv(), path="/api/v3/ping")
    assert refused.value.response.status_code in (200, 400, 404, 426)
    with pytest.raises(InvalidStatus) as refused:
        talking(server, lambda connection: connection.recv(), path="/nowhere")
    assert refused.value.response.status_code == 404


def test_a_browser_page_of_another_origin_gets_no_session(server):
    async def story(connection):
        return await ask(connection, plain("session.status"))

    try:
        reply = talking(server, story, origin="https://evil.example")
    except InvalidStatus as refused:
        assert refused.response.status_code == 403
    else:
        assert reply["result"]["apiKey"] is None


@pytest.mark.parametrize("version", ["12", "7", "14", "abc"])
def test_a_wrong_websocket_version_is_refused_and_no_tunnel_opens(server, version):
    from harness.raw import Connection, request

    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", version), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
    with Connection(server) as connection:
        connection.send(request(server, "GET", "/ws-api/v3", upgrade))
        assert connection.answer().status in (400, 426)


def test_what_the_venue_declines_at_an_upgrade_is_no_outage(server):
    async def nothing(connection):
        return None

    with pytest.raises(InvalidStatus) as declined:
        talking(server, nothing, "/v1/marketdata/zzzusd")
    assert declined.value.response.status_code == 400

    async def story(connection):
        return await ask(connection, json.dumps({"op": "subscribe", "args": [{"channel": "tickers", "instId": "BTC-USDT"}]}))

    answer = talking(server, story, "/ws/v5/private")
    assert (answer["event"], answer["code"]) == ("error", "60011"), answer
