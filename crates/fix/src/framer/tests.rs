use super::*;
use crate::test_support::{fix, sealed};

const MAX: usize = 1_000;

/// Frames as `|` text and faults as their names.
fn run(max: usize, inputs: &[&[u8]]) -> Vec<String> {
    let mut framer = Framer::new(max);
    let mut found = Vec::new();
    for input in inputs {
        framer.push(input);
        while let Some(framed) = framer.next_frame() {
            found.push(match framed {
                Framed::Frame(frame) => String::from_utf8_lossy(frame).replace('\u{1}', "|"),
                Framed::Garbled(garble) => format!("{garble:?}"),
            });
        }
    }
    found
}

#[test]
fn messages_come_out_as_they_went_in() {
    let (one, two) = (sealed("FIX.4.4", "35=0|34=1|"), sealed("FIXT.1.1", "35=1|34=2|112=x|"));
    let stream = [one.as_slice(), two.as_slice()].concat();
    let expected = [one, two].map(|frame| String::from_utf8_lossy(&frame).replace('\u{1}', "|")).to_vec();
    assert_eq!(run(MAX, &[&stream]), expected);
    let single: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(run(MAX, &single), expected);
}

#[test]
fn garbled_messages_are_reported_once_and_skipped() {
    let good = sealed("FIX.4.4", "35=0|34=1|");
    let after = String::from_utf8_lossy(&good).replace('\u{1}', "|");
    for (bad, garble) in [
        ("GET / HTTP/1.1 ", Garble::BeginString),
        ("35=0|8=FIX.4.4|9=5|35=0|10=999|", Garble::BeginString),
        ("8=FIX.4.4.4.4.4.4|9=5|35=0|10=000|", Garble::BeginString),
        ("8=FIX.4.4|35=0|9=5|10=000|", Garble::BodyLength),
        ("8=FIX.4.4|9=|35=0|10=000|", Garble::BodyLength),
        ("8=FIX.4.4|9=-5|35=0|10=000|", Garble::BodyLength),
        ("8=FIX.4.4|9=5x|35=0|10=000|", Garble::BodyLength),
        ("8=FIX.4.4|9=4|35=0|10=000|", Garble::BodyLength),
        ("8=FIX.4.4|9=6|35=0|10=000|", Garble::BodyLength),
        ("8=FIX.4.4|9=0000000005|35=0|10=000|", Garble::BodyLength),
        ("8=FIX.4.4|9=999999999|35=0|10=000|", Garble::TooLong),
        ("8=FIX.4.4|9=5|35=0|10=256|", Garble::CheckSum),
        ("8=FIX.4.4|9=5|35=0|10=1|", Garble::BodyLength),
    ] {
        let mut stream = fix(bad);
        stream.extend_from_slice(&good);
        let found = run(MAX, &[&stream]);
        assert_eq!(found.first(), Some(&format!("{garble:?}")), "{bad}");
        assert_eq!(found.last(), Some(&after), "{bad}");
    }
}

#[test]
fn msg_type_must_be_the_third_field() {
    let bad = sealed("FIX.4.4", "34=1|35=0|");
    let good = sealed("FIX.4.4", "35=0|34=1|");
    assert_eq!(run(MAX, &[&bad, &good]).len(), 2);
    assert_eq!(run(MAX, &[&bad])[0], "MsgType");
}

#[test]
fn leading_zeros_of_body_length_are_read() {
    let body = fix("35=0|34=1|");
    let mut frame = fix("8=FIX.4.4|9=00010|");
    frame.extend_from_slice(&body);
    let sum = check_sum(&frame);
    frame.extend_from_slice(&fix(&format!("10={sum:03}|")));
    assert_eq!(run(MAX, &[&frame]).len(), 1);
    assert!(run(MAX, &[&frame])[0].starts_with("8=FIX"));
}

#[test]
fn a_message_inside_a_message_with_a_wrong_checksum_never_becomes_one() {
    let inner = String::from_utf8_lossy(&sealed("FIX.4.4", "35=D|34=2|")).replace('\u{1}', "|");
    let mut outer = sealed("FIX.4.4", &format!("35=B|34=1|95={}|96={inner}|", inner.len()));
    let place = outer.len() - 2;
    outer[place] = if outer[place] == b'0' { b'1' } else { b'0' };
    assert_eq!(run(MAX, &[&outer]), ["CheckSum"]);
}

#[test]
fn the_tail_of_a_longer_tag_is_no_start() {
    let stream = fix("junk|58=FIX.4.4|9=5|35=0|10=163|");
    assert_eq!(run(MAX, &[&stream]), ["BeginString"]);
}

#[test]
fn that_no_message_comes_any_more_is_told_however_the_bytes_arrive() {
    let stream = [vec![b'x'; limits::GARBLED_BYTES_MAX + 2], sealed("FIX.4.4", "35=0|34=1|")].concat();
    for size in [1, 4_096, stream.len()] {
        let inputs: Vec<&[u8]> = stream.chunks(size).collect();
        let found = run(MAX, &inputs);
        assert_eq!(found[..2], ["BeginString", "NoMessage"], "{size}");
        assert_eq!(found.len(), 3, "{size}");
    }
}

#[test]
fn a_claimed_length_allocates_nothing() {
    let mut framer = Framer::new(MAX);
    framer.push(&fix("8=FIX.4.4|9=900|35=A|"));
    assert_eq!(framer.next_frame(), None);
    assert!(framer.buffer.capacity() < 200);
}
