//! The pages of `docs/dialects` against the route tables: what a page says of moving funds out is what the gateway does.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use countersign_core::Scope;

use crate::binance::routes::WS;
use crate::dialect::Dialect;
use crate::registry::ALL;

/// What needs the scope, as a page writes it: ``POST `/path` ``, ``message `name` ``.
fn in_table(dialect: &dyn Dialect) -> BTreeSet<String> {
    let moves = |scope: Option<&str>| scope == Some(Scope::FUNDS_WITHDRAW);
    let rest = dialect.rest_routes().iter().filter(|route| moves(route.scope)).map(|route| format!("{} `{}`", route.method, route.path));
    let sent = dialect.message_routes().iter().filter(|route| moves(route.scope)).map(|route| format!("message `{}`", route.name));
    rest.chain(sent).collect()
}

/// What the lines say that name the scope: each word before a text in backticks that is an endpoint's method or `message`.
fn on_page(page: &str) -> BTreeSet<String> {
    const WORDS: [&str; 6] = ["DELETE", "GET", "PATCH", "POST", "PUT", "message"];
    let lines = page.lines().filter(|line| line.contains(Scope::FUNDS_WITHDRAW));
    let pairs = lines.flat_map(|line| {
        let parts: Vec<_> = line.split('`').collect();
        let pairs: Vec<_> = parts.chunks_exact(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect();
        pairs
    });
    let said = pairs.filter_map(|(before, quoted)| {
        let word = before.split([' ', '(']).rfind(|word| !word.is_empty())?.to_owned();
        WORDS.contains(&word.as_str()).then(|| format!("{word} `{quoted}`"))
    });
    said.collect()
}

#[test]
fn every_page_names_what_moves_funds_out_and_nothing_else() {
    assert!(WS.iter().all(|method| method.scope != Some(Scope::FUNDS_WITHDRAW)), "a table that is not looked at here");
    for dialect in ALL {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/dialects/{}.md", dialect.name()));
        let page = std::fs::read_to_string(&file).unwrap();
        let table = in_table(dialect);
        assert_eq!(on_page(&page), table, "{}", dialect.name());
        let denied = page.lines().find(|line| line.contains("moves funds") && line.contains("no route"));
        assert!(table.is_empty() || denied.is_none(), "{}: {denied:?}", dialect.name());
    }
}
