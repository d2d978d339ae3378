//! `envoy.service.auth.v3.Authorization/Check`: the question and the answer as messages.
//!
//! The messages are those of the `envoy-types` crate, the transport is tonic's; the service is written against tonic's own
//! [`UnaryService`], because a worker's state stays on its thread and the generated trait wants it to travel.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use countersign_core::{Refusal, Reject};
use countersign_dialects::Headers as _;
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue as PbHeader, HeaderValueOption, address::Address};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse};
use envoy_types::pb::envoy::r#type::v3::{HttpStatus, StatusCode as PbStatusCode};
use envoy_types::pb::google::rpc;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tonic::Code;
use tonic::server::UnaryService;

use super::answer::unset_identity_headers;
use super::body::Framing;
use super::original::{Original, PARTIAL_BODY, address, is_partial};
use super::{Authz, Permitted, Verdict};
use crate::connection::Connection;
use crate::exchange::Answer;

/// The path of the method.
pub(super) const CHECK_PATH: &str = "/envoy.service.auth.v3.Authorization/Check";

/// The service, for one question.
pub(super) struct Check {
    pub(super) authz: Rc<Authz>,
    pub(super) proxy: Rc<Connection>,
}

impl UnaryService<CheckRequest> for Check {
    type Response = CheckResponse;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<CheckResponse>, tonic::Status>>>>;

    fn call(&mut self, request: tonic::Request<CheckRequest>) -> Self::Future {
        let (authz, proxy) = (Rc::clone(&self.authz), Rc::clone(&self.proxy));
        Box::pin(async move {
            let settings = &authz.worker.shared.settings;
            let asked = original(request.into_inner(), settings.authz.bodies_passed_on);
            let verdict = authz.decide(&proxy, asked.and_then(|asked| bounded(asked, settings.limits.body_bytes_max)));
            Ok(tonic::Response::new(response(verdict)))
        })
    }
}

/// The original request in a question.
///
/// # Errors
/// [`Reject::Malformed`]: something is missing that Envoy always sends.
fn original(request: CheckRequest, passed_on: bool) -> Result<Original, Refusal> {
    let missing = |what: &str| Refusal::operator(Reject::Malformed, format!("the question has no {what}"));
    let AttributeContext { source, request, .. } = request.attributes.ok_or_else(|| missing("attributes"))?;
    let peer = source.and_then(|source| source.address).and_then(|address| address.address);
    let Some(Address::SocketAddress(peer)) = peer else { return Err(missing("source address")) };
    let http = request.and_then(|request| request.http).ok_or_else(|| missing("HTTP request"))?;
    let headers = headers(&http)?;
    let framing = Framing {
        length: headers.get(CONTENT_LENGTH).map(|value| value.to_str().unwrap_or_default()),
        chunked: headers.contains_key(TRANSFER_ENCODING),
        // Envoy takes Transfer-Encoding out of a request before it asks: that none is there proves nothing, in HTTP/1 either.
        http1: false,
        partial: is_partial(headers.find(PARTIAL_BODY)),
        passed_on,
    };
    let delivered = if http.raw_body.is_empty() { Bytes::from(http.body) } else { Bytes::from(http.raw_body) };
    let body = framing.whole(delivered);
    let host = HeaderValue::from_str(&http.host).map_err(|_| missing("host"))?;
    Original::new(http.method.as_bytes(), &http.path, host, address(&peer.address)?, headers, body)
}

/// A question of a body that is as long as the gateway takes: the message around it may be longer.
///
/// # Errors
/// [`Reject::TooLarge`].
fn bounded(asked: Original, bytes_max: usize) -> Result<Original, Refusal> {
    let is_longer = asked.body.as_ref().is_some_and(|body| body.len() > bytes_max);
    if is_longer { Err(Reject::TooLarge.into()) } else { Ok(asked) }
}

/// The client's headers. Envoy sends them as a map, in which it has joined those of one name, or, with `encode_raw_headers`, one by one.
fn headers(http: &HttpRequest) -> Result<HeaderMap, Refusal> {
    let one_by_one = http.header_map.iter().flat_map(|map| &map.headers).map(|header| {
        let value = if header.raw_value.is_empty() { header.value.as_bytes() } else { &header.raw_value };
        (header.key.as_str(), value)
    });
    let joined = http.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let mut headers = HeaderMap::new();
    for (name, value) in one_by_one.chain(joined).filter(|(name, _)| !name.starts_with(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).ok();
        let value = HeaderValue::from_bytes(value).ok();
        let Some((name, value)) = name.zip(value) else {
            return Err(Refusal::operator(Reject::Malformed, "a header of the question cannot stand in HTTP"));
        };
        headers.append(name, value);
    }
    Ok(headers)
}

fn response(verdict: Verdict) -> CheckResponse {
    let (code, http) = match verdict {
        Verdict::Permitted(permitted) => (Code::Ok, HttpResponse::OkResponse(ok(&permitted))),
        Verdict::Refused(answer) => {
            let code = match answer.status() {
                StatusCode::UNAUTHORIZED => Code::Unauthenticated,
                status if status.is_server_error() => Code::Unavailable,
                _ => Code::PermissionDenied,
            };
            (code, HttpResponse::DeniedResponse(denied(answer)))
        }
    };
    let status = rpc::Status { code: code.into(), ..rpc::Status::default() };
    CheckResponse { status: Some(status), http_response: Some(http), ..CheckResponse::default() }
}

