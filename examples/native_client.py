"""The native handshake countersign/1 in Python: connect, check the contract, see the market, place and cancel an order.

    python examples/native_client.py --sep HOST:PORT CREDENTIAL.json CA.pem    standard library only
    python examples/native_client.py --exp HOST:PORT CREDENTIAL.json CA.pem    needs pyOpenSSL and cryptography

The credential must hold an Ed25519 key. Exit 0 when every step held; any check that fails ends the program.
"""
import base64, hashlib, json, os, sys, time
from support import channel

H = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
e64 = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
d64 = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
kid = lambda spki: e64(H(spki))
SPKI = bytes.fromhex("302a300506032b6570032100")                 # what DER puts in front of an Ed25519 public key

sys.exit(__doc__) if len(sys.argv) != 5 else None
mode, address, credential, ca = sys.argv[1:]
credential, (host, port) = json.load(open(credential)), address.rsplit(":", 1)
seed = base64.b64decode("".join(credential["private_key_pem"].split("\n")[1:-1]).split("-")[0])[16:48]   # PKCS #8: the seed is here
lines, write, t0, nonce, (public, sign, verify) = {"--sep": channel.sep, "--exp": channel.exp}[mode](host, int(port), ca)
label, send = channel.label, lambda frame: write(json.dumps(frame).encode() + b"\n")

def receive():
    """The next frame that is not a nonce, a heartbeat or an event of the market."""
    for frame in map(json.loads, lines):
        assert "err" not in frame, frame
        if "welcome" in frame or "re" in frame.get("d", {}):
            return frame

def opened(token, kind, key, t):
    """The payload of a token that `key` signed behind the transcript `t`."""
    head, payload, proof = token.split(".")
    assert head == {"delegation": "cs1d", "welcome": "cs1w"}[kind], "token kind"
    verify(key, d64(proof), label(kind) + t + H(d64(payload)))
    return json.loads(d64(payload)), d64(payload)

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

def ask(number, op, **fields):
    send({"s": number, "d": {"op": op, "id": number, **fields}})
    answer = receive()["d"]
    assert answer["re"] == number and answer["ok"], answer
    return answer

print("market:", json.dumps(ask(1, "ticker", sym="BTCUSDT")["ticker"]))
order = ask(2, "order.place", sym="BTCUSDT", side="buy", type="limit", qty="0.01", px="1000", tif="gtc")["order"]
print("placed:", json.dumps(order))
print("canceled:", json.dumps(ask(3, "order.cancel", sym="BTCUSDT", order=order["order"])["order"]))
send({"bye": {"code": "done", "last": 3}})
