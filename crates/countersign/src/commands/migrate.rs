//! `migrate`: from the embedded database to one that nodes share, compared row by row.

use std::process::ExitCode;

use countersign_store::migrate::{TableReport, compare, copy};
use countersign_store::{DatabaseAddress, SealingKey, Store};

use super::{output, run_async};
use crate::cli::MigrateArgs;
use crate::failure::Failure;
use crate::state;

/// The name under which the server lists this command.
const NODE: &str = "migrate";

/// Runs the command.
pub(super) fn run(args: &MigrateArgs) -> anyhow::Result<ExitCode> {
    run_async(migrate(args))
}

async fn migrate(args: &MigrateArgs) -> anyhow::Result<ExitCode> {
    let dir = state::existing(&args.from)?;
    // A gateway that runs would go on writing into what was copied.
    let _alone = if args.check { None } else { Some(dir.lock()?) };
    let sealing = || SealingKey::load(&dir.sealing_key());
    if !dir.database().exists() {
        return Err(Failure::usage(format!("there is no database in {}", dir.path().display())));
    }
    let address = state::database::address(&args.to, args.password_file.as_deref())?;
    // Who compares changes nothing: gateways of an older program may be at work on both.
    let source = if args.check {
        Store::open_as_found(&dir.database(), sealing()?).await?
    } else {
        Store::open(&dir.database(), sealing()?).await?
    };
    let moved = into_server(args, &source, &address, sealing()?).await;
    // Whatever came of it: SQLite takes the files beside its own away then.
    source.close().await;
    let (tables, what) = moved?;
    show(&tables, args.json)?;
    if !tables.iter().all(TableReport::is_same) {
        return Err(Failure::environment(format!("{} and {} are not the same", dir.database().display(), address.shown())));
    }
    if !args.json {
        let rows: u64 = tables.iter().map(|table| table.source_rows).sum();
        output::line(format!("{rows} rows in {} tables: {what}, row by row the same", tables.len()))?;
        if !args.check {
            output::line("the sealing key stays where it is: each node needs the same sealing.key in its state folder")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What each table has on both sides, and what was done.
async fn into_server(
    args: &MigrateArgs,
    source: &Store,
    address: &DatabaseAddress,
    sealing: SealingKey,
) -> anyhow::Result<(Vec<TableReport>, &'static str)> {
    let target =
        if args.check { Store::connect_as_found(address, NODE, sealing).await? } else { Store::connect(address, NODE, sealing).await? };
    let shown = output::working(if args.check { "comparing" } else { "copying and comparing" }, args.json);
    let moved = if args.check {
        (compare(source, &target).await?, "compared")
    } else {
        let copied = copy(source, &target).await?;
        (copied.tables, if copied.was_there { "all of it was there already" } else { "copied and compared" })
    };
    drop(shown);
    target.close().await;
    Ok(moved)
}

fn show(tables: &[TableReport], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let tables: Vec<_> = tables.iter().map(to_json).collect();
        return output::json(&tables);
    }
    let mut shown = output::table(&["TABLE", "ROWS", "IN TARGET", "DIFFERING", "SHA-256"]);
    for table in tables {
        let (rows, target, differing) = (table.source_rows.to_string(), table.target_rows.to_string(), table.differing.to_string());
        shown.add_row([table.table, &rows, &target, &differing, &table.digest[..16]]);
    }
    output::print(&shown)
}

fn to_json(table: &TableReport) -> serde_json::Value {
    serde_json::json!({
        "table": table.table,
        "source_rows": table.source_rows,
        "target_rows": table.target_rows,
        "differing": table.differing,
        "sha256": table.digest,
    })
}
