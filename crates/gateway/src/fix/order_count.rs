//! How many orders a FIX message carries: what the order limit of a key is charged.
//!
//! | message | orders |
//! |---|---|
//! | NewOrderList (E) | NoOrders (73), or the ClOrdIDs (11) where there are more |
//! | MassQuote (i) | all NoQuoteEntries (295) together, or the QuoteEntryIDs (299) where there are more |
//! | any other | what its route says |
//!
//! # Security
//! What a message says of its length and what it holds may differ, and acceptors go by the one or the other: the larger counts.

use countersign_fix::message::{Message, number};
use countersign_fix::tag::Tag;

const CL_ORD_ID: Tag = 11;
const NO_ORDERS: Tag = 73;
const NO_QUOTE_ENTRIES: Tag = 295;
const QUOTE_ENTRY_ID: Tag = 299;

/// How many orders a message is charged as; `row` is what its route says.
pub(super) fn of_message(message: &Message<'_>, row: u32) -> u32 {
    let (length, first) = match message.msg_type() {
        b"E" => (NO_ORDERS, CL_ORD_ID),
        b"i" => (NO_QUOTE_ENTRIES, QUOTE_ENTRY_ID),
        _ => return row,
    };
    said(message, length).max(held(message, first)).max(row)
}

/// What the length fields say together; more than any limit is as good as the number.
fn said(message: &Message<'_>, length: Tag) -> u32 {
    let lengths = message.body().iter().filter(|field| field.tag == length).filter_map(|field| number(field.value));
    u32::try_from(lengths.fold(0, u64::saturating_add)).unwrap_or(u32::MAX)
}

/// How many groups begin, also behind a SOH in data: not every reader goes by the lengths of data.
fn held(message: &Message<'_>, first: Tag) -> u32 {
    let begin = format!("\u{1}{first}=").into_bytes();
    let count = message.frame().windows(begin.len()).filter(|bytes| *bytes == begin).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_fix::MessageWriter;

    use super::*;

    fn charged(msg_type: &str, body: &str) -> u32 {
        let mut writer = MessageWriter::new("FIX.4.4", msg_type.as_bytes());
        writer.number(34, 1);
        for field in body.split('|').filter(|field| !field.is_empty()) {
            let (tag, value) = field.split_once('=').unwrap();
            writer.field(tag.parse().unwrap(), value.replace('^', "\u{1}").as_bytes());
        }
        let bytes = writer.finish().unwrap();
        of_message(&Message::parse(&bytes).unwrap(), 1)
    }

    #[test]
    fn lists_and_quotes_count_as_what_they_hold() {
        let orders = |count: usize| (0..count).map(|name| format!("11=o{name}|67={name}|")).collect::<String>();
        let quotes = |count: usize| (0..count).map(|name| format!("299=e{name}|55=BTCUSDT|")).collect::<String>();
        for (msg_type, body, count) in [
            ("D", "11=a|".to_owned(), 1),
            ("E", format!("66=L|68=3|73=3|{}", orders(3)), 3),
            ("E", format!("66=L|68=100|73=1|{}", orders(100)), 100),
            ("E", format!("66=L|73=x|{}", orders(7)), 7),
            ("E", "66=L|73=100|11=a|".to_owned(), 100),
            ("E", "66=L|73=1|11=a|354=16|355=x^11=b^11=c^11=d|".to_owned(), 4),
            ("E", "66=L|".to_owned(), 1),
            ("E", "73=999999999999999|73=999999999999999|".to_owned(), u32::MAX),
            ("i", format!("117=Q|296=1|302=S|304=3|295=3|{}", quotes(3)), 3),
            ("i", format!("117=Q|296=2|302=S|295=2|{}302=T|295=2|{}", quotes(2), quotes(2)), 4),
            ("i", format!("117=Q|296=1|302=S|304=1|295=1|{}", quotes(50)), 50),
            ("i", "117=Q|296=0|".to_owned(), 1),
        ] {
            assert_eq!(charged(msg_type, &body), count, "{msg_type} {body}");
        }
    }
}
