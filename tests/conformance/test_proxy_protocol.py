"""Behind a load balancer: the client's address is the one that the balancer says, and nobody else can say one."""

import contextlib
import json
import socket
import ssl

import pytest

from harness import raw
from harness.binance import ORDER, Key
from harness.cluster import Client
from harness.envoy import Layer4Envoy
from harness.fix import FixClient, binance_logon, value
from harness.haproxy import HAProxy
from harness.limited import made_key
from harness.operators import OperatorSocket
from harness.proxied import LOCAL, TCP4, UDP4, UNIX, Proxied, binary, field, summed, text
from harness.recorded import recorded
from harness.server import Server, run
from harness.upgrade import Requests, VenueWithFix, drained, only_starved, replace
from harness.waiting import until

#: Addresses for documentation: nobody is there.
CLIENT, OTHER = "198.51.100.7", "203.0.113.9"
CLIENT_V6 = "2001:db8::7"
#: No address of a balancer, and of this machine all the same.
STRANGER = "127.0.0.9"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    with Proxied(tmp_path_factory.mktemp("proxied")) as running:
        yield running


@pytest.fixture(scope="module")
def listed(proxied):
    """A key that is good from the client's addresses alone."""
    made = made_key(proxied.server, "--scopes", "account:read", "--ip", f"{CLIENT}/32", "--ip", f"{CLIENT_V6}/128")
    key = Key(made)
    until(lambda: account(proxied, key, text(CLIENT)) == 200)
    return key


def account(proxied, key, before, source=""):
    with raw.Connection(proxied.server, before=before, source=source) as connection:
        connection.send(key.bytes(proxied.server, "GET", "/api/v3/account"))
        return connection.answer().status


def opened(proxied, before, source=""):
    """The status of a public route, or None where the gateway closes instead of TLS."""
    try:
        with raw.Connection(proxied.server, before=before, source=source) as connection:
            connection.send(raw.request(proxied.server, "GET", "/open"))
            return connection.answer().status
    except (ssl.SSLError, ConnectionError, raw.Closed):
        return None


def closed(server):
    """How many connections were closed for what they said in front of TLS, by reason."""
    with contextlib.closing(OperatorSocket(server)) as operators:
        operators.request("GET", "/metrics")
        lines = operators.getresponse().read().decode().splitlines()
    named = [line.split() for line in lines if line.startswith("countersign_proxy_closed_total{")]
    return {name.split('"')[1]: float(count) for name, count in named}


def on_record(server, event, remote):
    """The newest record of a client, once it is written: the answer does not wait for the file."""
    return until(lambda: [record for record in recorded(server.state, event) if record.get("remote") == remote], why=f"no {event} of {remote}")[-1]


# What a balancer says


@pytest.mark.parametrize("header", [text, binary, summed, lambda source: binary(source, field(0xEA, b"\x01vpce-1") + field(4, bytes(9)))])
@pytest.mark.parametrize("source", [CLIENT, CLIENT_V6])
def test_the_client_is_judged_recorded_and_passed_on_by_its_own_address(proxied, listed, header, source):
    assert account(proxied, listed, header(source)) == 200
    headers = dict(proxied.venue.last_headers())
    assert headers["x-forwarded-for"] == source
    assert on_record(proxied.server, "accept", source)["channel"]["proxy"] == "127.0.0.1"


@pytest.mark.parametrize("header", [text, binary])
def test_a_key_is_not_good_from_elsewhere_and_the_audit_log_says_where(proxied, listed, header):
    assert account(proxied, listed, header(OTHER)) in (400, 401, 403)
    assert on_record(proxied.server, "refuse", OTHER)["channel"]["proxy"] == "127.0.0.1"
    # The balancer itself is no address of this key's either.
    assert account(proxied, listed, binary(command=LOCAL)) in (400, 401, 403)
    assert on_record(proxied.server, "refuse", "127.0.0.1")["channel"]["proxy"] == "127.0.0.1"


