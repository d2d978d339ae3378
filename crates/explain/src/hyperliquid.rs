//! Actions of Hyperliquid: whose signature it is, and of which reading of the action.
//!
//! A signature of this kind names its signer: every candidate text recovers an address, and the mistake is the candidate that
//! recovers the key's own. Without a key the address is told: a user sees at once whether it is theirs. What users sign as typed data
//! is in [`user`].

mod user;

use countersign_core::ethereum::keccak256;
use countersign_core::{Address, Freshness, NonceClock, Purpose};
use countersign_dialects::hyperliquid::action::msgpack;

use crate::catalogue::Mistake;
use crate::check::clock::{self, Arrival};
use crate::draft::frame;
use crate::explain::{Options, refused};
use crate::gateway::{self, Reading};
use crate::input::InputError;
use crate::keys::{Material, Named};
use crate::report::{Finding, Report, ShownPart, SignedText, Verdict};
use crate::request::Request;
use crate::vary::json;

/// Chain ids that are taken for that of L1 actions: Arbitrum, its test network, Ethereum, HyperEVM and its test network.
const OTHER_CHAINS: [u64; 5] = [42_161, 421_614, 1, 999, 998];

/// How many nonces to each side are tried: each costs a recovery.
const NONCE_SHIFT_MAX: u64 = 200;

/// The parts of an action's hash.
#[derive(Clone)]
struct Signed {
    action: String,
    nonce: u64,
    vault: Option<[u8; 20]>,
    expires: Option<u64>,
    source: u8,
    chain: u64,
}

impl Signed {
    fn preimage(&self) -> Option<Vec<u8>> {
        let mut bytes = msgpack(&self.action)?;
        bytes.extend_from_slice(&self.nonce.to_be_bytes());
        match self.vault {
            Some(vault) => {
                bytes.push(1);
                bytes.extend_from_slice(&vault);
            }
            None => bytes.push(0),
        }
        if let Some(expires) = self.expires {
            bytes.push(0);
            bytes.extend_from_slice(&expires.to_be_bytes());
        }
        let mut chain = [0; 32];
        chain[24..].copy_from_slice(&self.chain.to_be_bytes());
        let domain_type = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        let domain = [domain_type, keccak256(b"Exchange"), keccak256(b"1"), chain, [0; 32]].concat();
        let agent_type = keccak256(b"Agent(string source,bytes32 connectionId)");
        let agent = [agent_type, keccak256(&[self.source]), keccak256(&bytes)].concat();
        Some([&[0x19, 0x01][..], &keccak256(&domain), &keccak256(&agent)].concat())
    }
}

/// Explains the body of a request, or the payload of a message.
pub(crate) fn explain(mut report: Report, body: &str, host: Option<&str>, options: &Options) -> Result<Report, InputError> {
    let own = match options.secret.as_ref().map(|secret| Material::read(Purpose::Hyperliquid, secret)).transpose()? {
        Some(Material::Address(address)) => Some(address),
        Some(Material::Mac(_) | Material::Public(..)) | None => None,
    };
    let own = own.or_else(|| options.api_key.as_deref().and_then(Address::parse));
    let request =
        Request { method: "POST".to_owned(), target: b"/exchange".to_vec(), body: body.as_bytes().to_vec(), ..Request::default() };
    let reading = gateway::dialect(Purpose::Hyperliquid).map(|dialect| gateway::of_request(dialect, &request));
    let refusal = match &reading {
        Some(Reading::Refused(refusal)) => Some(refusal),
        Some(Reading::NoProof(_) | Reading::Presented(_)) | None => None,
    };
    let Some((signed, signature)) = read(body, host) else {
        report.add(
            refusal
                .map_or_else(|| Finding::fault(Mistake::HeaderMissing, "action, nonce and signature with r, s and v are wanted"), refused),
        );
        report.verdict = Verdict::Wrong;
        return Ok(report);
    };
    let by_user = user::read(body);
    match (&by_user, refusal) {
        (Some(action), _) if action.nonce != signed.nonce => {
            let detail = format!("{} was signed in the action, {} stands beside it", action.nonce, signed.nonce);
            report.add(Finding::fault(Mistake::TimestampDiffers, detail));
        }
        (_, Some(refusal)) => report.add(refused(refusal)),
        (_, None) => {}
    }
    match &by_user {
        Some(action) => user::fields(action, &signed.action, &signature, &mut report),
        None => fields(&signed, &signature, &mut report),
    }
    nonce(by_user.as_ref().map_or(signed.nonce, |action| action.nonce), &mut report, options);
    if let Some(own) = own {
        report.field("key given", format!("the address {own}"));
        // Towards a host that is none of the vendor's, SDKs sign either; the gateway takes both.
        let either = !matches!(host, Some(host) if host.contains("hyperliquid"));
        let found = match &by_user {
            Some(action) => user::search(action, &signed, &signature, own),
            None => search(&signed, &signature, own, either),
        };
        match found {
            Some(mistakes) => mistakes.iter().for_each(|named| report.add(Finding::from(named))),
            None => report.add(Finding::fault(Mistake::SignerUnknown, format!("it is not that of {own}"))),
        }
    }
    report.gateway = own.map(|_| if report.faults().is_empty() { "accept" } else { "refuse" }.to_owned());
    report.verdict = match (report.faults().is_empty(), own) {
        (false, _) => Verdict::Wrong,
        (true, Some(_)) => Verdict::Correct,
        (true, None) => Verdict::Unchecked,
    };
    Ok(report)
}

