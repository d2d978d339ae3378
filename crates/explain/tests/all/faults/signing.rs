//! What a client signs, piece by piece, and how: a fault changes any of it.

use aws_lc_rs::{digest, hmac};

/// What a piece of a signed text is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Body,
    Field(u32),
    Key,
    Literal,
    Mark,
    Method,
    Nonce,
    Passphrase,
    Path,
    Payload,
    Query,
    Separator,
    Time,
    Window,
}

/// A piece of a signed text. Neighbours with the same inner hash are hashed together.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) slot: Slot,
    pub(super) bytes: Vec<u8>,
    pub(super) inner: Option<&'static digest::Algorithm>,
}

impl Piece {
    pub(super) fn plain(slot: Slot, bytes: impl Into<Vec<u8>>) -> Self {
        Self { slot, bytes: bytes.into(), inner: None }
    }

    pub(super) fn hashed(slot: Slot, bytes: impl Into<Vec<u8>>, hash: &'static digest::Algorithm) -> Self {
        Self { slot, bytes: bytes.into(), inner: Some(hash) }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// How one client signs one request.
#[derive(Clone)]
pub(super) struct Signing {
    pub(super) pieces: Vec<Piece>,
    /// How an inner hash enters the text.
    pub(super) inner: fn(&[u8]) -> Vec<u8>,
    /// What is done with the text before it is signed.
    pub(super) whole: fn(Vec<u8>) -> Vec<u8>,
    /// The secret as its owner has it.
    pub(super) given: String,
    /// The bytes that are used for it.
    pub(super) secret: Vec<u8>,
    pub(super) key: String,
    pub(super) passphrase: Option<String>,
    pub(super) host: String,
    pub(super) method: String,
    pub(super) hash: hmac::Algorithm,
    /// Not so at Deribit over FIX, where it is a hash over text and secret.
    pub(super) is_hmac: bool,
    pub(super) prove: fn(&Signing, &[u8]) -> Vec<u8>,
    pub(super) write: fn(&[u8]) -> String,
    /// What is done with the written signature.
    pub(super) finish: fn(String) -> String,
}

impl Signing {
    pub(super) fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut pieces = self.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            let Some(hash) = piece.inner else {
                text.extend_from_slice(&piece.bytes);
                continue;
            };
            let mut context = digest::Context::new(hash);
            context.update(&piece.bytes);
            while let Some(next) = pieces.next_if(|next| next.inner.is_some()) {
                context.update(&next.bytes);
            }
            text.extend((self.inner)(context.finish().as_ref()));
        }
        (self.whole)(text)
    }

    pub(super) fn sign(&self) -> String {
        (self.finish)((self.write)(&(self.prove)(self, &self.text())))
    }

    /// Whether bytes of a hash stand in the text.
    pub(super) fn has_raw_hash(&self) -> bool {
        self.pieces.iter().any(|piece| piece.inner.is_some()) && (self.inner)(&[0xff]) == [0xff]
    }

    /// The bytes of the first piece of a kind.
    pub(super) fn find(&self, slot: Slot) -> Option<&Piece> {
        self.pieces.iter().find(|piece| piece.slot == slot)
    }

    pub(super) fn change(&mut self, slot: Slot, change: impl Fn(&str) -> String) {
        for piece in self.pieces.iter_mut().filter(|piece| piece.slot == slot) {
            piece.bytes = change(&piece.text()).into_bytes();
        }
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.pieces.retain(|piece| piece.slot != slot);
    }

    /// The parameters in the body, or where there are none or nothing changes in them, those in the query.
    pub(super) fn change_parameters(&mut self, change: impl Fn(&str) -> String) {
        let changed = |text: &str| if text.contains('=') && !text.starts_with('{') { change(text) } else { text.to_owned() };
        for slot in [Slot::Body, Slot::Query] {
            let own = self.find(slot).map(Piece::text).unwrap_or_default();
            if changed(&own) != own {
                self.change(slot, &changed);
                return;
            }
        }
    }

    /// The body, where it is JSON.
    pub(super) fn change_json(&mut self, change: impl Fn(&str) -> String) {
        self.change(Slot::Body, |text| if text.starts_with(['{', '[']) { change(text) } else { text.to_owned() });
    }
}

pub(super) fn hmac_of(hash: hmac::Algorithm, secret: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hash, secret), text).as_ref().to_vec()
}

/// HMAC as RFC 2104 has it, for the functions that the library has none of.
pub(super) fn hmac_by_hand(hash: &'static digest::Algorithm, secret: &[u8], text: &[u8]) -> Vec<u8> {
    let digest = |parts: [&[u8]; 2]| digest::digest(hash, &parts.concat()).as_ref().to_vec();
    let mut block = if secret.len() > hash.block_len() { digest([secret, b""]) } else { secret.to_vec() };
    block.resize(hash.block_len(), 0);
    let padded = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    digest([&padded(0x5c), &digest([&padded(0x36), text])])
}
