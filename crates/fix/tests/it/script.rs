//! A small language for stories between a peer and a machine of ours, one line a step.
//!
//! ```text
//!   peer 2 1 112=x        the peer sends TestRequest number 2; the header is written for it
//!   peer 2 D @49=WT|11=a  @ replaces or adds header fields; @52=-121 is 121 s before now, @49= leaves the field out
//!   raw 8=FIX.4.4|9=...   the peer sends these bytes
//!   seal FIX.4.1 35=0|    the peer sends this body under that BeginString, length and checksum right
//!   send D 11=x           our application sends this
//!   we 2 0 112=x          we sent exactly this next: number, type, all fields beyond 8 9 10 34 35 49 52 56 122, in any order
//!   quiet                 we have nothing to send
//!   wait 30               that many seconds pass, deadline by deadline
//!   app 2                 application message 2 was delivered; so were all before it that the script names
//!   no app                none was delivered that the script did not name
//!   closed LoggedOut      we disconnect with this reason (the beginning of its Debug form)
//!   open                  we are logged on
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use countersign_core::{Monotonic, Now, Timestamp};
use countersign_fix::session::{AdminFields, ApplicationMessage, DisconnectReason, Outgoing, Peer, ResetPolicy, Routing};
use countersign_fix::{
    CompId, Event, Field, MemoryStore, Message, MessageWriter, Phase, Precision, Session, SessionConfig, UtcTimestamp, Version,
};

/// Header and trailer fields that a script does not name.
const UNNAMED: [u32; 8] = [8, 9, 10, 34, 49, 52, 56, 122];

pub(crate) fn comp_id(text: &str) -> CompId {
    CompId::parse(text.as_bytes()).unwrap()
}

pub(crate) fn start() -> Now {
    Now { wall: Timestamp::from_secs(1_795_824_000), mono: Monotonic::from_micros(1_000_000) }
}

pub(crate) fn later(now: Now, by: Duration) -> Now {
    Now { wall: now.wall.saturating_add(by), mono: now.mono.saturating_add(by) }
}

/// Rules under which all scenarios run.
pub(crate) fn config(version: Version) -> SessionConfig {
    let mut config = SessionConfig::new(version, comp_id("GATE"), Peer::Is(comp_id("FIRM")));
    config.routing = Routing::Allow;
    config.reset = ResetPolicy::AtLogonAndWithin;
    config.admin_fields = AdminFields::Strict;
    config
}

/// A message of the peer.
pub(crate) fn peer_message(version: Version, now: Now, seq: &str, msg_type: &str, fields: &str) -> Vec<u8> {
    let time = |offset: i64| {
        let micros = i64::try_from(now.wall.as_micros()).unwrap() + offset * 1_000_000;
        UtcTimestamp::new(Timestamp::from_micros(u64::try_from(micros).unwrap()), Precision::Millis).to_string()
    };
    let mut header: Vec<(u32, String)> = vec![(49, "FIRM".to_owned()), (56, "GATE".to_owned()), (34, seq.to_owned()), (52, time(0))];
    let mut body = Vec::new();
    for field in fields.split('|').filter(|field| !field.is_empty()) {
        let (tag, value) = field.trim_start_matches('@').split_once('=').unwrap();
        let tag: u32 = tag.parse().unwrap();
        let value = match (tag, value.parse()) {
            (52 | 122, Ok(offset)) => time(offset),
            _ => value.to_owned(),
        };
        if !field.starts_with('@') {
            body.push((tag, value));
        } else if let Some(place) = header.iter_mut().find(|(known, _)| *known == tag) {
            place.1 = value;
        } else {
            header.push((tag, value));
        }
    }
    let mut writer = MessageWriter::new(version.begin_string(), msg_type.as_bytes());
    for (tag, value) in header.iter().chain(&body).filter(|(_, value)| !value.is_empty()) {
        writer.text(*tag, value);
    }
    if msg_type == "A" && version == Version::Fixt11 && !fields.contains("1137=") {
        writer.text(1137, "9");
    }
    writer.finish().unwrap()
}

/// A whole message around a body, with `|` for SOH.
pub(crate) fn sealed(begin_string: &str, body: &str) -> Vec<u8> {
    let mut bytes = raw(&format!("8={begin_string}|9={}|{body}", body.len()));
    let sum = countersign_fix::framer::check_sum(&bytes);
    bytes.extend_from_slice(&raw(&format!("10={sum:03}|")));
    bytes
}

/// Seconds with at most one decimal, in tenths.
fn tenths(text: &str) -> u64 {
    let (seconds, tenth) = text.split_once('.').unwrap_or((text, "0"));
    seconds.parse::<u64>().unwrap() * 10 + tenth.parse::<u64>().unwrap()
}

/// Bytes with SOH for `|`.
pub(crate) fn raw(text: &str) -> Vec<u8> {
    text.replace('|', "\u{1}").into_bytes()
}

/// `34 35` and the fields that scripts name, sorted.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let message = Message::parse(bytes).expect("what we send can be read");
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or(b"-")).into_owned();
    let mut fields: Vec<_> =
        message.fields().iter().filter(|field| !UNNAMED.contains(&field.tag) && field.tag != 35 && field.tag != 1137).collect();
    fields.sort_by_key(|field| field.tag);
    let fields: Vec<String> = fields.iter().map(|field| format!("{}={}", field.tag, text(Some(field.value)))).collect();
    format!("{} {} {}", text(message.first(34)), text(message.first(35)), fields.join("|")).trim_end().to_owned()
}

