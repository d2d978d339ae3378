//! Who asks a token endpoint.
//!
//! A client assertion, or whatever logs in on this connection: a client certificate, a native session or hello, a request signed as
//! at a venue. Every way ends in `core::verify`, as for any other request.

use std::rc::Rc;

use countersign_core::{CorrelationId, Detail, Effect, Refusal, Reject, SessionId, Timestamp, VerifiedIdentity};
use countersign_dialects::{Header, RequestView};
use countersign_oauth::{DpopProof, Form, Held, OAuthError, OAuthRefusal, Part, assertion, request};
use countersign_store::audit::{AuditEvent, AuditRecord};
use http::header::AUTHORIZATION;

use super::{TOKEN_PATH, bearer};
use crate::audit::Subject;
use crate::authenticate::{Login, authenticate, blamed, check_required, verify_presented};
use crate::clock;
use crate::connection::Connection;
use crate::exchange;
use crate::respond::Words;
use crate::routes::Family;
use crate::worker::Worker;

/// What one request to a token endpoint weighs on the counter of its key: a signature, a write to the disk, and room in the
/// memory of proofs. At the usual 6,000 a minute that is 300 tokens.
pub(super) const TOKEN_WEIGHT: u32 = 20;

/// A request to one of the endpoints.
pub(super) struct Asker<'a> {
    pub(super) worker: &'a Rc<Worker>,
    pub(super) connection: &'a Connection,
    pub(super) view: &'a RequestView<'a>,
    pub(super) form: &'a Form,
    pub(super) authority: &'a str,
    pub(super) issuer: String,
    pub(super) correlation: CorrelationId,
    /// The latest revocation, from before anything of the request was looked at: whatever is revoked from then on is revoked for the
    /// tokens of this request, too, on whatever thread or node that happens.
    pub(super) epoch: u64,
}

