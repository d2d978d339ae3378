"""What is open ends with what opened it, to the second, though nobody changes anything and the client says nothing."""

import contextlib
import datetime
import hashlib
import hmac
import json
import ssl
import time

import pytest
import websockets.exceptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from harness.binance import Key
from harness.echo import Echo
from harness.fix import FixClient
from harness.limited import made_key
from harness.raw import context
from harness.server import Server
from harness.streams import open_websocket
from harness.tokens import TokenClient
from harness.waiting import until
from test_standards import Issuer, KeyServer, bound_to, self_signed

LIVES = 14
"""Seconds of a certificate: enough to open everything with it."""
NOTICED = 10
"""Seconds within which its end is noticed."""

OPENED = """
[listen]
client_auth = "{asked}"
client_ca = "{trusted}"

[fix]
public_market_data = ["KRAKEN-MD"]

[upstream.venue]
url = "embedded"

[upstream.echo]
url = "http://127.0.0.1:{port}"

[issuer.idp]
issuer = "https://idp.example"
audience = ["https://api.example.com"]
jwks_url = "https://localhost:{keys}/jwks.json"
jwks_ca = "{keys_ca}"
account_claim = "account"
scopes = ["md:read"]

[[route]]
builtin = "native"
upstream = "venue"

[[route]]
builtin = "binance"
upstream = "venue"

[[route]]
builtin = "bybit"
upstream = "venue"

[[route]]
builtin = "fix"
upstream = "venue"

[[route]]
name = "stream"
path = "/by-certificate"
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

[[route]]
name = "issued"
path = "/issued"
scope = "md:read"
dialect = "bearer"
websocket = "relay"
upstream = "echo"

[[route]]
name = "open"
path = "/open"
public = true
websocket = "relay"
upstream = "echo"
"""


