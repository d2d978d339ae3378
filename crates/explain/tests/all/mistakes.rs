//! Each mistake of the catalogue, made by a client, is named.

pub(crate) mod clock;
pub(crate) mod fix;
pub(crate) mod hyperliquid;
pub(crate) mod key;
pub(crate) mod requests;
pub(crate) mod signature;
pub(crate) mod text;
pub(crate) mod token;
pub(crate) mod written;