impl Asker<'_> {
    /// Who asks, with the key charged for it.
    ///
    /// # Errors
    /// `invalid_client` and its kin.
    pub(super) fn client(&self, subject: &mut Subject) -> Result<Login, OAuthRefusal> {
        check_required(self.worker, self.connection).map_err(of_client)?;
        let login = match request::client_assertion(self.form)? {
            Some(_) if self.view.headers.find(AUTHORIZATION.as_str()) != Header::Absent => {
                // RFC 6749, 2.3: one method a request.
                return Err(OAuthRefusal::request("a client assertion beside other credentials"));
            }
            Some(text) => self.asserted(text, Part::Client)?,
            None => authenticate(self.worker, self.connection, Family::Any, Effect::Write, self.view, subject).map_err(of_client)?,
        };
        subject.note_login(&login);
        // Before it costs the key anything: a form is a request that any page can make.
        exchange::check_page(&login, self.view).map_err(|refusal| OAuthRefusal { error: OAuthError::UnauthorizedClient, refusal })?;
        self.check_named(&login)?;
        self.charge(&login)?;
        Ok(login)
    }

    /// Whoever signed an assertion.
    ///
    /// # Errors
    /// By `part`: `invalid_client` or `invalid_grant`.
    pub(super) fn asserted(&self, text: &str, part: Part) -> Result<Login, OAuthRefusal> {
        // RFC 7523, 3: the issuer, the token endpoint, or the endpoint that is asked and no other; by the issuer's name, or by the one
        // that the request was made to, which is ours.
        let here = format!("https://{}", self.authority.to_ascii_lowercase());
        let asked = str::from_utf8(self.view.path()).unwrap_or_default();
        let urls = [&self.issuer, &here].into_iter().flat_map(|base| ["", TOKEN_PATH, asked].map(|path| format!("{base}{path}")));
        let urls: Vec<String> = urls.collect();
        let audiences: Vec<&str> = urls.iter().map(String::as_str).collect();
        let presented = assertion::present(text, &audiences, self.now());
        let presented = presented.map_err(|refusal| OAuthRefusal::of(blamed(self.worker, as_proof(refusal)), part))?;
        let login = verify_presented(self.worker, self.connection, &presented).map_err(|refusal| OAuthRefusal::of(refusal, part))?;
        self.connection.note_authenticated(login.identity.account());
        Ok(login)
    }

    /// The login must be who `client_id` says (RFC 6749, 3.2.1), if it is said.
    pub(super) fn check_named(&self, login: &Login) -> Result<(), OAuthRefusal> {
        match self.form.find("client_id") {
            Some(named) if named != login.identity.key_id().as_str() => {
                Err(OAuthRefusal::with(OAuthError::InvalidClient, Reject::UnknownKey, "client_id is not the key that proved itself"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Charges the key.
    pub(super) fn charge(&self, login: &Login) -> Result<(), OAuthRefusal> {
        let rate = login.identity.credential().rate;
        exchange::charge(&login.counters, rate, TOKEN_WEIGHT, 0, &mut Words::plain()).map(drop).map_err(of_client)
    }

    /// Refuses whoever a halt cuts off, or the session that a token would be of: a token is good at services beside us, which know nothing
    /// of halts. To be asked before anything is spent, so that a family goes on when the halt is lifted.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(super) fn admit_presence(&self, identity: &VerifiedIdentity, session: Option<SessionId>) -> Result<(), OAuthRefusal> {
        self.worker.shared.halts.gate().admit_presence(Some(identity), Family::Any, session).map_err(of_client)
    }

    /// The DPoP proof of this request, if it has one. It is not spent yet. At the token endpoint it has a nonce of ours, if that is
    /// configured.
    pub(super) fn proof(&self) -> Result<Option<DpopProof>, OAuthRefusal> {
        let shared = &self.worker.shared;
        let nonces = shared.settings.tokens.dpop_nonce.then_some(&shared.issuers.nonces);
        bearer::proof_for(self.worker, self.view, self.authority, None, nonces).map_err(|refusal| OAuthRefusal::of(refusal, Part::Dpop))
    }

    /// Spends the proof.
    pub(super) fn use_once(&self, login: &Login, proof: Option<&DpopProof>) -> Result<(), OAuthRefusal> {
        let Some(proof) = proof else { return Ok(()) };
        bearer::use_once(self.worker, &login.identity, proof, Effect::Write).map_err(|refusal| OAuthRefusal::of(refusal, Part::Dpop))
    }

    /// What the asker holds.
    pub(super) fn held(&self, proof: Option<&DpopProof>) -> Held {
        bearer::held(self.worker, self.connection, proof)
    }

    #[expect(clippy::unused_self, reason = "reads as what it is: the time of this request")]
    pub(super) fn now(&self) -> Timestamp {
        clock::wall()
    }

    /// Writes a record.
    ///
    /// # Errors
    /// 503: what cannot be recorded does not happen.
    pub(super) fn record(&self, event: AuditEvent, fill: impl FnOnce(AuditRecord) -> AuditRecord) -> Result<(), OAuthRefusal> {
        let mut record = fill(AuditRecord::new(self.now(), event));
        record.correlation = Some(self.correlation);
        record.remote = Some(self.connection.remote.ip());
        if self.connection.first_accept() {
            record.channel = Some(std::sync::Arc::clone(&self.connection.channel));
        }
        self.worker.shared.audit.append(record).map_err(|error| of_client(Refusal::from(error)))
    }
}

/// A refusal of who asks.
pub(super) fn of_client(refusal: Refusal) -> OAuthRefusal {
    OAuthRefusal::of(refusal, Part::Client)
}

/// A failure of the store: 503, whatever was asked.
pub(super) fn of_store(error: &countersign_store::StoreError) -> OAuthRefusal {
    of_client(Refusal::operator(Reject::StoreUnavailable, error.to_string()))
}

/// An assertion that cannot be read is a client that did not prove itself (RFC 7521, 4.2.1), not a request that breaks a rule.
fn as_proof(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal { reject: Reject::Malformed, detail: Detail::Operator(sentence) } => Refusal::operator(Reject::BadSignature, sentence),
        other => other,
    }
}
