//! `[upstream.NAME]`: the services behind the gateway.

use super::fix::FixSender;
use super::raw::{Origin, RawTable};
use super::reader::{Reader, Report, found, text};
use super::sections::names_below;
use super::settings::{Upstream, UpstreamTarget};

/// The upstream that is there when none is configured.
const DEFAULT_NAME: &str = "venue";
/// The word for the paper venue inside this process.
const EMBEDDED: &str = "embedded";
/// Most upstreams: each core keeps idle connections to each.
const UPSTREAMS_MAX: usize = 64;
/// Longest name: it is part of log lines and metrics.
const NAME_BYTES_MAX: usize = 32;
const ABOUT_URL: &str = "Where the service is: http://host:port, or embedded for the paper venue inside this process. Put it on a private network: this hop is not encrypted.";
const ABOUT_FIX: &str =
    "FIX acceptor of the service, host:port on a private network: after a client's Logon a session of ours is opened there.";
const ABOUT_FIX_SENDER: &str = "SenderCompID of ours there: \"client\", the client's own, or \"account-and-client\", which is ACCOUNT:CLIENT, where names of several firms could be the same.";
const ABOUT_FIX_TARGET: &str = "TargetCompID there; the one that the client names unless set.";
const ABOUT_FIX_RESET: &str = "Whether each Logon there resets both sequence numbers: for acceptors that forget them. What such an acceptor had for a client that was away is lost.";
const ABOUT_PERPETUAL: &str = "Of the embedded venue: whether exchangeInfo of Binance's USD-M futures lists the perpetual BTCUSDT. ccxt's class binance, which knows spot and futures, takes spot's streams for the perpetual's then, where both have one address.";
const ABOUT_AUDIENCE: &str = "Audience (aud) of the identity tokens made for it; its name unless set.";

/// Reads all upstreams; the embedded venue if there is none.
pub(super) fn read(keys: &mut RawTable, report: &mut Report) -> Vec<Upstream> {
    let mut names = names_below(keys, "upstream");
    if names.is_empty() {
        names.push(DEFAULT_NAME.to_owned());
    }
    if names.len() > UPSTREAMS_MAX {
        report.problem(&Origin::Default, "upstream", format!("there are {} upstreams; the most is {UPSTREAMS_MAX}", names.len()));
    }
    names.iter().map(|name| read_one(keys, report, name)).collect()
}

fn read_one(keys: &mut RawTable, report: &mut Report, name: &str) -> Upstream {
    let section = format!("upstream.{name}");
    let written = keys.range(format!("{section}.")..).next().map_or(Origin::Default, |(_, raw)| raw.origin.clone());
    let fine = name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    if !fine {
        report.problem(&written, &section, format!("a name has a-z, 0-9, _ and -, at most {NAME_BYTES_MAX} of them"));
    }
    let mut keys = Reader::section(keys, report, &section);
    let url = keys.optional("url", |raw| parse_url(&text(raw)?));
    if url.is_none()
        && name != DEFAULT_NAME
        && keys.report().errors.iter().all(|error| error.key.as_deref() != Some(&format!("{section}.url")))
    {
        keys.report().problem(&written, &format!("{section}.url"), "is missing: http://host:port or embedded");
    }
    let (target, origin) = url.unwrap_or((UpstreamTarget::Embedded, Origin::Default));
    keys.show("url", show_url(&target), origin, default_text(name, EMBEDDED), ABOUT_URL);
    let audience = keys.optional("audience", |raw| text(raw).and_then(|text| parse_audience(&text)));
    let (audience, origin) = audience.unwrap_or_else(|| (name.to_owned(), Origin::Default));
    keys.show("audience", audience.clone(), origin, name.to_owned(), ABOUT_AUDIENCE);
    let (fix_sender, fix_target, fix_reset, fix) = fix(&mut keys, target == UpstreamTarget::Embedded);
    let perpetual = keys.boolean("perpetual", ABOUT_PERPETUAL, false);
    Upstream { name: name.to_owned(), target, audience, fix, fix_sender, fix_target, fix_reset, perpetual }
}

fn fix(keys: &mut Reader<'_>, embedded: bool) -> (FixSender, Option<String>, bool, Option<String>) {
    let absent = if embedded { "that of the embedded venue" } else { "none" };
    let address = keys.text_or("fix", ABOUT_FIX, absent, parse_address);
    let senders = [("client", FixSender::Client), ("account-and-client", FixSender::AccountAndClient)];
    let sender = keys.choice("fix_sender", ABOUT_FIX_SENDER, &senders);
    let target = keys.text_or("fix_target", ABOUT_FIX_TARGET, "as the client", super::fix::comp_id);
    let reset = keys.boolean("fix_reset", ABOUT_FIX_RESET, false);
    (sender, target, reset, address)
}

fn parse_address(text: &str) -> Result<String, String> {
    let parsed: Result<http::uri::Authority, _> = text.parse();
    let fine = parsed.is_ok_and(|authority| authority.port_u16().is_some_and(|port| port != 0) && !text.contains('@'));
    if fine { Ok(text.to_owned()) } else { Err(format!("expected host:port, {}", found(text))) }
}

fn default_text(name: &str, default: &str) -> String {
    if name == DEFAULT_NAME { default.to_owned() } else { String::new() }
}

fn parse_url(url: &str) -> Result<UpstreamTarget, String> {
    if url == EMBEDDED {
        return Ok(UpstreamTarget::Embedded);
    }
    let wrong = || format!("expected http://host:port or embedded, {}", found(url));
    let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
    let authority: http::uri::Authority = rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|_| wrong())?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || rest.contains('@') {
        return Err(wrong());
    }
    let port = match authority.port() {
        Some(port) => port.as_str().parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?,
        None => 80,
    };
    Ok(UpstreamTarget::Http { host: host.to_owned(), port })
}

fn show_url(target: &UpstreamTarget) -> String {
    match target {
        UpstreamTarget::Embedded => EMBEDDED.to_owned(),
        UpstreamTarget::Http { host, port } if host.contains(':') => format!("http://[{host}]:{port}"),
        UpstreamTarget::Http { host, port } => format!("http://{host}:{port}"),
    }
}

fn parse_audience(text: &str) -> Result<String, String> {
    let fine = !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fine { Ok(text.to_owned()) } else { Err("expected 1 to 128 visible ASCII characters".to_owned()) }
}
