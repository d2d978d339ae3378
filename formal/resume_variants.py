"""The variants of resume.pv, in the form that variants.py explains.

Each mutant takes out one thing that resumption relies on; the last ones give the attacker more
than the threat model does and say what is left.
"""

from variants import Edit, Query, Variant

QUERIES = (
    Query("S1", "P7", "inj-event(ServerResume(pk(", "gateway resumes what that client asked for on this channel, once"),
    Query("S2", "P7", "inj-event(ServerResume(kid", "the same after the loss of every signing key"),
    Query("S3", "P2", "inj-event(ClientResumed(", "client takes up what that gateway answered on this channel, once"),
    Query("S4", "P3", "inj-event(ServerReady(", "gateway saw `ready`: the client holds its answer, once"),
    Query("S5", "P5", "event(ServerSecret(", "the next secret is given to that client alone"),
    Query("S6", "P5", "event(ClientSecret(", "the next secret comes from that gateway alone"),
    Query("S7", "P4", "event(ServerResume(", "gateway: the key is that of the session, and the contract goes on with its own"),
    Query("S8", "P4", "event(ClientResumed(", "client: so are they, whatever the gateway"),
    Query("S9", "P5", "event(ClientTraffic(", "what is sent after a resume stays secret"),
    Query("R1", "-", "event(ServerReady(", "no honest resume completes (must be refuted)"),
)

SEALED = "seal((ses, kid, rk), tk, (L_TICKET, gw))."
OPENED = "let (ses: bitstring, kid: pkey, rk: bitstring) = unseal(tkt, tk, (L_TICKET, pk(sk))) in"
CONTRACT_GOES_ON = "  if continues(told, granted, wish) = true then\n"
SESSION_LOOKED_UP = "get serverSession(=ses, =kid, =pk(sk), granted) in\n  in(c, lost: bitstring); let now = narrowed(granted, lost) in"


def ticket_in_clear(parts, typed):
    """Only the secret is sealed; what else the ticket says stands beside it, for anybody to change."""
    return (
        Edit(SEALED, f"({parts}, seal(rk, tk, (L_TICKET, gw)))."),
        Edit(OPENED, f"let ({typed}, box: bitstring) = tkt in\n  let rk = unseal(box, tk, (L_TICKET, pk(sk))) in"),
    )


def access_token_sealed(label):
    """The session's access token is sealed as tickets are; it names T1, which is no secret (HS-57)."""
    token = f"new t1: bitstring; out(c, (t1, seal((ses, pk(s), t1), tk, {label})));"
    return (Edit("  out(c, (ses, granted, wish, has));\n", f"  out(c, (ses, granted, wish, has));\n  {token}\n"),)


VARIANTS = (
    Variant("resume", "a resume as specified", (), "TTTTTTTTTF"),
    Variant(
        "r1", "resume proof without the channel value",
        (Edit("mac((L_RESUME, cb, h(m)), kResume(rk)).", "mac((L_RESUME, h(m)), kResume(rk))."),), "FFTFFTTTTF",
        "a resume is relayed to another connection, and the session is taken",
    ),
    Variant(
        "r2", "welcome proof without the channel value",
        (Edit("letfun transcript(cb: bitstring, m: bitstring) =\n  h((cb, h(m))).",
              "letfun transcript(cb: bitstring, m: bitstring) =\n  h(h(m))."),), "TTFTTFTTFF",
        "with a lost rk the answer is relayed to the client, and its orders are read",
    ),
    Variant(
        "r3", "welcome proof without H(resume)",
        (Edit("letfun transcript(cb: bitstring, m: bitstring) =\n  h((cb, h(m))).",
              "letfun transcript(cb: bitstring, m: bitstring) =\n  h(cb)."),), "TTFTTTTTTF",
        "with a lost rk another resume takes the place of the client's, and it does not notice",
    ),
    Variant(
        "r4", "client ignores the gateway's signature",
        (Edit("  if check(prf, (L_WELCOME, transcript(cb, resume), h(w)), gw) = true then\n", ""),), "TTFTT?TTFF",
        "whoever ends the TLS connection goes on with the client",
    ),
    Variant(
        "r5", "session and key stand in the ticket unauthenticated",
        ticket_in_clear("ses, kid", "ses: bitstring, kid: pkey"), "FTTFFTTTTF",
        "a client takes up the session of another with its own secret",
    ),
    Variant(
        "r6", "the contract is taken from an unauthenticated part of the ticket",
        (Edit(SEALED, "(granted, seal((ses, kid, rk), tk, (L_TICKET, gw)))."),
         Edit(OPENED, "let (granted: bitstring, box: bitstring) = tkt in\n"
              "  let (ses: bitstring, kid: pkey, rk: bitstring) = unseal(box, tk, (L_TICKET, pk(sk))) in"),
         Edit(SESSION_LOOKED_UP, "get serverSession(=ses, =kid, =pk(sk), begun) in\n  in(c, lost: bitstring); let now = narrowed(granted, lost) in")), "TTTTTTFTTF",
        "a client writes its own privileges; an honest client's refusal does not help the gateway",
    ),
    Variant(
        "r7", "the resume names the contract, and both sides take it",
        (Edit(SESSION_LOOKED_UP, "get serverSession(=ses, =kid, =pk(sk), granted) in\n  let now = n in"),
         Edit(CONTRACT_GOES_ON, "")), "TTTTTTFFTF",
        "the contract changes at each resume",
    ),
    Variant(
        "r8", "the client takes any contract", (Edit(CONTRACT_GOES_ON, ""),), "TTTTTTTFTF",
        "a gateway changes the contract at a resume",
    ),
    Variant(
        "r9", "one secret for all sessions of a key, derived without a transcript",
        (Edit("const LEAK: bitstring [data].", "fun rkOf(skey, pkey): bitstring [private].\nconst LEAK: bitstring [data]."),
         Edit("!(new rk: bitstring;\n", "!(let rk = rkOf(s, pk(sk)) in\n")), "FFTFFTTTTF",
        "the loss of one ticket's secret opens every other",
    ),
    Variant(
        "r10", "access tokens sealed under the ticket key, with the tickets' label",
        access_token_sealed("(L_TICKET, pk(sk))"), "FTTFFTTTTF",
        "an access token passes for a ticket whose secret is public",
    ),
    Variant(
        "r11", "access tokens sealed under the ticket key, with a label of their own",
        access_token_sealed("(L_READY, pk(sk))"), "TTTTTTTTTF",
        "the label is enough; one key for one purpose all the same",
    ),
    Variant(
        "tickets-stolen", "the ticket keys are public from the start",
        (Edit("new tk: tkey; insert honestG(s, tk); out(c, pk(s));", "new tk: tkey; out(c, tk); insert honestG(s, tk); out(c, pk(s));"),),
        "FFTFFTTTTF",
        "known limit: tickets can be made for any session; clients are not deceived and nothing is read",
    ),
)