class Authority:
    """A CA of clients, and what it gives them."""

    def __init__(self, folder):
        self.folder, self.end = folder, None
        self.root = self.made("root", ca=True)
        (folder / "clients.pem").write_bytes(self.root[0].public_bytes(Encoding.PEM))

    def made(self, name, issuer=None, ca=False, lives=None, names=None, key=None):
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        end = now + (datetime.timedelta(seconds=lives) if lives else datetime.timedelta(days=1))
        built = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer[0].subject if issuer else subject).public_key(key.public_key())
        built = built.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(end)
        built = built.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if names:
            built = built.add_extension(names, critical=False)
            built = built.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        if lives:
            self.end = end.timestamp()
        return built.sign(issuer[1] if issuer else key, hashes.SHA256()), key

    def client(self, state, what):
        """The key of the demo client, in a chain in which one certificate lives for a few seconds."""
        own = (state / "demo" / "client-certificate.pem").read_bytes()
        names = x509.load_pem_x509_certificates(own)[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.firm = next(iter(names)).value
        of_client = {"names": names, "key": load_pem_private_key(own, None)}
        if what == "issuer":
            between = self.made("between", self.root, ca=True, lives=LIVES)
            chain = [self.made("client", between, **of_client), between]
        elif what == "client":
            chain = [self.made("client", self.root, lives=LIVES, **of_client)]
        else:
            before = self.made("ended before", ca=True, lives=-60)
            chain = [self.made("client", self.root, **of_client), before, self.made("ends meanwhile", ca=True, lives=LIVES)]
        file = self.folder / "client.pem"
        private = chain[0][1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + b"".join(certificate.public_bytes(Encoding.PEM) for certificate, _ in chain))
        return file


class Gateway:
    """A gateway that asks for certificates of a CA, before an upstream that sends back what it hears."""

    def __init__(self, folder, asked):
        with Server(folder / "state"):
            pass
        self.authority = Authority(folder)
        self.upstream = Echo()
        served, keys_ca = self_signed(folder)
        self.keys, self.issuer = KeyServer(served), Issuer()
        self.keys.keys.append(self.issuer.jwk())
        ports = {"keys": self.keys.port, "keys_ca": keys_ca, "port": self.upstream.port}
        config = folder / "gateway.toml"
        config.write_text(OPENED.format(asked=asked, trusted=folder / "clients.pem", **ports))
        self.server = Server(folder / "state", config=config).start()

    def show(self, what):
        """From now on a client shows such a certificate."""
        self.certificate = self.authority.client(self.server.state, what)
        self.tls = context(self.server.ca, alpn=None)
        self.tls.load_cert_chain(self.certificate)

    def socket(self, path, **headers):
        return open_websocket(self.server, path, self.tls, headers)

    def issued(self):
        """One that is opened by a token of an issuer outside, whose keys are fetched when the first is seen."""
        token = self.issuer.token(scope="md:read", cnf=bound_to(self.certificate))

        def opened():
            with contextlib.suppress(websockets.exceptions.InvalidStatus):
                return self.socket("/issued", Authorization=f"Bearer {token}")

        return until(opened)

    def stop(self):
        self.server.stop()
        self.upstream.__exit__()
        self.keys.close()


@pytest.fixture
def gateway(tmp_path, request):
    running = Gateway(tmp_path, request.param)
    yield running
    running.stop()


def ends(stream, end, late=0):
    """`late`: by how many seconds it may be."""
    with pytest.raises(websockets.exceptions.ConnectionClosed):
        stream.recv(end - time.time() + NOTICED + late)
    assert time.time() > end - 1, "no sooner than that"


@pytest.mark.parametrize("gateway", ["optional"], indirect=True)
@pytest.mark.parametrize("what", ["client", "issuer", "what was sent along"])
def test_what_a_client_certificate_opened_ends_with_the_first_that_is_needed(gateway, what):
    gateway.show(what)
    token = TokenClient(gateway.server, certificate=str(gateway.certificate)).fetch("md:read")["access_token"]
    streams = [gateway.socket("/by-certificate"), gateway.socket("/by-token", Authorization=f"Bearer {token}"), gateway.issued()]
    with FixClient(gateway.server, gateway.authority.firm, "COUNTERSIGN", context=gateway.tls) as fix:
        fix.send("A", [(98, 0), (108, 30), (141, "Y")])
        fix.expect("A")
        assert time.time() < gateway.authority.end, "all was opened before"
        if what != "what was sent along":
            for stream in streams:
                ends(stream, gateway.authority.end)
            fix.expect("5", t58="the credential may no longer be used")
        else:
            until(lambda: time.time() > gateway.authority.end + 2)
            for stream in streams:
                stream.send("still here")
                assert stream.recv(NOTICED) == "still here"
            fix.send("1", [(112, "still here")])
            fix.expect("0", t112="still here")


@pytest.mark.parametrize("gateway", ["required"], indirect=True)
@pytest.mark.parametrize("what", ["client", "issuer"])
def test_where_everybody_needs_a_certificate_nobody_who_is_quiet_outlives_it(gateway, what):
    gateway.show(what)
    streams = [gateway.socket(path) for path in ("/open", "/ws-api/v3", "/v5/public/spot")]
    with FixClient(gateway.server, "ANYBODY", "KRAKEN-MD", context=gateway.tls) as visitor:
        visitor.send("A", [(98, 0), (108, 30), (141, "Y")])
        visitor.expect("A")
        assert time.time() < gateway.authority.end, "all was opened before"
        for stream in streams:
            ends(stream, gateway.authority.end)
        # Heartbeats come meanwhile.
        until(lambda: visitor.read().get(35) == b"5", seconds=NOTICED)


@pytest.fixture(scope="module")
def tls(server):
    return ssl.create_default_context(cafile=server.ca)


def test_who_only_listens_is_cut_off_when_the_key_ends(server, tls):
    lives = ["--scopes", "order:read,account:read", "--expires", f"{LIVES}s"]
    end = time.time() + LIVES
    bybit, binance = made_key(server, *lives, purpose="bybit"), Key(made_key(server, *lives))
    took = time.time() + LIVES - end
    with open_websocket(server, "/v5/private", tls) as orders, open_websocket(server, "/ws-api/v3", tls) as events:
        until_ms = int(time.time() * 1000) + 10_000
        proof = hmac.new(bybit["secret"].encode(), f"GET/realtime{until_ms}".encode(), hashlib.sha256).hexdigest()
        orders.send(json.dumps({"op": "auth", "args": [bybit["api_key"], until_ms, proof]}))
        assert json.loads(orders.recv(NOTICED))["success"] is True
        orders.send(json.dumps({"op": "subscribe", "args": ["order"]}))
        assert json.loads(orders.recv(NOTICED))["success"] is True
        events.send(binance.frame("userDataStream.subscribe.signature"))
        assert json.loads(events.recv(NOTICED))["status"] == 200
        ends(orders, end, took)
        ends(events, end, took)
