//! `config`: what is in force, from where, and what is wrong with a file.

use std::path::PathBuf;
use std::process::ExitCode;

use countersign_gateway::config::{self, Settings, Sources};
use serde_json::{Value, json};

use super::{output, serve};
use crate::cli::ConfigCommand;

/// Runs the subcommand.
pub(super) fn run(command: ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Check { file } => check(file)?,
        ConfigCommand::Reference => output::text(config::reference().trim_start())?,
        ConfigCommand::Show { file, json } => show(file, json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn check(file: PathBuf) -> anyhow::Result<()> {
    let shown = file.display().to_string();
    let settings = load(Some(file))?;
    let written = settings.show().iter().filter(|(.., origin)| *origin != config::Origin::Default).count();
    output::line(format!("{shown}: fine; {written} values are set"))?;
    if settings.listen.is_for_this_machine_only() {
        output::note(format!("countersign: {}", serve::ONLY_HERE));
    }
    Ok(())
}

fn show(file: Option<PathBuf>, as_json: bool) -> anyhow::Result<()> {
    let shown = load(file)?.show();
    if as_json {
        let values: Vec<Value> =
            shown.iter().map(|(key, value, origin)| json!({ "key": key, "value": value, "origin": origin.to_string() })).collect();
        return output::json(&values);
    }
    let mut table = output::table(&["KEY", "VALUE", "ORIGIN"]);
    for (key, value, origin) in shown {
        table.add_row([key, value, origin.to_string()]);
    }
    output::print(&table)
}

/// File and environment, as `serve` would take them.
fn load(file: Option<PathBuf>) -> anyhow::Result<Settings> {
    let sources = Sources { file, environment: serve::environment()?, overrides: Vec::new() };
    serve::load(&sources)
}
