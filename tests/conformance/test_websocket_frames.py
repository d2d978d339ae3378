"""WebSocket frames that no library would send: each ends its connection or is answered, and nobody else notices (RFC 6455)."""

import os
import struct
import zlib

import pytest

from harness.raw import Closed, Connection, ask, request

PATHS = ["/ws-api/v3", "/ws/2", "/realtime", "/hyperliquid/ws", "/native/v1", "/ws/btcusdt@ticker"]
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MIB = 1 << 20


def upgrade(*more):
    return [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "YWFhYWFhYWFhYWFhYWFhYQ=="), *more]


def frame(opcode, payload=b"", final=True, reserved=0, masked=True, length=None):
    """One frame; `length` is what its head claims, in 64 bits."""
    first = (0x80 if final else 0) | reserved << 4 | opcode
    mask_bit = 0x80 if masked else 0
    if length is not None:
        head = struct.pack(">BBQ", first, mask_bit | 127, length)
    elif len(payload) < 126:
        head = struct.pack(">BB", first, mask_bit | len(payload))
    else:
        head = struct.pack(">BBH", first, mask_bit | 126, len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


class Upgraded(Connection):
    """A WebSocket by hand."""

    def __init__(self, server, path, *more):
        super().__init__(server)
        self.send(request(server, "GET", path, upgrade(*more)))
        self.head = self.read_until(b"\r\n\r\n")
        assert b" 101 " in self.head.split(b"\r\n")[0], self.head

    def frames(self, count):
        """The next frames, as opcode and payload."""
        found = []
        while len(found) < count:
            first, second = self.read_exactly(2)
            assert not second & 0x80, "a server masks nothing"
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(self.read_exactly(2 if size == 126 else 8), "big")
            found.append((first & 0xF, self.read_exactly(size)))
        return found


ENDS = {
    "not masked": frame(TEXT, b"{}", masked=False),
    "a reserved opcode": frame(3, b"{}"),
    "a reserved control opcode": frame(11),
    "a reserved bit": frame(TEXT, b"{}", reserved=1),
    "a compressed frame where nothing was agreed": frame(TEXT, zlib.compress(b"{}" * 1000), reserved=4),
    "a ping in pieces": frame(PING, b"a", final=False),
    "a close in pieces": frame(CLOSE, b"", final=False),
    "a long ping": frame(PING, b"a" * 126),
    "a continuation of nothing": frame(CONTINUATION, b"{}"),
    "a text in a text": frame(TEXT, b"{", final=False) + frame(TEXT, b"}"),
    "no UTF-8": frame(TEXT, b"\xff\xfe{}"),
    "half a character": frame(TEXT, b"\xe2\x82"),
    "a character in halves that is none": frame(TEXT, b"\xe2", final=False) + frame(CONTINUATION, b"\x28\xa1"),
    "a surrogate": frame(TEXT, b"\xed\xa0\x80"),
    "a close code of one byte": frame(CLOSE, b"\x03"),
    "a close code that is none": frame(CLOSE, struct.pack(">H", 999)),
    "a close code that is never sent": frame(CLOSE, struct.pack(">H", 1005)),
    "a close reason that is no UTF-8": frame(CLOSE, struct.pack(">H", 1000) + b"\xff"),
    "2^63 bytes announced": frame(TEXT, length=1 << 63),
    "2^62 bytes announced": frame(TEXT, length=1 << 62),
    "16 MiB announced": frame(TEXT, length=16 * MIB),
    "a binary frame": frame(BINARY, b"{}"),
    "TLS in TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 64,
    "a request": b"GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("name", ENDS)
def test_a_frame_against_the_rules_ends_its_connection(server, name):
    with Upgraded(server, "/ws-api/v3") as connection:
        connection.send(ENDS[name])
        assert connection.is_closed(20), name
    assert ask(server, "GET", "/api/v3/time").status == 200


@pytest.mark.parametrize("path", PATHS)
def test_no_socket_takes_what_is_not_masked(server, path):
    with Upgraded(server, path) as connection:
        connection.send(frame(TEXT, b"{}", masked=False))
        assert connection.is_closed(20)


@pytest.mark.parametrize("path", PATHS)
def test_no_socket_agrees_to_compression(server, path):
    """What is not inflated is no bomb."""
    offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
    with Upgraded(server, path, offer) as connection:
        assert b"sec-websocket-extensions" not in connection.head.lower()


def resident_mib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("path", PATHS)
def test_a_message_that_never_ends_is_given_up(server, path):
    """In pieces of any size: empty ones, too, of which no number makes a long message."""
    before = resident_mib(server)
    for piece, count in ((b"a" * 60_000, 60), (b"", 20_000)):
        with Upgraded(server, path) as connection:
            try:
                connection.send(frame(TEXT, b"{", final=False))
                burst = frame(CONTINUATION, piece, final=False) * max(1, 60_000 // (len(piece) + 6))
                for _ in range(max(1, count * (len(piece) + 6) // len(burst))):
                    connection.send(burst)
            except (Closed, OSError):
                pass
            assert ask(server, "GET", "/api/v3/time").status == 200
    assert resident_mib(server) - before < 24


def test_pings_without_end_cost_nothing(server):
    """Pongs that nobody reads are not heaped up."""
    before = resident_mib(server)
    with Upgraded(server, "/ws-api/v3") as connection:
        connection.tls.settimeout(5)
        try:
            for _ in range(40):
                connection.send(frame(PING, b"a" * 125) * 400)
        except (Closed, OSError):
            pass
        assert resident_mib(server) - before < 24
    assert ask(server, "GET", "/api/v3/time").status == 200


def test_control_frames_may_stand_in_a_message(server):
    text = b'{"id":1,"method":"ping"}'
    with Upgraded(server, "/ws-api/v3") as connection:
        connection.send(frame(TEXT, text[:5], final=False) + frame(PING, b"in") + frame(CONTINUATION, text[5:]))
        told = dict(connection.frames(2))
        assert told[PONG] == b"in" and b'"id":1' in told[TEXT]


BAD_UPGRADES = {
    "no key": [("Sec-WebSocket-Key", None)],
    "a short key": [("Sec-WebSocket-Key", "YWFh")],
    "a key that is no base64": [("Sec-WebSocket-Key", "!!!!aaaaaaaaaaaaaaaaaaaa")],
    "two keys": [("Sec-WebSocket-Key", "YWFhYWFhYWFhYWFhYWFhYQ=="), ("sec-websocket-key", "YmJiYmJiYmJiYmJiYmJiYg==")],
    "two versions": [("Sec-WebSocket-Version", "13"), ("sec-websocket-version", "8")],
    "another upgrade": [("Upgrade", "h2c")],
    "no connection": [("Connection", "close")],
    "a body": [("Content-Length", "5")],
    "a chunked body": [("Transfer-Encoding", "chunked")],
}


@pytest.mark.parametrize("name", BAD_UPGRADES)
def test_an_upgrade_with_two_readings_opens_nothing(server, name):
    changed = {each.lower() for each, _ in BAD_UPGRADES[name]}
    headers = [(each, value) for each, value in upgrade() if each.lower() not in changed]
    headers += [(each, value) for each, value in BAD_UPGRADES[name] if value is not None]
    with Connection(server) as connection:
        connection.send(request(server, "GET", "/ws-api/v3", headers))
        try:
            status = connection.answer().status
        except (Closed, TimeoutError):
            status = None
    assert status != 101, name


def test_an_upgrade_by_another_method_opens_nothing(server):
    assert ask(server, "POST", "/ws-api/v3", upgrade()).status in (400, 404, 405)
