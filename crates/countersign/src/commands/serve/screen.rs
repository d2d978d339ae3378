//! What `serve` prints when it is ready.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use countersign_core::Algorithm;

use super::{Running, RunningState, reachable};
use crate::commands::output::quoted;

/// In the source, from where a first try is made.
const CCXT_EXAMPLE: &str = "examples/ccxt_trade.py";
/// The name by which a shell may find this program.
const PROGRAM: &str = "countersign";

/// What to say of a port for everybody that nobody else can use.
pub(crate) const ONLY_HERE: &str = "listen.address is for other machines, and the certificate names localhost alone, so their clients are \
                                    refused; name the gateway as they dial it in listen.authorities";

/// One screen: where it is, what to trust, three commands to paste; then the ready line.
pub(super) fn print_screen(running: &Running) -> anyhow::Result<()> {
    let state = running.state();
    let bound = running.gateway().address();
    let url = running.url();
    let elsewhere = if bound.ip().is_unspecified() { format!("; at every address of this machine, {bound}") } else { String::new() };
    let operator =
        running.gateway().operator_address().map_or_else(|| "off".to_owned(), |address| format!("https://{}", reachable(address)));
    let mut out = std::io::stdout().lock();
    writeln!(out, "Countersign {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  clients    {url}  (HTTP/1.1, HTTP/2, WebSocket, FIX, countersign/1{elsewhere})")?;
    writeln!(out, "  operators  {operator}  (client certificate {})", state.folder.join("operator.pem").display())?;
    if let Some(address) = running.gateway().authz_address() {
        writeln!(out, "  proxies    {address}  (nginx auth_request, Envoy ext_authz)")?;
    }
    if let Some(address) = running.gateway().health_address() {
        writeln!(out, "  health     http://{address}  (/healthz, /readyz)")?;
    }
    writeln!(out, "  trust      {}", state.ca_file.display())?;
    writeln!(out, "  pin        {}", state.gateway_root)?;
    writeln!(out, "  state      {}", state.folder.display())?;
    if running.venue().is_some() {
        print_commands(&mut out, running, &url)?;
    }
    if state.demo_keys_in_service > 0 {
        warn_of_demo_keys(&mut out, state)?;
    }
    if running.gateway().shared().settings.listen.is_for_this_machine_only() {
        tracing::warn!("{ONLY_HERE}");
        writeln!(out, "\nATTENTION: {ONLY_HERE}.")?;
    }
    writeln!(out, "\nready: https://{}", running.address())?;
    out.flush()?;
    Ok(())
}

/// A folder of somebody's first try that serves a real venue now: on the screen, and in the log, which is what is kept of a service.
fn warn_of_demo_keys(out: &mut impl std::io::Write, state: &RunningState) -> anyhow::Result<()> {
    let (count, folder, program) = (state.demo_keys_in_service, quoted(&state.folder), quoted(&program()));
    tracing::warn!(keys = count, "keys of the demo account, made by an earlier start, may place orders at the service behind");
    writeln!(
        out,
        "\nATTENTION: {count} keys of the demo account, made by an earlier start, may place orders at the service behind.\n  \
         {program} key list --account demo --state {folder}\n\
         names them, and `key revoke KEY` ends one; another folder (--state) has none."
    )?;
    Ok(())
}

/// Commands for a shell in this folder, as they are; only those whose files are there.
fn print_commands(out: &mut impl std::io::Write, running: &Running, url: &str) -> anyhow::Result<()> {
    let state = running.state();
    let ca = quoted(&state.ca_file);
    let (native, hmac) = (state.demo.native(Algorithm::Ed25519), state.demo.binance(Algorithm::HmacSha256));
    if native.exists() {
        writeln!(out, "\nConnect natively:\n  {} connect {url} --credential {}", quoted(&program()), quoted(&native))?;
    }
    // Of the source tree where this is one, for it may have been changed there; else the one beside the keys.
    let example = [PathBuf::from(CCXT_EXAMPLE), state.demo.ccxt_example()].into_iter().find(|file| file.exists());
    if let Some(example) = example.filter(|_| hmac.exists()) {
        writeln!(out, "\nTrade with ccxt (pip install ccxt):\n  python3 {} {url} {} {ca}", quoted(&example), quoted(&hmac))?;
    }
    writeln!(out, "\nAsk with curl:\n  curl --cacert {ca} '{url}/api/v3/ticker/24hr?symbol=BTCUSDT'")?;
    Ok(())
}

/// How a shell here runs this very program: by its name if that finds it, else by its path.
fn program() -> PathBuf {
    let Ok(own) = std::env::current_exe() else { return PathBuf::from(PROGRAM) };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(PROGRAM)).find(|file| file.is_file());
    let is_this = |file: &PathBuf| file.canonicalize().ok() == own.canonicalize().ok();
    if found.as_ref().is_some_and(is_this) {
        return PathBuf::from(PROGRAM);
    }
    let here = std::env::current_dir().ok().and_then(|here| own.strip_prefix(here).ok().map(|below| Path::new(".").join(below)));
    here.unwrap_or(own)
}
