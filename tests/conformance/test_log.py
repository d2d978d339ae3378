"""The log: nothing waits for whoever reads it, and strangers do not fill it."""

import contextlib
import fcntl
import os
import socket
import ssl

from harness.binance import ORDER, Key
from harness.server import Server, run
from harness.waiting import until

# Requests whose lines are more than a pipe of one page holds.
REQUESTS = 40
MARK = "!" * 40


def test_a_reader_that_stands_still_holds_nothing_up(tmp_path):
    server = Server(tmp_path / "state", "--set", "log.level=trace")
    os.mkfifo(server.stderr_path)
    pipe = os.open(server.stderr_path, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
    with server:
        key = Key(server.credential("binance-hmac"))
        for _ in range(REQUESTS):
            assert key.ask(server, "POST", "/api/v3/order", **ORDER).status == 200
        halted = run("halt", "--reason", "runaway", "--state", server.state, timeout=20)
        assert halted.returncode == 0, halted.stderr
        assert b"Market is closed" in key.ask(server, "POST", "/api/v3/order", **ORDER).body
        # It reads again.
        until(lambda: b"halt" in drained(pipe))
    os.close(pipe)


def drained(pipe):
    try:
        return os.read(pipe, 1 << 20)
    except BlockingIOError:
        return b""


def test_what_strangers_send_before_tls_is_not_quoted_in_the_log(tmp_path):
    with Server(tmp_path / "state") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as stranger:
            stranger.sendall(hello_with_an_illegal_name())
            while stranger.recv(4096):
                pass
    assert "stopping" in server.said() and MARK not in server.said()


def hello_with_an_illegal_name():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=f"{'a' * len(MARK)}.example")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read().replace(b"a" * len(MARK), MARK.encode())
