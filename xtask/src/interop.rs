//! docs/interop.md: what each unmodified client did in the last run of the conformance level.
//!
//! ```text
//!   pytest ──▶ .test-env/interop.json ──▶ page ──▶ cargo xtask interop: docs/interop.md is written
//!                                              └──▶ conformance level:   docs/interop.md must be this page
//! ```
//!
//! The page has no times in it: the same clients doing the same things give the same page. A client without a word on one of the
//! operations is a hole, and no page is made.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::machine::Machine;

/// Where the tests leave what they saw, below the folder of installed things.
pub(crate) const FACTS: &str = "interop.json";
const PAGE: &str = "docs/interop.md";

const HEAD: &str = "\
# Interoperability

What unmodified clients do through the gateway, in front of the paper venue.
This page is generated from a run of the black-box tests: `cargo xtask test --only conformance`, then `cargo xtask interop`.
The conformance level fails when its run says something else than this page.

Each client is the pinned release, installed from PyPI or, where its name begins with `npm:`, from the npm registry, and not patched: settings, arguments and exported tables of addresses point it here.
Every SDK in Python but ccxt 4.5 runs in a process of its own, those in JavaScript in one of Node; a wrong clock is that process's, and a replay is its transport sending one order twice.
";

const MORE: &str = "
## What more works

Of these classes, one kind of key each: changing an order, several orders in one request, cancelling all of them, and one's own trades with their fees.

";

const REFUSED: &str = "
## What a refusal raises

The class that the client raises, with the venue's code where the client shows it. `(returned)`: the client raises nothing and hands the \
venue's answer to its caller. `(object)`: what the client throws has no class. Each class is the one that the client raises at the venue \
itself, by the client's source and the venue's documents; a test fails when it is another. Replay is the gateway's own: most venues take \
the same order twice within its window, and here the client raises what it raises for the venue's word for a stale or repeated request.

";

const FIX: &str = "
## What works over FIX

The Logon of each venue, in the versions that it takes; Binance's in all that the gateway speaks, though the venue itself has FIX.4.4 only.
QuickFIX and fixcore-engine are whole engines; TLS is done for them by a tunnel. What binance-fix-connector and simplefix missed, the test asks for with their messages: the one asks for nothing by itself, the other has no session.
client-certificate and native are the gateway's own Logons, at TargetCompID COUNTERSIGN: a client certificate, with the hash of its key as SenderCompID, and a token in RawData. \
The token is bound to its connection, which an engine behind a tunnel does not know; simplefix makes it on a connection of pyOpenSSL.
`resend`: an ExecutionReport is lost, the client sees the gap in the numbers, and gets it again with PossDupFlag.

";

const FIX_REFUSED: &str = "
## What a refusal says over FIX

The messages that the client is told, with ErrorCode (25016) of the first one where the venue has such, else its Text (58).
Binance's documents have a Reject with the numbers of its REST API, those of Deribit and Kraken a Logout with the reason; what they, and Coinbase Exchange, write there none of them says, and these words are the gateway's.
After a Reject of a Logon comes a Logout, because engines wait for one; fixcore-engine leaves at the first message that is no Logon, and has it in its log alone. A wrong clock is one by 60 s.
A Logon shown twice breaks a rule of Deribit's and Kraken's own, whose time or nonce must rise; at Binance and Coinbase Exchange the window alone would let it pass, and the refusal is the gateway's.
To the gateway's own Logons a wrong secret is a name that is not in the certificate, or another key's signature; and a Logon shown twice is one that comes over a connection without the certificate, or other than the token's.

";

/// What the tests wrote.
#[derive(Deserialize)]
struct Facts {
    works: Vec<String>,
    /// What only some clients were asked for: those that say something about one of these say something about all.
    #[serde(default)]
    more: Vec<String>,
    refused: Vec<String>,
    rows: Vec<Row>,
    fix: FixFacts,
}

/// What the tests of FIX clients wrote.
#[derive(Deserialize)]
struct FixFacts {
    works: Vec<String>,
    refused: Vec<String>,
    rows: Vec<Row>,
}

/// One client and one operation.
#[derive(Clone, Deserialize)]
struct Row {
    client: String,
    version: String,
    venue: String,
    operation: String,
    #[serde(flatten)]
    outcome: Outcome,
}