fn ok(permitted: &Permitted) -> OkHttpResponse {
    OkHttpResponse {
        headers: options(&permitted.upstream),
        headers_to_remove: unset_identity_headers(permitted).map(|name| name.as_str().to_owned()).collect(),
        response_headers_to_add: options(&permitted.client),
        ..OkHttpResponse::default()
    }
}

/// The refusal as it is. A status that Envoy's list does not have (418 of one venue) becomes 403.
fn denied(answer: Answer) -> DeniedHttpResponse {
    let (parts, body) = answer.into_parts();
    let status = i32::from(parts.status.as_u16());
    let code = PbStatusCode::try_from(status).unwrap_or(PbStatusCode::Forbidden);
    let body = String::from_utf8(body.into_own().unwrap_or_default().into()).unwrap_or_default();
    DeniedHttpResponse { status: Some(HttpStatus { code: code.into() }), headers: options(&parts.headers), body }
}

fn options(headers: &HeaderMap) -> Vec<HeaderValueOption> {
    let option = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = value.to_str().ok()?.to_owned();
        let header = PbHeader { key: name.as_str().to_owned(), value, ..PbHeader::default() };
        let append_action = HeaderAppendAction::OverwriteIfExistsOrAdd.into();
        Some(HeaderValueOption { header: Some(header), append_action, ..HeaderValueOption::default() })
    };
    headers.iter().filter_map(option).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashMap;

    use envoy_types::pb::envoy::config::core::v3::{Address as PbAddress, HeaderMap as PbHeaders, SocketAddress};
    use envoy_types::pb::envoy::service::auth::v3::attribute_context::{Peer, Request};

    use super::*;

    fn question(headers: &[(&str, &str)], body: &[u8]) -> CheckRequest {
        let http = HttpRequest {
            method: "POST".to_owned(),
            path: "/api/v3/order?a=%2F".to_owned(),
            host: "api.example".to_owned(),
            protocol: "HTTP/1.1".to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<HashMap<_, _>>(),
            raw_body: body.to_vec(),
            ..HttpRequest::default()
        };
        let socket = SocketAddress { address: "192.0.2.7".to_owned(), ..SocketAddress::default() };
        let address = PbAddress { address: Some(Address::SocketAddress(socket)) };
        let source = Peer { address: Some(address), ..Peer::default() };
        let request = Request { http: Some(http), ..Request::default() };
        let attributes = AttributeContext { source: Some(source), request: Some(request), ..AttributeContext::default() };
        CheckRequest { attributes: Some(attributes) }
    }

    #[test]
    fn that_no_transfer_encoding_is_told_does_not_prove_that_there_is_no_body() {
        let body = |headers: &[(&str, &str)], body: &[u8], passed_on| original(question(headers, body), passed_on).unwrap().body;
        assert_eq!(body(&[], b"", false), None);
        assert_eq!(body(&[("content-length", "0")], b"", false), Some(Bytes::new()));
        assert_eq!(body(&[], b"", true), Some(Bytes::new()));
        assert_eq!(body(&[("content-length", "3")], b"abc", false), Some(Bytes::from_static(b"abc")));
        assert_eq!(body(&[("content-length", "4")], b"abc", true), None);
        assert_eq!(body(&[("x-envoy-auth-partial-body", "true")], b"abc", true), None);
    }

    #[test]
    fn headers_of_one_name_stay_apart_where_envoy_sends_them_so() {
        let mut asked = question(&[], b"");
        let twice = ["a", "b"].map(|value| PbHeader { key: "x-mbx-apikey".to_owned(), raw_value: value.into(), ..PbHeader::default() });
        let pseudo = PbHeader { key: ":path".to_owned(), raw_value: b"/other".to_vec(), ..PbHeader::default() };
        let http = asked.attributes.as_mut().unwrap().request.as_mut().unwrap().http.as_mut().unwrap();
        http.header_map = Some(PbHeaders { headers: twice.into_iter().chain([pseudo]).collect() });
        let original = original(asked, true).unwrap();
        assert_eq!(original.headers.find("x-mbx-apikey"), countersign_dialects::Header::Repeated);
        assert_eq!((original.target.as_str(), original.headers.len()), ("/api/v3/order?a=%2F", 2));
    }

    #[test]
    fn a_question_without_its_parts_is_refused() {
        for cut in [
            |asked: &mut CheckRequest| asked.attributes = None,
            |asked: &mut CheckRequest| asked.attributes.as_mut().unwrap().source = None,
            |asked: &mut CheckRequest| asked.attributes.as_mut().unwrap().request = None,
        ] {
            let mut asked = question(&[], b"");
            cut(&mut asked);
            assert_eq!(original(asked, true).unwrap_err().reject, Reject::Malformed);
        }
    }

    #[test]
    fn a_status_that_envoy_does_not_know_becomes_403() {
        for (status, told) in [(418, 403), (429, 429), (503, 503)] {
            let answer = http::Response::builder().status(status).body("{}".to_owned().into()).unwrap();
            assert_eq!(denied(answer).status.unwrap().code, told);
        }
    }
}
