//! From a refusal of the gateway to the messages a venue's clients understand.
//!
//! ```text
//!   flavour   | Logon refused                       | application message refused
//!   Binance   | Reject (373, 25016, 58), then Logout | Reject (373, 25016, 58)
//!   Coinbase  | Logout with Text                     | BusinessMessageReject
//!   Deribit   | Logout with Text                     | BusinessMessageReject
//!   Kraken    | Logout with Text                     | BusinessMessageReject
//!   Native    | Reject with alert code, then Logout  | BusinessMessageReject
//! ```
//!
//! Which refusal it is comes from the one list in `countersign_core::reject`; a venue's own number and words come from its dialect. A
//! Reject as the only answer to a Logon leaves common engines waiting for their timeout, so a Logout always follows it. Text before proof
//! of possession is the alert's, the same for every fault of a credential.

use countersign_core::{AlertCode, Blame, Detail, Refusal, Reject};

use crate::reject_reason::{BusinessRejectReason, SessionRejectReason};
use crate::tag::{self, Tag};

/// ErrorCode of Binance (FIX API documentation, "Reject"; captured 2026-07-21).
pub const BINANCE_ERROR_CODE: Tag = 25_016;

/// AlertCode of the native dialect, in the user-defined range: the number of [`AlertCode::number`].
pub const NATIVE_ALERT_CODE: Tag = 20_001;

/// The way a venue refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour<'t> {
    /// Binance, with the number and words of its REST API for this refusal.
    Binance {
        /// ErrorCode.
        code: i32,
        /// Its message.
        text: &'t str,
    },
    /// Coinbase Exchange.
    Coinbase,
    /// Deribit.
    Deribit,
    /// Kraken.
    Kraken,
    /// `countersign/1` over FIX.
    Native,
}

/// How a Logon is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogonAnswer {
    /// Logout with a reason.
    Logout {
        /// Text.
        text: String,
    },
    /// Reject of the Logon, then Logout with the same words.
    RejectAndLogout {
        /// SessionRejectReason.
        reason: SessionRejectReason,
        /// Text of both.
        text: String,
        /// The venue's own fields of the Reject.
        fields: Vec<(Tag, String)>,
    },
    /// Nothing: the connection is closed.
    Silent,
}

/// How an application message is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageAnswer {
    /// BusinessMessageReject.
    Business {
        /// BusinessRejectReason.
        reason: BusinessRejectReason,
        /// Text.
        text: String,
    },
    /// The session ends.
    Logout {
        /// Text.
        text: String,
    },
    /// Reject.
    Reject {
        /// SessionRejectReason.
        reason: SessionRejectReason,
        /// Text.
        text: String,
        /// The venue's own fields.
        fields: Vec<(Tag, String)>,
    },
}

/// The answer to a Logon that was refused.
#[must_use]
pub fn to_logon(refusal: &Refusal, flavour: Flavour<'_>) -> LogonAnswer {
    let reason = SessionRejectReason::of(refusal.reject.session_reject_reason());
    let alert = refusal.reject.alert();
    match flavour {
        Flavour::Binance { code, text } => {
            LogonAnswer::RejectAndLogout { reason, text: text.to_owned(), fields: vec![(BINANCE_ERROR_CODE, code.to_string())] }
        }
        Flavour::Coinbase | Flavour::Deribit | Flavour::Kraken => LogonAnswer::Logout { text: with_last_nonce(alert.text(), refusal) },
        Flavour::Native => LogonAnswer::RejectAndLogout { reason, text: native_text(alert), fields: vec![native_code(alert)] },
    }
}

/// Tells the owner of a key the last accepted nonce, where the refusal knows it: that is after its proof.
fn with_last_nonce(text: &str, refusal: &Refusal) -> String {
    match refusal.detail {
        Detail::LastNonce(last) => format!("{text} (the last accepted nonce was {last})"),
        Detail::Names(_) | Detail::None | Detail::Operator(_) | Detail::Parameter(_) | Detail::RetryAfter(_) | Detail::Skew { .. } => {
            text.to_owned()
        }
    }
}

