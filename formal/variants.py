"""The variants of handshake.pv: what is changed, and which verdicts must come out.

A variant is a list of exact textual edits of the base model plus its expected verdicts, one
letter per query in the order of QUERIES:

    T  must be proved
    F  must be refuted: ProVerif reconstructs an attack (for R1 and R2: an honest run)
    ?  must not be proved: refuted or undecided, both will do
    -  the query is not part of this variant

Variants that model an attacker who must win are as much a test as the base model: a model in
which they come out true has lost the attacker, and then its other verdicts mean nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Query:
    """How to recognise a query among ProVerif's RESULT lines, and what it states."""

    name: str
    goal: str
    result_prefix: str
    states: str


QUERIES = (
    Query("Q1", "P1", "inj-event(ServerAccept(", "gateway accepts what the client offered on this channel, once"),
    Query("Q2", "P2", "inj-event(ClientAccept(", "client accepts what the gateway granted on this channel, once"),
    Query("Q3", "P3", "inj-event(ServerReady(", "gateway saw `ready`: the client accepted this contract, once"),
    Query("Q4", "P5", "event(ServerSecret(", "secrets given to an honest client stay secret"),
    Query("Q5", "P5", "event(ClientSecret(", "secrets taken from an honest gateway stay secret"),
    Query("Q6", "P4", "event(ClientContract(", "the contract is the gateway's policy on the client's own offer"),
    Query("Q7", "P7", "inj-event(ServerResume(", "gateway resumes what the client resumed on this channel, once"),
    Query("R1", "-", "event(ServerReady(", "no honest handshake completes (must be refuted)"),
    Query("R2", "-", "event(ServerResume(", "no honest resumption completes (must be refuted)"),
)


@dataclass(frozen=True)
class Edit:
    """Replace `old`, which must occur exactly `count` times, by `new`."""

    old: str
    new: str
    count: int = 1


@dataclass(frozen=True)
class Variant:
    name: str
    title: str
    edits: tuple
    expect: str
    why: str = ""


# ---- building blocks -----------------------------------------------------------------------

HELLO_WITHOUT_CHANNEL = (
    Edit("sign((L_HELLO, cb, h(m)), s).", "sign((L_HELLO, h(m)), s)."),
    Edit("check(t, (L_HELLO, cb, h(m)), p).", "check(t, (L_HELLO, h(m)), p)."),
)

WELCOME_TRANSCRIPT_SIGNED = "sign((L_WELCOME, h((cb, h(m))), h(w)), s)."
WELCOME_TRANSCRIPT_CHECKED = "check(t, (L_WELCOME, h((cb, h(m))), h(w)), p)."


def welcome_over(transcript):
    """The welcome proof with another transcript value in the place of T1."""
    inner = f"(L_WELCOME, {transcript}, h(w))" if transcript else "(L_WELCOME, h(w))"
    return (
        Edit(WELCOME_TRANSCRIPT_SIGNED, f"sign({inner}, s)."),
        Edit(WELCOME_TRANSCRIPT_CHECKED, f"check(t, {inner}, p)."),
    )


SAME_LABEL = (
    Edit("sign((L_HELLO,", "sign((L_WELCOME,"),
    Edit("check(t, (L_HELLO,", "check(t, (L_WELCOME,"),
)

ONE_KEY_IN_BOTH_ROLES = (
    Edit(
        "( !(new s: skey; insert honestC(s); out(c, pk(s));\n"
        "      ((in(c, =LEAK); event LeakC(pk(s)); out(c, s)) | (phase 1; out(c, s)))) )",
        "( !(new s: skey; insert honestC(s); insert honestG(s); out(c, pk(s));\n"
        "      ((in(c, =LEAK); event LeakC(pk(s)); event LeakG(pk(s)); out(c, s)) | (phase 1; out(c, s)))) )",
    ),
    Edit(
        "| ( !(new s: skey; insert honestG(s); out(c, pk(s));\n"
        "      ((in(c, =LEAK); event LeakG(pk(s)); out(c, s)) | (phase 1; out(c, s)))) )\n",
        "",
    ),
)

# TLS with server authentication. A certificate is a public TLS key with arbitrary other
# content; the client takes any certificate (the web PKI belongs to the attacker) but does
# check CertificateVerify, so a channel belongs to whoever holds the certificate's key.
TLS_SERVER_AUTH = (
    Edit(
        "const LEAK: bitstring [data].",
        "const L_CERTVERIFY: label [data].\n"
        "table gatewayTls(skey, skey, bitstring).          (* gateway key, TLS key, certificate *)\n"
        "const LEAK: bitstring [data].",
    ),
    Edit(
        "in(c, gy: G);\n  let dh = exp(gy, x) in let tr = (exp(g, x), gy) in",
        "in(c, (gy: G, cert: bitstring, certVerify: bitstring));\n"
        "  let (tlsKey: pkey, info: bitstring) = cert in\n"
        "  let tr = (exp(g, x), gy, cert) in\n"
        "  if check(certVerify, (L_CERTVERIFY, tr), tlsKey) = true then\n"
        "  let dh = exp(gy, x) in",
        count=2,
    ),
    Edit(
        "get honestG(sk) in\n  in(c, gx: G); new y: exponent; out(c, exp(g, y));\n"
        "  let dh = exp(gx, y) in let tr = (gx, exp(g, y)) in",
        "get honestG(sk) in get gatewayTls(=sk, tlsSk, cert) in\n"
        "  in(c, gx: G); new y: exponent;\n"
        "  let tr = (gx, exp(g, y), cert) in\n"
        "  out(c, (exp(g, y), cert, sign((L_CERTVERIFY, tr), tlsSk)));\n"
        "  let dh = exp(gx, y) in",
        count=2,
    ),
)

