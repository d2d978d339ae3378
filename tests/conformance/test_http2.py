"""HTTP/2 from the outside: what could turn into another request in HTTP/1.1 is refused, and floods end."""

import pytest

from harness.h2raw import ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, H2, block, frame, status
from harness.raw import Closed, ask
from harness.recorded import recorded
from harness.waiting import until


def pseudo(guarded, path="/open", method="GET", scheme="https", authority=None):
    return [(":method", method), (":scheme", scheme), (":authority", authority or f"127.0.0.1:{guarded.server.port}"), (":path", path)]


def test_a_good_request_is_answered(guarded):
    with H2(guarded.server) as connection:
        connection.request(1, pseudo(guarded, "/open?h2"))
        outcome, headers = connection.outcome(1)
    assert outcome == "answered" and status(headers) == 200
    assert guarded.venue.targets[-1] == "GET /open?h2"


def test_the_answer_to_a_head_ends_with_its_headers(guarded):
    with H2(guarded.server) as connection:
        connection.request(1, pseudo(guarded, "/nowhere", method="HEAD"))
        frames = iter(connection.next, None)
        flags = next(flags for kind, flags, stream, _ in frames if kind == HEADERS and stream == 1)
    assert flags & END_STREAM, "a body after a HEAD breaks the stream"


def next_on(connection, stream):
    """The next frame of a stream that is no window update."""
    frames = iter(connection.next, None)
    return next((kind, flags, payload) for kind, flags, on, payload in frames if on == stream and kind != WINDOW_UPDATE)


CONTINUE = (HEADERS, END_HEADERS, b"\x08\x03100")


def test_a_client_that_waits_with_its_body_is_told_to_go_on(guarded):
    waiting = [*pseudo(guarded, "/open?waits", method="POST"), ("content-length", "3"), ("expect", "100-continue")]
    with H2(guarded.server) as connection:
        for stream in (1, 3):
            connection.send(frame(HEADERS, END_HEADERS, stream, block(waiting)))
            assert next_on(connection, stream) == CONTINUE
            connection.send(frame(DATA, END_STREAM, stream, b"abc"))
            outcome, headers = connection.outcome(stream)
            assert outcome == "answered" and status(headers) == 200
    assert guarded.venue.seen[-1][3] == b"abc"


def test_a_client_that_waits_with_a_body_for_nowhere_has_its_answer_at_once(guarded):
    with H2(guarded.server) as connection:
        waiting = [*pseudo(guarded, "/nowhere", method="POST"), ("content-length", "3"), ("expect", "100-continue")]
        connection.send(frame(HEADERS, END_HEADERS, 1, block(waiting)))
        kind, _, payload = next_on(connection, 1)
    assert kind == HEADERS and status(payload) == 404


def test_a_client_that_shrank_its_table_and_does_not_wait_for_ever_is_served(guarded):
    with H2(guarded.server) as connection:
        waiting = [*pseudo(guarded, "/open?small", method="POST"), ("content-length", "3"), ("expect", "100-continue")]
        connection.send(frame(SETTINGS, 0, 0, b"\0\x01\0\0\0\0"), frame(HEADERS, END_HEADERS, 1, block(waiting)), frame(DATA, END_STREAM, 1, b"abc"))
        outcome, headers = connection.outcome(1)
    assert outcome == "answered" and status(headers) == 200


