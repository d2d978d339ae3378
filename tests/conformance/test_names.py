"""Whose name a client asks for: in the TLS hello, in the request line, in Host. What is not ours, or not one and the same, is refused."""

import socket
import ssl

import pytest

from harness import raw
from harness.h2raw import H2
from harness.raw import Closed, Connection
from harness.server import Server, run
from test_tls import operator_port

REFUSED_NAMES = ["evil.example", "localhost.evil.example", "xlocalhost", "example"]


def shaken(server, name, alpn=("http/1.1",), verify=True):
    """A TLS connection whose hello asks for `name`."""
    tls = raw.context(server.ca, alpn)
    if not verify:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    return tls.wrap_socket(plain, server_hostname=name)


def answer_to(server, name, data, **how):
    """The status of the answer to `data` on a connection made to `name`."""
    with Named(server, name, **how) as connection:
        connection.send(data)
        return connection.answer().status


class Named(Connection):
    def __init__(self, server, name, **how):
        self.tls, self.buffer = shaken(server, name, **how), b""


def get(host, target="/api/v3/ping"):
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


@pytest.mark.parametrize("alpn", [("http/1.1",), ("h2",), ("countersign/1",), ()], ids=["http/1.1", "h2", "native", "none, as FIX"])
@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_a_hello_for_somebody_else_gets_the_alert_of_it(server, name, alpn):
    with pytest.raises(ssl.SSLError) as refused:
        shaken(server, name, alpn, verify=False)
    assert refused.value.reason == "TLSV1_UNRECOGNIZED_NAME"


def test_nobody_resumes_under_another_name(server):
    tls = raw.context(server.ca)
    tls.check_hostname = False
    with Connection(server, tls=tls) as connection:
        connection.send(raw.request(server, "GET", "/api/v3/ping"))
        assert connection.answer().status == 200
        session = connection.tls.session
    with pytest.raises(ssl.SSLError) as refused:
        tls.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=10), server_hostname="evil.example", session=session)
    assert refused.value.reason == "TLSV1_UNRECOGNIZED_NAME"


def at_the_operators_door(server, name, field=""):
    """What it answers to an operator whose hello asks for `name`."""
    tls = raw.context(server.ca)
    tls.check_hostname = False
    tls.load_cert_chain(server.state / "operator.pem")
    plain = socket.create_connection(("127.0.0.1", operator_port(server)), timeout=10)
    with tls.wrap_socket(plain, server_hostname=name) as connection:
        connection.sendall(f"GET /v1/status HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n{field}\r\n".encode())
        return connection.recv(4096).split()[1]


@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_a_page_whose_name_leads_to_the_operators_door_finds_nothing_there(server, name):
    """DNS rebinding: a browser that holds a certificate names the page's host, and was answered by whatever name it came."""
    with pytest.raises(ssl.SSLError) as refused:
        at_the_operators_door(server, name)
    assert refused.value.reason == "TLSV1_UNRECOGNIZED_NAME"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_page_of_somebody_else_reads_nothing_at_the_operators_door(server, name):
    assert at_the_operators_door(server, name) == b"200"
    for field in ("Origin: https://evil.example", "Sec-Fetch-Site: cross-site"):
        assert at_the_operators_door(server, name, f"{field}\r\n") == b"403", field


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "::1"])
def test_whoever_would_believe_the_certificate_is_served(server, name):
    """A client that dials an address sends no name."""
    tls = shaken(server, name)
    assert tls.version() == "TLSv1.3"
    tls.close()


def test_a_hello_without_a_name_is_served(server):
    tls = raw.context(server.ca)
    tls.check_hostname = False
    with tls.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as connection:
        assert connection.version() == "TLSv1.3"


HOSTS = ["[localhost]", "[127.0.0.1]", "evil.example", "localhost:0", "localhost:65536", "localhost:99999999999", "localhost:80:80", "[::1", "::1", "localhost.evil.example", "127.0.0.2", "[::2]"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_request_for_somebody_else_is_misdirected(server, name, host):
    assert answer_to(server, name, get(host)) in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "LocalHost:443", "localhost.", "localhost:", "127.0.0.1", "127.0.0.1:8443", "[::1]:1"])
