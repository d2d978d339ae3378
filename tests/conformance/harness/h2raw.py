"""HTTP/2 by hand: frames and uncompressed headers (RFC 9113, RFC 7541), for what no library would send."""

import struct

from .raw import Closed, Connection

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(value, prefix):
    """An HPACK integer with its prefix bits zero."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([value])
    out, value = [limit], value - limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def literal(name, value):
    """A header that is never indexed, neither name nor value compressed."""
    name, value = (part.encode("latin-1") if isinstance(part, str) else part for part in (name, value))
    return b"\x10" + integer(len(name), 7) + name + integer(len(value), 7) + value


def block(headers):
    return b"".join(literal(name, value) for name, value in headers)


class H2:
    """A connection after the preface and the first SETTINGS."""

    def __init__(self, server):
        self.connection = Connection(server, alpn=("h2",))
        assert self.connection.tls.selected_alpn_protocol() == "h2"
        self.connection.send(PREFACE + frame(SETTINGS))

    def send(self, *frames):
        self.connection.send(b"".join(frames))

    def request(self, stream, headers, body=None):
        flags = END_HEADERS | (END_STREAM if body is None else 0)
        self.send(frame(HEADERS, flags, stream, block(headers)))
        if body is not None:
            self.send(frame(DATA, END_STREAM, stream, body))

    def next(self):
        """The next frame as (kind, flags, stream, payload)."""
        head = self.connection.read_exactly(9)
        length = int.from_bytes(head[:3], "big")
        return head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, self.connection.read_exactly(length)

    def outcome(self, stream):
        """How a stream ends: its status bytes, `reset`, `goaway` or `closed`."""
        headers = None
        try:
            while True:
                kind, flags, on, payload = self.next()
                if kind == SETTINGS and not flags & ACK:
                    self.send(frame(SETTINGS, ACK))
                elif kind == PING and not flags & ACK:
                    self.send(frame(PING, ACK, 0, payload))
                elif kind == GOAWAY:
                    return "goaway", payload
                elif kind == RST_STREAM and on == stream:
                    return "reset", payload
                elif kind == HEADERS and on == stream:
                    headers = payload
                    if flags & END_STREAM:
                        return "answered", headers
                elif kind == DATA and on == stream and flags & END_STREAM:
                    return "answered", headers
        except (Closed, OSError):
            return "closed", headers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


# First bytes of a response's header block when :status is one of the statically indexed ones (RFC 7541, appendix A).
STATIC_STATUS = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}


def status(headers):
    """The status in a response's header block; None when it is not a statically indexed one."""
    at = 0
    while headers and headers[at] & 0xE0 == 0x20:  # dynamic table size updates come first
        at += 1
    return STATIC_STATUS.get(headers[at]) if headers else None
