"""What a client's certificate opens, what ends with it, and what a chain may cost."""

import contextlib
import datetime
import json
import os
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
import websockets.exceptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from harness import raw
from harness.binance import Key
from harness.echo import Echo
from harness.fix import FixClient
from harness.raw import Connection, ask, context, request
from harness.server import Server, run
from harness.streams import open_websocket
from harness.tokens import TokenClient
from test_tls import REFUSE_SECONDS, operator_port


def test_a_client_certificate_is_a_login(guarded):
    server, before = guarded.server, len(guarded.venue.seen)
    assert ask(server, "GET", "/certified").status == 401
    assert len(guarded.venue.seen) == before
    tls = context(server.ca)
    tls.load_cert_chain(server.state / "demo" / "client-certificate.pem")
    with Connection(server, tls=tls) as connection:
        connection.send(request(server, "GET", "/certified"))
        assert connection.answer().status == 200
        connection.send(request(server, "GET", "/api/v3/account"))
        assert connection.answer().status in (400, 401)
    assert guarded.venue.targets[before:] == ["GET /certified"]
    assert dict(guarded.venue.last_headers())["countersign-identity"].count(".") == 2


def test_a_client_certificate_of_another_ca_is_refused(server, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=demo", "-days", "1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )
    tls = context(server.ca)
    tls.load_cert_chain(certificate, key)
    with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError, raw.Closed)):
        with Connection(server, tls=tls) as connection:
            connection.send(request(server, "GET", "/api/v3/ping"))
            connection.answer()

STREAMS = """
[listen]
client_ca = "{trusted}"
client_crl = "{lists}"

[upstream.venue]
url = "embedded"

[upstream.echo]
url = "http://127.0.0.1:{port}"

[[route]]
builtin = "native"
upstream = "venue"

[[route]]
builtin = "fix"
upstream = "venue"

[[route]]
name = "stream"
path = "/stream"
scope = "md:read"
dialect = "client-certificate"
websocket = "relay"
upstream = "echo"

[[route]]
name = "by token"
path = "/by-token"
scope = "md:read"
dialect = "native"
websocket = "relay"
upstream = "echo"
"""


