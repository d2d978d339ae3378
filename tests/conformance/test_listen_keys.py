"""Listen keys of Binance's USD-M futures: off unless an operator says otherwise; then unmodified clients hear of their orders, and nobody else does."""

import asyncio
import json
import ssl
import time

import ccxt
import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from harness import raw
from harness.binance import Key, code
from harness.javascript import Node
from harness.javascript_table import SCRIPTS
from harness.sdk_table import VENDORS
from harness.server import Server, run
from harness.venues import LISTEN_KEY, VENUES, symbol

VENUE = next(each for each in VENUES if each.cls == "binanceusdm")
SDK = next(each for each in VENDORS if each.module == "binance_futures_python")
LISTENERS = [each for each in SCRIPTS if each.lacks.get("order stream") == LISTEN_KEY]
PATH = "/fapi/v1/listenKey"
SECONDS = 20
AMOUNT = "0.01"


@pytest.fixture(scope="module")
def listening(tmp_path_factory):
    """A gateway that hands listen keys out."""
    with Server(tmp_path_factory.mktemp("listening") / "state", COUNTERSIGN_BINANCE__LISTEN_KEYS="true", COUNTERSIGN_UPSTREAM__VENUE__PERPETUAL="true") as running:
        yield running


def named(server, method, api_key, **more):
    """A request that names a key and proves nothing."""
    return raw.ask(server, method, PATH, [("X-MBX-APIKEY", api_key)], **more)


def started(server, api_key):
    answer = named(server, "POST", api_key)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["listenKey"]


def hearing(server, path, story):
    """Opens a stream and runs an async story on it."""
    tls = ssl.create_default_context(cafile=server.ca)

    async def with_stream():
        async with websockets.connect(f"{server.ws_base}{path}", ssl=tls, proxy=None) as stream:
            return await asyncio.wait_for(story(stream), SECONDS)

    return asyncio.run(with_stream())


async def order(server, key, symbol, **more):
    """Places an order that rests far below the market, while a stream is open."""
    price = {"price": "50000.0", "timeInForce": "GTC", "type": "LIMIT", **more}
    answer = await asyncio.to_thread(key.ask, server, "POST", "/fapi/v1/order", symbol=symbol, side="BUY", quantity=AMOUNT, **price)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["orderId"]


async def until(stream, event, order=None):
    """The next event of this kind, of this order if one is named."""
    while True:
        told = json.loads(await stream.recv())
        if told.get("e") == event and (order is None or told["o"]["i"] == order):
            return told


def contract(server):
    answer = raw.ask(server, "GET", "/fapi/v1/exchangeInfo")
    return json.loads(answer.body)["symbols"][0]["symbol"]


def test_there_are_none_unless_an_operator_says_so(server):
    record = server.credential(VENUE.credential)
    for method in ("POST", "PUT", "DELETE"):
        answer = named(server, method, record["api_key"])
        assert (answer.status, code(answer)) == (404, -1020)
        assert "listenKey" in json.loads(answer.body)["msg"]

    async def story():
        client = VENUE.pro(server, record)
        try:
            await client.load_markets()
            with pytest.raises(ccxt.ExchangeError, match="-1020"):
                await asyncio.wait_for(client.watch_orders(), SECONDS)
        finally:
            await client.close()

    asyncio.run(story())


async def told_of(watch, cause):
    """What a watch tells of what is done; nothing says when its stream is open, so it is done again until then."""
    watching = asyncio.ensure_future(watch)
    for _ in range(SECONDS):
        await cause()
        if (await asyncio.wait([watching], timeout=1))[0]:
            return watching.result()
    raise TimeoutError


