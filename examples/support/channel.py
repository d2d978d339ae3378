"""A raw TLS connection to the gateway, the value that binds a session to it, and Ed25519: with the standard library, or with libraries.

    lines    what the gateway says, a JSON text per line
    write    sends bytes
    t0       what the first signature covers of this connection (docs/spec/handshake.md, 4)
    nonce    the server's nonce that `sep` wants in the hello; None with `exp`
"""
import hashlib, json, socket, ssl


def label(name):
    return ("countersign/1 " + name).encode().ljust(32, b"\0")


def sep(host, port, ca):
    """Bound to the server's certificate: the standard library knows it, so it is enough. It also checks the name."""
    from .ed25519 import public, sign, verify
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["countersign/1"])
    tls = context.wrap_socket(socket.create_connection((host, port), 10), server_hostname=host)
    lines = tls.makefile("rb")
    nonce = json.loads(lines.readline())["nonce"]                # the gateway volunteers it
    certificate = hashlib.sha256(tls.getpeercert(True)).digest()
    t0 = hashlib.sha256(label("cb sep") + nonce.encode() + certificate).digest()
    return lines, tls.sendall, t0, nonce, (public, sign, verify)


def exp(host, port, ca):
    """Bound to the TLS channel itself by its exporter (RFC 9266). The name is checked by the pinned signature on the contract."""
    from OpenSSL import SSL
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as Private, Ed25519PublicKey as Public
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.load_verify_locations(ca)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    context.set_alpn_protos([b"countersign/1"])
    tls = SSL.Connection(context, socket.create_connection((host, port)))
    tls.set_connect_state(), tls.do_handshake()
    bytes_in = iter(lambda: tls.recv(1), b"")
    lines = iter(lambda: b"".join(iter(lambda: next(bytes_in), b"\n")), b"")
    public = lambda seed: Private.from_private_bytes(seed).public_key().public_bytes_raw()
    sign = lambda seed, message: Private.from_private_bytes(seed).sign(message)
    verify = lambda key, signature, message: Public.from_public_bytes(key).verify(signature, message)
    return lines, tls.sendall, tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b""), None, (public, sign, verify)
