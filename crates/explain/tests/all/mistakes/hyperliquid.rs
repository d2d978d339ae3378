//! Actions of Hyperliquid.

use countersign_core::ethereum::keccak256;
use countersign_core::{Address, Secret, Timestamp};
use countersign_dialects::hyperliquid::action::msgpack;
use countersign_explain::{Mistake, Options, Verdict};
use secp256k1::{Message, PublicKey, SecretKey};

use crate::client::{NOW_MS, explained_with, named_with, raw};

const ACTION: &str =
    r#"{"type":"order","orders":[{"a":0,"b":true,"p":"100.5","s":"1.5","r":false,"t":{"limit":{"tif":"Gtc"}}}],"grouping":"na"}"#;

fn wallet() -> SecretKey {
    SecretKey::from_secret_bytes([9; 32]).unwrap()
}

fn address() -> Address {
    Address::of_public_key(&PublicKey::from_secret_key(&wallet()).serialize_uncompressed())
}

fn options() -> Options {
    let at = Timestamp::from_millis(NOW_MS);
    Options { secret: Some(Secret::new(address().to_string().into_bytes())), at: Some(at), now: at, ..Options::default() }
}

/// `{"r","s","v"}` over an action, written as the vendor's documentation has it.
fn signature(action: &str, nonce: u64, vault: &[u8], source: u8, chain: u16) -> String {
    let connection = [msgpack(action).unwrap(), nonce.to_be_bytes().to_vec(), vault.to_vec()].concat();
    let agent = keccak256(b"Agent(string source,bytes32 connectionId)");
    signed("Exchange", chain.into(), &[agent, keccak256(&[source]), keccak256(&connection)])
}

/// The same over typed data.
fn signed(domain: &str, chain: u32, words: &[[u8; 32]]) -> String {
    let kind = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    let domain = keccak256(&[kind, keccak256(domain.as_bytes()), keccak256(b"1"), word(chain.into()), [0; 32]].concat());
    let hash = keccak256(&[&[0x19, 0x01][..], &domain, &keccak256(&words.concat())].concat());
    let (id, compact) =
        secp256k1::ecdsa::RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(hash), &wallet()).serialize_compact();
    let v = 27 + id.to_u8();
    format!(r#"{{"r":"0x{}","s":"0x{}","v":{v}}}"#, hex::encode(&compact[..32]), hex::encode(&compact[32..]))
}

fn word(number: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}