GATEWAY_WORLD = "( !(new s: skey; insert honestG(s); out(c, pk(s));\n"


def gateway_with_tls_key(fate):
    """Give every honest gateway a TLS key and certificate; `fate` says what becomes of the key."""
    return Edit(
        GATEWAY_WORLD,
        "( !(new s: skey; new tlsSk: skey; new info: bitstring;\n"
        "      let cert = (pk(tlsSk), info) in\n"
        "      insert gatewayTls(s, tlsSk, cert); out(c, cert);\n"
        f"      {fate}\n"
        "      insert honestG(s); out(c, pk(s));\n",
    )


TLS_KEY_SAFE = gateway_with_tls_key("((phase 1; out(c, tlsSk)) |")
TLS_KEY_STOLEN = gateway_with_tls_key("out(c, tlsSk);")
# The safe fate opens a parenthesis around the rest of the process: close it.
TLS_KEY_SAFE_CLOSE = Edit(
    "((in(c, =LEAK); event LeakG(pk(s)); out(c, s)) | (phase 1; out(c, s)))) )",
    "((in(c, =LEAK); event LeakG(pk(s)); out(c, s)) | (phase 1; out(c, s))))) )",
)


def binding_with_nonce(label, client_names, gateway_names, count):
    """Replace the exporter by H(label || nonce || name): the gateway volunteers a nonce on the
    fresh connection (and remembers it there: single use), both sides hash what they name."""
    return (
        Edit("const L_HELLO,", f"const {label}: label [data].\nconst L_HELLO,"),
        Edit(
            "let cb = conn in\n  new n: bitstring;",
            "in(c, mNonce: bitstring); let nonce = open(mNonce, ks2c(dh, tr), recNonce) in\n"
            f"  let cb = h(({label}, nonce, h({client_names}))) in\n  new n: bitstring;",
            count=count,
        ),
        Edit(
            "let cb = conn in\n  in(c, m: bitstring);",
            "new nonce: bitstring; out(c, aead(nonce, ks2c(dh, tr), recNonce));\n"
            f"  let cb = h(({label}, nonce, h({gateway_names}))) in\n  in(c, m: bitstring);",
            count=count,
        ),
    )


SEP_BINDING = binding_with_nonce("L_SEP", "cert", "cert", count=2)

# A chl session gets neither rk nor ticket, so there is nothing to resume.
NO_RESUMPTION = (
    Edit("| !Client | !Gateway | !ClientRes | !GatewayRes", "| !Client | !Gateway"),
    Edit(
        "(*Q7, P7: a gateway that resumes was asked so by that client, on this channel, once *)\n"
        "query gw: pkey, ses: bitstring, ch: bitstring, m: bitstring, s: skey;\n"
        "  inj-event(ServerResume(pk(s), gw, ses, ch, m)) && table(honestC(s)) ==>\n"
        "    inj-event(ClientResume(ses, ch, m)) || event(LeakC(pk(s))).\n",
        "",
    ),
    Edit(
        "(*R2: no honest pair ever resumes a session *)\n"
        "query ses: bitstring, ch: bitstring, m: bitstring, s: skey, t: skey;\n"
        "  event(ServerResume(pk(s), pk(t), ses, ch, m)) && table(honestC(s)) && table(honestG(t)) ==>\n"
        "    event(LeakC(pk(s))) || event(LeakG(pk(t))).\n",
        "",
    ),
)

HOST_NAMES = Edit("const LEAK: bitstring [data].", "fun host(pkey): bitstring.\nconst LEAK: bitstring [data].")

CHL_BINDING = (
    HOST_NAMES,
    *binding_with_nonce("L_CHL", "host(gw)", "host(pk(sk))", count=2),
    *NO_RESUMPTION,
)

