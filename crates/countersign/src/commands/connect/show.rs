//! How the handshakes, the contract and the answers look to a person.

use countersign_client::Ladder;
use countersign_core::Timestamp;
use countersign_handshake::ClientSession;
use countersign_handshake::contract::{Choice, Quantity};
use serde_json::Value;

use crate::commands::{output, when};

/// The steps with their times.
pub(in crate::commands) fn ladder(ladder: &Ladder) -> String {
    let mut table = output::table(&["STEP", "TIME", "OUTCOME"]);
    for rung in ladder.rungs() {
        table.add_row([rung.step.to_owned(), millis(rung.took), rung.outcome.clone()]);
    }
    output::layout(&table).trim_end().to_owned()
}

/// A duration in milliseconds, to the microsecond.
pub(in crate::commands) fn millis(duration: std::time::Duration) -> String {
    format!("{:.3} ms", duration.as_secs_f64() * 1_000.0)
}

/// Everything that was agreed: no parameter is left out, none is "default".
pub(in crate::commands) fn contract(agreed: &ClientSession) -> String {
    let contract = &agreed.contract;
    let mut rows = vec![
        ("contract".to_owned(), agreed.ch.text()),
        ("session".to_owned(), agreed.sid.to_string()),
        ("gateway key".to_owned(), agreed.gateway.clone()),
        ("clock skew".to_owned(), format!("{:.3} ms (gateway minus here)", micros_to_millis(agreed.skew_us))),
        ("scopes".to_owned(), contract.scopes.to_string()),
        ("bind".to_owned(), contract.bind.to_string()),
    ];
    rows.extend(Quantity::ALL.iter().map(|parameter| (parameter.name().to_owned(), contract.quantity(*parameter).to_string())));
    let said = Choice::ALL.iter().filter(|parameter| !contract.choice(**parameter).is_empty());
    rows.extend(said.map(|parameter| (parameter.name().to_owned(), contract.choice(*parameter).to_owned())));
    let sheet = output::sheet(rows.iter().map(|(name, value)| (name.as_str(), value.clone())));
    output::layout(&sheet).trim_end().to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "a clock difference beyond 2^52 microseconds is shown wrong by a millisecond")]
fn micros_to_millis(micros: i64) -> f64 {
    micros as f64 / 1_000.0
}

/// A message of the venue: answers as tables, events as one line, what is not known as it came.
pub(super) fn message(text: &str) -> String {
    let Ok(message) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    if let Some(refusal) = message.get("err") {
        return format!("refused: {}", reason(refusal));
    }
    if let Some(event) = message["ev"].as_str() {
        return event_line(event, &message);
    }
    let members = [
        ("tickers", TICKER),
        ("ticker", TICKER),
        ("markets", MARKET),
        ("balances", BALANCE),
        ("orders", ORDER),
        ("order", ORDER),
        ("fills", FILL),
    ];
    if let Some(book) = message.get("book") {
        return self::book(book);
    }
    for (member, columns) in members {
        match message.get(member) {
            Some(Value::Array(rows)) if rows.is_empty() => return format!("no {member}"),
            Some(Value::Array(rows)) => return table(columns, rows),
            Some(row @ Value::Object(_)) => return table(columns, std::slice::from_ref(row)),
            Some(_) | None => {}
        }
    }
    match message["feeds"].as_array() {
        Some(feeds) => format!("feeds: {}", feeds.iter().map(cell).collect::<Vec<_>>().join(" ")),
        None => text.to_owned(),
    }
}

const TICKER: &[&str] = &["sym", "bid", "ask", "last", "open", "high", "low", "vol"];
const MARKET: &[&str] = &["sym", "kind", "base", "quote", "tick", "lot", "notional_min", "expiry", "strike", "state"];
const BALANCE: &[&str] = &["asset", "total", "free", "held"];
const ORDER: &[&str] = &["order", "sym", "side", "type", "tif", "px", "qty", "filled", "state", "cl"];
const FILL: &[&str] = &["trade", "order", "sym", "side", "px", "qty", "fee", "fee_asset", "maker"];

/// Why something was refused: code, words, names, correlation id.
fn reason(refusal: &Value) -> String {
    let text = |member: &str| refusal[member].as_str().unwrap_or_default();
    let mut words = format!("{}: {}", text("code"), text("text"));
    if let Some(names) = refusal["names"].as_array() {
        words.push_str(&format!(" ({})", names.iter().map(cell).collect::<Vec<_>>().join(", ")));
    }
    if let Some(id) = refusal["id"].as_str() {
        words.push_str(&format!(" [{id}]"));
    }
    words
}

