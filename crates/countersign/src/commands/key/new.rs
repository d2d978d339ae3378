//! `key new`: makes a key, or registers one made elsewhere.

use std::num::NonZeroU32;
use std::process::ExitCode;

use countersign_core::{ApiKeyId, CredentialState, IpAllowList, KeyRate, Purpose, Scope, Scopes, Timestamp};
use countersign_gateway::clock;
use countersign_store::audit::AuditEvent;
use countersign_store::{CredentialRecord, NewCredential};

use super::credential_file::{self, Reach};
use super::delivery::Delivery;
use super::material::{self, Made, Private};
use crate::cli::KeyNewArgs;
use crate::commands::keeper::{self, Keeper};
use crate::commands::{account, output, when};
use crate::failure::Failure;
use crate::state;

pub(super) async fn run(args: &KeyNewArgs) -> anyhow::Result<ExitCode> {
    let purpose = args.purpose;
    check_combination(args, purpose)?;
    let keeper = Keeper::open(&args.state).await?;
    let url = url(args.url.as_deref(), &keeper)?;
    let delivery = Delivery::reserve(&args.out)?;
    let not_after = args.expires.as_deref().map(|text| when::end(text, clock::wall())).transpose()?;
    let kind = args.kind.as_deref();
    let made = match (&args.public_key, &args.secret, &args.certificate) {
        (Some(file), _, _) => material::registered(purpose, kind, file)?,
        (None, Some(file), _) => material::shared(purpose, kind, file)?,
        (None, None, Some(certificate)) => material::certificate(certificate)?,
        (None, None, None) if purpose == Purpose::ClientCertificate => {
            material::issue(keeper.dir.path(), &args.account, &args.label, not_after)?
        }
        (None, None, None) => match args.key_id.as_deref().filter(|_| purpose == Purpose::Hyperliquid) {
            Some(address) => material::address(address)?,
            None => material::generate(purpose, material::algorithm(purpose, kind)?)?,
        },
    };
    let Made { material, private, passphrase, ends } = made;
    let mut new = NewCredential::new(account::parse(&args.account)?, purpose, material);
    new.passphrase = match &args.passphrase {
        Some(file) => Some(material::passphrase(file)?),
        None => passphrase,
    };
    new.nonce_window = args.nonce_window;
    new.key_id = args.key_id.as_deref().filter(|_| purpose != Purpose::Hyperliquid).map(parse_key_id).transpose()?;
    new.scopes = scopes(&args.scopes)?;
    new.ip_allow = addresses(&args.ip)?;
    new.rate = rate(args.weight_per_minute, args.orders_per_10s, KeyRate::default())?;
    new.min_bind = args.min_bind.into();
    new.not_after = not_after;
    new.label.clone_from(&args.label);
    new.explain = args.explain;
    let record = keeper.store.create_credential(new, &keeper::change()).await?;
    let reach = Reach { url: &url, folder: keeper.dir.path(), ca: args.ca.as_deref() };
    hand_over(&keeper, &record, &private, &reach, delivery).await?;
    keeper.key_changed(&record, AuditEvent::KeyNew).await?;
    output::note(format!("{} key {} of account {} is active", record.purpose, record.key_id, record.account));
    note_certificate_end(ends, record.not_after);
    Ok(ExitCode::SUCCESS)
}

/// What is written into the file as the gateway's address.
pub(super) fn url(given: Option<&str>, keeper: &Keeper) -> anyhow::Result<String> {
    given.map_or_else(|| state::noted_url(&keeper.dir), |url| Ok(url.to_owned()))
}

/// Gives the owner their half; a key whose private half reached nobody is revoked again.
pub(super) async fn hand_over(
    keeper: &Keeper,
    record: &CredentialRecord,
    private: &Private,
    reach: &Reach<'_>,
    delivery: Delivery,
) -> anyhow::Result<()> {
    let delivered = credential_file::write(record, private, reach).and_then(|text| delivery.write(&text));
    if delivered.is_err() {
        keeper.store.set_state(&record.id, CredentialState::Revoked, &keeper::change()).await?;
    }
    delivered.map_err(|error| error.context(format!("key {} could not be handed over and is revoked again", record.key_id)))
}

