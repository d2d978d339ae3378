//! One worker: a thread with its own runtime, listener and upstream connections.

use std::rc::Rc;
use std::sync::Arc;

use countersign_core::Permit;
use countersign_halt::LaneHand;

use crate::body::budget::WorkerBodies;
use crate::entropy::CorrelationIds;
use crate::lean::scratch::Scratch;
use crate::native::door::Door;
use crate::shared::Shared;
use crate::upstream::{Upstream, UpstreamConfig};
use crate::websocket::standing::Standing;

/// The state of one worker. It never leaves its thread.
pub struct Worker {
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// Upstream connection pools, in the order of `Settings::upstreams`.
    pub upstreams: Vec<Rc<Upstream>>,
    /// Marks requests under way that write, for the barrier of a halt.
    pub lane: Rc<LaneHand>,
    /// Names for decisions.
    pub correlation: CorrelationIds,
    /// What request bodies hold.
    pub bodies: WorkerBodies,
    /// Tells open connections that credentials changed.
    pub standing: Standing,
    /// Who shakes hands next when many come at once.
    pub door: Rc<Door>,
    /// Buffers of requests under way.
    pub scratch: Scratch,
}

impl Worker {
    /// A worker; call it on the worker's own thread.
    #[must_use]
    pub fn new(shared: Arc<Shared>, upstreams: &[UpstreamConfig]) -> Rc<Self> {
        let upstreams = upstreams.iter().cloned().map(Upstream::new).collect();
        let lane = Rc::new(LaneHand::default());
        shared.halts.gate().register(&lane);
        Rc::new(Self {
            shared,
            upstreams,
            lane,
            correlation: CorrelationIds::new(),
            bodies: WorkerBodies::default(),
            standing: Standing::default(),
            door: Rc::default(),
            scratch: Scratch::default(),
        })
    }

    /// Where a permit leads, and nowhere else.
    #[must_use]
    pub fn upstream(&self, permit: &Permit) -> &Rc<Upstream> {
        &self.upstreams[permit.upstream()]
    }
}
