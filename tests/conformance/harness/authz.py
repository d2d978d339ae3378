"""A gateway whose authz port is on, and plain HTTP to that port."""

import re
import socket
import subprocess

from .raw import Connection
from .server import BINARY, Server, environment

CONFIGURATION = """
[authz]
address = "127.0.0.1:0"
{authz}
[upstream.venue]
url = "http://127.0.0.1:{venue}"

[[route]]
builtin = "binance"
upstream = "venue"

[[route]]
builtin = "okx"
upstream = "venue"

[[route]]
builtin = "deribit"
upstream = "venue"
"""
PROXIES = re.compile(r"^  proxies\s+127\.0\.0\.1:([0-9]+)")


class AuthzServer(Server):
    """One `countersign serve` with an authz port."""

    def __init__(self, folder, venue_port, authz=""):
        config = folder / "gateway.toml"
        config.write_text(CONFIGURATION.format(venue=venue_port, authz=authz))
        super().__init__(folder / "state", config=config)

    @property
    def authz_port(self):
        return next(int(match.group(1)) for line in self.lines if (match := PROXIES.match(line)))


class Plain(Connection):
    """One TCP connection to the authz port."""

    def __init__(self, port, timeout=15):
        self.tls = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.buffer = b""


def ask(port, method, target, headers, body=b""):
    """One question of a proxy, and the answer."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
    with Plain(port) as connection:
        connection.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return connection.answer()


class PaperVenue:
    """`countersign venue` in a process of its own, trusting the keys of one gateway."""

    def __init__(self, port, jwks):
        self.port = port
        command = [str(BINARY), "venue", "--listen", f"127.0.0.1:{port}", "--jwks", str(jwks)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment())
        ready = self.process.stdout.readline()
        assert ready.startswith("ready: http://127.0.0.1:"), ready
        self.port = int(ready.strip().rsplit(":", 1)[1])

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.process.stdout.close()
