"""The native handshake countersign/1 in Python: connect, check the contract, see the market, place and cancel an order.

    python examples/native_client.py --sep HOST:PORT CREDENTIAL.json CA.pem    standard library only
    python examples/native_client.py --exp HOST:PORT CREDENTIAL.json CA.pem    needs pyOpenSSL and cryptography

--sep binds the session to the server's certificate, --exp to the TLS channel itself (docs/spec/handshake.md, 4).
The credential must hold an Ed25519 key. Exit 0 when every step held; any check that fails ends the program.
"""
import base64, hashlib, json, os, socket, ssl, sys, time

H = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
e64 = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
d64 = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
label = lambda name: ("countersign/1 " + name).encode().ljust(32, b"\0")
kid = lambda spki: e64(H(spki))
SPKI = bytes.fromhex("302a300506032b6570032100")                 # what DER puts in front of an Ed25519 public key

mode, address, credential, ca = sys.argv[1:]
credential, (host, port) = json.load(open(credential)), address.rsplit(":", 1)
seed = base64.b64decode("".join(credential["private_key_pem"].split("\n")[1:-1]).split("-")[0])[16:48]   # PKCS #8: the seed is here
if credential["alg"] != "Ed25519" or mode not in ("--sep", "--exp"):
    sys.exit(__doc__)
if mode == "--sep":
    from support.ed25519 import public, sign, verify
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["countersign/1"])
    tls = context.wrap_socket(socket.create_connection((host, int(port)), 10), server_hostname=host)
    lines = tls.makefile("rb")
    nonce = json.loads(lines.readline())["nonce"]                # the gateway volunteers it
    t0 = H(label("cb sep"), nonce.encode(), H(tls.getpeercert(True)))
else:
    from OpenSSL import SSL
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as Private, Ed25519PublicKey as Public
    public, sign = lambda s: Private.from_private_bytes(s).public_key().public_bytes_raw(), lambda s, m: Private.from_private_bytes(s).sign(m)
    verify = lambda key, signature, message: Public.from_public_bytes(key).verify(signature, message)
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.load_verify_locations(ca)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)      # the name is checked by the pinned signature below
    context.set_alpn_protos([b"countersign/1"])
    tls = SSL.Connection(context, socket.create_connection((host, int(port))))
    tls.set_connect_state(), tls.do_handshake()
    lines, t0 = iter(lambda: tls.recv(1), None), tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
    nonce = None


def receive():
    """The next frame that is not a nonce, a heartbeat or an event of the market."""
    while True:
        line = lines.readline() if mode == "--sep" else b"".join(iter(lambda: next(lines), b"\n"))
        frame = json.loads(line)
        if "err" in frame:
            sys.exit(f"the gateway refused: {frame['err']['code']} {frame['err'].get('names', '')} [{frame['err']['id']}]")
        if "welcome" in frame or "re" in frame.get("d", {}):
            return frame


def opened(token, kind, key, t):
    """The payload of a token that `key` signed behind the transcript `t`; the name of the label is the kind's."""
    head, payload, proof = token.split(".")
    assert head == {"delegation": "cs1d", "welcome": "cs1w"}[kind], "token kind"
    verify(key, d64(proof), label(kind) + t + H(d64(payload)))
    return json.loads(d64(payload)), d64(payload)


def send(frame):
    tls.sendall(json.dumps(frame).encode() + b"\n")


# hello: who, for which gateway, what is wished and what is insisted on; signed over this channel
need = {"scopes": ["order:write"], "hb_ms": [1000, 60000]}
hello = {"v": 1, "vers": [1], "kid": kid(SPKI + public(seed)), "alg": "Ed25519", "algs": ["Ed25519"], "gw": credential["gateway_pins"][0],
         "host": address, "n": e64(os.urandom(16)), "bind": mode[2:], "want": {"scopes": ["md:read", "order:write"], "hb_ms": 30000}, "need": need}
payload = json.dumps(hello | ({"nonce": nonce} if nonce else {})).encode()
send({"hello": f"cs1h.{e64(payload)}.{e64(sign(seed, label('hello') + t0 + H(payload)))}"})

# welcome: the root we pinned delegates to the key that signs this contract, for this channel and this offer
frame, t1 = receive(), H(t0, H(payload))
outer = json.loads(d64(frame["welcome"].split(".")[1]))
root, gateway = (d64(json.loads(d64(outer["gkc"].split(".")[1]))[name]) for name in ("root", "gk"))
assert kid(root) == hello["gw"], "the gateway's root is not the one we pinned"
delegation, _ = opened(outer["gkc"], "delegation", root[12:], H(root))
assert delegation["nbf"] - 300 <= time.time() < delegation["exp"] + 300, "the delegation of the gateway key is not valid now"
contract, signed = opened(frame["welcome"], "welcome", gateway[12:], t1)
grant = contract["grant"]
assert (contract["v"], grant["bind"], contract["gk"]) == (1, mode[2:], kid(gateway)), "another version, binding or gateway key"
assert contract["sec"] == e64(H(frame["sec"].encode())), "the secrets beside the contract are not the ones it covers"
assert set(need["scopes"]) <= set(grant["scopes"]) and need["hb_ms"][0] <= grant["hb_ms"] <= need["hb_ms"][1], "need unmet"
send({"ready": e64(H(t1, H(signed)))})
print(f"session {contract['sid']}, binding {grant['bind']}, scopes {' '.join(grant['scopes'])}")

sent = 0
def ask(op, **fields):
    global sent
    sent += 1
    send({"s": sent, "d": {"op": op, "id": sent, **fields}})
    answer = receive()["d"]
    assert answer["re"] == sent and answer["ok"], answer
    return answer

print("market:", json.dumps(ask("ticker", sym="BTCUSDT")["ticker"]))
order = ask("order.place", sym="BTCUSDT", side="buy", type="limit", qty="0.01", px="1000", tif="gtc")["order"]
print("placed:", json.dumps(order))
print("canceled:", json.dumps(ask("order.cancel", sym="BTCUSDT", order=order["order"])["order"]))
send({"bye": {"code": "done", "last": sent}})
