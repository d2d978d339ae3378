#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: valid inputs, and valid ones with one thing wrong. Standard library only.

    python3 fuzz/seeds.py

What a fuzzer finds is added to fuzz/corpus/<target>/ by hand, under a name that says what it is; this script leaves it alone.
"""

import base64
import hashlib
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
VECTORS = json.loads((HERE.parent / "tests/vectors/binance.json").read_text())


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def write(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


KID = b64(bytes(range(32)))
HELLO = {
    "v": 1, "vers": [1], "kid": KID, "alg": "Ed25519", "algs": ["Ed25519"], "gw": b64(bytes(32)), "host": "127.0.0.1:8443",
    "n": b64(bytes(16)), "bind": "exp", "pipe": True,
    "want": {"scopes": ["md:read", "order:write"], "hb_ms": 5000, "cod": "none", "enc": ["json"], "tx": "idempotent", "rx": "recoverable"},
    "need": {"scopes": ["md:read"], "hb_ms": [1000, 10000], "min_bind": "sep"},
}


def hello_payloads():
    yield "exp", HELLO
    yield "sep", {**HELLO, "bind": "sep", "nonce": f"cs1n.{b64(bytes(28))}.{b64(bytes(16))}"}
    yield "chl", {**HELLO, "bind": "chl", "nonce": f"cs1n.{b64(bytes(28))}.{b64(bytes(16))}"}
    yield "without-need", {name: value for name, value in HELLO.items() if name != "need"}
    yield "bare", {name: HELLO[name] for name in ("v", "vers", "kid", "alg", "algs", "gw", "host", "n", "bind")}
    yield "crit-unknown", {**HELLO, "crit": ["later"]}
    yield "crit-known", {**HELLO, "crit": ["bind"]}
    yield "unknown-member", {**HELLO, "later": {"a": [1]}}
    yield "version-2", {**HELLO, "v": 2, "vers": [2]}
    yield "resumption", {**HELLO, "sid": b64(bytes(16)), "rx": 1, "tx": 1}
    yield "ml-dsa", {**HELLO, "alg": "ML-DSA-65", "algs": ["Ed25519", "ML-DSA-65"]}
    yield "alg-not-in-algs", {**HELLO, "algs": ["ES256"]}
    yield "range-inverted", {**HELLO, "need": {"hb_ms": [10000, 1000]}}
    yield "huge-number", {**HELLO, "ts": 1 << 53}
    yield "every-wish", {**HELLO, "ts": 1795222000123456, "want": {**HELLO["want"], "cod_grace_ms": 0, "cod_on_logout": False, "resume_s": 0, "token_s": 60, "rate": {"order_s": 50}}}


JSON = {
    "empty": "{}", "nested": '{"a":{"b":{"c":1}}}', "too-deep": '{"a":{"b":{"c":{"d":{"e":1}}}}}', "twice": '{"a":1,"a":2}',
    "twice-by-escape": '{"a":1,"\\u0061":2}', "twice-below": '{"x":{"a":1,"a":1}}', "fraction": '{"a":1.0}', "exponent": '{"a":1e3}',
    "minus-zero": '{"a":-0}', "2-to-53": '{"a":9007199254740992}', "below-2-to-53": '{"a":9007199254740991}', "trailing": "{} x",
    "list": "[1]", "number": "1", "lone-surrogate": '{"a":"\\ud800"}', "escaped": '{"a":"\\u00e4\\n\\/"}', "bom": "\ufeff{}",
    "white": ' {"a" :\t[ 1 ,\n2 ] } ', "all-kinds": '{"a":null,"b":true,"c":"d","e":[1,-2],"f":{}}', "comma": '{"a":1,}', "comment": "{}//",
    "wide": compact({f"m{number}": number for number in range(300)}), "nul": '{"a\\u0000":1}',
}

FRAMES = {
    "application": ['{"s":1,"a":1,"d":{"op":"ticker"}}', '{"s":2,"a":1,"d":{"op":"book"}}'],
    "gap": ['{"s":1,"d":{}}', '{"s":9,"d":{}}'],
    "repetition": ['{"s":1,"d":{"op":"a"}}', '{"s":1,"d":{"op":"a"}}'],
    "conflict": ['{"s":1,"d":{"op":"a"}}', '{"s":1,"d":{"op":"b"}}'],
    "heartbeats": ['{"hb":{"s":1,"a":1,"t":1795222000123456}}', '{"hb":{"s":1,"a":1,"t":1795222001123456,"e":1795222000123457}}'],
    "ping": ['{"ping":"x"}', '{"pong":"x"}', '{"ping":"' + "x" * 200 + '"}'],
    "ready": ['{"ready":"' + b64(bytes(32)) + '"}', '{"s":1,"d":{}}'],
    "ready-on-message": ['{"s":1,"ch":"' + b64(bytes(32)) + '","d":{}}'],
    "bye": ['{"bye":{"code":"logout","last":0}}', '{"s":1,"d":{}}'],
    "reserved": ['{"reauth":"cs1a.e30.AA"}', '{"resume":"cs1r.e30.AA"}', '{"refresh":"x"}', '{"replay":{"from":1,"count":2}}'],
    "server": ['{"drain":{"by_ms":1000,"to":["a:1"],"why":"upgrade"}}', '{"busy":{"retry_ms":10}}', '{"err":{"code":"x","id":"y"}}', '{"nonce":"cs1n.e30.AA"}'],
    "nack": ['{"nack":{"from":1,"count":1}}', '{"nack":{"from":0,"count":18446744073709551615}}'],
    "two-names": ['{"ping":"x","pong":"y"}'], "unknown": ['{"later":1}'], "numbers": ['{"s":0,"d":1}', '{"s":9007199254740992,"d":1}', '{"s":-1,"d":1}'],
    "broken": ["{", "[]", "", "null", '{"s":1}'],
}

def fix(msg_type, seq, fields="", begin_string="FIX.4.4", header="49=FIRM|56=GATE|"):
    body = f"35={msg_type}|{header}34={seq}|52=20261128-00:00:00.000|{fields}"
    if begin_string == "FIXT.1.1" and msg_type == "A":
        body += "1137=9|"
    text = f"8={begin_string}|9={len(body)}|{body}"
    return text + f"10={sum(text.replace('|', chr(1)).encode()) % 256:03}|"


def fix_streams():
    for version in ("FIX.4.2", "FIX.4.4", "FIXT.1.1"):
        yield f"logon-{version}", [fix("A", 1, "98=0|108=30|", version), fix("1", 2, "112=x|", version), fix("5", 3, "", version)]
    logon = fix("A", 1, "98=0|108=20|")
    yield "orders", [logon, fix("D", 2, "11=a|"), fix("D", 3, "386=2|336=A|336=B|"), fix("2", 4, "7=1|16=0|")]
    yield "gap", [logon, fix("D", 5, "11=d|"), fix("4", 2, "43=Y|122=20261127-00:00:00|123=Y|36=5|"), fix("2", 9, "7=1|16=0|")]
    yield "resets", [logon, fix("4", 0, "36=1000000|"), fix("4", 0, "36=1|"), fix("4", 0, "36=999999999999999|"), fix("0", 999999999999999)]
    yield "reset-within", [logon, fix("0", 2), fix("A", 1, "98=0|108=20|141=Y|"), fix("0", 2)]
    yield "duplicates", [logon, fix("D", 2), fix("D", 2, header="49=FIRM|56=GATE|43=Y|122=20261127-23:59:59|"), fix("D", 2)]
    yield "faults", [logon, fix("0", 2, "0=x|"), fix("0", 3, "58=|"), fix("0", 4, "112=a|112=b|"), fix("D", 5, "11=x|50=y|"), fix("3", 6, "45=1|")]
    yield "comp-ids", [logon, fix("D", 2, header="49=WT|56=GATE|")]
    yield "routing", [logon, fix("0", 2, "55=x|", header="49=FIRM|56=GATE|115=A|116=B|144=C|")]
    yield "next-expected", [fix("A", 1, "98=0|108=20|789=1|"), fix("A", 1, "98=0|108=20|789=99|")]
    yield "high-logon", [fix("A", 9, "98=0|108=20|"), fix("D", 10), fix("4", 1, "123=Y|36=10|")]
    yield "raw-data", [fix("A", 1, "98=0|108=20|95=5|96=a|b=c|554=x|"), fix("D", 2, "95=99|96=a|"), fix("D", 3, "95=2|58=a|96=ab|")]
    yield "garbled", [logon, "8=FIX.4.4|9=5|35=0|10=000|", "8=FIX.4.4|9=99999|35=0|", "junk 58=FIX.4.4|", fix("0", 2)]
    yield "inside", [logon, fix("B", 2, f"95={len(fix('D', 3))}|96={fix('D', 3)}|")[:-3] + "0|", fix("0", 2)]
    yield "other-version", [logon, fix("0", 2, "", "FIX.4.1")]
    yield "http", ["GET / HTTP/1.1"]


ED25519 = "MCowBQYDK2VwAyEAQvhSC+8DVvVG4ql4Zj5YIZNqxkVnAbTAkNXGsHApTP8="
P256 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q=="


def public_keys():
    def pem(text, label="PUBLIC KEY"):
        return f"-----BEGIN {label}-----\n{text}\n-----END {label}-----\n"

    raw = base64.b64decode(ED25519)[12:]
    point = base64.b64decode(P256)[27:]
    yield "ed25519-pem", pem(ED25519)
    yield "ed25519-der", base64.b64decode(ED25519)
    yield "ed25519-raw", raw
    yield "ed25519-hex", raw.hex()
    yield "ed25519-base64url", b64(raw)
    yield "ed25519-jwk", compact({"kty": "OKP", "crv": "Ed25519", "x": b64(raw)})
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", raw))
    yield "ed25519-openssh", f"ssh-ed25519 {base64.b64encode(blob).decode()} someone@somewhere"
    yield "ed25519-low-order", bytes(32)
    yield "ed25519-private-jwk", compact({"kty": "OKP", "crv": "Ed25519", "x": b64(raw), "d": b64(bytes(32))})
    yield "p256-pem", pem(P256)
    yield "p256-der", base64.b64decode(P256)
    yield "p256-jwk", compact({"kty": "EC", "crv": "P-256", "x": b64(point[:32]), "y": b64(point[32:])})
    yield "p256-off-curve", base64.b64decode(P256)[:-1] + b"\0"
    yield "p256-compressed", b"\x03" + point[:32]
    rsa = VECTORS["keys"]["binance-rsa"]["public_pem"]
    yield "rsa-pem", rsa
    yield "rsa-pem-crlf", rsa.replace("\n", "\r\n")
    der = base64.b64decode("".join(rsa.splitlines()[1:-1]))
    yield "rsa-der", der
    yield "rsa-der-cut", der[:-1]
    yield "rsa-der-longer", der + b"\0"
    yield "rsa-exponent-1", der[:-3] + b"\0\0\1"
    yield "private-pem", pem(base64.b64encode(b"0" * 48).decode(), "PRIVATE KEY")
    yield "two-keys", pem(ED25519) + pem(P256)
    yield "certificate", pem(ED25519, "CERTIFICATE")
    yield "empty", b""


CONTRACT_WELCOME = {
    "v": 1, "vers": [1], "sid": b64(bytes(16)), "gk": KID, "gkc": f"cs1d.{b64(b'{}')}.{b64(bytes(64))}", "time": 1795222000123456,
    "grant": {
        "scopes": ["md:read", "order:write"], "bind": "exp", "proof": [], "cod_grace_ms": 0, "hb_ms": 5000, "keep_msgs": 0, "keep_s": 0,
        "life_s": 86400, "orders_10s": 500, "resume_s": 0, "token_s": 300, "weight_min": 6000, "cod": "none", "cod_class": "all", "cod_on": "none", "cod_on_logout": False, "cod_rearm": "none", "cod_shutdown": "none",
        "enc": "json", "rx": "recoverable", "tx": "idempotent", "zk": "none",
    },
    "seq": {"rx": 1, "tx": 1}, "gap": None, "epoch": {"halt": 0, "rev": 0}, "halts": [], "sec": b64(bytes(32)), "next_pins": [],
}

RESUME = {
    "v": 1, "vers": [1], "gw": b64(bytes(32)), "host": "127.0.0.1:8443", "n": b64(bytes(16)), "bind": "exp", "tkt": b64(bytes(200)),
    "rx": 7, "tx": 3, "pipe": True,
}
NONCE = f"cs1n.{b64(bytes(28))}.{b64(bytes(16))}"
REAUTH = {"v": 1, "vers": [1], "kid": KID, "alg": "Ed25519", "nonce": NONCE, "want": {"scopes": ["md:read"], "life_s": 3600}}
REGRANT = {
    "v": 1, "sid": b64(bytes(16)), "re": b64(bytes(32)), "gk": KID, "gkc": CONTRACT_WELCOME["gkc"], "time": 1795222000123456,
    "ends": 1795225600123456, "grant": CONTRACT_WELCOME["grant"], "sec": b64(bytes(32)),
}


def session_payloads():
    yield "resume", RESUME
    yield "resume-sep", {**RESUME, "bind": "sep", "nonce": NONCE}
    yield "resume-from-nought", {**RESUME, "rx": 0}
    yield "resume-long-ticket", {**RESUME, "tkt": b64(bytes(9000))}
    yield "resume-crit", {**RESUME, "crit": ["tkt", "later"]}
    yield "reauth", REAUTH
    yield "reauth-bare", {name: value for name, value in REAUTH.items() if name != "want"}
    yield "reauth-every-wish", {**REAUTH, "want": {**HELLO["want"], "life_s": 1}}
    yield "reauth-no-object", {**REAUTH, "want": []}
    yield "reauth-version-2", {**REAUTH, "v": 2, "vers": [2]}
    yield "regrant", REGRANT
    yield "regrant-unasked", {**REGRANT, "re": None}
    yield "regrant-short-hash", {**REGRANT, "sec": b64(bytes(31))}
    yield "regrant-without-grant", {name: value for name, value in REGRANT.items() if name != "grant"}


CREDENTIAL = {
    "v": 1, "kind": "native", "url": "https://127.0.0.1:8443", "account": "demo", "kid": KID, "alg": "Ed25519",
    "private_key_pem": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n",
    "gateway_pins": [KID], "min_bind": "sep",
}


def http_messages():
    head = "POST /open HTTP/1.1\r\nHost: localhost\r\n"
    get = "GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield "get", get
    yield "two", get + get
    yield "length", head + "Content-Length: 3\r\n\r\nabc" + get
    yield "chunked", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get
    yield "chunk-extension", head + "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n"
    yield "trailer", head + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n"
    yield "both-framings", head + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get
    yield "two-lengths", head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"
    yield "upgrade", "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    for name, line in {"folded": "X: a\r\n b", "bare-cr": "X: a\rb", "nul": "X: a\0b", "space-before-colon": "X : a", "two-hosts": "Host: b", "obs-text": "X: \u00e4"}.items():
        yield name, head + line + "\r\nContent-Length: 0\r\n\r\n"
    yield "bare-lf", get.replace("\r\n", "\n")
    yield "absolute-form", "GET https://localhost/open HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield "version-1.0", get.replace("1.1", "1.0")
    yield "partial", get[:-3]


def audit_lines(count, start=0, prev="0" * 64, tree=()):
    """A chained audit log; `tree` is what its first line tells of the records before."""
    bodies = [{"at": 1, "event": "log_file", "tree": list(tree)}] + [{"at": 2 + n, "event": "accept"} for n in range(count - 1)]
    for n, body in enumerate(bodies, start):
        line = compact({"n": n, "prev": prev, **body})
        yield line
        prev = hashlib.sha256(b"\0" + line.encode()).hexdigest()


def audit_logs():
    whole = list(audit_lines(5))
    yield "whole", whole
    yield "changed", [*whole[:2], whole[2].replace("accept", "refuse"), *whole[3:]]
    yield "dropped", whole[:2] + whole[3:]
    yield "dropped-two", whole[:1] + whole[3:]
    yield "moved", [whole[0], whole[2], whole[1], *whole[3:]]
    yield "repeated", [*whole, whole[1]]
    yield "smuggled", [*whole[:2], '{"at":1,"event":"accept"}', *whole[2:]]
    yield "torn", [*whole[:2], whole[2][:40], *whole[2:]]
    yield "old-before", ['{"at":1,"event":"start"}', *whole]
    yield "archived", list(audit_lines(3, 3, "ab" * 32, ["cd" * 32, "ab" * 32]))
    yield "huge-number", list(audit_lines(2, (1 << 53) - 1, "ab" * 32, ["cd" * 32] * 53))
    yield "number-too-large", list(audit_lines(2, (1 << 64) - 1, "ab" * 32, ["cd" * 32] * 64))


CONFIGURATIONS = {
    "empty": "", "listen": '[listen]\naddress = "127.0.0.1:8443"\ntls = "1.3"\nclient_auth = "optional"\n',
    "limits": '[limits]\nhandshake_deadline = "10s"\nhead_bytes_max = "32 KiB"\nconnections_max = 100\n',
    "route": '[upstream.venue]\nurl = "http://127.0.0.1:9000"\n[[route]]\nname = "a"\npath = "/a/{b}"\nmethods = ["GET", "POST"]\nscope = "order:write"\ndialect = "binance"\n',
    "builtin": '[[route]]\nbuiltin = "binance"\n[[route]]\nbuiltin = "native"\n',
    "unknown-key": '[listen]\nadress = "127.0.0.1:1"\n', "wrong-type": "[listen]\naddress = 1\n", "not-toml": "listen =", "no-access": '[[route]]\nname = "a"\npath = "/a"\n',
    "overlap": '[[route]]\nname = "a"\npath = "/a"\npublic = true\n[[route]]\nname = "b"\npath = "/*"\npublic = true\n',
}


TCP4 = bytes([192, 0, 2, 7, 198, 51, 100, 1, 220, 4, 1, 187])


def crc32c(data):
    sum = 0xFFFFFFFF
    for byte in data:
        sum ^= byte
        for _ in range(8):
            sum = (sum >> 1) ^ (0x82F63B78 if sum & 1 else 0)
    return sum ^ 0xFFFFFFFF


def proxy_headers():
    def v2(command, family, rest=b""):
        return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + len(rest).to_bytes(2, "big") + rest

    zeroed = v2(0x21, 0x11, TCP4 + b"\x02\0\x01x\x03\0\x04" + bytes(4))
    yield "v1-tcp4", b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
    yield "v1-tcp6", b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n\x16\x03\x01"
    yield "v1-unknown", b"PROXY UNKNOWN ff:ff 1 2\r\n"
    yield "v1-sign", b"PROXY TCP4 192.0.2.7 198.51.100.1 +1 443\r\n"
    yield "v1-cut", b"PROXY TCP4 192.0.2.7"
    yield "v1-bare-lf", b"PROXY UNKNOWN\n"
    yield "v2-tcp4", v2(0x21, 0x11, TCP4)
    yield "v2-tcp6", v2(0x21, 0x21, bytes(15) + b"\x01" + bytes(16) + b"\0\x01\x01\xbb") + b"PROXY "
    yield "v2-mapped", v2(0x21, 0x21, bytes(10) + b"\xff\xff" + TCP4[:4] + bytes(16) + b"\0\x01\x01\xbb")
    yield "v2-local", v2(0x20, 0x00)
    yield "v2-unspec", v2(0x21, 0x00, b"\x04\0\0")
    yield "v2-unix", v2(0x21, 0x31, bytes(216))
    yield "v2-checksum", zeroed[:-4] + crc32c(zeroed).to_bytes(4, "big")
    yield "v2-wrong-checksum", zeroed
    yield "v2-fields", v2(0x21, 0x11, TCP4 + b"\xea\0\x03\x01vp\x04\0\0")
    yield "v2-cut-field", v2(0x21, 0x11, TCP4 + b"\xea\0\x04\x01vp")
    yield "v2-cut-addresses", v2(0x21, 0x21, TCP4)
    yield "v2-too-long", v2(0x21, 0x11, TCP4)[:14] + b"\xff\xff"
    yield "no-header", b"\x16\x03\x01\x02\0"


def main():
    for name, data in proxy_headers():
        write("proxy_header", name, data)
    for name, text in http_messages():
        write("http_framing", name, text)
    for name, text in CONFIGURATIONS.items():
        write("configuration", name, text)
    for name, payload in hello_payloads():
        write("hello", name, compact(payload))
        write("token", f"hello-{name}", f"cs1h.{b64(compact(payload).encode())}.{b64(bytes(64))}")
    for kind in "hwnadgkloqr":
        write("token", f"kind-{kind}", f"cs1{kind}.{b64(b'{}')}.{b64(bytes(64))}")
    bad = {"version": "cs2h.e30.AA", "kind": "cs1x.e30.AA", "padding": "cs1h.e30=.AA", "bits": "cs1h.e31.AB", "parts": "cs1h.e30", "four": "cs1h.e30.AA.AA", "empty": "cs1h..", "plus": "cs1h.e3+.AA", "space": "cs1h.e30.AA "}
    for name, text in bad.items():
        write("token", f"bad-{name}", text)
    for name, text in JSON.items():
        write("strict_json", name, text)
    for name, lines in FRAMES.items():
        write("session_frames", name, "\n".join(lines))
    for name, lines in audit_logs():
        write("audit_log", name, "\n".join(lines) + "\n")
    head = {"size": 1, "root": "00" * 32, "at": 1, "key": KID, "sig": b64(bytes(64))}
    evidence = {"countersign": "audit evidence v1", "claim": "included", "records": [{"line": next(audit_lines(1)), "path": []}], "head": head}
    for name, text in {"unsigned": evidence, "grown": {**evidence, "claim": "grown", "records": [], "earlier": {"head": head, "path": ["00" * 32]}}, "unknown-member": {**evidence, "later": 1}}.items():
        write("audit_evidence", name, compact(text))
    for name, messages in fix_streams():
        for cut, size in (("whole", 255), ("cut", 7)):
            write("fix_session", f"{name}-{cut}", bytes([size]) + "".join(messages).encode())
    for name, data in public_keys():
        write("public_key", name, data)
    for name, payload in session_payloads():
        write("resume_reauth_regrant", name, compact(payload))
    write("welcome", "granted", compact(CONTRACT_WELCOME))
    write("welcome", "without-grant", compact({name: value for name, value in CONTRACT_WELCOME.items() if name != "grant"}))
    write("welcome", "next-pins", compact({**CONTRACT_WELCOME, "next_pins": [KID], "motd": "hello"}))
    write("credential_file", "good", json.dumps(CREDENTIAL, indent=2))
    write("credential_file", "other-key", json.dumps({**CREDENTIAL, "kid": b64(bytes(32))}))
    write("credential_file", "no-pins", json.dumps({**CREDENTIAL, "gateway_pins": []}))
    write("credential_file", "five-pins", json.dumps({**CREDENTIAL, "gateway_pins": [KID] * 5}))
    for number, vector in enumerate(VECTORS["vectors"]):
        request = vector["request"]
        if request["kind"] == "http":
            lines = [f"{request['method']} {request['target']}", *(f"{name}: {value}" for name, value in request["headers"])]
            write("binance_rest", f"vector-{number:03}", "\n".join(lines) + "\n\n" + (request.get("body") or ""))
        else:
            frame = next(value for name, value in request.items() if name in ("frame", "text", "message", "payload"))
            write("binance_ws_api", f"vector-{number:03}", frame if isinstance(frame, str) else compact(frame))
    for name, frame in {"twice": '{"id":1,"method":"ping","method":"time"}', "deep": '{"id":1,"params":' + "[" * 200, "status": '{"id":"a","method":"session.status"}', "logout": '{"id":null,"method":"session.logout"}', "unsigned": '{"id":1,"method":"order.place","params":{"symbol":"BTCUSDT","timestamp":1800000000000}}'}.items():
        write("binance_ws_api", name, frame)
    for name, text in dialect_inputs():
        write("every_dialect", name, text)
    for name, body in TOKEN_REQUESTS.items():
        write("token_request", name, body)
    for name, (header, claims) in client_jwts():
        write("client_jwt", name, f"{b64(compact(header).encode())}.{b64(compact(claims).encode())}.{b64(bytes(64))}")
    write("client_jwt", "refresh-token", "csr1." + b64(bytes(52)))


# As `registry::ALL` orders them: the first byte of an input is the place, counted from A.
DIALECTS = ["binance", "bitfinex", "bitmex", "bybit", "coinbase", "coinbaseexchange", "deribit", "gate", "gemini", "httpsignature", "hyperliquid", "kraken", "krakenfutures", "kucoin", "okx"]


def dialect_inputs(each=8):
    """Of every recorded client some accepted and some refused messages: of each dialect, way in and verdict the first few."""
    taken = {}
    for path in sorted((HERE.parent / "tests/vectors").glob("*.json")):
        for vector in json.loads(path.read_text()).get("vectors") or []:
            family, request = vector["dialect"].split("-")[0], vector["request"]
            if family not in DIALECTS:
                continue  # The standard of HTTP signatures without a dialect's rules.
            if request["kind"] == "http":
                lines = [f"{request['method']} {request['target']}", *(f"{name}: {value}" for name, value in request["headers"])]
                text = "H" + "\n".join(lines) + "\n\n" + (request.get("body") or "")
            elif request["kind"] == "ws":
                text = "W" + request.get("url_path", "/") + "\n" + request["text"].replace("\n", " ")
            else:
                continue
            verdict = "accepted" if vector["expect"]["verdict"] == "accept" else "refused"
            kind = (family, text[0], verdict)
            taken[kind] = taken.get(kind, 0) + 1
            if taken[kind] <= each:
                way = "request" if text[0] == "H" else "frame"
                yield f"{family}-{way}-{verdict}-{taken[kind]:02}", chr(ord("A") + DIALECTS.index(family)) + text


JWT_TYPE = "urn:ietf:params:oauth:token-type:access_token"
EXCHANGE = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=a.b.c&subject_token_type=" + JWT_TYPE
TOKEN_REQUESTS = {
    "client-credentials": "grant_type=client_credentials&scope=md%3Aread+offline_access&bind=channel",
    "assertion": "grant_type=client_credentials&client_assertion=a.b.c&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "jwt-bearer": "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c",
    "refresh": "grant_type=refresh_token&refresh_token=csr1.AAAA",
    "exchange": EXCHANGE + "&scope=md:read&audience=https://gw",
    "exchange-to-key": EXCHANGE + "&dpop_jkt=" + b64(bytes(32)),
    "twice": "grant_type=client_credentials&grant_type=refresh_token",
    "two-audiences": "grant_type=client_credentials&audience=a&resource=b",
    "not-text": "grant_type=client_credentials&scope=%ff",
    "many": "&".join(f"p{n}=1" for n in range(40)),
    "secret": "grant_type=client_credentials&client_secret=x",
}


def client_jwts():
    claims = {"iss": "key", "sub": "key", "aud": "https://127.0.0.1:8443/token", "iat": 1790000000, "exp": 1790000060, "jti": "one"}
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    proof = {"htm": "POST", "htu": "https://127.0.0.1:8443/token", "iat": 1790000000, "jti": "one"}
    dpop = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk}
    yield "assertion", ({"alg": "EdDSA", "typ": "JWT"}, claims)
    yield "assertion-list", ({"alg": "ES256"}, {**claims, "aud": [claims["aud"]]})
    yield "assertion-undated", ({"alg": "ML-DSA-65"}, {name: value for name, value in claims.items() if name != "iat"})
    yield "none", ({"alg": "none"}, claims)
    yield "mac", ({"alg": "HS256"}, claims)
    yield "key-elsewhere", ({"alg": "EdDSA", "jku": "http://127.0.0.1:9/"}, claims)
    yield "crit", ({"alg": "EdDSA", "crit": ["exp"]}, claims)
    yield "float", ({"alg": "EdDSA"}, {**claims, "exp": 1.5})
    yield "huge", ({"alg": "EdDSA"}, {**claims, "exp": (1 << 64) - 1})
    yield "proof", (dpop, proof)
    yield "proof-small-order", ({**dpop, "jwk": {**jwk, "x": b64(bytes(32))}}, proof)
    yield "proof-private", ({**dpop, "jwk": {**jwk, "d": b64(bytes(32))}}, proof)
    yield "proof-p256", ({**dpop, "alg": "ES256", "jwk": {"kty": "EC", "crv": "P-256", "x": b64(bytes(32)), "y": b64(bytes(32))}}, proof)


if __name__ == "__main__":
    main()
