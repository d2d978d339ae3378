//! Where the server is, and how it is reached.

use std::time::Duration;

use countersign_core::Secret;
use redis::{Client, ConnectionInfo, IntoConnectionInfo as _, RedisError, TlsCertificates};

use super::unusable;
use crate::error::StoreError;
use crate::limits;

/// Where the server is, and how long it may take.
#[derive(Clone, Debug)]
pub struct SharedServer {
    /// `redis://[user@]host:port/db`, `rediss://…` (TLS) or `redis+unix:///path`.
    pub url: String,
    /// The password.
    pub password: Option<Secret>,
    /// The CAs that a server with TLS is believed by, PEM; `None`: those of the system.
    pub ca: Option<Vec<u8>>,
    /// How long one question may take.
    pub timeout: Duration,
    /// Connections that [`SharedMemory::check`](super::SharedMemory::check) keeps ready: one for each thread that asks.
    pub links: usize,
}

impl SharedServer {
    /// A server without password, with the time limit for production.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned(), password: None, ca: None, timeout: limits::SHARED_TIMEOUT, links: 1 }
    }

    pub(super) fn client(&self) -> Result<Client, StoreError> {
        let failed = |error: RedisError| unusable(error.category());
        let mut info: ConnectionInfo = self.url.as_str().into_connection_info().map_err(failed)?;
        if let Some(password) = &self.password {
            let text = std::str::from_utf8(password.expose()).map_err(|_| unusable("its password is not text"))?;
            let settings = info.redis_settings().clone().set_password(text);
            info = info.set_redis_settings(settings);
        }
        match &self.ca {
            Some(ca) => Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(ca.clone()) }),
            None => Client::open(info),
        }
        .map_err(failed)
    }
}
