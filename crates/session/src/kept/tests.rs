#![allow(clippy::unwrap_used)]

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Monotonic {
    Monotonic::from_micros(seconds * 1_000_000)
}

fn filled(messages: usize, count: u64) -> Kept {
    let mut kept = Kept::new(Keeping { messages, time: SECOND * 10 });
    (1..=count).for_each(|s| kept.message(s, &format!("{{\"n\":{s}}}"), at(0)));
    kept
}

fn all(kept: &Kept, mut span: Span) -> Vec<String> {
    std::iter::from_fn(|| {
        let (text, behind) = kept.read(span, 1)?;
        span = behind;
        Some(text)
    })
    .collect()
}

#[test]
fn what_was_sent_is_sent_again_with_its_number() {
    // HS-88
    let kept = filled(5, 3);
    let frames = [r#"{"s":2,"a":1,"dup":true,"d":{"n":2}}"#, r#"{"s":3,"a":1,"dup":true,"d":{"n":3}}"#];
    assert_eq!(all(&kept, kept.span(2, 4)), frames);
    assert_eq!(all(&kept, kept.span_of(Range { from: 2, count: 1 })), frames[..1]);
    assert_eq!(kept.lost(1, 4), None);
    assert!(all(&kept, kept.span(4, 4)).is_empty());
}

#[test]
fn refusals_stand_between_the_messages_they_were_told_between() {
    // HS-88
    let mut kept = filled(9, 1);
    kept.unnumbered(2, "{\"err\":1}", at(0));
    kept.message(2, "{}", at(0));
    kept.unnumbered(3, "{\"err\":2}", at(0));
    let shown = |from| all(&kept, kept.span(from, 3)).iter().map(|text| text[..8].to_owned()).collect::<Vec<_>>();
    assert_eq!(shown(1), ["{\"s\":1,\"", "{\"err\":1", "{\"s\":2,\"", "{\"err\":2"]);
    assert_eq!(shown(2), ["{\"err\":1", "{\"s\":2,\"", "{\"err\":2"], "whether it came before the loss is not known");
    assert_eq!(shown(3), ["{\"err\":2"]);
}

#[test]
fn the_buffer_is_bounded_in_number_bytes_and_time() {
    // HS-77 HS-89
    let kept = filled(4, 10);
    assert_eq!((kept.held().entries, kept.lost(1, 11)), (4, Some(Range { from: 1, count: 6 })));
    let told = all(&kept, kept.span(1, 11));
    assert_eq!((&*told[0], told.len()), (r#"{"gap":{"count":6,"from":1,"how":"lost"}}"#, 5), "what is here is given all the same");
    let mut large = Kept::new(Keeping { messages: 1_000, time: SECOND });
    let body = "x".repeat(limits::KEPT_BYTES_MAX / 4);
    (1..=9).for_each(|s| large.message(s, &body, at(0)));
    let four = Held { entries: 4, bytes: limits::KEPT_BYTES_MAX };
    assert_eq!((large.held(), large.lost(1, 10)), (four, Some(Range { from: 1, count: 5 })));
    large.message(10, &"x".repeat(limits::KEPT_BYTES_MAX + 1), at(0));
    assert_eq!((large.held(), large.lost(6, 11)), (Held::default(), Some(Range { from: 6, count: 5 })));
    let mut old = filled(9, 2);
    old.message(3, "{}", at(10));
    assert_eq!(old.held().entries, 3);
    old.message(4, "{}", at(11));
    assert_eq!(old.lost(1, 5), Some(Range { from: 1, count: 2 }));
    assert_eq!(filled(0, 9).held(), Held::default(), "a flow that promises nothing keeps nothing");
}

#[test]
fn a_hole_that_another_node_left_is_told() {
    // HS-88 HS-90
    let mut kept = filled(9, 2);
    kept.message(4, "{}", at(0));
    let lost = |from, end| kept.lost(from, end).map(|range| (range.from, range.count));
    assert_eq!((lost(1, 5), lost(3, 4), lost(3, 5), lost(4, 5)), (None, Some((3, 1)), Some((3, 1)), None));
    assert_eq!((lost(1, 3), lost(5, 6), lost(4, 6)), (None, Some((5, 1)), None));
    let told = all(&kept, kept.span(2, 6));
    let gap = |s| frame::lost(Range { from: s, count: 1 });
    assert_eq!(told[1..], [gap(3), frame::replayed(4, 1, "{}"), gap(5)], "in its place, and at the end");
    assert_eq!(all(&kept, kept.span_of(Range { from: 3, count: 1 })), [gap(3)]);
}

#[test]
fn market_data_is_forgotten_before_anything_else() {
    // HS-135
    let mut kept = Kept::new(Keeping { messages: 4, time: SECOND });
    let book = r#"{"ev":"book"}"#;
    kept.message(1, "{}", at(0));
    (2..=9).for_each(|s| kept.message(s, book, at(0)));
    kept.unnumbered(10, "{\"err\":1}", at(0));
    assert_eq!((kept.held().entries, kept.held_market()), (4, Held { entries: 2, bytes: 2 * book.len() }));
    let told = all(&kept, kept.span(1, 10));
    assert_eq!(told[1], frame::lost(Range { from: 2, count: 6 }));
    assert_eq!((told[0].contains("\"s\":1,"), told.len()), (true, 5));
    (10..=13).for_each(|s| kept.message(s, "{}", at(0)));
    assert_eq!((kept.held_market(), kept.lost(1, 14)), (Held::default(), Some(Range { from: 1, count: 9 })), "reports among themselves");
    kept.message(14, book, at(0));
    assert_eq!((kept.held_market(), kept.held().entries), (Held::default(), 4), "there is no place for it");
}

#[test]
fn a_copy_is_brought_up_to_date_by_what_is_new() {
    let mut kept = filled(5, 2);
    let place = kept.place();
    kept.unnumbered(3, "{\"err\":1}", at(0));
    kept.message(3, "{}", at(0));
    kept.message(4, r#"{"ev":"book"}"#, at(0));
    let text = |s, numbered, is_market, text| KeptText { s, numbered, is_market, text };
    let new = [text(3, false, false, "{\"err\":1}"), text(3, true, false, "{}"), text(4, true, true, r#"{"ev":"book"}"#)];
    assert_eq!(kept.since(place).collect::<Vec<_>>(), new);
    assert_eq!((kept.since(0).count(), kept.since(kept.place()).count(), kept.since(99).count()), (5, 0, 0));
}

#[test]
fn what_is_acknowledged_is_forgotten_even_while_it_is_being_sent_again() {
    let mut kept = filled(9, 4);
    let (_, mut span) = kept.read(kept.span(1, 5), 1).unwrap();
    kept.acknowledged(4);
    span.skip_to(4);
    assert_eq!(all(&kept, span), [r#"{"s":4,"a":1,"dup":true,"d":{"n":4}}"#]);
    kept.acknowledged(5);
    span.skip_to(5);
    assert_eq!((kept.held(), all(&kept, span)), (Held::default(), Vec::new()));
}
