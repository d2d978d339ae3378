//! The dialect: requests, and the logins that the gateway answers itself.

use countersign_core::{Purpose, Refusal, Reject, TokenKind};
use serde_json::json;

use super::grant::{self, Grant};
use super::methods::{self, Access, Method};
use super::reply::{self, Asked};
use super::rpc::{Call, Params, has_call, id_of, is_at_endpoint, malformed, method_of};
use super::scope::{Session, Wanted, session_name};
use super::socket::DeribitSocket;
use super::{authorization, tokens};
use crate::answer::{AnswerContext, HttpAnswer};
use crate::dialect::{Answer, Dialect, Header, Headers, LocalRequest, RequestView, Security};
use crate::routes::{MessageRoute, RestRoute, SocketRoute};
use crate::socket::{DialectSocket, Opening};

/// What `public/hello` and `public/test` tell: the version of the interface whose methods are in [`methods`].
pub const VERSION: &str = "1.2.26";

/// Marks the echo of a login, whose refusals have a code of their own.
const LOGIN_MARK: char = '!';

/// JSON-RPC as at Deribit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deribit;

impl Dialect for Deribit {
    fn purpose(&self) -> Purpose {
        Purpose::Deribit
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[authorization::HEADER]
    }

    fn recognizes(&self, headers: &dyn Headers) -> bool {
        // Bearer tokens of others have dots.
        authorization::scheme(headers).is_ok_and(|(name, rest)| {
            name.eq_ignore_ascii_case(authorization::SCHEME) || (name.eq_ignore_ascii_case("bearer") && !rest.contains('.'))
        })
    }

    fn present<'m>(&self, request: &RequestView<'m>, security: Security) -> Answer<'m> {
        let method = method_of(request);
        // A body that names another method than the path would be routed as one and carried out as the other.
        let call = match Call::of_request(request) {
            Ok(call) => Some(call),
            Err(refusal) if is_at_endpoint(request) || (method.is_some() && has_call(request)) => return Answer::Malformed(refusal),
            Err(_) => None,
        };
        match (security, method.map(|method| method.access), call) {
            (Security::None, ..) => Answer::NotMine,
            (Security::ApiKey | Security::Signed, Some(Access::Login), Some(call)) => login(&call),
            (Security::ApiKey | Security::Signed, _, Some(call)) if call.shows_token() => token(request, &call),
            (Security::ApiKey | Security::Signed, ..) => authorization::present(request),
        }
    }

    fn refuse(&self, refusal: &Refusal, context: &AnswerContext) -> HttpAnswer {
        let echo = context.echo.as_deref().unwrap_or_default();
        let (asked, id) = echo.strip_prefix(LOGIN_MARK).map_or((Asked::Call, echo), |id| (Asked::Login, id));
        reply::http(Some(id).filter(|id| !id.is_empty()), refusal, asked, context.now)
    }

    fn echo(&self, request: &RequestView<'_>) -> Option<String> {
        let id = str::from_utf8(request.body).ok().and_then(id_of).unwrap_or_default();
        let access = method_of(request).map(|method| method.access);
        let mark = if access == Some(Access::Login) { LOGIN_MARK.to_string() } else { String::new() };
        Some(mark + id)
    }

    fn named_in_body(&self, request: &RequestView<'_>) -> Result<&'static str, Refusal> {
        let call = Call::of_request(request)?;
        Method::find(&call.method).map(|method| method.path).ok_or_else(|| Reject::RouteUnknown.into())
    }

    fn shows_token_in_body(&self) -> bool {
        true
    }

    fn body_without_token(&self, request: &RequestView<'_>) -> Option<String> {
        let call = Call::of_request(request).ok().filter(|call| matches!(call.params, Params::Json(_)) && call.shows_token());
        call.map(|call| call.without_token())
    }

    fn rest_routes(&self) -> &'static [RestRoute] {
        methods::REST
    }

    fn socket_routes(&self) -> &'static [SocketRoute] {
        methods::SOCKETS
    }

    fn message_routes(&self) -> &'static [MessageRoute] {
        methods::MESSAGES
    }

    fn open_socket(&self, opening: &Opening<'_>) -> Option<Box<dyn DialectSocket>> {
        let is_ours = methods::SOCKETS.iter().any(|socket| socket.path == opening.path());
        is_ours.then(|| Box::new(DeribitSocket::new(opening.now.mono)) as Box<dyn DialectSocket>)
    }

    fn answer(&self, request: &RequestView<'_>, local: &mut LocalRequest<'_>) -> Result<HttpAnswer, Refusal> {
        let call = Call::of_request(request)?;
        let result = match call.method.as_ref() {
            "public/hello" => json!({"version": VERSION}),
            "public/auth" | "public/exchange_token" | "public/fork_token" => {
                let identity = local.identity.ok_or(Reject::Internal)?;
                let token = match refresh_token(&call)? {
                    Some(text) => Some(local.desk.open(text, TokenKind::Refresh, Purpose::Deribit, local.now)?),
                    None => None,
                };
                let session = token.as_ref().map(tokens::same_as);
                let wanted = asked_for(&call, session, identity.account().as_str())?;
                tokens::grant(&tokens::narrowed(identity, &wanted), &wanted, false, local.now, local.desk)
            }
            _ => return Err(Reject::RouteUnknown.into()),
        };
        Ok(HttpAnswer::json(200, reply::result(call.id, &result, local.now)))
    }
}

