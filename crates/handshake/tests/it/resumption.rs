//! Sessions that come back, honestly and not.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Algorithm, Binding, CredentialState, Refusal, Reject, Secret};
use countersign_handshake::{
    AwaitResumption, AwaitWelcome, Channel, Choice, ClientConfig, ClientHandshake, ClientSession, ClientStep, Continuation, Declined,
    Established, FirstToken, Gap, GapHow, HandshakeError, Kind, Numbers, Quantity, Resumption, SecretText, TicketKeys, Token, label,
};

use crate::pair::{Gateway, channel, client, root_key, shake};

/// The connection the session comes back on; it began on connection 1.
pub(crate) const AGAIN: u8 = 2;

pub(crate) fn lasting(bind: Binding) -> ClientConfig {
    let mut config = client(Algorithm::Ed25519, bind);
    config.offer.want.quantities.insert(Quantity::ResumeS, 300);
    config.offer.want.choices.insert(Choice::Rx, vec!["recoverable".to_owned()]);
    config
}

pub(crate) fn opened(gateway: &mut Gateway, config: &ClientConfig) -> (ClientSession, Established, Resumption) {
    let (session, established) = shake(gateway, config).unwrap();
    let resumption = session.resumption.clone().unwrap();
    (session, established, resumption)
}

/// What the session says: the client missed nothing, nothing of the client was lost.
pub(crate) fn goes_on(established: &Established, resumption: &Resumption) -> Continuation {
    Continuation {
        contract: established.contract.clone(),
        generation: 2,
        seq: Numbers { rx: resumption.numbers.tx, tx: resumption.numbers.rx },
        gap: None,
        until: established.until,
    }
}

pub(crate) fn asks(gateway: &mut Gateway, config: &ClientConfig, resumption: &Resumption, over: Channel) -> AwaitWelcome {
    let ours = ClientHandshake::new(Arc::new(config.clone()), over, gateway.now).unwrap();
    ours.resume(resumption, Some("cs1n.AA.AA"), &mut gateway.entropy, gateway.now).unwrap()
}

pub(crate) fn resume(first: FirstToken) -> AwaitResumption {
    match first {
        FirstToken::Resume(awaiting) => *awaiting,
        FirstToken::Hello(awaiting) => panic!("{awaiting:?}"),
    }
}

/// One resume over one connection, up to the welcome at the client.
#[expect(clippy::unwrap_in_result, reason = "what fails here is the test, not the resume")]
pub(crate) fn come_back(
    gateway: &mut Gateway,
    config: &ClientConfig,
    resumption: &Resumption,
    session: Continuation,
) -> Result<Result<ClientSession, HandshakeError>, Refusal> {
    let ours = ClientHandshake::new(Arc::new(config.clone()), channel(AGAIN), gateway.now).unwrap();
    let mut theirs = gateway.accept(channel(AGAIN));
    let nonce = theirs.nonce(&mut gateway.entropy, gateway.now);
    let awaiting = ours.resume(resumption, Some(&nonce), &mut gateway.entropy, gateway.now).unwrap();
    let received = theirs.receive_frame(awaiting.first_frame().expose().as_bytes(), gateway.now).map_err(|declined| declined.refusal)?;
    let established = gateway.judge_resume(resume(received), session)?;
    Ok(match awaiting.receive_frame(established.welcome_frame().expose().as_bytes(), gateway.now) {
        Ok(ClientStep::Open(session)) => {
            assert_eq!(session.ch, established.ch);
            assert!(established.await_ready.ready(&session.ch.text()).is_ok());
            Ok(*session)
        }
        Ok(step @ (ClientStep::Retry(..) | ClientStep::Wait(_))) => panic!("{step:?}"),
        Err(error) => Err(error),
    })
}

/// What the gateway makes of a resume that arrives on another connection than it was made for.
fn submit(gateway: &mut Gateway, token: &str, over: Channel, session: Continuation) -> Reject {
    let verdict = match gateway.accept(over).receive_frame(format!("{{\"resume\":\"{token}\"}}").as_bytes(), gateway.now) {
        Ok(first) => gateway.judge_resume(resume(first), session),
        Err(Declined { refusal, .. }) => Err(refusal),
    };
    verdict.unwrap_err().reject
}