def cases(guarded):
    good = pseudo(guarded)
    return {
        "transfer-encoding": [*good, ("transfer-encoding", "chunked")],
        "connection": [*good, ("connection", "close")],
        "keep-alive": [*good, ("keep-alive", "timeout=5")],
        "upgrade": [*good, ("upgrade", "websocket")],
        "te other than trailers": [*good, ("te", "gzip")],
        "CR LF in a value": [*good, ("x-a", "b\r\nCountersign-Identity: root")],
        "LF in a value": [*good, ("x-a", "b\nc")],
        "NUL in a value": [*good, ("x-a", "b\0c")],
        "colon in a name": [*good, ("x-a: b", "c")],
        "CR LF in a name": [*good, ("x\r\ny", "c")],
        "upper case name": [*good, ("X-A", "b")],
        "empty name": [*good, ("", "b")],
        "space in a name": [*good, ("x a", "b")],
        "path with a space": pseudo(guarded, "/open HTTP/1.1\r\nX: y"),
        "path with CR LF": pseudo(guarded, "/open\r\nX: y"),
        "path empty": pseudo(guarded, ""),
        "path without slash": pseudo(guarded, "open"),
        "path in absolute form": pseudo(guarded, "http://evil.example/open"),
        "method with a space": pseudo(guarded, method="GET /other"),
        "method with CR LF": pseudo(guarded, method="GET\r\n"),
        "CONNECT": [(":method", "CONNECT"), (":authority", "localhost:80")],
        "no path": good[:-1],
        "no method": good[1:],
        "no scheme": [good[0], *good[2:]],
        "two paths": [*good, (":path", "/open?other")],
        "two methods": [good[0], *good],
        "pseudo-header after a field": [*good[:-1], ("x-a", "b"), good[-1]],
        "unknown pseudo-header": [*good, (":protocolx", "a")],
        "response pseudo-header": [*good, (":status", "200")],
        "host that differs": [*good, ("host", "evil.example")],
        "authority of somebody else": pseudo(guarded, authority="evil.example"),
        "scheme without TLS": pseudo(guarded, scheme="http"),
        "authority with user": pseudo(guarded, authority=f"a@127.0.0.1:{guarded.server.port}"),
        "two lengths": [*good, ("content-length", "0"), ("content-length", "5")],
        "length list": [*good, ("content-length", "0, 0")],
        "length with plus": [*good, ("content-length", "+0")],
        "length without a body": [*good, ("content-length", "5")],
    }


NAMES = list(cases(type("Nobody", (), {"server": type("Nobody", (), {"port": 0})})))
REFUSED = {400, 404, None}


@pytest.mark.parametrize("name", NAMES)
def test_what_would_be_another_request_in_http_1_is_refused(guarded, name):
    before = len(guarded.venue.seen)
    with H2(guarded.server) as connection:
        connection.request(1, cases(guarded)[name])
        outcome, headers = connection.outcome(1)
    assert outcome in ("reset", "goaway", "closed") or status(headers) in REFUSED, (outcome, headers)
    assert guarded.venue.targets[before:] == []


@pytest.mark.parametrize("length,body", [("3", b"abcdef"), ("9", b"abc"), ("0", b"abc"), ("18446744073709551619", b"abc")])
def test_a_length_that_lies_is_refused(guarded, length, body):
    before = len(guarded.venue.seen)
    with H2(guarded.server) as connection:
        connection.request(1, [*pseudo(guarded, method="POST"), ("content-length", length)], body)
        outcome, headers = connection.outcome(1)
    assert outcome in ("reset", "goaway", "closed") or status(headers) in REFUSED, (outcome, headers)
    assert all(len(seen[3]) in (0, int(length)) for seen in guarded.venue.seen[before:])


def test_the_identity_header_of_the_client_is_not_forwarded(guarded):
    with H2(guarded.server) as connection:
        connection.request(1, [*pseudo(guarded, "/open?spoof2"), ("countersign-identity", "root"), ("countersign_identity", "root")])
        connection.outcome(1)
    assert guarded.venue.targets[-1] == "GET /open?spoof2"
    assert all(value != "root" for _, value in guarded.venue.last_headers())


def is_ended(connection, send, most):
    """Whether the peer ends the connection within `most` repetitions and a bounded wait."""
    connection.connection.tls.settimeout(0.001)
    try:
        for number in range(most):
            connection.connection.tls.settimeout(10)
            send(number)
    except (Closed, OSError):
        return True
    return connection.connection.is_closed()


def good_client_is_served(guarded):
    return ask(guarded.server, "GET", "/open?after").status == 200


