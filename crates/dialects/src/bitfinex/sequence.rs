//! `SEQ_ALL`: each array that a client gets has numbers at its end.
//!
//! ```text
//!   [CHANNEL, …, SEQ]                  channels of the market, and heartbeats
//!   [0, "TYPE", […], SEQ, AUTH_SEQ]    one's own; notifications do not advance AUTH_SEQ
//!   [0, "n", […-req…], AUTH_SEQ]       the answer to an input: it advances neither, and has no SEQ
//! ```
//!
//! The gateway counts, and not the venue behind it: what a client gets comes from two connections there, one for the market and one
//! for its own, and each of them would count from one.
//!
//! Source: the venue's "Flags", and what the audit of the vendor's bitfinex-api-node demands (`enableSequencing({ audit: true })`).

use std::collections::VecDeque;

use countersign_core::{Refusal, Reject};
use serde_json::value::RawValue;

use crate::limits;
use crate::raw_object::RawObject;

/// The flag (vendor, "Configuration").
const SEQ_ALL: u64 = 1 << 16;

/// The numbers of one connection.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    on: bool,
    /// What each `conf` wants that the venue has not answered: it answers them one after the other.
    asked: VecDeque<bool>,
    /// Whether the last of them is the frame that was read last.
    is_last: bool,
    all: u64,
    own: u64,
}

impl Sequence {
    /// Another frame is read: what came before it is on its way.
    pub(super) const fn go_on(&mut self) {
        self.is_last = false;
    }

    /// Takes the flags of a `conf`: those that the venue behind is to be told, if some are not its business.
    ///
    /// # Errors
    /// [`Reject::RateLimited`] with as many unanswered as are remembered.
    pub(super) fn configure(&mut self, flags: u64) -> Result<Option<u64>, Refusal> {
        if self.asked.len() >= limits::CONFIGURATIONS_MAX {
            return Err(Reject::RateLimited.into());
        }
        let wanted = flags & SEQ_ALL != 0;
        self.asked.push_back(wanted);
        self.is_last = true;
        Ok(wanted.then_some(flags & !SEQ_ALL))
    }

    /// The frame that was read last never reached the venue: if it was a `conf`, nothing answers it.
    pub(super) fn take_back(&mut self) {
        if std::mem::take(&mut self.is_last) {
            self.asked.pop_back();
        }
    }

    /// What a client gets in place of a text of the venue; `None` where it stays as it is.
    pub(super) fn number(&mut self, text: &str) -> Option<String> {
        let Some(open) = text.trim_end().strip_suffix(']') else { return self.configured(text) };
        if !self.on {
            return None;
        }
        let kind = own_kind(text);
        if kind == Some("n") && answers_input(text) {
            return Some(format!("{open},{}]", self.own));
        }
        self.all += 1;
        Some(match self.of_own(kind) {
            Some(own) => format!("{open},{},{own}]", self.all),
            None => format!("{open},{}]", self.all),
        })
    }

    /// The number at the end of an answer to an input, if there is one.
    pub(super) fn of_answer(&self) -> Option<u64> {
        self.on.then_some(self.own)
    }

