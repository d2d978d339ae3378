"""What TLS refuses, seen from other people's TLS stacks: Python's and OpenSSL's."""

import array
import base64
import contextlib
import datetime
import fcntl
import json
import re
import socket
import ssl
import struct
import subprocess
import termios

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from harness import raw
from harness.binance import Key
from harness.raw import Connection, ask, context, request
from harness.server import Server, run

REFUSE_SECONDS = 15

HUNG_UP_SECONDS = 8
"""Less than any deadline of a handshake."""


def s_client(server, *arguments, stdin=b"", timeout=20):
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", server.ca, "-servername", "localhost", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=timeout)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def test_speaks_tls_1_3_with_a_certificate_of_its_own_ca(server):
    with Connection(server) as connection:
        assert connection.tls.version() == "TLSv1.3"
        assert connection.tls.selected_alpn_protocol() == "http/1.1"
        leaf = x509.load_der_x509_certificate(connection.tls.getpeercert(binary_form=True))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert {"127.0.0.1", "::1"} <= {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_is_verified_by_openssl(server):
    status, said = s_client(server, "-verify_return_error", "-brief")
    assert status == 0, said
    assert "Verification: OK" in said and "TLSv1.3" in said


def test_is_not_trusted_without_its_ca(server):
    raw_socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(raw_socket, server_hostname="localhost")


# A hello older than TLS 1.2 names no signature algorithms, and that is noticed before its version: another alert, the same end.
ALERTS = {"-tls1_2": ["protocol version"], "-tls1_1": ["protocol version", "handshake failure"], "-tls1": ["protocol version", "handshake failure"]}


@pytest.mark.parametrize("version", ALERTS)
def test_older_versions_are_refused_with_an_alert(server, version):
    status, said = s_client(server, version, "-cipher", "ALL:@SECLEVEL=0")
    assert status != 0
    assert any(f"alert {alert}" in said for alert in ALERTS[version]), said


def test_python_cannot_negotiate_tls_1_2(server):
    tls = context(server.ca, minimum=ssl.TLSVersion.TLSv1_2, maximum=ssl.TLSVersion.TLSv1_2)
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        Connection(server, tls=tls)


def test_where_1_2_is_allowed_old_clients_come_in_and_native_sessions_do_not(tmp_path):
    """TLS 1.2 has no exporter value that is safe to bind a session to; venues' clients of old bind to none."""
    with Server(tmp_path / "state", "--set", "listen.tls=1.2+") as server:
        url = f"{server.base}/api/v3/time"
        curl = ["curl", "--silent", "--show-error", "--cacert", server.ca, "--tlsv1.2", "--tls-max", "1.2", "--write-out", "%{http_code} %{ssl_verify_result}"]
        answered = subprocess.run([*curl, url], capture_output=True, text=True, timeout=30)
        assert answered.returncode == 0 and answered.stdout.endswith("200 0"), answered.stdout + answered.stderr
        assert Key(server.credential("binance-hmac")).ask(server, "GET", "/api/v3/account").status == 200
        new = run("probe", f"127.0.0.1:{server.port}", "--ca", server.ca)
        assert "✓ TLS 1.3" in new.stdout and "✓ TLS 1.2" in new.stdout, new.stdout
        assert [hello_over(server, version) for version in ("1.2", "1.3")] == ["bind.required", "auth.failed"]


def hello_over(server, version):
    """What a native client is told that would bind to the channel of this TLS version: a hello of a key that nobody knows."""
    pinned = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    tls = context(server.ca, alpn=("countersign/1",), minimum=pinned, maximum=pinned)
    pin = server.credential("native-ed25519")["gateway_pins"][0]
    hello = {
        "v": 1, "vers": [1], "kid": encoded(bytes(32)), "alg": "Ed25519", "algs": ["Ed25519"], "gw": pin, "host": f"127.0.0.1:{server.port}",
        "n": encoded(bytes(16)), "bind": "exp",
    }
    token = f"cs1h.{encoded(json.dumps(hello).encode())}.{encoded(bytes(64))}"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain, tls.wrap_socket(plain, server_hostname="localhost") as stream:
        stream.sendall(json.dumps({"hello": token}).encode() + b"\n")
        frames = (json.loads(line) for line in stream.makefile())
        return next(frame["err"]["code"] for frame in frames if "err" in frame)


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("protocol", ["ftp", "smtp", "spdy/3", "http/0.9", "countersign/2"])
def test_an_unknown_protocol_is_refused_with_its_alert(server, protocol):
    status, said = s_client(server, "-alpn", protocol)
    assert status != 0
    assert "alert no application protocol" in said, said


def test_h2_is_chosen_when_offered_first(server):
    with Connection(server, alpn=("h2", "http/1.1")) as connection:
        assert connection.tls.selected_alpn_protocol() == "h2"


def test_without_alpn_http_1_1_is_spoken(server):
    answer = raw.exchange(server, request(server, "GET", "/api/v3/ping"), alpn=())
    assert answer.status == 200


def test_early_data_is_not_offered_by_any_ticket(server, tmp_path):
    session = tmp_path / "session.pem"
    line = b"GET /api/v3/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    status, said = s_client(server, "-sess_out", str(session), "-ign_eof", "-alpn", "http/1.1", stdin=line)
    assert session.is_file(), said
    dumped = subprocess.run(["openssl", "sess_id", "-in", str(session), "-noout", "-text"], capture_output=True, text=True).stdout
    assert "Max Early Data: 0" in dumped or "Max Early Data" not in dumped, dumped
    early = tmp_path / "early"
    early.write_bytes(line)
    status, said = s_client(server, "-sess_in", str(session), "-early_data", str(early), "-alpn", "http/1.1")
    assert "Early data was accepted" not in said


@pytest.mark.parametrize("answered", ["K", "k"])
def test_a_flood_of_key_updates_ends_its_connection(server, answered):
    """Each costs the server a key derivation and, if it is asked to answer (K), a record; nothing honest sends so many."""
    with subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", server.ca, "-servername", "localhost"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
    ) as client:
        try:
            # The command is read as such at the beginning of what is typed, so each is written by itself.
            with contextlib.suppress(BrokenPipeError):
                for _ in range(200):
                    client.stdin.write(f"{answered}\n".encode())
                    wait_until_read(client)
            # Its input stays open: it ends because the server ended it, or not at all.
            client.wait(timeout=30)
            said = client.stdout.read().decode(errors="replace")
        finally:
            client.kill()
    assert "KEYUPDATE" in said, said
    # It may see the end first while it writes.
    assert re.search(r"(closed|(read|write):errno=\d+)$", said.rstrip()), said[-500:]
    assert ask(server, "GET", "/api/v3/ping").status == 200