/// How it went.
#[derive(Clone, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
enum Outcome {
    /// There is no such thing, and this is why.
    None { reason: String },
    /// It was refused, as it should be.
    Refused { raised: String, code: String, expected: String },
    /// It did it.
    Works,
}

/// Writes the page.
///
/// # Errors
/// When the conformance level has not run here, or its facts have a hole.
pub(crate) fn write(machine: &Machine) -> Result<()> {
    fs::write(machine.path(PAGE), page(&facts(machine)?)?).with_context(|| format!("{PAGE} cannot be written"))
}

/// Whether the committed page is what the last run says.
///
/// # Errors
/// When it is not.
pub(crate) fn check(machine: &Machine) -> Result<()> {
    let committed = fs::read_to_string(machine.path(PAGE)).unwrap_or_default();
    let page = page(&facts(machine)?)?;
    if let Some((number, line)) = page.lines().enumerate().find(|(number, line)| committed.lines().nth(*number) != Some(line)) {
        bail!("{PAGE} is not what this run says (line {}: {line}); `cargo xtask interop` writes it", number + 1);
    }
    ensure!(page == committed, "{PAGE} says more than this run; `cargo xtask interop` writes it");
    Ok(())
}

fn facts(machine: &Machine) -> Result<Facts> {
    let path = machine.env_path(FACTS);
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} is not there: run `cargo xtask test --only conformance`", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not understood", path.display()))
}

fn page(facts: &Facts) -> Result<String> {
    let rows = &facts.rows;
    let clients = clients(rows)?;
    let mut page = HEAD.to_owned();
    let mut notes = Notes::default();
    page.push_str("\n## What works\n\n");
    table(&mut page, rows, &clients, &facts.works, &mut notes)?;
    let asked = |row: &&Row| rows.iter().any(|told| told.client == row.client && facts.more.contains(&told.operation));
    let some: Vec<&Row> = clients.iter().copied().filter(asked).collect();
    if !some.is_empty() {
        page.push_str(MORE);
        table(&mut page, rows, &some, &facts.more, &mut notes)?;
    }
    page.push_str(REFUSED);
    table(&mut page, rows, &clients, &facts.refused, &mut notes)?;
    fix(&mut page, &facts.fix, &mut notes)?;
    page.push_str("\n## Why a cell is empty\n\n");
    for (number, reason) in notes.0.iter().enumerate() {
        let _ = writeln!(page, "{}. {reason}.", number + 1);
    }
    Ok(page)
}

/// FIX has operations of its own.
fn fix(page: &mut String, facts: &FixFacts, notes: &mut Notes) -> Result<()> {
    let clients = clients(&facts.rows)?;
    page.push_str(FIX);
    table(page, &facts.rows, &clients, &facts.works, notes)?;
    page.push_str(FIX_REFUSED);
    table(page, &facts.rows, &clients, &facts.refused, notes)
}

/// The first row of each client.
fn clients(rows: &[Row]) -> Result<Vec<&Row>> {
    let mut seen = BTreeSet::new();
    let clients: Vec<&Row> = rows.iter().filter(|row| seen.insert((&row.venue, &row.client))).collect();
    ensure!(!clients.is_empty(), "no client told anything");
    Ok(clients)
}

/// The reasons, in the order in which they came up.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn number(&mut self, reason: &str) -> usize {
        let known = self.0.iter().position(|each| each == reason);
        known.map_or_else(
            || {
                self.0.push(reason.to_owned());
                self.0.len()
            },
            |place| place + 1,
        )
    }
}

fn table(page: &mut String, rows: &[Row], clients: &[&Row], operations: &[String], notes: &mut Notes) -> Result<()> {
    let _ = writeln!(page, "| venue | client | version | {} |", operations.join(" | "));
    let _ = writeln!(page, "|---|---|---|{}", "---|".repeat(operations.len()));
    for client in clients {
        let _ = write!(page, "| {} | {} | {} |", client.venue, client.client, client.version);
        for operation in operations {
            let same = |row: &&Row| (&row.venue, &row.client, &row.operation) == (&client.venue, &client.client, operation);
            let row = rows.iter().find(same);
            let row = row.with_context(|| format!("a hole: {} says nothing about {operation}", client.client))?;
            let _ = write!(page, " {} |", cell(row, notes)?);
        }
        page.push('\n');
    }
    Ok(())
}

