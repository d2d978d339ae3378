//! What an audit line says.

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

use countersign_core::{
    AccountId, ApiKeyId, Binding, CorrelationId, Credential, CredentialId, Detail, Purpose, Refusal, Reject, SessionId, Timestamp,
    VerifiedIdentity,
};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::AuditText;
use crate::record::CredentialRecord;

macro_rules! events {
    ($( $variant:ident $name:literal $doc:literal; )*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AuditEvent { $( #[doc = $doc] $variant, )* }

        impl AuditEvent {
            /// All events, in alphabetical order.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The name in the log.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $( Self::$variant => $name, )* } }
        }
    };
}

events! {
    Accept "accept" "A request or a login passed.";
    AccountNew "account_new" "An account was made.";
    CancelOnDisconnect "cancel_on_disconnect" "Orders of a session that was left were cancelled, or could not be.";
    ConfigReload "config_reload" "Configuration or certificates were read again.";
    Drill "drill" "A rehearsal of the emergency shutdown.";
    Halt "halt" "A halt was raised.";
    HaltCancel "halt_cancel" "A halt asked venues to cancel resting orders; how many were.";
    HaltLift "halt_lift" "Halts were made weaker, or ended, by agreement of operators.";
    HaltLiftFailed "halt_lift_failed" "A lift that is on record was not applied, or nobody knows whether it was.";
    HaltLiftSigned "halt_lift_signed" "An operator proposed or signed a lift.";
    HaltUnknown "halt_unknown" "The node could not rely on its halts any more, or can again.";
    KeyNew "key_new" "A credential was made.";
    KeyPolicy "key_policy" "Scopes, addresses, rate or expiry of a credential changed.";
    KeyResume "key_resume" "A suspended credential is active again.";
    KeyRevoke "key_revoke" "A credential was revoked.";
    KeyRevokedHere "key_revoked_here" "A revocation took effect at this node, wherever it was made.";
    KeyNonceReset "key_nonce_reset" "Counting of a key's nonces began anew.";
    KeyRotate "key_rotate" "A credential was replaced by a new one.";
    KeySuspend "key_suspend" "A credential was suspended.";
    KeySuspendedHere "key_suspended_here" "A suspension took effect at this node, wherever it was made.";
    KeyTags "key_tags" "What a key trades for was told: algorithm, desk, client.";
    LogFault "log_fault" "A start found the log other than it must be: records under no signed head, or a signature that is gone.";
    LogFile "log_file" "A file of the log begins, with the tree of all records before it.";
    LogGap "log_gap" "The log was found shorter than it was.";
    OperatorCertificate "operator_certificate" "A client certificate for the operator port was issued.";
    Refuse "refuse" "A request or a login was refused.";
    SessionEnd "session_end" "A session ended.";
    SessionKill "session_kill" "An operator ended a session.";
    SessionOpen "session_open" "A session began.";
    SessionRegrant "session_regrant" "The contract of an open session was signed anew: scopes or life changed.";
    SessionResume "session_resume" "A session went on on another connection.";
    Start "start" "The gateway started.";
    Stop "stop" "The gateway stopped.";
    TokenIssue "token_issue" "Tokens were given out.";
    TokenReuse "token_reuse" "A refresh token was used twice; its family ended.";
    TokenRevoke "token_revoke" "A token, a family of tokens, or all tokens of a key were revoked.";
}

impl AuditEvent {
    /// Reads a name as [`Self::name`] writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| event.name() == name)
    }
}

/// What was negotiated on a connection. One per connection, shared by its records.
#[derive(Clone, Debug, Default)]
pub struct ChannelParameters {
    /// TLS version, as `TLSv1_3`; `None` on a local socket.
    pub tls: Option<&'static str>,
    /// Cipher suite.
    pub suite: Option<AuditText>,
    /// Key-exchange group.
    pub group: Option<AuditText>,
    /// Application protocol agreed by ALPN.
    pub alpn: Option<AuditText>,
    /// The server name the client asked for.
    pub sni: Option<AuditText>,
    /// Hash of the client certificate's key.
    pub client_key: Option<ApiKeyId>,
    /// Subject of the client certificate.
    pub client_subject: Option<AuditText>,
    /// Whether the TLS session was resumed.
    pub resumed: bool,
    /// The load balancer that said whose connection it is (PROXY protocol): `remote` is then what it said.
    pub proxy: Option<IpAddr>,
    /// Who stands between the client and us, where its connection is not ours: then there is nothing else here.
    pub via: Option<&'static str>,
}

impl Serialize for ChannelParameters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entry(&mut map, "tls", self.tls.as_ref())?;
        entry(&mut map, "suite", self.suite.as_ref())?;
        entry(&mut map, "group", self.group.as_ref())?;
        entry(&mut map, "alpn", self.alpn.as_ref())?;
        entry(&mut map, "sni", self.sni.as_ref())?;
        shown(&mut map, "client_key", self.client_key.as_ref())?;
        entry(&mut map, "client_subject", self.client_subject.as_ref())?;
        shown(&mut map, "proxy", self.proxy.as_ref())?;
        match self.via {
            Some(via) => map.serialize_entry("via", via)?,
            None => map.serialize_entry("resumed", &self.resumed)?,
        }
        map.end()
    }
}