/// The token among the parameters of a body. Not of a query, which is written into logs everywhere, and beside no other proof.
fn token<'m>(request: &RequestView<'m>, call: &Call<'m>) -> Answer<'m> {
    if matches!(call.params, Params::Query(_)) || request.headers.find(authorization::HEADER) != Header::Absent {
        return Answer::Malformed(malformed("access_token"));
    }
    match call.params.plain("access_token") {
        Ok(text) => Answer::Token { text, kind: TokenKind::Access },
        Err(refusal) => Answer::Malformed(refusal),
    }
}

fn login<'m>(call: &Call<'m>) -> Answer<'m> {
    let text = match refresh_token(call) {
        Ok(Some(text)) => text,
        Ok(None) => {
            return match grant::wanted(&call.params).and_then(|_| Grant::read(&call.params)) {
                Ok(Grant::Proof(presented)) => Answer::Presented(presented),
                Ok(Grant::Refresh(text)) => Answer::Token { text, kind: TokenKind::Refresh },
                Err(refusal) => Answer::Malformed(refusal),
            };
        }
        Err(refusal) => return Answer::Malformed(refusal),
    };
    Answer::Token { text, kind: TokenKind::Refresh }
}

/// The refresh token of a call that shows one.
pub(super) fn refresh_token<'m>(call: &Call<'m>) -> Result<Option<&'m str>, Refusal> {
    let shows = call.method != "public/auth" || call.params.text("grant_type")?.as_deref() == Some("refresh_token");
    let text = shows.then(|| call.params.plain("refresh_token")).transpose();
    // Without one there is nothing to judge.
    text.map_err(|refusal| {
        let absent = refusal.reject == Reject::MissingParameter;
        if absent { Refusal { reject: Reject::MissingCredentials, ..refusal } } else { refusal }
    })
}

/// What the tokens of this login are for. `session`: what the refresh token was for, if one was shown.
pub(super) fn asked_for(call: &Call<'_>, session: Option<Wanted>, account: &str) -> Result<Wanted, Refusal> {
    match (call.method.as_ref(), session) {
        ("public/fork_token", Some(Wanted { session: Session::Named(_), .. })) => {
            let name = name_of(&call.params)?;
            Ok(Wanted { session: Session::Named(session_name(&name)?), ..Wanted::default() })
        }
        // Only sessions with a name may be forked (venue).
        ("public/fork_token", _) => Err(Refusal::operator(Reject::ScopeMissing, "the token is of no named session")),
        ("public/exchange_token", session) => {
            let subject = call.params.text("subject_id")?.ok_or_else(|| malformed("subject_id"))?;
            if subject != account {
                return Err(Refusal::operator(Reject::ScopeMissing, "a key is of one account; there is no other subject"));
            }
            Ok(session.unwrap_or_default())
        }
        (_, Some(session)) => Ok(session),
        (_, None) => grant::wanted(&call.params),
    }
}

fn name_of(params: &Params<'_>) -> Result<String, Refusal> {
    Ok(params.text("session_name")?.ok_or_else(|| malformed("session_name"))?.into_owned())
}
