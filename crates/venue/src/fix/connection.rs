//! One connection: Logon with an identity, then messages until either side ends it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_fix::answer::LogonAnswer;
use countersign_fix::session::{HeartBtIntRange, Outgoing, Peer, ResetPolicy, Routing};
use countersign_fix::{
    CompId, Event, Field, Framed, Framer, MemoryStore, Message, Phase, PresentedLogon, Session, SessionConfig, Version, limits, tag,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::desk::Desk;
use super::market_data::Feed;
use super::out;
use super::seat::{Seat, SeatName};
use super::watch::Watch;
use crate::clock::now;
use crate::operations::Owner;
use crate::shell::Shell;

/// From accept to Logon.
const LOGON_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a write may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

struct Wire {
    session: Session<MemoryStore>,
    stream: TcpStream,
}

impl Wire {
    async fn transmit(&mut self) -> Option<()> {
        while let Some(bytes) = self.session.poll_transmit(now()) {
            tokio::time::timeout(WRITE_TIMEOUT, self.stream.write_all(&bytes)).await.ok()?.ok()?;
        }
        Some(())
    }

    async fn refuse(mut self, text: &str) {
        let _refused = self.session.refuse_logon(now(), &LogonAnswer::Logout { text: text.to_owned() });
        let _told = self.transmit().await;
    }
}

pub(super) async fn serve(shell: Arc<Shell>, stream: TcpStream) {
    let _latency_only = stream.set_nodelay(true);
    let opened = tokio::time::timeout(LOGON_TIMEOUT, open(stream)).await;
    let Ok(Some((mut wire, logon, version, ours))) = opened else { return };
    // What is no text does not verify either; only a Logon without the field is of nobody.
    let token = logon.message().first(tag::RAW_DATA).map(|token| String::from_utf8_lossy(token).into_owned());
    let Some(token) = token else { return visit(shell, wire, version).await };
    let Ok(identity) = shell.verify(&token).await else {
        shell.counters.count_refused();
        return wire.refuse("the identity in RawData does not verify").await;
    };
    shell.counters.count_private();
    let Ok(index) = shell.with(|exchange, _| exchange.account(&identity.account)) else { return wire.refuse("too many accounts").await };
    let name = SeatName { account: Arc::clone(&identity.account), version, ours, theirs: logon.peer().clone() };
    let (seat, store) = match shell.fix.take(&shell, &name, Watch::new(index, version)) {
        Ok(taken) => taken,
        Err(error) => return wire.refuse(&error.to_string()).await,
    };
    let owner = Owner { index, key: Arc::clone(&identity.key) };
    if wire.session.accept_logon(now(), store, &[]).is_ok() {
        let market = Feed::begin(&shell);
        let watch = Arc::clone(&seat.watch);
        let session = name.text();
        let mut desk = Desk { shell: Arc::clone(&shell), caller: Some(identity), owner, version, session, watch, market, reports: 0 };
        let lost = drive(&mut wire, &mut desk, &seat).await;
        desk.market.end(&shell);
        if lost == Lost::Reports {
            shell.fix.forget(&shell, &name);
        }
    }
    shell.fix.give_back(&name, wire.session.into_store());
}

/// Whose watch a session of nobody has: a name that no account can have. It hears of nothing, and nothing is placed for it.
const NOBODY: &str = "\u{1}";

/// Nobody logged on: what is public, as over HTTP without an identity. Nothing of it outlives the connection.
async fn visit(shell: Arc<Shell>, mut wire: Wire, version: Version) {
    shell.counters.count_public();
    let Ok(index) = shell.with(|exchange, _| exchange.account(NOBODY)) else { return wire.refuse("too many accounts").await };
    let seat = Seat::of_nobody(Watch::new(index, version));
    if wire.session.accept_logon(now(), MemoryStore::default(), &[]).is_ok() {
        let (market, watch) = (Feed::begin(&shell), Arc::clone(&seat.watch));
        let owner = Owner { index, key: NOBODY.into() };
        let mut desk = Desk { shell: Arc::clone(&shell), caller: None, owner, version, session: NOBODY.into(), watch, market, reports: 0 };
        drive(&mut wire, &mut desk, &seat).await;
        desk.market.end(&shell);
    }
}

/// Reads up to the Logon. Its rules follow from what it says: any CompID is ours.
async fn open(mut stream: TcpStream) -> Option<(Wire, PresentedLogon, Version, CompId)> {
    let mut framer = Framer::new(limits::LOGON_BYTES_MAX);
    let (mut all, mut chunk) = (Vec::new(), [0; 4_096]);
    let (version, ours) = loop {
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        all.extend_from_slice(&chunk[..count]);
        framer.push(&chunk[..count]);
        match framer.next_frame() {
            None => {}
            Some(Framed::Garbled(_)) => return None,
            Some(Framed::Frame(frame)) => {
                let message = Message::parse(frame).ok()?;
                break (Version::of(message.begin_string())?, CompId::parse(message.first(tag::TARGET_COMP_ID)?).ok()?);
            }
        }
    };
    let config = SessionConfig {
        heart_bt_int: HeartBtIntRange { min: 1, max: 120, zero: false },
        reset: ResetPolicy::AtLogon,
        routing: Routing::Allow,
        appl_ver_ids: vec!["9", "8", "7"],
        ..SessionConfig::new(version, ours.clone(), Peer::AsPresented)
    };
    let mut wire = Wire { session: Session::acceptor(config, now()), stream };
    wire.session.handle_input(now(), &all);
    while let Some(event) = wire.session.poll_event() {
        if let Event::LogonPresented(logon) = event {
            return Some((wire, logon, version, ours));
        }
    }
    let _told = wire.transmit().await;
    None
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    Connection,
    /// Reports did not fit in while the client read too slowly or was away.
    Reports,
}

async fn drive(wire: &mut Wire, desk: &mut Desk, seat: &Seat) -> Lost {
    let shell = Arc::clone(&desk.shell);
    let market = Arc::clone(desk.market.outbox());
    let mut buffer = bytes::BytesMut::new();
    loop {
        while let Some(event) = wire.session.poll_event() {
            if let Event::Application(message) = event
                && let Some(answer) = desk.handle(&message.message())
            {
                seat.outbox.push_own(answer.into_bytes());
            }
        }
        if wire.transmit().await.is_none() || wire.session.phase() == Phase::Disconnected {
            return Lost::Connection;
        }
        let due = wire.session.poll_timeout();
        buffer.reserve(16 * 1_024);
        let batch = tokio::select! {
            read = wire.stream.read_buf(&mut buffer) => match read {
                Ok(0) | Err(_) => return Lost::Connection,
                Ok(_) => {
                    let read = std::mem::take(&mut buffer);
                    wire.session.handle_input(now(), &read);
                    Vec::new()
                }
            },
            reports = seat.outbox.take(), if wire.session.phase() == Phase::LoggedOn => match reports {
                Some(reports) => reports,
                None => return Lost::Reports,
            },
            prices = market.take(), if wire.session.phase() == Phase::LoggedOn => match prices {
                Some(prices) => prices,
                None => return Lost::Connection,
            },
            () = crate::clock::until(due) => {
                wire.session.handle_timeout(now());
                Vec::new()
            }
            () = shell.stopping.cancelled(), if wire.session.phase() == Phase::LoggedOn => {
                let _over_anyway = wire.session.logout(now(), Some("venue closing"));
                Vec::new()
            }
        };
        for message in &batch {
            send(wire, message);
        }
    }
}

/// A message that the session cannot take is lost with the connection: the queue is full, so the peer does not read.
fn send(wire: &mut Wire, message: &Bytes) {
    let Some((msg_type, fields)) = out::read(message) else { return };
    let body: Vec<Field<'_>> = fields.iter().map(|(tag, value)| Field::new(*tag, value.as_bytes())).collect();
    let sent = wire.session.send_application(now(), Outgoing { msg_type: msg_type.as_bytes(), header: &[], body: &body });
    if let Err(error) = sent {
        tracing::warn!(%error, msg_type, "a FIX message could not be sent");
    }
}
