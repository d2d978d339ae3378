//! One worker: a thread with its own runtime, listener and upstream connections.

use std::rc::Rc;
use std::sync::Arc;

use crate::body::budget::WorkerBodies;
use crate::entropy::CorrelationIds;
use crate::shared::Shared;
use crate::upstream::{Upstream, UpstreamConfig};
use crate::websocket::standing::Standing;

/// The state of one worker. It never leaves its thread.
pub struct Worker {
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// Upstream connection pools, in the order of `Settings::upstreams`.
    pub upstreams: Vec<Rc<Upstream>>,
    /// Names for decisions.
    pub correlation: CorrelationIds,
    /// What request bodies hold.
    pub bodies: WorkerBodies,
    /// Tells open connections that credentials changed.
    pub standing: Standing,
}

impl Worker {
    /// A worker; call it on the worker's own thread.
    #[must_use]
    pub fn new(shared: Arc<Shared>, upstreams: &[UpstreamConfig]) -> Rc<Self> {
        let upstreams = upstreams.iter().cloned().map(Upstream::new).collect();
        Rc::new(Self {
            shared,
            upstreams,
            correlation: CorrelationIds::new(),
            bodies: WorkerBodies::default(),
            standing: Standing::default(),
        })
    }
}