def test_a_header_may_come_in_pieces_and_together_with_what_follows(proxied):
    for header in (text(CLIENT), binary(CLIENT, field(4, b"\n" * 20))):
        plain = socket.create_connection(("127.0.0.1", proxied.server.port), timeout=30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in header[:-1]:
            plain.sendall(bytes([byte]))
        # TLS into memory, so that its hello travels with the last byte of the header.
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = raw.context(proxied.server.ca).wrap_bio(coming, going, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        plain.sendall(header[-1:] + going.read())
        while True:
            coming.write(plain.recv(65536))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(going.read())
        plain.close()


@pytest.mark.parametrize("header", [binary(command=LOCAL), binary(CLIENT, command=LOCAL), b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ::1 x\r\n", binary()])
def test_a_balancer_that_names_nobody_is_served_as_itself(proxied, header):
    assert opened(proxied, header) == 200
    assert dict(proxied.venue.last_headers())["x-forwarded-for"] == "127.0.0.1"


BROKEN = [
    text(CLIENT).replace(b"\r\n", b"\n"),
    text(CLIENT).replace(b" ", b"  "),
    b"PROXY TCP4 198.51.100.7 127.0.0.1 +1 443\r\n",
    b"PROXY TCP4 198.51.100.07 127.0.0.1 1 443\r\n",
    b"PROXY TCP6 198.51.100.7 127.0.0.1 1 443\r\n",
    b"PROXY UDP4 198.51.100.7 127.0.0.1 1 443\r\n",
    b"PROXY TCP4 0.0.0.0 127.0.0.1 1 443\r\n",
    b"PROXY UNKNOWN " + b"x" * 107,
    binary(CLIENT, command=0x11),
    binary(CLIENT, command=0x22),
    binary(CLIENT, family=UDP4),
    binary(fields=bytes(216), family=UNIX),
    binary(fields=bytes(11), family=TCP4),
    binary("255.255.255.255"),
    binary(CLIENT, field(1, b"h2")[:-1]),
    binary(CLIENT, field(3, b"1234")),
    binary(CLIENT, field(4, bytes(4096))),
]


@pytest.mark.parametrize("header", BROKEN)
def test_a_broken_header_ends_the_connection(proxied, header):
    before = closed(proxied.server)["malformed"]
    assert opened(proxied, header) is None
    until(lambda: closed(proxied.server)["malformed"] == before + 1)


def test_a_balancer_must_say_something_and_once(proxied):
    before, served = closed(proxied.server), len(proxied.venue.seen)
    socket.create_connection(("127.0.0.1", proxied.server.port), timeout=30).close()
    until(lambda: closed(proxied.server)["silent"] == before["silent"] + 1)
    assert opened(proxied, b"") is None, "TLS at once"
    until(lambda: closed(proxied.server)["missing"] == before["missing"] + 1)
    assert opened(proxied, text(CLIENT) + text(OTHER)) is None, "the second is no TLS"
    assert opened(proxied, binary(command=LOCAL) + binary(CLIENT)) is None
    # It was a header; what is wrong is what followed.
    assert closed(proxied.server)["malformed"] == before["malformed"]
    with socket.create_connection(("127.0.0.1", proxied.server.port), timeout=30) as silent:
        silent.sendall(text(CLIENT)[:-1])
        # Three seconds.
        assert silent.recv(1) == b""
    until(lambda: closed(proxied.server)["late"] == before["late"] + 1)
    assert len(proxied.venue.seen) == served


# What anybody else says


@pytest.mark.parametrize("header", [text(CLIENT), binary(CLIENT), binary(command=LOCAL), b""])
def test_who_is_no_balancer_is_nobody_by_whatever_header(proxied, listed, header):
    before, served = closed(proxied.server)["untrusted"], len(proxied.venue.seen)
    assert opened(proxied, header, source=STRANGER) is None
    with pytest.raises((ssl.SSLError, ConnectionError, raw.Closed)):
        account(proxied, listed, header, source=STRANGER)
    until(lambda: closed(proxied.server)["untrusted"] == before + 2)
    assert len(proxied.venue.seen) == served


def test_operators_and_their_socket_take_no_header(proxied):
    with contextlib.closing(OperatorSocket(proxied.server)) as operators:
        operators.connect()
        operators.sock.sendall(text(CLIENT) + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = operators.sock.recv(100)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400"), answer


# What goes by source


def test_each_client_has_the_connections_of_its_own_source(proxied):
    with contextlib.ExitStack() as held:
        for _ in range(6):
            held.enter_context(raw.Connection(proxied.server, before=text("192.0.2.1")))
        assert opened(proxied, text("192.0.2.200")) is None, "of the same /24"
        assert opened(proxied, text(OTHER)) == 200, "through the same balancer"
        # Operators see both addresses.
        with contextlib.closing(OperatorSocket(proxied.server)) as operators:
            operators.request("GET", "/v1/connections?limit=100")
            listed = json.loads(operators.getresponse().read())["connections"]
        of_source = [one for one in listed if one["remote"].startswith("192.0.2.1:")]
        assert len(of_source) == 6 and {one["proxy"] for one in of_source} == {"127.0.0.1"}
    until(lambda: opened(proxied, text("192.0.2.200")) == 200)


def test_each_client_has_the_public_weight_of_its_own_source(proxied):
    statuses = [opened(proxied, binary("192.0.2.77")) for _ in range(41)]
    assert set(statuses) == {200, 429}, statuses
    assert opened(proxied, binary("192.88.99.77")) == 200


# A real load balancer


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A gateway with its paper venue and FIX, which believes this machine."""
    folder = tmp_path_factory.mktemp("node")
    config = folder / "node.toml"
    config.write_text('[listen]\nproxy_protocol = "required"\nproxy_trusted = ["127.0.0.1"]\n[operator]\nhealth = "127.0.0.1:0"\n')
    with Server(folder / "state", config=config) as server:
        yield server


def health_port(server):
    return next(int(line.rsplit(":", 1)[1].split()[0]) for line in server.lines if line.startswith("  health "))


BALANCERS = {
    "haproxy-v1": lambda folder, node: HAProxy(folder, node, health_port(node), "send-proxy"),
    "haproxy-v2": lambda folder, node: HAProxy(folder, node, health_port(node), "send-proxy-v2"),
    "haproxy-v2-fields": lambda folder, node: HAProxy(folder, node, health_port(node), "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority"),
    "envoy-v1": lambda folder, node: Layer4Envoy(folder, node, "V1"),
    "envoy-v2": lambda folder, node: Layer4Envoy(folder, node, "V2"),
}


@pytest.fixture(scope="module", params=BALANCERS)
def balancer(node, tmp_path_factory, request):
    with BALANCERS[request.param](tmp_path_factory.mktemp("balancer"), node) as running:
        passes(running)
        yield running


def passes(balancer):
    """Waits until a request goes through: at first the checks of a balancer have not found the node yet, and it closes."""

    def asked():
        try:
            return raw.ask(balancer, "GET", "/api/v3/time").status == 200
        except (OSError, raw.Closed):
            return False

    until(asked, why=balancer.said())


def test_a_balancer_says_where_clients_are(node, balancer):
    # The client is an address of this machine that is no balancer's.
    allowed = Key(made_key(node, "--scopes", "account:read,order:write,order:read", "--ip", "127.0.0.3/32"))

    def ask(source, method="GET", path="/api/v3/account", **parameters):
        with raw.Connection(balancer, source=source) as connection:
            connection.send(allowed.bytes(balancer, method, path, **parameters))
            return connection.answer()

    until(lambda: ask("127.0.0.3").status == 200)
    assert ask("127.0.0.3", "POST", "/api/v3/order", **ORDER).status == 200
    assert on_record(node, "accept", "127.0.0.3")["channel"]["proxy"] == "127.0.0.1"
    assert ask("127.0.0.4").status != 200
    assert on_record(node, "refuse", "127.0.0.4")["channel"]["proxy"] == "127.0.0.1"


def test_a_fix_logon_comes_through_a_balancer(node, balancer):
    credential = node.credential("binance-ed25519")
    plain = socket.create_connection(("127.0.0.1", balancer.port), timeout=30, source_address=("127.0.0.5", 0))
    stream = ssl.create_default_context(cafile=node.ca).wrap_socket(plain, server_hostname="localhost")
    with FixClient(balancer, "BALANCED", "SPOT", stream=stream) as client:
        binance_logon(client, credential)
        assert value(client.read(), 35) == "A"
        found = on_record(node, "accept", "127.0.0.5")
        assert (found["route"], found["channel"]["proxy"]) == ("fix Logon", "127.0.0.1"), found
        client.send("5")
        # What happens to the account's orders of the test before may be told first.
        assert "5" in (value(message, 35) for message in iter(client.read, None))


def test_a_native_session_comes_through_a_balancer(node, balancer):
    with Client(balancer.port, node.state / "demo" / "native-ed25519.json") as client:
        assert client.ask({"op": "ticker", "sym": "BTCUSDT", "id": 1}).get("ok"), client.seen
    assert on_record(node, "session_open", "127.0.0.1")["channel"]["proxy"] == "127.0.0.1"


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
def test_checks_of_haproxy_at_the_public_port_are_its_own(node, tmp_path, send):
    # A check is a header that names nobody, and an end.
    before = closed(node)
    with HAProxy(tmp_path, node, send=send) as balancer:
        passes(balancer)
    assert closed(node) == before


CONFIGURATION = """
[listen]
proxy_protocol = "required"
proxy_trusted = ["127.0.0.1"]

[operator]
health = "127.0.0.1:0"

[upstream.venue]
url = "http://127.0.0.1:{venue}"
"""


def test_processes_take_over_from_each_other_behind_haproxy(tmp_path):
    with Server(tmp_path / "state") as first:
        assert first.port
    venue, config, former = VenueWithFix(tmp_path / "state" / "jwks.json"), tmp_path / "node.toml", []
    config.write_text(CONFIGURATION.format(venue=venue.port))
    server = Server(tmp_path / "state", config=config).start()
    try:
        rates = ["--orders-per-10s", "1000000", "--weight-per-minute", "1000000"]
        key = Key(made_key(server, "--scopes", "order:write,order:read,account:read", "--ip", "127.0.0.1/32", *rates))
        with HAProxy(tmp_path, server) as balancer:
            passes(balancer)
            until(lambda: key.ask(balancer, "GET", "/api/v3/account").status == 200)
            with Requests(balancer, key) as anew, Requests(balancer, key, kept=True) as kept:
                server = replace(server, former)
                anew.goes_on()
                kept.goes_on()
                drained(former[-1])
                anew.goes_on()
            assert not anew.wrong and not kept.wrong, (anew.wrong[:3], kept.wrong[:3])
            assert not (anew.stopped or kept.stopped) or only_starved([anew, kept], server.state)
        accepted = until(lambda: recorded(server.state, "accept"))
        assert {record["remote"] for record in accepted} == {"127.0.0.1"}
        assert {record["channel"].get("proxy") for record in accepted if "channel" in record} == {"127.0.0.1"}
    finally:
        server.stop()
        for one in former:
            one.kill()
        venue.stop()


def test_config_check_says_what_is_missing(tmp_path):
    config = tmp_path / "gateway.toml"
    config.write_text('[listen]\nproxy_protocol = "required"\n')
    checked = run("config", "check", config)
    assert checked.returncode != 0 and "listen.proxy_trusted" in checked.stderr + checked.stdout
    config.write_text('[listen]\nproxy_protocol = "required"\nproxy_trusted = ["10.0.0.0/28"]\n')
    shown = run("config", "show", config)
    assert shown.returncode == 0 and "10.0.0.0/28" in shown.stdout
