//! What `serve` prints when it is ready.

use std::io::Write as _;

use countersign_core::Algorithm;

use super::Running;

/// One screen: where it is, what to trust, three commands to paste; then the ready line.
pub(super) fn print_screen(running: &Running) -> anyhow::Result<()> {
    let state = running.state();
    let url = format!("https://{}", running.address());
    let ca = state.ca_file.display();
    let native = state.demo.native(Algorithm::Ed25519);
    let hmac = state.demo.binance(Algorithm::HmacSha256);
    let operator = running.gateway().operator_address().map_or_else(|| "off".to_owned(), |address| format!("https://{address}"));
    let mut out = std::io::stdout().lock();
    writeln!(out, "Countersign {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  clients    {url}  (HTTP/1.1, HTTP/2, WebSocket, FIX, countersign/1)")?;
    writeln!(out, "  operators  {operator}  (client certificate {})", state.folder.join("operator.pem").display())?;
    if let Some(address) = running.gateway().authz_address() {
        writeln!(out, "  proxies    {address}  (nginx auth_request, Envoy ext_authz)")?;
    }
    writeln!(out, "  trust      {ca}")?;
    writeln!(out, "  pin        {}", state.gateway_root)?;
    writeln!(out, "  state      {}", state.folder.display())?;
    if running.venue().is_some() && state.demo.exist() {
        writeln!(out, "\nConnect natively:\n  countersign connect {url} --credential {}", native.display())?;
        writeln!(out, "\nTrade with ccxt:\n  python3 examples/ccxt_trade.py {url} {} {ca}", hmac.display())?;
        writeln!(out, "\nAsk with curl:\n  curl --cacert {ca} '{url}/api/v3/ticker/24hr?symbol=BTCUSDT'")?;
    }
    writeln!(out, "\nready: {url}")?;
    out.flush()?;
    Ok(())
}
