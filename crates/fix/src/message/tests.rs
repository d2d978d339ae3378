#![allow(clippy::unwrap_used)]
use super::*;
use crate::test_support::sealed;

fn fault_of(body: &str) -> Option<FieldFault> {
    let frame = sealed("FIX.4.4", body);
    match Message::parse(&frame) {
        Ok(_) => None,
        Err(ParseError::Faulty { fault, .. }) => Some(fault),
        Err(ParseError::Garbled) => panic!("garbled: {body}"),
    }
}

#[test]
fn fields_keep_their_order_and_their_literal_values() {
    let frame = sealed("FIX.4.4", "35=A|49=BOEabc|56=SPOT|34=007|52=20261121-00:58:39.238123|98=0|108=30|95=4|96=ab|c|141=Y|25035=1|");
    let message = Message::parse(&frame).unwrap();
    let tags: Vec<Tag> = message.fields().iter().map(|field| field.tag).collect();
    assert_eq!(tags, [8, 9, 35, 49, 56, 34, 52, 98, 108, 95, 96, 141, 25035, 10]);
    assert_eq!(message.first(34), Some(b"007".as_slice()));
    assert_eq!(message.first(52), Some(b"20261121-00:58:39.238123".as_slice()));
    assert_eq!(message.first(96), Some(b"ab\x01c".as_slice()));
    assert_eq!(message.header().len(), 7);
    assert_eq!(message.body().first().map(|field| field.tag), Some(98));
    assert_eq!(message.body().last().map(|field| field.tag), Some(25035));
}

#[test]
fn a_data_field_without_its_length_is_read_up_to_the_delimiter() {
    let frame = sealed("FIX.4.4", "35=A|34=1|96=abc|98=0|");
    assert_eq!(Message::parse(&frame).unwrap().first(96), Some(b"abc".as_slice()));
}

/// A length that the version does not have is none: a reader that knows only the version ends the data at SOH and reads on.
#[test]
fn data_of_another_version_ends_at_the_delimiter() {
    let hidden = "35=F|34=1|11=c1|2072=6|2073=x|38=9|";
    for version in ["FIX.4.2", "FIX.4.4", "FIXT.1.1"] {
        let frame = sealed(version, hidden);
        let message = Message::parse(&frame).unwrap();
        assert_eq!((message.first(2_073), message.first(38)), (Some(b"x".as_slice()), Some(b"9".as_slice())), "{version}");
    }
    let instrument = "35=F|34=1|11=c1|621=6|622=x|38=9|";
    for (version, shown) in [("FIX.4.2", Some(b"9".as_slice())), ("FIX.4.4", None), ("FIXT.1.1", None)] {
        let frame = sealed(version, instrument);
        assert_eq!(Message::parse(&frame).unwrap().first(38), shown, "{version}");
    }
}

/// Each of these is a cancel to who goes by the length, and an order, or another's, to who does not.
#[test]
fn data_of_an_application_message_hides_no_field_of_header_or_trailer() {
    for hidden in ["x|35=D", "x|38=9|35=D|40=1", "x|035=D", "x| 35=D", "x|49=OTHER", "x|1128=9", "x|10=000", "x|8=FIX.4.4", "|35=D"] {
        let fault = fault_of(&format!("35=F|34=1|11=c1|354={}|355={hidden}|", hidden.len()));
        let expected = FieldFault { reason: SessionRejectReason::ValueIncorrect, tag: Some(355) };
        assert_eq!(fault, Some(expected), "{hidden}");
        assert_eq!(fault_of(&format!("35=A|34=1|98=0|95={}|96={hidden}|", hidden.len())), None, "a proof may be any bytes");
    }
    for text in ["x|y", "x|58=35", "x|=", "x|35", "x|35:D"] {
        assert_eq!(fault_of(&format!("35=F|34=1|11=c1|354={}|355={text}|", text.len())), None, "{text}");
    }
}