fn token(awaiting: &AwaitWelcome) -> String {
    let frame: serde_json::Value = serde_json::from_str(awaiting.first_frame().expose()).unwrap();
    frame["resume"].as_str().unwrap().to_owned()
}

#[test]
fn a_session_comes_back_with_the_same_contract_over_a_new_channel() {
    // HS-81 HS-86
    for bind in [Binding::Exp, Binding::Sep] {
        let mut gateway = Gateway::new();
        let config = lasting(bind);
        let (session, established, resumption) = opened(&mut gateway, &config);
        let again = come_back(&mut gateway, &config, &resumption, goes_on(&established, &resumption)).unwrap().unwrap();
        assert_eq!((again.sid, &again.contract, again.ends), (session.sid, &session.contract, session.ends));
        assert_ne!(again.ch, session.ch, "the contract is signed over the new channel");
        let next = again.resumption.unwrap();
        assert!(!next.secret.ct_eq(resumption.secret.expose()), "a secret is used for one resume");
        assert_ne!(next.ticket.expose(), resumption.ticket.expose());
        assert_eq!(gateway.config.tickets.open(next.ticket.expose(), gateway.now.wall).unwrap().generation, 2);
    }
}

#[test]
fn a_session_that_trusts_tls_alone_or_asks_for_nothing_does_not_come_back() {
    // HS-93
    for config in [lasting(Binding::Chl), client(Algorithm::Ed25519, Binding::Exp)] {
        let (session, established) = shake(&mut Gateway::new(), &config).unwrap();
        assert_eq!(session.contract.quantity(Quantity::ResumeS), 0);
        assert!(session.resumption.is_none() && !established.sec.expose().contains("tkt"));
    }
    let mut insisting = lasting(Binding::Chl);
    insisting.offer.need.quantities.insert(Quantity::ResumeS, 1..=600);
    assert_eq!(shake(&mut Gateway::new(), &insisting).unwrap_err().reject(), Reject::NeedUnmet);
}

#[test]
fn a_resume_is_good_on_one_channel_only() {
    // HS-81
    let mut gateway = Gateway::new();
    let (_, established, resumption) = opened(&mut gateway, &lasting(Binding::Exp));
    let relayed = token(&asks(&mut gateway, &lasting(Binding::Exp), &resumption, channel(AGAIN)));
    let session = goes_on(&established, &resumption);
    assert_eq!(submit(&mut gateway, &relayed, channel(3), session.clone()), Reject::BadSignature);
    assert_eq!(submit(&mut gateway, &relayed, Channel { exporter: None, ..channel(AGAIN) }, session), Reject::BindingTooWeak);
}

#[test]
fn a_stolen_ticket_is_worth_nothing_without_its_secret() {
    // HS-81
    let mut gateway = Gateway::new();
    let config = lasting(Binding::Exp);
    let (_, established, resumption) = opened(&mut gateway, &config);
    let session = goes_on(&established, &resumption);
    let thief = Resumption { secret: Secret::new(vec![0; 32]), ..resumption.clone() };
    let stolen = token(&asks(&mut gateway, &config, &thief, channel(AGAIN)));
    assert_eq!(submit(&mut gateway, &stolen, channel(AGAIN), session.clone()), Reject::BadSignature);
    // Nor with the secret of another session, nor with a proof of another kind.
    let (_, _, other) = opened(&mut gateway, &config);
    let crossed = Resumption { secret: other.secret, ..resumption.clone() };
    let crossed = token(&asks(&mut gateway, &config, &crossed, channel(AGAIN)));
    assert_eq!(submit(&mut gateway, &crossed, channel(AGAIN), session.clone()), Reject::BadSignature);
    let honest = Token::parse(&token(&asks(&mut gateway, &config, &resumption, channel(AGAIN)))).unwrap();
    let start = countersign_handshake::Transcript::of_channel([AGAIN; 32]);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, resumption.secret.expose());
    let bare = aws_lc_rs::hmac::sign(&key, &start.proof_input(&label::RESUME, &honest.payload));
    let text = Token::write(Kind::Resume, &honest.payload, bare.as_ref());
    assert_eq!(submit(&mut gateway, &text, channel(AGAIN), session), Reject::BadSignature, "the secret itself is no key of proofs");
}

