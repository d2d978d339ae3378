//! What is wrong with a message whatever its signature is.
//!
//! | file | looks at |
//! |---|---|
//! | [`request`] | headers and parameters that are missing, twice, misspelt, placeholders; units of times |
//! | [`clock`] | the signed time against the time of arrival |
//! | [`passphrase`] | the second secret of some venues |
//! | [`logon`] | framing of FIX |

pub(crate) mod clock;
pub(crate) mod logon;
pub(crate) mod passphrase;
pub(crate) mod request;
