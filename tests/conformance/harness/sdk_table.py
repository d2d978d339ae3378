"""The vendor SDKs under test, and what each raises at the venue: exception class and the venue's own code.

Where the expectation comes from is said in each entry: the SDK's source decides the class, the venue's document the code.
An SDK that raises nothing returns the venue's answer to its caller; its class is written `(returned)`.
"""

import json
import sys
from dataclasses import dataclass, field

from .clients import with_wrong_secret
from .sdk import BITMEX_PYTHON, COINBASE_PYTHON, Sdk
from .server import run
from .venues import LISTEN_KEY

RETURNED = "(returned)"
CLOCK_SECONDS = -200


@dataclass(frozen=True)
class Vendor:
    """One SDK with one kind of key."""

    module: str
    package: str
    purpose: str
    kind: str
    #: What each refusal raises at the venue: class and code; a text is the reason why there is no such refusal.
    wrong_secret: tuple
    wrong_clock: tuple | str
    missing_scope: tuple
    replay: tuple | str
    #: Operations that the SDK does not have, and why.
    lacks: dict = field(default_factory=dict)
    #: Told to the SDK with its key.
    more: dict = field(default_factory=dict)
    python: str = sys.executable

    @property
    def name(self):
        extra = f", {self.more['http_auth']}" if "http_auth" in self.more else ""
        return f"{self.package} ({self.kind}{extra})"

    def key(self, server, *scopes):
        """A key of its own: two clients with one key would push each other's nonces away."""
        wanted = ["--scopes", ",".join(scopes)] if scopes else []
        done = run("key", "new", "--state", server.state, "--account", "demo", "--purpose", self.purpose, "--kind", self.kind, *wanted)
        assert done.returncode == 0, done.stderr
        return {**json.loads(done.stdout), **self.more}

    def read_only(self, server):
        return self.key(server, "md:read", "account:read", "order:read")

    def wrong(self, server, record):
        """The same key with another's secret; where the signature names the key, a key that nobody has registered."""
        if "private_key" in record:
            return {**record, "private_key": "0x" + "17" * 32}
        return {**with_wrong_secret(record), **self.more}

    def start(self, server, record, clock=0):
        return Sdk(self.module, server, record, clock, self.python)


BYBIT = "pybit.exceptions.InvalidRequestError"
KRAKEN = "kraken.exceptions.Kraken{}Error"
HTTP = "requests.exceptions.HTTPError"
DERIBIT_AUTH = "typed_core.exceptions.AuthError"
GATE = "gate_api.exceptions.GateApiException"
NO_CLOCK = "no time is signed, only a nonce"
NO_SESSION = "the client makes a session of its own for each request, and nothing can send one of them twice"

PYTHON_BINANCE = "binance.exceptions.BinanceAPIException"
CONNECTOR = "binance.error.ClientError"
SDK_ERROR = "binance_common.errors.{}Error"


def binance(module, package, kind, wrong_secret, wrong_clock, missing_scope, replay, **more):
    """One of the Binance clients; numbers: Binance spot, "Errors"."""
    return Vendor(module, package, "binance", kind, wrong_secret, wrong_clock, missing_scope, replay, **more)


def refusals(kind, unauthorized=None):
    """What a client raises that has one class for all, or one for status 400 and one for 401."""
    return (kind, "-1022"), (kind, "-1021"), (unauthorized or kind, "-2015"), (kind, "-1021")


#: Of the clients of USD-M futures, those that show their listen key when they open a stream; the others subscribe to it on a stream of market data.
LISTENERS = {"binance_futures_python"}
SUBSCRIBES = "the client subscribes to its listen key on a stream that is open; the gateway reads no frames of those, and takes a listen key in the handshake only"

#: The clients of Binance's USD-M futures. The connector's files and those of the spot connector are the same: it lives elsewhere.
FUTURES = [
    ("binance_futures_python", "python-binance.futures", "HS256", refusals(PYTHON_BINANCE), {}),
    ("binance_futures_connector", "binance-futures-connector", "HS256", refusals(CONNECTOR), {"python": BITMEX_PYTHON}),
    (
        "binance_futures_sdk",
        "binance-sdk-derivatives-trading-usds-futures",
        "Ed25519",
        refusals(SDK_ERROR.format("BadRequest"), SDK_ERROR.format("Unauthorized")),
        {},
    ),
]

