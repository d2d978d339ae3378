//! Names of headers that stop at the gateway because somebody says by them who is calling.
//!
//! Every header of every request and answer is asked about here, so what is not listed is told by a few of its bytes.

use countersign_dialects::method_override;

/// Headers that upstreams take as a word from their proxy: who is calling, and what was really asked for, also by another method than
/// that of the request. Every byte that is neither letter nor digit counts as a hyphen: upstreams that turn names into variables read
/// them all as one name.
///
/// `name` is in lower case.
pub(crate) fn says_who(name: &[u8]) -> bool {
    let Some([first, _, third, fourth, ..]) = name.first_chunk::<4>() else { return false };
    if !BEGINNINGS[beginning(*first, *third, *fourth)] {
        return false;
    }
    let same = |(byte, wanted): (u8, u8)| plain(byte) == plain(wanted);
    let starts = |prefix: &str| name.len() >= prefix.len() && name.iter().copied().zip(prefix.bytes()).all(same);
    let is = |whole: &str| name.len() == whole.len() && starts(whole);
    OF_PROXIES_PREFIXES.iter().copied().any(starts) || OF_PROXIES.iter().chain(method_override::HEADERS).copied().any(is)
}

/// What is neither letter nor digit is a hyphen.
const fn plain(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte } else { b'-' }
}

/// Where [`BEGINNINGS`] tells of names that begin so. The second byte tells least: it is a hyphen in most of them.
const fn beginning(first: u8, third: u8, fourth: u8) -> usize {
    (plain(first) as usize * 31 + plain(third) as usize * 7 + plain(fourth) as usize) % BEGINNINGS_KEPT
}

/// Room enough that hardly any other name is taken for one of them.
const BEGINNINGS_KEPT: usize = 1_024;

/// The beginnings of all of them: nearly every other header is told apart by that. Each has four bytes or more.
static BEGINNINGS: [bool; BEGINNINGS_KEPT] = {
    let mut begins = [false; BEGINNINGS_KEPT];
    let lists = [OF_PROXIES_PREFIXES, OF_PROXIES, method_override::HEADERS];
    let mut list = 0;
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            let name = lists[list][at].as_bytes();
            begins[beginning(name[0], name[2], name[3])] = true;
            at += 1;
        }
        list += 1;
    }
    begins
};

/// Beginnings of such names.
const OF_PROXIES_PREFIXES: &[&str] = &[
    "cf-access-",  // Cloudflare Access
    "client-cert", // RFC 9440
    "countersign-",
    "ssl-client-",
    "tailscale-user-", // Tailscale Serve
    "x-amzn-oidc-",
    "x-auth-request-",
    "x-authenticated-",
    "x-client-cert",
    "x-consumer-",
    "x-countersign-",
    "x-credential-",
    "x-envoy-",
    "x-forwarded",
    "x-goog-authenticated-", // Google Identity-Aware Proxy
    "x-goog-iap-",
    "x-ms-client-principal", // Azure App Service
    "x-original-",
    "x-pomerium-",
    "x-remote-",
    "x-rewrite-",
    "x-ssl-",
    "x-tls-",
    "x-webauth-",
];

/// Whole names. The last one makes another host out of the one that was authorized.
const OF_PROXIES: &[&str] = &[
    "cf-connecting-ip",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "proxy", // CGI makes the proxy of the program's own requests of it (CVE-2016-5385)
    "remote-addr",
    "remote-user",
    "true-client-ip",
    "x-appengine-user-ip",
    "x-azure-clientip",
    "x-client-dn",
    "x-client-ip",
    "x-client-verify",
    "x-cluster-client-ip",
    "x-jwt-assertion",
    "x-real-ip",
    "x-user",
    "x-userinfo",
    "x-http-host-override",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_told_with_whatever_mark_between_its_words() {
        for mark in ["-", "_", ".", "~"] {
            for name in OF_PROXIES_PREFIXES.iter().chain(OF_PROXIES).chain(method_override::HEADERS) {
                assert!(says_who(name.replace('-', mark).as_bytes()), "{name} with {mark}");
            }
        }
        for other in ["", "x", "x-r", "x-mbx-apikey", "content-type", "accept", "user-agent", "x-real-ips", "remote"] {
            assert!(!says_who(other.as_bytes()), "{other}");
        }
    }
}
