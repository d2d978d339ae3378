//! Who is it: turns the credentials of one HTTP request into a verified identity, by the family of its route.
//!
//! Once a family says "mine", no other is tried.

use std::rc::Rc;
use std::sync::Arc;

use countersign_core::rate::KeyCounters;
use countersign_core::{
    ApiKeyId, CertificateClaim, Effect, Freshness, Presented, PresentedResumption, Purpose, Refusal, Reject, Scopes, SessionId, Timestamp,
    Token, VerifiedIdentity, VerifyContext, redeem_token, verify, verify_certificate, verify_resumption,
};
use countersign_dialects::registry::ALL;
use countersign_dialects::{Answer, Dialect, Header, Headers, RequestView, Security, of_purpose};
use countersign_pki::ClientAuth;
use http::header::AUTHORIZATION;
use smallvec::SmallVec;

use crate::audit::Subject;
use crate::bearer;
use crate::clock;
use crate::connection::Connection;
use crate::routes::Family;
use crate::shared::CredentialEntry;
use crate::tokens::bearer::{self as own_token, TokenLogin};
use crate::worker::Worker;

/// A request's proved identity, and what it came with.
pub struct Login {
    /// Who.
    pub identity: VerifiedIdentity,
    /// The native session it belongs to, with what that session was granted.
    pub session: Option<SessionRef>,
    /// How long the proof is good for.
    pub freshness: Freshness,
    /// Rate counters of the key.
    pub counters: Arc<KeyCounters>,
    /// The access token it is by, if it is by one.
    pub token: Option<TokenLogin>,
    /// Whether it is by the client certificate of the connection, or by a token that is bound to that.
    pub by_certificate: bool,
    /// Headers for the answer: the countersigned contract, on the request that opened the session.
    pub answer_headers: SmallVec<[(http::HeaderName, http::HeaderValue); 2]>,
}

impl Login {
    /// A login without a session.
    #[must_use]
    pub fn new(identity: VerifiedIdentity, freshness: Freshness, counters: Arc<KeyCounters>) -> Self {
        let by_certificate = identity.purpose() == Purpose::ClientCertificate;
        Self { identity, session: None, token: None, by_certificate, freshness, counters, answer_headers: SmallVec::new() }
    }

    /// The session it belongs to: a native one, or that of its token.
    #[must_use]
    pub fn sid(&self) -> Option<SessionId> {
        let of_token = || self.token.as_ref().map(|token| token.mark.sid);
        self.session.as_ref().map(|session| session.sid).or_else(of_token)
    }

    /// The same login, for one more message of it.
    #[must_use]
    pub fn again(&self) -> Self {
        let (identity, session, counters) = (self.identity.clone(), self.session.clone(), Arc::clone(&self.counters));
        let (token, by_certificate, freshness) = (self.token.clone(), self.by_certificate, self.freshness);
        Self { identity, session, token, by_certificate, freshness, counters, answer_headers: SmallVec::new() }
    }

    /// When it is to be looked at again, though nothing changes: its key, its token's session, or the certificate that it needs ends.
    #[must_use]
    pub fn ends(&self, worker: &Worker, connection: &Connection) -> Option<Timestamp> {
        let of_token = self.token.as_ref().map(|token| token.ends);
        let of_certificate = if self.by_certificate { connection.certificate_end() } else { required_end(worker, connection) };
        self.identity.credential().not_after.into_iter().chain(of_token).chain(of_certificate).min()
    }

    /// What a session contract narrows the identity's scopes to.
    #[must_use]
    pub fn granted(&self) -> Option<&Scopes> {
        self.session.as_ref().map(|session| &session.granted)
    }
}

/// Names a native session.
#[derive(Clone, Debug)]
pub struct SessionRef {
    /// Session id.
    pub sid: SessionId,
    /// Contract hash.
    pub ch: [u8; 32],
    /// Scopes of the contract: they can only narrow those of the key.
    pub granted: Scopes,
}

