#![allow(clippy::unwrap_used)]
//! The verification path: who looks alike, what the windows are to the microsecond, and that no changed bit passes.

mod alike;
mod forgeries;
mod signer;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use smallvec::SmallVec;

use super::*;
use crate::address::IpAllowList;
use crate::algorithm::Algorithm;
use crate::credential::Binding;
use crate::id::CredentialId;
use crate::nonce::MemoryNonceGuard;
use crate::presented::{Effect, PresentedSignature};
use crate::replay::MemoryReplayGuard;
use crate::time::Monotonic;

use signer::Signer;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const MESSAGE: &[u8] = b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=30000&timestamp=1700000000000";

/// A credential of one algorithm, its signer, and a guard.
struct Bench {
    signer: Signer,
    guard: MemoryReplayGuard,
    nonces: MemoryNonceGuard,
    credential: Credential,
    now: Now,
    remote: IpAddr,
}

impl Bench {
    fn new(algorithm: Algorithm) -> Self {
        let signer = Signer::of(algorithm);
        let credential = Credential {
            min_bind: Binding::Exp,
            ..Credential::new(
                CredentialId::parse("cred-1").unwrap(),
                AccountId::parse("desk-1").unwrap(),
                Purpose::Binance,
                ApiKeyId::parse("key-1").unwrap(),
                signer.verifier(),
            )
        };
        let now = Now { wall: NOW, mono: Monotonic::from_micros(1_000_000) };
        Self {
            signer,
            guard: MemoryReplayGuard::default(),
            nonces: MemoryNonceGuard::default(),
            credential,
            now,
            remote: "192.0.2.1".parse().unwrap(),
        }
    }

    fn presented<'m>(&self, message: &'m [u8], signature: &[u8]) -> Presented<'m> {
        Presented {
            purpose: Purpose::Binance,
            key_id: ApiKeyId::parse("key-1").unwrap(),
            signature: PresentedSignature {
                form: SignatureForm::Explicit(self.signer.algorithm()),
                bytes: Some(SmallVec::from_slice(signature)),
            },
            signed: SignedBytes::from_piece(message),
            passphrase: None,
            freshness: window(NOW, 5_000),
            once: Once::SignedBytes,
            effect: Effect::Write,
        }
    }

    fn signed<'m>(&self, message: &'m [u8]) -> Presented<'m> {
        self.presented(message, &self.signer.sign(message))
    }

    fn verify_against(&self, presented: &Presented<'_>, credential: Option<Credential>) -> Result<VerifiedIdentity, Refusal> {
        let context = VerifyContext { now: self.now, remote: Some(self.remote), replay: &self.guard, nonces: &self.nonces };
        verify(presented, credential.map(Arc::new).as_ref(), &context)
    }

    fn verify(&self, presented: &Presented<'_>) -> Result<VerifiedIdentity, Refusal> {
        self.verify_against(presented, Some(self.copy()))
    }

    fn copy(&self) -> Credential {
        Credential {
            id: self.credential.id.clone(),
            account: self.credential.account.clone(),
            purpose: self.credential.purpose,
            key_id: self.credential.key_id.clone(),
            verifier: self.signer.verifier(),
            passphrase: self.credential.passphrase.clone(),
            nonce: self.credential.nonce,
            scopes: self.credential.scopes.clone(),
            ip_allow: self.credential.ip_allow.clone(),
            rate: self.credential.rate,
            min_bind: self.credential.min_bind,
            not_after: self.credential.not_after,
            state: self.credential.state,
        }
    }
}

fn window(timestamp: Timestamp, recv_window_ms: u64) -> Freshness {
    Freshness::Window { timestamp, recv_window: Duration::from_millis(recv_window_ms), ahead_max: Duration::from_millis(1_000) }
}

fn reject(outcome: Result<VerifiedIdentity, Refusal>) -> Reject {
    outcome.unwrap_err().reject
}