/// The answer to an application message that was refused. What ends a native connection ends the session.
#[must_use]
pub fn to_message(refusal: &Refusal, flavour: Flavour<'_>) -> MessageAnswer {
    let alert = refusal.reject.alert();
    // A record that cannot be made stops orders and not the session: its cancels pass.
    if alert.is_fatal() && refusal.reject != Reject::AuditUnavailable {
        return MessageAnswer::Logout { text: native_text(alert) };
    }
    match flavour {
        Flavour::Binance { code, text } => MessageAnswer::Reject {
            reason: SessionRejectReason::of(refusal.reject.session_reject_reason()),
            text: text.to_owned(),
            fields: vec![(BINANCE_ERROR_CODE, code.to_string())],
        },
        Flavour::Coinbase | Flavour::Deribit | Flavour::Kraken | Flavour::Native => {
            MessageAnswer::Business { reason: business_reason(refusal.reject), text: native_text(alert) }
        }
    }
}

/// News (35=B) about a halt: to every session that it covers, when it begins, changes and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaltNews {
    /// Headline (148).
    pub headline: String,
    /// Text (58) of the lines (33).
    pub lines: Vec<String>,
    /// Urgency (61): flash while something is stopped, normal when it is over.
    pub urgency: char,
}

/// Headline of News.
const HEADLINE: Tag = 148;
/// NoLinesOfText of News: its group is made of Text.
const NO_LINES_OF_TEXT: Tag = 33;
/// Urgency of News.
const URGENCY: Tag = 61;

impl HaltNews {
    /// MsgType of News.
    pub const MSG_TYPE: &'static [u8] = b"B";

    /// The body, in the order of the standard.
    #[must_use]
    pub fn body(&self) -> Vec<(Tag, String)> {
        let head =
            [(URGENCY, self.urgency.to_string()), (HEADLINE, self.headline.clone()), (NO_LINES_OF_TEXT, self.lines.len().to_string())];
        head.into_iter().chain(self.lines.iter().map(|line| (tag::TEXT, line.clone()))).collect()
    }
}

/// Urgency of News, "flash" (FIX 4.4, field 61).
const FLASH: char = '1';
/// Urgency of News, "normal".
const NORMAL: char = '0';

/// The News for a halt: its name, what it stops and why, as the one refused by it is told; `None` for the end of the last one.
#[must_use]
pub fn halt_news(halt: Option<(&str, &str, &str)>) -> HaltNews {
    match halt {
        Some((id, action, reason)) => HaltNews {
            headline: format!("{}: {}", AlertCode::HaltActive.as_str(), AlertCode::HaltActive.text()),
            lines: vec![format!("halt {id}"), format!("action {action}"), format!("reason {reason}")],
            urgency: FLASH,
        },
        None => HaltNews {
            headline: "Trading is no longer halted for this session.".to_owned(),
            // FIX 4.4 wants at least one line.
            lines: vec!["no halt covers this session".to_owned()],
            urgency: NORMAL,
        },
    }
}

/// The answer to an order that a halt stops: BusinessMessageReject whose Text names the halt, for whoever talks to the operators;
/// Binance refuses with its own Reject, as everything else.
#[must_use]
pub fn to_halted(refusal: &Refusal, flavour: Flavour<'_>) -> MessageAnswer {
    match (to_message(refusal, flavour), &refusal.detail) {
        (MessageAnswer::Business { text, .. }, Detail::Names(names)) => MessageAnswer::Business {
            // FIX 4.4, 380: 4 "application not available". The order is right; it is not its time.
            reason: BusinessRejectReason::ApplicationNotAvailable,
            text: format!("{text} ({})", names.join(", ")),
        },
        (answer, _) => answer,
    }
}

fn native_text(alert: AlertCode) -> String {
    format!("{}: {}", alert.as_str(), alert.text())
}

fn native_code(alert: AlertCode) -> (Tag, String) {
    (NATIVE_ALERT_CODE, alert.number().to_string())
}

