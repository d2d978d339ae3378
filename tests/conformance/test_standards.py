"""Logins by standards: HTTP message signatures (RFC 9421), access tokens of an issuer (RFC 9068) with DPoP (RFC 9449) or a client certificate (RFC 8705)."""

import base64
import hashlib
import http.server
import json
import ssl
import threading
import time
import uuid

import http_sfv
import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

from harness.server import Server
from harness.venue import CountingVenue

CONFIGURATION = """
[upstream.venue]
url = "http://127.0.0.1:{venue}"

[issuer.idp]
issuer = "https://idp.example"
audience = ["https://api.example.com"]
jwks_url = "https://localhost:{keys}/jwks.json"
jwks_ca = "{ca}"
account_claim = "account"
scopes = ["order:write"]

[[route]]
name = "signed"
path = "/signed"
methods = ["GET", "POST"]
scope = "order:write"
dialect = "http-signature"

[[route]]
name = "orders"
path = "/orders"
methods = ["GET", "POST"]
scope = "order:write"
dialect = "bearer"
"""


class KeyServer:
    """Publishes keys over TLS; counts, and fails when told."""

    def __init__(self, certificate):
        outer = self
        self.keys, self.asked, self.broken = [], 0, False

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                body = json.dumps({"keys": outer.keys}).encode()
                self.send_response(500 if outer.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def self_signed(folder):
    """A certificate for localhost, with its key, in one file."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "key server")])
    now = datetime.datetime.now(datetime.timezone.utc)

    def made(subject, own_key, ca):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(own_key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if not ca:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    leaf = ec.generate_private_key(ec.SECP256R1())
    (folder / "ca.pem").write_bytes(made(name, key, True))
    private = leaf.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    (folder / "server.pem").write_bytes(made(subject, leaf, False) + private)
    return folder / "server.pem", folder / "ca.pem"


class Issuer:
    """An identity provider by PyJWT."""

    def __init__(self):
        self.rotate()

    def rotate(self):
        self.key, self.kid = ed25519.Ed25519PrivateKey.generate(), uuid.uuid4().hex

    def jwk(self):
        made = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(self.key.public_key()))
        return {**made, "kid": self.kid, "use": "sig"}

    def token(self, headers=None, **claims):
        now = int(time.time())
        body = {"iss": "https://idp.example", "aud": "https://api.example.com", "sub": "alice", "account": "demo", "scope": "order:write", "iat": now, "exp": now + 300}
        body = {name: value for name, value in {**body, **claims}.items() if value is not None}
        return jwt.encode(body, self.key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": self.kid, **(headers or {})})


class Holder:
    """A client with a key for DPoP."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        made = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        self.jwk = {name: made[name] for name in ("kty", "crv", "x", "y")}

    def thumbprint(self):
        return b64(hashlib.sha256(json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()).digest())

    def proof(self, server, token, nonce=None, **claims):
        body = {"htm": "POST", "htu": f"{server.base}/orders", "iat": int(time.time()), "jti": uuid.uuid4().hex, "ath": b64(hashlib.sha256(token.encode()).digest()), "nonce": nonce}
        body = {name: value for name, value in {**body, **claims}.items() if value is not None}
        return jwt.encode(body, self.key, algorithm="ES256", headers={"typ": "dpop+jwt", "jwk": self.jwk})


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    certificate, ca = self_signed(tmp_path_factory.mktemp("keys"))
    running = KeyServer(certificate)
    running.ca = ca
    yield running
    running.close()


@pytest.fixture(scope="module")
def venue():
    with CountingVenue() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory, venue, keys):
    folder = tmp_path_factory.mktemp("standards")
    config = folder / "gateway.toml"
    config.write_text(CONFIGURATION.format(venue=venue.port, keys=keys.port, ca=keys.ca))
    with Server(folder / "state", config=config) as running:
        yield running


@pytest.fixture
def issuer(keys):
    made = Issuer()
    keys.broken = False
    keys.keys.append(made.jwk())
    return made


class Resolver(HTTPSignatureKeyResolver):
    def __init__(self, credential):
        self.credential = credential

    def resolve_private_key(self, key_id):
        if "secret" in self.credential:
            return self.credential["secret"].encode()
        return load_pem_private_key(self.credential["private_key_pem"].encode(), None)

    def resolve_public_key(self, key_id):
        raise NotImplementedError


ALGORITHMS = {
    "ed25519": algorithms.ED25519,
    "hmac": algorithms.HMAC_SHA256,
    "es256": algorithms.ECDSA_P256_SHA256,
    "rsa-pss": algorithms.RSA_PSS_SHA512,
}


def signed(server, kind, body=b'{"side":"buy"}', method="POST"):
    request = requests.Request(method, f"{server.base}/signed?dry=1", data=body or None).prepare()
    covered = ["@method", "@authority", "@path", "@query"]
    if body:
        request.headers["Content-Digest"] = str(http_sfv.Dictionary({"sha-256": hashlib.sha256(body).digest()}))
        covered.append("content-digest")
    request.headers["Host"] = server.base.removeprefix("https://")
    credential = server.credential(f"http-signature-{kind}")
    signer = HTTPMessageSigner(signature_algorithm=ALGORITHMS[kind], key_resolver=Resolver(credential))
    signer.sign(request, key_id=credential["api_key"], covered_component_ids=covered, nonce=uuid.uuid4().hex, label="sig")
    return request


