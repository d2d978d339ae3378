//! The words of the prompt, translated into operations of the native façade (`docs/venue.md`).

use serde_json::{Map, Value, json};

/// What a line asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// List the words.
    Help,
    /// An empty line.
    Nothing,
    /// Leave.
    Quit,
    /// Send this.
    Send(Value),
}

/// The words, for `help`.
pub(super) const HELP: &str = "\
markets                    instruments and their steps
ticker [SYM]               best prices and the day
book SYM [DEPTH]           order book
sub SYM [FEED...]          live feeds: ticker (default), book, trade; without SYM: sub orders
unsub SYM [FEED...]        end them
balance                    balances and positions
buy SYM QTY [PX]           limit order at PX; market order without
sell SYM QTY [PX]          the same, selling
cancel ORDER               cancel an order by its number
orders [SYM]               open orders
fills [SYM]                own trades
raw {JSON}                 send a message as it is
quit                       leave";

/// Reads a line; `id` is the number of the request it becomes.
///
/// # Errors
/// What the line lacks.
pub(super) fn read(line: &str, id: u64) -> Result<Line, String> {
    let line = line.trim();
    if let Some(body) = line.strip_prefix("raw ") {
        return serde_json::from_str(body).map(Line::Send).map_err(|error| format!("not JSON: {error}"));
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let request = match words.as_slice() {
        [] => return Ok(Line::Nothing),
        ["help" | "?"] => return Ok(Line::Help),
        ["quit" | "exit" | "q"] => return Ok(Line::Quit),
        ["markets"] => json!({"op": "markets"}),
        ["balance"] => json!({"op": "balance"}),
        ["ticker"] => json!({"op": "ticker"}),
        ["ticker", sym] => json!({"op": "ticker", "sym": symbol(sym)}),
        ["book", sym] => json!({"op": "book", "sym": symbol(sym), "depth": 10}),
        ["book", sym, depth] => json!({"op": "book", "sym": symbol(sym), "depth": number(depth)?}),
        ["sub", rest @ ..] => feeds("subscribe", rest)?,
        ["unsub", rest @ ..] => feeds("unsubscribe", rest)?,
        [side @ ("buy" | "sell"), sym, qty] => json!({"op": "order.place", "sym": symbol(sym), "side": side, "type": "market", "qty": qty}),
        [side @ ("buy" | "sell"), sym, qty, px] => {
            json!({"op": "order.place", "sym": symbol(sym), "side": side, "type": "limit", "qty": qty, "px": px})
        }
        ["cancel", order] => json!({"op": "order.cancel", "order": number(order)?}),
        ["orders"] => json!({"op": "order.list"}),
        ["orders", sym] => json!({"op": "order.list", "sym": symbol(sym)}),
        ["fills"] => json!({"op": "fills"}),
        ["fills", sym] => json!({"op": "fills", "sym": symbol(sym)}),
        [word, ..] => return Err(format!("{word}: not understood like this; `help` lists the words")),
    };
    Ok(Line::Send(numbered(request, id)))
}

fn feeds(op: &str, words: &[&str]) -> Result<Value, String> {
    match words {
        [] => Err(format!("{op} what? For example: BTCUSDT ticker trade")),
        ["orders"] => Ok(json!({"op": op, "feeds": ["orders"]})),
        [sym] => Ok(json!({"op": op, "sym": symbol(sym), "feeds": ["ticker"]})),
        [sym, feeds @ ..] => Ok(json!({"op": op, "sym": symbol(sym), "feeds": feeds})),
    }
}

/// Symbols are upper case; people are not.
fn symbol(word: &str) -> String {
    word.to_ascii_uppercase()
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word} is not a number"))
}

fn numbered(mut request: Value, id: u64) -> Value {
    request["id"] = id.into();
    request
}