def test_ccxt_watches_its_orders_and_positions(listening, interop):
    async def story():
        client = VENUE.pro(listening, listening.credential(VENUE.credential))
        try:
            await client.load_markets()
            pair = symbol(client)
            price = float(client.price_to_precision(pair, (await client.fetch_ticker(pair))["last"] * 0.9))
            placed = await told_of(client.watch_orders(pair), lambda: client.create_order(pair, "limit", "buy", float(AMOUNT), price))
            assert placed[-1]["status"] == "open" and placed[-1]["price"] == price
            # What was placed once more meanwhile may be told first.
            while (await told_of(client.watch_orders(pair), lambda: client.cancel_all_orders(pair)))[-1]["status"] != "canceled":
                pass

            async def taken():
                await client.create_order(pair, "market", "buy", float(AMOUNT))

            # Its positions are asked for first, then told.
            held = await told_of(client.watch_positions([pair]), taken)
            assert held[0]["contracts"] > 0
            fill = (await told_of(client.watch_my_trades(pair), taken))[-1]
            assert fill["amount"] == float(AMOUNT) and fill["fee"]["cost"] > 0
        finally:
            await client.close()

    asyncio.run(story())
    interop.works(VENUE.client, VENUE.purpose, "order stream")


def test_python_binance_hears_of_its_orders(listening, interop):
    with SDK.start(listening, SDK.key(listening)) as client:
        assert client.ask("order_stream")
    interop.works(SDK.name, SDK.purpose, "order stream")


@pytest.mark.parametrize("script", LISTENERS, ids=lambda script: script.name)
def test_clients_in_javascript_hear_of_their_orders(listening, interop, script):
    with Node(listening) as node, node.client(script.module, script.key(listening)) as client:
        assert client.ask("order_stream")
    interop.works(script.name, script.purpose, "order stream")


@pytest.mark.parametrize("place", ["/private/ws?listenKey={}", "/ws/{}", "/private/ws/{}", "/stream?streams={}"])
def test_a_fill_is_told_with_the_wallet_and_the_position_before_it(listening, hmac_of, place):
    key, pair = hmac_of(listening), contract(listening)

    async def story(stream):
        taken = await order(listening, key, pair, type="MARKET", price="", timeInForce="")
        account = await until(stream, "ACCOUNT_UPDATE")
        filled = await until(stream, "ORDER_TRADE_UPDATE", taken)
        return account["a"], filled["o"]

    account, filled = hearing(listening, place.format(started(listening, key.api_key)), story)
    assert account["m"] == "ORDER" and account["B"][0]["a"] == "USDT" and float(account["P"][0]["pa"]) > 0
    assert (filled["x"], filled["N"]) == ("TRADE", "USDT") and float(filled["l"]) > 0


@pytest.fixture
def hmac_of():
    """A new key of an account."""

    def made(server, *more):
        done = run("key", "new", "--state", server.state, "--account", "demo", "--purpose", "binance", "--kind", "HS256", *more)
        assert done.returncode == 0, done.stderr
        return Key(json.loads(done.stdout))

    return made


def test_it_is_the_same_until_it_ends_and_its_streams_end_with_it(listening, hmac_of):
    key = hmac_of(listening)
    first = started(listening, key.api_key)
    assert started(listening, key.api_key) == first
    assert json.loads(named(listening, "PUT", key.api_key).body)["listenKey"] == first

    async def story(stream):
        answer = await asyncio.to_thread(named, listening, "DELETE", key.api_key)
        assert (answer.status, answer.body) == (200, b"{}")
        told = json.loads(await stream.recv())
        assert told["e"] == "listenKeyExpired" and told["listenKey"] == first
        with pytest.raises(ConnectionClosed):
            await stream.recv()

    hearing(listening, f"/private/ws?listenKey={first}", story)
    assert (named(listening, "PUT", key.api_key).status, code(named(listening, "PUT", key.api_key))) == (400, -1125)
    with pytest.raises(InvalidStatus) as refused:
        hearing(listening, f"/ws/{first}", lambda stream: stream.recv())
    assert b"-1125" in refused.value.response.body
    assert started(listening, key.api_key) != first


def test_whoever_may_not_listen_is_told_the_same(listening, hmac_of):
    """Nothing is proved, so nothing is told apart: no such key, a revoked one, another address, a key that does not read the account."""
    revoked = hmac_of(listening)
    assert run("key", "revoke", revoked.api_key, "--state", listening.state).returncode == 0
    keys = [
        "nobody-has-this-key",
        revoked.api_key,
        hmac_of(listening, "--ip", "198.51.100.0/24").api_key,
        hmac_of(listening, "--scopes", "order:read,order:write").api_key,
    ]
    answers = {}
    for key in keys:
        answer = named(listening, "POST", key)
        while key == revoked.api_key and answer.status == 200:
            # The gateway hears of a change by the command line within a second.
            answer = named(listening, "POST", key)
        answers[key] = (answer.status, answer.body)
    assert len(set(answers.values())) == 1 and code(named(listening, "POST", keys[0])) == -2015, answers