    /// The answer to a `conf`, from which on the flag is as it says: clients look there whether they were heard.
    fn configured(&mut self, text: &str) -> Option<String> {
        let wanted = *self.asked.front()?;
        let answer: RawObject<'_> = serde_json::from_str(text).ok()?;
        if answer.member("event")?.get() != r#""conf""# {
            return None;
        }
        self.asked.pop_front();
        let status = answer.member("status").filter(|status| status.get() == r#""OK""#)?.get();
        if !self.on {
            (self.all, self.own) = (0, 0);
        }
        self.on = wanted;
        let flags: u64 = answer.member("flags").and_then(|flags| flags.get().parse().ok()).unwrap_or(0);
        wanted.then(|| format!(r#"{{"event":"conf","status":{status},"flags":{}}}"#, flags | SEQ_ALL))
    }

    /// The second number: of what is told of one's own, but not of a heartbeat.
    fn of_own(&mut self, kind: Option<&str>) -> Option<u64> {
        match kind? {
            "hb" => return None,
            "n" => {}
            _ => self.own += 1,
        }
        Some(self.own)
    }
}

/// What an array of channel 0 is.
fn own_kind(text: &str) -> Option<&str> {
    let rest = text.trim_start().strip_prefix('[')?.trim_start().strip_prefix('0')?.trim_start().strip_prefix(',')?;
    rest.trim_start().strip_prefix('"')?.split('"').next()
}

/// Whether a notification answers an input: `[MTS, "on-req", …]`.
fn answers_input(text: &str) -> bool {
    let elements = |text| serde_json::from_str::<Vec<&RawValue>>(text).ok();
    let notice = elements(text).and_then(|array| elements(array.get(2)?.get()));
    notice.and_then(|notice| notice.get(1).map(|kind| kind.get().ends_with(r#"-req""#))).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ANSWER: &str = r#"{"event":"conf","status":"OK","flags":8}"#;

    #[test]
    fn nothing_is_numbered_until_it_is_asked_for_and_answered() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.number(r#"[17,"hb"]"#), None);
        assert_eq!(sequence.configure(8), Ok(None), "other flags are the venue's");
        assert_eq!(sequence.number(ANSWER), None);
        assert_eq!(sequence.configure(SEQ_ALL | 8), Ok(Some(8)));
        assert_eq!(sequence.number(r#"[17,"hb"]"#), None, "it may have been refused on its way");
        assert_eq!(sequence.number(r#"{"event":"info","version":2}"#), None);
        assert_eq!(sequence.number(ANSWER).as_deref(), Some(r#"{"event":"conf","status":"OK","flags":65544}"#));
        assert_eq!(sequence.number(r#"[17,"hb"]"#).as_deref(), Some(r#"[17,"hb",1]"#));
        assert_eq!(sequence.configure(0), Ok(None));
        assert_eq!(sequence.number(ANSWER), None);
        assert_eq!(sequence.number(r#"[17,"hb"]"#), None);
    }

    #[test]
    fn a_configuration_that_the_venue_does_not_take_changes_nothing() {
        let mut sequence = Sequence::default();
        sequence.configure(SEQ_ALL).unwrap();
        assert_eq!(sequence.number(r#"{"event":"conf","status":"FAILED"}"#), None);
        assert_eq!(sequence.number(r#"[17,"hb"]"#), None);
    }

    #[test]
    fn what_is_ones_own_has_a_second_number_that_notifications_and_heartbeats_do_not_advance() {
        let mut sequence = Sequence::default();
        sequence.configure(SEQ_ALL).unwrap();
        sequence.number(ANSWER);
        for (text, numbered) in [
            (r#"[17,[[1,2,3]]]"#, r#"[17,[[1,2,3]],1]"#),
            (r#"[0,"os",[]]"#, r#"[0,"os",[],2,1]"#),
            (r#"[0,"hb"]"#, r#"[0,"hb",3]"#),
            (r#"[0,"n",[1,"wallet_transfer"]]"#, r#"[0,"n",[1,"wallet_transfer"],4,1]"#),
            (r#"[ 0 , "on", [7]] "#, r#"[ 0 , "on", [7],5,2]"#),
            (r#"[10,"te",[1]]"#, r#"[10,"te",[1],6]"#),
            (r#"[17,"hb"]"#, r#"[17,"hb",7]"#),
        ] {
            assert_eq!(sequence.number(text).as_deref(), Some(numbered));
        }
    }

    /// As the audit of the vendor's client counts: an answer with a number of its own made it call all that followed lost.
    #[test]
    fn the_answer_to_an_input_advances_neither_number_and_has_the_second_alone() {
        let mut sequence = Sequence::default();
        sequence.configure(SEQ_ALL).unwrap();
        sequence.number(ANSWER);
        for (text, numbered) in [
            (r#"[0,"on",[7]]"#, r#"[0,"on",[7],1,1]"#),
            (r#"[0,"n",[1,"on-req",null,null,[7],null,"SUCCESS",""]]"#, r#"[0,"n",[1,"on-req",null,null,[7],null,"SUCCESS",""],1]"#),
            (r#"[0, "n", [1, "ou-req"]]"#, r#"[0, "n", [1, "ou-req"],1]"#),
            (r#"[0,"ou",[7]]"#, r#"[0,"ou",[7],2,2]"#),
            (r#"[17,"hb"]"#, r#"[17,"hb",3]"#),
        ] {
            assert_eq!(sequence.number(text).as_deref(), Some(numbered));
        }
    }

    /// The answer to the first was read as that to the second.
    #[test]
    fn each_of_two_configurations_under_way_gets_its_own_answer() {
        let mut sequence = Sequence::default();
        for flags in [SEQ_ALL, 0, SEQ_ALL] {
            sequence.configure(flags).unwrap();
            sequence.go_on();
        }
        assert!(sequence.number(ANSWER).is_some_and(|answer| answer.contains("65544")));
        assert_eq!(sequence.number(r#"[17,"hb"]"#).as_deref(), Some(r#"[17,"hb",1]"#));
        assert_eq!(sequence.number(ANSWER), None);
        assert_eq!(sequence.number(r#"[17,"hb"]"#), None);
        assert!(sequence.number(ANSWER).is_some());
        assert_eq!(sequence.number(r#"[17,"hb"]"#).as_deref(), Some(r#"[17,"hb",1]"#), "it counts anew");
    }

    #[test]
    fn a_configuration_that_was_refused_on_its_way_is_taken_back() {
        let mut sequence = Sequence::default();
        sequence.configure(SEQ_ALL).unwrap();
        sequence.go_on();
        sequence.configure(0).unwrap();
        sequence.take_back();
        sequence.take_back();
        assert!(sequence.number(ANSWER).is_some(), "the first is still under way");
        assert_eq!(sequence.number(r#"[17,"hb"]"#).as_deref(), Some(r#"[17,"hb",1]"#));
    }

    #[test]
    fn no_more_are_remembered_than_fit() {
        let mut sequence = Sequence::default();
        for _ in 0..limits::CONFIGURATIONS_MAX {
            sequence.configure(SEQ_ALL).unwrap();
        }
        assert_eq!(sequence.configure(0), Err(Reject::RateLimited.into()));
        sequence.go_on();
        sequence.number(ANSWER);
        assert_eq!(sequence.configure(0), Ok(None));
    }
}