#[test]
fn a_good_proof_of_each_algorithm_makes_the_identity() {
    for algorithm in Algorithm::ALL {
        let bench = Bench::new(algorithm);
        let identity = bench.verify(&bench.signed(MESSAGE)).unwrap();
        assert_eq!(identity.account().as_str(), "desk-1", "{algorithm}");
        assert_eq!(identity.key_id().as_str(), "key-1");
        assert_eq!(identity.purpose(), Purpose::Binance);
        assert_eq!(identity.verified_at(), NOW);
    }
}

#[test]
fn standing_is_told_only_after_proof() {
    type Change = fn(&mut Bench);
    let standings: [(&str, Change, Reject); 4] = [
        ("revoked", |bench| bench.credential.state = CredentialState::Revoked, Reject::KeyRevoked),
        ("suspended", |bench| bench.credential.state = CredentialState::Suspended, Reject::KeySuspended),
        ("expired", |bench| bench.credential.not_after = Some(NOW), Reject::KeyExpired),
        ("address", |bench| bench.credential.ip_allow = IpAllowList::parse(["198.51.100.0/24"]).unwrap(), Reject::AddressNotAllowed),
    ];
    for (name, change, expected) in standings {
        let mut bench = Bench::new(Algorithm::Ed25519);
        change(&mut bench);
        let good = bench.signed(MESSAGE);
        let forged = bench.presented(MESSAGE, &[7; 64]);
        assert_eq!(reject(bench.verify(&forged)), Reject::BadSignature, "{name}");
        assert_eq!(reject(bench.verify(&good)), expected, "{name}");
        bench.credential = Bench::new(Algorithm::Ed25519).credential;
        assert!(bench.verify(&good).is_ok(), "{name}: a refused proof was not remembered as a use");
    }
    let mut bench = Bench::new(Algorithm::Ed25519);
    bench.credential.not_after = Some(NOW.saturating_add(Duration::from_micros(1)));
    assert!(bench.verify(&bench.signed(MESSAGE)).is_ok(), "the last microsecond counts");
}

#[test]
fn the_window_is_exact_to_the_microsecond() {
    let bench = Bench::new(Algorithm::HmacSha256);
    let micro = Duration::from_micros(1);
    let oldest = NOW.saturating_sub(Duration::from_millis(5_000));
    let ahead = NOW.saturating_add(Duration::from_millis(1_000));
    for (timestamp, expected) in [
        (oldest, None),
        (oldest.saturating_sub(micro), Some(Reject::TimestampStale)),
        (NOW, None),
        (ahead.saturating_sub(micro), None),
        (ahead, Some(Reject::TimestampAhead)),
        (Timestamp::from_micros(0), Some(Reject::TimestampStale)),
        (Timestamp::MAX, Some(Reject::TimestampAhead)),
    ] {
        let mut presented = bench.signed(MESSAGE);
        presented.effect = Effect::Read;
        presented.freshness = window(timestamp, 5_000);
        assert_eq!(bench.verify(&presented).err().map(|refusal| refusal.reject), expected, "{timestamp:?}");
    }
}

#[test]
fn no_dialect_can_widen_the_window_beyond_the_cap() {
    let bench = Bench::new(Algorithm::HmacSha256);
    let oldest = NOW.saturating_sub(limits::RECV_WINDOW_MAX);
    let latest = NOW.saturating_add(limits::TIMESTAMP_AHEAD_MAX);
    for (timestamp, expected) in [
        (oldest, None),
        (oldest.saturating_sub(Duration::from_micros(1)), Some(Reject::TimestampStale)),
        (latest.saturating_sub(Duration::from_micros(1)), None),
        (latest, Some(Reject::TimestampAhead)),
    ] {
        let mut presented = bench.signed(MESSAGE);
        presented.effect = Effect::Read;
        presented.freshness = Freshness::Window { timestamp, recv_window: Duration::MAX, ahead_max: Duration::MAX };
        assert_eq!(bench.verify(&presented).err().map(|refusal| refusal.reject), expected, "{timestamp:?}");
    }
}

