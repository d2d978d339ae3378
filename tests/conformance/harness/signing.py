"""Requests signed as the venues want it, by hand: what no client would send is sent here."""

import base64
import hashlib
import hmac
import itertools
import time

from harness.raw import ask

COUNTED = itertools.count(1)


def nonce():
    return str(time.time_ns() // 1000 + next(COUNTED))


def mac(key, text, digest=hashlib.sha256):
    return hmac.new(key["secret"].encode(), text.encode(), digest)


def bitmex(server, key, target, body, *headers):
    expires = str(int(time.time()) + 30 + next(COUNTED) % 25)
    proof = [("api-key", key["api_key"]), ("api-expires", expires), ("api-signature", mac(key, f"POST{target}{expires}{body}").hexdigest())]
    return ask(server, "POST", target, [*proof, *headers], body.encode())


def bybit(server, key, target, body, *headers):
    now = str(int(time.time() * 1000))
    tag = mac(key, f"{now}{key['api_key']}5000{body}").hexdigest()
    proof = [("X-BAPI-API-KEY", key["api_key"]), ("X-BAPI-TIMESTAMP", now), ("X-BAPI-RECV-WINDOW", "5000"), ("X-BAPI-SIGN", tag)]
    return ask(server, "POST", target, [*proof, *headers], body.encode())


def kraken(server, key, target, body, *headers):
    """`body` has its nonce in place of `NONCE`."""
    number = nonce()
    body = body.replace("NONCE", number)
    text = target.encode() + hashlib.sha256((number + body).encode()).digest()
    tag = hmac.new(base64.b64decode(key["secret"]), text, hashlib.sha512).digest()
    proof = [("API-Key", key["api_key"]), ("API-Sign", base64.b64encode(tag).decode())]
    return ask(server, "POST", target, [*proof, *headers], body.encode())


def kucoin(server, key, target, body, *headers):
    now = str(int(time.time() * 1000))
    tag = base64.b64encode(mac(key, f"{now}POST{target}{body}").digest()).decode()
    word = base64.b64encode(mac(key, key["passphrase"]).digest()).decode()
    proof = [("KC-API-KEY", key["api_key"]), ("KC-API-SIGN", tag), ("KC-API-TIMESTAMP", now), ("KC-API-PASSPHRASE", word)]
    return ask(server, "POST", target, [*proof, ("KC-API-KEY-VERSION", "2"), *headers], body.encode())


def bitfinex(server, key, target, body, *headers):
    number = nonce()
    tag = mac(key, f"/api{target}{number}{body}", hashlib.sha384).hexdigest()
    proof = [("bfx-apikey", key["api_key"]), ("bfx-nonce", number), ("bfx-signature", tag)]
    return ask(server, "POST", target, [*proof, *headers], body.encode())