def reload(server):
    """What the gateway says that it read again."""
    with socket.socket(socket.AF_UNIX) as operator:
        operator.connect(str(server.state / "operator.sock"))
        operator.sendall(b"POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        said = b""
        while data := operator.recv(65536):
            said += data
        return said


def trusts_another(folder):
    """The CA of clients is another one."""
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other", "-days", "1"]
    subprocess.run([*make, "-keyout", os.devnull, "-out", folder / "clients.pem"], check=True, capture_output=True)


def write_list(folder, *revoked):
    """The revocation list of the private CA, which names these certificates."""
    authority = x509.load_pem_x509_certificate((folder / "state" / "ca.pem").read_bytes())
    key = load_pem_private_key((folder / "state" / "ca-key.pem").read_bytes(), None)
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateRevocationListBuilder().issuer_name(authority.subject).last_update(now).next_update(now + datetime.timedelta(hours=1))
    made = made.add_extension(x509.CRLNumber(len(revoked)), critical=False)
    made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    for certificate in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now)
        made = made.add_revoked_certificate(entry.build())
    (folder / "crl.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))


def lists_it(folder):
    """The CA revokes the certificate."""
    own = folder / "state" / "demo" / "client-certificate.pem"
    write_list(folder, x509.load_pem_x509_certificates(own.read_bytes())[0])


@pytest.fixture
def echo():
    with Echo() as upstream:
        yield upstream


@pytest.mark.parametrize("change", [trusts_another, lists_it])
def test_what_a_client_certificate_opened_ends_with_it(tmp_path, echo, change):
    """Also what is open, whatever it is: a client that says something every minute keeps a connection for ever."""
    with Server(tmp_path / "state"):
        pass
    trusted, config = tmp_path / "clients.pem", tmp_path / "gateway.toml"
    trusted.write_bytes((tmp_path / "state" / "ca.pem").read_bytes())
    write_list(tmp_path)
    config.write_text(STREAMS.format(trusted=trusted, lists=tmp_path / "crl.pem", port=echo.port))
    with Server(tmp_path / "state", config=config) as server:
        tls = context(server.ca, alpn=None)
        own = server.state / "demo" / "client-certificate.pem"
        tls.load_cert_chain(own)
        names = x509.load_pem_x509_certificates(own.read_bytes())[0].extensions.get_extension_for_class(x509.SubjectAlternativeName)
        firm = next(iter(names.value)).value
        token = TokenClient(server, certificate=str(own)).fetch("md:read")["access_token"]
        ways = [("/stream", {}), ("/by-token", {"Authorization": f"Bearer {token}"})]
        streams = [open_websocket(server, path, tls, headers) for path, headers in ways]
        with Connection(server, tls=tls) as connection, FixClient(server, firm, "COUNTERSIGN", context=tls) as fix:
            fix.send("A", [(98, 0), (108, 30), (141, "Y")])
            fix.expect("A")

            def status():
                connection.send(request(server, "GET", "/native/v1/ticker?sym=BTCUSDT"))
                return connection.answer().status

            assert status() == 200
            for stream in streams:
                stream.send("still here")
                assert stream.recv(REFUSE_SECONDS) == "still here"
            change(tmp_path)
            assert b'"certificates_replaced":true' in reload(server).replace(b" ", b"")
            assert status() == 401
            for stream in streams:
                with pytest.raises(websockets.exceptions.ConnectionClosed):
                    stream.recv(REFUSE_SECONDS)
            fix.expect("5", t58="the credential may no longer be used")
        with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError, raw.Closed)), Connection(server, tls=tls) as connection:
            status()

WRONG_LISTS = {
    "no such file": ('client_crl = "{folder}/none.pem"', "none.pem"),
    "no list": ('client_crl = "{folder}/state/ca.pem"', "ca.pem"),
    "nobody is asked": ('client_crl = "{folder}/crl.pem"\nclient_auth = "off"', 'listen.client_crl: no client shows a certificate: client_auth is "off"'),
    "no proxy is asked": (
        '[authz]\naddress = "127.0.0.1:0"\nclient_crl = "{folder}/crl.pem"',
        "authz.client_crl: no proxy shows a certificate: set authz.client_ca",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_LISTS)
def test_a_revocation_list_that_cannot_be_used_is_told_at_the_start(tmp_path, wrong):
    with Server(tmp_path / "state"):
        pass
    write_list(tmp_path)
    settings, told = WRONG_LISTS[wrong]
    config = tmp_path / "gateway.toml"
    config.write_text("[listen]\n" + settings.format(folder=tmp_path))
    done = run("serve", "--state", tmp_path / "state", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--config", config)
    assert done.returncode != 0 and told in done.stderr, (done.returncode, done.stderr)
    assert "panic" not in done.stderr


def test_a_list_of_another_ca_says_nothing_good(tmp_path):
    """A certificate that no list is about is refused; who shows none comes in."""
    for folder in ("own", "other"):
        (tmp_path / folder).mkdir()
        with Server(tmp_path / folder / "state"):
            pass
    write_list(tmp_path / "other")
    config = tmp_path / "gateway.toml"
    config.write_text(f'[listen]\nclient_crl = "{tmp_path}/other/crl.pem"\n')
    with Server(tmp_path / "own" / "state", config=config) as server:
        tls = context(server.ca)
        tls.load_cert_chain(server.state / "demo" / "client-certificate.pem")
        with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError, raw.Closed)), Connection(server, tls=tls) as connection:
            connection.send(request(server, "GET", "/api/v3/ping"))
            connection.answer()
        assert ask(server, "GET", "/api/v3/ping").status == 200

