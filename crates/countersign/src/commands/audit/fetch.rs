//! `audit fetch`: the copy of a node's log, out of the database that nodes share; for a node that is lost, or whose log is doubted.

use std::process::ExitCode;

use crate::cli::AuditFetchArgs;
use crate::commands::{argument, output, run_async};
use crate::failure::Failure;
use crate::state;

pub(super) fn run(args: &AuditFetchArgs) -> anyhow::Result<ExitCode> {
    run_async(fetch(args))
}

async fn fetch(args: &AuditFetchArgs) -> anyhow::Result<ExitCode> {
    argument::check_free(&args.out)?;
    let (dir, store) = state::open_store(&args.state.state).await?;
    if store.notices().is_none() {
        return Err(Failure::usage(format!("the database is a file of one node, whose log is in {}", dir.audit().display())));
    }
    let lines = store.fetch_audit(&args.node, &args.out).await?;
    store.close().await;
    if lines == 0 {
        // Made and left empty.
        drop(std::fs::remove_dir(&args.out));
        return Err(anyhow::anyhow!("the database has no log of a node {}", args.node));
    }
    let out = output::quoted(&args.out);
    output::line(format!(
        "{lines} lines of node {} are in {out}; check them with the audit-key.pub.pem of that node, FILE here:",
        args.node
    ))?;
    output::line(format!("  countersign audit verify --log {out} --key FILE"))?;
    Ok(ExitCode::SUCCESS)
}