/// A request as HTTP has it: method, target, body. `None`: this operation is for sessions only.
pub(super) fn as_http(request: &Value) -> Option<(http::Method, String, String)> {
    let text =
        |member: &str| request[member].as_str().map(str::to_owned).or_else(|| request[member].as_u64().map(|number| number.to_string()));
    let get = |path: &str, members: &[&str]| Some((http::Method::GET, with_query(path, members, &text), String::new()));
    match request["op"].as_str()? {
        "balance" => get("balance", &[]),
        "book" => get("book", &["sym", "depth"]),
        "fills" => get("fills", &["sym", "limit"]),
        "markets" => get("markets", &[]),
        "order.cancel" => Some((http::Method::DELETE, format!("{ROOT}/orders/{}", segment(&text("order")?)), String::new())),
        "order.cancel_all" => Some((http::Method::DELETE, with_query("orders", &["sym"], &text), String::new())),
        "order.list" => get("orders", &["sym"]),
        "order.place" => Some((http::Method::POST, format!("{ROOT}/orders"), without_envelope(request))),
        "order.status" => get(&format!("orders/{}", segment(&text("order")?)), &[]),
        "settlements" => get("settlements", &[]),
        "ticker" => get("ticker", &["sym"]),
        _ => None,
    }
}

/// Where the native façade is.
const ROOT: &str = "/native/v1";

fn with_query(path: &str, members: &[&str], text: &dyn Fn(&str) -> Option<String>) -> String {
    let pairs: Vec<String> = members.iter().filter_map(|member| Some(format!("{member}={}", segment(&text(member)?)))).collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!("{ROOT}/{path}{mark}{}", pairs.join("&"))
}

/// Text that stands for itself in a path or query; anything else is percent-encoded.
fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The order alone: over HTTP, method and path say what is asked.
fn without_envelope(request: &Value) -> String {
    let members = request.as_object().into_iter().flatten().filter(|(name, _)| *name != "op" && *name != "id");
    let order: Map<String, Value> = members.map(|(name, value)| (name.clone(), value.clone())).collect();
    Value::Object(order).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sent(line: &str) -> Value {
        match read(line, 7).unwrap() {
            Line::Send(request) => request,
            other @ (Line::Help | Line::Nothing | Line::Quit) => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_become_operations() {
        assert_eq!(sent("ticker btcusdt"), json!({"op": "ticker", "sym": "BTCUSDT", "id": 7}));
        assert_eq!(sent("buy BTCUSDT 0.01 1000")["type"], "limit");
        assert_eq!(sent("sell BTCUSDT 0.01")["type"], "market");
        assert_eq!(sent("cancel 12")["order"], 12);
        assert_eq!(sent("sub BTCUSDT book trade")["feeds"], json!(["book", "trade"]));
        assert_eq!(sent("sub orders").get("sym"), None);
        assert_eq!(sent(r#"raw {"op":"x"}"#), json!({"op": "x"}));
        assert_eq!(read("  ", 1).unwrap(), Line::Nothing);
        assert_eq!(read("quit", 1).unwrap(), Line::Quit);
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for line in ["fly", "buy BTCUSDT", "cancel twelve", "raw {", "sub", "book BTCUSDT deep"] {
            assert!(!read(line, 1).unwrap_err().is_empty(), "{line}");
        }
    }

    #[test]
    fn operations_have_their_http_form() {
        let http = |line: &str| as_http(&sent(line)).map(|(method, target, body)| format!("{method} {target} {body}").trim().to_owned());
        assert_eq!(http("ticker BTCUSDT").unwrap(), "GET /native/v1/ticker?sym=BTCUSDT");
        assert_eq!(http("orders").unwrap(), "GET /native/v1/orders");
        assert_eq!(http("cancel 12").unwrap(), "DELETE /native/v1/orders/12");
        assert_eq!(
            http("buy BTCUSDT 1 2").unwrap(),
            r#"POST /native/v1/orders {"px":"2","qty":"1","side":"buy","sym":"BTCUSDT","type":"limit"}"#
        );
        assert_eq!(http("sub BTCUSDT"), None, "feeds need a session");
        assert_eq!(as_http(&json!({"op": "book", "sym": "a&b=c"})).unwrap().1, "/native/v1/book?sym=a%26b%3Dc");
    }
}
