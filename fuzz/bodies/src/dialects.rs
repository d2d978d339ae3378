//! Requests and frames in every dialect.

use countersign_core::entropy::SeededEntropy;
use countersign_core::{Entropy as _, Monotonic, Now, Presented, Purpose, Refusal, Reject, Timestamp, Token, TokenKind, TokenSealer};
use countersign_dialects::registry::ALL;
use countersign_dialects::socket::{Opening, Step};
use countersign_dialects::{Answer, Desk, Dialect, DialectSocket, RequestView, Security};

const NOW: Timestamp = Timestamp::from_millis(1_795_222_400_000);

/// Frames of one input: what a rule remembers of a connection shows within a few.
const FRAMES_MAX: usize = 64;

/// The first byte chooses the dialect, counted from `A` in the order of their names; the second is `W` for a WebSocket, whose first line is
/// the target of the handshake and every later one a frame. Anything else is a request: first line `METHOD target`, then `name: value`
/// lines, an empty line, the body.
pub fn every_dialect(data: &[u8]) {
    let _ = presented_in(data);
}

/// As [`every_dialect`]; the name of the dialect, if a request presents a proof of it.
#[must_use]
pub fn presented_in(data: &[u8]) -> Option<&'static str> {
    let [dialect, kind, rest @ ..] = data else { return None };
    let dialect = *ALL.get(usize::from(dialect.wrapping_sub(b'A')) % ALL.len())?;
    if *kind == b'W' {
        socket(dialect, rest);
        return None;
    }
    request(dialect, rest).then(|| dialect.name())
}

/// Whether it presents a proof.
fn request(dialect: &dyn Dialect, data: &[u8]) -> bool {
    let blank = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body): (&[u8], &[u8]) = blank.map_or((data, &[]), |at| (&data[..at], &data[at + 2..]));
    let Ok(head) = str::from_utf8(head) else { return false };
    let mut lines = head.lines();
    let Some((method, target)) = lines.next().and_then(|line| line.split_once(' ')) else { return false };
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim())).collect();
    let host = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map_or("localhost:8443", |(_, host)| *host);
    let view = RequestView { method, target: target.as_bytes(), headers: &headers, body, host: Some(host) };
    let mut is_presented = false;
    for security in [Security::None, Security::ApiKey, Security::Signed] {
        if let Answer::Presented(presented) = dialect.present(&view, security) {
            check(dialect, &presented, data.len());
            is_presented = true;
        }
    }
    if let Some(presented) = dialect.present_otherwise(&view) {
        check(dialect, &presented, data.len());
    }
    // What is asked of the same untrusted bytes beside the proof.
    let _ = (dialect.named_in_body(&view), dialect.scope(&view), dialect.echo(&view), dialect.body_without_token(&view));
    is_presented
}

fn socket(dialect: &dyn Dialect, data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let Some(target) = lines.next() else { return };
    let now = Now { wall: NOW, mono: Monotonic::default() };
    let Some(mut socket) = dialect.open_socket(&Opening { target, now, issued_challenge: None }) else { return };
    let mut desk = FuzzDesk(TokenSealer::new(&[1; 32]), SeededEntropy::new_dangerous_for_tests(1));
    let greeting = socket.greet(NOW, &mut desk);
    settle(dialect, socket.as_mut(), &greeting, data.len(), &mut desk);
    for frame in lines.take(FRAMES_MAX) {
        let step = socket.handle_text(frame, NOW, &mut desk);
        settle(dialect, socket.as_mut(), &step, data.len(), &mut desk);
    }
}

/// No key is known here: what is to be verified is refused.
fn settle(dialect: &dyn Dialect, socket: &mut dyn DialectSocket, step: &Step<'_>, sent: usize, desk: &mut FuzzDesk) {
    if let Step::Verify(presented) = step {
        check(dialect, presented, sent);
    }
    if matches!(step, Step::Verify(_) | Step::VerifyToken(_)) {
        if let Some(presented) = socket.take_other_reading() {
            check(dialect, &presented, sent);
        }
        let concluded = socket.conclude(Err(Reject::UnknownKey.into()), NOW, desk);
        assert!(!matches!(concluded, Step::Verify(_)), "{} asks again", dialect.name());
    }
    assert!(socket.identity().is_none(), "{}: a frame alone logs nobody on", dialect.name());
}

/// What is signed may be written out anew (typed data, canonical JSON), never out of proportion: it is hashed before anybody is known.
fn check(dialect: &dyn Dialect, presented: &Presented<'_>, sent: usize) {
    let signed = presented.signed.contiguous().len();
    assert!(signed <= 4 * sent + 1_024, "{}: {signed} bytes are signed of {sent}", dialect.name());
}

struct FuzzDesk(TokenSealer, SeededEntropy);

impl Desk for FuzzDesk {
    fn seal(&mut self, token: &Token) -> String {
        self.0.seal(token, &mut self.1)
    }

    fn open(&self, text: &str, kind: TokenKind, purpose: Purpose, now: Timestamp) -> Result<Token, Refusal> {
        self.0.open(text, kind, purpose, now)
    }

    fn random(&mut self) -> [u8; 16] {
        self.1.array()
    }

    fn authority(&self) -> &str {
        "localhost:8443"
    }

    fn channel(&self) -> Option<[u8; 32]> {
        Some([7; 32])
    }
}
