//! The typed data that is signed in place of an action (EIP-712).

use countersign_core::Address;
use countersign_core::ethereum::keccak256;

/// Which network a client believes to be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Any other host than the vendor's main one.
    Elsewhere,
    /// The main network.
    Mainnet,
}

impl Source {
    const fn letter(self) -> &'static [u8] {
        match self {
            Self::Elsewhere => b"b",
            Self::Mainnet => b"a",
        }
    }
}

const DOMAIN_TYPE: &[u8] = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const AGENT_TYPE: &[u8] = b"Agent(string source,bytes32 connectionId)";

/// Names one action of one signer at one time.
pub(super) fn connection_id(action: &[u8], nonce: u64, vault: Option<Address>, expires_after: Option<u64>) -> [u8; 32] {
    let mut bytes = action.to_vec();
    bytes.extend_from_slice(&nonce.to_be_bytes());
    match vault {
        Some(vault) => {
            bytes.push(1);
            bytes.extend_from_slice(vault.as_bytes());
        }
        None => bytes.push(0),
    }
    if let Some(expires_after) = expires_after {
        bytes.push(0);
        bytes.extend_from_slice(&expires_after.to_be_bytes());
    }
    keccak256(&bytes)
}

/// The hash of a domain of version 1 that has no contract.
pub(super) fn domain(name: &[u8], chain_id: u64) -> [u8; 32] {
    keccak256(&[keccak256(DOMAIN_TYPE), keccak256(name), keccak256(b"1"), uint(chain_id), [0; 32]].concat())
}

/// A number as EIP-712 encodes it.
pub(super) fn uint(number: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}

/// What is hashed and signed: `19 01 || domain || Agent`.
pub(super) fn preimage(source: Source, connection_id: &[u8; 32]) -> Vec<u8> {
    let agent = [keccak256(AGENT_TYPE), keccak256(source.letter()), *connection_id].concat();
    [&[0x19, 0x01][..], &domain(b"Exchange", 1_337), &keccak256(&agent)].concat()
}
