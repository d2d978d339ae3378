"""The emergency shutdown against the binary: who is stopped, in whose words, who may lift it, and that it outlasts a kill."""

import asyncio
import hashlib
import hmac
import json
import os
import signal
import sqlite3
import time

import ccxt
import pytest
import requests

from harness import clients, raw, venues
from harness.binance import now_ms
from harness.halted import Halted
from harness.ports import kept_port
from harness.server import run
from harness.waiting import until

SYMBOL = "BTC/USDT"

pytestmark = pytest.mark.usefixtures("lifted")


@pytest.fixture(scope="module")
def markets(gateway):
    exchange = clients.ccxt_sync(gateway.server, gateway.server.credential("binance-hmac"))
    exchange.load_markets()
    return exchange


@pytest.fixture
def trader(gateway, markets):
    exchange = clients.ccxt_sync(gateway.server, gateway.server.credential("binance-hmac"))
    exchange.set_markets_from_exchange(markets)
    return exchange


def rest(exchange, price=1000):
    return exchange.create_order(SYMBOL, "limit", "buy", 0.01, price)


def test_during_a_halt_orders_are_refused_in_the_venues_words_and_cancels_pass(gateway, trader):
    resting = rest(trader)
    report = gateway.halt()
    assert report["epoch"] and report["barrier_us"] is not None and not report["was_in_force"]
    with pytest.raises(ccxt.MarketClosed, match="Market is closed"):
        rest(trader)
    assert trader.fetch_balance()["USDT"]["total"] > 0, "reads pass"
    assert trader.cancel_order(resting["id"], SYMBOL)["status"] == "canceled"
    gateway.lift_all()
    trader.cancel_order(rest(trader)["id"], SYMBOL)


#: What a halted venue raises in each class: the nearest that it has a word for.
OUTAGE = {
    "binanceusdm": ccxt.MarketClosed,
    "bitfinex": ccxt.OnMaintenance,
    # ccxt has no class of an outage for Bybit, and looks at no status beside its codes.
    "bybit": ccxt.ExchangeError,
    "coinbase": ccxt.ExchangeNotAvailable,
    "coinbaseexchange": ccxt.ExchangeNotAvailable,
    "deribit": ccxt.OnMaintenance,
    "gate": ccxt.ExchangeNotAvailable,
    "gemini": ccxt.OnMaintenance,
    "hyperliquid": ccxt.ExchangeNotAvailable,
    "kraken": ccxt.ExchangeNotAvailable,
    "krakenfutures": ccxt.ExchangeNotAvailable,
    "kucoin": ccxt.ExchangeNotAvailable,
    "okx": ccxt.OnMaintenance,
}


@pytest.mark.parametrize("venue", venues.VENUES, ids=lambda venue: venue.name)
def test_clients_of_every_venue_see_an_outage_and_never_a_bad_key_and_may_cancel(gateway, venue):
    exchange = venue.sync(gateway.server, gateway.server.credential(venue.credential))
    exchange.load_markets()
    symbol = venues.symbol(exchange)
    price = float(exchange.price_to_precision(symbol, exchange.fetch_ticker(symbol)["last"] * 0.5))
    amount = max(0.01, exchange.market(symbol)["limits"]["amount"]["min"] or 0)
    resting = exchange.create_order(symbol, "limit", "buy", amount, price)
    gateway.halt()
    with pytest.raises(ccxt.BaseError) as refused:
        # Another order: the same one, signed in the same second, would be a repetition where the venue's time has seconds only.
        exchange.create_order(symbol, "limit", "buy", amount * 2, price)
    assert type(refused.value) is OUTAGE[venue.cls], repr(refused.value)
    exchange.cancel_order(resting["id"], symbol)


def test_an_order_on_the_websocket_of_okx_is_refused_by_its_operation(gateway):
    """What waits for the id is told the venue's word, and the connection stays."""
    venue = next(venue for venue in venues.VENUES if venue.cls == "okx")

    async def story():
        exchange = venue.pro(gateway.server, gateway.server.credential(venue.credential))
        try:
            await exchange.load_markets()
            price = (await exchange.fetch_ticker(SYMBOL))["last"] * 0.5
            resting = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, price)
            gateway.halt()
            with pytest.raises(ccxt.OnMaintenance, match='"op":"batch-orders"'):
                await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, price)
            await exchange.cancel_order_ws(resting["id"], SYMBOL)
        finally:
            await exchange.close()

    asyncio.run(asyncio.wait_for(story(), 60))


