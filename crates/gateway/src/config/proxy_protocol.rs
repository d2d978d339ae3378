//! `listen.proxy_protocol`: the load balancers that name the clients of the public port.

use ipnet::IpNet;

use super::authz::network;
use super::raw::Origin;
use super::reader::Reader;
use crate::proxy_protocol::ProxyProtocol;

/// Reads both keys.
pub(super) fn read(keys: &mut Reader<'_>) -> ProxyProtocol {
    let origin = |keys: &Reader<'_>, key| keys.origin_of(key).unwrap_or(Origin::Default);
    let (protocol_origin, trusted_origin) = (origin(keys, "proxy_protocol"), origin(keys, "proxy_trusted"));
    let required = keys.choice(
        "proxy_protocol",
        "\"required\" when a load balancer in front says first whose connection it is (PROXY protocol, version 1 or 2): what it says is then the source in every limit, allow list and record. A connection without, or from anywhere else than proxy_trusted, is closed.",
        &[("off", false), ("required", true)],
    );
    let listed =
        keys.list_or("proxy_trusted", "Networks of those load balancers. What they say about a client is believed.", "none", network);
    let trusted: Vec<IpNet> = listed.iter().flatten().filter_map(|text| text.parse().ok()).collect();
    if trusted.iter().any(|network| matches!(network, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some())) {
        keys.report().problem(&trusted_origin, "listen.proxy_trusted", "an IPv4 network in the form of IPv6 is nobody's: write it as IPv4");
    }
    // Two halves of everybody are everybody.
    if IpNet::aggregate(&trusted).iter().any(|network| network.prefix_len() == 0) {
        keys.report().problem(
            &trusted_origin,
            "listen.proxy_trusted",
            "this is everybody, and anybody could then pass for anybody: name the balancers",
        );
    }
    match (required, listed) {
        (true, None) => {
            keys.report().problem(
                &protocol_origin,
                "listen.proxy_protocol",
                "nobody could connect: name the load balancers in listen.proxy_trusted",
            );
        }
        (true, Some(none)) if none.is_empty() => {
            keys.report().problem(&trusted_origin, "listen.proxy_trusted", "an empty list lets nobody connect");
        }
        (false, Some(_)) => {
            keys.report().problem(&trusted_origin, "listen.proxy_trusted", "has no meaning unless listen.proxy_protocol is \"required\"");
        }
        (true, Some(_)) | (false, None) => {}
    }
    if required { ProxyProtocol::Required(trusted) } else { ProxyProtocol::Off }
}