def send(server, request):
    with requests.Session() as session:
        return session.send(request, verify=server.ca)


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_signed_request_passes_once(server, venue, kind):
    request = signed(server, kind)
    before = len(venue.seen)
    assert send(server, request).status_code == 200
    again = send(server, request)
    assert (again.status_code, again.json()["error"]["code"]) == (400, "replay.detected")
    assert len(venue.seen) == before + 1
    assert send(server, signed(server, kind, b"", "GET")).status_code == 200


def test_a_changed_request_is_refused(server, venue):
    before = len(venue.seen)
    body = signed(server, "ed25519")
    body.body = body.body.replace(b"buy", b"bye")
    assert send(server, body).status_code == 400
    query = signed(server, "hmac")
    query.url = query.url.replace("dry=1", "dry=0")
    answer = send(server, query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "auth.failed")
    bare = requests.Request("POST", f"{server.base}/signed", data=b"x").prepare()
    answer = send(server, bare)
    assert answer.status_code == 401 and '"content-digest"' in answer.headers["accept-signature"]
    assert len(venue.seen) == before


def ask(server, token, scheme="Bearer", **headers):
    return requests.post(f"{server.base}/orders", headers={"Authorization": f"{scheme} {token}", **headers}, data=b"{}", verify=server.ca)


def test_a_token_of_the_issuer_passes_and_its_new_key_is_fetched(server, venue, issuer, keys):
    deadline = time.monotonic() + 30
    while (answer := ask(server, issuer.token())).status_code != 200:
        # Another test may have made the gateway fetch within the last ten seconds.
        assert time.monotonic() < deadline, answer.text
        threading.Event().wait(0.5)
    headers = dict(venue.last_headers())
    assert "authorization" not in headers and "countersign-identity" in headers
    asked = keys.asked
    assert ask(server, issuer.token()).status_code == 200
    assert keys.asked == asked, "a known key is not fetched again"
    for wrong in (
        issuer.token(aud="https://elsewhere.example"),
        issuer.token(exp=int(time.time()) - 1),
        issuer.token(headers={"typ": "JWT"}),
        issuer.token()[:-8] + "AAAAAAAA",
        jwt.encode({"iss": "https://idp.example"}, None, algorithm="none", headers={"kid": issuer.kid}),
    ):
        answer = ask(server, wrong)
        assert answer.status_code == 401 and 'error="invalid_token"' in answer.headers["www-authenticate"]
    answer = ask(server, issuer.token(scope="md:read"))
    assert answer.status_code == 403 and 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    keys.broken = True
    assert ask(server, issuer.token()).status_code == 200, "the last good keys go on"
    issuer.rotate()
    assert ask(server, issuer.token()).status_code in (401, 503)


def test_a_bound_token_needs_proofs_with_our_nonce(server, venue, issuer):
    holder = Holder()
    token = issuer.token(cnf={"jkt": holder.thumbprint()})
    deadline = time.monotonic() + 30
    while (answer := ask(server, token, "DPoP", DPoP=holder.proof(server, token))).status_code != 401 or "use_dpop_nonce" not in answer.headers["www-authenticate"]:
        assert time.monotonic() < deadline, (answer.text, answer.headers)
        threading.Event().wait(0.5)
    nonce = answer.headers["dpop-nonce"]
    proof = holder.proof(server, token, nonce)
    before = len(venue.seen)
    assert ask(server, token, "DPoP", DPoP=proof).status_code == 200
    assert len(venue.seen) == before + 1
    for refused in (
        ask(server, token, "DPoP", DPoP=proof),
        ask(server, token, "DPoP", DPoP=holder.proof(server, token, nonce, htu="https://other.example/orders")),
        ask(server, token, "DPoP", DPoP=holder.proof(server, token, nonce, htm="GET")),
        ask(server, token, "DPoP", DPoP=holder.proof(server, token, nonce, ath="")),
        ask(server, token, "DPoP"),
    ):
        assert refused.status_code == 401 and "invalid_dpop_proof" in refused.headers["www-authenticate"], refused.text
    assert ask(server, token, "DPoP", DPoP=Holder().proof(server, token, nonce)).status_code == 401
    assert ask(server, token).status_code == 401, "stolen"
    assert len(venue.seen) == before + 1


def bound_to(pem):
    """Confirmation by a client certificate (RFC 8705, 3.1)."""
    text = pem.read_text()
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE") : text.index("-----END CERTIFICATE-----") + 25])
    return {"x5t#S256": b64(hashlib.sha256(der).digest())}


def test_a_token_of_a_certificate_needs_its_connection(server, issuer):
    pem = server.state / "demo" / "client-certificate.pem"
    token = issuer.token(cnf=bound_to(pem))
    deadline = time.monotonic() + 30
    while True:
        answer = requests.post(f"{server.base}/orders", headers={"Authorization": f"Bearer {token}"}, verify=server.ca, cert=str(pem))
        if answer.status_code == 200:
            break
        assert time.monotonic() < deadline, answer.text
        threading.Event().wait(0.5)
    assert ask(server, token).status_code == 401