def test_a_freeze_stops_cancels_and_a_restart_goes_in_stages(gateway, trader):
    resting = rest(trader)
    halt = gateway.halt(action="freeze")
    with pytest.raises(ccxt.BaseError):
        trader.cancel_order(resting["id"], SYMBOL)
    gateway.lift(halt["id"], stage="cancel-only")
    assert [(line["action"], line["raised_as"]) for line in gateway.status()["halts"]] == [("cancel-only", "freeze")]
    assert trader.cancel_order(resting["id"], SYMBOL)["status"] == "canceled"
    with pytest.raises(ccxt.MarketClosed):
        rest(trader)


def test_a_halt_of_one_account_or_key_stops_nobody_else(gateway, trader):
    gateway.halt(scope="account:somebody-else")
    gateway.halt(scope="dialect:okx")
    gateway.halt(scope="key:another", action="disconnect")
    trader.cancel_order(rest(trader)["id"], SYMBOL)
    gateway.halt(scope=f"key:{trader.apiKey}", reason="limit")
    with pytest.raises(ccxt.MarketClosed):
        rest(trader)
    other = clients.ccxt_sync(gateway.server, gateway.server.credential("binance-ed25519"))
    other.set_markets_from_exchange(trader)
    other.cancel_order(rest(other)["id"], SYMBOL)


def test_a_halt_of_an_instrument_stops_its_orders_alone(gateway, trader):
    gateway.halt(scope="instrument:ETHUSDT", reason="market.disorder")
    trader.cancel_order(rest(trader)["id"], SYMBOL)
    gateway.halt(scope="instrument:BTCUSDT", reason="market.disorder")
    with pytest.raises(ccxt.MarketClosed):
        rest(trader)


def test_a_lift_needs_two_different_operators_and_the_epoch_they_saw(gateway, trader):
    halt = gateway.halt()
    proposal = gateway.propose(halt["id"])
    assert proposal["needed"] == 2
    assert "0 of 2" in gateway.apply(proposal["id"], code=1).stderr
    gateway.sign(proposal["id"], "alice")
    gateway.sign(proposal["id"], "alice")
    assert "1 of 2" in gateway.apply(proposal["id"], code=1).stderr, "twice the same is one"
    assert "does not verify" in gateway.sign(proposal["id"], "bob", key="alice", code=1).stderr
    assert "not an operator" in gateway.sign(proposal["id"], "mallory", key="bob", code=1).stderr
    assert "not signed" in gateway.sign(proposal["id"], "bob", check="0000-0000-0000-0000", code=2).stderr
    gateway.sign(proposal["id"], "carol")
    gateway.halt(scope="account:somebody-else")
    assert "changed since the proposal" in gateway.apply(proposal["id"], code=1).stderr
    with pytest.raises(ccxt.MarketClosed):
        rest(trader)
    gateway.lift(halt["id"], by=("carol", "bob"))
    trader.cancel_order(rest(trader)["id"], SYMBOL)
    assert gateway.apply(proposal["id"], code=1).stderr