#[test]
fn a_ticket_opens_nothing_elsewhere_and_nothing_after_its_session() {
    // HS-80 HS-82
    let config = lasting(Binding::Exp);
    let mut gateway = Gateway::new();
    let (_, established, resumption) = opened(&mut gateway, &config);
    let session = goes_on(&established, &resumption);
    let shown = token(&asks(&mut gateway, &config, &resumption, channel(AGAIN)));
    // The same keys by accident, another listener by name.
    let mut internal = Gateway::with(|config| {
        let mut entropy = countersign_core::entropy::SeededEntropy::new_dangerous_for_tests(43);
        let now = countersign_core::Timestamp::from_secs(1_800_000_000);
        let day = Duration::from_secs(86_400);
        config.tickets =
            Arc::new(TicketKeys::new(countersign_handshake::Signer::kid(&root_key()).as_str(), "internal", day, &mut entropy, now));
    });
    assert_eq!(submit(&mut internal, &shown, channel(AGAIN), session.clone()), Reject::TicketInvalid);
    gateway.pass(established.contract.life());
    assert_eq!(submit(&mut gateway, &shown, channel(AGAIN), session), Reject::TicketInvalid);
}

#[test]
fn what_lost_its_standing_does_not_come_back() {
    // HS-82
    for (state, reject) in [(CredentialState::Revoked, Reject::KeyRevoked), (CredentialState::Suspended, Reject::KeySuspended)] {
        let mut gateway = Gateway::new();
        let (_, established, resumption) = opened(&mut gateway, &lasting(Binding::Exp));
        gateway.change_record(Algorithm::Ed25519, |record| record.state = state);
        let session = goes_on(&established, &resumption);
        let refusal = come_back(&mut gateway, &lasting(Binding::Exp), &resumption, session.clone()).unwrap_err();
        assert_eq!(refusal.reject, reject);
        gateway.records.clear();
        let refusal = come_back(&mut gateway, &lasting(Binding::Exp), &resumption, session).unwrap_err();
        assert_eq!(refusal.reject, Reject::KeyRevoked, "the key is gone");
    }
}

#[test]
fn the_binding_of_a_session_does_not_change() {
    // HS-83
    let mut gateway = Gateway::new();
    let (_, established, resumption) = opened(&mut gateway, &lasting(Binding::Exp));
    let weaker = ClientHandshake::new(Arc::new(lasting(Binding::Sep)), channel(AGAIN), gateway.now).unwrap();
    let refused = weaker.resume(&resumption, Some("cs1n.AA.AA"), &mut gateway.entropy, gateway.now).unwrap_err();
    assert_eq!(refused, HandshakeError::Continuity("bind"));
    // A client that tries all the same: it says `sep` where the ticket says `exp`.
    let mut contract = resumption.contract.clone();
    contract.bind = Binding::Sep;
    let trying = Resumption { contract, ..resumption.clone() };
    let session = goes_on(&established, &resumption);
    let refusal = come_back(&mut gateway, &lasting(Binding::Sep), &trying, session.clone()).unwrap_err();
    assert_eq!(refusal.reject, Reject::BindingTooWeak);
    gateway.change_record(Algorithm::Ed25519, |record| record.min_bind = Binding::Exp);
    assert!(come_back(&mut gateway, &lasting(Binding::Exp), &resumption, session).is_ok());
}

