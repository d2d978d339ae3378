"""What an attacker without a key tries beyond malformed messages: holding on, filling memory, passing off.

The gateway under test forwards to a venue that counts and that can also answer at length. Deadlines are short.
"""

import contextlib
import json
import re
import resource
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import pytest

from harness import raw
from harness.binance import ORDER, Key, now_ms
from harness.clients import unknown
from harness.h2raw import ACK, DATA, END_HEADERS, GOAWAY, HEADERS, H2, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, status
from harness.limited import made_key
from harness.raw import Closed, Connection, ask, request
from harness.server import OPERATOR, Server

LONG_BYTES = 8 << 20
MIB = 1 << 20
IDLE_SECONDS = 2
SLACK_SECONDS = 6

CONFIGURATION = """
[limits]
handshake_deadline = "3s"
unauthenticated_deadline = "3s"
head_deadline = "3s"
idle_timeout = "2s"
connections_per_source_max = 200

[upstream.venue]
url = "http://127.0.0.1:{port}"

[[route]]
name = "open"
path = "/open"
methods = ["GET", "POST"]
public = true

[[route]]
name = "long"
path = "/long"
public = true

[[route]]
name = "slow"
path = "/slow"
public = true

[[route]]
name = "read"
path = "/api/v3/order"
methods = ["GET"]
scope = "order:read"
dialect = "binance"

[[route]]
name = "place"
path = "/api/v3/order"
methods = ["POST"]
scope = "order:write"
dialect = "binance"

[[route]]
name = "certified"
path = "/certified"
methods = ["POST"]
scope = "order:write"
dialect = "client-certificate"
"""