/// What a key trades for: the words under which a regulator asks for it (algorithm, trading desk, client of the firm).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditTags {
    /// The algorithm that decides.
    pub algo: Option<AuditText>,
    /// The trading desk.
    pub desk: Option<AuditText>,
    /// On whose behalf.
    pub client: Option<AuditText>,
}

impl Serialize for AuditTags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entry(&mut map, "algo", self.algo.as_ref())?;
        entry(&mut map, "desk", self.desk.as_ref())?;
        entry(&mut map, "client", self.client.as_ref())?;
        map.end()
    }
}

/// One audit record. Fields that are `None` are left out of the line.
#[derive(Clone, Debug)]
pub struct AuditRecord {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: AuditEvent,
    /// Ties the record to what the client was told.
    pub correlation: Option<CorrelationId>,
    /// Whose.
    pub account: Option<AccountId>,
    /// The key named, proved or not.
    pub key_id: Option<ApiKeyId>,
    /// The credential, where there is one.
    pub credential: Option<CredentialId>,
    /// The session.
    pub session: Option<SessionId>,
    /// The family of credentials.
    pub purpose: Option<Purpose>,
    /// The route's name in the configuration.
    pub route: Option<Arc<str>>,
    /// From where.
    pub remote: Option<IpAddr>,
    /// The method, in words of ours.
    pub method: Option<&'static str>,
    /// The path, without its query.
    pub path: Option<AuditText>,
    /// The answer's HTTP status.
    pub status: Option<u16>,
    /// The channel binding of a native session.
    pub binding: Option<Binding>,
    /// What was negotiated on the connection.
    pub channel: Option<Arc<ChannelParameters>>,
    /// What a key trades for, as the operator says.
    pub tags: Option<Box<AuditTags>>,
    /// Who proved themselves: the names are read out when the line is written, by the writer's thread.
    proved: Option<Arc<Credential>>,
    reject: Option<Reject>,
    detail: Option<Box<str>>,
}

impl AuditRecord {
    /// A record of `event` at `at`, with nothing else yet.
    #[must_use]
    pub const fn new(at: Timestamp, event: AuditEvent) -> Self {
        Self {
            at,
            event,
            correlation: None,
            account: None,
            key_id: None,
            credential: None,
            session: None,
            purpose: None,
            route: None,
            remote: None,
            method: None,
            path: None,
            status: None,
            binding: None,
            channel: None,
            tags: None,
            proved: None,
            reject: None,
            detail: None,
        }
    }

    /// Adds who it was.
    #[must_use]
    pub fn identity(mut self, identity: &VerifiedIdentity) -> Self {
        self.proved = Some(Arc::clone(identity.credential()));
        self
    }