#[test]
fn the_skew_is_told_with_the_window_that_was_applied() {
    let bench = Bench::new(Algorithm::HmacSha256);
    let mut presented = bench.signed(MESSAGE);
    presented.freshness = window(NOW.saturating_sub(Duration::from_secs(90)), 600_000);
    let refusal = bench.verify(&presented).unwrap_err();
    assert_eq!(refusal.detail, Detail::Skew { skew_ms: -90_000, window_ms: 60_000 });
}

#[test]
fn the_skew_of_a_validity_is_from_when_it_was_signed() {
    let bench = Bench::new(Algorithm::HmacSha256);
    let skew = |start: Timestamp| {
        let mut presented = bench.signed(MESSAGE);
        presented.freshness = Freshness::Validity {
            not_before: Some(start),
            not_after: start.saturating_add(Duration::from_secs(60)),
            leeway: Duration::from_secs(5),
            lifetime_max: Duration::from_secs(65),
        };
        bench.verify(&presented).unwrap_err().detail
    };
    assert_eq!(skew(NOW.saturating_sub(Duration::from_secs(70))), Detail::Skew { skew_ms: -70_000, window_ms: 60_000 });
    assert_eq!(skew(NOW.saturating_add(Duration::from_secs(9))), Detail::Skew { skew_ms: 9_000, window_ms: 60_000 });
}

#[test]
fn the_clock_is_checked_before_the_key_so_it_tells_nothing_about_keys() {
    let bench = Bench::new(Algorithm::Ed25519);
    let mut presented = bench.presented(MESSAGE, &[7; 64]);
    presented.freshness = window(Timestamp::from_micros(0), 5_000);
    assert_eq!(reject(bench.verify_against(&presented, None)), Reject::TimestampStale);
    assert_eq!(reject(bench.verify(&presented)), Reject::TimestampStale);
}

#[test]
fn a_write_passes_once_and_a_read_again() {
    let bench = Bench::new(Algorithm::Ed25519);
    let write = bench.signed(MESSAGE);
    assert!(bench.verify(&write).is_ok());
    assert_eq!(reject(bench.verify(&write)), Reject::Replayed);
    let mut read = bench.signed(b"symbol=BTCUSDT&timestamp=1700000000000");
    read.effect = Effect::Read;
    assert!(bench.verify(&read).is_ok());
    assert!(bench.verify(&read).is_ok());
    read.effect = Effect::Write;
    assert_eq!(reject(bench.verify(&read)), Reject::Replayed, "a signed read is no ticket for a write");
}

#[test]
fn a_proof_bound_to_its_channel_needs_no_memory() {
    let bench = Bench::new(Algorithm::Ed25519);
    let mut presented = bench.signed(MESSAGE);
    presented.freshness = Freshness::Channel;
    assert!(bench.verify(&presented).is_ok());
    assert!(bench.verify(&presented).is_ok());
}

#[test]
fn a_message_beyond_the_limit_is_refused_before_it_is_hashed() {
    let bench = Bench::new(Algorithm::HmacSha256);
    let long = vec![b'x'; limits::SIGNED_BYTES_MAX];
    assert!(bench.verify(&bench.signed(&long)).is_ok());
    let longer = vec![b'x'; limits::SIGNED_BYTES_MAX + 1];
    assert_eq!(reject(bench.verify(&bench.signed(&longer))), Reject::TooLarge);
}

#[test]
fn pieces_verify_as_their_concatenation() {
    for algorithm in Algorithm::ALL {
        let bench = Bench::new(algorithm);
        let mut presented = bench.signed(MESSAGE);
        presented.signed = SignedBytes::from_piece(&MESSAGE[..10]);
        presented.signed.push(&MESSAGE[10..30]);
        presented.signed.push(&MESSAGE[30..]);
        assert!(bench.verify(&presented).is_ok(), "{algorithm}");
        assert_eq!(reject(bench.verify(&bench.signed(MESSAGE))), Reject::Replayed, "{algorithm}: and count as the same use");
    }
}

