//! The session from outside: scenarios, attacks, both ends under one clock, state tables, properties.
#![allow(clippy::unwrap_used)]

mod acceptance;
mod attacks;
mod initiator;
mod logons;
mod pair;
mod properties;
mod resends;
mod script;
mod state_table;
