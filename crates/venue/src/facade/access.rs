//! Who may call an operation, and the count of the arrival.

use std::sync::Arc;

use crate::identity::Identity;
use crate::shell::{Caller, Shell};

/// What a request needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    /// Nothing.
    Public,
    /// An identity that may read.
    Read,
    /// An identity that may write orders.
    Write,
}

/// Why a caller is not let through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Denied {
    /// The request bore no identity.
    NoIdentity,
    /// The identity has not the scope.
    NoScope,
}

/// Lets a caller through to an operation, and counts the arrival. `None` when the operation
/// is public: whoever calls is of no interest then.
pub(crate) fn admit<'a>(shell: &Shell, access: Access, caller: &'a Caller) -> Result<Option<&'a Arc<Identity>>, Denied> {
    let allowed = |identity: &Arc<Identity>| match access {
        Access::Public => true,
        Access::Read => identity.scopes.reads(),
        Access::Write => identity.scopes.order_write,
    };
    let admitted = match (access, caller) {
        (Access::Public, _) => {
            shell.counters.count_public();
            return Ok(None);
        }
        (Access::Read | Access::Write, None) => Err(Denied::NoIdentity),
        (Access::Read | Access::Write, Some(identity)) => Some(identity).filter(|identity| allowed(identity)).ok_or(Denied::NoScope),
    };
    match admitted {
        Err(denied) => {
            shell.counters.count_refused();
            Err(denied)
        }
        Ok(identity) => {
            shell.counters.count_private();
            Ok(Some(identity))
        }
    }
}