/// Authenticates one request to a route of this family and effect. Of a request by a dialect whose proof fails, `subject` is told the key.
///
/// # Errors
/// The refusal; [`Reject::MissingCredentials`] when there is nothing to verify.
pub fn authenticate(
    worker: &Rc<Worker>,
    connection: &Connection,
    family: Family,
    effect: Effect,
    request: &RequestView<'_>,
    subject: &mut Subject,
) -> Result<Login, Refusal> {
    check_required(worker, connection)?;
    let headers = request.headers;
    if worker.shared.settings.tokens.enabled
        && let Some(shown) = own_token::shown(headers)
        // On routes of issuers outside, a token is ours when it names a key of ours.
        && (family != Family::BEARER || own_token::is_among(worker, headers))
    {
        let login = own_token::login(worker, connection, family, request, effect, shown)?;
        connection.note_authenticated(login.identity.account());
        return Ok(login);
    }
    let login = match family {
        Family::BEARER => bearer::authenticate(worker, connection, request, effect),
        Family::CLIENT_CERTIFICATE => client_certificate(worker, connection),
        Family::NATIVE => native(worker, connection, headers),
        Family::Of(purpose) => of_dialect(worker, connection, of_purpose(purpose), request, subject),
        // Several dialects use this header; on a route for all of them it is the native one's.
        Family::Any if headers.find(AUTHORIZATION.as_str()) != Header::Absent => native(worker, connection, headers),
        Family::Any => match ALL.iter().find(|dialect| dialect.recognizes(headers)) {
            Some(dialect) => of_dialect(worker, connection, Some(*dialect), request, subject),
            None => client_certificate(worker, connection),
        },
    }?;
    connection.note_authenticated(login.identity.account());
    Ok(login)
}

pub(crate) fn of_dialect(
    worker: &Worker,
    connection: &Connection,
    dialect: Option<&dyn Dialect>,
    request: &RequestView<'_>,
    subject: &mut Subject,
) -> Result<Login, Refusal> {
    let dialect = dialect.ok_or_else(|| Refusal::operator(Reject::Internal, "a route for credentials that have no dialect"))?;
    match dialect.present(request, Security::Signed) {
        Answer::Malformed(refusal) => Err(refusal),
        Answer::NotMine => Err(Reject::MissingCredentials.into()),
        Answer::Presented(presented) => {
            let table = worker.shared.credentials.load();
            let entry = table.find(presented.purpose, &presented.key_id);
            let otherwise = if entry.is_some() { None } else { dialect.present_otherwise(request) };
            let login = match &otherwise {
                Some(otherwise) => verify_presented(worker, connection, otherwise),
                None => verify_by(worker, connection, &presented, entry),
            };
            login.inspect_err(|_| {
                let presented = otherwise.as_ref().unwrap_or(&presented);
                subject.note_presented(presented.purpose, presented.key_id.clone());
            })
        }
        Answer::Token { text, kind } => {
            let token = worker.shared.tokens.open(text, kind, dialect.purpose(), clock::wall())?;
            verify_shown(worker, connection, &token)
        }
    }
}

/// Looks the credential of a token up and verifies that it may still be used here; a token for getting new tokens is spent.
///
/// # Errors
/// As [`redeem_token`].
pub fn verify_shown(worker: &Worker, connection: &Connection, token: &Token) -> Result<Login, Refusal> {
    let table = worker.shared.credentials.load();
    let entry = table.find(token.purpose, &token.key_id);
    let credential = entry.map(|entry| &entry.credential);
    let identity = redeem_token(token, credential, connection.exporter.as_ref(), &verify_context(worker, connection))?;
    let counters = entry.map(|entry| Arc::clone(&entry.counters)).unwrap_or_default();
    Ok(Login::new(identity, Freshness::Channel, counters))
}

/// Looks the credential up and verifies: the path that all dialects share.
///
/// # Errors
/// As [`verify()`].
pub fn verify_presented(worker: &Worker, connection: &Connection, presented: &Presented<'_>) -> Result<Login, Refusal> {
    let table = worker.shared.credentials.load();
    verify_by(worker, connection, presented, table.find(presented.purpose, &presented.key_id))
}

fn verify_by(
    worker: &Worker,
    connection: &Connection,
    presented: &Presented<'_>,
    entry: Option<&CredentialEntry>,
) -> Result<Login, Refusal> {
    let context = verify_context(worker, connection);
    let identity = verify(presented, entry.map(|entry| &entry.credential), &context).map_err(|refusal| blamed(worker, refusal))?;
    let counters = entry.map(|entry| Arc::clone(&entry.counters)).unwrap_or_default();
    Ok(Login::new(identity, presented.freshness, counters))
}

