"""What strangers may ask of public routes is counted by where they come from."""

import asyncio
import json
import ssl

import pytest
import websockets

from harness import raw
from harness.binance import ORDER, Key
from harness.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("public") / "state", "--set", "limits.public_weight_per_minute=20") as server:
        yield server


def test_a_source_that_asked_enough_waits_and_a_key_does_not(server):
    price = raw.request(server, "GET", "/api/v3/ticker/price?symbol=BTCUSDT", [])
    answers = [raw.exchange(server, price) for _ in range(41)]
    # The minute may change once in between, and nobody gets more than two of them.
    refused = [answer for answer in answers if answer.status == 429]
    assert {answer.status for answer in answers} == {200, 429} and refused
    headers = {name.lower(): value for name, value in refused[0].headers}
    assert 1 <= int(headers["retry-after"]) <= 60
    assert b"-1003" in refused[0].body and b"20 request weight per 1 MINUTE" in refused[0].body
    # Who logs in has limits of their own.
    assert Key(server.credential("binance-hmac")).ask(server, "POST", "/api/v3/order", **ORDER).status == 200


SPELLINGS = ["limit=500%30", "limi%74=5000", "limit=5&limit=5000", "limit=5&Limit=5000", "limit=4294967296"]


def test_a_book_in_another_spelling_weighs_the_most(tmp_path):
    """250, which is more than the whole limit: none passes where a small book does."""
    with Server(tmp_path / "state", "--set", "limits.public_weight_per_minute=100") as server:
        statuses = {text: raw.ask(server, "GET", f"/api/v3/depth?symbol=BTCUSDT&{text}").status for text in ["limit=5", *SPELLINGS]}
    assert statuses == {"limit=5": 200} | dict.fromkeys(SPELLINGS, 429)


QUESTIONS = {
    "/ws-api/v3": lambda number: {"id": number, "method": "exchangeInfo"},
    "/ws/api/v2": lambda number: {"jsonrpc": "2.0", "id": number, "method": "public/get_time"},
    "/hyperliquid/ws": lambda number: {"method": "post", "id": number, "request": {"type": "info", "payload": {"type": "meta"}}},
}


async def ask_on_ten(server, path):
    """In one thread: OpenSSL has no lock between one that reads tickets and one that sends."""
    tls, answered = ssl.create_default_context(cafile=server.ca), []
    for _ in range(10):
        async with websockets.connect(f"wss://127.0.0.1:{server.port}{path}", ssl=tls, max_size=None) as socket:
            for number in range(5):
                await socket.send(json.dumps(QUESTIONS[path](number)))
                answered.append(await asyncio.wait_for(socket.recv(), 20))
    return answered


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_source_has_one_limit_on_all_its_websockets(tmp_path, path):
    """Ten connections, each far below what one may ask."""
    with Server(tmp_path / "state", "--set", "limits.public_weight_per_minute=20") as server:
        answered = asyncio.run(ask_on_ten(server, path))
        refused = [text for text in answered if "-1003" in text or '"code":10028' in text or '"type":"error"' in text or "oo many" in text]
        # The minute may change once in between.
        assert 10 <= len(refused) < 50, answered[-1][:300]
