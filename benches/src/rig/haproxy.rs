//! HAProxy from Debian, with its own `hmac()` converter.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::certificates::Certificates;
use super::contestants::Keys;

/// The configuration: one thread, no log, upstream connections reused always.
pub(super) fn config(certificates: &Certificates, keys: &Keys, tls: SocketAddr, mutual: SocketAddr, upstream: SocketAddr) -> String {
    let (ca, both) = (certificates.ca.display(), certificates.server_both.display());
    let (api_key, secret) = (keys.hmac.api_key(), STANDARD.encode(keys.hmac.secret().unwrap_or_default()));
    format!(
        "global
  nbthread 1
  maxconn 9500
  tune.ssl.cachesize 100000
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
defaults
  mode http
  timeout connect 2s
  timeout client 300s
  timeout server 300s
  timeout tunnel 300s
  timeout http-keep-alive 300s
  timeout http-request 30s
  http-reuse always
frontend clients
  bind {tls} ssl crt {both} alpn http/1.1 curves X25519
  http-request return status 200 content-type text/plain string ok if {{ path /t }}
  http-request set-var(txn.message) query,regsub(&signature=.*$,) if {{ path_beg /api }}
  http-request set-var(txn.mac) var(txn.message),hmac(sha256,{secret}),hex,lower if {{ path_beg /api }}
  http-request deny deny_status 401 if {{ path_beg /api }} !{{ url_param(signature),strcmp(txn.mac) eq 0 }}
  http-request deny deny_status 401 if {{ path_beg /api }} !{{ req.hdr(x-mbx-apikey) -m str {api_key} }}
  default_backend up
frontend mutual
  bind {mutual} ssl crt {both} alpn http/1.1 curves X25519 ca-file {ca} verify required
  http-request return status 200 content-type text/plain string ok if {{ path /t }}
backend up
  server up {upstream} pool-max-conn 256
"
    )
}
