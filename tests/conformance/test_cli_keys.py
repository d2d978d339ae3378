"""The commands that look after keys and accounts, and what the audit log knows of them."""

import datetime
import json
import os
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.binance import Key
from harness.limited import made_key
from harness.server import run
from harness.waiting import until


def test_a_key_lives_from_new_to_revoke(server):
    record = made_key(server, "--label", "test key")
    key = Key(record)
    assert key.ask(server, "GET", "/api/v3/account").status == 200
    listed = json.loads(run("key", "list", "--state", server.state, "--json").stdout)
    assert any(record["api_key"] in json.dumps(each) for each in listed)
    shown = run("key", "show", record["api_key"], "--state", server.state, "--json")
    assert "test key" in shown.stdout and record["secret"] not in shown.stdout
    rotated = run("key", "rotate", record["api_key"], "--overlap", "0s", "--state", server.state)
    assert rotated.returncode == 0, rotated.stderr
    new = Key(json.loads(rotated.stdout))
    assert new.ask(server, "GET", "/api/v3/account").status == 200
    within_a_second(lambda: key.ask(server, "GET", "/api/v3/account").status == 401)
    assert run("key", "revoke", new.api_key, "--state", server.state).returncode == 0
    within_a_second(lambda: new.ask(server, "GET", "/api/v3/account").status == 401)
    again = run("key", "revoke", "no-such-key", "--state", server.state)
    assert again.returncode != 0 and "no-such-key" in again.stderr


def within_a_second(holds):
    until(holds, 1 if os.environ.get("COUNTERSIGN_STRICT") else 20, "not within a second")


def test_a_suspended_key_comes_back(server):
    record = made_key(server)
    key = Key(record)
    assert run("key", "suspend", record["api_key"], "--state", server.state).returncode == 0
    within_a_second(lambda: key.ask(server, "GET", "/api/v3/account").status in (401, 403))
    assert run("key", "resume", record["api_key"], "--state", server.state).returncode == 0
    within_a_second(lambda: key.ask(server, "GET", "/api/v3/account").status == 200)

PUBLIC_KEY = "MCowBQYDK2VwAyEAQvhSC+8DVvVG4ql4Zj5YIZNqxkVnAbTAkNXGsHApTP8="


def public_keys():
    """One Ed25519 public key each, in every accepted format."""
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    def fresh():
        return Ed25519PrivateKey.generate().public_key()

    def raw(key):
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def b64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return {
        "PEM": fresh().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": fresh().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "JWK": json.dumps({"kty": "OKP", "crv": "Ed25519", "x": b64(raw(fresh()))}).encode(),
        "raw": raw(fresh()),
        "OpenSSH": fresh().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    }


@pytest.mark.parametrize("form", ["PEM", "DER", "JWK", "raw", "OpenSSH"])
@pytest.mark.parametrize("purpose", ["binance", "native"])
def test_a_public_key_is_registered_from_every_format(server, tmp_path, form, purpose):
    file = tmp_path / "key.pub"
    file.write_bytes(public_keys()[form])
    done = run("key", "new", "--account", "demo", "--purpose", purpose, "--kind", "Ed25519", "--public-key", file, "--state", server.state)
    assert done.returncode == 0, done.stderr


def test_a_public_key_serves_one_purpose(server, tmp_path):
    file = tmp_path / "key.pub"
    file.write_bytes(public_keys()["PEM"])
    arguments = ["key", "new", "--account", "demo", "--kind", "Ed25519", "--public-key", file, "--state", server.state]
    assert run(*arguments, "--purpose", "binance").returncode == 0
    assert run(*arguments, "--purpose", "native").returncode != 0


def test_weak_public_keys_are_refused(server, tmp_path):
    import base64

    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    weak = rsa.generate_private_key(65537, 1024).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    low_order = base64.b64decode(PUBLIC_KEY)[:12] + b"\1" + b"\0" * 31
    for number, (kind, data) in enumerate([("RS256", weak), ("Ed25519", low_order), ("Ed25519", b"not a key"), ("Ed25519", b"")]):
        file = tmp_path / f"key{number}.pub"
        file.write_bytes(data)
        done = run("key", "new", "--account", "demo", "--purpose", "binance", "--kind", kind, "--public-key", file, "--state", server.state)
        assert done.returncode != 0 and done.stderr.strip(), data