fn event_line(event: &str, message: &Value) -> String {
    let of = |value: &Value, members: &[&str]| {
        members.iter().map(|member| format!("{member} {}", cell(&value[*member]))).collect::<Vec<_>>().join("  ")
    };
    match event {
        "ticker" => format!("ticker  {}  {}", cell(&message["sym"]), of(message, &["bid", "ask", "last"])),
        "trade" => format!("trade   {}  {}", cell(&message["sym"]), of(message, &["px", "qty", "taker"])),
        "book" => {
            let top = |side: &str| cell(&message[side][0]);
            format!("book    {}  bid {}  ask {}  upd {}", cell(&message["sym"]), top("bids"), top("asks"), cell(&message["upd"]))
        }
        "order" => format!(
            "order   {}  {}",
            cell(&message["change"]),
            of(&message["order"], &["order", "sym", "side", "px", "qty", "filled", "state"])
        ),
        "fill" => format!("fill    {}", of(&message["fill"], &["trade", "order", "sym", "side", "px", "qty", "fee"])),
        _ => message.to_string(),
    }
}

fn book(book: &Value) -> String {
    let empty = Vec::new();
    let side = |name: &str| book[name].as_array().unwrap_or(&empty);
    let (bids, asks) = (side("bids"), side("asks"));
    let mut table = output::table(&["BID QTY", "BID", "ASK", "ASK QTY"]);
    for level in 0..bids.len().max(asks.len()) {
        let at = |side: &[Value], index: usize| side.get(level).map_or_else(String::new, |level| cell(&level[index]));
        table.add_row([at(bids, 1), at(bids, 0), at(asks, 0), at(asks, 1)]);
    }
    format!("{} at update {}\n{}", cell(&book["sym"]), cell(&book["upd"]), output::layout(&table).trim_end())
}

/// A table of the columns that any row has.
fn table(columns: &[&str], rows: &[Value]) -> String {
    let present: Vec<&str> = columns.iter().copied().filter(|column| rows.iter().any(|row| !row[*column].is_null())).collect();
    let header: Vec<String> = present.iter().map(|column| column.to_uppercase()).collect();
    let mut table = output::table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for row in rows {
        table.add_row(present.iter().map(|column| if *column == "expiry" { time(&row[*column]) } else { cell(&row[*column]) }));
    }
    output::layout(&table).trim_end().to_owned()
}

fn time(value: &Value) -> String {
    value.as_u64().map_or_else(|| cell(value), |millis| when::show(Timestamp::from_millis(millis)))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Array(parts) => parts.iter().map(cell).collect::<Vec<_>>().join(" x "),
        Value::Bool(truth) => if *truth { "yes" } else { "no" }.to_owned(),
        Value::Null => "-".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Object(_) => value.to_string(),
        // A venue's text goes to a terminal: no escape sequences.
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_tables_and_events_one_line() {
        let ticker = message(r#"{"re":1,"ok":true,"ticker":{"sym":"BTCUSDT","bid":["99","1"],"ask":["101","2"],"last":"100"}}"#);
        assert_eq!(ticker.lines().count(), 2);
        assert!(ticker.contains("99 x 1") && ticker.contains("LAST"), "{ticker}");
        let event = message(r#"{"ev":"trade","t":1,"sym":"BTCUSDT","px":"100","qty":"1","taker":"buy"}"#);
        assert_eq!(event, "trade   BTCUSDT  px 100  qty 1  taker buy");
        assert_eq!(message(r#"{"re":1,"ok":true,"orders":[]}"#), "no orders");
        let book = message(r#"{"re":1,"ok":true,"book":{"sym":"A","upd":4,"bids":[["1","2"]],"asks":[]}}"#);
        assert!(book.starts_with("A at update 4\n"), "{book}");
    }

    #[test]
    fn refusals_are_told_with_their_id() {
        let said = message(r#"{"err":{"code":"scope.denied","text":"no","names":["order:write"],"id":"abc"}}"#);
        assert_eq!(said, "refused: scope.denied: no (order:write) [abc]");
        assert_eq!(message("what"), "what");
    }

    #[test]
    fn a_venue_cannot_write_escape_sequences() {
        let said = message("{\"re\":1,\"ok\":true,\"order\":{\"order\":1,\"cl\":\"\\u001b[31mred\"}}");
        assert!(!said.contains('\u{1b}'));
    }
}
