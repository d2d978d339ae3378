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
use super::body::{Framing, is_http1};
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
            let passed_on = authz.worker.shared.settings.authz.bodies_passed_on;
            let verdict = authz.decide(&proxy, original(request.into_inner(), passed_on));
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
        http1: is_http1(&http.protocol),
        partial: is_partial(headers.find(PARTIAL_BODY)),
        passed_on,
    };
    let delivered = if http.raw_body.is_empty() { Bytes::from(http.body) } else { Bytes::from(http.raw_body) };
    let body = framing.whole(delivered);
    let host = HeaderValue::from_str(&http.host).map_err(|_| missing("host"))?;
    Original::new(http.method.as_bytes(), &http.path, host, address(&peer.address)?, headers, body)
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