def test_rapid_reset_ends(guarded):
    with H2(guarded.server) as connection:

        def send(number):
            burst = []
            for each in range(200):
                stream = 1 + 2 * (number * 200 + each)
                burst += [frame(HEADERS, END_HEADERS | END_STREAM, stream, block(pseudo(guarded))), frame(RST_STREAM, 0, stream, b"\0\0\0\x08")]
            connection.send(*burst)

        assert is_ended(connection, send, 50)
    assert good_client_is_served(guarded)


def test_a_flood_of_continuations_ends(guarded):
    with H2(guarded.server) as connection:
        connection.send(frame(HEADERS, END_STREAM, 1, block(pseudo(guarded))))
        filler = block([("x-a", "b" * 1000)])
        assert is_ended(connection, lambda _: connection.send(*[frame(CONTINUATION, 0, 1, filler)] * 20), 200)
    assert good_client_is_served(guarded)


def test_a_header_list_beyond_the_limit_is_refused(guarded):
    before = len(guarded.venue.seen)
    with H2(guarded.server) as connection:
        fields = block([*pseudo(guarded), *[(f"x-{number}", "a" * 900) for number in range(60)]])
        pieces = [fields[at : at + 16_000] for at in range(0, len(fields), 16_000)]
        connection.send(frame(HEADERS, END_STREAM, 1, pieces[0]), *[frame(CONTINUATION, 0, 1, piece) for piece in pieces[1:-1]], frame(CONTINUATION, END_HEADERS, 1, pieces[-1]))
        outcome, _ = connection.outcome(1)
    assert outcome in ("answered", "reset", "goaway", "closed")
    assert guarded.venue.targets[before:] == []


