"""Unmodified ccxt classes of every venue trade through one gateway, and raise what they raise at the venue."""

import asyncio
import hashlib
import hmac
import json
import time

import ccxt
import pytest
import requests
import websocket
from eth_account import Account
from hyperliquid.exchange import Exchange

from harness.interop import class_name
from harness.venues import LISTEN_KEY, VENUES, symbol
from harness.waiting import until
from sdks import twice

pytestmark = pytest.mark.filterwarnings("ignore")

AMOUNT = 0.01


@pytest.fixture(scope="module", params=VENUES, ids=lambda venue: venue.name)
def venue(request):
    return request.param


@pytest.fixture(scope="module")
def record(server, venue):
    return server.credential(venue.credential)


@pytest.fixture(scope="module")
def exchange(server, venue, record):
    made = venue.sync(server, record)
    made.load_markets()
    return made


def resting_price(exchange):
    """Well below the market: the order stays in the book."""
    pair = symbol(exchange)
    return float(exchange.price_to_precision(pair, exchange.fetch_ticker(pair)["last"] * 0.9))


def order(exchange, price):
    return exchange.create_order(symbol(exchange), "limit", "buy", AMOUNT, price)


def another(server, venue, exchange, record):
    """Another client that knows the markets already."""
    made = venue.sync(server, record)
    made.set_markets_from_exchange(exchange)
    return made


def test_loads_markets(venue, exchange, interop):
    assert symbol(exchange) in exchange.markets
    interop.works(venue.client, venue.purpose, "markets")


def test_reads_ticker_and_order_book(venue, exchange, interop):
    pair = symbol(exchange)
    book = exchange.fetch_order_book(pair, venue.depth)
    assert exchange.fetch_ticker(pair)["last"] > 0
    assert book["bids"][0][0] < book["asks"][0][0]
    interop.works(venue.client, venue.purpose, "ticker", "book")


def test_reads_balance(venue, exchange, interop):
    quote = exchange.market(symbol(exchange))["quote"]
    assert exchange.fetch_balance()[quote]["total"] > 0
    interop.works(venue.client, venue.purpose, "balance")