ASKS_EVERYBODY = """
[listen]
client_auth = "required"
client_crl = "{lists}"
"""


def test_a_certificate_that_is_asked_of_everybody_is_needed_on_open_connections_too(tmp_path):
    """However a client logs in."""
    with Server(tmp_path / "state"):
        pass
    write_list(tmp_path)
    config = tmp_path / "gateway.toml"
    config.write_text(ASKS_EVERYBODY.format(lists=tmp_path / "crl.pem"))
    with Server(tmp_path / "state", config=config) as server:
        tls = context(server.ca)
        tls.load_cert_chain(server.state / "demo" / "client-certificate.pem")
        key = Key(server.credential("binance-hmac"))
        quiet = context(server.ca, alpn=None)
        quiet.load_cert_chain(server.state / "demo" / "client-certificate.pem")
        sockets = [open_websocket(server, path, quiet) for path in ("/ws-api/v3", "/v5/public/spot")]
        with Connection(server, tls=tls) as connection, Connection(server, tls=tls) as public:

            def ping():
                public.send(request(server, "GET", "/api/v3/ping"))
                return public.answer().status

            def status():
                connection.send(key.bytes(server, "GET", "/api/v3/account"))
                answer = connection.answer()
                return answer.status, json.loads(answer.body).get("code")

            assert (status(), ping()) == ((200, None), 200)
            lists_it(tmp_path)
            reload(server)
            assert (status(), ping()) == ((400, -1022), 400)
            for stream in sockets:
                with pytest.raises(websockets.exceptions.ConnectionClosed):
                    stream.recv(REFUSE_SECONDS)


def test_what_an_operators_certificate_opened_ends_with_it(tmp_path):
    with Server(tmp_path / "state") as server:
        port = operator_port(server)
        tls = context(server.ca)
        tls.load_cert_chain(server.state / "operator.pem")
        plain = socket.create_connection(("127.0.0.1", port), timeout=REFUSE_SECONDS)
        with tls.wrap_socket(plain, server_hostname="localhost") as connection:

            def ask_for_health():
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return connection.recv(65536)

            assert ask_for_health().startswith(b"HTTP/1.1 200")
            trusts_another(tmp_path)
            (server.state / "ca.pem").write_bytes((tmp_path / "clients.pem").read_bytes())
            reload(server)
            with contextlib.suppress(ConnectionResetError, ssl.SSLError):
                assert connection.recv(65536) == b""


def bomb(folder, length):
    """A client's chain in which every certificate may have issued every other: `length` keys under one name, none of them trusted."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "many of one name")])
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(length + 1)]
    now = datetime.datetime.now(datetime.UTC)
    chain = []
    for number, key in enumerate(keys):
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(number + 1)
        made = made.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=1))
        made = made.add_extension(x509.BasicConstraints(ca=number > 0, path_length=None), critical=True)
        # Signed by a key that is in the chain, so that no signature ends the search early.
        chain.append(made.sign(keys[(number + 1) % len(keys)], hashes.SHA256()))
    file = folder / f"bomb-{length}.pem"
    private = keys[0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain))
    return file


def processor_seconds(server):
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("length", [9, 60, 120])
def test_a_chain_that_explodes_is_refused_at_a_bounded_price(server, tmp_path, length):
    """Looking for a path through it takes as many tries as there are orders of its certificates, if nobody counts them."""
    tls = context(server.ca)
    tls.load_cert_chain(bomb(tmp_path, length))
    before = processor_seconds(server)
    with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError, raw.Closed)):
        with Connection(server, tls=tls) as connection:
            connection.send(request(server, "GET", "/api/v3/ping"))
            connection.answer()
    # An unoptimised build takes tens of milliseconds; unbounded it would be years.
    assert processor_seconds(server) - before < 5
    assert ask(server, "GET", "/api/v3/ping").status == 200