def wait_until_read(client):
    """Until the pipe is empty or its reader is gone."""
    waiting = array.array("i", [1])
    while waiting[0] and client.poll() is None:
        fcntl.ioctl(client.stdin.fileno(), termios.FIONREAD, waiting)


def test_renegotiation_does_not_exist(server):
    _, said = s_client(server, stdin=b"R\n")
    assert "RENEGOTIATING" not in said or "error" in said.lower()


def test_plain_http_on_the_tls_port_is_closed(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        plain.settimeout(REFUSE_SECONDS)
        received = b""
        try:
            while data := plain.recv(4096):
                received += data
        except ConnectionResetError:
            pass
        assert not received.startswith(b"HTTP/1.1 200")

GARBAGE = [b"\x80\x2e\x01\x03\x01" + b"\0" * 41, b"\x16\x03\x00\x00\x05\x01\x00\x00\x01\x00", b"\x16\x03\x01\xff\xff" + b"a" * 70_000, b"\x17\x03\x03\x00\x01a", b"SSH-2.0-x\r\n"]


@pytest.mark.parametrize("number", range(len(GARBAGE)))
def test_what_is_no_client_hello_is_closed(server, number):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
        plain.settimeout(15)
        try:
            plain.sendall(GARBAGE[number])
            while plain.recv(4096):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert ask(server, "GET", "/api/v3/ping").status == 200


def test_a_hello_may_be_long_and_comes_to_its_end(server):
    """Nobody has proved anything yet, and what came of a hello is kept until the rest is there."""
    many = ["http/1.1", *(f"{number:0200d}" for number in range(50))]
    with Connection(server, alpn=many) as long:
        assert long.tls.selected_alpn_protocol() == "http/1.1"
    for port in (server.port, operator_port(server)):
        assert is_hung_up_on(port, endless_hello())


def endless_hello():
    """The first 31,000 bytes of a hello of 65,520."""
    endless = b"\x01\x00\xff\xf0\x03\x03" + b"r" * 31_000
    return b"".join(b"\x16\x03\x01" + struct.pack(">H", len(part)) + part for part in (endless[:16_000], endless[16_000:]))


def is_hung_up_on(port, sent):
    """Whether it is closed at once, and not kept until a deadline."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.settimeout(HUNG_UP_SECONDS)
        try:
            plain.sendall(sent)
            while plain.recv(4096):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
        except TimeoutError:
            return False
    return True


def weight(folder, server, length):
    """The demo client's chain with a certificate of so many bytes along, which nobody needs."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "weight")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=1))
    made = made.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"w" * length), critical=False)
    file = folder / f"weight-{length}.pem"
    own = (server.state / "demo" / "client-certificate.pem").read_bytes()
    file.write_bytes(own + made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return file


@pytest.mark.parametrize(("length", "is_taken"), [(15_000, True), (60_000, False)])
def test_what_a_client_shows_before_it_is_known_has_a_bound(server, tmp_path, length, is_taken):
    """The library would take more, and keep it on every connection."""
    tls = context(server.ca)
    tls.load_cert_chain(weight(tmp_path, server, length))
    taken = False
    with contextlib.suppress(ssl.SSLError, ConnectionResetError, BrokenPipeError, raw.Closed), Connection(server, tls=tls) as connection:
        connection.send(request(server, "GET", "/api/v3/ping"))
        taken = connection.answer().status == 200
    assert taken == is_taken


def test_the_operator_port_wants_a_certificate(server):
    operator = next((int(port) for port in operator_ports(server) if int(port) != server.port), None)
    assert operator is not None, server.said()
    tls = context(server.ca)
    raw_socket = socket.create_connection(("127.0.0.1", operator), timeout=10)
    with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
        with tls.wrap_socket(raw_socket, server_hostname="localhost") as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if not connection.recv(100):
                raise ConnectionResetError("closed without an answer")


def operator_port(server):
    return next(int(port) for port in operator_ports(server) if int(port) != server.port)


def operator_ports(server):
    from harness.server import OPERATOR

    return OPERATOR.findall("\n".join(server.lines))
