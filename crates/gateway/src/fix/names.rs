//! Under which names a session is: at the upstream, and on the disk.

use countersign_core::{AccountId, Permit, Refusal, Reject};
use countersign_fix::{CompId, SessionName};
use countersign_store::{BridgeJournals, OpenError};

use super::sessions::UpstreamName;
use crate::config::{FixSender, Settings, Upstream, UpstreamTarget};
use crate::worker::Worker;

/// The session at the upstream: the client's own names, unless the upstream wants the account in them.
pub(super) fn upstream_name(
    settings: &Settings,
    permit: &Permit,
    client: &SessionName,
    account: &AccountId,
) -> Result<UpstreamName, Refusal> {
    let configured = &settings.upstreams[permit.upstream()];
    let sender = match configured.fix_sender {
        FixSender::Client => client.peer.as_str().to_owned(),
        FixSender::AccountAndClient => format!("{}:{}", account.as_str(), client.peer.as_str()),
    };
    let parse = |text: &str| CompId::parse(text.as_bytes());
    let names = parse(&sender).and_then(|sender| match &configured.fix_target {
        Some(target) => Ok((sender, parse(target)?)),
        None => Ok((sender, client.comp_id.clone())),
    });
    let (comp_id, peer) = names.map_err(|error| Refusal::operator(Reject::Internal, format!("the upstream's CompID: {error}")))?;
    let name = SessionName { version: client.version, comp_id, peer };
    Ok(UpstreamName { upstream: permit.upstream(), account: is_embedded(configured).then(|| account.clone()), name })
}

/// The embedded venue counts from its start, which is ours.
pub(super) fn resets(settings: &Settings, permit: &Permit, first: bool) -> bool {
    let configured = &settings.upstreams[permit.upstream()];
    configured.fix_reset || (first && is_embedded(configured))
}

fn is_embedded(upstream: &Upstream) -> bool {
    upstream.target == UpstreamTarget::Embedded && upstream.fix.is_none()
}

/// Claims and opens the journals of a session whose names are taken.
pub(super) async fn journals(
    worker: &Worker,
    account: &str,
    client: &SessionName,
    upstream: &UpstreamName,
) -> Result<BridgeJournals, OpenError> {
    let shared = &worker.shared;
    let folder = shared.settings.state_dir.join("fix");
    let parts = |name: &SessionName| {
        let [comp_id, peer] = [&name.comp_id, &name.peer].map(|name| name.as_str().to_owned());
        [name.version.begin_string().to_owned(), comp_id, peer]
    };
    let (of_client, of_upstream) = (parts(client), parts(&upstream.name));
    let at = [shared.settings.upstreams[upstream.upstream].name.as_str(), upstream.account.as_ref().map_or("", |account| account.as_str())];
    let of_client: Vec<_> = std::iter::once(account).chain(of_client.iter().map(String::as_str)).collect();
    let of_upstream: Vec<_> = at.into_iter().chain(of_upstream.iter().map(String::as_str)).collect();
    BridgeJournals::claim(&folder, account, &of_client, &of_upstream, shared.fix_records.as_ref()).await
}
