"""The gateway's own two ways to log on over FIX: a client certificate, and a native token in RawData (docs/fix/gateway.md)."""

import base64
import hashlib
import json
import os
import re
import socket
import ssl
import struct
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from OpenSSL import SSL

from .fix import TIMEOUT

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hash_of_key(public):
    """The name that a key has by itself: SHA-256 of its SubjectPublicKeyInfo."""
    return encoded(hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest())


def certified(pem):
    """A record of what `key new --purpose client-certificate` prints: key and certificate."""
    certificate = load_pem_x509_certificate(CERTIFICATE.search(pem).group().encode())
    return {"kind": "client-certificate", "pem": pem, "name": hash_of_key(certificate.public_key())}


def context(server, pem=None):
    """TLS as Python has it, with a client certificate."""
    tls = ssl.create_default_context(cafile=server.ca)
    if pem:
        # It reads certificates from files only.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "certificate.pem"
            path.write_text(pem)
            tls.load_cert_chain(path)
    return tls


class BoundStream:
    """TLS by pyOpenSSL: it tells the exporter value of its connection (RFC 9266), which Python's own module does not."""

    def __init__(self, server):
        tls = SSL.Context(SSL.TLS_CLIENT_METHOD)
        tls.set_min_proto_version(SSL.TLS1_3_VERSION)
        tls.load_verify_locations(server.ca)
        tls.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        plain = socket.create_connection(("127.0.0.1", server.port))
        # A timeout of Python's own would make the socket one that does not block.
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", TIMEOUT, 0))
        self.authority = f"localhost:{server.port}"
        self.tls = SSL.Connection(tls, plain)
        self.tls.set_tlsext_host_name(b"localhost")
        self.tls.set_connect_state()
        self.tls.do_handshake()
        self.exporter = self.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")

    def sendall(self, data):
        self.tls.sendall(data)

    def recv(self, count):
        try:
            return self.tls.recv(count)
        except (SSL.ZeroReturnError, SSL.SysCallError):
            return b""

    def close(self):
        self.tls.close()


def certificate_logon(client, _record):
    return client.send("A", [(98, 0), (108, 30), (141, "Y")])


def native_logon(client, record):
    """A hello over the exporter value of this connection; the key named in it need not be the one that signs."""
    key = load_pem_private_key(record["private_key_pem"].encode(), None)
    hello = {
        "v": 1, "vers": [1], "kid": record["kid"], "alg": "Ed25519", "algs": ["Ed25519"], "gw": record["gateway_pins"][0],
        "host": client.socket.authority, "n": encoded(os.urandom(16)), "bind": "exp",
        "want": {"scopes": ["md:read", "account:read", "order:read", "order:write"], "hb_ms": 30_000},
    }
    payload = json.dumps(hello).encode()
    text = b"countersign/1 hello".ljust(32, b"\0") + client.socket.exporter + hashlib.sha256(payload).digest()
    token = f"cs1h.{encoded(payload)}.{encoded(key.sign(text))}"
    return client.send("A", [(98, 0), (108, 30), (95, len(token)), (96, token), (553, record["kid"]), (141, "Y")])
