"""Messages that two readers could read in two ways end at the gateway: refused, closed, and nothing of them reaches the venue."""

import time

import pytest

from harness.raw import Closed, Connection, request

SMUGGLED = b"GET /open?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def head(*lines, target=b"/open", method=b"POST", host=b"Host: localhost"):
    first = b"%s %s HTTP/1.1\r\n" % (method, target)
    return first + (host + b"\r\n" if host else b"") + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


CASES = {
    # where does the body end?
    "CL.TE": head(b"Content-Length: 6", b"Transfer-Encoding: chunked") + b"0\r\n\r\n" + SMUGGLED,
    "TE.CL": head(b"Transfer-Encoding: chunked", b"Content-Length: 4") + b"5c\r\n" + SMUGGLED,
    "TE.TE with another coding": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity") + b"0\r\n\r\n" + SMUGGLED,
    "TE twice": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"0\r\n\r\n" + SMUGGLED,
    "TE list": head(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n" + SMUGGLED,
    "TE chunked not last": head(b"Transfer-Encoding: chunked, identity") + b"0\r\n\r\n" + SMUGGLED,
    "TE xchunked": head(b"Transfer-Encoding: xchunked") + b"0\r\n\r\n" + SMUGGLED,
    "TE quoted": head(b'Transfer-Encoding: "chunked"') + b"0\r\n\r\n" + SMUGGLED,
    "TE vertical tab": head(b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n" + SMUGGLED,
    "TE space before colon": head(b"Transfer-Encoding : chunked", b"Content-Length: 5") + b"0\r\n\r\n" + SMUGGLED,
    "TE folded": head(b"Transfer-Encoding:\r\n chunked") + b"0\r\n\r\n" + SMUGGLED,
    "TE on GET with CL.0": head(b"Transfer-Encoding: chunked", b"Content-Length: 0", method=b"GET") + SMUGGLED,
    "two different lengths": head(b"Content-Length: 0", b"Content-Length: 44") + SMUGGLED,
    "two equal lengths": head(b"Content-Length: 3", b"Content-Length: 3") + b"abc",
    "length list": head(b"Content-Length: 3, 3") + b"abc",
    "length with plus": head(b"Content-Length: +3") + b"abc",
    "length negative": head(b"Content-Length: -1") + b"abc",
    "length hexadecimal": head(b"Content-Length: 0x3") + b"abc",
    "length with a space inside": head(b"Content-Length: 1 0") + b"abc",
    "length empty": head(b"Content-Length:") + b"abc",
    "length beyond 64 bits": head(b"Content-Length: 18446744073709551619") + b"abc",
    # chunks
    "chunk extension": head(b"Transfer-Encoding: chunked") + b"3;a=b\r\nabc\r\n0\r\n\r\n",
    "chunk extension with bare LF": head(b"Transfer-Encoding: chunked") + b"3;\nxx\r\nabc\r\n0\r\n\r\n",
    "chunk size with 0x": head(b"Transfer-Encoding: chunked") + b"0x3\r\nabc\r\n0\r\n\r\n",
    "chunk size with plus": head(b"Transfer-Encoding: chunked") + b"+3\r\nabc\r\n0\r\n\r\n",
    "chunk size with a leading space": head(b"Transfer-Encoding: chunked") + b" 3\r\nabc\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": head(b"Transfer-Encoding: chunked") + b"10000000000000003\r\nabc\r\n0\r\n\r\n",
    "chunk size empty": head(b"Transfer-Encoding: chunked") + b"\r\nabc\r\n0\r\n\r\n",
    "chunk ends with bare LF": head(b"Transfer-Encoding: chunked") + b"3\nabc\n0\n\n",
    "chunk without its CRLF": head(b"Transfer-Encoding: chunked") + b"3\r\nabcd\r\n0\r\n\r\n",
    "trailer": head(b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\nCountersign-Identity: root\r\n\r\n",
    # where do fields end?
    "folded field": head(b"X-A: b\r\n c", b"Content-Length: 0"),
    "field begins with a space": head(b" X-A: b", b"Content-Length: 0"),
    "space before colon": head(b"X-A : b", b"Content-Length: 0"),
    "no colon": head(b"X-A", b"Content-Length: 0"),
    "empty field name": head(b": b", b"Content-Length: 0"),
    "bare LF ends the line": b"POST /open HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n",
    "one bare LF": b"POST /open HTTP/1.1\r\nHost: localhost\nContent-Length: 0\r\n\r\n",
    "bare CR in a value": head(b"X-A: b\rc", b"Content-Length: 0"),
    "NUL in a value": head(b"X-A: b\0c", b"Content-Length: 0"),
    "NUL in a name": head(b"X-\0A: b", b"Content-Length: 0"),
    "control byte in a value": head(b"X-A: b\x01c", b"Content-Length: 0"),
    "parenthesis in a name": head(b"X(A): b", b"Content-Length: 0"),
    "obs-text in a name": head(b"X-\xe4: b", b"Content-Length: 0"),
    # the request line
    "two spaces in the request line": b"GET  /open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tab in the request line": b"GET\t/open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "space in the target": b"GET /open x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "NUL in the target": b"GET /open\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "fragment in the target": b"GET /open#a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "target without a slash": b"GET open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP/0.9": b"GET /open\r\n\r\n",
    "HTTP/1.2": b"GET /open HTTP/1.2\r\nHost: localhost\r\n\r\n",
    "HTTP/2.0 in text": b"GET /open HTTP/2.0\r\nHost: localhost\r\n\r\n",
    "lower-case version": b"GET /open http/1.1\r\nHost: localhost\r\n\r\n",
    "method with a bad byte": b"G(ET /open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n",
    "leading garbage": b"\0\0\0GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    # whose request is it?
    "no host": head(b"Content-Length: 0", host=b""),
    "two hosts": head(b"Host: evil.example", b"Content-Length: 0"),
    "two equal hosts": head(b"Host: localhost", b"Content-Length: 0"),
    "host list": head(b"Content-Length: 0", host=b"Host: localhost, evil.example"),
    "host with user": head(b"Content-Length: 0", host=b"Host: user@localhost"),
    "host with path": head(b"Content-Length: 0", host=b"Host: localhost/open"),
    "another host": head(b"Content-Length: 0", host=b"Host: evil.example"),
    "absolute form of another host": b"GET http://evil.example/open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute form without TLS": b"GET http://localhost/open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "host with a port beyond all ports": head(b"Content-Length: 0", host=b"Host: localhost:65536"),
    "absolute form that differs from Host": b"GET https://127.0.0.1/open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute form with user": b"GET https://a@localhost/open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    # too much
    "head of 100 KiB": head(b"X-A: " + b"a" * 100_000, b"Content-Length: 0"),
    "target of 40 KiB": b"GET /open?" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "1000 fields": head(*[b"X-%d: a" % number for number in range(1000)], b"Content-Length: 0"),
    "body larger than allowed": head(b"Content-Length: 2000000"),
    # other protocols
    "Upgrade to h2c": head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__", method=b"GET"),
}

REFUSED = {400, 404, 405, 408, 411, 413, 414, 421, 426, 431, 501, 505}


@pytest.mark.parametrize("name", CASES)
def test_ambiguous_bytes_are_refused_and_the_connection_closes(guarded, name):
    before = len(guarded.venue.seen)
    with Connection(guarded.server) as connection:
        try:
            connection.send(CASES[name])
            answer = connection.answer()
            status = answer.status
        except (Closed, OSError):
            status = None
        assert status is None or status in REFUSED, status
        assert connection.is_closed()
    smuggled = [target for target in guarded.venue.targets[before:] if "smuggled" in target]
    assert smuggled == []
    assert guarded.venue.targets[before:] == []


def test_http2_prior_knowledge_on_an_http1_connection_is_refused(guarded):
    before = len(guarded.venue.seen)
    with Connection(guarded.server) as connection:
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        assert connection.is_closed()
    assert len(guarded.venue.seen) == before


def test_http_1_0_gets_one_answer_and_a_close(guarded):
    with Connection(guarded.server) as connection:
        connection.send(b"GET /open HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
        try:
            assert connection.answer().status in (200, 400, 426, 505)
        except Closed:
            pass
        assert connection.is_closed()


def test_a_good_request_behind_a_good_request_is_answered(guarded):
    before = len(guarded.venue.seen)
    with Connection(guarded.server) as connection:
        connection.send(request(guarded.server, "GET", "/open?one") + request(guarded.server, "GET", "/open?two"))
        assert [connection.answer().status, connection.answer().status] == [200, 200]
    assert guarded.venue.targets[before:] == ["GET /open?one", "GET /open?two"]


def test_a_good_request_before_a_bad_one_is_answered_and_only_it_is_forwarded(guarded):
    before = len(guarded.venue.seen)
    with Connection(guarded.server) as connection:
        connection.send(request(guarded.server, "GET", "/open?good") + CASES["CL.TE"])
        assert connection.answer().status == 200
        assert connection.is_closed()
    assert guarded.venue.targets[before:] == ["GET /open?good"]


def test_a_chunked_body_arrives_whole(guarded):
    with Connection(guarded.server) as connection:
        connection.send(head(b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
        assert connection.answer().status == 200
    assert guarded.venue.seen[-1][3] == b"abcdefg"


def test_expect_100_continue_does_not_confuse_the_framing(guarded):
    before = len(guarded.venue.seen)
    with Connection(guarded.server) as connection:
        connection.send(head(b"Expect: 100-continue", b"Content-Length: 3"))
        connection.send(b"abc")
        answer = connection.answer()
        if answer.status == 100:
            answer = connection.answer()
        assert answer.status in (200, 417)
    assert len(guarded.venue.seen) - before <= 1


TWO_CHUNKS = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
NEXT = b"GET /open?next HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (head(b"Transfer-Encoding: chunked", target=b"/nowhere") + TWO_CHUNKS, 404),
        (head(b"Transfer-Encoding: chunked", target=b"/nowhere") + b"3\r\nabc\r\nzz\r\n", 404),
        (head(b"Transfer-Encoding: chunked", host=b"Host: evil.example") + TWO_CHUNKS, 421),
        (head(b"Transfer-Encoding: chunked", b"Connection: close") + TWO_CHUNKS + NEXT, 200),
    ],
    ids=["no route", "no route and a broken chunk", "another host", "closing, and more behind it"],
)
def test_an_answer_is_not_kept_back_by_what_is_behind_its_request(guarded, sent, expected):
    with Connection(guarded.server) as connection:
        connection.send(sent)
        assert connection.answer().status == expected
        assert connection.is_closed()


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [(b"POST", b"/nowhere", 404), (b"PUT", b"/open", 405), (b"POST", b"/token", 400), (b"POST", b"/.well-known/jwks.json", 404)],
)
def test_a_connection_goes_on_behind_a_body_that_came_after_its_answer_was_clear(guarded, method, target, status):
    """Python's library sends head and body in two pieces: the connection ended behind the first, unsaid, and the next order was in doubt."""
    with Connection(guarded.server) as connection:
        connection.send(head(b"Content-Length: 7", target=target, method=method))
        connection.send(b'{"a":1}' + NEXT)
        assert connection.answer().status == status
        assert connection.answer().status == 200


@pytest.mark.parametrize(
    ("lines", "status"),
    [([b"Content-Length: 100000"], 404), ([b"Transfer-Encoding: chunked"], 404), ([b"Content-Length: 7", b"Expect: 100-continue"], 404)],
    ids=["long", "no length", "waits for leave"],
)
def test_a_client_is_told_when_its_connection_cannot_go_on_behind_a_body(guarded, lines, status):
    with Connection(guarded.server) as connection:
        connection.send(head(*lines, target=b"/nowhere"))
        answer = connection.answer()
        assert (answer.status, answer.header("connection")) == (status, "close")
        assert connection.is_closed()


def test_whoever_sends_too_long_a_body_is_told_so(guarded):
    """The socket is not reset under the answer while the body is still coming."""
    length, told = 3_000_000, 0
    for _ in range(10):
        with Connection(guarded.server) as connection:
            began = time.monotonic()
            try:
                connection.send(head(b"Content-Length: %d" % length) + b"a" * length)
                assert connection.answer().status == 413
                told += 1
            except (Closed, OSError):
                assert time.monotonic() - began > 1.5, "what still comes is taken for two seconds"
    assert told, "nobody was told"