# An honest web PKI: a certificate names a host and only that host's gateway holds its key.
# Gateways the client trusts for other business exist too, with keys the attacker has.
HONEST_WEB_PKI = (
    *TLS_SERVER_AUTH,
    TLS_KEY_SAFE_CLOSE,
    Edit(
        GATEWAY_WORLD,
        "( !(new d: skey; new dTls: skey; out(c, (d, dTls)); out(c, sign((pk(dTls), host(pk(d))), ca))) )\n"
        "| ( !(new s: skey; new tlsSk: skey;\n"
        "      let cert = (pk(tlsSk), sign((pk(tlsSk), host(pk(s))), ca)) in\n"
        "      insert gatewayTls(s, tlsSk, cert); out(c, cert);\n"
        "      ((phase 1; out(c, tlsSk)) |\n"
        "      insert honestG(s); out(c, pk(s));\n",
    ),
    Edit("table gatewayTls(skey,", "free ca: skey [private].\ntable gatewayTls(skey,"),
    Edit(
        "  if check(certVerify, (L_CERTVERIFY, tr), tlsKey) = true then\n",
        "  if check(info, (tlsKey, host(gw)), pk(ca)) = true then\n"
        "  if check(certVerify, (L_CERTVERIFY, tr), tlsKey) = true then\n",
        count=2,
    ),
)

# ---- the variants --------------------------------------------------------------------------

VARIANTS = (
    Variant("base", "countersign/1 as specified, mode `exp`", (), "TTTTTTTFF"),
    Variant(
        "m1", "hello proof without the channel value", HELLO_WITHOUT_CHANNEL, "FTFFTTFFF",
        "the relay attack: why channel binding is not optional",
    ),
    Variant(
        "m2", "welcome proof without the channel value", welcome_over("h(m)"), "TFTTFTTFF",
        "man in the middle once the client key is lost",
    ),
    Variant(
        "m3", "welcome proof without H(hello)", welcome_over("cb"), "TTTTTTTFF",
        "redundant while there is one hello per channel; kept, for the contract is evidence by itself",
    ),
    Variant(
        "m4", "client ignores the gateway's signature",
        (Edit("  if welcomeHolds(prf, cb, hello, w, gw) = true then\n", ""),), "TFTT?FTFF",
        "web PKI alone: a forged certificate makes a false gateway",
    ),
    Variant(
        "m5", "resume proof without the channel value",
        (Edit("mac((L_RESUME, cb, h(m)), kResume(rk)).", "mac((L_RESUME, h(m)), kResume(rk))."),), "TTTTTTFFF",
        "resumption relay",
    ),
    Variant(
        "m6", "hello does not name the gateway",
        (
            Edit("let hello = (pk(sk), gw, n, offer) in", "let hello = (pk(sk), n, offer) in"),
            Edit("let (kid: pkey, =pk(sk), n: bitstring, offer: bitstring) = hello in",
                 "let (kid: pkey, n: bitstring, offer: bitstring) = hello in"),
        ), "FTTTTTTFF",
        "identity misbinding: a hello meant for another gateway is accepted",
    ),
    Variant(
        "m7", "one label for hello and welcome", SAME_LABEL, "TTTTTTTFF",
        "redundant within one version; kept against reuse across versions and dialects",
    ),
    Variant("m8", "one key used in both roles", ONE_KEY_IN_BOTH_ROLES, "TTTTTTTFF", "no role confusion"),
    Variant("m9", "one key in both roles and one label", ONE_KEY_IN_BOTH_ROLES + SAME_LABEL, "TTTTTTTFF",
            "no role confusion"),
    Variant(
        "m10", "welcome proof without any transcript", welcome_over(""), "TFTTFFTFF",
        "a contract granted for another offer can be passed off as the answer to this one",
    ),
    Variant(
        "m11", "secrets inside the contract instead of beside it",
        (Edit("let w = (ses, grant(offer), h(sec)) in", "let w = (ses, grant(offer), sec) in"),
         Edit("granted: bitstring, =h(sec)) = w in", "granted: bitstring, =sec) = w in")), "TTTFFTFFF",
        "a logged contract gives its session away",
    ),
    Variant(
        "exp-stolen", "mode `exp`, the gateway's TLS key stolen",
        (*TLS_SERVER_AUTH, TLS_KEY_STOLEN), "TTTTTTTFF",
        "the exporter names the channel, not the certificate",
    ),
    Variant(
        "sep", "mode `sep`, any certificate forgeable, the gateway's TLS key safe",
        (*TLS_SERVER_AUTH, TLS_KEY_SAFE, TLS_KEY_SAFE_CLOSE, *SEP_BINDING), "TTTTTTTFF",
        "a client without an exporter API is sound",
    ),
    Variant(
        "sep-stolen", "mode `sep`, the gateway's TLS key stolen",
        (*TLS_SERVER_AUTH, TLS_KEY_STOLEN, *SEP_BINDING), "FFFFFTFFF",
        "known limit of `sep`: an active holder of the TLS key sits in the middle",
    ),
    Variant(
        "chl", "mode `chl`, any certificate forgeable", CHL_BINDING, "FFFFFT-F-",
        "known limit of `chl`: it trusts TLS, and TLS trusts the web PKI",
    ),
    Variant(
        "chl-pki", "mode `chl`, an honest web PKI", (*HONEST_WEB_PKI, *CHL_BINDING), "TTTTTT-F-",
        "what `chl` does give while TLS keeps its promise",
    ),
)
