"""Unmodified ccxt classes of the venues that the gateway speaks for, and what each raises when it is refused."""

import json
from dataclasses import dataclass, field

import ccxt
import ccxt.pro

from .clients import rewritten
from .server import run


@dataclass(frozen=True)
class Venue:
    """One ccxt class with the credential it uses and the exceptions it raises at the venue."""

    cls: str
    purpose: str
    kind: str
    credential: str
    wrong_secret: type
    stale: type | None
    scope: type
    replay: type | None
    depth: int | None = None
    #: Why the WebSocket class cannot log in with this kind of key, at the venue as here.
    no_pro: str = ""
    ws: dict = field(default_factory=dict)

    #: Why a request sent twice is no refusal; why no clock is judged; why there is no stream of a ticker, or of one's own orders.
    no_replay: str = ""
    no_clock: str = ""
    no_ticker: str = ""
    no_orders: str = ""
    #: What tests call it, where its credential is another class's as well.
    label: str = ""
    #: Settings of the class.
    options: dict = field(default_factory=dict)
    #: The login of a WebSocket and a request share a nonce: who sends both at once has one of them refused.
    login_first: bool = False

    @property
    def name(self):
        return self.label or self.credential

    @property
    def client(self):
        """The line of the interop table."""
        return f"ccxt.{self.cls} ({self.kind})"

    def settings(self, record, **more):
        """ccxt names what a venue hands out differently."""
        settings = {"apiKey": record["api_key"], "secret": record.get("secret") or record.get("private_key_pem"), "enableRateLimit": False}
        if "passphrase" in record:
            settings["password"] = record["passphrase"]
        if "private_key" in record:
            settings = {"walletAddress": record["api_key"], "privateKey": record["private_key"], "enableRateLimit": False}
        return {**settings, "timeout": 20_000, "options": self.options, **more}

    def sync(self, server, record):
        """The synchronous client."""
        exchange = getattr(ccxt, self.cls)(self.settings(record))
        exchange.urls["api"] = rewritten(exchange.urls["api"], server.base, server.ws_base)
        exchange.validateServerSsl = server.ca
        return exchange

    def pro(self, server, record):
        """The WebSocket client."""
        exchange = getattr(ccxt.pro, self.cls)(self.settings(record, cafile=server.ca))
        exchange.urls["api"] = rewritten(exchange.urls["api"], server.base, server.ws_base)
        if self.ws:
            # Two venues open their WebSocket where another one does: on a port for all they have a path of their own.
            ws = {name: server.ws_base + path for name, path in self.ws.items()}
            exchange.urls["api"]["ws"] = ws.get("", ws)
        return exchange

    def key(self, server, *scopes):
        """A new key of the demo account."""
        scopes = ["--scopes", ",".join(scopes)] if scopes else []
        done = run("key", "new", "--state", server.state, "--account", "demo", "--purpose", self.purpose, "--kind", self.kind, *scopes)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def read_only(self, server):
        """A key that may read but not trade."""
        return self.key(server, "md:read", "account:read", "order:read")


def symbol(exchange):
    """The spot pair as this class spells it; where only contracts are listed, the one there is."""
    spot = [name for name in ("BTC/USDT", "BTC/USDC", "BTC/USD") if name in exchange.markets]
    return spot[0] if spot else next(iter(exchange.markets))


Auth, Denied, Nonce = ccxt.AuthenticationError, ccxt.PermissionDenied, ccxt.InvalidNonce

#: Streams of one's own futures are told where there are listen keys: `test_listen_keys.py`.
LISTEN_KEY = "opens its stream with a listen key"

VENUES = [
    Venue(
        "binanceusdm",
        "binance",
        "HS256",
        "binance-hmac",
        Auth,
        Nonce,
        Auth,
        Nonce,
        no_orders=LISTEN_KEY,
        label="binance-usdm",
    ),
    Venue("bybit", "bybit", "HS256", "bybit-hmac", Auth, Nonce, Denied, ccxt.BadRequest),
    Venue("bybit", "bybit", "RS256", "bybit-rsa", Auth, Nonce, Denied, ccxt.BadRequest, no_pro="ccxt.pro signs its login with HMAC only"),
    Venue("okx", "okx", "HS256", "okx", Auth, Nonce, Auth, Nonce),
    Venue("kraken", "kraken", "HS512", "kraken", Auth, None, Denied, Nonce, no_clock="no time is signed, only a nonce"),
    Venue(
        "bitfinex",
        "bitfinex",
        "HS384",
        "bitfinex",
        Auth,
        None,
        Denied,
        Nonce,
        no_clock="no time is signed, only a nonce",
        login_first=True,
    ),
    Venue(
        "gemini",
        "gemini",
        "HS384",
        "gemini",
        Auth,
        None,
        # ccxt knows the venue's word for it, and reads it as a failed login.
        Auth,
        Nonce,
        no_clock="no time is signed, only a nonce",
        no_ticker="ccxt.pro has no ticker stream for Gemini",
        no_orders="ccxt.pro sends its proof with no handshake in Python: it takes the headers back before it connects",
        # Markets with their steps come from the API; by default ccxt reads them from the venue's web pages.
        options={"fetchCurrencies": {"webApiEnable": False}, "fetchMarketsFromAPI": {"fetchDetailsForAllSymbols": True}},
    ),
    Venue(
        "krakenfutures",
        "kraken-futures",
        "HS512",
        "kraken-futures",
        Auth,
        None,
        Auth,
        None,
        no_clock="no time is signed",
        no_replay="ccxt signs no nonce here, and the venue takes such a request any number of times",
    ),
    Venue("deribit", "deribit", "HS256", "deribit-hmac", Auth, Auth, Denied, Auth),
    Venue("coinbase", "coinbase", "ES256", "coinbase-es256", Auth, Auth, Denied, Auth),
    Venue("coinbase", "coinbase", "Ed25519", "coinbase-ed25519", Auth, Auth, Denied, Auth, no_pro="ccxt.pro makes ES256 tokens only"),
    Venue("gate", "gate", "HS512", "gate", Auth, Auth, Denied, ccxt.InvalidOrder),
    Venue("kucoin", "kucoin", "HS256", "kucoin", Auth, Nonce, Auth, Nonce, depth=20),
    Venue("coinbaseexchange", "coinbase-exchange", "HS256", "coinbase-exchange", Auth, Auth, ccxt.ExchangeNotAvailable, ccxt.ExchangeError, ws={"": "/coinbase-exchange/ws"}),
    Venue(
        "hyperliquid",
        "hyperliquid",
        "ES256K-R",
        "hyperliquid",
        # ccxt reads "does not exist" of the unknown wallet as an order that does not.
        ccxt.InvalidOrder,
        None,
        ccxt.ExchangeError,
        ccxt.ExchangeError,
        ws={"public": "/hyperliquid/ws"},
        no_clock="the nonce is a time, and the venue takes two days",
    ),
]