def test_bitmex_takes_the_proof_of_a_handshake_and_subscribes_as_its_query_says(server):
    """As bitmex-ws, the vendor's own client, does: `api-*` headers over `GET/realtime`, and topics in the address."""
    record = server.credential("bitmex")
    topics = "instrument:XBT_USDT,quote:XBT_USDT,trade:XBT_USDT,orderBookL2:XBT_USDT,order:XBT_USDT,margin,position"

    def partials(secret):
        expires = str(int(time.time()) + 3_600)
        signature = hmac.new(secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
        proof = [f"api-expires: {expires}", f"api-signature: {signature}", f"api-key: {record['api_key']}"]
        address = f"{server.ws_base}/realtime?subscribe={topics}"
        socket = websocket.create_connection(address, header=proof, sslopt={"ca_certs": server.ca}, timeout=20)
        wanted = {topic.split(":")[0] for topic in topics.split(",")}
        seen = {}
        try:
            while wanted - set(seen):
                frame = json.loads(socket.recv())
                assert "error" not in frame, frame
                if frame.get("action") == "partial":
                    seen[frame["table"]] = frame
        finally:
            socket.close()
        return seen

    seen = partials(record["secret"])
    assert seen["quote"]["data"][0]["bidPrice"] < seen["quote"]["data"][0]["askPrice"]
    assert seen["orderBookL2"]["keys"] == ["symbol", "id", "side"] and seen["margin"]["data"]
    with pytest.raises(AssertionError, match="Signature not valid"):
        partials("A" * 48)


def test_bitmex_unsubscribes_by_a_frame_from_what_the_handshake_subscribed_to(server):
    """Public topics beside one's own went to the venue under the login of the handshake; the frame goes there, too."""
    record = server.credential("bitmex")
    expires = str(int(time.time()) + 3_600)
    signature = hmac.new(record["secret"].encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
    proof = [f"api-expires: {expires}", f"api-signature: {signature}", f"api-key: {record['api_key']}"]
    address = f"{server.ws_base}/realtime?subscribe=quote:XBT_USDT,orderBookL2:XBT_USDT,order"
    socket = websocket.create_connection(address, header=proof, sslopt={"ca_certs": server.ca}, timeout=20)

    def until(wanted):
        while True:
            frame = json.loads(socket.recv())
            assert "error" not in frame, frame
            if wanted(frame):
                return frame

    try:
        until(lambda frame: frame.get("table") == "quote")
        socket.send(json.dumps({"op": "unsubscribe", "args": ["quote:XBT_USDT"]}))
        until(lambda frame: frame.get("unsubscribe") == "quote:XBT_USDT")
        tables = [until(lambda frame: "table" in frame)["table"] for _ in range(8)]
        assert set(tables) == {"orderBookL2"}, "the quotes are told with each change of the book, and no more"
    finally:
        socket.close()


def bitfinex_login(key, **more):
    # In milliseconds, as ccxt counts, which shares the nonces of the key.
    nonce = str(time.time_ns() // 1_000_000)
    signature = hmac.new(key["secret"].encode(), f"AUTH{nonce}".encode(), hashlib.sha384).hexdigest()
    return {"event": "auth", "apiKey": key["api_key"], "authNonce": nonce, "authPayload": f"AUTH{nonce}", "authSig": signature, **more}


def test_orders_of_a_client_of_bitfinex_end_with_its_connection_if_it_asks_for_that(server):
    """`dms: 4` was taken and forgotten: the orders of a client that had died stayed."""
    venue = next(venue for venue in VENUES if venue.purpose == "bitfinex")
    key = venue.key(server)

    def said(login, *frames, last):
        socket = websocket.create_connection(server.ws_base + "/ws/2", timeout=20, sslopt={"ca_certs": server.ca})
        try:
            for frame in (login, *frames):
                socket.send(json.dumps(frame))
            while not last(frame := json.loads(socket.recv())):
                pass
            return frame
        finally:
            socket.close()

    order = {"type": "EXCHANGE LIMIT", "symbol": "tBTCUST", "amount": "0.01", "price": "50000"}
    several = [0, "ox_multi", None, [["on", order], ["on", order]]]
    done = said(bitfinex_login(key, dms=4), several, last=lambda frame: isinstance(frame, list) and frame[1] == "n")
    assert (done[2][1], [each[6] for each in done[2][4]]) == ("ox_multi-req", ["SUCCESS", "SUCCESS"])
    client = venue.sync(server, key)
    until(lambda: client.fetch_open_orders() == [])

    answered = lambda frame: isinstance(frame, dict) and frame["event"] == "auth"
    refused = said(bitfinex_login(venue.read_only(server), dms=4), last=lambda frame: answered(frame) and frame["status"] == "FAILED")
    assert refused["msg"] == "api_key: permission invalid"
    assert said(bitfinex_login(key, dms=5), last=answered)["status"] == "FAILED"


@pytest.mark.parametrize("funding", [["fon", {"type": "LIMIT"}], ["foc", {"id": 1}], ["fcc", {"id": 1}]], ids=lambda operation: operation[0])
def test_bitfinex_takes_no_funding_among_orders(server, funding):
    """No trading scope covers it, and no halt of orders would stop it: the orders beside it do not pass either."""
    venue = next(venue for venue in VENUES if venue.purpose == "bitfinex")
    key = venue.key(server)
    order = ["on", {"type": "EXCHANGE LIMIT", "symbol": "tBTCUST", "amount": "0.01", "price": "50000"}]
    socket = websocket.create_connection(server.ws_base + "/ws/2", timeout=20, sslopt={"ca_certs": server.ca})
    try:
        for frame in (bitfinex_login(key), [0, "ox_multi", None, [order, funding]], [0, "ox_multi", None, [order]]):
            socket.send(json.dumps(frame))
        seen = []
        while not any(isinstance(frame, list) and frame[1] == "n" and frame[2][1] == "ox_multi-req" for frame in seen):
            seen.append(json.loads(socket.recv()))
    finally:
        socket.close()
    client = venue.sync(server, key)
    assert len(client.fetch_open_orders()) == 1, "that of the frame without it"
    client.cancel_all_orders()


def test_a_refused_input_at_bitfinex_is_answered_with_a_notification_and_no_failed_login(server):
    """The vendor's client ends at a failed login; it reads 32 elements of an order whatever the status of a notification is."""
    venue = next(venue for venue in VENUES if venue.purpose == "bitfinex")
    order = {"type": "EXCHANGE LIMIT", "symbol": "tBTCUST", "amount": "0.01", "price": "50000", "cid": 7}

    def answered(key, kind, details):
        socket = websocket.create_connection(server.ws_base + "/ws/2", timeout=20, sslopt={"ca_certs": server.ca})
        try:
            for frame in (bitfinex_login(key), [0, kind, None, details]):
                socket.send(json.dumps(frame))
            while not (isinstance(frame := json.loads(socket.recv()), list) and frame[1] == "n"):
                assert isinstance(frame, list) or frame.get("status") != "FAILED", frame
            return frame[2]
        finally:
            socket.close()

    reader = venue.read_only(server)
    notice = answered(reader, "on", order)
    assert notice[1:4] == ["on-req", None, None] and notice[6:] == ["ERROR", "api_key: permission invalid"]
    assert len(notice[4]) == 32 and (notice[4][2], notice[4][3]) == (7, "tBTCUST")
    assert answered(reader, "ox_multi", [["on", order]])[1:7] == ["ox_multi-req", None, None, None, 10001, "ERROR"]
    funding = answered(venue.key(server), "ox_multi", [["on", order], ["fon", {"type": "LIMIT"}]])
    assert (funding[1], funding[6:]) == ("ox_multi-req", ["ERROR", "path: invalid"])
    unknown = answered(venue.key(server), "oc", {"id": 1})
    assert (unknown[1], len(unknown[4]), unknown[6]) == ("oc-req", 32, "ERROR"), "of the paper venue"


@pytest.mark.parametrize("funding", [["fon", {"type": "LIMIT"}], ["foc", {"id": 1}]], ids=lambda operation: operation[0])
def test_bitfinex_takes_no_funding_among_orders_over_http(server, funding):
    venue = next(venue for venue in VENUES if venue.purpose == "bitfinex")
    client = venue.sync(server, venue.key(server))
    order = ["on", {"type": "EXCHANGE LIMIT", "symbol": "tBTCUST", "amount": "0.01", "price": "50000"}]
    with pytest.raises(ccxt.ExchangeError):
        client.private_post_auth_w_order_multi({"ops": [order, funding]})
    assert "path: invalid" in client.last_http_response
    assert not client.fetch_open_orders(), "what is beside it does not pass either"


def test_bitfinex_numbers_whatever_a_client_gets_when_it_asks_for_that(server):
    """`SEQ_ALL`. What is of the market and what is one's own come from two connections behind the gateway, and there is one count."""
    login = bitfinex_login(server.credential("bitfinex"))
    socket = websocket.create_connection(server.ws_base + "/ws/2", timeout=20, sslopt={"ca_certs": server.ca})
    try:
        socket.send(json.dumps({"event": "conf", "flags": 65_536}))
        while (frame := json.loads(socket.recv()))["event"] != "conf":
            pass
        assert frame["flags"] == 65_536, frame
        for wanted in ({"event": "subscribe", "channel": "ticker", "symbol": "tBTCUST"}, login):
            socket.send(json.dumps(wanted))
        arrays = []
        while len(arrays) < 12 or not any(each[0] == 0 for each in arrays):
            frame = json.loads(socket.recv())
            if isinstance(frame, list):
                arrays.append(frame)
    finally:
        socket.close()
    own = [each for each in arrays if each[0] == 0 and each[1] != "hb"]
    assert [each[-2] if each in own else each[-1] for each in arrays] == list(range(1, len(arrays) + 1)), arrays
    assert [each[-1] for each in own] == list(range(1, len(own) + 1)), own


def test_a_path_of_one_venue_with_the_headers_of_another_is_refused_in_the_words_of_the_latter(server):
    """`GET /api/v1/position` is BitMEX's; a client of KuCoin reads KuCoin's errors."""
    address, headers = f"{server.base}/api/v1/position?symbol=XBTUSDTM", {"KC-API-KEY": "k", "KC-API-SIGN": "s"}
    of_kucoin = requests.get(address, headers=headers, verify=server.ca, timeout=10)
    assert (of_kucoin.status_code, of_kucoin.json()["code"]) == (404, "404000")
    for headers in ({}, {"api-expires": "1", "KC-API-KEY": "k"}):
        of_bitmex = requests.get(address, headers=headers, verify=server.ca, timeout=10)
        assert (of_bitmex.status_code, of_bitmex.json()["error"]["name"]) == (401, "HTTPError"), "nothing, or something of the path's own, is its own"


def test_reads_the_balance_of_an_address_that_has_done_nothing(server):
    """Hyperliquid's clients ask for it unsigned, before they act: any address, of which the gateway knows whose it is."""
    venue = next(venue for venue in VENUES if venue.purpose == "hyperliquid")
    key = venue.key(server)["api_key"]

    def balances(address):
        asked = requests.post(f"{server.base}/info", json={"type": "spotClearinghouseState", "user": address}, verify=server.ca, timeout=10)
        return {each["coin"]: float(each["total"]) for each in asked.json()["balances"]}

    assert balances(key)["USDT"] > 0
    assert balances("0x" + "17" * 20) == {}


def test_places_lists_and_cancels_an_order(venue, exchange, interop):
    pair = symbol(exchange)
    placed = order(exchange, resting_price(exchange))
    assert placed["id"] in [each["id"] for each in exchange.fetch_open_orders(pair)]
    exchange.cancel_order(placed["id"], pair)
    assert placed["id"] not in [each["id"] for each in exchange.fetch_open_orders(pair)]
    interop.works(venue.client, venue.purpose, "orders")


def refused(interop, venue, operation, raised, expected):
    """On record: the class, and the venue's own word or number in its text."""
    assert type(raised.value) is expected, f"{type(raised.value)} is not exactly {expected}: {raised.value}"
    interop.refused(venue.client, venue.purpose, operation, class_name(type(raised.value)), "", class_name(expected))


def test_a_wrong_secret_raises_what_it_raises_at_the_venue(server, venue, exchange, record, interop):
    other = venue.read_only(server)
    record = {**other, "api_key": record["api_key"]}
    with pytest.raises(venue.wrong_secret) as raised:
        if "private_key" in record:
            # A signature names its own key: a stranger is a key that nobody has registered.
            record = {**record, "private_key": "0x" + "17" * 32}
            order(another(server, venue, exchange, record), resting_price(exchange))
        else:
            another(server, venue, exchange, record).fetch_balance()
    refused(interop, venue, "wrong secret", raised, venue.wrong_secret)


def test_a_wrong_clock_raises_what_it_raises_at_the_venue(server, venue, exchange, record, interop):
    if venue.stale is None:
        interop.none(venue.client, venue.purpose, "wrong clock", venue.no_clock)
        assert venue.purpose in ("bitfinex", "gemini", "hyperliquid", "kraken", "kraken-futures"), "only where no time is signed, or days are allowed"
        return
    skewed = another(server, venue, exchange, record)
    now = exchange.milliseconds() - 200_000
    skewed.milliseconds, skewed.seconds = lambda: now, lambda: now // 1000
    with pytest.raises(venue.stale) as raised:
        skewed.fetch_balance()
    refused(interop, venue, "wrong clock", raised, venue.stale)


def test_a_missing_scope_raises_what_it_raises_at_the_venue(server, venue, exchange, interop):
    reader = another(server, venue, exchange, venue.read_only(server))
    if venue.purpose != "hyperliquid":
        assert reader.fetch_balance()
    with pytest.raises(venue.scope) as raised:
        order(reader, resting_price(exchange))
    refused(interop, venue, "missing scope", raised, venue.scope)


def test_an_order_sent_twice_raises_what_it_raises_at_the_venue(server, venue, exchange, record, interop):
    trader = another(server, venue, exchange, record)
    twice.mount(trader.session)
    price = resting_price(exchange)
    if venue.replay is None:
        interop.none(venue.client, venue.purpose, "replay", venue.no_replay)
        assert venue.no_replay
        return
    twice.arm()
    with pytest.raises(venue.replay) as raised:
        order(trader, price)
    refused(interop, venue, "replay", raised, venue.replay)


def test_streams_market_data_and_own_orders(server, venue, exchange, record, interop):
    lacks = {"ticker stream": venue.no_pro or venue.no_ticker, "order stream": venue.no_pro or venue.no_orders}
    for operation, reason in lacks.items():
        if reason and reason != LISTEN_KEY:
            interop.none(venue.client, venue.purpose, operation, reason)
            assert reason.startswith("ccxt.pro ")
    if venue.no_pro:
        return
    price = resting_price(exchange)

    async def story():
        client = venue.pro(server, record)
        try:
            await client.load_markets()
            pair = symbol(client)
            if not lacks["ticker stream"]:
                ticker = await asyncio.wait_for(client.watch_ticker(pair), 20)
                assert ticker["symbol"] == pair
                interop.works(venue.client, venue.purpose, "ticker stream")
            book = await asyncio.wait_for(client.watch_order_book(pair), 20)
            assert book["symbol"] == pair
            assert book["bids"] and book["asks"]
            if lacks["order stream"]:
                return
            if venue.login_first:
                await asyncio.wait_for(client.authenticate(), 20)
            watching = asyncio.ensure_future(client.watch_orders(pair))
            placed, told = [], set()
            # Nothing says when the venue has taken the subscription: an order before that is not told, the next one is.
            for _ in range(6):
                # Two private requests at once can overtake each other; the lower nonce is refused then, at the venue as well.
                try:
                    # Another amount than elsewhere: an order is used once, and some venues sign no more of the time than its second.
                    amount = AMOUNT * (2 + len(placed))
                    placed.append((await client.create_order(pair, "limit", "buy", amount, price))["id"])
                    told |= {each["id"] for each in await asyncio.wait_for(asyncio.shield(watching), 4)}
                except asyncio.TimeoutError:
                    continue
                except ccxt.InvalidNonce:
                    assert venue.credential == "kraken", "no other venue has an increasing nonce that two may send at once here"
                    if watching.done():
                        watching = asyncio.ensure_future(client.watch_orders(pair))
                    continue
                if told & set(placed):
                    break
                watching = asyncio.ensure_future(client.watch_orders(pair))
            watching.cancel()
            for each in placed:
                await client.cancel_order(each, pair)
            assert told & set(placed), "its own order was not told"
            interop.works(venue.client, venue.purpose, "order stream")
        finally:
            await client.close()

    asyncio.run(story())


def test_trades_over_the_websocket(server, venue, exchange, record):
    if venue.no_pro:
        assert venue.no_pro.startswith("ccxt.pro ")
        return
    price = resting_price(exchange)

    async def story():
        client = venue.pro(server, record)
        try:
            if not client.has.get("createOrderWs"):
                assert venue.cls in ("bitfinex", "coinbase", "coinbaseexchange", "deribit", "gemini", "krakenfutures", "kucoin"), "these classes have no orders over WebSocket"
                return
            await client.load_markets()
            pair = symbol(client)
            placed = await asyncio.wait_for(client.create_order_ws(pair, "limit", "buy", AMOUNT, price), 20)
            assert placed["id"]
            await client.cancel_order(placed["id"], pair)
        finally:
            await client.close()

    asyncio.run(story())


@pytest.mark.parametrize("sandbox", [False, True])
def test_hyperliquid_takes_the_signature_of_either_network_over_the_websocket(server, sandbox):
    """An SDK signs for the network that it believes to be on: the phantom agent's source is `a` or `b`."""
    hyperliquid = next(each for each in VENUES if each.cls == "hyperliquid")

    async def story():
        client = hyperliquid.pro(server, server.credential("hyperliquid"))
        client.options["sandboxMode"] = sandbox
        try:
            await client.load_markets()
            pair = symbol(client)
            price = float(client.price_to_precision(pair, (await client.fetch_ticker(pair))["last"] * 0.9))
            placed = await asyncio.wait_for(client.create_order_ws(pair, "limit", "buy", AMOUNT, price), 20)
            canceled = await asyncio.wait_for(client.cancel_order_ws(placed["id"], pair), 20)
            assert placed["id"] and canceled
        finally:
            await client.close()

    asyncio.run(story())


def test_hyperliquid_moves_funds_for_keys_that_may_withdraw_and_for_no_other(server):
    """Transfers, withdrawals and approvals are signed as typed data, by the vendor's SDK and by ccxt."""
    venue = next(each for each in VENUES if each.cls == "hyperliquid")

    def client(private_key):
        made = Exchange(Account.from_key(private_key), server.base, meta={"universe": []}, spot_meta={"universe": [], "tokens": []})
        made.session.verify, made.session.trust_env = server.ca, False
        return made

    somebody, records = "0x" + "17" * 20, [venue.key(server, *scopes) for scopes in (["order:write"], ["funds:withdraw"])]
    trader, treasurer = (client(record["private_key"]) for record in records)
    for call in (
        lambda sdk: sdk.usd_transfer(1, somebody),
        lambda sdk: sdk.spot_transfer(1, somebody, "PURR:0xc4bf3f870c0e9465323c0b6ed28096c2"),
        lambda sdk: sdk.withdraw_from_bridge(1, somebody),
        lambda sdk: sdk.usd_class_transfer(1, True),
        lambda sdk: sdk.send_asset(somebody, "", "spot", "USDC:0x6d1e7cde53ba9467b783cb7c530ce054", 1),
        lambda sdk: sdk.token_delegate(somebody, 1, False),
        lambda sdk: sdk.approve_builder_fee(somebody, "0.001%"),
        lambda sdk: sdk.convert_to_multi_sig_user([somebody], 1),
        lambda sdk: sdk.approve_agent("desk")[0],
    ):
        assert call(trader) == {"status": "err", "response": "The API wallet is not allowed to do this."}
        assert call(treasurer) == {"status": "err", "response": "This action is not served."}, "the gateway lets it pass, and the paper venue has no such thing"
    assert treasurer.schedule_cancel(None) == {"status": "err", "response": "The API wallet is not allowed to do this."}

    # Whom a user approves at the venue is nobody here, until a key is registered.
    answer, agent = treasurer.approve_agent()
    assert answer["response"] == "This action is not served."
    assert client(agent).schedule_cancel(None)["response"] == "User or API Wallet does not exist."

    ours = venue.sync(server, records[1])
    ours.load_markets()
    for call in (lambda: ours.withdraw("USDC", 1, somebody), lambda: ours.transfer("USDC", 1, "spot", "swap")):
        with pytest.raises(ccxt.ExchangeError, match="This action is not served"):
            call()
