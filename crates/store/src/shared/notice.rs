//! Notices between nodes: "this changed, look into the database". They carry no content, so a lost one costs time and a forged one
//! costs a look.

use std::ops::ControlFlow;

use redis::RedisError;

use super::PREFIX;
use super::memory::{SharedMemory, unusable};
use crate::error::StoreError;
use crate::limits;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Keys, accounts and their rules.
    Credentials,
    /// What is halted.
    Halts,
    /// What was revoked of tokens and sessions.
    Tokens,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Credentials, Self::Halts, Self::Tokens];

    /// Its name in notices and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Halts => "halts",
            Self::Tokens => "tokens",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

/// What a node that listens hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A change at another node.
    Changed(Topic),
    /// It listens from now on; anything may have been said before.
    Connected,
    /// Nothing for a while, or nothing that concerns this node.
    Nothing,
}

impl SharedMemory {
    /// Tells the other nodes; whether it could be said. Call it after what changed is in the database.
    pub fn publish(&self, node: &str, topic: Topic) -> bool {
        let now = self.now().mono;
        self.may_try(now)
            && self
                .ask(now, |link| {
                    let said = format!("{} {node}", topic.name());
                    redis::cmd("PUBLISH").arg(channel()).arg(said).query::<u64>(&mut link.connection)
                })
                .is_ok()
    }

    /// Listens to the other nodes, and tells what it hears until it is told to stop. Every [`limits::SHARED_LISTEN`] it hears
    /// something, be it nothing. It blocks: for a thread of its own.
    ///
    /// # Errors
    /// [`StoreError::SharedMemory`] when the connection cannot be made or is lost: wait a moment and call again.
    pub fn listen(&self, node: &str, mut tell: impl FnMut(Heard) -> ControlFlow<()>) -> Result<(), StoreError> {
        let failed = |error: RedisError| unusable(error.category());
        let mut connection = self.client().get_connection_with_timeout(limits::SHARED_CONNECT_TIMEOUT).map_err(failed)?;
        connection.set_read_timeout(Some(limits::SHARED_CONNECT_TIMEOUT)).map_err(failed)?;
        connection.set_write_timeout(Some(limits::SHARED_CONNECT_TIMEOUT)).map_err(failed)?;
        let mut subscribed = connection.as_pubsub();
        subscribed.subscribe(channel()).map_err(failed)?;
        subscribed.set_read_timeout(Some(limits::SHARED_LISTEN)).map_err(failed)?;
        let mut heard = Heard::Connected;
        while tell(heard).is_continue() {
            heard = match subscribed.get_message() {
                Ok(message) => read(node, message.get_payload_bytes()),
                Err(error) if error.is_timeout() => Heard::Nothing,
                Err(error) => return Err(failed(error)),
            };
        }
        Ok(())
    }
}

/// What a notice means to a node; its own are none.
fn read(node: &str, text: &[u8]) -> Heard {
    match std::str::from_utf8(text).unwrap_or_default().split_once(' ') {
        Some((topic, from)) if from != node => Topic::parse(topic).map_or(Heard::Nothing, Heard::Changed),
        Some(_) | None => Heard::Nothing,
    }
}

/// Not in a slot: channels have none.
fn channel() -> String {
    format!("{PREFIX}:notices")
}
