//! Whether anybody has the name that a halt is for. A name that is misspelt stops nobody, and must not look as if it did.

use countersign_halt::HaltScope;

use crate::shared::Shared;

/// That nobody of a scope's name is known at this node, in words. Of what was read last: a stop waits for no database.
#[must_use]
pub fn nobody(shared: &Shared, scope: &HaltScope) -> Option<String> {
    let credentials = shared.credentials.load();
    let (what, is_known) = match scope {
        HaltScope::Account(account) => {
            let is_open = || shared.fix_sessions.all().iter().any(|session| session.holder().account == *account);
            ("account with a key", credentials.iter().any(|credential| credential.account == *account) || is_open())
        }
        HaltScope::Key(key) => ("key", credentials.iter().any(|credential| credential.key_id == *key)),
        HaltScope::Node(name) => ("node", shared.halts.status().nodes.iter().any(|node| *node.node == **name)),
        HaltScope::Session(sid) => {
            let is_fix = || shared.fix_sessions.all().iter().any(|session| session.holder().sid == *sid);
            ("open session", shared.sessions.entry(*sid).is_some() || is_fix())
        }
        HaltScope::Dialect(_) | HaltScope::Instrument(_) | HaltScope::Venue => return None,
    };
    (!is_known).then(|| format!("no {what} of this name is known at this node"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::on_stage;

    #[tokio::test]
    async fn a_name_that_nobody_has_is_told() {
        on_stage(|stage| async move {
            let shared = &stage.worker.shared;
            let told = |scope: &str| nobody(shared, &HaltScope::parse(scope).unwrap());
            let key = shared.credentials.load().iter().next().unwrap().key_id.to_string();
            for known in ["venue", "account:desk", "dialect:okx", "instrument:BTCUSDT", "node:n1", &format!("key:{key}")] {
                assert_eq!(told(known), None, "{known}");
            }
            for unknown in ["account:ghost", "key:nokey", "node:elsewhere"] {
                assert!(told(unknown).is_some_and(|words| words.contains("of this name is known")), "{unknown}");
            }
        })
        .await;
    }
}