#[test]
fn a_store_out_of_reach_is_never_a_bad_key() {
    struct Gone;
    impl ReplayGuard for Gone {
        fn check_and_insert(&self, _: ReplayId, _: Effect, _: Timestamp, _: Monotonic) -> Result<(), Refusal> {
            Err(Refusal::operator(Reject::StoreUnavailable, "it does not answer"))
        }

        fn records(&self) -> usize {
            0
        }
    }
    let bench = Bench::new(Algorithm::Ed25519);
    let context = VerifyContext { now: bench.now, remote: None, replay: &Gone, nonces: &bench.nonces };
    let refusal = verify(&bench.signed(MESSAGE), Some(&Arc::new(bench.copy())), &context).unwrap_err();
    assert_eq!(refusal, Refusal::operator(Reject::StoreUnavailable, "it does not answer"), "and the operator is told why");
}

#[test]
fn an_open_session_is_checked_against_the_record_of_now() {
    let mut bench = Bench::new(Algorithm::Ed25519);
    let identity = bench.verify(&bench.signed(MESSAGE)).unwrap();
    let recheck = |record: Option<Credential>| identity.recheck(record.map(Arc::new).as_ref(), Some(bench.remote), NOW);
    assert!(recheck(Some(bench.copy())).is_ok());
    assert_eq!(reject(recheck(None)), Reject::KeyRevoked);
    let mut other = bench.copy();
    other.id = CredentialId::parse("cred-2").unwrap();
    assert_eq!(reject(recheck(Some(other))), Reject::KeyRevoked);
    bench.credential.state = CredentialState::Suspended;
    assert_eq!(reject(identity.recheck(Some(&Arc::new(bench.copy())), None, NOW)), Reject::KeySuspended);
}

#[test]
fn a_certificate_needs_a_credential_of_its_name_and_purpose() {
    let mut bench = Bench::new(Algorithm::Ed25519);
    bench.credential.purpose = Purpose::ClientCertificate;
    let claim = |name: &str| CertificateClaim { key_id: ApiKeyId::parse(name).unwrap() };
    let check = |bench: &Bench, name| verify_certificate(&claim(name), Some(&Arc::new(bench.copy())), Some(bench.remote), NOW);
    assert!(check(&bench, "key-1").is_ok());
    assert_eq!(reject(check(&bench, "key-2")), Reject::CertificateUnacceptable);
    assert_eq!(reject(verify_certificate(&claim("key-1"), None, None, NOW)), Reject::CertificateUnacceptable);
    bench.credential.state = CredentialState::Revoked;
    assert_eq!(reject(check(&bench, "key-1")), Reject::KeyRevoked);
    bench.credential.state = CredentialState::Active;
    bench.credential.purpose = Purpose::Binance;
    assert_eq!(reject(check(&bench, "key-1")), Reject::CertificateUnacceptable);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_changed_bit_passes(which in 0..6_usize, in_signature: bool, at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let bench = Bench::new(Algorithm::ALL[which]);
        let mut signature = bench.signer.sign(MESSAGE);
        let mut message = MESSAGE.to_vec();
        let changed = if in_signature { &mut signature } else { &mut message };
        let at = at.index(changed.len());
        changed[at] ^= 1_u8 << bit;
        prop_assert_eq!(reject(bench.verify(&bench.presented(&message, &signature))), Reject::BadSignature);
    }

    #[test]
    fn no_other_length_passes(which in 0..6_usize, cut in any::<prop::sample::Index>(), extra in prop::collection::vec(any::<u8>(), 1..80)) {
        let bench = Bench::new(Algorithm::ALL[which]);
        let signature = bench.signer.sign(MESSAGE);
        let shorter = &signature[..cut.index(signature.len())];
        prop_assert_eq!(reject(bench.verify(&bench.presented(MESSAGE, shorter))), Reject::BadSignature);
        let longer = [&signature[..], &extra].concat();
        prop_assert_eq!(reject(bench.verify(&bench.presented(MESSAGE, &longer))), Reject::BadSignature);
    }
}