/// A machine of ours that accepts every Logon, and what it has told.
pub(crate) struct Stage {
    pub(crate) version: Version,
    pub(crate) session: Session<MemoryStore>,
    pub(crate) now: Now,
    pub(crate) sent: VecDeque<Vec<u8>>,
    pub(crate) delivered: VecDeque<ApplicationMessage>,
    pub(crate) events: Vec<Event>,
    pub(crate) closed: Option<DisconnectReason>,
    /// What is not sent again.
    pub(crate) withholds: fn(&Message<'_>) -> bool,
    store: Option<MemoryStore>,
}

impl Stage {
    pub(crate) fn new(config: SessionConfig, store: MemoryStore) -> Self {
        let version = config.version;
        let session = Session::acceptor(config, start());
        Self {
            version,
            session,
            now: start(),
            sent: VecDeque::new(),
            delivered: VecDeque::new(),
            events: Vec::new(),
            closed: None,
            withholds: |_| false,
            store: Some(store),
        }
    }

    pub(crate) fn input(&mut self, bytes: &[u8]) {
        self.session.handle_input(self.now, bytes);
        self.settle();
    }

    pub(crate) fn settle(&mut self) {
        loop {
            while let Some(event) = self.session.poll_event() {
                match &event {
                    Event::Application(message) => self.delivered.push_back(message.clone()),
                    Event::Disconnect(reason) => self.closed = Some(reason.clone()),
                    Event::LogonPresented(logon) if logon.is_within() => self.session.accept_reset(self.now, &[]).unwrap(),
                    Event::LogonPresented(_) => {
                        let store = self.store.take().expect("one Logon is presented per connection");
                        let _ = self.session.accept_logon(self.now, store, &[]);
                    }
                    Event::Garbled(_)
                    | Event::GapFound { .. }
                    | Event::LoggedOn(_)
                    | Event::LogoutReceived { .. }
                    | Event::RejectReceived { .. }
                    | Event::RejectSent { .. }
                    | Event::ResendIncomplete { .. }
                    | Event::ResendRequested { .. }
                    | Event::ResendWithheld { .. }
                    | Event::SequenceMoved { .. }
                    | Event::SequencesReset => {}
                }
                self.events.push(event);
            }
            match self.session.poll_transmit_unless(self.now, &mut self.withholds) {
                Some(bytes) => self.sent.push_back(bytes),
                None => break,
            }
        }
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        let end = later(self.now, time);
        let mut steps = 0;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end.mono) {
            let by = due.saturating_since(self.now.mono);
            self.now = later(self.now, by);
            self.session.handle_timeout(self.now);
            self.settle();
            steps += 1;
            assert!(steps < 10_000, "a deadline that is due is acted on");
        }
        self.now = end;
    }

    /// Plays one script.
    pub(crate) fn play(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let mut words = rest.splitn(3, ' ');
            let mut next = || words.next().unwrap_or("");
            match word {
                "peer" => {
                    let bytes = peer_message(self.version, self.now, next(), next(), next());
                    self.input(&bytes);
                }
                "raw" => self.input(&raw(rest)),
                "send" => {
                    let (msg_type, fields) = rest.split_once(' ').unwrap();
                    let fields: Vec<(u32, &str)> = fields
                        .split('|')
                        .map(|field| field.split_once('=').map(|(tag, value)| (tag.parse().unwrap(), value)).unwrap())
                        .collect();
                    let body: Vec<Field<'_>> = fields.iter().map(|(tag, value)| Field::new(*tag, value.as_bytes())).collect();
                    self.session.send_application(self.now, Outgoing { msg_type: msg_type.as_bytes(), header: &[], body: &body }).unwrap();
                    self.settle();
                }
                "seal" => {
                    let (begin_string, body) = rest.split_once(' ').unwrap();
                    self.input(&sealed(begin_string, body));
                }
                "we" => {
                    let sent = self.sent.pop_front().map_or_else(|| "nothing".to_owned(), |bytes| shown(&bytes));
                    assert_eq!(sent, rest, "{:?} at: {line}\n{script}", self.version);
                }
                "quiet" => {
                    let sent: Vec<String> = self.sent.iter().map(|bytes| shown(bytes)).collect();
                    assert!(sent.is_empty(), "{:?} sent {sent:?} at: {line}\n{script}", self.version);
                }
                "wait" => self.wait(Duration::from_millis(tenths(rest) * 100)),
                "app" => {
                    let seq = self.delivered.pop_front().map(|message| message.seq());
                    assert_eq!(seq, Some(rest.parse().unwrap()), "{:?} at: {line}\n{script}", self.version);
                }
                "no" => assert!(self.delivered.is_empty(), "{:?} {:?} at: {line}\n{script}", self.version, self.delivered),
                "closed" => {
                    let closed = self.closed.as_ref().map_or_else(|| "open".to_owned(), |reason| format!("{reason:?}"));
                    assert!(closed.starts_with(rest), "{:?} is {closed} at: {line}\n{script}", self.version);
                }
                "open" => assert_eq!(self.session.phase(), Phase::LoggedOn, "{:?} at: {line}\n{script}", self.version),
                other => panic!("unknown word {other}"),
            }
        }
    }
}

/// Plays a script in every version, each from a fresh session.
pub(crate) fn in_all_versions(script: &str) {
    for version in Version::ALL {
        Stage::new(config(version), MemoryStore::default()).play(script);
    }
}
