//! For any bytes: no panic; any cut of a stream gives the same; what is written is read.

use std::time::Duration;

use countersign_fix::{Field, Framed, Framer, MemoryStore, Message, MessageWriter, Phase, Precision, Session, UtcTimestamp, Version};
use proptest::prelude::*;

use crate::script::{config, later, peer_message, sealed, start};

/// Pieces of FIX and of nonsense.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let whole = (2..6_u64, prop::sample::select(vec!["0", "1", "2", "3", "4", "5", "A", "D"]), prop::sample::select(FIELDS.to_vec()));
    prop_oneof![
        4 => whole.prop_map(|(seq, msg_type, fields)| peer_message(Version::Fix44, start(), &seq.to_string(), msg_type, fields)),
        1 => "[0-9=A-Z|.]{0,20}".prop_map(|text| sealed("FIX.4.4", &format!("35=D|{}|", text.trim_matches('|')))),
        1 => "[89=FIX.4|0-9]{0,30}".prop_map(|text| text.replace('|', "\u{1}").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

const FIELDS: [&str; 12] = [
    "",
    "11=x",
    "112=x",
    "7=1|16=0",
    "7=2|16=3",
    "36=9",
    "123=Y|36=9",
    "@43=Y|@122=-1",
    "98=0|108=30",
    "98=0|108=30|141=Y",
    "45=1",
    "@52=-200",
];

fn frames(inputs: &[&[u8]]) -> Vec<Result<Vec<u8>, countersign_fix::Garble>> {
    let mut framer = Framer::new(500);
    let mut found = Vec::new();
    for input in inputs {
        framer.push(input);
        while let Some(framed) = framer.next_frame() {
            found.push(match framed {
                Framed::Frame(frame) => Ok(frame.to_vec()),
                Framed::Garbled(garble) => Err(garble),
            });
        }
        assert!(framer.buffered() <= 500 + input.len(), "what is kept is bounded");
    }
    found
}

/// Everything a session says to a stream, in the inputs given.
fn conversation(inputs: &[&[u8]]) -> (Vec<Vec<u8>>, Phase) {
    let mut session = Session::acceptor(config(Version::Fix44), start());
    session.handle_input(start(), &peer_message(Version::Fix44, start(), "1", "A", "98=0|108=30"));
    session.accept_logon(start(), MemoryStore::default(), &[]).unwrap();
    let mut sent = Vec::new();
    for input in inputs {
        session.handle_input(start(), input);
        if session.phase() == Phase::AwaitVerification {
            session.accept_reset(start(), &[]).unwrap();
        }
        while session.poll_event().is_some() {}
    }
    while let Some(bytes) = session.poll_transmit(start()) {
        sent.push(bytes);
    }
    (sent, session.phase())
}

proptest! {
    #[test]
    fn any_cut_of_a_stream_frames_the_same(pieces in prop::collection::vec(piece(), 0..8), size in 1..40_usize) {
        let stream = pieces.concat();
        let cut: Vec<&[u8]> = stream.chunks(size).collect();
        prop_assert_eq!(frames(&[&stream]), frames(&cut));
    }

    #[test]
    fn any_cut_of_a_stream_is_answered_the_same(pieces in prop::collection::vec(piece(), 0..8), size in 1..40_usize) {
        let stream = pieces.concat();
        let cut: Vec<&[u8]> = stream.chunks(size).collect();
        prop_assert_eq!(conversation(&[&stream]), conversation(&cut));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), pieces in prop::collection::vec(piece(), 0..6)) {
        let _ = Message::parse(&bytes);
        let _ = UtcTimestamp::parse(&bytes);
        let mut session: Session<MemoryStore> = Session::acceptor(config(Version::Fix42), start());
        session.handle_message(start(), &bytes);
        let mut now = start();
        let _ = conversation(&[&bytes]);
        let mut session: Session<MemoryStore> = Session::acceptor(config(Version::Fix44), now);
        for piece in &pieces {
            now = later(now, Duration::from_secs(7));
            session.handle_input(now, piece);
            session.handle_timeout(now);
            if session.phase() == Phase::AwaitVerification {
                let _ = session.accept_logon(now, MemoryStore::default(), &[]);
            }
            while session.poll_event().is_some() {}
            while let Some(bytes) = session.poll_transmit(now) {
                prop_assert!(Message::parse(&bytes).is_ok(), "what we send can be read");
            }
        }
    }

    #[test]
    fn what_is_written_is_read(fields in prop::collection::vec((1_000..9_999_u32, "[ -~]{1,20}"), 0..20), raw in prop::collection::vec(any::<u8>().prop_filter("no field of a header in it", |byte| *byte != b'='), 1..50)) {
        let mut writer = MessageWriter::new("FIXT.1.1", b"D");
        writer.number(34, 5).data(95, &raw);
        let fields: Vec<_> = fields.into_iter().filter(|(tag, _)| !countersign_fix::tag::is_header(*tag) && countersign_fix::tag::data_of(Version::Fixt11, *tag).is_none()).collect();
        for (tag, value) in &fields {
            writer.text(*tag, value);
        }
        let bytes = writer.finish().unwrap();
        let read = frames(&[&bytes]);
        if bytes.len() <= 500 {
            prop_assert_eq!(read, vec![Ok(bytes.clone())]);
        }
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(message.first(96), Some(raw.as_slice()));
        let expected: Vec<Field<'_>> = fields.iter().map(|(tag, value)| Field::new(*tag, value.as_bytes())).collect();
        prop_assert_eq!(&message.body()[2..], expected.as_slice());
    }

    #[test]
    fn times_are_written_as_they_were_read(micros in 0..253_402_300_800_000_000_u64, precision in prop::sample::select(Precision::ALL.to_vec())) {
        let time = UtcTimestamp::new(countersign_core::Timestamp::from_micros(micros), precision);
        let text = time.to_string();
        let read = UtcTimestamp::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(read, time);
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn any_changed_byte_is_noticed(place in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut bytes = peer_message(Version::Fix44, start(), "1", "A", "98=0|108=30|95=3|96=abc|553=key");
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let mut framer = Framer::new(500);
        framer.push(&bytes);
        prop_assert!(!matches!(framer.next_frame(), Some(Framed::Frame(_))), "byte {} bit {}", place, bit);
    }
}
