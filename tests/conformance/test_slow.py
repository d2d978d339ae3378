"""Connections that hold on without asking for anything are reaped at the stated time, and good clients do not notice.

The gateway under test has a TLS and head deadline of 1 s, a body deadline of 2 s and 24 connections per source.
"""

import contextlib
import os
import socket
import time

import pytest

from harness.guarded import CONFIGURATION, Guarded
from harness.raw import Closed, Connection, ask, request
from harness.waiting import until

SLACK_SECONDS = 4 if os.environ.get("COUNTERSIGN_STRICT") else 25


class Hurried(Guarded):
    """Reaps at once."""

    configuration = CONFIGURATION.replace('body_deadline = "5s"', 'body_deadline = "2s"').replace('"5s"', '"1s"')


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with Hurried(tmp_path_factory.mktemp("hurried")) as running:
        yield running


def ends_within(connection, seconds):
    """Whether the peer ends a plain socket within this time."""
    connection.settimeout(seconds)
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


def connect(guarded):
    return socket.create_connection(("127.0.0.1", guarded.server.port), timeout=10)


def test_a_silent_connection_is_reaped(guarded):
    with connect(guarded) as silent:
        assert ends_within(silent, 1 + SLACK_SECONDS)


def test_half_a_client_hello_is_reaped(guarded):
    with connect(guarded) as half:
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert ends_within(half, 1 + SLACK_SECONDS)


def test_a_connection_that_is_silent_after_tls_is_reaped(guarded):
    with Connection(guarded.server) as silent:
        assert silent.is_closed(1 + SLACK_SECONDS)


def dripped(connection, data, seconds, pause=0.2):
    """Sends one byte at a time; True when the peer ends it within `seconds`."""
    deadline = time.monotonic() + seconds
    connection.tls.settimeout(pause)
    for byte in data:
        try:
            connection.send(bytes([byte]))
            connection._more()
        except TimeoutError:
            pass  # nothing came back: the pause is over
        except (Closed, OSError):
            return True
        if time.monotonic() > deadline:
            return False
    return False


def test_a_dripped_head_is_reaped(guarded):
    with Connection(guarded.server) as slow:
        assert dripped(slow, b"GET /open HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200, 1 + SLACK_SECONDS)


def test_a_dripped_body_is_reaped(guarded):
    before = len(guarded.venue.seen)
    with Connection(guarded.server) as slow:
        slow.send(b"POST /open HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        assert dripped(slow, b"a" * 200, 2 + SLACK_SECONDS)
    assert all(len(body) == 1000 for _, _, _, body in guarded.venue.seen[before:])


def test_a_body_that_never_comes_is_reaped(guarded):
    with Connection(guarded.server) as slow:
        slow.send(b"POST /open HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        assert slow.is_closed(2 + SLACK_SECONDS)


def test_a_websocket_that_does_not_log_in_is_reaped(guarded):
    with Connection(guarded.server, alpn=("countersign/1",)) as silent:
        assert silent.is_closed(1 + SLACK_SECONDS)


def opened_before_a_refusal(guarded):
    """How many are opened one after the other until one is refused. The first may be reaped meanwhile, where that takes a second."""
    with contextlib.ExitStack() as held:
        for number in range(40):
            try:
                held.enter_context(Connection(guarded.server, timeout=10))
            except (OSError, Closed):
                return number
    return 40


def test_connections_per_source_are_capped_and_come_back(guarded):
    until(lambda: 1 <= opened_before_a_refusal(guarded) <= 24, why="nobody was refused")
    deadline = time.monotonic() + 60
    while True:
        try:
            assert ask(guarded.server, "GET", "/open").status == 200
            break
        except (OSError, Closed):
            assert time.monotonic() < deadline


def test_a_good_client_trades_while_others_hold_on(guarded):
    with_silence = [connect(guarded) for _ in range(10)]
    try:
        start = time.monotonic()
        assert ask(guarded.server, "GET", "/open?good").status == 200
        assert time.monotonic() - start < SLACK_SECONDS
    finally:
        for silent in with_silence:
            silent.close()


@pytest.mark.parametrize("size", [1_000_000])
def test_a_body_at_the_limit_passes(guarded, size):
    with Connection(guarded.server) as connection:
        connection.send(request(guarded.server, "POST", "/open", body=b"a" * size))
        assert connection.answer().status == 200
    assert len(guarded.venue.seen[-1][3]) == size
