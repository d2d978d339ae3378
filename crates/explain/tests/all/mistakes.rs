//! Each mistake of the catalogue, made by a client, is named.

mod clock;
mod fix;
mod hyperliquid;
mod key;
mod requests;
mod signature;
mod text;
mod token;