/// What is signed, and the signature's 65 bytes.
fn read(body: &str, host: Option<&str>) -> Option<(Signed, Vec<u8>)> {
    let member = |name: &str| frame::member(body, name).filter(|text| text != "null");
    let signature = member("signature")?;
    let word = |name: &str| {
        let text = frame::member(&signature, name)?;
        hex::decode(format!("{:0>64}", text.strip_prefix("0x").unwrap_or(&text))).ok().filter(|bytes| bytes.len() == 32)
    };
    let v: u8 = frame::member(&signature, "v")?.parse().ok()?;
    let bytes = [word("r")?, word("s")?, vec![v]].concat();
    let vault = match member("vaultAddress") {
        Some(text) => Some(*Address::parse(&text)?.as_bytes()),
        None => None,
    };
    let main = host.is_some_and(|host| host.contains("hyperliquid") && !host.contains("testnet"));
    let signed = Signed {
        action: member("action")?,
        nonce: member("nonce")?.parse().ok()?,
        vault,
        expires: member("expiresAfter").and_then(|text| text.parse().ok()),
        source: if main { b'a' } else { b'b' },
        chain: 1_337,
    };
    Some((signed, bytes))
}

fn signer(signed: &Signed, signature: &[u8]) -> Option<Address> {
    Address::recover(&signed.preimage()?, signature)
}

fn fields(signed: &Signed, signature: &[u8], report: &mut Report) {
    report.field("nonce", signed.nonce.to_string());
    for (name, source) in [("signer, as on the main network", b'a'), ("signer, as on a test network", b'b')] {
        let address = signer(&Signed { source, ..signed.clone() }, signature);
        report.field(name, address.map_or_else(|| "nobody: it is no signature".to_owned(), |address| address.to_string()));
    }
    let Some(preimage) = signed.preimage() else { return };
    let part = |name: &str, text: String| ShownPart { name: name.to_owned(), bytes: text.len(), text, form: String::new() };
    let network = if signed.source == b'a' { "a (main network)" } else { "b (test network)" };
    let parts = vec![
        part("action, as MessagePack", signed.action.clone()),
        part("nonce, 8 bytes", signed.nonce.to_string()),
        part("vaultAddress", signed.vault.map_or_else(|| "none (00)".to_owned(), |vault| format!("01 and 0x{}", hex::encode(vault)))),
        part("expiresAfter", signed.expires.map_or_else(|| "none".to_owned(), |expires| format!("00 and {expires}"))),
        part("source", network.to_owned()),
        part("domain", "Exchange, version 1, chainId 1337, contract 0x0".to_owned()),
    ];
    report.text = Some(SignedText {
        algorithm: "EIP-712 by secp256k1, as r, s and v".to_owned(),
        parts,
        text: format!("0x{}", hex::encode(&preimage)),
        bytes: preimage.len(),
        sha256: None,
    });
}

