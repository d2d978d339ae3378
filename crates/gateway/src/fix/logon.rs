//! From a Logon that was presented to an identity, and from a refusal to the answer of its venue.

use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use countersign_core::{ApiKeyId, Refusal, Reject};
use countersign_fix::answer::{Flavour, LogonAnswer, MessageAnswer, to_halted, to_logon, to_message};
use countersign_fix::logon::{CancelOnLoss, CancelTerms, certificate};
use countersign_fix::{LogonDialect, Message, PresentedLogon, tag};
use countersign_session::{CancelPolicy, CancelScope, OrderClass};
use uuid::Uuid;

use super::FixVenue;
use crate::authenticate::{Login, client_certificate, verify_presented};
use crate::connection::Connection;
use crate::respond::Words;
use crate::worker::Worker;
use crate::{exchange, explanations, native};

/// This process, where the answer to a Logon names the server: another one after a restart.
static SERVER: LazyLock<String> = LazyLock::new(|| Uuid::new_v4().to_string());

/// A login, and what its answer says beyond the standard fields.
pub(super) struct LoggedOn {
    pub(super) login: Login,
    pub(super) fields: Vec<(tag::Tag, Vec<u8>)>,
    /// The native session, if the Logon opened one.
    pub(super) native: Option<native::FixSession>,
    /// Cancel on disconnect, as agreed.
    pub(super) policy: CancelPolicy,
}

impl LoggedOn {
    fn plain(login: Login) -> Self {
        Self { login, fields: Vec::new(), native: None, policy: CancelPolicy::NONE }
    }
}

/// Verifies a Logon by the rules of its venue.
///
/// # Errors
/// The refusal.
pub(super) fn verify(worker: &Rc<Worker>, connection: &Connection, venue: FixVenue, logon: &Message<'_>) -> Result<LoggedOn, Refusal> {
    match venue {
        FixVenue::Dialect(dialect) => {
            let presented = dialect.present(logon)?;
            let login = verify_presented(worker, connection, &presented)?;
            // After the proof: what is wrong here is told exactly.
            dialect.demands(logon)?;
            let terms = dialect.cancel_terms(logon)?;
            let echo = terms.echo.map(|(tag, value)| (tag, value.as_bytes().to_vec()));
            let fields = echo.into_iter().chain(dialect.server_field().map(|tag| (tag, SERVER.clone().into_bytes()))).collect();
            Ok(LoggedOn { login, fields, native: None, policy: policy(&terms) })
        }
        FixVenue::Native => match logon.unique(tag::RAW_DATA) {
            Err(_) => Err(Refusal::operator(Reject::Malformed, "RawData twice")),
            Ok(Some(token)) => {
                let (login, fields, native) = native::open_fix(worker, connection, token, logon)?;
                let policy = native.policy();
                Ok(LoggedOn { login, fields, native: Some(native), policy })
            }
            Ok(None) => by_certificate(worker, connection, logon).map(LoggedOn::plain),
        },
    }
}

/// Venues have no grace: the orders of a session go when it is lost.
const fn policy(terms: &CancelTerms) -> CancelPolicy {
    let scope = match terms.scope {
        CancelOnLoss::Account => CancelScope::Account,
        CancelOnLoss::Nothing => CancelScope::Nothing,
        CancelOnLoss::Session => CancelScope::Session,
    };
    CancelPolicy { scope, class: OrderClass::All, grace: Duration::ZERO, on_logout: terms.on_logout }
}

/// The certificate of the connection is the proof; SenderCompID must be a name in it, or the hash of its key.
fn by_certificate(worker: &Worker, connection: &Connection, logon: &Message<'_>) -> Result<Login, Refusal> {
    let shown = connection.negotiated.peer_certificate.as_ref().ok_or(Reject::MissingCredentials)?;
    let names = std::iter::once(&shown.spki_sha256).chain(&shown.uris).chain(&shown.dns_names).chain(&shown.emails);
    let names: Vec<ApiKeyId> = names.filter_map(|name| ApiKeyId::parse(name).ok()).collect();
    certificate::claim(logon, &names)?;
    client_certificate(worker, connection)
}

/// How a venue says it.
struct Tone {
    venue: FixVenue,
    /// Binance: number and words of its REST API.
    code: i32,
    text: String,
}

impl Tone {
    fn of(venue: FixVenue, words: &Words, refusal: &Refusal) -> Self {
        let fallback = || Self { venue, code: -1000, text: refusal.reject.alert().text().to_owned() };
        if venue != FixVenue::Dialect(LogonDialect::Binance) {
            return fallback();
        }
        let body = venue.family().dialect().map(|dialect| dialect.refuse(refusal, &words.context()).body).unwrap_or_default();
        let answer: Option<serde_json::Value> = serde_json::from_slice(body.as_ref()).ok();
        let read = answer.as_ref().and_then(|answer| {
            let code = i32::try_from(answer.get("code")?.as_i64()?).ok()?;
            Some(Self { venue, code, text: answer.get("msg")?.as_str()?.to_owned() })
        });
        read.unwrap_or_else(fallback)
    }

    fn flavour(&self) -> Flavour<'_> {
        match self.venue {
            FixVenue::Dialect(LogonDialect::Binance) => Flavour::Binance { code: self.code, text: &self.text },
            FixVenue::Dialect(LogonDialect::CoinbaseExchange) => Flavour::Coinbase,
            FixVenue::Dialect(LogonDialect::Deribit) => Flavour::Deribit,
            FixVenue::Dialect(LogonDialect::Kraken) => Flavour::Kraken,
            FixVenue::Native => Flavour::Native,
        }
    }
}

/// The answer to a Logon without credentials that is refused.
pub(super) fn refuse_stranger(worker: &Worker, venue: FixVenue, refusal: &Refusal) -> LogonAnswer {
    to_logon(refusal, Tone::of(venue, &exchange::words(worker, venue.family()), refusal).flavour())
}

/// The answer to a Logon that is refused; its Text says where it is explained, if its key allows that.
pub(super) fn refuse_logon(
    worker: &Worker,
    connection: &Connection,
    venue: FixVenue,
    presented: &PresentedLogon,
    refusal: &Refusal,
) -> LogonAnswer {
    let mut answer = refuse_stranger(worker, venue, refusal);
    let FixVenue::Dialect(dialect) = venue else { return answer };
    let path = explanations::of_logon(worker, connection, dialect.purpose(), presented.message().frame(), refusal);
    if let (Some(path), LogonAnswer::Logout { text } | LogonAnswer::RejectAndLogout { text, .. }) = (path, &mut answer) {
        text.push_str(" See ");
        text.push_str(&path);
    }
    answer
}

/// The answer to an application message that is refused, in words that may know which limit it was.
pub(super) fn refuse_message(venue: FixVenue, words: &Words, refusal: &Refusal) -> MessageAnswer {
    let tone = Tone::of(venue, words, refusal);
    let halted = matches!(refusal.reject, Reject::HaltUnknown | Reject::Halted);
    if halted { to_halted(refusal, tone.flavour()) } else { to_message(refusal, tone.flavour()) }
}
