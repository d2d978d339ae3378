"""Signs requests as Binance documents it, written from the rules, for what unmodified clients would never send."""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from . import raw


def now_ms():
    return int(time.time() * 1000)


class Key:
    """One credential of the Binance family."""

    def __init__(self, record):
        self.api_key = record["api_key"]
        self.secret = record.get("secret")
        self.private = load_pem_private_key(record["private_key_pem"].encode(), None) if record.get("private_key_pem") else None

    def sign(self, text):
        """The signature as it stands in a JSON frame: hex for HMAC, base64 otherwise."""
        data = text.encode()
        if self.private is None:
            return hmac.new(self.secret.encode(), data, hashlib.sha256).hexdigest()
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return base64.b64encode(self.private.sign(data)).decode()
        return base64.b64encode(self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())).decode()

    def signed(self, timestamp=None, **parameters):
        """A query (or form body) with its signature."""
        parameters["timestamp"] = now_ms() if timestamp is None else timestamp
        text = urlencode(parameters)
        return f"{text}&signature={quote(self.sign(text), safe='')}"

    def bytes(self, server, method, path, timestamp=None, extra_headers=(), **parameters):
        """The whole request, parameters in the query."""
        target = f"{path}?{self.signed(timestamp, **parameters)}"
        return raw.request(server, method, target, [("X-MBX-APIKEY", self.api_key), *extra_headers])

    def ask(self, server, method, path, timestamp=None, **parameters):
        return raw.exchange(server, self.bytes(server, method, path, timestamp, **parameters))

    def frame(self, method, id=1, timestamp=None, **parameters):
        """A signed frame of the WebSocket API."""
        parameters = {"apiKey": self.api_key, "timestamp": now_ms() if timestamp is None else timestamp, **parameters}
        text = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
        return json.dumps({"id": id, "method": method, "params": {**parameters, "signature": self.sign(text)}})


ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "1000.00"}
"""Rests in the book: nobody sells that cheap."""


def code(answer):
    """The venue's error number in a response body."""
    return json.loads(answer.body)["code"]
