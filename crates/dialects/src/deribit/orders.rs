//! The open orders of one connection, for cancel on disconnect: the venue cancels only what came over the connection that ended.
//!
//! ```text
//!   call that places ─▶ under way ─ answer `{"id":…,"result":{"order":{"order_id":"…","order_state":"open"}}}` ─▶ open
//!                           │                                                                                      │
//!   end, at once            │                                                                                      └─▶ cancel
//!   end, none comes         └─▶ cancel_all
//! ```
//!
//! Each belongs to who placed it, and is cancelled in that name, whoever logged in since. With more than are remembered, and where
//! the answer does not name them (quotes) or does not come, all of the account are cancelled: too many rather than too few.

use std::collections::BTreeSet;

use countersign_core::VerifiedIdentity;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use serde_json::value::RawValue;

use super::methods::Method;
use crate::limits;

const QUOTES: &str = "private/mass_quote";
/// Of our own calls: no answer to one is that to a client's.
const OWN_ID: &str = "countersign";

/// What an end of the connection cancels.
#[derive(Debug, Default)]
pub struct OpenOrders {
    holders: Vec<Holder>,
    /// Whose call was noted last.
    latest: Option<usize>,
}

/// What one key placed.
#[derive(Debug)]
struct Holder {
    identity: VerifiedIdentity,
    ids: BTreeSet<String>,
    under_way: Vec<UnderWay>,
    /// What is open is not known one by one.
    overflown: bool,
}

#[derive(Debug)]
struct UnderWay {
    /// As its client wrote it.
    id: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Places nothing.
    Other,
    Order,
    /// Its answer counts what it placed, and names nothing.
    Quotes,
}

impl Kind {
    fn of(message: &str) -> Self {
        match message {
            QUOTES => Self::Quotes,
            _ if Method::find(message).is_some_and(|method| method.orders() > 0) => Self::Order,
            _ => Self::Other,
        }
    }
}

/// A text of the venue.
#[derive(Deserialize)]
struct Answer<'t> {
    #[serde(borrow)]
    id: Option<&'t RawValue>,
    #[serde(borrow)]
    result: Option<&'t RawValue>,
    /// Of what nobody asked for.
    method: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Outcome {
    /// Of a call that places or changes an order.
    Placed { order: Order },
    /// Of a call that cancels or looks at one, which may have come over another connection.
    Told(Order),
}

#[derive(Deserialize)]
struct Order {
    order_id: String,
    order_state: String,
    /// What it places when it is filled.
    #[serde(default)]
    oto_order_ids: Vec<String>,
}

impl OpenOrders {
    /// Notes a call that goes to the venue: under whose name, its id and its kind.
    pub(super) fn note(&mut self, identity: Option<&VerifiedIdentity>, id: Option<&str>, message: &str) {
        self.latest = None;
        let Some(identity) = identity else { return };
        let kind = Kind::of(message);
        let index = self.find(identity).unwrap_or_else(|| {
            let identity = identity.clone();
            self.holders.push(Holder { identity, ids: BTreeSet::new(), under_way: Vec::new(), overflown: false });
            self.holders.len() - 1
        });
        self.latest = Some(index);
        let holder = &mut self.holders[index];
        if kind != Kind::Other {
            // The latest that may place may cancel, too.
            holder.identity = identity.clone();
        }
        holder.under_way.push(UnderWay { id: id.unwrap_or_default().to_owned(), kind });
        if holder.under_way.len() > limits::CALLS_UNDER_WAY_MAX {
            holder.overflown |= holder.under_way.remove(0).kind != Kind::Other;
        }
    }

    /// What was noted last is on its way.
    pub(super) const fn settle(&mut self) {
        self.latest = None;
    }

    /// The call that was noted last does not go to the venue after all.
    pub(super) fn take_back(&mut self) {
        let Some(index) = self.latest.take() else { return };
        let holder = &mut self.holders[index];
        holder.under_way.pop();
        if holder.is_done() && index + 1 == self.holders.len() {
            self.holders.pop();
        }
    }