def test_a_stream_passes_nothing_on_and_ends_with_its_key(listening, hmac_of):
    key, pair = hmac_of(listening), contract(listening)
    other = hmac_of(listening)

    async def story(stream):
        await stream.send(json.dumps({"id": 1, "method": "SUBSCRIBE", "params": [f"{pair.lower()}@bookTicker"]}))
        await stream.send(key.frame("order.place", symbol=pair, side="BUY", type="MARKET", quantity=AMOUNT))
        resting = await order(listening, other, pair)
        told = json.loads(await stream.recv())
        # The first thing that is told is the account's other order: nothing that was sent was answered.
        assert told["e"] == "ORDER_TRADE_UPDATE" and told["o"]["i"] == resting
        await asyncio.to_thread(other.ask, listening, "DELETE", "/fapi/v1/order", symbol=pair, orderId=resting)
        assert (await until(stream, "ORDER_TRADE_UPDATE", resting))["o"]["X"] == "CANCELED"
        revoked = await asyncio.to_thread(run, "key", "revoke", key.api_key, "--state", listening.state)
        assert revoked.returncode == 0
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await stream.recv()
        assert closed.value.rcvd.code == 1008

    hearing(listening, f"/private/ws?listenKey={started(listening, key.api_key)}", story)


def test_no_record_has_a_listen_key(listening, hmac_of):
    key = hmac_of(listening)
    listen_key = started(listening, key.api_key)
    hearing(listening, f"/ws/{listen_key}", lambda stream: stream.ping())
    for _ in range(50):
        records = "".join(path.read_text() for path in (listening.state / "audit").glob("audit-*.jsonl"))
        if any(key.api_key in line and "stream /ws/*" in line for line in records.splitlines()):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the stream is on no record")
    assert listen_key not in records + listening.logs()
    own = [line for line in records.splitlines() if key.api_key in line]
    assert any("handed out" in line and "nothing proved" in line for line in own), "who asked is on record"
    assert all("nothing was proved" in line for line in own if "stream /ws/*" in line)


def test_a_listen_key_opens_nothing_else(listening, hmac_of):
    key = hmac_of(listening)
    listen_key = started(listening, key.api_key)
    for target in ("/fapi/v2/balance", "/api/v3/account"):
        answer = raw.ask(listening, "GET", f"{target}?timestamp=1&signature={listen_key}", [("X-MBX-APIKEY", key.api_key)])
        assert answer.status in (400, 401), answer.body
        answer = raw.ask(listening, "GET", f"{target}?listenKey={listen_key}", [("X-MBX-APIKEY", listen_key), ("Authorization", f"Bearer {listen_key}")])
        assert answer.status in (400, 401), answer.body


def test_the_websocket_api_hands_the_same_one_out(listening, hmac_of):
    key = hmac_of(listening)

    async def story(connection):
        told = {}
        for number, method in enumerate(("start", "ping", "stop", "ping")):
            await connection.send(json.dumps({"id": number, "method": f"userDataStream.{method}", "params": {"apiKey": key.api_key}}))
            told[number] = json.loads(await connection.recv())
        return told

    told = hearing(listening, "/ws-fapi/v1", story)
    assert told[0]["status"] == told[1]["status"] == told[2]["status"] == 200
    assert told[0]["result"] == told[1]["result"] and len(told[0]["result"]["listenKey"]) == 64 and told[2]["result"] == {}
    assert told[3]["error"]["code"] == -1125
    assert hearing(listening, "/ws-api/v3", story)[0]["error"]["code"] == -1020, "at spot the venue switched them off"


def test_other_nodes_would_not_know_it(tmp_path):
    config = tmp_path / "countersign.toml"
    config.write_text('[binance]\nlisten_keys = true\n[cluster]\nnode = "n1"\nredis = "redis://127.0.0.1:1"\n')
    done = run("config", "check", config)
    assert done.returncode != 0 and "binance.listen_keys" in done.stderr + done.stdout
