//! One halt: who stopped what, when and why.

use std::fmt;

use countersign_core::{AccountId, ApiKeyId, Entropy, Timestamp};

use crate::action::Action;
use crate::error::HaltError;
use crate::limits::TEXT_BYTES_MAX;
use crate::scope::HaltScope;
use crate::{wire, words};

/// The name of a halt: `H-` and twelve hexadecimal digits. Drawn, not counted, so that a node which cannot reach the store can
/// name one too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HaltId([u8; 6]);

impl HaltId {
    /// A fresh name.
    pub fn random(entropy: &mut impl Entropy) -> Self {
        Self(entropy.array())
    }

    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// Reads the text form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        wire::unhex(text.strip_prefix("H-")?).map(Self)
    }
}

impl fmt::Display for HaltId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("H-")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for HaltId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! reasons {
    ($( $variant:ident $name:literal $doc:literal; )*) => {
        /// Why, as a code that clients may know. The operator's own words are separate and stay with operators.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $( #[doc = $doc] $variant, )* }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The code.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $( Self::$variant => $name, )* } }

            /// What it means.
            #[must_use]
            pub const fn doc(self) -> &'static str { match self { $( Self::$variant => $doc, )* } }

            /// Reads a code as [`Self::name`] writes it.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> { Self::ALL.iter().copied().find(|reason| reason.name() == name) }
        }
    };
}

reasons! {
    ClientRequest "client.request" "The client asked for it.";
    CredentialCompromise "credential.compromise" "A key is in the wrong hands; a halt of that key is never lifted.";
    Drill "drill" "A rehearsal.";
    Duplicate "duplicate" "Erroneous duplicate orders.";
    Infrastructure "infrastructure" "Systems of the venue or the gateway fail.";
    Limit "limit" "A credit, capital or position limit.";
    MarketDisorder "market.disorder" "The market is not orderly.";
    Regulator "regulator" "An authority asked for it.";
    Runaway "runaway" "An algorithm runs away.";
}

/// What kind of event it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HaltClass {
    /// A rule of a machine.
    Auto,
    /// A rehearsal: counted, not enforced.
    Drill,
    /// A person.
    Manual,
}

impl HaltClass {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Drill => "drill",
            Self::Manual => "manual",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Auto, Self::Drill, Self::Manual].into_iter().find(|class| class.name() == name)
    }
}

/// Who raised a halt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RaisedBy {
    /// A client, for what is its own.
    Client {
        /// Whose.
        account: AccountId,
        /// By which key.
        key: ApiKeyId,
    },
    /// Somebody on the machine of a node: the file or the signal.
    Local(Box<str>),
    /// An operator.
    Operator(Box<str>),
}

impl RaisedBy {
    /// The account of the client that raised it.
    #[must_use]
    pub const fn client(&self) -> Option<&AccountId> {
        match self {
            Self::Client { account, .. } => Some(account),
            Self::Local(_) | Self::Operator(_) => None,
        }
    }

    /// Whether a client raised it, for what is its own.
    #[must_use]
    pub const fn is_client(&self) -> bool {
        matches!(self, Self::Client { .. })
    }
}

impl fmt::Display for RaisedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client { account, key } => write!(f, "client {account} by key {key}"),
            Self::Local(node) => write!(f, "break-glass on node {node}"),
            Self::Operator(name) => write!(f, "operator {name}"),
        }
    }
}

/// One halt. Its action is what it began as; what is left of it says [`crate::Entry::level`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Halt {
    /// How strong. First, so that of two halts of one name the stronger is the greater.
    pub action: Action,
    /// Its name.
    pub id: HaltId,
    /// Whom it covers.
    pub scope: HaltScope,
    /// Why, for clients.
    pub reason: Reason,
    /// Why, in words for operators.
    pub text: Box<str>,
    /// What kind of event.
    pub class: HaltClass,
    /// Who.
    pub by: RaisedBy,
    /// When.
    pub at: Timestamp,
    /// When somebody must look at it again. It does not end then.
    pub review_by: Option<Timestamp>,
}

impl Halt {
    /// Checks a halt that is being raised: what is asked of every record, and that its words are shown as they are written.
    ///
    /// # Errors
    /// [`HaltError::Text`], [`HaltError::InstrumentDisconnect`].
    pub fn raised(self) -> Result<Self, HaltError> {
        if !words::are_plain(&self.text) {
            return Err(HaltError::Text);
        }
        self.checked()
    }

    /// Checks what the types do not say. Of every record, so it asks no more than it always did: a record that cannot be read is a
    /// halt that is not known.
    ///
    /// # Errors
    /// [`HaltError::Text`], [`HaltError::InstrumentDisconnect`].
    pub fn checked(self) -> Result<Self, HaltError> {
        if self.text.len() > TEXT_BYTES_MAX || self.text.chars().any(char::is_control) {
            return Err(HaltError::Text);
        }
        if matches!(self.scope, HaltScope::Instrument(_)) && self.action == Action::Disconnect {
            return Err(HaltError::InstrumentDisconnect);
        }
        Ok(self)
    }

    /// Whether it can never be lifted.
    #[must_use]
    pub const fn is_for_ever(&self) -> bool {
        matches!((&self.scope, self.reason), (HaltScope::Key(_), Reason::CredentialCompromise))
    }

    /// The record as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        wire::halt_to_json(self)
    }

    /// Reads [`Self::to_json`].
    ///
    /// # Errors
    /// [`HaltError`].
    pub fn from_json(text: &str) -> Result<Self, HaltError> {
        wire::halt_from_json(text)
    }
}
