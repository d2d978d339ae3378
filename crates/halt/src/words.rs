//! Words that people read on a terminal before they decide.

/// Whether a text is shown in the order, and with all the letters, that it is written in. Not with control characters, which move the
/// cursor or colour what follows; not with marks of direction (Unicode UAX 9), which turn it round; not with separators of lines and
/// paragraphs; not with what cannot be seen at all.
pub(crate) fn are_plain(text: &str) -> bool {
    !text.chars().any(|letter| {
        let turns = matches!(letter, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        let breaks = matches!(letter, '\u{2028}' | '\u{2029}');
        // Joiners stay: some scripts cannot be written without.
        let hides = matches!(letter, '\u{00AD}' | '\u{200B}' | '\u{2060}'..='\u{2064}' | '\u{206A}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}');
        letter.is_control() || turns || breaks || hides
    })
}