    /// Looks at a text of the venue, which came for this identity.
    pub(super) fn observe(&mut self, identity: &VerifiedIdentity, text: &str) {
        let Some(index) = self.find(identity) else { return };
        let holder = &mut self.holders[index];
        if holder.under_way.is_empty() && !text.contains("\"order_state\"") {
            return;
        }
        let Ok(Answer { id, result, method: None }) = serde_json::from_str(text) else { return };
        let kind = holder.answered(id.map_or("", RawValue::get));
        let Some(result) = result else { return };
        if kind == Some(Kind::Quotes) {
            holder.overflown = true;
        }
        if let Ok(outcome) = serde_json::from_str(result.get()) {
            holder.observe(outcome);
        }
    }

    /// Whether the venue owes one of those who wish their orders cancelled an answer to a call that places.
    pub(super) fn awaits(&self, cancels: impl Fn(&VerifiedIdentity) -> bool) -> bool {
        self.holders.iter().any(|holder| cancels(&holder.identity) && holder.places())
    }

    /// The calls that cancel what is known to be open, each once: who says it, method and frame. `waited`: no answer comes any more.
    pub(super) fn take_cancellations(
        &mut self,
        cancels: impl Fn(&VerifiedIdentity) -> bool,
        waited: bool,
    ) -> Vec<(VerifiedIdentity, &'static str, String)> {
        let of_those = self.holders.iter_mut().filter(|holder| cancels(&holder.identity));
        of_those.flat_map(|holder| holder.take_cancellations(waited)).collect()
    }

    fn find(&self, identity: &VerifiedIdentity) -> Option<usize> {
        self.holders.iter().position(|holder| holder.identity.credential().id == identity.credential().id)
    }
}

impl Holder {
    fn is_done(&self) -> bool {
        self.ids.is_empty() && self.under_way.is_empty() && !self.overflown
    }

    fn places(&self) -> bool {
        self.under_way.iter().any(|call| call.kind != Kind::Other)
    }

    /// Takes the call of an answer out. Of several of one id, that which matters least: rather one too many is waited for.
    fn answered(&mut self, id: &str) -> Option<Kind> {
        let of_id = self.under_way.iter().enumerate().filter(|(_, call)| call.id == id);
        let (index, _) = of_id.min_by_key(|(_, call)| call.kind)?;
        Some(self.under_way.remove(index).kind)
    }

    fn observe(&mut self, outcome: Outcome) {
        let (order, ours) = match outcome {
            Outcome::Placed { order } => (order, true),
            Outcome::Told(order) => (order, false),
        };
        let is_open = matches!(order.order_state.as_str(), "open" | "untriggered");
        if !is_open {
            self.ids.remove(&order.order_id);
        }
        if ours {
            order.oto_order_ids.into_iter().chain(is_open.then_some(order.order_id)).for_each(|id| self.open(id));
        }
    }

    fn open(&mut self, id: String) {
        if self.ids.len() < limits::OPEN_ORDERS_MAX {
            self.ids.insert(id);
        } else if !self.ids.contains(&id) {
            self.overflown = true;
        }
    }

    fn take_cancellations(&mut self, waited: bool) -> Vec<(VerifiedIdentity, &'static str, String)> {
        let identity = self.identity.clone();
        let call = |method: &'static str, params: serde_json::Value| {
            let text = json!({"jsonrpc": "2.0", "id": OWN_ID, "method": method, "params": params}).to_string();
            (identity.clone(), method, text)
        };
        let ids = std::mem::take(&mut self.ids);
        let all = std::mem::take(&mut self.overflown) || (waited && self.places());
        if waited {
            self.under_way.clear();
        }
        if all {
            return vec![call("private/cancel_all", json!({}))];
        }
        ids.iter().map(|id| call("private/cancel", json!({"order_id": id}))).collect()
    }
}
