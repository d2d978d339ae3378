//! What dialects need of the shell: randomness, the key of the tokens, the name we are called by.

use countersign_core::{AccountId, Entropy as _, Purpose, Refusal, Timestamp, Token, TokenKind};
use countersign_dialects::Desk;

use crate::connection::Connection;
use crate::entropy::SystemEntropy;
use crate::shared::Shared;

/// The desk of one connection.
pub struct GatewayDesk<'d> {
    shared: &'d Shared,
    authority: &'d str,
    channel: Option<[u8; 32]>,
}

impl<'d> GatewayDesk<'d> {
    /// A desk for a request or message on `connection`, which was made to `authority`.
    #[must_use]
    pub const fn new(shared: &'d Shared, connection: &Connection, authority: &'d str) -> Self {
        Self { shared, authority, channel: connection.exporter }
    }
}

impl Desk for GatewayDesk<'_> {
    fn seal(&mut self, token: &Token) -> String {
        self.shared.tokens.seal(token, &mut SystemEntropy)
    }

    fn open(&self, text: &str, kind: TokenKind, purpose: Purpose, now: Timestamp) -> Result<Token, Refusal> {
        self.shared.tokens.open(text, kind, purpose, now)
    }

    fn random(&mut self) -> [u8; 16] {
        SystemEntropy.array()
    }

    fn authority(&self) -> &str {
        self.authority
    }

    fn channel(&self) -> Option<[u8; 32]> {
        self.channel
    }

    fn cancels_on_disconnect(&self, account: &AccountId) -> bool {
        self.shared.cancel_on_disconnect.load().contains(account)
    }
}
