"""Forms of login that some clients send and others do not, and what a refusal of a good signature tells beyond the venue's word."""

import base64
import hashlib
import hmac
import json
import secrets
import time

import ccxt
import jwt
import pytest

from harness.limited import made_key
from harness.raw import ask
from harness.venues import VENUES
from test_websocket import ask as talk
from test_websocket import talking

JSON = [("Content-Type", "application/json")]


def mac(secret, text, name):
    return hmac.new(secret, text, name)


def test_a_call_of_deribit_may_stand_in_the_body_of_a_get(server):
    """As every example of the venue's reference has it."""
    key = server.credential("deribit-hmac")

    def call(method, params, headers=()):
        body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
        answer = ask(server, "GET", f"/api/v2/{method}", [*JSON, *headers], body)
        return answer.status, json.loads(answer.body)

    login = {"grant_type": "client_credentials", "client_id": key["api_key"], "client_secret": key["secret"], "scope": "account:read custody:read"}
    status, granted = call("public/auth", login)
    assert (status, granted["id"]) == (200, 7), granted
    status, summary = call("private/get_account_summary", {"currency": "USDT"}, [("Authorization", f"Bearer {granted['result']['access_token']}")])
    assert (status, summary["id"], summary["result"]["currency"]) == (200, 7, "USDT"), summary


def test_a_method_of_binance_may_have_its_version_in_front(server, hmac_key):
    async def story(connection):
        return await talk(connection, hmac_key.frame("v3/account.status"))

    answer = talking(server, story)
    assert answer["status"] == 200 and answer["result"]["balances"], answer


def test_a_login_on_bybits_public_sockets_is_good_and_opens_nothing(server):
    """pybit makes it wherever it was given a key."""
    key = server.credential("bybit-hmac")

    async def story(connection):
        expires = int(time.time() * 1000) + 10_000
        signature = mac(key["secret"].encode(), f"GET/realtime{expires}".encode(), "sha256").hexdigest()
        login = await talk(connection, json.dumps({"op": "auth", "args": [key["api_key"], expires, signature]}))
        private = await talk(connection, json.dumps({"req_id": "1", "op": "order.create", "args": [{}]}))
        public = await talk(connection, json.dumps({"req_id": "2", "op": "subscribe", "args": ["tickers.BTCUSDT"]}))
        return login, public, private

    login, public, private = talking(server, story, "/v5/public/spot")
    assert login["success"] is True and login["op"] == "auth", login
    assert public["success"] is True, public
    assert private["success"] is False, private


@pytest.mark.parametrize("audience", ["public_websocket_api", "elsewhere"])
def test_a_token_for_frames_may_name_the_websocket_of_coinbase(server, audience):
    """As coinbase-advanced-py up to 1.2.1 makes it."""
    key = server.credential("coinbase-es256")
    now = int(time.time())
    claims = {"sub": key["api_key"], "iss": "coinbase-cloud", "nbf": now, "exp": now + 120, "aud": [audience]}
    token = jwt.encode(claims, key["private_key_pem"], algorithm="ES256", headers={"kid": key["api_key"], "nonce": secrets.token_hex()})

    async def story(connection):
        return await talk(connection, json.dumps({"type": "subscribe", "product_ids": ["BTC-USDT"], "channel": "user", "jwt": token}))

    answer = talking(server, story, "/")
    assert (answer.get("type") == "error") == (audience == "elsewhere"), answer


def bitfinex(key, nonce):
    path = "/v2/auth/r/wallets"
    signature = mac(key["secret"].encode(), f"/api{path}{nonce}{{}}".encode(), "sha384").hexdigest()
    return "POST", path, [*JSON, ("bfx-apikey", key["api_key"]), ("bfx-nonce", nonce), ("bfx-signature", signature)], b"{}"


def gemini(key, nonce):
    payload = base64.b64encode(json.dumps({"request": "/v1/balances", "nonce": nonce}).encode())
    signature = mac(key["secret"].encode(), payload, "sha384").hexdigest()
    return "POST", "/v1/balances", [("X-GEMINI-APIKEY", key["api_key"]), ("X-GEMINI-PAYLOAD", payload.decode()), ("X-GEMINI-SIGNATURE", signature)], b""


def kraken(key, nonce):
    body = f"nonce={nonce}".encode()
    text = b"/0/private/Balance" + hashlib.sha256(str(nonce).encode() + body).digest()
    signature = base64.b64encode(mac(base64.b64decode(key["secret"]), text, "sha512").digest()).decode()
    return "POST", "/0/private/Balance", [("API-Key", key["api_key"]), ("API-Sign", signature)], body


def kraken_futures(key, nonce):
    text = hashlib.sha256(f"{nonce}/api/v3/accounts".encode()).digest()
    signature = base64.b64encode(mac(base64.b64decode(key["secret"]), text, "sha512").digest()).decode()
    return "GET", "/derivatives/api/v3/accounts", [("APIKey", key["api_key"]), ("Authent", signature), ("Nonce", nonce)], b""


@pytest.mark.parametrize("request_of", [bitfinex, gemini, kraken, kraken_futures], ids=lambda made: made.__name__)
def test_the_last_nonce_is_told_for_a_good_signature_only(server, request_of):
    """Also to whoever sends a captured request again: what is asked here is the very request that was accepted before."""
    purpose = request_of.__name__.replace("_", "-")
    # A key of its own: what one client counts is too high for another.
    key = made_key(server, purpose=purpose, kind="HS512" if purpose.startswith("kraken") else "HS384")
    nonce = time.time_ns() // 1_000
    assert ask(server, *request_of(key, nonce)).status == 200

    def told(key):
        answer = ask(server, *request_of(key, nonce))
        return str(nonce) in answer.body.decode() or answer.header("countersign-last-nonce") == str(nonce)

    assert told(key)
    assert not told({**key, "secret": base64.b64encode(bytes(64)).decode()})


def test_a_legacy_key_at_advanced_trade_is_told_that_it_logs_nobody_in(server):
    """ccxt signs by the old rule wherever the secret is no private key."""
    venue = next(venue for venue in VENUES if venue.cls == "coinbase")
    exchange = venue.sync(server, {"api_key": "legacy", "secret": "c2VjcmV0"})
    with pytest.raises(ccxt.AuthenticationError, match='"unauthorized"'):
        exchange.fetch_accounts()


@pytest.mark.parametrize(
    "path, frame, answer",
    [
        ("/ws/api/v2/", {"jsonrpc": "2.0", "id": 1, "method": "public/test", "params": {}}, "version"),
        ("/ws/2/", {"event": "ping", "cid": 1}, "pong"),
    ],
    ids=["deribit", "bitfinex"],
)
def test_the_path_of_a_websocket_may_end_in_a_slash(server, path, frame, answer):
    """As many clients of Deribit and Bitfinex write it."""

    async def story(connection):
        await connection.send(json.dumps(frame))
        while answer not in (said := await connection.recv()):
            pass
        return said

    assert answer in talking(server, story, path=path)
