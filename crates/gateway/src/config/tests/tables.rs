//! Tables of several venues on one port.

use super::*;

/// Both venues have their WebSocket at the root; Kraken's is at a path of its own, too.
#[test]
fn the_table_of_kraken_gives_way_at_the_root_and_has_it_where_nobody_else_does() {
    let roots = |tables: &[&str]| {
        let text: String = tables.iter().map(|table| format!("[[route]]\nbuiltin = \"{table}\"\n")).collect();
        let settings = settings(&text);
        let routes = settings.routes.all().iter().map(|route| (route.target.to_string(), route.name.to_string()));
        let (at_root, elsewhere): (Vec<_>, Vec<_>) = routes.partition(|(target, _)| target == "GET /");
        let names: Vec<String> = at_root.into_iter().map(|(_, name)| name).collect();
        (names, elsewhere.iter().filter(|(target, _)| target == "GET /kraken/ws").count())
    };
    assert_eq!(roots(&["kraken"]), (vec!["kraken ws /".to_owned()], 1));
    for other in ["coinbase", "coinbase-exchange"] {
        for tables in [["kraken", other], [other, "kraken"]] {
            assert_eq!(roots(&tables), (vec![format!("{other} ws /")], 1), "{tables:?}");
        }
    }
}

/// Hyperliquid's socket takes the frames of Binance's clients, too.
#[test]
fn the_streams_of_binance_give_way_to_hyperliquid_where_both_have_their_websocket() {
    let at_ws = |text: &str| {
        let settings = settings(text);
        let routes = settings.routes.all().iter().filter(|route| route.target.to_string() == "GET /ws");
        routes.map(|route| route.name.to_string()).collect::<Vec<_>>()
    };
    let table = |name: &str| format!("[[route]]\nbuiltin = \"{name}\"\n");
    assert_eq!(at_ws(&table("binance")), ["binance stream /ws"]);
    assert_eq!(at_ws(&(table("binance") + &table("hyperliquid"))), ["hyperliquid ws /ws"]);
    assert_eq!(at_ws(""), ["hyperliquid ws /ws"]);
}
