//! nginx from Debian, with Lua that asks libcrypto: the way to check signatures in nginx itself.

use std::net::SocketAddr;
use std::path::Path;

use super::certificates::Certificates;
use super::contestants::Keys;

/// The configuration: one worker, no access log, upstream connections kept alive.
pub(super) fn config(
    folder: &Path,
    certificates: &Certificates,
    keys: &Keys,
    tls: SocketAddr,
    mutual: SocketAddr,
    upstream: SocketAddr,
) -> String {
    let folder = folder.display();
    let (ca, server, server_key) = (certificates.ca.display(), certificates.server.display(), certificates.server_key.display());
    let lua = lua(keys);
    format!(
        r#"load_module modules/ndk_http_module.so;
load_module modules/ngx_http_lua_module.so;
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log crit;
events {{ worker_connections 19000; }}
http {{
  access_log off;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  keepalive_timeout 300s;
  keepalive_requests 100000000;
  tcp_nodelay on;
  ssl_protocols TLSv1.3;
  ssl_ecdh_curve X25519;
  ssl_certificate {server};
  ssl_certificate_key {server_key};
  ssl_session_tickets on;
  ssl_session_cache shared:S:20m;
  upstream up {{ server {upstream}; keepalive 128; keepalive_requests 100000000; }}
{lua}
  server {{
    listen {tls} ssl;
    location = /t {{ default_type text/plain; return 200 "ok"; }}
    location = /public {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    location = /api/v3/account {{
      access_by_lua_block {{ return check_hmac() }}
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
    }}
    location = /ed25519/account {{
      access_by_lua_block {{ return check_ed25519() }}
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
    }}
    location = /echo {{
      proxy_pass http://up; proxy_http_version 1.1; proxy_read_timeout 300s;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
    }}
  }}
  server {{
    listen {mutual} ssl;
    ssl_client_certificate {ca};
    ssl_verify_client on;
    location = /t {{ default_type text/plain; return 200 "ok"; }}
  }}
}}
"#
    )
}

fn lua(keys: &Keys) -> String {
    let (api_key, secret, ed_api_key) = (keys.hmac.api_key(), keys.hmac.secret().unwrap_or_default(), keys.ed25519.api_key());
    let public = keys.ed25519.public_key().map(hex::encode).unwrap_or_default();
    format!(
        r#"  init_by_lua_block {{
    local ffi = require "ffi"
    ffi.cdef[[
      const void *EVP_sha256(void);
      unsigned char *HMAC(const void *md, const void *key, int key_len, const unsigned char *d, size_t n, unsigned char *out, unsigned int *out_len);
      int CRYPTO_memcmp(const void *a, const void *b, size_t len);
      void *EVP_PKEY_new_raw_public_key(int type, void *e, const unsigned char *key, size_t keylen);
      void *EVP_MD_CTX_new(void);
      int EVP_MD_CTX_reset(void *ctx);
      int EVP_DigestVerifyInit(void *ctx, void **pctx, const void *type, void *e, void *pkey);
      int EVP_DigestVerify(void *ctx, const unsigned char *sig, size_t siglen, const unsigned char *tbs, size_t tbslen);
    ]]
    local C, sha256 = ffi.C, ffi.C.EVP_sha256()
    local mac, mac_hex, mac_len = ffi.new("unsigned char[32]"), ffi.new("unsigned char[64]"), ffi.new("unsigned int[1]")
    local digits = "0123456789abcdef"
    local secret, api_key, ed_api_key = "{secret}", "{api_key}", "{ed_api_key}"
    local function unhex(text) return (text:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)) end
    local public = C.EVP_PKEY_new_raw_public_key(1087, nil, unhex("{public}"), 32)
    local context = C.EVP_MD_CTX_new()
    local function split(args) return args:match("^(.*)&signature=([^&]+)$") end
    function check_hmac()
      local message, signature = split(ngx.var.args or "")
      if not message or #signature ~= 64 or ngx.var.http_x_mbx_apikey ~= api_key then return ngx.exit(401) end
      C.HMAC(sha256, secret, #secret, message, #message, mac, mac_len)
      for i = 0, 31 do
        local byte = mac[i]
        local low = byte % 16
        mac_hex[2 * i] = digits:byte((byte - low) / 16 + 1)
        mac_hex[2 * i + 1] = digits:byte(low + 1)
      end
      if C.CRYPTO_memcmp(mac_hex, signature, 64) ~= 0 then return ngx.exit(401) end
    end
    function check_ed25519()
      local message, signature = split(ngx.var.args or "")
      if not message or ngx.var.http_x_mbx_apikey ~= ed_api_key then return ngx.exit(401) end
      signature = ngx.decode_base64(ngx.unescape_uri(signature))
      if not signature or #signature ~= 64 then return ngx.exit(401) end
      C.EVP_MD_CTX_reset(context)
      C.EVP_DigestVerifyInit(context, nil, nil, nil, public)
      if C.EVP_DigestVerify(context, signature, 64, message, #message) ~= 1 then return ngx.exit(401) end
    end
  }}"#
    )
}