def test_a_lift_on_record_that_was_not_applied_is_told_so(gateway, trader):
    """It is put on record before it is done, and then the database is somebody else's for a while."""
    halt = gateway.halt()
    proposal = gateway.propose(halt["id"])
    for name in ("alice", "bob"):
        gateway.sign(proposal["id"], name)
    database = sqlite3.connect(gateway.server.state / "countersign.db", timeout=30, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    assert gateway.apply(proposal["id"], code=1).stderr
    database.execute("ROLLBACK")
    database.close()
    with pytest.raises(ccxt.MarketClosed):
        rest(trader)
    # The log is written in batches, a moment behind the answer.
    until(lambda: [record["event"] for record in about(gateway, proposal["id"], "halt_lift", "halt_lift_failed")] == ["halt_lift", "halt_lift_failed"])
    gateway.apply(proposal["id"])
    trader.cancel_order(rest(trader)["id"], SYMBOL)


def test_a_restart_while_halted_stays_halted(gateway, trader):
    halt = gateway.halt()
    gateway.server.kill()
    gateway.server.start()
    # It listens on another port now.
    trader.urls["api"] = clients.rewritten(trader.urls["api"], gateway.server.base, gateway.server.ws_base)
    status = gateway.status()
    assert [line["id"] for line in status["halts"]] == [halt["id"]] and status["epoch"] == halt["epoch"] and status["unknown"] is None
    with pytest.raises(ccxt.MarketClosed):
        rest(trader)


def test_the_file_and_the_signal_stop_a_node_without_any_command(gateway, trader):
    halted = lambda: [halt["scope"] for halt in gateway.status()["halts"]]  # noqa: E731
    gateway.command("halt", "--local", "--reason", "infrastructure", "--text", "the fan stands still")
    until(lambda: halted() == ["node:node-1"])
    with pytest.raises(ccxt.MarketClosed):
        rest(trader)
    gateway.lift_all()
    until(lambda: halted() == ["node:node-1"])  # as long as the file is there
    (gateway.server.state / "HALT").unlink()
    until(lambda: lifted_for_good(gateway))
    os.kill(gateway.server.process.pid, signal.SIGUSR2)
    until(lambda: halted() == ["node:node-1"])


def test_a_node_that_starts_beside_the_file_is_halted_from_its_first_request(gateway, trader):
    gateway.server.kill()
    (gateway.server.state / "HALT").write_text("before the start")
    gateway.server.start()
    trader.urls["api"] = clients.rewritten(trader.urls["api"], gateway.server.base, gateway.server.ws_base)
    with pytest.raises(ccxt.MarketClosed):
        rest(trader)
    assert [halt["text"] for halt in gateway.status()["halts"]] == ["file HALT: before the start"]
    (gateway.server.state / "HALT").unlink()
    until(lambda: lifted_for_good(gateway))


def lifted_for_good(gateway):
    gateway.lift_all()
    return not gateway.status()["halts"]


def test_a_client_stops_its_own_key_and_cannot_lift_it(gateway, trader):
    credential = gateway.server.state / "demo" / "native-ed25519.json"
    lines = '{"op":"halt","id":1,"scope":"account","text":"our algorithm runs away"}\n'
    done = run("connect", gateway.server.base, "--credential", credential, "--json", stdin=lines)
    assert done.returncode == 0, done.stdout + done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    result = next(message["result"] for message in said if message.get("re") == 1 and message.get("ok"))
    assert result["confirmed"] and result["halt"].startswith("H-")
    with pytest.raises(ccxt.MarketClosed):
        rest(trader)
    (halt,) = gateway.status()["halts"]
    assert halt["reason"] == "client.request" and halt["by"].startswith("client ")
    # It was their own wish: one operator is enough.
    gateway.lift(halt["id"], by=("carol",))


def test_a_client_of_a_venue_stops_its_own_key_by_a_request_signed_as_there(gateway, trader):
    record = gateway.server.credential("bybit-hmac")
    path = "/native/v1/halt"

    def ask(body, secret=record["secret"]):
        stamp = str(int(time.time() * 1000))
        signed = f"{stamp}{record['api_key']}5000{body}"
        headers = {
            "X-BAPI-API-KEY": record["api_key"],
            "X-BAPI-TIMESTAMP": stamp,
            "X-BAPI-RECV-WINDOW": "5000",
            "X-BAPI-SIGN": hmac.new(secret.encode(), signed.encode(), "sha256").hexdigest(),
            "Content-Type": "application/json",
        }
        return requests.post(gateway.server.base + path, data=body, headers=headers, verify=gateway.server.ca)

    assert ask('{"scope":"key"}', secret="x" * 64).status_code == 401
    assert ask('{"scope":"venue"}').status_code == 400, "nobody stops others"
    assert not gateway.status()["halts"]
    done = ask('{"scope":"key","action":"deny-new"}')
    assert done.status_code == 200 and done.json()["confirmed"], done.text
    (halt,) = gateway.status()["halts"]
    assert halt["scope"] == f"key:{record['api_key']}" and halt["action"] == "deny-new"
    again = ask('{"scope":"key"}')
    assert again.json()["halt"] == halt["id"], "whoever is stopped may still stop, and it changes nothing"
    trader.cancel_order(rest(trader)["id"], SYMBOL)


def test_rehearsals_measure_the_whole_path_and_stop_nothing(gateway, trader):
    epoch = gateway.status()["epoch"]
    report = json.loads(gateway.command("drill", "run", "--count", "20", "--json").stdout)
    assert report["count"] == 20 and report["unconfirmed"] <= (0 if os.environ.get("COUNTERSIGN_STRICT") else 10)
    for stage in ["enforced", "committed", "barrier", "command"]:
        spread = report["stages"][stage]
        assert 0 <= spread["p50_us"] <= spread["p99_us"] <= spread["max_us"]
    assert gateway.status()["epoch"] == epoch
    trader.cancel_order(rest(trader)["id"], SYMBOL)


def test_every_step_is_in_the_audit_log(gateway):
    halt = gateway.halt(scope="account:somebody-else", reason="regulator")
    gateway.lift(halt["id"])
    # The log is written in batches, a moment behind the answer.
    (applied,) = until(lambda: about(gateway, halt["id"], "halt_lift"))
    (said,) = about(gateway, halt["id"], "halt")
    assert "regulator" in said["detail"] and "a test" in said["detail"]
    assert "alice, bob" in applied["detail"]
    assert len(gateway.records("halt_lift_signed")) >= 3


def cancelled(gateway, halt):
    """What venues confirmed for a halt, once all of them were asked."""
    found = {}

    def done():
        (line,) = [line for line in gateway.status()["halts"] if line["id"] == halt["id"]]
        found.update(line["cancel"] or {})
        return found.get("done")

    until(done, seconds=40)
    return found


def test_a_halt_that_cancels_takes_out_what_rests(gateway, trader):
    resting = rest(trader)
    halt = gateway.halt(scope="account:demo", cancel=True)
    counts = cancelled(gateway, halt)
    assert counts["unconfirmed"] == 0 and counts["asked"] == counts["confirmed"] == 1 and counts["orders"] >= 1, counts
    assert trader.fetch_order(resting["id"], SYMBOL)["status"] == "canceled"
    assert "1 of 1 confirmed" in gateway.command("halt", "status").stdout
    with pytest.raises(ccxt.MarketClosed):
        rest(trader)
    # Asked again under the same halt: there is nothing left.
    again = gateway.halt(scope="account:demo", cancel=True)
    assert again["was_in_force"] and again["id"] == halt["id"]
    until(lambda: len(about(gateway, halt["id"], "halt_cancel")) == 4)
    details = [record["detail"] for record in about(gateway, halt["id"], "halt_cancel")]
    assert "asks for 1 accounts and sessions of account:demo" in details[0]
    assert f"{counts['orders']} orders cancelled, 1 of 1 confirmed, 0 NOT confirmed" in details[1]
    assert "0 orders cancelled" in details[3]


def about(gateway, name, *events):
    return [record for record in gateway.records(*events) if name in (record.get("detail") or "")]


def test_a_halt_without_cancel_leaves_what_rests(gateway, trader):
    resting = rest(trader)
    halt = gateway.halt(scope="account:demo")
    assert "cancel" not in gateway.status()["halts"][0]
    assert trader.fetch_order(resting["id"], SYMBOL)["status"] == "open"
    gateway.lift(halt["id"])
    trader.cancel_order(resting["id"], SYMBOL)


def test_a_halt_of_an_instrument_cancels_its_orders_alone(gateway, trader):
    resting = rest(trader)
    counts = cancelled(gateway, gateway.halt(scope="instrument:ETHUSDT", cancel=True))
    assert counts["orders"] == 0 and counts["unconfirmed"] == counts["asked"], f"the venue lists no such instrument: {counts}"
    assert trader.fetch_order(resting["id"], SYMBOL)["status"] == "open"
    counts = cancelled(gateway, gateway.halt(scope="instrument:BTCUSDT", cancel=True))
    assert counts["unconfirmed"] == 0 and counts["orders"] >= 1, counts
    assert trader.fetch_order(resting["id"], SYMBOL)["status"] == "canceled"


def test_what_no_venue_confirms_is_told_with_its_reason(tmp_path):
    with kept_port() as port:
        gone = Halted(tmp_path, more=f'[upstream.venue]\nurl = "http://127.0.0.1:{port}"\n')
        nobody_confirms(gone)


def nobody_confirms(gone):
    with gone.server:
        counts = cancelled(gone, gone.halt(cancel=True))
        assert counts["confirmed"] == 0 and counts["unconfirmed"] == counts["asked"] >= 1, counts
        assert "account demo" in [fault["whom"] for fault in counts["faults"]]
        assert "NOT confirmed" in gone.command("halt", "status").stdout
        refused = gone.command("halt", "--scope", "node:elsewhere", "--reason", "runaway", "--cancel", code=1)
        assert "not this one" in refused.stderr


def test_real_halts_are_measured_and_leave_nothing_halted(gateway, trader):
    arguments = ["drill", "run", "--real", "--operator", "carol", "--key", gateway.folder / "carol.pem", "--count", "5", "--json"]
    before = gateway.status()["epoch"]
    report = json.loads(gateway.command(*arguments).stdout)
    assert (report["count"], report["real"]) == (5, True)
    assert report["unconfirmed"] <= (0 if os.environ.get("COUNTERSIGN_STRICT") else 2)
    for stage in ["enforced", "committed", "barrier", "command", "lifted"]:
        assert report["stages"][stage]["max_us"] >= report["stages"][stage]["p50_us"] > 0
    status = gateway.status()
    assert status["halts"] == [] and status["epoch"] == before + 10, "five raised and five lifted, each an epoch"
    trader.cancel_order(rest(trader)["id"], SYMBOL)
    assert "--operator" in gateway.command("drill", "run", "--real", code=2).stderr


# Orders that say to the gateway what the venue does not read.


def hyperliquid_order(gateway):
    """The body of an order, signed by ccxt and not sent."""
    venue = next(venue for venue in venues.VENUES if venue.cls == "hyperliquid")
    exchange = venue.sync(gateway.server, gateway.server.credential(venue.credential))
    exchange.load_markets()
    bodies = []
    taken = {"status": "ok", "response": {"type": "order", "data": {"statuses": [{"resting": {"oid": 1}}]}}}
    exchange.fetch = lambda url, method="GET", headers=None, body=None: bodies.append(body) or taken
    exchange.create_order(venues.symbol(exchange), "limit", "buy", 0.01, 1000)
    return json.loads(bodies[-1])


def ask_hyperliquid(gateway, body):
    return raw.ask(gateway.server, "POST", "/exchange", [("Content-Type", "application/json")], json.dumps(body).encode())


def ask_bybit(gateway, path="/v5/order/create", **order):
    key, now, body = gateway.server.credential("bybit-hmac"), str(now_ms()), json.dumps(order)
    proof = hmac.new(key["secret"].encode(), f"{now}{key['api_key']}5000{body}".encode(), hashlib.sha256).hexdigest()
    headers = [("X-BAPI-API-KEY", key["api_key"]), ("X-BAPI-TIMESTAMP", now), ("X-BAPI-RECV-WINDOW", "5000"), ("X-BAPI-SIGN", proof)]
    return raw.ask(gateway.server, "POST", path, headers, body.encode())


def test_an_order_beside_a_cancel_is_an_order(gateway):
    """The venue reads `action`; a cancel where messages of the WebSocket have theirs is nobody's, and nobody signed it."""
    cancel = {"payload": {"action": {"type": "cancel", "cancels": []}}}
    passed = ask_hyperliquid(gateway, {**hyperliquid_order(gateway), "request": cancel})
    assert passed.status == 200 and b"resting" in passed.body, "without a halt it is taken"
    gateway.halt()
    refused = ask_hyperliquid(gateway, {**hyperliquid_order(gateway), "request": cancel})
    assert refused.status == 503, refused.body


def test_a_reduction_that_the_venue_does_not_look_at_reduces_nothing(gateway):
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "1000"}
    gateway.halt()
    assert json.loads(ask_bybit(gateway, **order, reduceOnly=True).body)["retCode"] != 10016, "a reduction passes"
    for more in ({}, {"args": [{"category": "linear", "reduceOnly": True}]}):
        assert json.loads(ask_bybit(gateway, **order, **more).body)["retCode"] == 10016, more


def test_a_name_that_the_venue_does_not_look_at_is_no_instrument(gateway):
    """A halt of one instrument stops a batch, whatever name stands beside it."""
    order = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "1000"}
    gateway.halt(scope="instrument:BTCUSDT", reason="market.disorder")
    assert json.loads(ask_bybit(gateway, **{**order, "symbol": "ETHUSDT"}).body)["retCode"] != 10016, "another instrument trades"
    for stopped in ({**order, "symbol": "BTCUSDT"}, {**order, "symbol": "btcusdt"}):
        assert json.loads(ask_bybit(gateway, **stopped).body)["retCode"] == 10016, stopped
    decoy = {"category": "spot", "symbol": "ETHUSDT", "request": [order]}
    assert json.loads(ask_bybit(gateway, path="/v5/order/create-batch", **decoy).body)["retCode"] == 10016