fn request(host: &str, action: &str, signature: &str) -> String {
    let body = format!(r#"{{"action":{action},"nonce":{NOW_MS},"signature":{signature}}}"#);
    raw("POST", "/exchange", &[("Host", host), ("Content-Type", "application/json")], &body)
}

#[test]
pub(crate) fn both_networks_are_right_towards_a_gateway_and_one_towards_the_venue() {
    let (main, test) = (signature(ACTION, NOW_MS, &[0], b'a', 1_337), signature(ACTION, NOW_MS, &[0], b'b', 1_337));
    for signature in [&main, &test] {
        assert_eq!(explained_with(request("gateway:8443", ACTION, signature), &options()).verdict, Verdict::Correct);
    }
    named_with(Mistake::ChainNetwork, request("api.hyperliquid.xyz", ACTION, &test), &options());
    named_with(Mistake::ChainNetwork, request("api.hyperliquid-testnet.xyz", ACTION, &main), &options());
}

#[test]
pub(crate) fn what_was_signed_is_found() {
    let sign = |action: &str, nonce, vault: &[u8], chain| request("gateway", ACTION, &signature(action, nonce, vault, b'a', chain));
    named_with(Mistake::ChainId, sign(ACTION, NOW_MS, &[0], 999), &options());
    named_with(Mistake::TimestampDiffers, sign(ACTION, NOW_MS - 3, &[0], 1_337), &options());
    named_with(Mistake::ActionVault, sign(ACTION, NOW_MS, &[&[1][..], &[0; 20]].concat(), 1_337), &options());
    let sorted =
        r#"{"grouping":"na","orders":[{"a":0,"b":true,"p":"100.5","r":false,"s":"1.5","t":{"limit":{"tif":"Gtc"}}}],"type":"order"}"#;
    named_with(Mistake::ActionChanged, sign(sorted, NOW_MS, &[0], 1_337), &options());
    named_with(
        Mistake::ActionChanged,
        sign(&ACTION.replace("100.5", "100.50").replace("1.5\"", "1.50\""), NOW_MS, &[0], 1_337),
        &options(),
    );
    named_with(Mistake::SignerUnknown, sign(&ACTION.replace("100.5", "200"), NOW_MS, &[0], 1_337), &options());
}

#[test]
pub(crate) fn the_clock_is_in_the_nonce() {
    let body = |nonce: u64| {
        let signature = signature(ACTION, nonce, &[0], b'b', 1_337);
        let body = format!(r#"{{"action":{ACTION},"nonce":{nonce},"signature":{signature}}}"#);
        raw("POST", "/exchange", &[("Host", "gateway")], &body)
    };
    named_with(Mistake::NonceUnit, body(NOW_MS / 1_000), &options());
    named_with(Mistake::ClockBehind, body(NOW_MS - 3 * 86_400_000), &options());
}

#[test]
pub(crate) fn without_a_key_the_signer_is_told() {
    let request = request("gateway", ACTION, &signature(ACTION, NOW_MS, &[0], b'a', 1_337));
    let report = explained_with(request, &Options { secret: None, ..options() });
    assert_eq!(report.verdict, Verdict::Unchecked);
    assert!(report.fields.iter().any(|field| field.name.contains("main network") && field.value == address().to_string()));
}

#[test]
pub(crate) fn what_a_user_signed_is_found() {
    let action = format!(
        r#"{{"type":"usdSend","signatureChainId":"0x66eee","hyperliquidChain":"Testnet","destination":"0x1","amount":"2.5","time":{NOW_MS}}}"#
    );
    let text = |text: &str| keccak256(text.as_bytes());
    let sign = |chain: u32, network: &str, time: u64, primary: &str| {
        let kind = text(&format!("HyperliquidTransaction:{primary}(string hyperliquidChain,string destination,string amount,uint64 time)"));
        signed("HyperliquidSignTransaction", chain, &[kind, text(network), text("0x1"), text("2.5"), word(time)])
    };
    let right = sign(421_614, "Testnet", NOW_MS, "UsdSend");
    for host in ["gateway", "api.hyperliquid.xyz"] {
        let report = explained_with(request(host, &action, &right), &options());
        assert_eq!((report.verdict, report.gateway.as_deref()), (Verdict::Correct, Some("accept")));
    }
    let named = |mistake, signature: &str| named_with(mistake, request("gateway", &action, signature), &options());
    named(Mistake::ChainId, &sign(42_161, "Testnet", NOW_MS, "UsdSend"));
    named(Mistake::ChainId, &sign(1_337, "Testnet", NOW_MS, "UsdSend"));
    named(Mistake::ChainNetwork, &sign(421_614, "Mainnet", NOW_MS, "UsdSend"));
    named(Mistake::TimestampDiffers, &sign(421_614, "Testnet", NOW_MS + 2, "UsdSend"));
    named(Mistake::ActionScheme, &signature(&action, NOW_MS, &[0], b'a', 1_337));
    named(Mistake::ActionScheme, &signature(&action, NOW_MS, &[0], b'b', 1_337));
    named(Mistake::SignerUnknown, &sign(421_614, "Testnet", NOW_MS, "Withdraw"));
    // The nonce beside the action is another one.
    let body = format!(r#"{{"action":{action},"nonce":{},"signature":{right}}}"#, NOW_MS + 1);
    named_with(Mistake::TimestampDiffers, raw("POST", "/exchange", &[("Host", "gateway")], &body), &options());
}
