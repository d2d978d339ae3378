"""The variants of renewal.pv, in the form that variants.py explains: each mutant takes out one thing that a renewal relies on."""

from variants import Edit, Query, Variant

QUERIES = (
    Query("T1", "P1", "inj-event(ServerRenewed(", "gateway renews at the client's word on this session, channel and contract, once"),
    Query("T2", "P9", "event(ServerRenewed(pk(", "the proof was made after its nonce was given, under this contract"),
    Query("T3", "P2", "inj-event(ClientRenewed(", "client takes the gateway's answer to its own question, once"),
    Query("T4", "P2", "inj-event(ClientNarrowed(", "what the client takes unasked was made under this contract, once"),
    Query("T5", "P4", "event(ServerTerms(", "gateway: by itself it narrows, all else the client asked for"),
    Query("T6", "P4", "event(ClientTerms(", "client: takes nothing else from any gateway"),
    Query("T7", "P5", "event(ServerSecret(", "new secrets stay on the channel on which the client proved itself"),
    Query("T8", "P5", "event(ClientSecret(", "new secrets came over the channel on which the gateway renewed"),
    Query("T9", "P1", "event(ServerRenewed(kid", "the key that renews is the key that began the session"),
    Query("R1", "-", "event(ClientRenewed(", "no honest renewal completes (must be refuted)"),
    Query("R2", "-", "event(ClientNarrowed(", "nothing is taken unasked (must be refuted)"),
)

NONCE_WAS_GIVEN = "  get given(=ch, =n) in\n"
REAUTH_VERIFIED = "  if reauthHolds(prf, ch, m, kid) = true then\n"
ANSWER_VERIFIED = "  if answerHolds(prf, ch, m, r, gw) = true then\n"
UNASKED_VERIFIED = "  if unaskedHolds(prf, ch, r, gw) = true then\n"


def reauth_over(signed):
    """What a re-authentication signs, in the place of (L_REAUTH, ch, h(m))."""
    return (
        Edit("sign((L_REAUTH, ch, h(m)), s).", f"sign({signed}, s)."),
        Edit("check(t, (L_REAUTH, ch, h(m)), p).", f"check(t, {signed}, p)."),
    )


def answer_over(signed):
    """What the answer to one signs, in the place of (L_REGRANT, after(ch, m), h(r))."""
    return (
        Edit("sign((L_REGRANT, after(ch, m), h(r)), s).", f"sign({signed}, s)."),
        Edit("check(t, (L_REGRANT, after(ch, m), h(r)), p).", f"check(t, {signed}, p)."),
    )


def unasked_over(signed):
    """What a re-grant signs that answers nothing, in the place of (L_REGRANT, ch, h(r))."""
    return (
        Edit("sign((L_REGRANT, ch, h(r)), s).", f"sign({signed}, s)."),
        Edit("check(t, (L_REGRANT, ch, h(r)), p).", f"check(t, {signed}, p)."),
    )


ANSWER_AS_UNASKED = answer_over("(L_REGRANT, ch, h(r))")

