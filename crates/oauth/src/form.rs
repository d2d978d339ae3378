//! The body of a request: `application/x-www-form-urlencoded`, read so that there is one reading of it.
//!
//! A parameter that comes twice is a refusal (RFC 6749, 3.2), and so is a `%` that begins no escape; one without a value counts as not
//! sent, unknown ones are ignored.
//! Nothing is taken from the query, which logs and proxies see.

use crate::error::OAuthRefusal;
use crate::limits::{FORM_BYTES_MAX, FORM_PARAMETERS_MAX};

/// The media type of requests.
pub const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// The parameters of one request.
#[derive(Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl std::fmt::Debug for Form {
    /// Names only: values are tokens and assertions.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// `invalid_request`: too long, too many parameters, one of them twice, a bad escape, or text that is not UTF-8.
    pub fn read(body: &[u8]) -> Result<Self, OAuthRefusal> {
        if body.len() > FORM_BYTES_MAX {
            return Err(OAuthRefusal::request("the body is longer than any token request"));
        }
        if has_bad_escape(body) {
            return Err(OAuthRefusal::request("a % without two digits behind it"));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if pairs.len() == FORM_PARAMETERS_MAX {
                return Err(OAuthRefusal::request("more parameters than any token request has"));
            }
            // The decoder puts this character where bytes are no text: two readings.
            if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
                return Err(OAuthRefusal::request("a parameter is not UTF-8"));
            }
            if pairs.iter().any(|(known, _)| *known == *name) {
                return Err(OAuthRefusal::request("a parameter comes twice"));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Ok(Self(pairs))
    }

    /// The value of a parameter.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn need(&self, name: &str, sentence: &'static str) -> Result<&str, OAuthRefusal> {
        self.find(name).ok_or_else(|| OAuthRefusal::request(sentence))
    }
}

/// Whether a `%` is not followed by two hexadecimal digits: some decoders leave it as it is, others refuse it.
fn has_bad_escape(body: &[u8]) -> bool {
    let is_escape = |behind: &[u8]| behind.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    body.iter().enumerate().any(|(at, byte)| *byte == b'%' && !is_escape(&body[at + 1..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::error::OAuthError;

    #[test]
    fn reads_what_was_written() {
        let form = Form::read(b"grant_type=client_credentials&scope=md%3Aread+order%3Awrite&empty=&unknown=1").unwrap();
        assert_eq!(form.find("scope"), Some("md:read order:write"));
        assert_eq!((form.find("empty"), form.find("absent")), (None, None));
        assert!(!format!("{form:?}").contains("client_credentials"), "values are secrets");
    }

    #[test]
    fn refuses_two_readings() {
        for body in ["a=1&a=2", "a=&a=2", "scope=%ff", "%fe=1", "x=%zz", "x=%", "x=%4", "x=%4&y=1", "%g1=1", "x=%%41"] {
            assert_eq!(Form::read(body.as_bytes()).unwrap_err().error, OAuthError::InvalidRequest, "{body}");
        }
        let many: String = (0..=FORM_PARAMETERS_MAX).map(|n| format!("p{n}=1&")).collect();
        assert!(Form::read(many.as_bytes()).is_err());
        assert!(Form::read(&vec![b'a'; FORM_BYTES_MAX + 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(form) = Form::read(&body) {
                prop_assert!(form.0.iter().all(|(_, value)| !value.is_empty()));
            }
        }
    }
}
