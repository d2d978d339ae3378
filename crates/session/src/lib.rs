//! The life of a contract: application frames, sequences, heartbeats.
