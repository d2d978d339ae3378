"""How each venue takes a Logon over FIX, who is asked to log on there, and what each refusal says."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from .clients import with_wrong_secret
from .fix import FixClient, binance_logon, coinbase_logon, deribit_logon, kraken_logon
from .fix_clients import Connector, QuickFix, SimpleFix
from .fix_native import BoundStream, certificate_logon, certified, context, native_logon
from .fixcore_client import FixCore
from .server import run


#: Binance says in its Reject which error it is, with the number of its REST API; a Logout follows where it was a Logon.
NUMBERS = {
    "wrong secret": ("Reject, Logout", "-1022"),
    "wrong clock": ("Reject, Logout", "-1021"),
    "missing scope": ("Reject", "-2015"),
    "replayed logon": ("Reject, Logout", "-1021"),
}
#: Deribit and Kraken answer with a Logout and its reason, by their documents; neither they nor Coinbase Exchange list the words.
WORDS = {
    "wrong secret": ("Logout", "Authentication failed."),
    "wrong clock": ("Logout", "The signed time is outside the receive window."),
    "missing scope": ("BusinessMessageReject", "scope.denied: The request is outside the granted scopes."),
    "replayed logon": ("Logout", "This signed request was already used."),
}


#: The gateway's own Logons are refused by a Reject, whose words are the same for every proof that fails.
FAILED = ("Reject, Logout", "auth.failed: Authentication failed.")
OWN = {"wrong secret": FAILED, "missing scope": WORDS["missing scope"], "replayed logon": FAILED}


@dataclass(frozen=True)
class Login:
    """One venue's Logon in one version of FIX."""

    purpose: str
    kind: str
    version: str
    target: str
    symbol: str
    #: How simplefix makes it; QuickFIX is told how in `quickfix_engine.py`, Binance's connector knows.
    log_on: Callable
    #: Its key is its name.
    named_by_key: bool = False
    #: Whether the venue has this version, too; the gateway takes every Logon in all.
    of_venue: bool = True
    #: Why no clock of the client's can be wrong.
    timeless: str = ""

    @property
    def refusals(self):
        """The kinds of messages, and the number or the words in the first of them."""
        return NUMBERS if self.purpose == "binance" else WORDS

    def sender(self, record):
        """A name for each key: a session of the same name may not be over yet, and has reports of its own to tell."""
        return record["api_key"] if self.named_by_key else record["api_key"][:8]

    def key(self, server, *scopes):
        """A new key of the demo account."""
        return json.loads(self.made(server, scopes, "--kind", self.kind))

    def made(self, server, scopes, *more):
        wanted = ["--scopes", ",".join(scopes)] if scopes else []
        done = run("key", "new", "--state", server.state, "--account", "demo", "--purpose", self.purpose, *wanted, *more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def context(self, server, record=None):
        """TLS as this client has it; as anybody has it without a record."""
        return context(server)

    def dial(self, server, record):
        """A connection of its own, for what has no tunnel."""
        return FixClient.dial(server, self.context(server, record))

    def read_only(self, server):
        """A key that may read but not trade."""
        return self.key(server, "md:read", "account:read", "order:read")

    @staticmethod
    def wrong(record):
        return with_wrong_secret(record)


class Certified(Login):
    """The certificate of the connection is the proof; the name of the session is that of its key."""

    #: Who shows the Logon again has no certificate.
    refusals = OWN | {"replayed logon": ("Reject, Logout", "auth.required: This request needs authentication.")}

    def key(self, server, *scopes):
        return certified(self.made(server, scopes))

    def context(self, server, record=None):
        return context(server, (record or {}).get("pem"))

    def sender(self, record):
        return record["name"]

    @staticmethod
    def wrong(record):
        """A name that is not in the certificate."""
        return {**record, "name": "OTHERFIRM"}


class Native(Login):
    """A token over the exporter value of the connection."""

    refusals = OWN

    def dial(self, server, record):
        return BoundStream(server)

    def sender(self, record):
        return record["kid"]


def coinbase_five(client, record):
    return coinbase_logon(client, record, [(553, record["api_key"]), (1137, "9")])


BINANCE = Login("binance", "Ed25519", "FIX.4.4", "SPOT", "BTCUSDT", binance_logon)
LOGINS = [
    BINANCE,
    Login("binance", "Ed25519", "FIX.4.2", "SPOT", "BTCUSDT", binance_logon, of_venue=False),
    Login("binance", "Ed25519", "FIXT.1.1", "SPOT", "BTCUSDT", binance_logon, of_venue=False),
    Login("coinbase-exchange", "HS256", "FIX.4.2", "Coinbase", "BTC-USDT", coinbase_logon, named_by_key=True),
    Login("coinbase-exchange", "HS256", "FIXT.1.1", "Coinbase", "BTC-USDT", coinbase_five),
    Login("deribit", "HS256", "FIX.4.4", "DERIBITSERVER", "BTC_USDT", deribit_logon),
    Login("kraken", "HS512", "FIX.4.4", "KRAKEN-TRD", "BTC/USDT", kraken_logon),
]


CERTIFICATE = Certified(
    "client-certificate", "ES256", "FIX.4.4", "COUNTERSIGN", "BTCUSDT", certificate_logon, timeless="the proof is the certificate of the connection, and the Logon signs no time"
)
NATIVE = Native(
    "native", "Ed25519", "FIX.4.4", "COUNTERSIGN", "BTCUSDT", native_logon, timeless="the token is of its connection and no other, and has no time in it"
)


@dataclass(frozen=True)
class Client:
    """One client with one Logon."""

    package: str
    make: type
    login: Login
    #: It leaves at the first message that is no Logon.
    leaves: bool = False

    @property
    def name(self):
        return f"{self.package} {self.login.version} ({self.login.kind})"

    def refusal(self, operation):
        """The kinds of messages that it is told, and the number or the words in the first of them."""
        kinds, words = self.login.refusals[operation]
        return (kinds.split(", ")[0] if self.leaves else kinds), words


CLIENTS = [
    Client("binance-fix-connector", Connector, BINANCE),
    *(Client("fixcore-engine", FixCore, login, leaves=True) for login in LOGINS if login.of_venue),
    *(Client("quickfix", QuickFix, login) for login in LOGINS),
    *(Client("simplefix", SimpleFix, login) for login in LOGINS if login.of_venue),
    Client("fixcore-engine", FixCore, CERTIFICATE, leaves=True),
    Client("quickfix", QuickFix, CERTIFICATE),
    Client("simplefix", SimpleFix, CERTIFICATE),
    # Engines behind a tunnel do not know the connection that the token must be bound to.
    Client("simplefix", SimpleFix, NATIVE),
]
