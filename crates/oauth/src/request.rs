//! What a request to the token endpoint asks for.
//!
//! | `grant_type` | by | gives |
//! |---|---|---|
//! | `client_credentials` | a client assertion, or whatever else logs in on this connection | access token |
//! | `urn:ietf:params:oauth:grant-type:jwt-bearer` | the assertion in `assertion` | access token |
//! | `refresh_token` | the last refresh token of a family | access token, next refresh token |
//! | `urn:ietf:params:oauth:grant-type:token-exchange` | an access token | one with less: scopes, audience, other key |
//!
//! The scope `offline_access` asks for a refresh token with one of the first two. `bind=channel` asks for a token that is worth
//! nothing on another connection.

use countersign_core::{Reject, Scopes};

use crate::assertion::ASSERTION_TYPE;
use crate::confirmation::Thumbprint;
use crate::error::{OAuthError, OAuthRefusal};
use crate::form::Form;

/// `grant_type` of RFC 6749, 4.4.
pub const CLIENT_CREDENTIALS: &str = "client_credentials";
/// `grant_type` of RFC 7523, 2.1.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// `grant_type` of RFC 6749, 6.
pub const REFRESH_TOKEN: &str = "refresh_token";
/// `grant_type` of RFC 8693.
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// All grant types, as the metadata lists them.
pub const GRANT_TYPES: [&str; 4] = [CLIENT_CREDENTIALS, JWT_BEARER, REFRESH_TOKEN, TOKEN_EXCHANGE];
/// Token type of RFC 8693, 3.
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The same for JWTs in general.
const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";
/// Scope that asks for a refresh token (OpenID Connect Core, 11). It is no permission.
pub const OFFLINE_ACCESS: &str = "offline_access";

/// What is shown for a token.
#[derive(Clone)]
pub enum Grant {
    /// The client's own proof.
    ClientCredentials,
    /// An access token, for one with less.
    Exchange {
        /// The token.
        subject_token: String,
        /// The key that the new token shall be bound to, instead of that of the asker.
        jkt: Option<Thumbprint>,
    },
    /// An assertion as the grant itself.
    JwtBearer {
        /// The assertion.
        assertion: String,
    },
    /// A refresh token.
    Refresh {
        /// The token.
        token: String,
    },
}

impl Grant {
    /// The `grant_type`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ClientCredentials => CLIENT_CREDENTIALS,
            Self::Exchange { .. } => TOKEN_EXCHANGE,
            Self::JwtBearer { .. } => JWT_BEARER,
            Self::Refresh { .. } => REFRESH_TOKEN,
        }
    }
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A request to the token endpoint.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// What is shown.
    pub grant: Grant,
    /// What is wanted; `None`: all that the grant has.
    pub scopes: Option<Scopes>,
    /// Whether a refresh token is wanted.
    pub offline: bool,
    /// Whom the token shall be for; `None`: this server.
    pub audience: Option<String>,
    /// Whether it shall be bound to this connection.
    pub to_channel: bool,
}

impl TokenRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// `invalid_request`, `unsupported_grant_type`, `invalid_scope`.
    pub fn read(form: &Form) -> Result<Self, OAuthRefusal> {
        let grant = grant(form)?;
        let (scopes, offline) = scopes(form)?;
        let opens = matches!(grant, Grant::ClientCredentials | Grant::JwtBearer { .. });
        if offline && !opens {
            return Err(OAuthRefusal::with(OAuthError::InvalidScope, Reject::Malformed, "a grant that gives no new refresh token"));
        }
        let to_channel = match form.find("bind") {
            None => false,
            Some("channel") => true,
            Some(_) => return Err(OAuthRefusal::request("bind is channel or nothing")),
        };
        Ok(Self { grant, scopes, offline, audience: audience(form)?, to_channel })
    }
}

fn grant(form: &Form) -> Result<Grant, OAuthRefusal> {
    match form.need("grant_type", "no grant_type")? {
        CLIENT_CREDENTIALS => Ok(Grant::ClientCredentials),
        JWT_BEARER => Ok(Grant::JwtBearer { assertion: form.need("assertion", "no assertion")?.to_owned() }),
        REFRESH_TOKEN => Ok(Grant::Refresh { token: form.need("refresh_token", "no refresh_token")?.to_owned() }),
        TOKEN_EXCHANGE => exchange(form),
        _ => Err(OAuthRefusal::with(OAuthError::UnsupportedGrantType, Reject::Unsupported, "a grant type that is not offered")),
    }
}

fn exchange(form: &Form) -> Result<Grant, OAuthRefusal> {
    let subject_token = form.need("subject_token", "no subject_token")?.to_owned();
    if !matches!(form.need("subject_token_type", "no subject_token_type")?, ACCESS_TOKEN_TYPE | JWT_TYPE) {
        return Err(OAuthRefusal::request("the subject token is not an access token of ours"));
    }
    if form.find("actor_token").is_some() || form.find("actor_token_type").is_some() {
        return Err(OAuthRefusal::request("nobody acts for another here"));
    }
    if !matches!(form.find("requested_token_type"), None | Some(ACCESS_TOKEN_TYPE | JWT_TYPE)) {
        return Err(OAuthRefusal::request("only access tokens are given for a token"));
    }
    let jkt = match form.find("dpop_jkt") {
        None => None,
        Some(text) => Some(Thumbprint::parse(text).ok_or_else(|| OAuthRefusal::request("dpop_jkt is no thumbprint"))?),
    };
    Ok(Grant::Exchange { subject_token, jkt })
}