class Venue:
    """Keeps what reaches it; `/long` has a long answer, `/slow` one that pauses for longer than the gateway's idle time."""

    def __init__(self):
        seen = self.seen = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                seen.append((self.command, self.path, [(name.lower(), value) for name, value in self.headers.items()], len(body)))
                answer = b"a" * LONG_BYTES if self.path.startswith("/long") else b"{}"
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.path.startswith("/slow"):
                    self.wfile.write(answer[:1])
                    self.wfile.flush()
                    time.sleep(IDLE_SECONDS + 1)
                    answer = answer[1:]
                try:
                    self.wfile.write(answer)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = do

            def log_message(self, *_):
                pass

        class Listener(ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

        self.http = Listener(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Site:
    def __init__(self, folder, **extra):
        self.venue = Venue()
        config = folder / "gateway.toml"
        config.write_text(CONFIGURATION.format(port=self.venue.port))
        self.server = Server(folder / "state", config=config, **extra)

    def __enter__(self):
        try:
            self.server.start()
        except BaseException:
            self.venue.close()
            raise
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.venue.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("attacked")) as running:
        yield running


def resident_mib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def is_served(site):
    return ask(site.server, "GET", "/open").status == 200


def pseudo(site, path="/open", method="GET", *more):
    return [(":method", method), (":scheme", "https"), (":authority", f"localhost:{site.server.port}"), (":path", path), *more]


def settled(site, *settings):
    """An HTTP/2 connection after both sides acknowledged their settings."""
    h2 = H2(site.server)
    if settings:
        h2.send(frame(SETTINGS, 0, 0, b"".join(settings)))
    acknowledged = 0
    while acknowledged < 1 + bool(settings):
        kind, flags, _, _ = h2.next()
        if kind == SETTINGS and flags & ACK:
            acknowledged += 1
        elif kind == SETTINGS:
            h2.send(frame(SETTINGS, ACK))
    return h2


def answering_pings(h2, seconds):
    """Keeps an HTTP/2 connection as alive as a machine can without a request; True when the peer ends it."""
    deadline = time.monotonic() + seconds
    h2.connection.tls.settimeout(0.5)
    while time.monotonic() < deadline:
        try:
            kind, flags, _, payload = h2.next()
            if kind == PING and not flags & ACK:
                h2.send(frame(PING, ACK, 0, payload))
            elif kind == GOAWAY:
                return True
        except TimeoutError:
            with contextlib.suppress(OSError):
                h2.send(frame(PING, 0, 0, b"i'm here"))
        except (Closed, OSError):
            return True
    return False


# Holding on.


def test_http2_without_a_preface_is_reaped(site):
    with Connection(site.server, alpn=("h2",)) as silent:
        assert silent.is_closed(3 + SLACK_SECONDS)


def test_http2_that_only_pings_is_reaped(site):
    with settled(site) as pinging:
        assert answering_pings(pinging, IDLE_SECONDS + SLACK_SECONDS)


def test_an_http2_head_that_never_ends_is_reaped(site):
    with settled(site) as half:
        half.send(frame(HEADERS, 0, 1, block(pseudo(site))))
        assert answering_pings(half, 3 + SLACK_SECONDS)


def test_http2_that_went_quiet_after_a_request_is_reaped(site):
    with settled(site) as quiet:
        quiet.request(1, pseudo(site))
        assert quiet.outcome(1)[0] == "answered"
        assert answering_pings(quiet, IDLE_SECONDS + SLACK_SECONDS)


def small_window(server):
    """A connection whose socket takes little, so that the gateway's writes soon wait."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", server.port))
    return raw.context(server.ca).wrap_socket(plain, server_hostname="localhost")


def established(server, port):
    """Whether the gateway still holds the connection from this port."""
    listing = subprocess.run(["ss", "-Htn", "state", "established", f"sport = :{server.port}"], capture_output=True, text=True).stdout
    return any(line.split()[-1].endswith(f":{port}") for line in listing.splitlines())


def test_an_answer_that_nobody_reads_is_given_up(site):
    tls = small_window(site.server)
    try:
        port = tls.getsockname()[1]
        tls.sendall(request(site.server, "GET", "/long"))
        deadline = time.monotonic() + IDLE_SECONDS + SLACK_SECONDS
        began = time.monotonic()
        time.sleep(IDLE_SECONDS / 2)
        held = established(site.server, port)
        assert held or time.monotonic() - began > IDLE_SECONDS, "given up too soon"
        while established(site.server, port):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        tls.close()
    assert is_served(site)


def test_an_answer_behind_a_shut_window_is_given_up_whatever_else_is_asked(site):
    with settled(site, b"\0\x04\0\0\0\x01") as h2:
        h2.request(1, pseudo(site, "/long"))
        deadline = time.monotonic() + IDLE_SECONDS + SLACK_SECONDS
        ended, stream = False, 3
        h2.connection.tls.settimeout(0.3)
        while not ended and time.monotonic() < deadline:
            try:
                h2.request(stream, pseudo(site))
                stream += 2
                while not ended:
                    ended = h2.next()[0] == GOAWAY
            except TimeoutError:
                pass
            except (Closed, OSError):
                ended = True
        assert ended
    assert is_served(site)


def test_an_answer_for_which_the_venue_takes_its_time_is_not_given_up(site):
    assert ask(site.server, "GET", "/slow").body == b"{}"
    with settled(site) as h2:
        h2.request(1, pseudo(site, "/slow"))
        assert h2.outcome(1)[0] == "answered"


def test_a_client_that_reads_steadily_gets_a_long_answer_whole(site):
    assert len(ask(site.server, "GET", "/long").body) == LONG_BYTES


# Filling memory.


class Watch:
    """The most memory that the gateway had while this is open, beyond what it had before."""

    def __init__(self, server):
        self.server, self.before, self.grown, self.over = server, resident_mib(server), 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.over.wait(0.02):
            self.grown = max(self.grown, resident_mib(self.server) - self.before)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def test_a_body_in_chunks_of_one_byte_costs_what_it_is_worth(site):
    assert is_served(site)
    count, size = 8, 100_000
    held = []
    with Watch(site.server) as watch:
        for _ in range(count):
            held.append(connection := Connection(site.server))
            connection.send(b"POST /open HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nX\r\n" * size)
        for connection in held:
            connection.send(b"1\r\nX\r\n0\r\n\r\n")
        for connection in held:
            assert connection.answer().status == 200
            connection.close()
    assert site.venue.seen[-1][3] == size + 1
    assert watch.grown < 12, f"{watch.grown:.1f} MiB for {count} bodies of {size} bytes"


class Streams:
    """Many bodies on one HTTP/2 connection, as fast as its windows allow."""

    def __init__(self, site, count):
        self.h2 = settled(site)
        self.window = 65_535
        self.refused = set()
        self.ended = False
        for number in range(count):
            self.h2.send(frame(HEADERS, END_HEADERS, 1 + 2 * number, block(pseudo(site, method="POST"))))

    def read(self):
        kind, _, stream, payload = self.h2.next()
        if kind == WINDOW_UPDATE and stream == 0:
            self.window += int.from_bytes(payload, "big")
        elif kind in (HEADERS, RST_STREAM):
            self.refused.add(stream)
        elif kind == GOAWAY:
            self.ended = True

    def fill(self, number, frames):
        stream = 1 + 2 * number
        for _ in range(frames):
            while self.window < 16_384 and not self.ended:
                self.read()
            if stream in self.refused or self.ended:
                return
            self.h2.send(frame(DATA, 0, stream, b"a" * 16_384))
            self.window -= 16_384


def test_answers_that_nobody_reads_stay_with_the_venue(site):
    """A request that is not plain goes through the HTTP library; more behind it must not make that keep a whole answer."""
    unread = b"GET /long HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + request(site.server, "GET", "/open")
    with Watch(site.server) as watch:
        held = [small_window(site.server) for _ in range(8)]
        for tls in held:
            tls.sendall(unread)
        time.sleep(IDLE_SECONDS / 2)
        for tls in held:
            tls.close()
    assert watch.grown < len(held) * LONG_BYTES / MIB / 4
    assert is_served(site)


def test_a_hundred_bodies_on_one_connection_are_bounded(site):
    assert is_served(site)
    before = resident_mib(site.server)
    streams = Streams(site, 100)
    streams.h2.connection.tls.settimeout(3)
    try:
        for number in range(60):
            streams.fill(number, 60)
    except (Closed, OSError):
        pass
    grown = resident_mib(site.server) - before
    streams.h2.connection.close()
    assert grown < 24, f"{grown:.0f} MiB"
    assert is_served(site)


def test_a_hundred_orders_on_one_connection_pass(site):
    key = Key(made_key(site.server, "--scopes", "order:write"))
    with settled(site) as h2:
        sent = len(site.venue.seen)
        for number in range(100):
            body = key.signed(newClientOrderId=f"n{number}", **ORDER).encode()
            h2.request(1 + 2 * number, pseudo(site, "/api/v3/order", "POST", ("x-mbx-apikey", key.api_key)), body)
        answers = []
        while len(answers) < 100:
            kind, _, _, payload = h2.next()
            if kind == DATA and payload:
                answers.append(payload)
    refused = [json.loads(answer)["code"] for answer in answers if answer != b"{}"]
    assert set(refused) <= {-1015}, "nothing but the key's own order rate refuses one"
    assert len(site.venue.seen) == sent + 100 - len(refused)


def test_few_file_descriptors_stop_nobody_who_is_in(tmp_path):
    """With room for 256 descriptors and more connections than that, a client that is connected goes on, and the gateway recovers."""
    site = Site(tmp_path)
    site.server.start()
    # Taken away while it runs: at its start it would have asked for more, and for fewer clients.
    resource.prlimit(site.server.process.pid, resource.RLIMIT_NOFILE, (256, 256))
    try:
        with Connection(site.server) as good:
            good.send(request(site.server, "GET", "/open"))
            assert good.answer().status == 200
            held = [socket.create_connection(("127.0.0.1", site.server.port), timeout=5) for _ in range(400)]
            try:
                good.send(request(site.server, "GET", "/open"))
                assert good.answer().status == 200
            finally:
                for connection in held:
                    connection.close()
        deadline = time.monotonic() + SLACK_SECONDS
        while True:
            with contextlib.suppress(OSError, Closed):
                if is_served(site):
                    break
            assert time.monotonic() < deadline
    finally:
        site.__exit__()


# Passing off.

OVERRIDES = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override", "x.http.method.override"]


@pytest.mark.parametrize("name", OVERRIDES)
def test_a_read_stays_a_read(site, name):
    key = Key(made_key(site.server, "--scopes", "order:read"))
    answer = raw.exchange(site.server, key.bytes(site.server, "GET", "/api/v3/order", extra_headers=[(name, "DELETE")]))
    assert answer.status == 200
    method, _, headers, _ = site.venue.seen[-1]
    assert method == "GET" and "DELETE" not in [value for _, value in headers]


@pytest.mark.parametrize("pair", ["_method=DELETE", "%5Fmethod=DELETE", ".method=DELETE", "a=1;_method=DELETE"])
def test_no_parameter_makes_another_method_of_a_request(site, pair):
    """Rails, Symfony, Spring and Express take it for the method of a POST, which was judged as one."""
    key = Key(site.server.credential("binance-hmac"))
    before = len(site.venue.seen)
    text = f"{urlencode(ORDER)}&{pair}&timestamp={int(time.time() * 1000)}"
    signed = f"{text}&signature={key.sign(text)}"
    named = [("X-MBX-APIKEY", key.api_key)]
    form = [*named, ("Content-Type", "application/x-www-form-urlencoded")]
    answers = [
        raw.ask(site.server, "POST", f"/api/v3/order?{signed}", named),
        raw.ask(site.server, "POST", "/api/v3/order", form, signed.encode()),
        # What concerns the connection goes the other way through the gateway.
        raw.ask(site.server, "POST", "/api/v3/order", [*form, ("TE", "trailers")], signed.encode()),
        raw.ask(site.server, "POST", f"/open?{pair}"),
    ]
    assert [answer.status for answer in answers] == [400] * 4, answers
    with settled(site) as h2:
        h2.request(1, pseudo(site, f"/open?{pair}".encode(), "POST"))
        how, headers = h2.outcome(1)
    assert how == "answered" and status(headers) == 400
    assert len(site.venue.seen) == before


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, identity"])
def test_no_order_is_packed_away_from_who_counts_it(site, coding):
    key = Key(site.server.credential("binance-hmac"))
    before = len(site.venue.seen)
    answer = raw.ask(site.server, "POST", "/api/v3/order", [("X-MBX-APIKEY", key.api_key), ("Content-Encoding", coding)], key.signed(**ORDER).encode())
    assert answer.status == 400
    assert len(site.venue.seen) == before


def test_no_order_is_read_by_the_other_of_two_types(site):
    key = Key(site.server.credential("binance-hmac"))
    types = [("Content-Type", kind) for kind in ("application/x-www-form-urlencoded", "application/json")]
    for sent, status in ((types[:1], 200), (types, 400), (types[:1] * 2, 400)):
        before = len(site.venue.seen)
        answer = raw.ask(site.server, "POST", "/api/v3/order", [("X-MBX-APIKEY", key.api_key), *sent], key.signed(**ORDER).encode())
        assert answer.status == status
        assert len(site.venue.seen) - before == (status == 200)


CLAIMS = ["Client-Cert", "Client-Cert-Chain", "Countersign.Identity", "countersign~identity", "X.Forwarded.For", "X-Original-URI"]
CLAIMS += ["X-Client-IP", "CF-Connecting-IP", "SSL-Client-S-DN", "X-WebAuth-User", "X-Consumer-Username", "X-Envoy-Original-Path"]


@pytest.mark.parametrize("name", CLAIMS)
def test_no_claim_of_a_proxy_passes(site, name):
    assert ask(site.server, "GET", "/open", [(name, "somebody-else")]).status == 200
    assert "somebody-else" not in [value for _, value in site.venue.seen[-1][2]]


@pytest.mark.parametrize("target", ["/open?a=\u0085b", "/open?a=\u00a0b", "/open?\u20ac"])
def test_http2_lets_no_byte_into_a_target_that_http1_has_not(site, target):
    """Some servers split a request line at the first two."""
    with settled(site) as h2:
        h2.request(1, pseudo(site, target.encode()))
        how, headers = h2.outcome(1)
    assert how == "answered" and status(headers) == 400


@pytest.mark.parametrize("value", [b" a", b"a ", b"\ta", b"a\t"])
def test_http2_lets_no_white_space_around_a_value_that_http1_takes_off(site, value):
    """RFC 9113, 8.2.1: malformed. Here the upstream would read another value than the gateway did."""
    before = len(site.venue.seen)
    with settled(site) as h2:
        h2.request(1, pseudo(site, "/open", "GET", ("x-a", value)))
        how, headers = h2.outcome(1)
    assert how == "reset" or (how == "answered" and status(headers) == 400)
    assert len(site.venue.seen) == before


def test_http2_has_no_more_fields_than_http1(site):
    with settled(site) as h2:
        h2.request(1, pseudo(site, "/open", "GET", *[("x-m", "1")] * 97))
        body = b""
        while b"}" not in body:
            kind, _, on, payload = h2.next()
            body += payload if (kind, on) == (DATA, 1) else b""
    with Connection(site.server) as connection:
        connection.send(request(site.server, "GET", "/open", [("x-m", "1")] * 97))
        assert json.loads(body)["error"]["code"] == json.loads(connection.answer().body)["error"]["code"] == "proto.size"


# Learning who exists.


def refused(server, key, path="/api/v3/order"):
    return key.ask(server, "POST", path, **ORDER)


@pytest.mark.parametrize("size", [64, 88, 256, 344, 512, 684])
def test_whatever_the_signature_looks_like_a_known_and_an_unknown_key_get_the_same(server, size):
    """The form of a signature chooses the algorithm; a key of another one must not show."""
    seen = set()
    for kind in ("binance-hmac", "binance-ed25519", "binance-rsa"):
        record = server.credential(kind)
        for key in (record, unknown(record)):
            target = f"/api/v3/order?symbol=BTCUSDT&timestamp={now_ms()}&signature={'A' * size}"
            answer = raw.ask(server, "POST", target, [("X-MBX-APIKEY", key["api_key"])])
            body = {name: value for name, value in json.loads(answer.body).items() if name != "id"}
            seen.add((answer.status, tuple(sorted(name for name, _ in answer.headers)), len(answer.body), str(body)))
    assert len(seen) == 1, seen


# Keeping operators out.


def operator_context(server, certificate, alpn=("http/1.1",)):
    tls = raw.context(server.ca, alpn)
    tls.load_cert_chain(server.state / certificate)
    return tls


def operator_port(server):
    return next(int(port) for port in OPERATOR.findall("\n".join(server.lines)) if int(port) != server.port)


def operator_is_heard(server):
    plain = socket.create_connection(("127.0.0.1", operator_port(server)), timeout=5)
    with operator_context(server, "operator.pem").wrap_socket(plain, server_hostname="localhost") as tls:
        tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return tls.recv(100).startswith(b"HTTP/1.1 200")


def operator_answer(server, text, certificate="operator.pem"):
    """What the operator port says to these bytes, until it closes."""
    plain = socket.create_connection(("127.0.0.1", operator_port(server)), timeout=SLACK_SECONDS)
    with operator_context(server, certificate).wrap_socket(plain, server_hostname="localhost") as tls:
        tls.sendall(text)
        said = b""
        with contextlib.suppress(OSError):
            while data := tls.recv(4096):
                said += data
        return said


def test_certificates_of_clients_keep_no_operator_out(site):
    strangers = []
    try:
        for _ in range(60):
            plain = socket.create_connection(("127.0.0.1", operator_port(site.server)), timeout=5)
            strangers.append(operator_context(site.server, "demo/client-certificate.pem").wrap_socket(plain, server_hostname="localhost"))
        assert operator_is_heard(site.server)
        strangers[0].settimeout(SLACK_SECONDS)
        with contextlib.suppress(OSError):
            while strangers[0].recv(4096):
                pass
    finally:
        for stranger in strangers:
            stranger.close()


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost", b"POST /v1/halts HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"])
def test_connections_of_an_operator_keep_no_operator_out(site, sent):
    """By a stolen certificate, say: as many as there were places, each with nothing or half a request on it."""
    held = []
    try:
        for _ in range(70):
            plain = socket.create_connection(("127.0.0.1", operator_port(site.server)), timeout=5)
            held.append(operator_context(site.server, "operator.pem").wrap_socket(plain, server_hostname="localhost"))
            held[-1].sendall(sent)
        assert operator_is_heard(site.server)
    finally:
        for each in held:
            each.close()


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"Host: localhost\r\nHost: localhost\r\n",
        b"Host: localhost\n",
        b"Host: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Host: localhost\r\nSec-Fetch-Site: cross-site\r\n",
    ],
)
def test_operators_too_are_read_in_one_way_only(site, fields):
    said = operator_answer(site.server, b"POST /v1/reload HTTP/1.1\r\nConnection: close\r\n" + fields + b"\r\n0\r\n\r\n")
    assert re.match(rb"HTTP/1\.1 40[03] ", said), said


def test_silent_connections_keep_no_operator_out(site):
    """All but one place of a source are taken; further ones are closed, not queued."""
    silent = [socket.create_connection(("127.0.0.1", operator_port(site.server)), timeout=5) for _ in range(63)]
    try:
        assert operator_is_heard(site.server)
        silent += [socket.create_connection(("127.0.0.1", operator_port(site.server)), timeout=5) for _ in range(3)]
        assert silent[-1].recv(1) == b""
    finally:
        for each in silent:
            each.close()


# Pages of others.


@pytest.mark.parametrize("headers", [[("Origin", "https://evil.example")], [("Origin", "null")], [("Sec-Fetch-Site", "cross-site")]])
def test_a_page_of_another_origin_cannot_use_a_client_certificate(site, headers):
    with Connection(site.server, tls=operator_context(site.server, "demo/client-certificate.pem")) as connection:
        before = len(site.venue.seen)
        connection.send(request(site.server, "POST", "/certified", headers))
        assert connection.answer().status == 403
        assert len(site.venue.seen) == before
        own = [("Origin", f"https://127.0.0.1:{site.server.port}"), ("Sec-Fetch-Site", "same-origin")]
        connection.send(request(site.server, "POST", "/certified", own))
        assert connection.answer().status == 200


# Frames before the 101.


def test_what_is_sent_before_the_101_is_not_half_lost(server):
    """A frame behind the upgrade request that cannot be a request head either: it arrives, or the connection ends."""
    upgrade = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "YWFhYWFhYWFhYWFhYWFhYQ==")]
    ping = b'{"id":1,"method":"ping"}'
    frame_with_zeros = bytes([0x81, 0x80 | len(ping)]) + b"\0\0\0\0" + ping
    with Connection(server) as connection:
        connection.send(request(server, "GET", "/ws-api/v3", upgrade) + frame_with_zeros)
        assert b" 101 " in connection.read_until(b"\r\n\r\n")
        assert b'"id":1' in connection.buffer or connection.is_closed(5) or b'"id":1' in connection.buffer


# A venue that answers wrongly.


@pytest.fixture
def switching(tmp_path):
    """A gateway whose upstream answers everything with an unasked 101."""

    class Switching(BaseHTTPRequestHandler):
        def do_GET(self):
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nHTTP/1.1 200 OK\r\n")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Switching) as upstream:
        threading.Thread(target=upstream.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        config = tmp_path / "gateway.toml"
        config.write_text(CONFIGURATION.format(port=upstream.server_address[1]))
        with Server(tmp_path / "state", config=config) as running:
            yield running
        upstream.shutdown()


def test_an_unasked_101_of_the_upstream_stays_there(switching):
    assert ask(switching, "GET", "/open").status == 502
