//! Actions that users sign as typed data of their own (EIP-712): they move funds, or give rights to somebody.
//!
//! ```text
//!   domain  = {HyperliquidSignTransaction, 1, signatureChainId, 0x0}
//!   message = HyperliquidTransaction:UsdSend{hyperliquidChain, …, time or nonce}, the members of the action
//! ```
//!
//! The name of an action decides how it is signed, so a signature of the one kind is never taken for one of the other. A member that
//! the type does not have would be signed by nobody: an action with such a member is refused.
//!
//! Source: the vendor's Python SDK 0.24.0; `cDeposit`, `cWithdraw` and `linkStakingUser` as `@nktkas/hyperliquid` has them.

use countersign_core::ethereum::keccak256;
use countersign_core::{Address, Refusal, Reject};

use super::agent::{domain, uint};
use crate::fields::{digits, malformed, string};
use crate::raw_object::RawObject;

/// The actions with their types, as EIP-712 writes them after `HyperliquidTransaction:`. The network is first and the nonce last.
const TYPES: [(&str, &str); 14] = [
    ("approveAgent", "ApproveAgent(string hyperliquidChain,address agentAddress,string agentName,uint64 nonce)"),
    ("approveBuilderFee", "ApproveBuilderFee(string hyperliquidChain,string maxFeeRate,address builder,uint64 nonce)"),
    ("cDeposit", "CDeposit(string hyperliquidChain,uint64 wei,uint64 nonce)"),
    ("cWithdraw", "CWithdraw(string hyperliquidChain,uint64 wei,uint64 nonce)"),
    ("convertToMultiSigUser", "ConvertToMultiSigUser(string hyperliquidChain,string signers,uint64 nonce)"),
    ("linkStakingUser", "LinkStakingUser(string hyperliquidChain,address user,bool isFinalize,uint64 nonce)"),
    (
        "sendAsset",
        "SendAsset(string hyperliquidChain,string destination,string sourceDex,string destinationDex,string token,string amount,string fromSubAccount,uint64 nonce)",
    ),
    ("spotSend", "SpotSend(string hyperliquidChain,string destination,string token,string amount,uint64 time)"),
    ("tokenDelegate", "TokenDelegate(string hyperliquidChain,address validator,uint64 wei,bool isUndelegate,uint64 nonce)"),
    ("usdClassTransfer", "UsdClassTransfer(string hyperliquidChain,string amount,bool toPerp,uint64 nonce)"),
    ("usdSend", "UsdSend(string hyperliquidChain,string destination,string amount,uint64 time)"),
    ("userDexAbstraction", "UserDexAbstraction(string hyperliquidChain,address user,bool enabled,uint64 nonce)"),
    ("userSetAbstraction", "UserSetAbstraction(string hyperliquidChain,address user,string abstraction,uint64 nonce)"),
    ("withdraw3", "Withdraw(string hyperliquidChain,string destination,string amount,uint64 time)"),
];

/// Members that stand in the action beside those of its type: the one names the type, the other is in the domain.
const BESIDE: [&str; 2] = ["signatureChainId", "type"];

/// A member that clients sign as an empty text and leave out where there is none.
const MAY_BE_LEFT_OUT: &str = "agentName";

/// The network that an action says it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The main network.
    Mainnet,
    /// Any other: vendor SDKs say so towards every host but the vendor's own.
    Testnet,
}

impl Network {
    /// Its name in the action.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "Mainnet",
            Self::Testnet => "Testnet",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Mainnet, Self::Testnet].into_iter().find(|network| network.name() == name)
    }
}

/// An action that a user signs as typed data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSigned {
    /// Its type, without `HyperliquidTransaction:`.
    pub name: &'static str,
    /// The chain of the wallet that signs; any.
    pub chain_id: u64,
    /// The network.
    pub network: Network,
    /// The member `time` or `nonce`.
    pub nonce: u64,
    /// The members between network and nonce, encoded.
    pub words: Vec<[u8; 32]>,
}

fn type_of(action: &str) -> Option<&'static str> {
    TYPES.iter().find(|(name, _)| *name == action).map(|(_, text)| *text)
}

/// The kinds and names of a type's members, in order.
fn members(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let inside = text.split_once('(').map_or("", |(_, rest)| rest.trim_end_matches(')'));
    inside.split(',').filter_map(|member| member.split_once(' '))
}

impl UserSigned {
    /// Reads an action of this name; `None` where actions of that name are signed in another way.
    ///
    /// # Errors
    /// [`Reject::Malformed`], naming the member that is not what its type says.
    pub fn read(kind: &str, action: &RawObject<'_>) -> Option<Result<Self, Refusal>> {
        type_of(kind).map(|name| Self::read_as(name, action))
    }

