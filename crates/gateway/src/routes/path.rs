//! Paths of routes: exact, `/*` for one whole subtree, `{name}` for one segment.

use std::fmt;

/// The longest path in a configuration, in bytes: no venue has one above 100.
const PATH_BYTES_MAX: usize = 256;

/// Why a text is not the path of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A character that has two spellings or a meaning of its own.
    #[error("a path has only visible ASCII characters without % ; \\ ? # (such paths are never matched)")]
    Alphabet,
    /// Braces or a star in another place than a whole segment.
    #[error("a pattern is a whole segment {{name}}, or /* at the very end")]
    Pattern,
    /// Empty segments, `.` or `..`.
    #[error("a path has no empty segment, no . and no ..")]
    Segment,
    /// No slash at the start.
    #[error("a path starts with / and has at most 256 bytes")]
    Start,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Any,
    Literal(Box<str>),
}

impl Segment {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(literal) => &**literal == text,
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(two)) => one == two,
            (Self::Any, _) | (_, Self::Any) => true,
        }
    }
}

/// The path of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: Box<str>,
    segments: Vec<Segment>,
    subtree: bool,
}

impl PathPattern {
    /// Reads a path as the configuration has it.
    ///
    /// # Errors
    /// [`PathError`]: everything that could be spelled or understood in two ways.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let Some(rest) = text.strip_prefix('/').filter(|_| text.len() <= PATH_BYTES_MAX) else {
            return Err(PathError::Start);
        };
        if !text.bytes().all(is_plain_byte) {
            return Err(PathError::Alphabet);
        }
        let (fixed, subtree) = match rest.strip_suffix('*') {
            Some("") => ("", true),
            Some(fixed) => (fixed.strip_suffix('/').ok_or(PathError::Pattern)?, true),
            None => (rest, false),
        };
        let segments = parse_segments(fixed, subtree)?;
        Ok(Self { text: text.into(), segments, subtree })
    }

    /// The path as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is one single path.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.subtree && !self.segments.contains(&Segment::Any)
    }

    /// Whether a path as received is one of its paths.
    pub(super) fn matches(&self, path: &str) -> bool {
        if self.is_exact() {
            return *self.text == *path;
        }
        let Some(rest) = path.strip_prefix('/').filter(|_| is_plain(path)) else { return false };
        let mut received = rest.split('/');
        let start = self.segments.iter().all(|segment| received.next().is_some_and(|text| segment.matches(text)));
        start && received.next().is_some() == self.subtree
    }

    /// Whether some path matches both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        if self.is_exact() || other.is_exact() {
            return if self.is_exact() { other.matches(&self.text) } else { self.matches(&other.text) };
        }
        let start = self.segments.iter().zip(&other.segments).all(|(one, two)| one.overlaps(two));
        let (mine, theirs) = (self.segments.len(), other.segments.len());
        let length = match (self.subtree, other.subtree) {
            (false, false) => mine == theirs,
            (false, true) => mine > theirs,
            (true, false) => theirs > mine,
            (true, true) => true,
        };
        start && length
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parse_segments(fixed: &str, subtree: bool) -> Result<Vec<Segment>, PathError> {
    if fixed.is_empty() {
        return Ok(if subtree { Vec::new() } else { vec![Segment::Literal("".into())] });
    }
    let segments = fixed.split('/').map(parse_segment).collect::<Result<Vec<_>, _>>()?;
    // One empty segment at the end is a path that ends with a slash: fine when it is exact, odd in a pattern.
    let ends_with_slash = segments.last() == Some(&Segment::Literal("".into()));
    let inner_empty = segments.iter().rev().skip(1).any(|segment| *segment == Segment::Literal("".into()));
    if inner_empty || (ends_with_slash && (subtree || segments.contains(&Segment::Any))) {
        return Err(PathError::Segment);
    }
    Ok(segments)
}

