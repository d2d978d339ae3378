//! The countersign/1 handshake as pure state machines: tokens, transcript, contract.
