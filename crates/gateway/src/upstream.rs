//! Connections to one upstream, of one worker: no lock, no sharing between cores.
//!
//! A connection is used by one request at a time and goes back to the pool when its answer was read to the end. One that broke,
//! or whose answer was not read, is dropped: another client can never see the rest of it. Nothing is written to an upstream
//! without a [`Permit`].

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::time::Duration;

use countersign_core::{Monotonic, Permit, Refusal, Reject};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::body::RequestBody;
use crate::clock;
use crate::halts::Cleared;
use crate::lean::Lines;

/// Where an upstream is, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// `host:port`.
    pub authority: String,
    /// How long a TCP connection may take.
    pub connect_timeout: Duration,
    /// How long the head of an answer may take.
    pub response_timeout: Duration,
    /// Idle connections kept, per worker.
    pub idle_max: usize,
    /// How long an idle connection is kept: below the usual keep-alive of servers, so that we close first.
    pub idle_for: Duration,
    /// `host:port` of its FIX acceptor, if it has one.
    pub fix: Option<String>,
}

/// Bytes read from an upstream ahead of what clients took. It is also the longest head of an answer.
const READ_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// The pool.
pub struct Upstream {
    config: UpstreamConfig,
    idle: RefCell<VecDeque<Idle>>,
    /// Connections of the short way.
    pub(crate) lines: Lines,
}

struct Idle {
    sender: SendRequest<RequestBody>,
    since: Monotonic,
}

/// One connection, taken out of the pool.
pub struct Lease {
    sender: SendRequest<RequestBody>,
    pool: Weak<Upstream>,
}

impl Upstream {
    /// An empty pool.
    #[must_use]
    pub fn new(config: UpstreamConfig) -> Rc<Self> {
        Rc::new(Self { config, idle: RefCell::default(), lines: Lines::default() })
    }

    /// Where it is.
    #[must_use]
    pub fn config(&self) -> &UpstreamConfig {
        &self.config
    }

    /// Sends a permitted request on a leased connection and waits for the head of the answer.
    ///
    /// # Errors
    /// [`Reject::UpstreamUnavailable`] or [`Reject::UpstreamTimeout`]. A request is sent once only: a retry could place an order
    /// twice.
    pub async fn send(
        &self,
        _permit: &Cleared,
        mut lease: Lease,
        request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Lease), Reject> {
        let answer = tokio::time::timeout(self.config.response_timeout, lease.sender.send_request(request)).await;
        match answer {
            Ok(Ok(response)) => Ok((response, lease)),
            Ok(Err(error)) => {
                tracing::warn!(upstream = %self.config.authority, %error, "upstream answer failed");
                Err(Reject::UpstreamUnavailable)
            }
            Err(_) => Err(Reject::UpstreamTimeout),
        }
    }

    /// Takes an idle connection or makes a new one.
    ///
    /// # Errors
    /// [`Reject::UpstreamUnavailable`] or [`Reject::UpstreamTimeout`].
    pub async fn lease(self: &Rc<Self>) -> Result<Lease, Reject> {
        if let Some(sender) = self.take_idle() {
            return Ok(Lease { sender, pool: Rc::downgrade(self) });
        }
        let sender = tokio::time::timeout(self.config.connect_timeout, self.connect())
            .await
            .map_err(|_| Reject::UpstreamTimeout)?
            .map_err(|error| {
                tracing::warn!(upstream = %self.config.authority, %error, "upstream connection failed");
                Reject::UpstreamUnavailable
            })?;
        Ok(Lease { sender, pool: Rc::downgrade(self) })
    }

    fn take_idle(&self) -> Option<SendRequest<RequestBody>> {
        let now = clock::mono();
        let mut idle = self.idle.borrow_mut();
        while idle.front().is_some_and(|oldest| now.saturating_since(oldest.since) > self.config.idle_for) {
            idle.pop_front();
        }
        // The youngest that is ready: one given back in this very turn is not, because its own task has not run since.
        for index in (0..idle.len()).rev() {
            let sender = &idle[index].sender;
            if sender.is_ready() {
                return idle.remove(index).map(|one| one.sender);
            }
            if sender.is_closed() {
                idle.remove(index);
            }
        }
        None
    }

    /// A new TCP connection to the upstream, for permitted traffic that is not pooled (WebSockets).
    ///
    /// # Errors
    /// As the operating system says.
    pub async fn connect_tcp(&self, _permit: &Permit) -> std::io::Result<TcpStream> {
        self.dial().await
    }

    /// A new TCP connection to the upstream's FIX acceptor.
    ///
    /// # Errors
    /// [`Reject::UpstreamUnavailable`] or [`Reject::UpstreamTimeout`].
    pub(crate) async fn connect_fix(&self, _permit: &Permit) -> Result<TcpStream, Refusal> {
        let missing = || Refusal::operator(Reject::UpstreamUnavailable, "the upstream has no FIX address: set upstream.NAME.fix");
        let address = self.config.fix.as_deref().ok_or_else(missing)?;
        self.dial_address(address).await.map_err(|error| {
            let reject = if error.kind() == std::io::ErrorKind::TimedOut { Reject::UpstreamTimeout } else { Reject::UpstreamUnavailable };
            Refusal::operator(reject, format!("FIX at {address}: {error}"))
        })
    }

    /// A connection, on which nothing is sent yet.
    pub(crate) async fn dial(&self) -> std::io::Result<TcpStream> {
        self.dial_address(&self.config.authority).await
    }

    async fn dial_address(&self, address: &str) -> std::io::Result<TcpStream> {
        let stream = tokio::time::timeout(self.config.connect_timeout, TcpStream::connect(address))
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(&self) -> Result<SendRequest<RequestBody>, Box<dyn std::error::Error>> {
        let stream = self.dial().await?;
        let (mut sender, connection) = http1::Builder::new().max_buf_size(READ_BUFFER_BYTES_MAX).handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "upstream connection ended");
            }
        });
        sender.ready().await?;
        Ok(sender)
    }
}

impl Lease {
    /// Puts the connection back, if the pool has room. Called when its answer was read to the end, which is a moment before the
    /// connection's task notes it: whoever takes a connection out looks whether it is ready.
    pub fn give_back(self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.keep(self.sender);
        }
    }
}

impl Upstream {
    fn keep(&self, sender: SendRequest<RequestBody>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.config.idle_max {
            idle.push_back(Idle { sender, since: clock::mono() });
        }
    }
}
