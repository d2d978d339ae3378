"""What a proxy asks with bodies that are on their way: many clients come through it, and it is no stranger."""

import contextlib

from harness.authz import AuthzServer, Plain, ask
from harness.h2raw import DATA, END_HEADERS, END_STREAM, H2, HEADERS, PREFACE, SETTINGS, block, frame, status
from harness.venue import CountingVenue

#: As many requests of strangers wait at one worker: 64 MiB of 32 KiB each.
STRANGERS_WAITING = 2048
STREAMS = 1000
TARGET = "/authz/envoy/api/v3/order"


class FromProxy(H2):
    """A connection of HTTP/2 to the authz port, without TLS."""

    def __init__(self, port):
        self.connection = Plain(port)
        self.connection.send(PREFACE + frame(SETTINGS))


def test_bodies_that_a_proxy_asks_with_wait_beside_those_of_strangers(tmp_path):
    """Else whoever begins many bodies at the gateway, or behind the proxy, would leave the proxy's clients no place."""
    with CountingVenue() as venue, contextlib.ExitStack() as opened:
        server = AuthzServer(tmp_path, venue.port)
        server.arguments += ["--set", "workers=1"]
        opened.enter_context(server)
        alone = ask(server.authz_port, "POST", TARGET, [("Host", "localhost")], b"abc").status
        head = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", TARGET)]
        for _ in range(STRANGERS_WAITING // STREAMS + 1):
            proxy = opened.enter_context(FromProxy(server.authz_port))
            for number in range(STREAMS):
                stream = 1 + 2 * number
                proxy.send(frame(HEADERS, END_HEADERS, stream, block(head)) + frame(DATA, 0, stream, b"a"))
        proxy.send(frame(DATA, END_STREAM, stream, b"bc"))
        outcome, headers = proxy.outcome(stream)
        assert (outcome, status(headers)) == ("answered", alone)
