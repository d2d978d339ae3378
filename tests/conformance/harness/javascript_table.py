"""The JavaScript clients under test, and what each throws at the venue.

Where the expectation comes from is said in each entry, as in `sdk_table`: the client's source decides the class, the venue's document the code.
A client that throws what is no class shows its caller an object, `(object)`, or hands the venue's answer over, `(returned)`.
"""

from dataclasses import dataclass, replace

from .sdk_table import NO_CLOCK, RETURNED, Vendor, refusals
from .venues import LISTEN_KEY, VENUES, Auth, Nonce, Venue

OBJECT = "(object)"
SPOT = "@binance/spot.{}Error"
NO_STREAMS = {operation: "the client has no streams" for operation in ("ticker stream", "order stream")}


@dataclass(frozen=True)
class Script(Vendor):
    """One JavaScript client with one kind of key."""

    #: Whether it can change an order that rests.
    amends: bool = False

    @property
    def name(self):
        return f"npm:{self.package} ({self.kind})"


def in_javascript(venue):
    """What differs: the WebSocket of Gemini is opened with the proof that Python's takes back before."""
    return replace(venue, no_orders="", login_first=True) if venue.cls == "gemini" else venue


def ccxt(venue):
    """A class of ccxt in JavaScript. It is generated from the same source as in Python, and so are the errors that it knows a venue's words as."""

    def thrown(kind, reason=""):
        return (f"ccxt.{kind.__name__}", "") if kind else reason

    reasons = {"ticker stream": venue.no_pro or venue.no_ticker, "order stream": venue.no_pro or venue.no_orders}
    more = {"cls": venue.cls, "options": venue.options, "depth": venue.depth, "login_first": venue.login_first}
    if venue.ws:
        # Only the path counts.
        ws = {name: f"wss://gateway{path}" for name, path in venue.ws.items()}
        more["ws"] = ws.get("", ws)
    return Script(
        "ccxt",
        f"ccxt.{venue.cls}",
        venue.purpose,
        venue.kind,
        thrown(venue.wrong_secret),
        thrown(venue.stale, venue.no_clock),
        thrown(venue.scope),
        thrown(venue.replay, venue.no_replay),
        lacks={operation: reason for operation, reason in reasons.items() if reason},
        more=more,
    )


#: Told of in Python by tests of its own (`test_ccxt.py`).
BINANCE = Venue("binance", "binance", "HS256", "binance-hmac", Auth, Nonce, Auth, Nonce)

SCRIPTS = [
    *map(ccxt, [BINANCE, *map(in_javascript, VENUES)]),
    # `binance` throws the venue's number in an object for any status (its BaseRestClient.js, parseException).
    *(Script("binance", "binance", "binance", kind, *refusals(OBJECT)) for kind in ("HS256", "Ed25519", "RS256")),
    Script(
        "binance_usdm",
        "binance.USDMClient",
        "binance",
        "HS256",
        *refusals(OBJECT),
        lacks={"order stream": LISTEN_KEY},
        amends=True,
    ),
    # `@binance/spot` has a class for each status (@binance/common, its axios wrapper).
    *(
        Script("binance_spot", "@binance/spot", "binance", kind, *refusals(SPOT.format("BadRequest"), SPOT.format("Unauthorized")), amends=True)
        for kind in ("HS256", "Ed25519")
    ),
    # bybit-api hands the body over whatever it says, unless told otherwise (its BaseRestClient.js, throwExceptions).
    *(
        Script("bybit", "bybit-api", "bybit", kind, (RETURNED, "10004"), (RETURNED, "10002"), (RETURNED, "10005"), (RETURNED, "10014"), amends=True)
        for kind in ("HS256", "RS256")
    ),
    # coinbase-api throws the status in an object (its BaseRestClient.js, parseException).
    *(
        Script("coinbase", "coinbase-api", "coinbase", kind, (OBJECT, "401"), (OBJECT, "401"), (OBJECT, "403"), (OBJECT, "401"), amends=True)
        for kind in ("ES256", "Ed25519")
    ),
    Script("coinbase_exchange", "coinbase-api", "coinbase-exchange", "HS256", (OBJECT, "401"), (OBJECT, "401"), (OBJECT, "403"), (OBJECT, "400")),
    # gateio-api throws an object with the body inside (likewise); labels: Gate v4, "Error Handling".
    Script(
        "gate",
        "gateio-api",
        "gate",
        "HS512",
        (OBJECT, "INVALID_SIGNATURE"),
        (OBJECT, "REQUEST_EXPIRED"),
        (OBJECT, "FORBIDDEN"),
        (OBJECT, "REPEATED_CREATION"),
        amends=True,
    ),
    # `hyperliquid` hands a refused action over, as the venue answers it with 200.
    Script(
        "hyperliquid",
        "hyperliquid",
        "hyperliquid",
        "ES256K-R",
        (RETURNED, "User or API Wallet does not exist."),
        "the nonce is a time, and the venue takes two days",
        (RETURNED, "The API wallet is not allowed to do this."),
        (RETURNED, "Invalid nonce: duplicate nonce"),
    ),
    # kraken-api throws an Error with the venue's words but their first letter (its kraken.js, rawRequest).
    Script(
        "kraken",
        "kraken-api",
        "kraken",
        "HS512",
        ("Error", "API:Invalid key"),
        NO_CLOCK,
        ("Error", "General:Permission denied"),
        ("Error", "API:Invalid nonce"),
        lacks=NO_STREAMS,
    ),
    # okx-api throws the body (its BaseRestClient.js, parseException); numbers: OKX v5, "Error Code".
    Script("okx", "okx-api", "okx", "HS256", (OBJECT, "50113"), (OBJECT, "50102"), (OBJECT, "50114"), (OBJECT, "50102"), amends=True),
]
