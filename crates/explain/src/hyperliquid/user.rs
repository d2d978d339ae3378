//! Actions that users sign as typed data: whose signature it is, and of which chain, network, nonce or rule.

use countersign_core::Address;
use countersign_dialects::hyperliquid::typed::{Network, UserSigned};
use countersign_dialects::raw_object::RawObject;

use super::{NONCE_SHIFT_MAX, OTHER_CHAINS, Signed};
use crate::catalogue::Mistake;
use crate::draft::frame;
use crate::keys::Named;
use crate::report::{Report, ShownPart, SignedText};

/// The chain id of L1 actions, which is taken for that of these, too.
const CHAIN_OF_AGENTS: u64 = 1_337;

/// The action of a body, if it is one that users sign and every member of it is what it should be.
pub(super) fn read(body: &str) -> Option<UserSigned> {
    let action = frame::member(body, "action")?;
    let kind = frame::member(&action, "type")?;
    let object: RawObject<'_> = serde_json::from_str(&action).ok()?;
    UserSigned::read(&kind, &object)?.ok()
}

fn signer(signed: &UserSigned, signature: &[u8]) -> Option<Address> {
    Address::recover(&signed.preimage(), signature)
}

pub(super) fn fields(signed: &UserSigned, action: &str, signature: &[u8], report: &mut Report) {
    report.field("nonce", signed.nonce.to_string());
    let address = signer(signed, signature).map_or_else(|| "nobody: it is no signature".to_owned(), |address| address.to_string());
    report.field("signer", address);
    let part = |name: &str, text: String| ShownPart { name: name.to_owned(), bytes: text.len(), text, form: String::new() };
    let preimage = signed.preimage();
    report.text = Some(SignedText {
        algorithm: "EIP-712 by secp256k1, as r, s and v".to_owned(),
        parts: vec![
            part("primary type", format!("HyperliquidTransaction:{}", signed.name)),
            part("action, member by member", action.to_owned()),
            part("domain", format!("HyperliquidSignTransaction, version 1, chainId {}, contract 0x0", signed.chain_id)),
        ],
        text: format!("0x{}", hex::encode(&preimage)),
        bytes: preimage.len(),
        sha256: None,
    });
}

/// The mistakes that make it the signature of this address: none, if it is right. `agent` is the same action as agents sign theirs.
pub(super) fn search(signed: &UserSigned, agent: &Signed, signature: &[u8], own: Address) -> Option<Vec<Named>> {
    let is_own = |signed: &UserSigned| signer(signed, signature) == Some(own);
    if is_own(signed) {
        return Some(Vec::new());
    }
    if let Some((named, _)) = changes(signed).into_iter().find(|(_, changed)| is_own(changed)) {
        return Some(vec![named]);
    }
    let as_agent = |source| super::signer(&Signed { source, ..agent.clone() }, signature) == Some(own);
    let named = || Named::new(Mistake::ActionScheme, format!("{} was signed as an L1 action", signed.name));
    (as_agent(b'a') || as_agent(b'b')).then(|| vec![named()])
}

fn changes(signed: &UserSigned) -> Vec<(Named, UserSigned)> {
    let network = if signed.network == Network::Mainnet { Network::Testnet } else { Network::Mainnet };
    let named = Named::new(Mistake::ChainNetwork, format!("{} was signed, {} was sent", network.name(), signed.network.name()));
    let mut all = vec![(named, UserSigned { network, ..signed.clone() })];
    for chain_id in OTHER_CHAINS.into_iter().chain([CHAIN_OF_AGENTS]).filter(|chain| *chain != signed.chain_id) {
        let detail = format!("chainId {chain_id} was signed, and signatureChainId says {}", signed.chain_id);
        all.push((Named::new(Mistake::ChainId, detail), UserSigned { chain_id, ..signed.clone() }));
    }
    for shift in 1..=NONCE_SHIFT_MAX {
        for nonce in [signed.nonce.saturating_sub(shift), signed.nonce.saturating_add(shift)] {
            let named = Named::new(Mistake::TimestampDiffers, format!("{nonce} was signed, {} was sent", signed.nonce));
            all.push((named, UserSigned { nonce, ..signed.clone() }));
        }
    }
    all
}