/// A certificate ends by itself, whatever the key's record says, and does not come back by a change of that.
pub(super) fn note_certificate_end(ends: Option<Timestamp>, not_after: Option<Timestamp>) {
    if let Some(ends) = ends {
        let before = match not_after {
            Some(not_after) if not_after > ends => format!(", before the key, which ends {}", when::show(not_after)),
            _ => String::new(),
        };
        output::note(format!("its certificate ends {}{before}; `countersign key rotate` makes the next one", when::show(ends)));
    }
}

fn check_combination(args: &KeyNewArgs, purpose: Purpose) -> anyhow::Result<()> {
    if purpose == Purpose::Bearer {
        return Err(Failure::usage("bearer tokens are made by their issuer, which is named in the configuration: [issuer.NAME]"));
    }
    if args.certificate.is_some() && purpose != Purpose::ClientCertificate {
        return Err(Failure::usage("--certificate is for --purpose client-certificate"));
    }
    if args.certificate.is_some() && args.public_key.is_some() {
        return Err(Failure::usage("give either --certificate or --public-key"));
    }
    if let Some(url) = &args.url {
        countersign_client::Endpoint::parse(url).map_err(|error| Failure::usage(format!("--url: {error}")))?;
    }
    if args.nonce_window > 0 && !purpose.has_nonce() {
        return Err(Failure::usage(format!("--nonce-window is for keys with an increasing nonce; those for {purpose} have none")));
    }
    if args.kind.is_some() && purpose == Purpose::ClientCertificate {
        return Err(Failure::usage("--kind is for keys; a certificate has its own"));
    }
    Ok(())
}

fn parse_key_id(text: &str) -> anyhow::Result<ApiKeyId> {
    ApiKeyId::parse(text).map_err(|error| Failure::usage(format!("--key-id: {error}")))
}

/// A key that may do nothing is a mistake in a script: its owner would find out from refusals.
pub(super) fn scopes(text: &str) -> anyhow::Result<Scopes> {
    let scopes = Scopes::parse(text).map_err(|error| Failure::usage(error.to_string()))?;
    if scopes.is_empty() {
        return Err(Failure::usage(
            "--scopes is empty: name what the key may do, such as \"md:read order:read\"; to stop a key, suspend it",
        ));
    }
    for unknown in scopes.iter().filter(|scope| !Scope::KNOWN.contains(&scope.as_str())) {
        output::note(format!("no route that is built in needs {unknown}: it is of use only where the configuration names it"));
    }
    Ok(scopes)
}

/// From where a key may be used.
pub(super) fn addresses(texts: &[String]) -> anyhow::Result<IpAllowList> {
    IpAllowList::parse(texts.iter().map(String::as_str)).map_err(|text| {
        Failure::usage(format!("--ip: \"{text}\" is neither an address nor a network (10.0.0.1, 10.0.0.0/8, 2001:db8::/32)"))
    })
}

/// The limits that are given; the others stay.
pub(super) fn rate(weight_per_minute: Option<u32>, orders_per_10s: Option<u32>, others: KeyRate) -> anyhow::Result<KeyRate> {
    let or = |given: Option<u32>, flag: &str, other: NonZeroU32| match given {
        None => Ok(other),
        Some(number) => NonZeroU32::new(number).ok_or_else(|| Failure::usage(format!("{flag} 0: to stop a key, suspend it"))),
    };
    Ok(KeyRate {
        weight_per_minute: or(weight_per_minute, "--weight-per-minute", others.weight_per_minute)?,
        orders_per_10s: or(orders_per_10s, "--orders-per-10s", others.orders_per_10s)?,
    })
}