VARIANTS = (
    Variant("renewal", "a contract signed anew as specified", (), "TTTTTTTTTFF"),
    Variant(
        "t1", "the gateway takes any nonce", (Edit(NONCE_WAS_GIVEN, ""),), "TFTTTTTTTFF",
        "a proof made today is used when its key is gone",
    ),
    Variant(
        "t2", "a nonce of another contract or connection does",
        (Edit(NONCE_WAS_GIVEN, "  get given(other, =n) in\n"),), "TFTTTTTTTFF",
        "the same: nonces can be had in advance",
    ),
    Variant(
        "t3", "contract hash without the channel value",
        (Edit("after(after(link(cb, story), first), w).", "after(after(story, first), w)."),), "FFFFTTFFTFF",
        "whoever stands between two channels passes everything on, and reads the new secrets",
    ),
    Variant(
        "t4", "re-authentication signed without the contract hash", reauth_over("(L_REAUTH, h(m))"), "FFTTFTFTTFF",
        "a proof given in one session, or to another gateway, renews another session of the key",
    ),
    Variant(
        "t5", "the answer signed without the contract hash", answer_over("(L_REGRANT, h(m), h(r))"), "TTFTTTTFTFF",
        "an answer given under one contract is taken under another",
    ),
    Variant(
        "t6", "the unasked re-grant signed without the contract hash", unasked_over("(L_REGRANT, h(r))"), "TTTFTTTTTFF",
        "what was taken away once is taken away again, in the client's eyes",
    ),
    Variant(
        "t7", "the answer signed over the contract alone, as if unasked", ANSWER_AS_UNASKED, "TTTTTTTTTFF",
        "redundant: `re` names the question; kept, for the contract hash covers what it answers",
    ),
    Variant(
        "t8", "the same, and `re` does not name the question",
        (*ANSWER_AS_UNASKED, Edit("let r = (ses, h(m), now, h(sec)) in", "let r = (ses, LEAK, now, h(sec)) in", count=2)), "TTFTTTTFTFF",
        "the answer to one question passes for that to another",
    ),
    Variant(
        "t9", "re-authentication with the label of a hello", reauth_over("(L_HELLO, ch, h(m))"), "FFTTFTFTTFF",
        "a hello has all members of a re-authentication; only label and link tell them apart",
    ),
    Variant(
        "t10", "re-grants with the label of a welcome",
        (*answer_over("(L_WELCOME, after(ch, m), h(r))"), *unasked_over("(L_WELCOME, ch, h(r))")), "TTFFTTT?TFF",
        "the same of the gateway's signature",
    ),
    Variant(
        "t11", "the gateway does not verify the proof", (Edit(REAUTH_VERIFIED, ""),), "FFTTFTFTTFF",
        "whoever has the connection renews for ever",
    ),
    Variant(
        "t12", "the client does not verify an answer", (Edit(ANSWER_VERIFIED, ""),), "TTFTTTT?TFF",
        "whoever has the connection grants",
    ),
    Variant(
        "t13", "the client does not verify what comes unasked", (Edit(UNASKED_VERIFIED, ""),), "TTTFTTTTTFF",
        "whoever has the connection takes away",
    ),
    Variant(
        "t14", "the client takes any terms in an answer",
        (Edit("  if renews(now, terms, want) = true then\n", ""),), "TTTTTFTTTFF",
        "a gateway changes what was never asked about",
    ),
    Variant(
        "t15", "the client takes any terms unasked", (Edit("  if narrows(now, terms) = true then\n", ""),), "TTTTTFTTTFF",
        "a gateway widens by itself",
    ),
    Variant(
        "t16", "the gateway widens by itself, too", (Edit("let now = narrowed(terms, lost) in", "let now = lost in"),), "TTTTFTTTTFF",
        "more is granted than anybody signed for; the client's refusal does not help the gateway",
    ),
    Variant(
        "t17", "the gateway verifies under the key that the proof names",
        (Edit("let (=kid, n: bitstring, want: bitstring) = m in", "let (by: pkey, n: bitstring, want: bitstring) = m in"),
         Edit(REAUTH_VERIFIED, "  if reauthHolds(prf, ch, m, by) = true then\n"),
         Edit("event ServerRenewed(kid, pk(sk),", "event ServerRenewed(by, pk(sk),")), "TTTTFTFTFFF",
        "whoever has the connection and any key at all goes on with the session",
    ),
    Variant(
        "t18", "one label for re-authentication and re-grant", reauth_over("(L_REGRANT, ch, h(m))"), "TTTTTTTTTFF",
        "redundant: the keys are of different parties; kept",
    ),
    Variant(
        "t19", "at the gateway the contract hash stays, and nonces are not spent",
        (Edit("  | GatewayAnswers(", "  | !GatewayAnswers("),), "FTTTTTTTTFF",
        "one proof renews again and again",
    ),
    Variant(
        "t20", "at the client the contract hash stays",
        (Edit("  | ClientTakesAnswer(", "  | !ClientTakesAnswer("), Edit("  | ClientTakesUnasked(", "  | !ClientTakesUnasked(")), "TTFFTTTTTFF",
        "an old re-grant undoes a newer one in the client's eyes",
    ),
)
