//! Tag numbers that the session layer knows, and what is known of any tag: header, trailer, data.
//!
//! What is not here: a dictionary. Application fields are passed through by number.

use crate::version::Version;

/// A tag number, 1 to [`crate::limits::TAG_MAX`].
pub type Tag = u32;

macro_rules! tags {
    ($( $name:ident = $number:literal; )*) => { $( #[doc = concat!("Tag ", stringify!($number), ".")] pub const $name: Tag = $number; )* };
}

tags! {
    BEGIN_SEQ_NO = 7; BEGIN_STRING = 8; BODY_LENGTH = 9; CHECK_SUM = 10; END_SEQ_NO = 16; MSG_SEQ_NUM = 34; MSG_TYPE = 35; NEW_SEQ_NO = 36;
    POSS_DUP_FLAG = 43; REF_SEQ_NUM = 45; SENDER_COMP_ID = 49; SENDER_SUB_ID = 50; SENDING_TIME = 52; TARGET_COMP_ID = 56; TARGET_SUB_ID = 57;
    TEXT = 58; SIGNATURE = 89; SECURE_DATA_LEN = 90; SIGNATURE_LENGTH = 93; RAW_DATA_LENGTH = 95; RAW_DATA = 96; POSS_RESEND = 97;
    ENCRYPT_METHOD = 98; HEART_BT_INT = 108; TEST_REQ_ID = 112; ON_BEHALF_OF_COMP_ID = 115; ON_BEHALF_OF_SUB_ID = 116; ORIG_SENDING_TIME = 122;
    GAP_FILL_FLAG = 123; DELIVER_TO_COMP_ID = 128; DELIVER_TO_SUB_ID = 129; RESET_SEQ_NUM_FLAG = 141; ON_BEHALF_OF_LOCATION_ID = 144;
    DELIVER_TO_LOCATION_ID = 145; REF_TAG_ID = 371; REF_MSG_TYPE = 372; SESSION_REJECT_REASON = 373; BUSINESS_REJECT_REF_ID = 379;
    BUSINESS_REJECT_REASON = 380; NO_MSG_TYPES = 384; TEST_MESSAGE_INDICATOR = 464; USERNAME = 553; PASSWORD = 554; NO_HOPS = 627;
    NEXT_EXPECTED_MSG_SEQ_NUM = 789; NEW_PASSWORD = 925; DEFAULT_APPL_VER_ID = 1137;
}

/// Fields of the standard header (FIX 4.2 to FIXT 1.1), without the first three.
const HEADER: &[Tag] = &[
    34, 43, 49, 50, 52, 56, 57, 90, 91, 97, 115, 116, 122, 128, 129, 142, 143, 144, 145, 212, 213, 347, 369, 370, 627, 628, 629, 630, 1128,
    1129, 1156,
];

/// Length fields with the data field that follows them at once: FIX 4.2, then what 4.4 and 5.0 SP2 added. Those of extension packs are
/// fields as others: who has not heard of them reads them so.
#[rustfmt::skip]
const DATA: &[(Tag, Tag)] = &[
    (90, 91), (93, 89), (95, 96), (212, 213), (348, 349), (350, 351), (352, 353), (354, 355), (356, 357), (358, 359),
    (360, 361), (362, 363), (364, 365), (445, 446),
    (618, 619), (621, 622),
    (1184, 1185), (1277, 1278), (1280, 1281), (1282, 1283), (1397, 1398), (1401, 1402), (1403, 1404), (1468, 1469), (1525, 1527),
    (1578, 1579), (1620, 1621),
];

/// Whether the tag belongs to the header.
#[must_use]
pub fn is_header(tag: Tag) -> bool {
    matches!(tag, BEGIN_STRING | BODY_LENGTH | MSG_TYPE) || HEADER.binary_search(&tag).is_ok()
}

/// Whether the tag belongs to the trailer.
#[must_use]
pub const fn is_trailer(tag: Tag) -> bool {
    matches!(tag, SIGNATURE_LENGTH | SIGNATURE | CHECK_SUM)
}

/// Whether the tag may occur once per hop in the header (NoHops group).
#[must_use]
pub const fn is_hop(tag: Tag) -> bool {
    matches!(tag, 628..=630)
}

/// Whether the tag may occur once per entry of NoMsgTypes (384), the one repeating group of the session layer's messages.
#[must_use]
pub const fn is_msg_type_entry(tag: Tag) -> bool {
    matches!(tag, REF_MSG_TYPE | 385 | 1130 | 1131 | 1406 | 1410)
}

/// The data field that a length field announces in a version.
///
/// # Security
/// Behind a length SOH is a byte like any other. A reader to whom it is no length ends the field there and goes on with the next: so
/// there are only the pairs that every reader of the version has.
#[must_use]
pub fn data_of(version: Version, length: Tag) -> Option<Tag> {
    let place = DATA.binary_search_by_key(&length, |(length, _)| *length).ok()?;
    Some(DATA[place].1).filter(|data| *data <= version.highest_tag())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(HEADER.is_sorted());
        assert!(DATA.is_sorted());
    }

    #[test]
    fn data_pairs_are_those_of_the_version() {
        use Version::{Fix42, Fix44, Fixt11};
        for (length, data, since) in [(95, 96, Fix42), (445, 446, Fix42), (621, 622, Fix44), (1184, 1185, Fixt11), (1620, 1621, Fixt11)] {
            for version in Version::ALL {
                assert_eq!(data_of(version, length), (version >= since).then_some(data), "{version:?} {length}");
            }
        }
        for length in [96, 2_072, 43_111] {
            assert!(Version::ALL.iter().all(|version| data_of(*version, length).is_none()), "{length}");
        }
    }

    #[test]
    fn header_and_trailer_are_told_apart() {
        assert!(is_header(8) && is_header(34) && is_header(1128) && !is_header(98));
        assert!(is_trailer(10) && is_trailer(89) && !is_trailer(96));
    }
}