/// An infrastructure failure is "not available", never "not authorized".
/// A message without a route is one of a type that is not served here.
fn business_reason(reject: Reject) -> BusinessRejectReason {
    if reject == Reject::RouteUnknown {
        return BusinessRejectReason::UnsupportedMsgType;
    }
    match reject.blame() {
        Blame::Credential | Blame::Permission => BusinessRejectReason::NotAuthorized,
        Blame::Infrastructure => BusinessRejectReason::ApplicationNotAvailable,
        Blame::Limit | Blame::Message => BusinessRejectReason::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each flavour: Binance with the same number and words, which its dialect is asked for.
    const FLAVOURS: [Flavour<'static>; 5] = [
        Flavour::Binance { code: -1022, text: "Signature for this request is not valid." },
        Flavour::Coinbase,
        Flavour::Deribit,
        Flavour::Kraken,
        Flavour::Native,
    ];

    #[test]
    fn faults_of_a_credential_look_alike() {
        for flavour in FLAVOURS {
            let bad = to_logon(&Reject::BadSignature.into(), flavour);
            for reject in Reject::ALL.iter().filter(|reject| reject.alert() == AlertCode::AuthFailed) {
                assert_eq!(to_logon(&(*reject).into(), flavour), bad, "{reject} {flavour:?}");
            }
        }
    }

    #[test]
    fn the_owner_of_a_key_is_told_the_last_nonce() {
        let text = |refusal: &Refusal| match to_logon(refusal, Flavour::Kraken) {
            LogonAnswer::Logout { text } | LogonAnswer::RejectAndLogout { text, .. } => text,
            LogonAnswer::Silent => String::new(),
        };
        let told = text(&Refusal::with(Reject::Replayed, Detail::LastNonce(41)));
        assert_eq!(told, format!("{} (the last accepted nonce was 41)", text(&Reject::Replayed.into())));
    }

    #[test]
    fn binance_gets_its_number_and_a_logout() {
        let flavour = Flavour::Binance { code: -1022, text: "Signature for this request is not valid." };
        let LogonAnswer::RejectAndLogout { reason, fields, .. } = to_logon(&Reject::BadSignature.into(), flavour) else { panic!() };
        assert_eq!(reason, SessionRejectReason::Signature);
        assert_eq!(fields, [(25_016, "-1022".to_owned())]);
    }

    #[test]
    fn an_outage_is_not_called_a_missing_permission() {
        for reject in Reject::ALL.iter().filter(|reject| reject.blame() == Blame::Infrastructure && !reject.alert().is_fatal()) {
            let answer = to_message(&(*reject).into(), Flavour::Kraken);
            assert!(matches!(answer, MessageAnswer::Business { reason: BusinessRejectReason::ApplicationNotAvailable, .. }), "{reject}");
        }
    }

    #[test]
    fn a_type_that_is_not_served_is_called_that() {
        let answer = to_message(&Reject::RouteUnknown.into(), Flavour::Deribit);
        assert!(matches!(answer, MessageAnswer::Business { reason: BusinessRejectReason::UnsupportedMsgType, .. }));
    }

    #[test]
    fn a_halted_order_is_told_which_halt_and_the_session_goes_on() {
        let names = ["H-0123456789ab", "cancel-only", "runaway"].map(str::to_owned).to_vec();
        let refusal = Refusal::with(Reject::Halted, Detail::Names(names));
        for flavour in [Flavour::Coinbase, Flavour::Deribit, Flavour::Kraken, Flavour::Native] {
            let MessageAnswer::Business { reason, text } = to_halted(&refusal, flavour) else { panic!("{flavour:?}") };
            assert_eq!(reason, BusinessRejectReason::ApplicationNotAvailable);
            assert!(text.contains("halt.active") && text.contains("H-0123456789ab, cancel-only, runaway"), "{text}");
        }
        let binance = to_halted(&refusal, Flavour::Binance { code: -2010, text: "Market is closed." });
        assert!(matches!(binance, MessageAnswer::Reject { fields, .. } if fields == [(BINANCE_ERROR_CODE, "-2010".to_owned())]));
        let unknown = to_halted(&Reject::HaltUnknown.into(), Flavour::Native);
        assert!(matches!(unknown, MessageAnswer::Business { reason: BusinessRejectReason::ApplicationNotAvailable, .. }));
        assert_eq!(halt_news(Some(("H-1", "freeze", "runaway"))).urgency, FLASH);
        assert_eq!((halt_news(None).lines.len(), halt_news(None).urgency), (1, NORMAL));
        let body = halt_news(Some(("H-1", "freeze", "runaway"))).body();
        assert_eq!(body.iter().map(|(tag, _)| *tag).collect::<Vec<_>>(), [61, 148, 33, 58, 58, 58]);
        assert_eq!((body[0].1.as_str(), body[2].1.as_str(), body[3].1.as_str()), ("1", "3", "halt H-1"));
    }

    #[test]
    fn what_ends_a_connection_ends_the_session() {
        let answer = to_message(&Reject::StoreUnavailable.into(), Flavour::Native);
        assert!(matches!(answer, MessageAnswer::Logout { .. }));
    }

    #[test]
    fn an_order_that_cannot_be_recorded_does_not_end_the_session() {
        let answer = to_message(&Reject::AuditUnavailable.into(), Flavour::Native);
        assert!(matches!(answer, MessageAnswer::Business { reason: BusinessRejectReason::ApplicationNotAvailable, .. }));
    }
}
