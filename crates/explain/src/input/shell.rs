//! The words of a command line, quoted as a POSIX shell reads them (POSIX.1-2024, Shell Command Language, 2.2), and `$'…'`. Lines
//! may also go on after a backtick, as in PowerShell.
//!
//! Nothing is expanded: a variable stays as it is written, and that it does is a finding of its own.

use super::InputError;
use crate::limits;

/// Splits a command line into words.
pub(super) fn words(line: &str) -> Result<Vec<String>, InputError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('\n') => {}
                Some('\r') => drop(rest.next_if_eq(&'\n')),
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => {}
            },
            '`' if matches!(rest.peek(), Some('\r' | '\n')) => {}
            '\'' => single(&mut rest, word.get_or_insert_default())?,
            '"' => double(&mut rest, word.get_or_insert_default())?,
            '$' if rest.peek() == Some(&'\'') => {
                rest.next();
                ansi(&mut rest, word.get_or_insert_default())?;
            }
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            ';' | '|' | '>' | '<' | '&' if word.is_none() => break,
            c => word.get_or_insert_default().push(c),
        }
        if words.len() > limits::WORDS_MAX {
            return Err(InputError::new("the command line has more words than any curl command"));
        }
    }
    words.extend(word);
    Ok(words)
}

type Chars<'l> = std::iter::Peekable<std::str::Chars<'l>>;

fn open(quote: char) -> InputError {
    InputError::new(format!("the command line ends inside {quote} quotes: was it pasted whole?"))
}

fn single(rest: &mut Chars<'_>, word: &mut String) -> Result<(), InputError> {
    loop {
        match rest.next() {
            Some('\'') => return Ok(()),
            Some(c) => word.push(c),
            None => return Err(open('\'')),
        }
    }
}

fn double(rest: &mut Chars<'_>, word: &mut String) -> Result<(), InputError> {
    loop {
        match rest.next() {
            Some('"') => return Ok(()),
            Some('\\') => match rest.next() {
                Some('\n') => {}
                Some(c @ ('$' | '`' | '"' | '\\')) => word.push(c),
                Some(c) => word.extend(['\\', c]),
                None => return Err(open('"')),
            },
            Some(c) => word.push(c),
            None => return Err(open('"')),
        }
    }
}

/// `$'…'`: as browsers write bodies with quotes or line breaks in them.
fn ansi(rest: &mut Chars<'_>, word: &mut String) -> Result<(), InputError> {
    loop {
        match rest.next() {
            Some('\'') => return Ok(()),
            Some('\\') => match rest.next() {
                Some('n') => word.push('\n'),
                Some('r') => word.push('\r'),
                Some('t') => word.push('\t'),
                Some('u') => word.push(code_point(rest, 4)),
                Some('x') => word.push(code_point(rest, 2)),
                Some(c) => word.push(c),
                None => return Err(open('\'')),
            },
            Some(c) => word.push(c),
            None => return Err(open('\'')),
        }
    }
}

fn code_point(rest: &mut Chars<'_>, digits: usize) -> char {
    let mut code = 0;
    for _ in 0..digits {
        let Some(digit) = rest.peek().and_then(|c| c.to_digit(16)) else { break };
        rest.next();
        code = code * 16 + digit;
    }
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::words;

    #[test]
    fn quotes_are_read_as_a_shell_does() {
        assert_eq!(
            words(r#"curl -H 'a: b c' "x\"y\n$Z" $'l1\nl2\u0041' a\ b '' e''f"#).unwrap(),
            ["curl", "-H", "a: b c", "x\"y\\n$Z", "l1\nl2A", "a b", "", "ef"]
        );
        assert_eq!(words("curl \\\n  -X POST \\\r\n u | jq .").unwrap(), ["curl", "-X", "POST", "u"]);
        assert_eq!(words("curl.exe `\r\n  -X POST `\n u`v").unwrap(), ["curl.exe", "-X", "POST", "u`v"]);
    }

    #[test]
    fn an_open_quote_is_said() {
        for line in ["curl 'a", "curl \"a", "curl $'a"] {
            assert!(words(line).unwrap_err().0.contains("pasted whole"), "{line}");
        }
    }
}
