//! The load balancers that name the clients.

use super::*;
use crate::proxy_protocol::ProxyProtocol;

#[test]
fn balancers_are_named_as_networks_or_addresses() {
    let found = settings("[listen]\nproxy_protocol = \"required\"\nproxy_trusted = [\"10.0.0.0/28\", \"2001:db8::1\"]\n");
    let networks = ["10.0.0.0/28", "2001:db8::1/128"].map(|network| network.parse().unwrap());
    assert_eq!(found.listen.proxy_protocol, ProxyProtocol::Required(networks.into()));
    assert_eq!(settings("").listen.proxy_protocol, ProxyProtocol::Off);
}

#[test]
fn who_may_name_clients_is_said_and_is_not_everybody() {
    for (written, told) in [
        (
            "proxy_protocol = \"required\"",
            "2: listen.proxy_protocol: nobody could connect: name the load balancers in listen.proxy_trusted",
        ),
        ("proxy_protocol = \"required\"\nproxy_trusted = []", "3: listen.proxy_trusted: an empty list lets nobody connect"),
        ("proxy_trusted = [\"10.0.0.1\"]", "2: listen.proxy_trusted: has no meaning unless listen.proxy_protocol is \"required\""),
        ("proxy_protocol = \"optional\"", "2: listen.proxy_protocol: expected \"off\" or \"required\", found \"optional\""),
        (
            "proxy_protocol = \"required\"\nproxy_trusted = [\"10.0.0.1\", \"::/0\"]",
            "3: listen.proxy_trusted: this is everybody, and anybody could then pass for anybody: name the balancers",
        ),
        (
            "proxy_protocol = \"required\"\nproxy_trusted = [\"balancer.example\"]",
            "expected an address or network, such as 10.0.0.0/8, found \"balancer.example\"",
        ),
    ] {
        let found = problems(&format!("[listen]\n{written}\n"));
        assert!(found.contains(told), "{written}: {found}");
    }
}
