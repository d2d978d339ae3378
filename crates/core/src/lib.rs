//! Principals, credentials, verification, replay guard, policy and the one list of refusals.