fn cell(row: &Row, notes: &mut Notes) -> Result<String> {
    Ok(match &row.outcome {
        Outcome::None { reason } => {
            ensure!(!reason.is_empty(), "a hole: {} gives no reason about {}", row.client, row.operation);
            format!("[{}]", notes.number(reason))
        }
        Outcome::Refused { raised, code, expected } => {
            ensure!(raised == expected, "{} raises {raised}, at the venue {expected}", row.client);
            if code.is_empty() { format!("`{raised}`") } else { format!("`{raised}` {code}") }
        }
        Outcome::Works => "yes".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn facts(rows: &str) -> Facts {
        let fix = format!(r#"{{"works":["logon"],"refused":["wrong secret"],"rows":[{LOGON},{SECRET}]}}"#);
        serde_json::from_str(&format!(r#"{{"works":["ticker"],"refused":["replay"],"rows":[{rows}],"fix":{fix}}}"#)).unwrap()
    }

    const TICKER: &str = r#"{"client":"c","version":"1","venue":"v","operation":"ticker","outcome":"works"}"#;

    #[test]
    fn each_client_has_a_line_in_both_tables_and_each_reason_a_number() {
        let none = r#"{"client":"c","version":"1","venue":"v","operation":"replay","outcome":"none","reason":"no nonce"}"#;
        let page = page(&facts(&format!("{TICKER},{none}"))).unwrap();
        assert!(page.contains("| v | c | 1 | yes |\n") && page.contains("| v | c | 1 | [1] |\n") && page.contains("1. no nonce.\n"));
    }

    #[test]
    fn what_some_clients_were_asked_for_has_a_table_of_those() {
        let refused =
            r#"{"client":"c","version":"1","venue":"v","operation":"replay","outcome":"refused","code":"7","raised":"A","expected":"A"}"#;
        let change = r#"{"client":"c","version":"1","venue":"v","operation":"change","outcome":"works"}"#;
        let one = format!("{TICKER},{refused},{change}");
        let two = one.replace("\"c\"", "\"d\"").replace("\"change\"", "\"ticker\"");
        let told = Facts { more: vec!["change".to_owned()], ..facts(&format!("{one},{two}")) };
        let page = page(&told).unwrap();
        let table = page.split("## What more works").nth(1).unwrap().split("##").next().unwrap();
        assert!(table.contains("| v | c | 1 | yes |") && !table.contains("| d |"), "{table}");
    }

    const LOGON: &str = r#"{"client":"f","version":"2","venue":"w","operation":"logon","outcome":"works"}"#;
    const SECRET: &str = r#"{"client":"f","version":"2","venue":"w","operation":"wrong secret","outcome":"refused","raised":"Logout","code":"No.","expected":"Logout"}"#;

    #[test]
    fn fix_clients_have_tables_of_their_own() {
        let none = r#"{"client":"c","version":"1","venue":"v","operation":"replay","outcome":"none","reason":"no nonce"}"#;
        let mut told = facts(&format!("{TICKER},{none}"));
        let text = page(&told).unwrap();
        assert!(text.contains("| logon |") && text.contains("| w | f | 2 | yes |\n") && text.contains("| w | f | 2 | `Logout` No. |\n"));
        told.fix.rows.truncate(1);
        assert!(page(&told).unwrap_err().to_string().contains("f says nothing about wrong secret"));
    }

    #[test]
    fn a_hole_makes_no_page() {
        assert!(page(&facts(TICKER)).unwrap_err().to_string().contains("c says nothing about replay"));
        assert!(page(&facts("")).is_err());
    }

    #[test]
    fn another_class_than_the_venues_makes_no_page() {
        let row =
            r#"{"client":"c","version":"1","venue":"v","operation":"replay","outcome":"refused","code":"7","raised":"A","expected":"B"}"#;
        assert!(page(&facts(&format!("{TICKER},{row}"))).is_err());
        let page = page(&facts(&format!("{TICKER},{}", row.replace("\"B\"", "\"A\"")))).unwrap();
        assert!(page.contains("| v | c | 1 | `A` 7 |"));
    }
}
