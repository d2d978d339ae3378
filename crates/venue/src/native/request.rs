//! A native request as it is written, and the order it may contain.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::NativeError;
use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::{CancelClass, Marks, OrderId, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::limits::{BOOK_LEVELS_MAX, ROWS_PER_ANSWER_MAX};

/// Every field any op takes. Fields an op does not take are refused by nobody: a newer
/// client may talk to an older venue.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Request<'a> {
    #[serde(default)]
    pub(super) op: String,
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    pub(super) sym: Option<String>,
    side: Option<String>,
    r#type: Option<String>,
    qty: Option<String>,
    quote: Option<String>,
    px: Option<String>,
    tif: Option<String>,
    cl: Option<String>,
    order: Option<Value>,
    scope: Option<String>,
    class: Option<String>,
    #[serde(default)]
    reduce: bool,
    depth: Option<usize>,
    limit: Option<usize>,
    #[serde(default)]
    pub(super) feeds: Vec<String>,
}

/// Whose orders are withdrawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CancelScope {
    /// All of the account.
    Account,
    /// Those placed by the caller's own session.
    Session,
}

/// Which order is meant.
pub(super) enum OrderName<'a> {
    Client(&'a str),
    Venue(OrderId),
}

impl Request<'_> {
    /// A request made from an HTTP query. A parameter that is none is refused: whoever asks for one instrument by a wrong word would be
    /// told of all, and take the first for theirs.
    pub(super) fn from_query(op: &str, query: &str) -> Result<Request<'static>, NativeError> {
        let mut request = Request { op: op.to_owned(), ..Request::default() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let count = || value.parse().map_err(|_| NativeError::bad(format!("{name} must be a count")));
            match &*name {
                "cl" => request.cl = Some(value.into_owned()),
                "depth" => request.depth = Some(count()?),
                "limit" => request.limit = Some(count()?),
                "order" => request.order = Some(Value::from(value)),
                "sym" => request.sym = Some(value.into_owned()),
                _ => return Err(NativeError::bad("a parameter is cl, depth, limit, order or sym")),
            }
        }
        Ok(request)
    }

    /// The same request as another op.
    pub(super) fn named(mut self, op: &str) -> Self {
        op.clone_into(&mut self.op);
        self
    }

    /// The same request about one order.
    pub(super) fn about(mut self, order: &str) -> Self {
        self.order = Some(Value::from(order));
        self
    }

    pub(super) fn market(&self, exchange: &Exchange) -> Result<MarketIndex, NativeError> {
        self.optional_market(exchange)?.ok_or_else(|| NativeError::bad("sym is missing"))
    }

    pub(super) fn optional_market(&self, exchange: &Exchange) -> Result<Option<MarketIndex>, NativeError> {
        let Some(symbol) = &self.sym else {
            return Ok(None);
        };
        exchange.find_market(symbol).map(Some).ok_or_else(NativeError::unknown_symbol)
    }

    /// Whose orders `order.cancel_all` is about; all of the account unless it says otherwise.
    pub(super) fn cancel_scope(&self) -> Result<CancelScope, NativeError> {
        match self.scope.as_deref() {
            None | Some("account") => Ok(CancelScope::Account),
            Some("session") => Ok(CancelScope::Session),
            Some(_) => Err(NativeError::bad("scope must be account or session")),
        }
    }

    /// Which of them; all unless it says otherwise.
    pub(super) fn cancel_class(&self) -> Result<CancelClass, NativeError> {
        match self.class.as_deref() {
            None | Some("all") => Ok(CancelClass::All),
            Some("day") => Ok(CancelClass::Day),
            Some("opening") => Ok(CancelClass::Opening),
            Some(_) => Err(NativeError::bad("class must be all, day or opening")),
        }
    }

    /// What the order is known by besides its own content.
    pub(super) fn marks(&self, session: Option<Arc<str>>) -> Marks {
        Marks { day: self.tif.as_deref() == Some("day"), reduce: self.reduce, ..Marks::session(session) }
    }

    pub(super) fn depth(&self) -> usize {
        self.depth.unwrap_or(20).min(BOOK_LEVELS_MAX)
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(100).min(ROWS_PER_ANSWER_MAX)
    }

    /// The order named by `order` (the venue's number, as number or text) or `cl`.
    pub(super) fn order_name(&self) -> Result<OrderName<'_>, NativeError> {
        let number = match &self.order {
            None | Some(Value::Null) => {
                let cl = self.cl.as_deref();
                return cl.map(OrderName::Client).ok_or_else(|| NativeError::bad("order or cl is missing"));
            }
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Array(_) | Value::Bool(_) | Value::Object(_)) => None,
        };
        number.map(OrderName::Venue).ok_or_else(|| NativeError::bad("order must be the venue's order number"))
    }

    /// The order to place.
    pub(super) fn order_request(&self, exchange: &Exchange, key: &Arc<str>) -> Result<OrderRequest, NativeError> {
        let market = self.market(exchange)?;
        let side = match self.side.as_deref() {
            Some("buy") => Side::Buy,
            Some("sell") => Side::Sell,
            Some(_) | None => return Err(NativeError::bad("side must be buy or sell")),
        };
        let (time_in_force, post_only) = match self.tif.as_deref() {
            // Which of both is among its marks.
            None | Some("day" | "gtc") => (TimeInForce::GoodTillCanceled, false),
            Some("fok") => (TimeInForce::FillOrKill, false),
            Some("ioc") => (TimeInForce::ImmediateOrCancel, false),
            Some("post") => (TimeInForce::GoodTillCanceled, true),
            Some(_) => return Err(NativeError::bad("tif must be day, gtc, ioc, fok or post")),
        };
        let (kind, price, size) = match self.r#type.as_deref() {
            Some("limit") => {
                let kind = if post_only { OrderKind::LimitMaker } else { OrderKind::Limit };
                (kind, decimal("px", self.px.as_deref())?, Size::Base(decimal("qty", self.qty.as_deref())?))
            }
            Some("market") if self.px.is_some() || self.tif.is_some() => {
                return Err(NativeError::bad("a market order has neither px nor tif"));
            }
            Some("market") => (OrderKind::Market, Fixed::ZERO, self.market_size()?),
            Some(_) | None => return Err(NativeError::bad("type must be limit or market")),
        };
        let client_id = self.cl.clone();
        Ok(OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(key) })
    }

    fn market_size(&self) -> Result<Size, NativeError> {
        match (&self.qty, &self.quote) {
            (Some(_), None) => decimal("qty", self.qty.as_deref()).map(Size::Base),
            (None, Some(_)) => decimal("quote", self.quote.as_deref()).map(Size::Quote),
            (None, None) | (Some(_), Some(_)) => Err(NativeError::bad("a market order has either qty or quote")),
        }
    }
}

fn decimal(name: &str, text: Option<&str>) -> Result<Fixed, NativeError> {
    let text = text.ok_or_else(|| NativeError::bad(format!("{name} is missing")))?;
    Fixed::parse(text).map_err(|error| NativeError::bad(format!("{name}: {error}")))
}
