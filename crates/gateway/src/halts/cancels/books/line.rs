//! What operators see of a call: the parts of all processes together.

use super::{Book, Call, FAULTS_MAX};
use crate::halts::report::{CancelFault, CancelLine, CancelPart, CancelStage};

impl Book {
    /// All parts together.
    pub(super) fn line(&self, call: &Call) -> CancelLine {
        let parts = self.parts(call);
        let sum = |count: fn(&CancelPart) -> u64| parts.iter().map(|(_, part)| count(part)).sum::<u64>();
        let those = |which: fn(&CancelPart) -> bool| {
            let mut nodes: Vec<String> = parts.iter().filter(|(_, part)| which(part)).map(|(node, _)| node.clone()).collect();
            nodes.dedup();
            nodes
        };
        let silent = self.silent(call);
        let faults: Vec<CancelFault> = parts.iter().flat_map(|(_, part)| part.faults.clone()).take(FAULTS_MAX).collect();
        let is_done = self.is_told(call) && silent.is_empty() && parts.iter().all(|(_, part)| part.stage == CancelStage::Done);
        let lost = self.lost.clone().filter(|_| self.shared && !is_done);
        CancelLine {
            // Of a call of which nobody says anything nobody knows.
            done: is_done && !parts.is_empty(),
            asked: sum(|part| part.asked),
            confirmed: sum(|part| part.confirmed),
            orders: sum(|part| part.orders),
            unconfirmed: sum(|part| part.unconfirmed),
            faults,
            waiting: those(|part| part.stage == CancelStage::Waiting && !part.unreadable),
            late: those(|part| part.late),
            silent,
            lost: call.lost && !is_done,
            unreadable: those(|part| part.unreadable),
            untold: call.untold.clone().or_else(|| lost.clone().filter(|_| call.number.is_none())).filter(|_| self.shared),
            unread: lost.filter(|_| call.number.is_some()),
        }
    }

    /// What has just been said is not through where nobody knows yet whom it concerns.
    fn is_told(&self, call: &Call) -> bool {
        !self.shared || !call.here || (call.number.is_some() && !call.nodes.is_empty())
    }

    /// Whoever has to answer, by anybody's account, and has not.
    pub(super) fn silent(&self, call: &Call) -> Vec<String> {
        let parts = self.parts(call);
        let expected = parts.iter().flat_map(|(_, part)| &part.expects).chain(&call.nodes);
        let mut silent: Vec<String> = expected.filter(|node| !parts.iter().any(|(said, _)| said == *node)).cloned().collect();
        silent.sort_unstable();
        silent.dedup();
        silent
    }

    /// Of before this process, and its node is waited for: the process that has to answer is about to, or is gone.
    pub(super) fn is_unanswered(&self, call: &Call) -> bool {
        !call.here && call.own.is_none() && self.silent(call).contains(&self.node)
    }

    fn parts<'c>(&self, call: &'c Call) -> Vec<(String, &'c CancelPart)> {
        let own = call.own.iter().map(|part| (self.node.clone(), part));
        own.chain(call.others.iter().map(|((node, _), part)| (self.named(node), part))).collect()
    }

    /// Over a file nodes have no names: there is this one.
    pub(super) fn named(&self, node: &str) -> String {
        if node.is_empty() { self.node.clone() } else { node.to_owned() }
    }
}
