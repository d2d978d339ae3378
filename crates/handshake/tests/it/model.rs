//! Random runs of many clients and one gateway, with a network that carries anything anywhere, against a few rules.
//!
//! ```text
//!   clients ── hellos ──▶ the network keeps them all ──▶ any connection, any time, any number of times, bits flipped
//!   clients ◀─ welcomes ─ the network keeps them all ◀── gateway (real keys, real records, one clock)
//! ```
//!
//! The rules ([`rules`]) say for each hello at each connection what must come of it, and for each welcome at each client. Who
//! may open a session, and that both ends then hold one and the same contract, is thereby checked over runs nobody thought of.
//!
//! `PROPTEST_CASES=100000 cargo test -p countersign-handshake model` runs for hours. A failure prints the shortest list of
//! steps that shows it, and the seed to start from again.

mod rules;
mod world;

use countersign_core::{Algorithm, Binding, CredentialState};
use proptest::prelude::*;
use proptest::sample::Index;

use world::{Step, World};

fn step() -> impl Strategy<Value = Step> {
    let algorithm = || prop_oneof![Just(Algorithm::Ed25519), Just(Algorithm::EcdsaP256Sha256)];
    let state = prop_oneof![3 => Just(CredentialState::Active), 1 => Just(CredentialState::Revoked), 1 => Just(CredentialState::Suspended)];
    // Where a step may take any of many things, it mostly takes the latest: else little would ever succeed.
    let which = || prop_oneof![3 => Just(None), 2 => any::<Index>().prop_map(Some)];
    prop_oneof![
        4 => (algorithm(), prop::sample::select(Binding::ALL.to_vec())).prop_map(|(algorithm, bind)| Step::Connect { algorithm, bind }),
        6 => (which(), which()).prop_map(|(at, nonce)| Step::Hello { at, nonce }),
        8 => (which(), which(), prop::option::weighted(0.1, any::<Index>())).prop_map(|(at, hello, flip)| Step::Submit { at, hello, flip }),
        6 => (which(), which()).prop_map(|(at, welcome)| Step::Answer { at, welcome }),
        3 => (which(), which()).prop_map(|(welcome, session)| Step::Confirm { welcome, session }),
        2 => (1..4_000_u64).prop_map(Step::Pass),
        1 => (4_000..40_000_u64).prop_map(Step::Pass),
        1 => (algorithm(), state).prop_map(|(algorithm, state)| Step::Change { algorithm, state }),
    ]
}

proptest! {
    /// HS-20 HS-21 HS-33 HS-34 HS-35 HS-38
    #[test]
    fn a_session_opens_where_the_rules_say_and_nowhere_else(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        world.check_agreement();
    }
}
