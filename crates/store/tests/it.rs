//! The store from outside: what lasts, what is refused, and what a crash leaves.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod it {
    mod audit;
    mod audit_chain;
    mod audit_proof;
    mod audit_ship;
    mod audit_unsigned;
    mod cancels;
    mod credentials;
    mod damage;
    mod disk;
    mod files;
    mod fix;
    mod fix_kept;
    mod fix_late;
    mod fix_nodes;
    mod fix_wills;
    mod halt_nodes;
    mod halts;
    mod journal;
    mod migrate;
    mod nodes;
    mod policy;
    mod postgres;
    mod postgres_server;
    mod postgres_wire;
    mod redis_server;
    mod replay_contract;
    mod session_mirror;
    mod sessions;
    mod shared;
    mod shared_clock;
    mod shared_nonces;
    mod shared_notices;
    mod shared_rates;
    mod shared_shelf;
    mod slow_wire;
    mod support;
    mod tokens;
}
