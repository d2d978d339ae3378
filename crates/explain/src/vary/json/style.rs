//! The ways of libraries to write JSON.

/// How JSON is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) comma: &'static str,
    pub(super) colon: &'static str,
    pub(super) indent: &'static str,
    pub(super) sorts: bool,
    pub(super) letters: Letters,
    pub(super) numbers: Numbers,
    /// Whether members that are null are left out.
    pub(super) drops: bool,
}

/// Which characters are escaped in strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letters {
    AsTheyAre,
    /// What is no ASCII, as Python does.
    Ascii,
    /// The same in capitals.
    AsciiCapital,
    /// Slashes, too, as PHP does.
    AsciiAndSlashes,
    Slashes,
    /// What HTML gives a meaning, as Go does.
    Html,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    AsTheyAre,
    Quoted,
    /// True and false, too.
    AllQuoted,
    Unquoted,
    /// Without zeros at their end, as JavaScript does.
    Short,
    /// Those in strings, too.
    ShortStrings,
}

pub(super) const COMPACT: Style =
    Style { comma: ",", colon: ":", indent: "", sorts: false, letters: Letters::AsTheyAre, numbers: Numbers::AsTheyAre, drops: false };
pub(super) const BLANKS: Style = Style { comma: ", ", colon: ": ", ..COMPACT };
const INDENTED: Style = Style { colon: ": ", ..COMPACT };

/// The ways of the common libraries.
pub(super) const COMMON: [Style; 26] = [
    COMPACT,
    BLANKS,
    Style { sorts: true, ..COMPACT },
    Style { sorts: true, ..BLANKS },
    Style { letters: Letters::Ascii, ..COMPACT },
    Style { letters: Letters::Ascii, ..BLANKS },
    Style { letters: Letters::Ascii, sorts: true, ..COMPACT },
    Style { letters: Letters::Ascii, sorts: true, ..BLANKS },
    Style { letters: Letters::AsciiCapital, ..COMPACT },
    Style { letters: Letters::Slashes, ..COMPACT },
    Style { letters: Letters::AsciiAndSlashes, ..COMPACT },
    Style { letters: Letters::Html, ..COMPACT },
    Style { indent: "  ", ..INDENTED },
    Style { indent: "    ", ..INDENTED },
    Style { indent: "\t", ..INDENTED },
    Style { indent: "  ", sorts: true, ..INDENTED },
    Style { indent: "    ", sorts: true, ..INDENTED },
    Style { numbers: Numbers::Quoted, ..COMPACT },
    Style { numbers: Numbers::Unquoted, ..COMPACT },
    Style { numbers: Numbers::Quoted, ..BLANKS },
    Style { numbers: Numbers::Unquoted, ..BLANKS },
    Style { numbers: Numbers::AllQuoted, ..COMPACT },
    Style { numbers: Numbers::Short, ..COMPACT },
    Style { numbers: Numbers::ShortStrings, ..COMPACT },
    Style { drops: true, ..COMPACT },
    Style { drops: true, ..BLANKS },
];

impl Style {
    /// In words.
    pub(super) fn name(&self) -> String {
        let mut name = match (self.indent, self.comma, self.colon) {
            ("  ", ..) => "indented by two",
            ("    ", ..) => "indented by four",
            ("\t", ..) => "indented by tabs",
            (_, ",", ":") => "without blanks",
            (_, ", ", ": ") => "with a blank after each comma and colon",
            (_, ",", _) => "with a blank after each colon",
            _ => "with a blank after each comma",
        }
        .to_owned();
        let letters = match self.letters {
            Letters::AsTheyAre => "",
            Letters::Ascii => ", other letters than ASCII escaped",
            Letters::AsciiCapital => ", other letters than ASCII escaped in capitals",
            Letters::AsciiAndSlashes => ", slashes and other letters than ASCII escaped",
            Letters::Slashes => ", slashes escaped",
            Letters::Html => ", the signs of HTML escaped",
        };
        let numbers = match self.numbers {
            Numbers::AsTheyAre => "",
            Numbers::Quoted => ", numbers as strings",
            Numbers::AllQuoted => ", numbers, true and false as strings",
            Numbers::Unquoted => ", strings as numbers",
            Numbers::Short => ", numbers without zeros at their end",
            Numbers::ShortStrings => ", numbers without zeros at their end, in strings, too",
        };
        name.push_str(if self.sorts { ", members sorted" } else { "" });
        name.push_str(letters);
        name.push_str(numbers);
        name.push_str(if self.drops { ", without what is null" } else { "" });
        name
    }

    /// Whether it escapes what is in the text: else it is another style once more.
    pub(super) fn matters(&self, text: &str) -> bool {
        // They may be escaped in it already.
        let has_others = !text.is_ascii() || text.contains("\\u");
        match self.letters {
            Letters::AsTheyAre => true,
            Letters::Ascii | Letters::AsciiCapital => has_others,
            Letters::AsciiAndSlashes => has_others && text.contains('/'),
            Letters::Slashes => text.contains('/'),
            Letters::Html => text.contains(['<', '>', '&']),
        }
    }

    /// Every style that has no indentation.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let spaces = [(",", ":"), (", ", ": "), (",", ": "), (", ", ":")];
        let letters = [Letters::AsTheyAre, Letters::Ascii, Letters::Slashes, Letters::AsciiAndSlashes];
        let numbers = [Numbers::AsTheyAre, Numbers::Quoted, Numbers::AllQuoted, Numbers::Unquoted, Numbers::Short, Numbers::ShortStrings];
        let flags = [(false, false), (true, false), (false, true), (true, true)];
        spaces.into_iter().flat_map(move |(comma, colon)| {
            letters.into_iter().flat_map(move |letters| {
                numbers.into_iter().flat_map(move |numbers| {
                    flags.into_iter().map(move |(sorts, drops)| Self { comma, colon, indent: "", sorts, letters, numbers, drops })
                })
            })
        })
    }
}
