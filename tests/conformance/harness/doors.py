"""A client at each door through which orders come: HTTP/1.1, HTTP/2, a proxy's question, a WebSocket, a native session and FIX."""

import json

from . import raw
from .authz import PROXIES, Plain
from .binance import ORDER, Key
from .cluster import Client
from .fix import FixClient, binance_logon, limit_order
from .h2raw import H2, status
from .operators import known_to_all
from .server import run
from .streams import open_websocket

NATIVE = {"op": "order.place", "sym": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.01", "px": "1000.00"}
PATIENT = {"recvWindow": 60_000}


class Doors:
    """A client at each door of a node, which has logged in; `opened` closes them."""

    EVERY = {"rest", "http2", "authz", "socket", "native", "fix"}

    def __init__(self, server, folder, opened):
        self.server, self.count = server, 0
        done = run("account", "new", "desk", "--state", server.state)
        assert done.returncode == 0, done.stderr
        keys = {name: self.made(folder, *name) for name in (("binance", "HS256"), ("binance", "Ed25519"), ("native", "Ed25519"))}
        known_to_all([self])
        hmac, ed25519, native = keys.values()
        self.key = Key(json.loads(hmac.read_text()))
        self.rest = opened.enter_context(raw.Connection(server))
        self.http2 = opened.enter_context(H2(server))
        authz_port = next(int(match.group(1)) for line in server.lines if (match := PROXIES.match(line)))
        self.authz = opened.enter_context(Plain(authz_port, 60))
        self.socket = opened.enter_context(open_websocket(server, "/ws-api/v3", ping_interval=None))
        self.native = opened.enter_context(Client(server.port, native))
        self.native.ask({"op": "ticker", "sym": "BTCUSDT", "id": "first"})
        self.fix_key, self.opened = json.loads(ed25519.read_text()), opened
        self.fix = opened.enter_context(FixClient(server, "STILL", "SPOT"))
        binance_logon(self.fix, self.fix_key)
        self.fix.expect("A")

    def close(self):
        """Nobody keeps a connection that has had its answer; the native client says that it leaves."""
        self.native.process.stdin.close()
        self.native.process.wait(60)
        for connection in (self.rest, self.http2.connection, self.authz, self.socket, self.fix):
            connection.close()

    def log_out(self):
        """Answers the Logout that the FIX session is told; the names of the orders that were reported before it."""
        told = set()
        while (message := self.fix.read()).get(35) != b"5":
            if message.get(35) == b"8":
                told.add(message.get(11).decode())
        self.fix.send("5")
        return told

    def log_on_again(self):
        """The FIX session goes on over another connection."""
        self.fix = self.opened.enter_context(FixClient(self.server, "STILL", "SPOT", next_out=self.fix.next_out))
        binance_logon(self.fix, self.fix_key, reset=False)

    def made(self, folder, purpose, kind):
        """The file of a new key."""
        file = folder / f"{purpose}-{kind}.json"
        made = ["--account", "desk", "--purpose", purpose, "--kind", kind, "--scopes", "order:write,order:read,account:read,md:read"]
        done = run("key", "new", *made, "--out", file, "--state", self.server.state)
        assert done.returncode == 0, done.stderr
        return file

    def send(self):
        """An order at each; nobody waits for the answer."""
        self.count += 1
        name = lambda door: f"{door}-{self.count}"
        order = lambda door: {**ORDER, **PATIENT, "newClientOrderId": name(door)}
        self.rest.send(self.key.bytes(self.server, "POST", "/api/v3/order", **order("rest")))
        target = f"/authz/envoy/api/v3/order?{self.key.signed(**order('authz'))}"
        stream = 2 * self.count - 1
        h2_target = f"/api/v3/order?{self.key.signed(**order('http2'))}"
        head = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", h2_target), ("x-mbx-apikey", self.key.api_key)]
        self.http2.request(stream, head)
        head = ["Host: localhost", f"X-MBX-APIKEY: {self.key.api_key}", "X-Forwarded-For: 192.0.2.7", "Content-Length: 0"]
        self.authz.send("\r\n".join([f"POST {target} HTTP/1.1", *head, "", ""]).encode())
        self.socket.send(self.key.frame("order.place", id=self.count, **order("socket")))
        self.native.send({**NATIVE, "id": name("native")})
        self.fix.send("D", limit_order(name("fix"), price="1000.00"))

    def passed(self, *but):
        """Which of them were let through; those that are not asked about were not."""
        native = self.native.until(lambda line: f"native-{self.count}" in (line.get("re"), line.get("err", {}).get("re")))
        told = {
            "rest": self.rest.answer().status == 200,
            "http2": self.http2_passed(),
            "authz": self.authz.answer().status == 200,
            "socket": self.on_socket()["status"] == 200,
            "native": "err" not in native,
            "fix": "fix" not in but and self.reported(f"fix-{self.count}"),
        }
        return {door for door, is_through in told.items() if is_through}

    def on_socket(self):
        """The answer on the WebSocket; a shutdown is told before it."""
        while (frame := json.loads(self.socket.recv(60))).get("id") != self.count:
            pass
        return frame

    def http2_passed(self):
        stream = 2 * self.count - 1
        outcome, headers = self.http2.outcome(stream)
        # Who is told that no more streams are taken still gets the answers of those that were.
        while outcome == "goaway" and int.from_bytes(headers[:4], "big") >= stream:
            outcome, headers = self.http2.outcome(stream)
        assert outcome == "answered", (outcome, headers)
        return status(headers) == 200

    def reported(self, name):
        """Whether the FIX order rests; reports of the other doors' come, too, for the account is one."""
        while True:
            message = self.fix.read()
            assert message is not None, "the connection ended"
            if message.get(35) in (b"3", b"j"):
                return False
            if message.get(35) == b"8" and message.get(11).decode() == name:
                return message.get(39) == b"0"

    def resting(self):
        """How many orders the venue has of the account."""
        answer = self.key.ask(self.server, "GET", "/api/v3/openOrders", symbol="BTCUSDT", **PATIENT)
        return len(json.loads(answer.body)) if answer.status == 200 else None
