"""What a balancer is told at the health address: who answers, and to whom clients are sent."""

import contextlib
import signal
import socket
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.binance import ORDER, Key
from harness.broken import full_disk
from harness.ports import kept_port
from harness.raw import Connection, request
from harness.server import Server
from harness.waiting import until


def asked(address, path):
    """What a balancer hears, which has no certificate: status and body."""
    with socket.create_connection(address, timeout=60) as plain:
        plain.sendall(f"GET {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: plain.recv(4096), b"")).partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def test_a_balancer_asks_for_health_without_a_certificate(tmp_path):
    with Server(tmp_path / "state", "--set", "operator.health=127.0.0.1:0") as server:
        address = health_of(server)
        assert asked(address, "/healthz") == (200, b'{"healthy":true}')
        assert asked(address, "/readyz") == (200, b'{"ready":true}')
        for path in ("/metrics", "/v1/status", "/v1/halts", "/"):
            assert asked(address, path) == (404, b""), path


class Venue:
    """Takes its time for an answer until it is told to go on."""

    def __init__(self):
        arrived, go_on = self.arrived, self.go_on = threading.Event(), threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                arrived.set()
                go_on.wait(60)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.go_on.set()
        self.http.shutdown()
        self.http.server_close()


def health_of(server):
    return "127.0.0.1", next(int(line.rsplit(":", 1)[1].split()[0]) for line in server.lines if line.startswith("  health "))


def test_a_balancer_is_told_that_a_node_drains_while_it_still_answers(tmp_path):
    """Until the last request has its answer the process is healthy; a balancer sends nobody to it any more."""
    venue = Venue()
    with contextlib.closing(venue), Server(tmp_path / "state", "--set", "operator.health=127.0.0.1:0", config=to_venue(tmp_path, venue)) as server:
        health = health_of(server)
        with Connection(server) as asking:
            asking.send(request(server, "GET", "/slow"))
            assert venue.arrived.wait(30)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: asked(health, "/readyz") == (503, b'{"ready":false}'))
            assert asked(health, "/healthz") == (200, b'{"healthy":true}')
            venue.go_on.set()
            assert asking.answer().status == 200
        assert server.process.wait(30) == 0
        with pytest.raises(ConnectionRefusedError):
            asked(health, "/healthz")


def to_venue(folder, venue):
    config = folder / "gateway.toml"
    config.write_text(
        f'[upstream.venue]\nurl = "http://127.0.0.1:{venue.http.server_address[1]}"\n[[route]]\nname = "slow"\npath = "/slow"\npublic = true\n'
    )
    return config


def test_a_balancer_sends_nobody_before_clients_are_taken_nor_while_nothing_can_be_recorded(tmp_path):
    """What passes while the halts are not known, cancels and reads, needs somebody who brings it: then the node is ready."""
    with kept_port() as public, kept_port() as health:
        is_sent_nobody_too_soon(tmp_path, ("127.0.0.1", public), ("127.0.0.1", health))


def is_sent_nobody_too_soon(tmp_path, public, health):
    heard, over = [], threading.Event()

    def probes():
        while not over.is_set():
            try:
                status, _ = asked(health, "/readyz")
            except OSError:
                continue
            if status == 200:
                try:
                    socket.create_connection(public, timeout=60).close()
                except OSError as error:
                    status = error
            heard.append(status)

    prober = threading.Thread(target=probes)
    prober.start()
    try:
        with Server(
            tmp_path / "state", "--set", f"operator.health=127.0.0.1:{health[1]}", listen=f"127.0.0.1:{public[1]}", limits_files=True
        ) as server:
            until(lambda: 200 in heard)
            over.set()
            prober.join()
            assert set(heard) == {200}, heard
            key = Key(server.credential("binance-hmac"))
            with full_disk(server):
                until(lambda: key.ask(server, "POST", "/api/v3/order", **ORDER).status == 503)
                assert asked(health, "/readyz") == (503, b'{"ready":false}')
                assert asked(health, "/healthz") == (200, b'{"healthy":true}')
            until(lambda: asked(health, "/readyz")[0] == 200)
            with contextlib.closing(sqlite3.connect(server.state / "countersign.db", timeout=30, isolation_level=None)) as database:
                database.execute("ALTER TABLE halt_epoch RENAME TO hidden")
                until(lambda: key.ask(server, "POST", "/api/v3/order", **ORDER).status == 503)
                assert asked(health, "/readyz") == (200, b'{"ready":true}')
                assert key.ask(server, "DELETE", "/api/v3/openOrders", symbol="BTCUSDT").status == 200
                database.execute("ALTER TABLE hidden RENAME TO halt_epoch")
            until(lambda: key.ask(server, "POST", "/api/v3/order", **ORDER).status == 200)
    finally:
        over.set()
        prober.join()


def test_no_health_address_is_open_unless_it_is_asked_for(server):
    assert not any(line.startswith("  health ") for line in server.lines)
