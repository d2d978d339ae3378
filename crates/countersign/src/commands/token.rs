//! `token`: tokens that the running gateway gave out, over its operator socket.

use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comfy_table::Table;
use countersign_gateway::clock;
use countersign_gateway::operator::TokenRecord;
use countersign_oauth::RevocationTarget;

use super::session::{gateway, parse, time};
use super::{keeper, output, run_async};
use crate::cli::{StateArgs, TokenCommand, TokenRevokeArgs};
use crate::failure::Failure;
use crate::state;

/// Runs the subcommand.
pub(super) fn run(command: &TokenCommand) -> anyhow::Result<ExitCode> {
    run_async(async {
        match command {
            TokenCommand::List { count, all, json, state } => list(*count, *all, *json, state).await,
            TokenCommand::Revoke(args) => revoke(args).await,
        }
    })
}

async fn list(count: usize, all: bool, as_json: bool, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let mut families = gateway(args)?.tokens(count).await?;
    families.retain(|family| all || is_alive(family));
    if as_json {
        output::json(&families)?;
    } else {
        output::print(&table(&families))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_alive(family: &TokenRecord) -> bool {
    family.revoked.is_none() && family.until_ms > clock::wall().as_millis()
}

async fn revoke(args: &TokenRevokeArgs) -> anyhow::Result<ExitCode> {
    let target = match (&args.sid, &args.key, &args.jti) {
        (Some(sid), _, _) => RevocationTarget::Session(parse(sid)?),
        (None, Some(key), _) => {
            let (_, store) = state::open_store(&args.state.state).await?;
            RevocationTarget::Credential(keeper::find(&store, key).await?.id)
        }
        (None, None, Some(jti)) => RevocationTarget::Token(token_name(jti)?),
        (None, None, None) => return Err(Failure::usage("name a session, a key or a token".to_owned())),
    };
    let report = gateway(&args.state)?.revoke_tokens(&target).await?;
    if let RevocationTarget::Session(sid) = target
        && report.nobody
    {
        let words = format!(
            "{target} is revoked (epoch {}), but nobody has a session or refresh tokens named {sid} (token list, session list): it ends an \
             access token of that name alone, which would be on no list",
            report.epoch
        );
        return Err(anyhow::anyhow!(words));
    }
    output::line(format!("{} is revoked (epoch {})", report.target, report.epoch))?;
    Ok(ExitCode::SUCCESS)
}

fn token_name(text: &str) -> anyhow::Result<[u8; 16]> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Failure::usage(format!("not the jti of a token: {text}")))
}

fn table(families: &[TokenRecord]) -> Table {
    let mut table = output::table(&["SESSION", "ACCOUNT", "KEY", "SCOPES", "BOUND TO", "REFRESHED", "TIMES", "UNTIL", "ENDED"]);
    for family in families {
        let ended = family.revoked.as_deref().unwrap_or_default();
        let times = family.generation.saturating_sub(1).to_string();
        let (refreshed, until) = (time(family.refreshed_ms), time(family.until_ms));
        let TokenRecord { sid, account, key_id, scopes, bound_to, .. } = family;
        table.add_row([sid, account, key_id, scopes, bound_to, &refreshed, &times, &until, ended]);
    }
    table
}