#[test]
fn faults_name_the_reason_and_the_tag() {
    use SessionRejectReason as R;
    for (body, reason, tag) in [
        ("35=0|34=1|0=x|", R::InvalidTagNumber, 0),
        ("35=0|34=1|-1=x|", R::InvalidTagNumber, -1),
        ("35=0|34=1|058=x|", R::InvalidTagNumber, 58),
        ("35=0|34=1|1000000000=x|", R::InvalidTagNumber, 1_000_000_000),
        ("35=0|34=1|56=|", R::TagWithoutValue, 56),
        ("35=D|34=1|11=|", R::TagWithoutValue, 11),
        ("35=D|11=x|34=1|", R::TagOutOfOrder, 34),
        ("35=D|34=1|93=1|89=x|11=x|", R::TagOutOfOrder, 11),
        ("35=D|34=1|34=1|", R::TagRepeated, 34),
        ("35=D|34=1|49=A|49=B|", R::TagRepeated, 49),
        ("35=A|34=1|553=A|553=B|", R::TagRepeated, 553),
        ("35=A|34=1|95=1|96=a|95=1|96=a|", R::TagRepeated, 95),
        ("35=A|34=1|95=3|98=0|96=abc|", R::TagOutOfOrder, 95),
        ("35=A|34=1|95=9999|96=abc|", R::ValueIncorrect, 95),
        ("35=A|34=1|95=2|96=abc|", R::ValueIncorrect, 95),
        ("35=A|34=1|95=-3|96=abc|", R::ValueIncorrect, 95),
        ("35=A|34=1|95=99999999999999999999|96=abc|", R::ValueIncorrect, 95),
        ("35=0|34=1|10=000|", R::TagRepeated, 10),
    ] {
        assert_eq!(fault_of(body), Some(FieldFault { reason, tag: Some(tag) }), "{body}");
    }
}

#[test]
fn groups_of_application_messages_and_of_logon_may_repeat() {
    assert_eq!(fault_of("35=D|34=1|386=2|336=A|336=B|"), None);
    assert_eq!(fault_of("35=D|34=1|627=2|628=A|628=B|11=x|"), None);
    assert_eq!(fault_of("35=A|34=1|384=2|372=D|385=R|372=8|385=S|98=0|"), None);
    let repeated = FieldFault::of(SessionRejectReason::TagRepeated, 372);
    assert_eq!(fault_of("35=3|34=1|372=D|372=8|"), Some(repeated));
}

#[test]
fn what_is_not_tag_and_value_is_garbled() {
    for body in ["35=0|34=1|4garbled9=TW|", "35=0|34=1|nothing|", "35=0|34=1|=x|", "35=0|34=1|1x=x|"] {
        let frame = sealed("FIX.4.4", body);
        assert_eq!(Message::parse(&frame), Err(ParseError::Garbled), "{body}");
    }
    assert_eq!(Message::parse(b""), Err(ParseError::Garbled));
    assert_eq!(Message::parse(b"8=FIX.4.4\x01"), Err(ParseError::Garbled));
}

#[test]
fn two_values_of_one_tag_are_no_answer() {
    let frame = sealed("FIX.4.4", "35=D|34=1|1=A|1=B|");
    let message = Message::parse(&frame).unwrap();
    assert_eq!(message.unique(1), Err(FieldFault::of(SessionRejectReason::TagRepeated, 1)));
    assert_eq!(message.unique(2), Ok(None));
    assert_eq!(message.required(2), Err(FieldFault::of(SessionRejectReason::RequiredTagMissing, 2)));
}

#[test]
fn nothing_secret_is_printed() {
    let frame = sealed("FIX.4.4", "35=A|34=1|554=secret|");
    assert!(!format!("{:?}", Message::parse(&frame).unwrap()).contains("secret"));
}

#[test]
fn numbers_and_booleans() {
    assert_eq!(number(b"0012"), Some(12));
    assert_eq!(number(b"999999999999999"), Some(crate::limits::SEQ_NUM_MAX));
    assert_eq!(number(b"1000000000000000"), None);
    assert_eq!(number(b"+1"), None);
    assert_eq!(number(b""), None);
    assert_eq!((boolean(b"Y"), boolean(b"N"), boolean(b"y")), (Some(true), Some(false), None));
}
