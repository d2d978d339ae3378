//! Where the settings come from: file, environment, flags.

use countersign_gateway::config::{self, ENVIRONMENT_PREFIX, Override, Settings, Sources};

use crate::cli::ServeArgs;
use crate::failure::Failure;

/// Where the settings come from: file, environment and flags.
pub(super) fn sources(args: &ServeArgs) -> anyhow::Result<Sources> {
    let mut overrides = Vec::new();
    let mut set = |flag: &str, key: &str, value: Option<String>| {
        overrides.extend(value.map(|value| Override { flag: flag.to_owned(), key: key.to_owned(), value }));
    };
    set("--state", "state_dir", args.state.as_ref().map(|path| path.display().to_string()));
    set("--listen", "listen.address", args.listen.map(|address| address.to_string()));
    set("--operator-listen", "operator.address", args.operator_listen.map(|address| address.to_string()));
    set("--workers", "workers", args.workers.map(|count| count.to_string()));
    set("--json", "log.format", args.json.then(|| "json".to_owned()));
    for pair in &args.set {
        let (key, value) = pair.split_once('=').ok_or_else(|| Failure::usage(format!("--set {pair}: write it as KEY=VALUE")))?;
        overrides.push(Override { flag: "--set".to_owned(), key: key.to_owned(), value: value.to_owned() });
    }
    Ok(Sources { file: args.config.clone(), environment: environment()?, overrides })
}

/// The variables that may be settings. What is not ours is not looked at: others may put anything into an environment.
pub(crate) fn environment() -> anyhow::Result<Vec<(String, String)>> {
    let ours = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    ours.filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(Failure::usage(format!("environment {name}: its value is not UTF-8"))),
        })
        .collect()
}

/// The effective settings.
pub(crate) fn load(sources: &Sources) -> anyhow::Result<Settings> {
    config::load(sources).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Failure::usage(lines.join("\n"))
    })
}
