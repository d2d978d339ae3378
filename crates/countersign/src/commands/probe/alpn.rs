//! Which application protocols a server agrees to, each tried on a connection of its own.

use countersign_pki::TlsVersion;
use serde_json::json;

use super::report::{Mark, Report};
use super::target::Target;
use super::tls::{Attempt, why};

/// Tried one by one; the last one nobody knows.
const TRIED: [&str; 4] = ["h2", "http/1.1", "countersign/1", "unknown/0"];

/// What a server makes of a protocol name.
enum Reaction {
    /// It agreed.
    Agreed,
    /// It went on without any protocol, or with another.
    Ignored,
    /// It ended the handshake.
    Refused(String),
}

/// The protocols that the server agrees to.
pub(super) async fn offered(target: &Target, version: TlsVersion, report: &mut Report) -> anyhow::Result<Vec<String>> {
    let mut agreed = Vec::new();
    let mut said = Vec::new();
    let mut findings = serde_json::Map::new();
    for name in TRIED {
        let (words, word) = match react(target, version, name).await? {
            Reaction::Agreed => {
                agreed.push(name.to_owned());
                (format!("{name}: yes"), "agreed")
            }
            Reaction::Ignored => (format!("{name}: ignored"), "ignored"),
            Reaction::Refused(why) => (format!("{name}: no ({why})"), "refused"),
        };
        said.push(words);
        findings.insert(name.to_owned(), json!(word));
    }
    let mark = if agreed.is_empty() { Mark::Note } else { Mark::Good };
    report.step_with(mark, "ALPN", said.join("\n"), findings.into())?;
    Ok(agreed)
}

async fn react(target: &Target, version: TlsVersion, name: &str) -> anyhow::Result<Reaction> {
    let attempt = Attempt::new(target, version, &[name.as_bytes()])?;
    Ok(match target.tls(attempt.config).await {
        Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(name.as_bytes()) => Reaction::Agreed,
        Ok(_) => Reaction::Ignored,
        Err(error) => Reaction::Refused(why(&error)),
    })
}
