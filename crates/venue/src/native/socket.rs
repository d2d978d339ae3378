//! The native façade over WebSocket: requests and answers, subscriptions and events.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request as HttpRequest, Response};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::error::NativeError;
use super::request::Request;
use super::rest::respond;
use super::work::{self, Access};
use crate::exchange::account::AccountIndex;
use crate::exchange::instrument::MarketIndex;
use crate::hub::{Feed, OwnForm, Topic, Wrapping};
use crate::outbox::Outbox;
use crate::shell::{Caller, Shell};
use crate::websocket::{self, Connection, Protocol};

/// One native connection.
struct Session {
    caller: Caller,
    connection: u64,
    outbox: Arc<Outbox>,
    listening: Option<AccountIndex>,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: HttpRequest<Body>) -> Response<Body> {
    let caller = match shell.identify_connection(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => return respond(Err(error.into())),
    };
    websocket::upgrade(&shell, request, |connection: &Connection| Session {
        caller,
        connection: connection.id,
        outbox: Arc::clone(&connection.outbox),
        listening: None,
    })
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let Ok(request) = serde_json::from_str::<Request>(text) else {
            shell.counters.count_refused();
            return Some(reply("null", Err(NativeError::bad("not a request: expected a JSON object with op and id"))));
        };
        let id = request.id.map_or("null", RawValue::get);
        let result = match request.op.as_str() {
            "subscribe" => self.subscribe(shell, &request),
            "unsubscribe" => self.unsubscribe(shell, &request),
            _ => work::answer(shell, &self.caller, &request),
        };
        Some(reply(id, result))
    }
}

/// Feeds asked for: market feeds of one instrument, and the account's own events.
struct Feeds {
    market: Vec<Feed>,
    own: bool,
}

impl Feeds {
    fn read(names: &[String]) -> Result<Self, NativeError> {
        if names.is_empty() {
            return Err(NativeError::bad("feeds is missing"));
        }
        let mut feeds = Self { market: Vec::new(), own: false };
        for name in names {
            match name.as_str() {
                "book" => feeds.market.push(Feed::NativeBook),
                "orders" => feeds.own = true,
                "ticker" => feeds.market.push(Feed::NativeTicker),
                "trade" => feeds.market.push(Feed::NativeTrade),
                _ => return Err(NativeError::bad("feeds are book, orders, ticker, trade")),
            }
        }
        Ok(feeds)
    }

    const fn access(&self) -> Access {
        if self.own { Access::Read } else { Access::Public }
    }
}

impl Session {
    fn subscribe(&mut self, shell: &Shell, request: &Request) -> Result<Value, NativeError> {
        let feeds = Feeds::read(&request.feeds)?;
        let identity = work::admit(shell, feeds.access(), &self.caller)?;
        let listening = shell.with(|exchange, _| {
            if !feeds.market.is_empty() {
                let market = request.market(exchange)?;
                for feed in &feeds.market {
                    let topic = Topic { market, feed: *feed };
                    shell.hub.subscribe(exchange, topic, self.connection, Wrapping::Plain, &self.outbox);
                }
            }
            match identity {
                Some(identity) if self.listening.is_none() => {
                    let owner = exchange.account(&identity.account)?;
                    shell.hub.listen(owner, self.connection, OwnForm::Native, &self.outbox);
                    Ok::<_, NativeError>(Some(owner))
                }
                Some(_) | None => Ok(self.listening),
            }
        })?;
        self.listening = listening;
        Ok(json!({"feeds": request.feeds}))
    }

    fn unsubscribe(&mut self, shell: &Shell, request: &Request) -> Result<Value, NativeError> {
        let feeds = Feeds::read(&request.feeds)?;
        shell.counters.count_public();
        if !feeds.market.is_empty() {
            let market: MarketIndex = shell.with(|exchange, _| request.market(exchange))?;
            for feed in &feeds.market {
                shell.hub.unsubscribe(Topic { market, feed: *feed }, self.connection);
            }
        }
        if feeds.own
            && let Some(owner) = self.listening.take()
        {
            shell.hub.unlisten(owner, self.connection, None);
        }
        Ok(json!({"feeds": request.feeds}))
    }
}

fn reply(id: &str, result: Result<Value, NativeError>) -> String {
    match result {
        // The answer's fields follow `ok`, so the object is opened by hand.
        Ok(body) => {
            let fields = body.to_string();
            format!(r#"{{"re":{id},"ok":true,{}"#, &fields[1..])
        }
        Err(error) => format!(r#"{{"re":{id},"ok":false,"err":{}}}"#, error.json()),
    }
}
