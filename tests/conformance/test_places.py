"""Parameters beside those that a venue's clients send, and marks that the venue ignores, make no reduction of an order."""

import json
import time

import ccxt
import pytest

from harness.halted import Halted
from harness.limited import made_key
from harness.raw import Connection, ask, request
from harness.reading import FORM, JSON
from harness.signing import bybit, mac

TYPED = ("Content-Type", JSON)
REDUCES = json.dumps({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "1", "reduceOnly": True})

pytestmark = pytest.mark.usefixtures("emptied")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, behind):
    halted = Halted(tmp_path_factory.mktemp("places"), behind.routes("bybit", "hyperliquid"))
    with halted.server:
        halted.halt()
        yield halted


def test_a_query_beside_a_body_is_refused_whoever_asks(gateway, behind):
    server = gateway.server
    key = made_key(server, purpose="bybit")
    form, now = "grant_type=client_credentials&bind=channel", str(int(time.time() * 1000))
    proof = [("X-BAPI-API-KEY", key["api_key"]), ("X-BAPI-TIMESTAMP", now), ("X-BAPI-RECV-WINDOW", "5000")]
    proof.append(("X-BAPI-SIGN", mac(key, f"{now}{key['api_key']}5000{form}").hexdigest()))
    with Connection(server) as connection:

        def said(method, target, headers, body):
            connection.send(request(server, method, target, headers, body.encode()))
            return connection.answer()

        token = json.loads(said("POST", "/token", [*proof, ("Content-Type", FORM)], form).body)["access_token"]
        bearer = [("Authorization", f"Bearer {token}"), TYPED]
        assert said("POST", "/v5/order/create", bearer, REDUCES).status == 200
        assert [read["reduceOnly"] for read in behind.taken()] == [True]
        said("POST", "/v5/order/create?reduceOnly=false", bearer, REDUCES)
        said("GET", "/v5/order/realtime?x=1", bearer, '{"category":"spot"}')
    bybit(server, key, "/v5/order/create?reduceOnly=false", REDUCES, TYPED)
    assert behind.taken() == []


@pytest.mark.parametrize(
    ("asset", "target", "passes"),
    [(0, "/exchange", True), (110000, "/exchange", True), (10000, "/exchange", False), (100000010, "/exchange", False), (0, "/exchange?action=x", False)],
)
def test_a_reduction_at_hyperliquid_is_one_of_a_perpetual(gateway, behind, asset, target, passes):
    record = gateway.server.credential("hyperliquid")
    client = ccxt.hyperliquid({"privateKey": record["private_key"], "walletAddress": record["api_key"]})
    nonce = int(time.time() * 1000)
    order = {"a": asset, "b": True, "p": "1000", "s": "0.01", "r": True, "t": {"limit": {"tif": "Gtc"}}}
    action = {"type": "order", "orders": [order], "grouping": "na"}
    body = json.dumps({"action": action, "nonce": nonce, "signature": client.sign_l1_action(action, nonce)}, separators=(",", ":"))
    answer = ask(gateway.server, "POST", target, [TYPED], body.encode())
    assert (len(behind.taken()) == 1) == passes, answer.body
