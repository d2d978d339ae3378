//! The real machines of many connections, and all that was ever on the wire.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Algorithm, Binding, CredentialState};
use countersign_handshake::{AwaitReady, AwaitWelcome, ClientHandshake, ClientStep, ServerHandshake, Token};
use proptest::sample::Index;

use super::rules::{ConnectionFacts, HelloFacts, opens, refused};
use crate::pair::{Gateway, channel, client};

/// `None` takes the latest.
type Which = Option<Index>;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A welcome reaches a client.
    Answer {
        at: Which,
        welcome: Which,
    },
    /// An operator changes the key.
    Change {
        algorithm: Algorithm,
        state: CredentialState,
    },
    /// A contract hash that some client holds reaches the gateway as `ready` on some connection.
    Confirm {
        welcome: Which,
        session: Which,
    },
    Connect {
        algorithm: Algorithm,
        bind: Binding,
    },
    /// A client signs its offer, with any nonce the network knows.
    Hello {
        at: Which,
        nonce: Which,
    },
    /// Milliseconds.
    Pass(u64),
    /// A hello reaches a connection of the gateway.
    Submit {
        at: Which,
        hello: Which,
        flip: Option<Index>,
    },
}

struct Connection {
    algorithm: Algorithm,
    bind: Binding,
    facts: ConnectionFacts,
    /// The gateway's end, while it waits for a hello.
    server: Option<ServerHandshake>,
    retried: bool,
    /// The client's end, before and after its hello.
    fresh: Option<ClientHandshake>,
    awaiting: Option<(AwaitWelcome, usize, u64)>,
}

struct Hello {
    token: String,
    algorithm: Algorithm,
    facts: HelloFacts,
}

struct Welcome {
    frame: String,
    hello: usize,
    ch: String,
    await_ready: Option<AwaitReady>,
}

/// A client that holds a contract.
struct Session {
    ch: String,
    welcome: usize,
}

