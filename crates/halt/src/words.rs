//! Words that people read on a terminal before they decide.

use crate::limits::TEXT_BYTES_MAX;

/// Whether a text is shown in the order, and with all the letters, that it is written in. Not with control characters, which move the
/// cursor or colour what follows; not with marks of direction (Unicode UAX 9), which turn it round; not with separators of lines and
/// paragraphs; not with letters that cannot be seen.
pub(crate) fn are_plain(text: &str) -> bool {
    text.chars().all(is_plain)
}

/// A text as it may stand in a halt, whatever it was: what is not plain becomes a blank, and what is too long is cut. For whoever
/// stops a machine, and is not to be told that the words are wrong.
#[must_use]
pub fn as_plain(text: &str) -> String {
    let mut plain: String = text.chars().map(|letter| if is_plain(letter) { letter } else { ' ' }).collect();
    plain.truncate(plain.floor_char_boundary(TEXT_BYTES_MAX));
    plain.trim().to_owned()
}

fn is_plain(letter: char) -> bool {
    let turns = matches!(letter, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(letter, '\u{2028}' | '\u{2029}');
    // Joiners stay, without which some scripts cannot be written, and what chooses the picture of a sign.
    let hides = matches!(
        letter,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'
            | '\u{2060}'..='\u{2064}'
            | '\u{206A}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E01EF}'
    );
    !(letter.is_control() || turns || breaks || hides)
}