/// A message is not called late or early by a clock that is known to be wrong: that is ours to mend, and another node can tell.
pub(crate) fn blamed(worker: &Worker, refusal: Refusal) -> Refusal {
    let of_time = matches!(refusal.reject, Reject::TimestampAhead | Reject::TimestampStale);
    if of_time { blamed_for_time(worker, refusal) } else { refusal }
}

/// The same for a refusal that is known to be of time.
pub(crate) fn blamed_for_time(worker: &Worker, refusal: Refusal) -> Refusal {
    worker.shared.cluster.as_ref().and_then(|cluster| cluster.refusal_while_apart()).unwrap_or(refusal)
}

/// Looks the credential of a session that comes back up, and verifies the proof and the credential's standing.
///
/// # Errors
/// As [`verify_resumption`].
pub fn verify_resumed(worker: &Worker, connection: &Connection, presented: &PresentedResumption) -> Result<VerifiedIdentity, Refusal> {
    let table = worker.shared.credentials.load();
    let credential = table.find(Purpose::Native, &presented.key_id).map(|entry| &entry.credential);
    verify_resumption(presented, credential, Some(connection.remote.ip()), clock::wall())
}

pub(crate) fn verify_context<'w>(worker: &'w Worker, connection: &Connection) -> VerifyContext<'w> {
    VerifyContext {
        now: clock::now(),
        remote: Some(connection.remote.ip()),
        replay: worker.shared.replay.as_ref(),
        nonces: worker.shared.nonces.as_ref(),
    }
}

fn native(worker: &Rc<Worker>, connection: &Connection, headers: &dyn Headers) -> Result<Login, Refusal> {
    match headers.find(AUTHORIZATION.as_str()) {
        Header::Once(value) => connection.native.authenticate(worker, connection, value),
        Header::Repeated => Err(Refusal::operator(Reject::Malformed, "more than one Authorization header")),
        // A client that showed a certificate and says nothing else means the certificate.
        Header::Absent => client_certificate(worker, connection),
    }
}

/// Whether a login that needs the client certificate still has it: the connection may be older than what is trusted now.
///
/// # Errors
/// As [`Connection::check_certificate`].
pub(crate) fn recheck_certificate(worker: &Worker, connection: &Connection, login: &Login) -> Result<(), Refusal> {
    if login.by_certificate { connection.check_certificate(&worker.shared.tls, clock::wall()) } else { check_required(worker, connection) }
}

fn is_required(worker: &Worker) -> bool {
    worker.shared.settings.listen.client_auth == ClientAuth::Required
}

/// Whether a connection still has the client certificate that a listener may ask of everybody, however they log in.
///
/// # Errors
/// As [`Connection::check_certificate`].
pub(crate) fn check_required(worker: &Worker, connection: &Connection) -> Result<(), Refusal> {
    if is_required(worker) { connection.check_certificate(&worker.shared.tls, clock::wall()) } else { Ok(()) }
}

/// When that is to be looked at again, though nothing changes.
pub(crate) fn required_end(worker: &Worker, connection: &Connection) -> Option<Timestamp> {
    if is_required(worker) { connection.certificate_end() } else { None }
}

/// Looks up the credential of the connection's client certificate, and that it may be used.
///
/// # Errors
/// [`Reject::MissingCredentials`] without a certificate, [`Reject::CertificateUnacceptable`] for one that names no credential.
pub(crate) fn client_certificate(worker: &Worker, connection: &Connection) -> Result<Login, Refusal> {
    let certificate = connection.negotiated.peer_certificate.as_ref().ok_or(Reject::MissingCredentials)?;
    let now = clock::now();
    let table = worker.shared.credentials.load();
    // The key's hash first: it is the stricter name. Then URIs, host names and mail addresses.
    let names = std::iter::once(&certificate.spki_sha256).chain(&certificate.uris).chain(&certificate.dns_names).chain(&certificate.emails);
    let found = names.filter_map(|name| ApiKeyId::parse(name).ok()).find_map(|key_id| {
        let entry = table.find(Purpose::ClientCertificate, &key_id)?;
        Some((CertificateClaim { key_id }, entry))
    });
    let Some((claim, entry)) = found else { return Err(Reject::CertificateUnacceptable.into()) };
    connection.check_certificate(&worker.shared.tls, now.wall)?;
    let identity = verify_certificate(&claim, Some(&entry.credential), Some(connection.remote.ip()), now.wall)?;
    let counters = Arc::clone(&entry.counters);
    Ok(Login::new(identity, Freshness::Channel, counters))
}