def test_accounts_are_made_listed_and_shown(server):
    assert run("account", "new", "desk-7", "--label", "options desk", "--state", server.state).returncode == 0
    assert "desk-7" in run("account", "list", "--state", server.state).stdout
    assert "options desk" in run("account", "show", "desk-7", "--state", server.state).stdout
    assert run("account", "new", "desk-7", "--state", server.state).returncode != 0
    assert run("account", "new", "../etc", "--state", server.state).returncode != 0


def test_the_audit_log_knows_what_the_client_was_told(server, hmac_key):
    from harness.clients import unknown

    refused = Key(unknown(server.credential("binance-hmac"))).ask(server, "GET", "/api/v3/account")
    identifier = next(value for name, value in refused.headers if "correlation" in name or "request-id" in name)

    def told():
        done = run("audit", "--correlation", identifier, "--state", server.state)
        return done.returncode == 0 and "unknown_key" in done.stdout

    until(told)


def certificate(folder, key=None, ca=False, usage=ExtendedKeyUsageOID.CLIENT_AUTH, since=-9, days=1):
    """A self-signed certificate, which says nothing wrong unless it is told to."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "desk")]), datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(now + datetime.timedelta(days=since)).not_valid_after(now + datetime.timedelta(days=days))
    made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    hashed = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    (folder / "desk.pem").write_bytes(made.sign(key, hashed).public_bytes(Encoding.PEM))


def pss_only(folder):
    """A key that signs with RSA-PSS and nothing else (RFC 4055)."""
    (folder / "plain.cnf").write_text("[req]\ndistinguished_name = dn\n[dn]\n")
    make = ["openssl", "req", "-x509", "-config", folder / "plain.cnf", "-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-nodes", "-subj", "/CN=desk"]
    made = [*make, "-addext", "basicConstraints=critical,CA:FALSE", "-days", "1", "-keyout", os.devnull, "-out", folder / "desk.pem"]
    subprocess.run(made, check=True, capture_output=True)


OF_NO_USE = {
    "a short key": (lambda folder: certificate(folder, rsa.generate_private_key(65537, 1024)), "RSA of 1024 bits"),
    "a curve of no use in TLS": (lambda folder: certificate(folder, ec.generate_private_key(ec.SECP256K1())), "1.3.132.0.10"),
    "RSA-PSS only": (pss_only, "1.2.840.113549.1.1.10"),
    "a CA": (lambda folder: certificate(folder, ca=True), "a CA certificate"),
    "a server": (lambda folder: certificate(folder, usage=ExtendedKeyUsageOID.SERVER_AUTH), "not made for clientAuth"),
    "ended": (lambda folder: certificate(folder, days=-1), "expired on"),
}


@pytest.mark.parametrize("wrong", OF_NO_USE)
def test_a_certificate_that_no_handshake_takes_is_no_key(server, tmp_path, wrong):
    """Its owner would be told nothing but a TLS alert, or that the request needs authentication."""
    make, told = OF_NO_USE[wrong]
    make(tmp_path)
    made = run("key", "new", "--account", "demo", "--purpose", "client-certificate", "--certificate", tmp_path / "desk.pem", "--state", server.state)
    assert made.returncode == 2 and "desk.pem" in made.stderr and told in made.stderr, (made.returncode, made.stderr)


KEYS_OF_CERTIFICATES = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("since", [-1, 1], ids=["now", "tomorrow"])
@pytest.mark.parametrize("kind", KEYS_OF_CERTIFICATES)
def test_a_certificate_of_another_ca_is_a_key(server, tmp_path, kind, since):
    """Also before its time."""
    certificate(tmp_path, KEYS_OF_CERTIFICATES[kind](), since=since, days=2)
    made = run("key", "new", "--account", "demo", "--purpose", "client-certificate", "--certificate", tmp_path / "desk.pem", "--state", server.state)
    assert made.returncode == 0, made.stderr