fn scopes(form: &Form) -> Result<(Option<Scopes>, bool), OAuthRefusal> {
    let Some(text) = form.find("scope") else { return Ok((None, false)) };
    let names: Vec<_> = text.split(' ').filter(|name| !name.is_empty()).collect();
    let offline = names.contains(&OFFLINE_ACCESS);
    let wanted: Vec<_> = names.into_iter().filter(|name| *name != OFFLINE_ACCESS).collect();
    if wanted.is_empty() {
        return Ok((None, offline));
    }
    let unknown = |_| OAuthRefusal::with(OAuthError::InvalidScope, Reject::Malformed, "a scope that is none");
    Ok((Some(Scopes::collect(wanted).map_err(unknown)?), offline))
}

/// One audience, under the name of RFC 8693 or that of RFC 8707.
fn audience(form: &Form) -> Result<Option<String>, OAuthRefusal> {
    match (form.find("audience"), form.find("resource")) {
        (Some(audience), Some(resource)) if audience != resource => {
            Err(OAuthRefusal::with(OAuthError::InvalidTarget, Reject::Malformed, "two audiences for one token"))
        }
        (audience, resource) => Ok(audience.or(resource).map(str::to_owned)),
    }
}

/// The client assertion beside the grant, if there is one.
///
/// # Errors
/// `invalid_request` when its type is missing or another.
pub fn client_assertion(form: &Form) -> Result<Option<&str>, OAuthRefusal> {
    if form.find("client_secret").is_some() {
        return Err(OAuthRefusal::with(
            OAuthError::InvalidClient,
            Reject::MissingCredentials,
            "keys prove themselves by signing, not by a secret",
        ));
    }
    match (form.find("client_assertion"), form.find("client_assertion_type")) {
        (None, None) => Ok(None),
        (Some(assertion), Some(ASSERTION_TYPE)) => Ok(Some(assertion)),
        (_, _) => Err(OAuthRefusal::request("client_assertion comes with client_assertion_type jwt-bearer")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(body: &str) -> Result<TokenRequest, OAuthError> {
        Form::read(body.as_bytes()).and_then(|form| TokenRequest::read(&form)).map_err(|refusal| refusal.error)
    }

    #[test]
    fn reads_each_grant() {
        let request = read("grant_type=client_credentials&scope=md:read+offline_access&bind=channel&resource=https://gw").unwrap();
        assert!(request.offline && request.to_channel && matches!(request.grant, Grant::ClientCredentials));
        assert_eq!((request.scopes, request.audience.as_deref()), (Some(Scopes::parse("md:read").unwrap()), Some("https://gw")));
        assert!(matches!(read("grant_type=refresh_token&refresh_token=x").unwrap().grant, Grant::Refresh { .. }));
        assert_eq!(read("grant_type=client_credentials&scope=offline_access").unwrap().scopes, None);
        let exchange = format!("grant_type={TOKEN_EXCHANGE}&subject_token=x&subject_token_type={ACCESS_TOKEN_TYPE}&scope=md:read");
        assert!(matches!(read(&exchange).unwrap().grant, Grant::Exchange { jkt: None, .. }));
        assert!(matches!(read(&format!("grant_type={JWT_BEARER}&assertion=x")).unwrap().grant, Grant::JwtBearer { .. }));
    }

    #[test]
    fn refuses_with_the_codes_of_the_standards() {
        let exchange = format!("grant_type={TOKEN_EXCHANGE}&subject_token=x&subject_token_type={ACCESS_TOKEN_TYPE}");
        for (body, error) in [
            ("", OAuthError::InvalidRequest),
            ("grant_type=password&username=a&password=b", OAuthError::UnsupportedGrantType),
            ("grant_type=authorization_code&code=a", OAuthError::UnsupportedGrantType),
            ("grant_type=refresh_token", OAuthError::InvalidRequest),
            ("grant_type=refresh_token&refresh_token=x&scope=offline_access", OAuthError::InvalidScope),
            ("grant_type=client_credentials&scope=everything", OAuthError::InvalidScope),
            ("grant_type=client_credentials&bind=maybe", OAuthError::InvalidRequest),
            ("grant_type=client_credentials&audience=a&resource=b", OAuthError::InvalidTarget),
            (&format!("{exchange}&actor_token=y"), OAuthError::InvalidRequest),
            (&format!("{exchange}&dpop_jkt=short"), OAuthError::InvalidRequest),
            (&format!("{exchange}&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token"), OAuthError::InvalidRequest),
            (&format!("grant_type={TOKEN_EXCHANGE}&subject_token=x&subject_token_type=urn:other"), OAuthError::InvalidRequest),
        ] {
            assert_eq!(read(body).unwrap_err(), error, "{body}");
        }
    }

    #[test]
    fn a_client_shows_an_assertion_and_never_a_secret() {
        let form = |body: &str| Form::read(body.as_bytes()).unwrap();
        assert_eq!(client_assertion(&form(&format!("client_assertion=x&client_assertion_type={ASSERTION_TYPE}"))).unwrap(), Some("x"));
        assert_eq!(client_assertion(&form("a=b")).unwrap(), None);
        assert_eq!(client_assertion(&form("client_secret=x")).unwrap_err().error, OAuthError::InvalidClient);
        for body in ["client_assertion=x", "client_assertion=x&client_assertion_type=saml", "client_assertion_type=x"] {
            assert_eq!(client_assertion(&form(body)).unwrap_err().error, OAuthError::InvalidRequest);
        }
    }
}
