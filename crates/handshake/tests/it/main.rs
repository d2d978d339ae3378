//! The handshake from outside: stories, state tables, properties, vectors.
#![allow(clippy::unwrap_used)]

mod agreement;
mod deadlines;
mod model;
mod pair;
mod properties;
mod renewal;
mod renewal_taken;
mod resume_vectors;
mod resumption;
mod state_table;
mod stories;
mod tampered;
mod unsaid;
mod vectors;
