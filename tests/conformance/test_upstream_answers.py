"""A venue that answers wrongly: its connection is dropped, its client gets 502 or the end of the stream, and no other client gets a byte of it."""

import socket
import threading

import pytest

from harness import raw
from harness.h2raw import END_STREAM, HEADERS, H2
from harness.raw import Closed, Connection
from harness.server import Server

CONFIGURATION = """
[limits]
upstream_response_timeout = "30s"
upstream_silence_max = "1s"

[upstream.venue]
url = "http://127.0.0.1:{port}"

[[route]]
name = "open"
path = "/open"
methods = ["GET", "POST"]
public = true
"""

CHUNKED_BODY = b"3\r\nabc\r\n0\r\n\r\n"
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"


class Scripted:
    """Answers `?good=NAME` with the name, and everything else with the bytes it was told, before the body at `?early`; then closes where it
    was told."""

    def __init__(self):
        self.answer, self.closes = b"", False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                fields = dict(each.strip().lower().split(b": ", 1) for each in iter(stream.readline, b"\r\n"))
                if b"early" not in line:
                    stream.read(int(fields.get(b"content-length", 0)))
                if b"good=" in line:
                    name = line.split(b"good=")[1].split(b" ")[0]
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(name) + name)
                    continue
                connection.sendall(self.answer)
                if self.closes:
                    return

    def close(self):
        self.listener.close()


@pytest.fixture(scope="module")
def venue():
    running = Scripted()
    yield running
    running.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, venue):
    folder = tmp_path_factory.mktemp("answered")
    config = folder / "gateway.toml"
    config.write_text(CONFIGURATION.format(port=venue.port))
    with Server(folder / "state", config=config) as running:
        yield running


def plain(server, target):
    return raw.ask(server, "GET", target)


def chunked(server, target):
    """Not for the short way."""
    head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return raw.exchange(server, head + CHUNKED_BODY)


WAYS = {"plain": plain, "chunked": chunked}


def length(fields, body=b"okEVIL"):
    return b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + body


REFUSED = {
    "two lengths": length(b"Content-Length: 2\r\nContent-Length: 6\r\n"),
    "the same length twice": length(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"ok"),
    "a length and chunks": length(b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + EVIL),
    "another coding": length(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "chunked twice": length(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": length(b"Content-Length : 2\r\n"),
    "a folded field": length(b"X-A: b\r\n c\r\nContent-Length: 2\r\n"),
    "NUL in a value": length(b"X-A: b\0c\r\nContent-Length: 2\r\n"),
    "CR in a value": length(b"X-A: b\rSet-Cookie: a=b\r\nContent-Length: 2\r\n"),
    "no HTTP": b"SSH-2.0-x\r\n\r\n",
    "no status": b"HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\nok",
    "a head without end": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 300_000,
    "an unasked 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + EVIL,
}


def nobody_else_is_harmed(server):
    for number in range(4):
        for name, way in WAYS.items():
            answer = way(server, f"/open?good={name}{number}")
            assert (answer.status, answer.body) == (200, f"{name}{number}".encode())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REFUSED)
def test_an_answer_with_two_readings_or_none_is_a_bad_gateway(server, venue, name, way):
    venue.answer, venue.closes = REFUSED[name], False
    assert WAYS[way](server, "/open?bad").status == 502
    nobody_else_is_harmed(server)


BROKEN_OFF = {
    "chunks that are none": length(b"Transfer-Encoding: chunked\r\n", b"zz\r\nabc\r\n"),
    "half a chunk": length(b"Transfer-Encoding: chunked\r\n", b"5\r\nab"),
    "half a body": length(b"Content-Length: 10\r\n", b"ab"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", BROKEN_OFF)
def test_an_answer_that_breaks_off_is_seen_to_break_off(server, venue, name, way):
    venue.answer, venue.closes = BROKEN_OFF[name], True
    with pytest.raises(Closed):
        WAYS[way](server, "/open?bad")
    nobody_else_is_harmed(server)


@pytest.mark.parametrize("way", WAYS)
def test_an_upstream_that_falls_silent_in_an_answer_is_given_up(server, venue, way):
    """Its client may be gone, and would hold a place for ever."""
    venue.answer, venue.closes = BROKEN_OFF["half a body"], False
    with pytest.raises(Closed):
        WAYS[way](server, "/open?bad")
    nobody_else_is_harmed(server)


LONGER = {
    "two answers": length(b"Content-Length: 2\r\n", b"ok" + EVIL),
    "more than its length": length(b"Content-Length: 2\r\n"),
    "more than its chunks": length(b"Transfer-Encoding: chunked\r\n", b"2\r\nok\r\n0\r\n\r\n" + EVIL),
    "trailers": length(b"Transfer-Encoding: chunked\r\n", b"2\r\nok\r\n0\r\nCountersign-Correlation: forged\r\n\r\n"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", LONGER)
def test_what_follows_an_answer_reaches_nobody(server, venue, name, way):
    venue.answer, venue.closes = LONGER[name], False
    answer = WAYS[way](server, "/open?bad")
    assert (answer.status, answer.body) == (200, b"ok")
    assert "forged" not in str(answer.headers)
    nobody_else_is_harmed(server)


def test_trailers_of_an_upstream_end_here(server, venue):
    venue.answer, venue.closes = LONGER["trailers"], False
    heads, ended = [], False
    with H2(server) as connection:
        connection.request(1, [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/open?bad")])
        while not ended:
            kind, flags, stream, payload = connection.next()
            if stream == 1 and kind == HEADERS:
                heads.append(payload)
            ended = stream == 1 and bool(flags & END_STREAM)
    assert len(heads) == 1
    nobody_else_is_harmed(server)


def test_no_content_has_no_length_in_http2(server, venue):
    """Clients of HTTP/2 count: a length and nothing behind it is an attack to them."""
    venue.answer, venue.closes = b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nEVIL", False
    with H2(server) as connection:
        connection.request(1, [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/open?bad")])
        outcome, headers = connection.outcome(1)
    # 0x0f 0x0d: a literal whose name is entry 28 of the static table, content-length.
    assert outcome == "answered" and headers[0] == 0x89 and b"\x0f\x0d" not in headers
    nobody_else_is_harmed(server)


def test_an_answer_before_its_question_was_sent_whole_goes_to_its_client_alone(server, venue):
    venue.answer, venue.closes = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad", True
    with Connection(server) as connection:
        try:
            connection.send(b"POST /open?early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n" + b"a" * 900_000)
            assert connection.answer().status in (400, 502)
        except (Closed, OSError):
            pass
    nobody_else_is_harmed(server)
