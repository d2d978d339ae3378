//! The store from outside: what lasts, what is refused, and what a crash leaves.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod it {
    mod audit;
    mod credentials;
    mod damage;
    mod files;
    mod fix;
    mod journal;
    mod policy;
    mod replay_contract;
    mod sessions;
    mod support;
    mod tokens;
}