fn nonce(nonce: u64, report: &mut Report, options: &Options) {
    let day = std::time::Duration::from_secs(86_400);
    let freshness = Freshness::Nonce { nonce, window_min: 0, clock: Some(NonceClock { behind_max: day * 2, ahead_max: day }) };
    let arrival = Arrival { at: options.at, now: options.now };
    let (clock, finding) = clock::check(Purpose::Hyperliquid, freshness, arrival, options.last_nonce);
    report.clock = clock;
    if let Some(finding) = finding {
        report.add(finding);
    }
}

/// The mistakes that make it the signature of this address: none, if it is right.
fn search(signed: &Signed, signature: &[u8], own: Address, either: bool) -> Option<Vec<Named>> {
    let is_own = |signed: &Signed| signer(signed, signature) == Some(own);
    let other = Signed { source: if signed.source == b'a' { b'b' } else { b'a' }, ..signed.clone() };
    if is_own(signed) || (either && is_own(&other)) {
        return Some(Vec::new());
    }
    let network = Named::new(Mistake::ChainNetwork, if other.source == b'a' { "main network" } else { "test network" });
    if is_own(&other) {
        return Some(vec![network]);
    }
    for (base, also) in [(signed, None), (&other, (!either).then_some(network))] {
        for (named, changed) in changes(base) {
            if is_own(&changed) {
                return Some(std::iter::once(named).chain(also).collect());
            }
        }
    }
    None
}

fn changes(signed: &Signed) -> Vec<(Named, Signed)> {
    let mut all = Vec::new();
    for chain in OTHER_CHAINS {
        all.push((Named::new(Mistake::ChainId, format!("chainId {chain}")), Signed { chain, ..signed.clone() }));
    }
    if signed.vault.is_some() {
        all.push((Named::new(Mistake::ActionVault, "without vaultAddress"), Signed { vault: None, ..signed.clone() }));
    }
    if signed.expires.is_some() {
        all.push((Named::new(Mistake::ActionVault, "without expiresAfter"), Signed { expires: None, ..signed.clone() }));
    }
    all.push((Named::new(Mistake::ActionVault, "with vaultAddress 0x0"), Signed { vault: Some([0; 20]), ..signed.clone() }));
    let mut actions: Vec<(String, String)> = json::styles(&signed.action, false).collect();
    actions.extend(rewritten_numbers(&signed.action));
    for (name, action) in actions {
        all.push((Named::new(Mistake::ActionChanged, name), Signed { action, ..signed.clone() }));
    }
    for shift in 1..=NONCE_SHIFT_MAX {
        for nonce in [signed.nonce.saturating_sub(shift), signed.nonce.saturating_add(shift)] {
            let named = Named::new(Mistake::TimestampDiffers, format!("{nonce} was signed, {} was sent", signed.nonce));
            all.push((named, Signed { nonce, ..signed.clone() }));
        }
    }
    all
}

/// The action with the decimals in its strings written otherwise: `1.50`, `1.5`; `100.0`, `100`.
fn rewritten_numbers(action: &str) -> Vec<(String, String)> {
    let rewrite = |change: &dyn Fn(&str) -> String| {
        let pieces = action.split('"').map(|piece| if piece.parse::<f64>().is_ok() { change(piece) } else { piece.to_owned() });
        pieces.collect::<Vec<_>>().join("\"")
    };
    let short = |text: &str| if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() };
    let long = |text: &str| if text.contains('.') { text.to_owned() } else { format!("{text}.0") };
    let longer = |text: &str| if text.contains('.') { format!("{text}0") } else { text.to_owned() };
    vec![
        ("numbers without trailing zeros".to_owned(), rewrite(&short)),
        ("whole numbers with .0".to_owned(), rewrite(&long)),
        ("numbers with a zero more".to_owned(), rewrite(&longer)),
    ]
}
