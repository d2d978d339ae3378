//! What several façades share: the access check, the parameters of a request, and the
//! watching of one exchange by one connection.
//!
//! A façade has its own words, shapes and errors; nothing here knows any of them.

mod access;
mod fields;
mod json;
mod mirror;
mod order_uuid;
mod receive;

pub(crate) use access::{Access, Denied, admit};
pub(crate) use fields::{FieldError, Fields};
pub(crate) use json::{fields_of, iso, number};
pub(crate) use mirror::{BookDifference, BookMirror};
pub(crate) use order_uuid::{order_uuid, read_order_uuid};
pub(crate) use receive::{Received, Unreadable, json_response, receive};