def test_the_ways_to_write_our_own_name_are_served(server, host):
    """Which port clients dial is not known where one may be forwarded."""
    assert answer_to(server, "localhost", get(host)) == 200


TARGETS = [
    ("http://localhost/api/v3/ping", "localhost"),
    ("HTTP://localhost/api/v3/ping", "localhost"),
    ("ws://localhost/api/v3/ping", "localhost"),
    ("https://127.0.0.1/api/v3/ping", "localhost"),
    ("https://localhost:1/api/v3/ping", "localhost"),
    ("https://evil.example/api/v3/ping", "evil.example"),
    ("https:///api/v3/ping", "localhost"),
    ("//localhost/api/v3/ping", "localhost"),
]


@pytest.mark.parametrize("target,host", TARGETS)
def test_a_target_that_names_another_place_is_refused(server, target, host):
    assert answer_to(server, "localhost", get(host, target)) in (400, 404, 421)


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_a_target_in_absolute_form_is_served(server, scheme):
    assert answer_to(server, "localhost", get("localhost", f"{scheme}://localhost/api/v3/ping")) == 200


@pytest.mark.parametrize("scheme,authority", [("http", "localhost"), ("ws", "localhost"), ("https", "evil.example"), ("https", "localhost:0")])
def test_http2_has_the_same_rules(guarded, scheme, authority):
    before = len(guarded.venue.seen)
    with H2(guarded.server) as connection:
        connection.request(1, [(":method", "GET"), (":scheme", scheme), (":authority", authority), (":path", "/open")])
        outcome, headers = connection.outcome(1)
    # 421 and 400 are the only answers that are no reset: neither is 200, and nothing was forwarded.
    assert outcome in ("answered", "reset", "goaway", "closed") and (headers is None or headers[0] != 0x88)
    assert guarded.venue.seen[before:] == []


def test_crumbs_of_a_cookie_reach_the_venue_as_one(guarded):
    with H2(guarded.server) as connection:
        crumbs = [("cookie", "a=1"), ("x-between", "x"), ("cookie", "b=2"), ("cookie", "c=3")]
        connection.request(1, [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/open"), *crumbs])
        assert connection.outcome(1)[0] == "answered"
    assert [value for name, value in guarded.venue.last_headers() if name == "cookie"] == ["a=1; b=2; c=3"]


@pytest.fixture(scope="module", params=["same", "known", "any"])
def ruled(request, tmp_path_factory):
    """A gateway of two names, under each of the rules."""
    config = tmp_path_factory.mktemp("ruled") / "gateway.toml"
    config.write_text(f'[listen]\nsni = "{request.param}"\nauthorities = ["a.example", "b.example:8443", "127.0.0.1"]\n')
    with Server(config.parent / "state", config=config) as running:
        running.rule = request.param
        yield running


def test_one_certificate_for_two_names_is_two_origins_unless_the_operator_says_otherwise(ruled):
    assert answer_to(ruled, "a.example", get("a.example")) == 200
    assert answer_to(ruled, "a.example", get("127.0.0.1")) == 200
    assert answer_to(ruled, "b.example", get("b.example:8443")) == 200
    assert answer_to(ruled, "b.example", get("b.example:8444")) == 421, "a port that is listed counts"
    assert answer_to(ruled, "a.example", get("c.example")) == 421
    assert answer_to(ruled, "127.0.0.1", get("b.example:8443")) == 200, "no name in the hello"
    expected = 421 if ruled.rule == "same" else 200
    assert answer_to(ruled, "a.example", get("b.example:8443")) == expected


def test_names_of_nobody_are_served_only_where_the_operator_wants_it(ruled):
    if ruled.rule == "any":
        assert answer_to(ruled, "evil.example", get("a.example"), verify=False) == 200
    else:
        with pytest.raises((ssl.SSLError, Closed)):
            shaken(ruled, "evil.example", verify=False)


def test_probe_says_that_it_is_the_name(server):
    done = run("probe", f"127.0.0.1:{server.port}", "--ca", server.ca, "--server-name", "evil.example")
    assert done.returncode == 1
    assert 'does not know the name "evil.example"' in done.stdout and "--server-name" in done.stdout, done.stdout
