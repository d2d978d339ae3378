//! The Rust client of countersign/1.