FLOODS = {
    "settings": lambda number: frame(SETTINGS, 0, 0, b"\0\x04\0\0\xff\xff"),
    "pings": lambda number: frame(PING, 0, 0, b"12345678"),
    "empty data": lambda number: frame(DATA, 0, 1),
    "priorities": lambda number: frame(PRIORITY, 0, 1, b"\0\0\0\0\x10"),
    "window updates": lambda number: frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\x01"),
    "acknowledgements": lambda number: frame(SETTINGS, ACK),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_control_frames_stops_nobody_else(guarded, name):
    with H2(guarded.server) as connection:
        connection.send(frame(HEADERS, END_HEADERS, 1, block(pseudo(guarded, method="POST"))))
        try:
            connection.connection.tls.settimeout(5)
            for number in range(50):
                connection.send(*[FLOODS[name](number)] * 200)
        except (Closed, OSError):
            pass  # the peer ended it, or does not read on: both hold it
        assert good_client_is_served(guarded)


ASK_NOTHING = {
    **{name: FLOODS[name] for name in ("settings", "pings", "priorities", "window updates")},
    "resets": lambda number: frame(RST_STREAM, 0, 1, b"\0\0\0\x08"),
    "unknown frames": lambda number: frame(0x77),
}


def flooded(server):
    """How many connections are on record that were ended for a flood."""
    return sum("frames that ask for nothing" in record.get("detail", "") for record in recorded(server.state, "refuse"))


def ends_at_once(connection, frames):
    """Whether the connection ends while these are sent."""
    try:
        connection.send(*frames)
    except (Closed, OSError):
        return True
    return False


@pytest.mark.parametrize("name", ASK_NOTHING)
def test_a_flood_of_frames_that_ask_for_nothing_ends(guarded, name):
    before = flooded(guarded.server)
    with H2(guarded.server) as connection:
        connection.request(1, pseudo(guarded))
        assert connection.outcome(1)[0] == "answered"
        connection.send(*[ASK_NOTHING[name](number) for number in range(2_000)])
        connection.request(3, pseudo(guarded))
        assert connection.outcome(3)[0] == "answered", "half of it is no flood"
        assert ends_at_once(connection, [ASK_NOTHING[name](number) for number in range(5_000)]) or connection.connection.is_closed()
    until(lambda: flooded(guarded.server) > before)
    assert good_client_is_served(guarded)


def is_answered(connection, stream, headers):
    """Whether a request is answered on a connection that may have ended since the last look."""
    try:
        connection.request(stream, headers)
    except (Closed, OSError):
        return False
    return connection.outcome(stream)[0] == "answered"


def test_a_request_now_and_then_makes_a_flood_no_smaller(guarded):
    before = flooded(guarded.server)
    with H2(guarded.server) as connection:
        for stream in range(1, 21, 2):
            if not is_answered(connection, stream, pseudo(guarded)) or ends_at_once(connection, [ASK_NOTHING["pings"](number) for number in range(1_000)]):
                break
        else:
            assert connection.connection.is_closed(), "ten thousand pings for ten requests"
        until(lambda: flooded(guarded.server) > before)


def test_a_window_that_stays_shut_is_reaped(guarded):
    with H2(guarded.server) as connection:
        connection.send(frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\0"))
        connection.request(1, pseudo(guarded))
        assert good_client_is_served(guarded)


BAD_FRAMES = {
    "data on stream 0": frame(DATA, 0, 0, b"a"),
    "headers on stream 0": frame(HEADERS, END_HEADERS, 0, b""),
    "headers on an even stream": frame(HEADERS, END_HEADERS | END_STREAM, 2, block([(":method", "GET")])),
    "a frame larger than allowed": frame(DATA, 0, 1, b"a" * 20_000),
    "settings of a wrong size": frame(SETTINGS, 0, 0, b"abc"),
    "window update of zero": frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
    "window beyond 2^31": frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
    "broken compression": frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\xff"),
    "continuation without headers": frame(CONTINUATION, END_HEADERS, 1, b""),
    "huffman code of 0xff": frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x10\x81\xff\x81\xff"),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_frame_against_the_rules_ends_the_connection(guarded, name):
    before = len(guarded.venue.seen)
    with H2(guarded.server) as connection:
        try:
            connection.send(BAD_FRAMES[name])
        except (Closed, OSError):
            pass
        outcome, _ = connection.outcome(1)
    assert outcome in ("goaway", "closed", "reset")
    assert guarded.venue.targets[before:] == []


def test_few_bodies_of_a_stranger_are_waited_for(guarded):
    """Each holds far more memory than it sent. Those beyond are told so at once, and whoever logs in meanwhile is served."""
    with H2(guarded.server) as connection:
        for number in range(20):
            connection.send(frame(HEADERS, END_HEADERS, 1 + 2 * number, block(pseudo(guarded, "/open?waits", method="POST"))))
            connection.send(frame(DATA, 0, 1 + 2 * number, b"a" * 600))
        refused = {}
        while len(refused) < 4:
            kind, flags, stream, payload = connection.next()
            if kind == SETTINGS and not flags & ACK:
                connection.send(frame(SETTINGS, ACK))
            elif kind == HEADERS:
                refused[stream] = payload
        assert sorted(refused) == [33, 35, 37, 39]
        connection.send(frame(DATA, END_STREAM, 1, b"b"))
        outcome, headers = connection.outcome(1)
        assert (outcome, status(headers)) == ("answered", 200)
    good_client_is_served(guarded)


def test_a_body_that_is_here_needs_no_place_among_those_that_wait(guarded):
    with H2(guarded.server) as connection:
        for number in range(16):
            connection.send(frame(HEADERS, END_HEADERS, 1 + 2 * number, block(pseudo(guarded, "/open?waits", method="POST"))))
        for stream in (33, 35):
            head = frame(HEADERS, END_HEADERS, stream, block(pseudo(guarded, "/open?here", method="POST")))
            connection.send(head + frame(DATA, END_STREAM, stream, b"abc"))
            outcome, headers = connection.outcome(stream)
            assert (outcome, status(headers)) == ("answered", 200)
        connection.send(frame(HEADERS, END_HEADERS, 37, block(pseudo(guarded, "/open?waits", method="POST"))))
        outcome, headers = connection.outcome(37)
        assert outcome == "answered" and status(headers) is None, "all places are taken"
