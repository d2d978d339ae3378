"""What a venue wants in a Logon, as fields: for engines that hand their Logon over before they send it.

`header` gives a field of the message as it will be sent; `now` is the time, as far as the client knows it.
"""

import base64
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.serialization import load_pem_private_key

SOH = "\x01"


def proof(record, header, now):
    """The fields for a credential, by what it is for."""
    return PROOFS[record["kind"]](record, header, now)


def binance(record, header, _):
    text = SOH.join(header(tag) for tag in (35, 49, 56, 34, 52))
    key = load_pem_private_key(record["private_key_pem"].encode(), None)
    signature = _text(key.sign(text.encode()))
    return [(95, str(len(signature))), (96, signature), (553, record["api_key"]), (25035, "1")]


def coinbase_exchange(record, header, _):
    text = SOH.join([*(header(tag) for tag in (52, 35, 34, 49, 56)), record["passphrase"]])
    mac = _text(hmac.new(base64.b64decode(record["secret"]), text.encode(), hashlib.sha256).digest())
    return [(95, str(len(mac))), (96, mac), (553, record["api_key"]), (554, record["passphrase"])]


def deribit(record, _, now):
    raw = f"{int(now * 1000)}.{_text(os.urandom(32))}"
    digest = _text(hashlib.sha256(raw.encode() + record["secret"].encode()).digest())
    return [(95, str(len(raw))), (96, raw), (553, record["api_key"]), (554, digest)]


def kraken(record, header, now):
    nonce, key = str(int(now * 1000)), record["api_key"]
    fields = [*((tag, header(tag)) for tag in (35, 34, 49, 56)), (553, key)]
    text = "".join(f"{tag}={value}{SOH}" for tag, value in fields) + nonce
    mac = hmac.new(base64.b64decode(record["secret"]), hashlib.sha256(text.encode()).digest(), hashlib.sha512).digest()
    return [(553, key), (554, _text(mac)), (5025, nonce)]


def _text(value):
    return base64.b64encode(value).decode()


def client_certificate(_record, _header, _now):
    """The certificate of the connection is the proof."""
    return []


PROOFS = {"binance": binance, "client-certificate": client_certificate, "coinbase-exchange": coinbase_exchange, "deribit": deribit, "kraken": kraken}
