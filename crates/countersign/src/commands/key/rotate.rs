//! `key rotate`: a new key with the policy of an old one, which stays valid for the overlap.

use std::process::ExitCode;

use countersign_core::{Algorithm, Purpose};
use countersign_gateway::clock;
use countersign_store::audit::AuditEvent;
use countersign_store::{CredentialRecord, Material, PolicyUpdate};

use super::credential_file::Reach;
use super::delivery::Delivery;
use super::material::{self, Made};
use super::new::{hand_over, note_certificate_end, url};
use crate::cli::KeyRotateArgs;
use crate::commands::keeper::{self, Keeper};
use crate::commands::{output, when};

pub(super) async fn run(args: &KeyRotateArgs) -> anyhow::Result<ExitCode> {
    let overlap = when::duration(&args.overlap)?;
    let keeper = Keeper::open(&args.state).await?;
    let old = keeper::find(&keeper.store, &args.key).await?;
    let url = url(args.url.as_deref(), &keeper)?;
    let delivery = Delivery::reserve(&args.out)?;
    let Made { material, private, ends, .. } = successor(args, &keeper, &old)?;
    let overlap_end = clock::wall().saturating_add(overlap);
    let record = keeper.store.rotate(&old.id, material, None, overlap_end, &keeper::change()).await?;
    let reach = Reach { url: &url, folder: keeper.dir.path(), ca: args.ca.as_deref() };
    if let Err(error) = hand_over(&keeper, &record, &private, &reach, delivery).await {
        // The successor reached nobody: the old key goes on as before.
        let as_before = PolicyUpdate { not_after: Some(old.not_after), ..PolicyUpdate::default() };
        keeper.store.update_policy(&old.id, as_before, &keeper::change()).await?;
        return Err(error);
    }
    keeper.key_changed(&record, AuditEvent::KeyRotate).await?;
    let end = old.not_after.map_or(overlap_end, |end| end.min(overlap_end));
    output::note(format!(
        "{} key {} of account {} is active; {} ends {}",
        record.purpose,
        record.key_id,
        record.account,
        old.key_id,
        when::show(end)
    ));
    note_certificate_end(ends, record.not_after);
    Ok(ExitCode::SUCCESS)
}

/// Material of the same kind as the old key's.
fn successor(args: &KeyRotateArgs, keeper: &Keeper, old: &CredentialRecord) -> anyhow::Result<Made> {
    if let Some(file) = &args.public_key {
        // The same algorithm, if the old key was a public one; an HMAC key may be replaced by a pair.
        let kind = old.material.algorithm().filter(|algorithm| algorithm.is_public_key()).map(Algorithm::name);
        return material::registered(old.purpose, kind.filter(|_| old.purpose != Purpose::ClientCertificate), file);
    }
    match &old.material {
        Material::Certificate { .. } => material::issue(keeper.dir.path(), old.account.as_str(), &old.label, old.not_after),
        Material::Address(_) => material::generate(old.purpose, Algorithm::EcdsaSecp256k1Recoverable),
        Material::PublicKey(_, algorithm) | Material::Secret(_, algorithm) => material::generate(old.purpose, *algorithm),
    }
}
