//! The WebSocket: `ping`, `subscribe`, `unsubscribe`, and `post` for actions and questions.
//!
//! The vendor serves it at `/ws`, where Binance has its streams. It has a path of its own here; at `/ws` the first frame says whose
//! client it is.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::address::Address;
use super::error::HyperliquidError;
use super::info::{INTERVALS, market_of_coin, need};
use super::streams::message;
use super::{actions, info, streams, user};
use crate::exchange::account::AccountIndex;
use crate::exchange::instrument::MarketIndex;
use crate::limits::HYPERLIQUID_BOOK_LEVELS;
use crate::operations::{self, Channel, Dialect, OwnChannel, Subscriptions, candle_width, spot_markets};
use crate::outbox::Outbox;
use crate::shell::{Caller, Shell};
use crate::websocket::Protocol;

#[derive(Deserialize)]
#[serde(tag = "method", rename_all = "camelCase")]
enum Frame {
    Ping,
    Post { id: u64, request: PostRequest },
    Subscribe { subscription: Value },
    Unsubscribe { subscription: Value },
}

#[derive(Deserialize)]
struct PostRequest {
    #[serde(rename = "type")]
    kind: String,
    payload: Value,
}

pub(crate) struct Session(Subscriptions);

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    operations::handshake::<HyperliquidError, Session>(shell, request, Dialect::Hyperliquid, Session).await
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        match serde_json::from_str(text) {
            Ok(Frame::Ping) => {
                shell.counters.count_public();
                Some(json!({"channel": "pong"}).to_string())
            }
            Ok(Frame::Post { id, request }) => Some(self.post(shell, id, &request)),
            Ok(Frame::Subscribe { subscription }) => self.subscription(shell, &subscription, true),
            Ok(Frame::Unsubscribe { subscription }) => self.subscription(shell, &subscription, false),
            Err(_) => {
                shell.counters.count_refused();
                Some(message("error", &json!(format!("Error parsing JSON into valid websocket request: {text}"))))
            }
        }
    }
}

/// What a subscription means.
enum Wanted {
    Market(MarketIndex, Channel),
    Own(AccountIndex, OwnChannel),
    /// A user nobody has heard of: nothing will ever be told.
    Stranger,
}

impl Session {
    /// Takes a connection over.
    pub(crate) const fn open(caller: Caller, connection: u64, outbox: Arc<Outbox>) -> Self {
        Self(Subscriptions::new(Dialect::Hyperliquid, caller, connection, outbox))
    }

    /// Whether a text is what clients of this venue send, and no other's: at a path that another venue has, too.
    pub(crate) fn is_asked_for(text: &str) -> bool {
        serde_json::from_str::<Frame>(text).is_ok()
    }

    fn post(&self, shell: &Shell, id: u64, request: &PostRequest) -> String {
        let result = match request.kind.as_str() {
            "action" => actions::perform(shell, &self.0.caller, &request.payload),
            "info" => info::ask(shell, &self.0.caller, &request.payload).map(|data| json!({"type": request.payload["type"], "data": data})),
            _ => Err(HyperliquidError::Malformed),
        };
        let response = match result {
            Ok(payload) => json!({"type": request.kind, "payload": payload}),
            Err(HyperliquidError::Action(text)) => json!({"type": "action", "payload": {"status": "err", "response": text}}),
            Err(error @ (HyperliquidError::Malformed | HyperliquidError::Unavailable)) => json!({"type": "error", "payload": error.text()}),
        };
        message("post", &json!({"id": id, "response": response}))
    }

    fn subscription(&mut self, shell: &Shell, subscription: &Value, subscribe: bool) -> Option<String> {
        let method = if subscribe { "subscribe" } else { "unsubscribe" };
        let Ok(wanted) = self.wanted(shell, subscription) else {
            shell.counters.count_refused();
            return Some(message("error", &json!(format!("Invalid subscription {subscription}"))));
        };
        shell.counters.count_public();
        // The answer goes before the first message, so it is queued here.
        let answer = message("subscriptionResponse", &json!({"method": method, "subscription": subscription}));
        self.0.outbox.push_own(Bytes::from(answer));
        match wanted {
            Wanted::Market(market, channel) if subscribe => {
                let full = self.0.subscribe(shell, market, channel).is_err();
                return full.then(|| message("error", &json!("Too many subscriptions")));
            }
            Wanted::Market(market, channel) => self.0.unsubscribe(shell, market, channel),
            Wanted::Own(account, channel) if subscribe => {
                self.0.listen(shell, account, channel);
                if let OwnChannel::AddressBalances(address) = channel {
                    return Some(shell.with(|exchange, _| streams::spot_state(exchange, address, Some(account))));
                }
                if let OwnChannel::AddressFills(address) = channel {
                    let fills = shell.with(|exchange, _| user::fills(exchange, Some(account), 0, u64::MAX));
                    return Some(message("userFills", &json!({"user": address.to_string(), "isSnapshot": true, "fills": fills})));
                }
            }
            Wanted::Own(_, channel) => self.0.unlisten(shell, channel),
            Wanted::Stranger => {}
        }
        None
    }

    fn wanted(&self, shell: &Shell, subscription: &Value) -> Result<Wanted, HyperliquidError> {
        let user = |own: fn(Address) -> OwnChannel| {
            let address = Address::parse(need(subscription, "user")?).ok_or(HyperliquidError::Malformed)?;
            let account = shell.with(|exchange, _| user::account(shell, exchange, &self.0.caller, address))?;
            Ok(account.map_or(Wanted::Stranger, |account| Wanted::Own(account, own(address))))
        };
        let market = |channel| {
            let name = need(subscription, "coin")?;
            let market = shell.with(|exchange, _| market_of_coin(exchange, name)).ok_or(HyperliquidError::Malformed)?;
            Ok(Wanted::Market(market, channel))
        };
        match need(subscription, "type")? {
            "activeAssetCtx" => market(Channel::Ticker),
            "allMids" => {
                let first = shell.with(|exchange, _| spot_markets(exchange).next().map(|(index, _)| index));
                first.map(|index| Wanted::Market(index, Channel::Mids)).ok_or(HyperliquidError::Malformed)
            }
            "bbo" => market(Channel::Top),
            "candle" => {
                let width = candle_width(INTERVALS, need(subscription, "interval")?).ok_or(HyperliquidError::Malformed)?;
                market(Channel::Candles(width))
            }
            "l2Book" => market(Channel::Book(HYPERLIQUID_BOOK_LEVELS)),
            "orderUpdates" => user(|_| OwnChannel::Orders),
            "spotState" => user(OwnChannel::AddressBalances),
            "trades" => market(Channel::Trades),
            "userEvents" => user(|_| OwnChannel::Fills),
            "userFills" => user(OwnChannel::AddressFills),
            _ => Err(HyperliquidError::Malformed),
        }
    }
}