VENDORS = [
    # ccxt 4.4.100 knows "Signature not valid" and "Access Denied" (its bitmex.py, exceptions), and has one class for all it does not know.
    Vendor(
        "bitmex_ccxt",
        "ccxt.bitmex",
        "bitmex",
        "HS256",
        ("ccxt.base.errors.AuthenticationError", ""),
        ("ccxt.base.errors.ExchangeError", ""),
        ("ccxt.base.errors.PermissionDenied", ""),
        ("ccxt.base.errors.ExchangeError", ""),
        python=BITMEX_PYTHON,
    ),
    *(binance("binance_python", "python-binance", kind, *refusals(PYTHON_BINANCE)) for kind in ("HS256", "Ed25519")),
    *(
        binance(
            "binance_connector",
            "binance-connector",
            kind,
            *refusals(CONNECTOR),
            lacks={"order stream": "its user stream wants a listen key, which the venue switched off on 2026-02-20"},
        )
        for kind in ("HS256", "Ed25519")
    ),
    binance("binance_sdk", "binance-sdk-spot", "Ed25519", *refusals(SDK_ERROR.format("BadRequest"), SDK_ERROR.format("Unauthorized"))),
    *(
        binance(module, package, kind, *refusal, lacks={"order stream": LISTEN_KEY if module in LISTENERS else SUBSCRIBES}, **more)
        for module, package, kind, refusal, more in FUTURES
    ),
    # pybit raises InvalidRequestError for any retCode (its _handle_response); numbers: Bybit v5, "Error Codes".
    Vendor("bybit_pybit", "pybit", "bybit", "HS256", (BYBIT, "10004"), (BYBIT, "10002"), (BYBIT, "10005"), (BYBIT, "10014")),
    Vendor("bybit_pybit", "pybit", "bybit", "RS256", (BYBIT, "10004"), (BYBIT, "10002"), (BYBIT, "10005"), (BYBIT, "10014")),
    # python-okx hands the body over whatever it says (its okxclient.py); numbers: OKX v5, "Error Code".
    Vendor("okx_python", "python-okx", "okx", "HS256", (RETURNED, "50113"), (RETURNED, "50102"), (RETURNED, "50114"), (RETURNED, "50102")),
    # bitfinex-api-py has a class for the number of a failed login and one for the general number (its middleware.py), and shows neither.
    Vendor(
        "bitfinex_api",
        "bitfinex-api-py",
        "bitfinex",
        "HS384",
        ("bfxapi.exceptions.InvalidCredentialError", ""),
        NO_CLOCK,
        ("bfxapi.rest.exceptions.GenericError", ""),
        NO_SESSION,
        python=COINBASE_PYTHON,
    ),
    # gate-api raises one class for all that has a label (its api_client.py); labels: Gate v4, "Error handling".
    Vendor(
        "gate_python",
        "gate-api",
        "gate",
        "HS512",
        (GATE, "INVALID_SIGNATURE"),
        (GATE, "REQUEST_EXPIRED"),
        (GATE, "FORBIDDEN"),
        (GATE, "REPEATED_CREATION"),
        lacks={"ticker stream": "the SDK has no streams", "order stream": "the SDK has no streams"},
    ),
    # gemini-python hands the body over (its private_client.py); words: Gemini, "Error codes".
    Vendor(
        "gemini_python",
        "gemini-python",
        "gemini",
        "HS384",
        (RETURNED, "InvalidSignature"),
        NO_CLOCK,
        (RETURNED, "MissingRole"),
        NO_SESSION,
        lacks={"ticker stream": "the client's market stream is of the book alone"},
    ),
    # krakenex hands the body over (its api.py); words: Kraken, "API error messages".
    Vendor(
        "kraken_krakenex",
        "krakenex",
        "kraken",
        "HS512",
        (RETURNED, "EAPI:Invalid key"),
        NO_CLOCK,
        (RETURNED, "EGeneral:Permission denied"),
        (RETURNED, "EAPI:Invalid nonce"),
        lacks={"ticker stream": "the SDK has no streams", "order stream": "the SDK has no streams"},
    ),
    # python-kraken-sdk has one class per error word (its exceptions module).
    Vendor(
        "kraken_sdk",
        "python-kraken-sdk",
        "kraken",
        "HS512",
        (KRAKEN.format("InvalidAPIKey"), "EAPI:Invalid key"),
        NO_CLOCK,
        (KRAKEN.format("PermissionDenied"), "EGeneral:Permission denied"),
        (KRAKEN.format("InvalidNonce"), "EAPI:Invalid nonce"),
    ),
    # The SDK hands a refused action over (its api.py raises for HTTP statuses of 400 and more only; the venue answers 200).
    Vendor(
        "hyperliquid_python",
        "hyperliquid-python-sdk",
        "hyperliquid",
        "ES256K-R",
        (RETURNED, "User or API Wallet does not exist."),
        "the nonce is a time, and the venue takes two days",
        (RETURNED, "The API wallet is not allowed to do this."),
        (RETURNED, "Invalid nonce: duplicate nonce"),
    ),
    # coinbase-advanced-py raises HTTPError for any status of 400 and more (its rest_base.py); statuses: Coinbase, "Errors".
    Vendor(
        "coinbase_advanced",
        "coinbase-advanced-py",
        "coinbase",
        "ES256",
        (HTTP, "401"),
        (HTTP, "401"),
        (HTTP, "403"),
        (HTTP, "401"),
        python=COINBASE_PYTHON,
    ),
    Vendor(
        "coinbase_advanced",
        "coinbase-advanced-py",
        "coinbase",
        "Ed25519",
        (HTTP, "401"),
        (HTTP, "401"),
        (HTTP, "403"),
        (HTTP, "401"),
        python=COINBASE_PYTHON,
    ),
    # typed-deribit raises AuthError for 13009 and ApiError for numbers that it has no class for, 13004 and 13021 among them (envelope.py).
    Vendor(
        "deribit_typed",
        "typed-deribit",
        "deribit",
        "HS256",
        ("typed_core.exceptions.ApiError", "13004"),
        "a token and a secret sign no time",
        ("typed_core.exceptions.ApiError", "13021"),
        "a bearer token may be shown any number of times",
    ),
    Vendor(
        "deribit_typed",
        "typed-deribit",
        "deribit",
        "HS256",
        (DERIBIT_AUTH, "13009"),
        (DERIBIT_AUTH, "13009"),
        ("typed_core.exceptions.ApiError", "13021"),
        (DERIBIT_AUTH, "13009"),
        more={"http_auth": "hmac"},
    ),
]