#[test]
fn a_welcome_that_does_not_go_on_is_refused() {
    // HS-86 HS-87
    let left = Numbers { rx: 5, tx: 9 };
    let cases: [(&str, Numbers, Option<Gap>); 7] = [
        ("seq", Numbers { rx: 10, tx: 5 }, None),
        ("seq", Numbers { rx: 9, tx: 4 }, None),
        ("gap", Numbers { rx: 9, tx: 6 }, None),
        ("gap", Numbers { rx: 9, tx: 5 }, Some(Gap { from: 5, count: 1, how: GapHow::Replay })),
        ("gap", Numbers { rx: 9, tx: 7 }, Some(Gap { from: 5, count: 1, how: GapHow::Replay })),
        ("gap", Numbers { rx: 9, tx: 7 }, Some(Gap { from: 6, count: 1, how: GapHow::Replay })),
        ("gap", Numbers { rx: 9, tx: 7 }, Some(Gap { from: 5, count: 3, how: GapHow::Lost })),
    ];
    for (member, seq, gap) in cases {
        let mut gateway = Gateway::new();
        let config = lasting(Binding::Exp);
        let (_, established, resumption) = opened(&mut gateway, &config);
        let resumption = Resumption { numbers: left, ..resumption };
        let session = Continuation { seq, gap, ..goes_on(&established, &resumption) };
        let error = come_back(&mut gateway, &config, &resumption, session).unwrap().unwrap_err();
        assert_eq!(error, HandshakeError::Continuity(member), "{seq:?} {gap:?}");
    }
    for (seq, gap) in [
        (Numbers { rx: 9, tx: 5 }, None),
        (Numbers { rx: 3, tx: 7 }, Some(Gap { from: 5, count: 2, how: GapHow::Replay })),
        (Numbers { rx: 9, tx: 7 }, Some(Gap { from: 5, count: 1, how: GapHow::Lost })),
    ] {
        let mut gateway = Gateway::new();
        let config = lasting(Binding::Exp);
        let (_, established, resumption) = opened(&mut gateway, &config);
        let resumption = Resumption { numbers: left, ..resumption };
        let session = Continuation { seq, gap, ..goes_on(&established, &resumption) };
        let again = come_back(&mut gateway, &config, &resumption, session).unwrap().unwrap();
        assert_eq!((again.seq, again.gap), (seq, gap));
        assert_eq!(again.resumption.unwrap().numbers, Numbers { rx: 5, tx: seq.rx }, "numbers go on where the gateway stands");
    }
    let mut gateway = Gateway::new();
    let config = lasting(Binding::Exp);
    let (_, established, resumption) = opened(&mut gateway, &config);
    let mut wider = lasting(Binding::Exp);
    wider.offer.want.quantities.insert(Quantity::ResumeS, 1);
    let (_, other) = shake(&mut gateway, &wider).unwrap();
    let session = Continuation { contract: other.contract, ..goes_on(&established, &resumption) };
    let error = come_back(&mut gateway, &config, &resumption, session).unwrap().unwrap_err();
    assert_eq!(error, HandshakeError::Continuity("grant"));
}

#[test]
fn a_new_session_begins_at_the_beginning() {
    // HS-87: a gateway that answers a hello with another session's numbers is not believed.
    let mut gateway = Gateway::new();
    let config = lasting(Binding::Exp);
    let (_, established, resumption) = opened(&mut gateway, &config);
    let session = Continuation { seq: Numbers { rx: 3, tx: 3 }, ..goes_on(&established, &resumption) };
    let ours = ClientHandshake::new(Arc::new(config.clone()), channel(AGAIN), gateway.now).unwrap();
    let hello = ours.hello(None, &mut gateway.entropy, gateway.now).unwrap();
    let resumed = asks(&mut gateway, &config, &resumption, channel(AGAIN));
    let theirs = gateway.accept(channel(AGAIN));
    let received = theirs.receive_frame(resumed.first_frame().expose().as_bytes(), gateway.now).unwrap();
    let established = gateway.judge_resume(resume(received), session).unwrap();
    let crossed = hello.receive_frame(established.welcome_frame().expose().as_bytes(), gateway.now).unwrap_err();
    assert_eq!(crossed, HandshakeError::WelcomeSignature, "the welcome of a resume answers no hello");
}

