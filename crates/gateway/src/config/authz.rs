//! `[authz]`: the port where nginx and Envoy ask.

use ipnet::IpNet;

use super::raw::Origin;
use super::reader::{Reader, found};
use super::sections::{CLIENT_CRL, authority};
use super::settings::{Authorities, AuthzSettings};

/// Who may ask unless told otherwise: a proxy on this machine.
const PEERS: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// Reads the section.
pub(super) fn read(mut keys: Reader<'_>) -> AuthzSettings {
    let address = keys.address_or_off(
        "address",
        "Where a proxy in front of your services asks: nginx auth_request at /authz, Envoy ext_authz over HTTP at /authz/envoy and over gRPC. See docs/authz.md.",
    );
    let peers_origin = keys.origin_of("peers").unwrap_or(Origin::Default);
    let listed = keys.list_or(
        "peers",
        "Networks of the proxies. What they say about a client is believed, so others are closed without a word.",
        "127.0.0.0/8, ::1/128",
        network,
    );
    if listed.as_ref().is_some_and(Vec::is_empty) {
        keys.report().problem(&peers_origin, "authz.peers", "an empty list lets nobody ask: set authz.address = \"off\" instead");
    }
    let texts = listed.unwrap_or_else(|| PEERS.map(str::to_owned).into());
    let peers = texts.iter().filter_map(|text| text.parse().ok()).collect();
    let client_ca = keys.path_or(
        "client_ca",
        "PEM file of a CA that gives certificates to proxies and to nobody else: the port then speaks TLS and asks for one.",
        "no TLS on this port",
    );
    let crl_origin = keys.origin_of("client_crl").unwrap_or(Origin::Default);
    let client_crl = keys.path_or("client_crl", CLIENT_CRL, "revocation is not checked");
    if client_crl.is_some() && client_ca.is_none() {
        keys.report().problem(&crl_origin, "authz.client_crl", "no proxy shows a certificate: set authz.client_ca");
    }
    let authorities = keys
        .list_or("authorities", "Host names that clients of the proxy may name; others get 421.", "those of the public port", authority)
        .map_or(Authorities::Any, Authorities::Listed);
    let bodies_passed_on = keys.choice(
        "envoy_bodies",
        "\"passed-on\" when Envoy has with_request_body without allow_partial_message: without it a signature that covers a body cannot be verified.",
        &[("kept", false), ("passed-on", true)],
    );
    AuthzSettings { address, peers, client_ca, client_crl, authorities, bodies_passed_on }
}

/// A network or an address.
pub(super) fn network(text: &str) -> Result<String, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
    network.map(|network| network.to_string()).map_err(|_| format!("expected an address or network, such as 10.0.0.0/8, {}", found(text)))
}