pub(crate) struct World {
    gateway: Gateway,
    millis: u64,
    states: Vec<(Algorithm, CredentialState)>,
    connections: Vec<Connection>,
    nonces: Vec<String>,
    hellos: Vec<Hello>,
    welcomes: Vec<Welcome>,
    sessions: Vec<Session>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            gateway: Gateway::new(),
            millis: 0,
            states: Vec::new(),
            connections: Vec::new(),
            nonces: Vec::new(),
            hellos: Vec::new(),
            welcomes: Vec::new(),
            sessions: Vec::new(),
        }
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Answer { at, welcome } => self.answer(*at, *welcome),
            Step::Change { algorithm, state } => {
                self.gateway.change_record(*algorithm, |record| record.state = *state);
                self.states.push((*algorithm, *state));
            }
            Step::Confirm { welcome, session } => self.confirm(*welcome, *session),
            Step::Connect { algorithm, bind } => self.connect(*algorithm, *bind),
            Step::Hello { at, nonce } => self.hello(*at, *nonce),
            Step::Pass(millis) => {
                self.millis += millis;
                self.gateway.pass(Duration::from_millis(*millis));
            }
            Step::Submit { at, hello, flip } => self.submit(*at, *hello, *flip),
        }
    }

    fn connect(&mut self, algorithm: Algorithm, bind: Binding) {
        let number = self.connections.len();
        let channel = channel(u8::try_from(number).unwrap());
        let fresh = ClientHandshake::new(Arc::new(client(algorithm, bind)), channel.clone(), self.gateway.now).unwrap();
        let server = self.gateway.accept(channel);
        let facts = ConnectionFacts { number, opened_at: self.millis, outstanding: Vec::new() };
        let connection = Connection { algorithm, bind, facts, server: Some(server), retried: false, fresh: Some(fresh), awaiting: None };
        self.connections.push(connection);
        self.give_nonce(number);
    }

    fn give_nonce(&mut self, at: usize) {
        let connection = &mut self.connections[at];
        if let Some(server) = &mut connection.server {
            let nonce = server.nonce(&mut self.gateway.entropy, self.gateway.now);
            connection.facts.outstanding.push(self.nonces.len());
            self.nonces.push(nonce);
        }
    }

    fn hello(&mut self, at: Which, nonce: Which) {
        let (Some(at), Some(nonce)) = (place(at, self.connections.len()), place(nonce, self.nonces.len())) else { return };
        let connection = &mut self.connections[at];
        let Some(fresh) = connection.fresh.take() else { return };
        let awaiting = fresh.hello(Some(&self.nonces[nonce]), &mut self.gateway.entropy, self.gateway.now).unwrap();
        let bind = connection.bind;
        let facts = HelloFacts { connection: at, bind, nonce: (bind != Binding::Exp).then_some(nonce), changed: false };
        let token = awaiting.hello_token().to_owned();
        connection.awaiting = Some((awaiting, self.hellos.len(), self.millis));
        self.hellos.push(Hello { token, algorithm: connection.algorithm, facts });
    }

    fn submit(&mut self, at: Which, hello: Which, flip: Option<Index>) {
        let (Some(at), Some(hello)) = (place(at, self.connections.len()), place(hello, self.hellos.len())) else { return };
        let Some(server) = self.connections[at].server.take() else { return };
        let Hello { token, algorithm, facts } = &self.hellos[hello];
        let (mut token, mut facts) = (token.clone(), facts.clone());
        if let Some(flip) = flip {
            // Of the proof, so that what the hello says stays as it is.
            let mut parts = Token::parse(&token).unwrap();
            let bit = flip.index(parts.proof.len() * 8);
            parts.proof[bit / 8] ^= 1 << (bit % 8);
            (token, facts.changed) = (parts.text(), true);
        }
        let expected = refused(&facts, &self.connections[at].facts, self.state_of(*algorithm), self.millis);
        let verdict = match server.receive_hello(&token, self.gateway.now) {
            Err(declined) => {
                self.declined(at, declined.retry);
                Err(declined.refusal.reject)
            }
            Ok(awaiting) => self.gateway.judge(awaiting).map_err(|refusal| refusal.reject),
        };
        assert_eq!(verdict.as_ref().err(), expected.as_ref(), "hello {hello} at connection {at}");
        if let Ok(established) = verdict {
            let (frame, ch) = (established.welcome_frame().expose().to_owned(), established.ch.text());
            self.welcomes.push(Welcome { frame, hello, ch, await_ready: Some(established.await_ready) });
        }
    }

    /// A stale nonce may be tried again, once, on the same connection.
    fn declined(&mut self, at: usize, retry: Option<Box<ServerHandshake>>) {
        let connection = &mut self.connections[at];
        let timely = self.millis < connection.facts.opened_at + 3_000;
        assert_eq!(retry.is_some(), timely && !connection.retried);
        connection.retried = true;
        connection.server = retry.map(|retry| *retry);
        self.give_nonce(at);
    }

    fn answer(&mut self, at: Which, welcome: Which) {
        let (Some(at), Some(number)) = (place(at, self.connections.len()), place(welcome, self.welcomes.len())) else { return };
        let Some((awaiting, own, sent_at)) = self.connections[at].awaiting.take() else { return };
        let welcome = &self.welcomes[number];
        let opened = match awaiting.receive_frame(welcome.frame.as_bytes(), self.gateway.now) {
            Ok(ClientStep::Open(session)) => Some(session),
            Err(_) => None,
            Ok(step @ (ClientStep::Retry(..) | ClientStep::Wait(_))) => panic!("{step:?}"),
        };
        assert_eq!(opened.is_some(), opens(own, welcome.hello, sent_at, self.millis), "welcome {number} at connection {at}");
        if let Some(session) = opened {
            assert_eq!(session.ch.text(), welcome.ch, "two ends, two contracts");
            self.sessions.push(Session { ch: welcome.ch.clone(), welcome: number });
        }
    }

    fn confirm(&mut self, welcome: Which, session: Which) {
        let (Some(welcome), Some(session)) = (place(welcome, self.welcomes.len()), place(session, self.sessions.len())) else { return };
        let session = &self.sessions[session];
        let Some(await_ready) = self.welcomes[welcome].await_ready.take() else { return };
        assert_eq!(await_ready.ready(&session.ch).is_ok(), session.welcome == welcome);
    }

    fn state_of(&self, algorithm: Algorithm) -> CredentialState {
        let latest = self.states.iter().rev().find(|(changed, _)| *changed == algorithm);
        latest.map_or(CredentialState::Active, |(_, state)| *state)
    }

    /// One hello opens one session at most, at either end.
    pub(crate) fn check_agreement(&self) {
        for hello in 0..self.hellos.len() {
            let of_hello = |welcome: &&Welcome| welcome.hello == hello;
            assert!(self.welcomes.iter().filter(of_hello).count() <= 1, "hello {hello} was good twice");
        }
        for welcome in 0..self.welcomes.len() {
            assert!(self.sessions.iter().filter(|session| session.welcome == welcome).count() <= 1, "one welcome opened two sessions");
        }
    }
}

fn place(which: Which, len: usize) -> Option<usize> {
    let latest = len.checked_sub(1)?;
    Some(which.map_or(latest, |index| index.index(len)))
}
