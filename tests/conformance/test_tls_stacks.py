"""What TLS stacks other than OpenSSL's do here: GnuTLS and NSS, by the commands that come with them.

Each trusts the private CA, verifies the certificate by its own rules, and says itself what was agreed and what was resumed.
"""

import shutil
import subprocess

import pytest

from harness import raw
from harness.binance import ORDER, Key
from harness.server import Server

COMMANDS = ["gnutls-cli", "tstclnt", "certutil", "pk12util"]
assert all(map(shutil.which, COMMANDS)), f"one of {COMMANDS} is missing: run `cargo xtask test --only conformance`"

COMMAND_SECONDS = 30


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """A gateway that takes TLS 1.2, too."""
    with Server(tmp_path_factory.mktemp("older") / "state", "--set", "listen.tls=1.2+") as running:
        yield running


@pytest.fixture
def gateway_of(server, older):
    return {"1.3": server, "1.2": older}


def output(command, **more):
    """Everything that a command says. It says so, too, when it fails."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=COMMAND_SECONDS, check=False, **more)
    return done.stdout.decode(errors="replace")


def demo_certificate(server):
    return server.state / "demo" / "client-certificate.pem"


class GnuTls:
    """`gnutls-cli`, which leaves by a half-close: at the end of its input it ends its own direction and reads on."""

    resumed = "This is a resumed session"

    def __init__(self, folder):
        pass

    def prepare(self, server):
        """It reads the files of the gateway as they are."""

    def ask(self, server, request, version="1.3", certificate=False, twice=False, host="localhost", trust=True, priority="", more=()):
        command = ["gnutls-cli", "--port", server.port, "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}{priority}", *more]
        if trust:
            command += ["--x509cafile", server.ca]
        if certificate:
            command += ["--x509certfile", demo_certificate(server), "--x509keyfile", demo_certificate(server)]
        if twice:
            command += ["--resume", "--waitresumption"]
        return output([*command, host], input=request)


class Nss:
    """`tstclnt`, with a database of what it trusts and who it is for each gateway."""

    resumed = "1 stateless resumes"

    def __init__(self, folder):
        self.folder = folder

    def ask(self, server, request, version="1.3", certificate=False, twice=False, trust=True):
        (self.folder / "request").write_bytes(request)
        command = ["tstclnt", "-4", "-h", "localhost", "-p", server.port, "-d", self.database(server, trust, certificate), "-A", self.folder / "request"]
        command += ["-V", f"tls{version}:tls{version}"]
        if twice:
            command += ["-u", "-L", "2"]
        return output(command)

    def prepare(self, server):
        self.database(server, trust=True, certificate=False)

    def database(self, server, trust, certificate):
        """A certificate in it is shown to whoever asks for one of its issuer, whether the command line names it or not."""
        folder = self.folder / f"{server.port}-{trust}-{certificate}"
        database = f"sql:{folder}"
        if folder.is_dir():
            return database
        folder.mkdir()
        output(["certutil", "-N", "-d", database, "--empty-password"])
        if trust:
            output(["certutil", "-A", "-d", database, "-n", "private CA", "-t", "CT,,", "-i", server.ca])
        if certificate:
            bundle = folder / "demo.p12"
            output(["openssl", "pkcs12", "-export", "-in", demo_certificate(server), "-out", bundle, "-name", "demo", "-passout", "pass:demo"])
            output(["pk12util", "-d", database, "-i", bundle, "-W", "demo", "-K", ""])
        return database


STACKS = [GnuTls, Nss]


@pytest.fixture(scope="module", params=STACKS, ids=lambda stack: stack.__name__)
def stack(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("stack"))


@pytest.fixture
def gnutls(tmp_path):
    return GnuTls(tmp_path)


def get(server, target):
    return raw.request(server, "GET", target, [("Connection", "close")])


@pytest.mark.parametrize("version", ["1.3", "1.2"])
@pytest.mark.parametrize(("certificate", "status"), [(False, 401), (True, 200)], ids=["nobody", "by certificate"])
def test_a_session_is_opened_and_resumed(gateway_of, stack, version, certificate, status):
    server = gateway_of[version]
    said = stack.ask(server, get(server, "/native/v1/balance"), version, certificate)
    assert f"HTTP/1.1 {status}" in said and stack.resumed not in said, said
    again = stack.ask(server, get(server, "/native/v1/balance"), version, certificate, twice=True)
    # What the certificate opened, a ticket opens: it has the certificate in it.
    assert again.rpartition("HTTP/1.1 ")[2].startswith(str(status)) and stack.resumed in again, again


@pytest.mark.parametrize("version", ["1.3", "1.2"])
@pytest.mark.parametrize("key", ["binance-hmac", "binance-ed25519"])
def test_places_a_signed_order(gateway_of, stack, version, key):
    server = gateway_of[version]
    # What is signed is good for seconds.
    stack.prepare(server)
    order = Key(server.credential(key)).bytes(server, "POST", "/api/v3/order", extra_headers=[("Connection", "close")], **ORDER)
    said = stack.ask(server, order, version)
    assert "HTTP/1.1 200" in said and '"orderId"' in said, said


def test_a_gateway_of_an_unknown_ca_is_not_trusted(server, stack):
    said = stack.ask(server, get(server, "/api/v3/time"), trust=False)
    assert "HTTP/1.1" not in said and ("NOT trusted" in said or "SEC_ERROR_UNKNOWN_ISSUER" in said), said


def test_an_older_version_is_refused_with_its_alert(server, stack):
    said = stack.ask(server, get(server, "/api/v3/time"), "1.2")
    assert "HTTP/1.1" not in said and ("[70]" in said or "SSL_ERROR_PROTOCOL_VERSION_ALERT" in said), said


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
def test_gnutls_agrees_on_a_protocol(server, gnutls, protocol):
    said = gnutls.ask(server, b"", more=["--alpn", protocol, "--verbose"])
    assert f"Application protocol: {protocol}" in said, said


def test_gnutls_finds_the_gateway_by_address_and_without_a_name(server, gnutls):
    for more in ({"host": "127.0.0.1"}, {"more": ["--disable-sni"]}):
        said = gnutls.ask(server, get(server, "/api/v3/time"), **more)
        # A clean end: without close_notify it says that the connection was not properly terminated.
        assert "HTTP/1.1 200" in said and "Peer has closed the GnuTLS connection" in said, said


def test_gnutls_changes_its_keys_as_often_as_it_asks_for_something(server, gnutls):
    """More often than is borne in a row: between any two there is a request."""
    rounds = 40
    line = b"GET /api/v3/time HTTP/1.1\r\nHost: localhost\r\n\r\n"
    # The command reads 4,096 bytes at once, and finds its own word at the beginning of a line only.
    said = gnutls.ask(server, (line + b"^rekey^\n") * rounds + get(server, "/api/v3/time"), more=["--inline-commands", "-d", "4"])
    assert said.count("HTTP/1.1 200") == rounds + 1, said[-2000:]
    assert said.count("KEY_UPDATE was queued") == rounds, said.count("KEY_UPDATE was queued")


def test_tls_1_2_needs_the_extended_master_secret(older, gnutls):
    """RFC 7627. Without it no session is opened, whatever else a client offers."""
    said = gnutls.ask(older, get(older, "/api/v3/time"), "1.2", priority=":%NO_SESSION_HASH")
    assert "HTTP/1.1" not in said and "[40]" in said, said
    assert "HTTP/1.1 200" in gnutls.ask(older, get(older, "/api/v3/time"), "1.2")