fn parse_segment(text: &str) -> Result<Segment, PathError> {
    if let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        let fine = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        return if fine { Ok(Segment::Any) } else { Err(PathError::Pattern) };
    }
    match text {
        "." | ".." => Err(PathError::Segment),
        _ if text.contains(['{', '}', '*']) => Err(PathError::Pattern),
        _ => Ok(Segment::Literal(text.into())),
    }
}

/// Whether a received path has exactly one spelling. Patterns match no other paths: `%` is a second spelling of any character,
/// `;` starts parameters for some servers, `\` is a slash for some, empty and dotted segments are removed by some.
pub(super) fn is_plain(path: &str) -> bool {
    path.bytes().all(is_plain_byte)
        && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(|segment| !matches!(segment, "" | "." | "..")))
}

const fn is_plain_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'%' | b';' | b'\\' | b'?' | b'#')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap()
    }

    #[test]
    fn a_subtree_is_what_lies_below_and_not_the_folder_itself() {
        let streams = pattern("/ws/*");
        for path in ["/ws/btcusdt@trade", "/ws/a/b"] {
            assert!(streams.matches(path), "{path}");
        }
        for path in ["/ws", "/ws/", "/wsx/a", "/x/ws/a", "ws/a", ""] {
            assert!(!streams.matches(path), "{path}");
        }
        assert!(pattern("/*").matches("/a"));
        assert!(!pattern("/*").matches("/"));
    }

    #[test]
    fn a_name_in_braces_is_one_segment() {
        let order = pattern("/orders/{id}/fills");
        assert!(order.matches("/orders/7/fills"));
        for path in ["/orders//fills", "/orders/7/8/fills", "/orders/7", "/orders/7/fills/", "/orders/../fills"] {
            assert!(!order.matches(path), "{path}");
        }
    }

    #[test]
    fn no_pattern_matches_an_odd_spelling() {
        let all = pattern("/*");
        for path in ["/a%2fb", "/a//b", "//a", "/a/./b", "/a/../b", "/..", "/a;x=1", "/a\\b", "/a b", "/a\u{7f}", "/\u{e9}", "/a?b", "/a#b"]
        {
            assert!(!all.matches(path), "{path}");
        }
    }

    #[test]
    fn refuses_what_can_be_read_in_two_ways() {
        for (text, error) in [
            ("orders", PathError::Start),
            ("", PathError::Start),
            ("/a%20b", PathError::Alphabet),
            ("/a b", PathError::Alphabet),
            ("/a?b=c", PathError::Alphabet),
            ("/a*", PathError::Pattern),
            ("/a/*/b", PathError::Pattern),
            ("/{a", PathError::Pattern),
            ("/{}", PathError::Pattern),
            ("/a//b", PathError::Segment),
            ("/a/../b", PathError::Segment),
            ("/./b", PathError::Segment),
            ("/{a}/", PathError::Segment),
            ("/a//*", PathError::Segment),
        ] {
            assert_eq!(PathPattern::parse(text), Err(error), "{text}");
        }
        assert!(pattern("/a/").is_exact() && pattern("/").is_exact());
    }

    #[test]
    fn finds_every_overlap() {
        for (one, two) in [("/a/*", "/a/b"), ("/a/{x}", "/a/b"), ("/a/{x}", "/{y}/b"), ("/a/*", "/{x}/b/c"), ("/*", "/a/*"), ("/a", "/a")] {
            assert!(pattern(one).overlaps(&pattern(two)), "{one} {two}");
            assert!(pattern(two).overlaps(&pattern(one)), "{two} {one}");
        }
        for (one, two) in [("/a/*", "/a"), ("/a/{x}", "/a/b/c"), ("/a/{x}", "/b/{x}"), ("/a/b/*", "/a/{x}"), ("/", "/*"), ("/a", "/a/")] {
            assert!(!pattern(one).overlaps(&pattern(two)), "{one} {two}");
            assert!(!pattern(two).overlaps(&pattern(one)), "{two} {one}");
        }
    }
}