#[test]
fn decisions_about_a_resume_have_their_time() {
    // HS-34 HS-37
    let mut gateway = Gateway::new();
    let config = lasting(Binding::Exp);
    let (_, established, resumption) = opened(&mut gateway, &config);
    let resumed = asks(&mut gateway, &config, &resumption, channel(AGAIN));
    let received = gateway.accept(channel(AGAIN)).receive_frame(resumed.first_frame().expose().as_bytes(), gateway.now).unwrap();
    let mut awaiting = resume(received);
    assert_eq!(awaiting.hold(1).unwrap_err().reject, Reject::UnexpectedMessage, "none were announced");
    gateway.pass(Duration::from_secs(5));
    assert_eq!(awaiting.handle_timeout(gateway.now).unwrap_err().reject, Reject::Busy);
    assert_eq!(gateway.judge_resume(awaiting, goes_on(&established, &resumption)).unwrap_err().reject, Reject::Busy);
    let piping = ClientConfig { pipe: true, ..config };
    let resumed = asks(&mut gateway, &piping, &resumption, channel(AGAIN));
    let received = gateway.accept(channel(AGAIN)).receive_frame(resumed.first_frame().expose().as_bytes(), gateway.now).unwrap();
    let mut awaiting = resume(received);
    assert!(awaiting.hold(65_536).is_ok() && awaiting.hold(1).is_err());
}

#[test]
fn secrets_of_a_resume_are_shown_nowhere() {
    let mut gateway = Gateway::new();
    let (session, established, resumption) = opened(&mut gateway, &lasting(Binding::Exp));
    let shown = format!("{session:?} {established:?} {resumption:?}");
    assert!(!shown.contains(resumption.ticket.expose()), "{shown}");
    let _: &SecretText = &resumption.ticket;
}

#[test]
fn every_frame_in_place_of_a_resume_as_one_table() {
    // HS-30 HS-82
    use std::fmt::Write as _;
    let mut table = String::new();
    let mut row = |state: &str, message: &str, outcome: &str| writeln!(table, "{state:<16} | {message:<26} | {outcome}").unwrap();
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Resume) {
        let gateway = Gateway::new();
        let frame = format!("{{\"resume\":\"{}\"}}", Token::write(*kind, b"{}", b"proof"));
        let declined = gateway.accept(channel(AGAIN)).receive_frame(frame.as_bytes(), gateway.now).unwrap_err();
        let again = if declined.retry.is_some() { ", may try once more" } else { "" };
        row("ServerHandshake", &format!("resume: a {kind:?}"), &format!("refused {}{again}", declined.refusal.reject));
    }
    for (name, change) in [
        ("resume, honest", None),
        ("resume: ticket of a stranger", Some(("tkt", "AAAA"))),
        ("resume: another gateway", Some(("gw", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))),
        ("resume: another host", Some(("host", "evil.example:1"))),
        ("resume: another binding", Some(("bind", "sep"))),
        ("resume: a nonce of nobody", Some(("nonce", "cs1n.AA.AA"))),
    ] {
        let mut gateway = Gateway::new();
        let (_, established, resumption) = opened(&mut gateway, &lasting(Binding::Exp));
        let awaiting = asks(&mut gateway, &lasting(Binding::Exp), &resumption, channel(AGAIN));
        let token = Token::parse(&token(&awaiting)).unwrap();
        let mut payload: serde_json::Value = serde_json::from_slice(&token.payload).unwrap();
        if let Some((member, value)) = change {
            payload[member] = value.into();
        }
        // Proved by the holder of the secret: only what is said differs.
        let payload = payload.to_string();
        let start = countersign_handshake::Transcript::of_channel([AGAIN; 32]);
        let proof = countersign_handshake::resume::prove(&resumption.secret, start, payload.as_bytes());
        let text = format!("{{\"resume\":\"{}\"}}", Token::write(Kind::Resume, payload.as_bytes(), &proof));
        let outcome = match gateway.accept(channel(AGAIN)).receive_frame(text.as_bytes(), gateway.now) {
            Err(Declined { refusal, retry }) => {
                format!("refused {}{}", refusal.reject, if retry.is_some() { ", may try once more" } else { "" })
            }
            Ok(first) => match gateway.judge_resume(resume(first), goes_on(&established, &resumption)) {
                Ok(_) => "AwaitResumption, AwaitReady".to_owned(),
                Err(refusal) => format!("AwaitResumption, refused {}", refusal.reject),
            },
        };
        row("ServerHandshake", name, &outcome);
    }
    insta::assert_snapshot!("resume", table);
}