    /// Adds which credential it is about: for changes of keys.
    #[must_use]
    pub fn credential(mut self, record: &CredentialRecord) -> Self {
        self.account = Some(record.account.clone());
        self.key_id = Some(record.key_id.clone());
        self.credential = Some(record.id.clone());
        self.purpose = Some(record.purpose);
        self
    }

    /// Adds why it was refused, with the detail that is meant for the operator.
    #[must_use]
    pub fn refusal(mut self, refusal: &Refusal) -> Self {
        self.reject = Some(refusal.reject);
        self.detail = match refusal.detail {
            Detail::None => None,
            Detail::LastNonce(_)
            | Detail::Names(_)
            | Detail::Parameter(_)
            | Detail::RetryAfter(_)
            | Detail::Skew { .. }
            | Detail::Operator(_) => {
                let sentence = refusal.to_string();
                let words = sentence.split_once(": ").map_or(sentence.as_str(), |(_, words)| words);
                Some(AuditText::name(words).as_str().into())
            }
        };
        self
    }

    /// Adds words of ours.
    #[must_use]
    pub fn words(mut self, words: &'static str) -> Self {
        self.detail = Some(words.into());
        self
    }

    /// Adds a sentence of ours with numbers in it.
    #[must_use]
    pub fn sentence(mut self, sentence: &str) -> Self {
        self.detail = Some(AuditText::name(sentence).as_str().into());
        self
    }

    /// Adds words that hold names: of halts, scopes, operators.
    #[must_use]
    pub fn told(mut self, words: &str) -> Self {
        self.detail = Some(AuditText::name(words).as_str().into());
        self
    }

    /// Why it was refused.
    #[must_use]
    pub const fn reject(&self) -> Option<Reject> {
        self.reject
    }
}

impl Serialize for AuditRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &self.at.as_micros())?;
        map.serialize_entry("event", self.event.name())?;
        shown(&mut map, "correlation", self.correlation.as_ref())?;
        let proved = self.proved.as_deref();
        let account = self.account.as_ref().or_else(|| proved.map(|credential| &credential.account));
        entry(&mut map, "account", account.map(AccountId::as_str).as_ref())?;
        let key_id = self.key_id.as_ref().or_else(|| proved.map(|credential| &credential.key_id));
        entry(&mut map, "key_id", key_id.map(ApiKeyId::as_str).as_ref())?;
        let credential = self.credential.as_ref().or_else(|| proved.map(|credential| &credential.id));
        entry(&mut map, "credential", credential.map(CredentialId::as_str).as_ref())?;
        shown(&mut map, "session", self.session.as_ref())?;
        let purpose = self.purpose.or_else(|| proved.map(|credential| credential.purpose));
        entry(&mut map, "purpose", purpose.map(Purpose::name).as_ref())?;
        entry(&mut map, "route", self.route.as_deref().as_ref())?;
        entry(&mut map, "remote", self.remote.as_ref())?;
        entry(&mut map, "method", self.method.as_ref())?;
        entry(&mut map, "path", self.path.as_ref())?;
        entry(&mut map, "status", self.status.as_ref())?;
        entry(&mut map, "reject", self.reject.map(Reject::label).as_ref())?;
        entry(&mut map, "detail", self.detail.as_deref().as_ref())?;
        entry(&mut map, "binding", self.binding.map(Binding::name).as_ref())?;
        entry(&mut map, "channel", self.channel.as_deref().as_ref())?;
        entry(&mut map, "tags", self.tags.as_deref())?;
        map.end()
    }
}

fn entry<M: SerializeMap, T: Serialize + ?Sized>(map: &mut M, name: &'static str, value: Option<&T>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}

/// A member written as its `Display` has it, without a string in between.
fn shown<M: SerializeMap, T: Display>(map: &mut M, name: &'static str, value: Option<&T>) -> Result<(), M::Error> {
    struct Shown<'t, T>(&'t T);
    impl<T: Display> Serialize for Shown<'_, T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self.0)
        }
    }
    value.map_or(Ok(()), |value| map.serialize_entry(name, &Shown(value)))
}
