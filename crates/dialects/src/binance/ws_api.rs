//! The WebSocket API: signed frames, and one connection's `session.logon`.
//!
//! ```text
//!   {"id":1,"method":"order.place","params":{"symbol":"BTCUSDT","quantity":"1","timestamp":1795222427954,"apiKey":…,"signature":…}}
//!   signed text = apiKey=…&quantity=1&symbol=BTCUSDT&timestamp=1795222427954
//! ```
//!
//! The signed text has all parameters but `signature`, sorted by name, each as `name=value`, joined by `&`. A string stands
//! without its quotes and escapes, in UTF-8; everything else (numbers, booleans, `null`, arrays, objects) as the literal text of the
//! frame: `1.0` and `1e3` stay so. Since `&` separates, a parameter with `&` in it is refused: it could be read in two ways.
//!
//! | file | holds |
//! |---|---|
//! | [`frame`] | a frame, read without losing a literal |
//! | [`present`](mod@present) | what a frame says about itself |
//! | [`session`] | the state of one connection |
//! | [`reply`] | what is sent back |

pub mod frame;
pub mod present;
pub mod reply;
pub mod session;

pub use frame::Frame;
pub use present::{freshness, present};
pub use reply::Reply;
pub use session::{Step, WsApiSession};