    fn read_as(name: &'static str, action: &RawObject<'_>) -> Result<Self, Refusal> {
        let typed = |member: &str| members(name).any(|(_, name)| name == member);
        if action.members().any(|(member, _)| !typed(member) && !BESIDE.contains(&member)) {
            return Err(Refusal::operator(Reject::Malformed, "a member that nobody has signed"));
        }
        let chain = string(action, "signatureChainId").ok_or_else(|| malformed("signatureChainId"))?;
        let chain_id = chain_id(&chain).ok_or_else(|| malformed("signatureChainId"))?;
        let network = string(action, "hyperliquidChain").and_then(|name| Network::parse(&name));
        let network = network.ok_or_else(|| malformed("hyperliquidChain"))?;
        let all: Vec<_> = members(name).collect();
        let (Some((_, last)), Some(middle)) = (all.last(), all.get(1..all.len().saturating_sub(1))) else {
            return Err(malformed("action"));
        };
        let words = middle.iter().map(|(kind, member)| word(kind, member, action).ok_or_else(|| malformed(member)));
        let words = words.collect::<Result<_, _>>()?;
        let nonce = action.member(last).ok_or_else(|| malformed(last))?;
        Ok(Self { name, chain_id, network, nonce: digits(nonce.get(), last)?, words })
    }

    /// What is hashed and signed: `19 01 || domain || message`.
    #[must_use]
    pub fn preimage(&self) -> Vec<u8> {
        let kind = keccak256(format!("HyperliquidTransaction:{}", self.name).as_bytes());
        let first = [kind, keccak256(self.network.name().as_bytes())];
        let message: Vec<u8> = first.iter().chain(&self.words).chain([&uint(self.nonce)]).flatten().copied().collect();
        [&[0x19, 0x01][..], &domain(b"HyperliquidSignTransaction", self.chain_id), &keccak256(&message)].concat()
    }
}

/// `0x` and hexadecimal digits.
fn chain_id(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u64::from_str_radix(digits, 16).ok()
}

/// A member as EIP-712 encodes it; `None` when it is not of its kind.
fn word(kind: &str, name: &str, action: &RawObject<'_>) -> Option<[u8; 32]> {
    let value = action.member(name).filter(|value| value.get() != "null");
    match kind {
        "address" => {
            let mut word = [0; 32];
            word[12..].copy_from_slice(Address::parse(&string(action, name)?)?.as_bytes());
            Some(word)
        }
        "bool" => match value?.get() {
            "true" => Some(uint(1)),
            "false" => Some(uint(0)),
            _ => None,
        },
        "string" if value.is_none() && name == MAY_BE_LEFT_OUT => Some(keccak256(b"")),
        "string" => Some(keccak256(string(action, name)?.as_bytes())),
        "uint64" => digits(value?.get(), "action").ok().map(uint),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fields::object;

    fn read(kind: &str, action: &str) -> Option<Result<UserSigned, Refusal>> {
        UserSigned::read(kind, &object(action).unwrap())
    }

    const SEND: &str =
        r#"{"type":"usdSend","signatureChainId":"0x66eee","hyperliquidChain":"Testnet","destination":"0x0","amount":"1","time":7}"#;

    #[test]
    fn every_type_has_the_network_first_a_nonce_last_and_kinds_that_are_read() {
        for (action, text) in TYPES {
            let members: Vec<_> = members(text).collect();
            assert_eq!(members[0], ("string", "hyperliquidChain"), "{action}");
            assert!(matches!(members.last(), Some(("uint64", "nonce" | "time"))), "{action}");
            assert!(members.iter().all(|(kind, _)| ["address", "bool", "string", "uint64"].contains(kind)), "{action}");
            assert!(text.ends_with(')') && !text.contains(", "), "{action}: EIP-712 has no blanks after commas");
            assert!(!super::super::ACTIONS.contains(&action), "{action} is signed in one way only");
        }
    }

    #[test]
    fn a_member_is_what_its_type_says_or_the_action_is_refused() {
        let sent = read("usdSend", SEND).unwrap().unwrap();
        assert_eq!((sent.chain_id, sent.network, sent.nonce), (421_614, Network::Testnet, 7));
        for (from, to) in [
            (r#""0x66eee""#, "421614"),
            (r#""0x66eee""#, r#""66eee""#),
            (r#""0x66eee""#, r#""0x""#),
            (r#""0x66eee""#, r#""0x+6""#),
            (r#""0x66eee""#, r#""0x10000000000000000""#),
            (r#""Testnet""#, r#""testnet""#),
            (r#""Testnet""#, r#""Other""#),
            (r#""amount":"1""#, r#""amount":1"#),
            (r#""amount":"1","#, ""),
            (r#""time":7"#, r#""time":"7""#),
            (r#""time":7"#, r#""time":7.0"#),
            (r#""time":7"#, r#""nonce":7"#),
            (r#""time":7"#, r#""time":7,"nonce":7"#),
            (r#""time":7"#, r#""time":7,"vault":null"#),
        ] {
            let changed = SEND.replace(from, to);
            assert_ne!(changed, SEND);
            assert!(read("usdSend", &changed).unwrap().is_err(), "{changed}");
        }
        assert!(read("order", SEND).is_none() && type_of("order").is_none() && type_of("usdSend").is_some());
    }

    #[test]
    fn an_agent_without_a_name_is_signed_as_one_with_an_empty_name() {
        let agent = |name: &str| {
            let action = format!(
                r#"{{"type":"approveAgent","signatureChainId":"0x1","hyperliquidChain":"Mainnet","agentAddress":"0x{}"{name},"nonce":1}}"#,
                "1".repeat(40)
            );
            read("approveAgent", &action).unwrap().unwrap().preimage()
        };
        assert_eq!(agent(""), agent(r#","agentName":"""#));
        assert_eq!(agent(""), agent(r#","agentName":null"#));
        assert_ne!(agent(""), agent(r#","agentName":"desk""#));
    }
}
