"""Gemini's private WebSocket: the handshake of the order events is signed as a request is.

Of the clients gemini-python does it (`test_sdks.py`), and ccxt in JavaScript; ccxt.pro in Python takes its headers back before it connects.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import time

import pytest
import requests
import websockets

from harness.venues import VENUES

PATH = "/v1/order/events"
GEMINI = next(venue for venue in VENUES if venue.purpose == "gemini")


@pytest.fixture(scope="module")
def record(server):
    return server.credential("gemini")


def proof(record, path=PATH, **claims):
    """The headers of a private request (Gemini, "Private API invocation")."""
    payload = base64.b64encode(json.dumps({"request": path, "nonce": time.time_ns(), **claims}).encode())
    signature = hmac.new(record["secret"].encode(), payload, hashlib.sha384).hexdigest()
    return {"X-GEMINI-APIKEY": record["api_key"], "X-GEMINI-PAYLOAD": payload.decode(), "X-GEMINI-SIGNATURE": signature}


def connect(server, headers):
    return websockets.connect(server.ws_base + PATH, ssl=ssl.create_default_context(cafile=server.ca), additional_headers=headers, proxy=None)


def test_order_events_tell_what_ccxt_does(server, record):
    # ccxt counts in milliseconds, the handshake here in nanoseconds: each has a key of its own.
    other = GEMINI.key(server)

    async def story():
        async with connect(server, proof(record)) as events:
            assert json.loads(await asyncio.wait_for(events.recv(), 20))["type"] == "subscription_ack"
            assert json.loads(await asyncio.wait_for(events.recv(), 20)) == []
            placed, canceled = await asyncio.to_thread(trade, server, other)
            told = []
            while "cancelled" not in [kind for kind, _ in told]:
                told += [(each["type"], each["order_id"]) for each in json.loads(await asyncio.wait_for(events.recv(), 20))]
            assert told == [("accepted", placed), ("booked", placed), ("cancelled", placed)]
            assert canceled == placed

    asyncio.run(story())


def trade(server, record):
    exchange = GEMINI.sync(server, record)
    placed = exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000)
    assert placed["status"] == "open"
    return placed["id"], exchange.cancel_order(placed["id"])["id"]


@pytest.mark.parametrize("fault", ["no proof", "another path", "wrong secret", "used nonce"])
def test_a_handshake_that_proves_nothing_is_refused(server, record, fault):
    spent = requests.post(server.base + "/v1/balances", headers=proof(record, "/v1/balances"), verify=server.ca, timeout=20)
    assert spent.status_code == 200, spent.text
    headers = {
        "no proof": lambda: {},
        "another path": lambda: proof(record, "/v1/orders"),
        "wrong secret": lambda: proof({**record, "secret": "0" * 48}),
        "used nonce": lambda: proof(record, nonce=1),
    }[fault]()

    async def story():
        async with connect(server, headers):
            pass

    with pytest.raises(websockets.exceptions.InvalidStatus) as raised:
        asyncio.run(story())
    answer = json.loads(raised.value.response.body)
    assert answer["result"] == "error"
    expected = {"no proof": "MissingApikeyHeader", "wrong secret": "InvalidSignature", "used nonce": "InvalidNonce"}
    if fault in expected:
        assert answer["reason"] == expected[fault]


def test_a_body_that_says_more_than_the_payload_is_refused(server, record):
    headers = proof(record, "/v1/balances")
    answer = requests.post(server.base + "/v1/balances", headers=headers, data='{"account":"other"}', verify=server.ca, timeout=20)
    assert (answer.status_code, answer.json()["reason"]) == (400, "InvalidJson")


def test_a_query_that_nobody_signed_does_not_pass(server, record):
    """A payload that names the path alone vouches for no query; a reader may take parameters from it."""
    query = "/v1/balances?account=other"
    refused = requests.post(server.base + query, headers=proof(record, "/v1/balances"), verify=server.ca, timeout=20)
    assert (refused.status_code, refused.json()["result"]) == (400, "error"), refused.text
    signed = requests.post(server.base + query, headers=proof(record, query), verify=server.ca, timeout=20)
    assert signed.status_code == 200, signed.text
