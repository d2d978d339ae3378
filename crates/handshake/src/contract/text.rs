//! A contract as JSON: its members sorted by name, the same bytes every time, and no tree in between.

use std::sync::LazyLock;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{Choice, Contract, Quantity, choice_to_json};

/// A member of the contract.
#[derive(Clone, Copy, Debug)]
enum Member {
    Bind,
    Choice(Choice),
    Proof,
    Quantity(Quantity),
    Scopes,
}

impl Member {
    const fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Choice(parameter) => parameter.name(),
            Self::Proof => "proof",
            Self::Quantity(parameter) => parameter.name(),
            Self::Scopes => "scopes",
        }
    }
}

/// All of them, sorted by name.
static MEMBERS: LazyLock<Vec<Member>> = LazyLock::new(|| {
    let mut members = vec![Member::Bind, Member::Proof, Member::Scopes];
    members.extend(Quantity::ALL.iter().copied().map(Member::Quantity));
    members.extend(Choice::ALL.iter().copied().map(Member::Choice));
    members.sort_unstable_by_key(|member| member.name());
    members
});

impl Serialize for Contract {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(MEMBERS.len()))?;
        // HS-134: what a contract of before did not say is not said when it goes on.
        let is_said = |member: &&Member| !matches!(**member, Member::Choice(parameter) if self.choice(parameter).is_empty());
        for member in MEMBERS.iter().filter(is_said) {
            map.serialize_key(member.name())?;
            match *member {
                Member::Bind => map.serialize_value(self.bind.name())?,
                Member::Choice(parameter) => map.serialize_value(&choice_to_json(parameter, self.choice(parameter)))?,
                Member::Proof => map.serialize_value::<[u64; 0]>(&[])?,
                Member::Quantity(parameter) => map.serialize_value(&self.quantity(parameter))?,
                Member::Scopes => map.serialize_value(&Scopes(self))?,
            }
        }
        map.end()
    }
}

struct Scopes<'c>(&'c Contract);

impl Serialize for Scopes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.scopes.iter().map(|scope| scope.as_str()))
    }
}
