//! Orders: from a message to the exchange. What happened is told by the watch; what is refused is told here.

use std::sync::Arc;

use countersign_fix::{Message, UtcTimestamp, Version, tag};
use parking_lot::Mutex;

use super::market_data;
use super::out::Out;
use super::replies::{self, Problem, text};
use super::report::{self, Kind, Names};
use super::watch::Watch;
use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{InstrumentKind, MarketIndex};
use crate::exchange::order::{CancelClass, Marks, Order, OrderError, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::{self, Access, Denied};
use crate::operations::Owner;
use crate::shell::{Caller, Shell};

/// Whose orders a mass cancel is about, as the gateway says it.
const CANCEL_SCOPE: countersign_fix::Tag = 20_003;

/// The moment of [`Meant::AccountBefore`].
const CANCEL_MOMENT: countersign_fix::Tag = 20_004;

/// Which orders a mass cancel is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    /// Unless it says otherwise.
    Account,
    /// All of the session, and those of the account that there were at this moment, in Unix milliseconds.
    AccountBefore(u64),
    Session,
}

impl Meant {
    fn read(message: &Message<'_>) -> Result<Self, Problem> {
        match text(message, CANCEL_SCOPE) {
            None | Some("account") => Ok(Self::Account),
            Some("account-before") => {
                let moment = message.first(CANCEL_MOMENT).ok_or(Problem::Missing(CANCEL_MOMENT))?;
                let moment = UtcTimestamp::parse(moment).map_err(|_| Problem::Wrong(CANCEL_MOMENT))?;
                Ok(Self::AccountBefore(moment.timestamp().as_millis()))
            }
            Some("session") => Ok(Self::Session),
            Some(_) => Err(Problem::Wrong(CANCEL_SCOPE)),
        }
    }
}

/// One connection's desk.
pub(super) struct Desk {
    pub(super) shell: Arc<Shell>,
    pub(super) caller: Caller,
    pub(super) owner: Owner,
    pub(super) version: Version,
    /// What tells this session's orders from those of others of its account.
    pub(super) session: Arc<str>,
    pub(super) watch: Arc<Mutex<Watch>>,
    pub(super) market: market_data::Feed,
    /// ExecIDs of reports that are no executions.
    pub(super) reports: u64,
}

impl Desk {
    /// Acts on an application message; what is answered beyond the events of the exchange.
    pub(super) fn handle(&mut self, message: &Message<'_>) -> Option<Out> {
        let access = match message.msg_type() {
            b"D" | b"F" | b"G" | b"q" => Access::Write,
            b"AF" | b"H" => Access::Read,
            b"V" | b"x" => Access::Public,
            _ => {
                self.shell.counters.count_refused();
                return Some(replies::business(message, 3, "this message type is not served"));
            }
        };
        match facade::admit(&self.shell, access, &self.caller) {
            Ok(_) => {}
            Err(Denied::NoIdentity | Denied::NoScope) => return Some(replies::business(message, 6, "the identity has not the scope")),
        }
        match message.msg_type() {
            b"D" => self.resent(message).or_else(|| self.place(message)),
            b"F" => self.cancel(message),
            b"G" => self.replace(message),
            b"H" => Some(self.status(message)),
            b"AF" => Some(self.mass_status(message)),
            b"q" => Some(self.cancel_all(message)),
            b"x" => Some(market_data::security_list(&self.shell, self.version, message)),
            _ => self.market.request(&self.shell, &self.watch, message),
        }
    }

    /// Orders bear the name of their session, which may cancel them all.
    fn marks(&self) -> Marks {
        Marks::session(Some(Arc::clone(&self.session)))
    }

    fn exec_id(&mut self) -> String {
        self.reports += 1;
        format!("R{}-{}", self.owner.index.0, self.reports)
    }

    /// What became of an order that was sent before under another number (PossResend, 97): it is not placed a second time (FIX 4.4,
    /// volume 4, appendix D: the current state is confirmed back).
    fn resent(&mut self, message: &Message<'_>) -> Option<Out> {
        if text(message, tag::POSS_RESEND) != Some("Y") {
            return None;
        }
        let exec_id = self.exec_id();
        self.shell.with(|exchange, now_ms| {
            let market = market_of(exchange, message).ok();
            let order = exchange.order_by_client_id(self.owner.index, market, text(message, 11)?)?;
            Some(self.status_of(exchange, order, &exec_id, now_ms))
        })
    }

    fn place(&mut self, message: &Message<'_>) -> Option<Out> {
        let outcome = self.shell.with(|exchange, now_ms| {
            let request = read_order(exchange, &self.owner, message)?;
            self.watch_symbol(request.market, message);
            exchange.place_marked(self.owner.index, request, self.marks(), now_ms).map_err(Problem::from)
        });
        let problem = outcome.err()?;
        let (exec_id, now_ms) = (self.exec_id(), crate::clock::now_ms());
        Some(replies::rejected(message, self.version, &problem, &exec_id, now_ms))
    }

    /// The watch is not asked for the exchange, and is only locked for this.
    fn watch_symbol(&self, market: MarketIndex, message: &Message<'_>) {
        if let Some(symbol) = text(message, 55) {
            self.watch.lock().spells(market, symbol);
        }
    }

    fn cancel(&mut self, message: &Message<'_>) -> Option<Out> {
        let outcome = self.shell.with(|exchange, now_ms| {
            let order = find(exchange, &self.owner, message)?.id;
            if let Some(request) = text(message, 11) {
                self.watch.lock().cancels(order, request);
            }
            exchange.cancel(self.owner.index, order, now_ms).map_err(Problem::from)
        });
        outcome.err().map(|problem| replies::cancel_rejected(message, &problem))
    }

    /// Replaces an order by a new one at the end of its price's queue: the old one goes, the new one has its own OrderID.
    fn replace(&mut self, message: &Message<'_>) -> Option<Out> {
        let outcome = self.shell.with(|exchange, now_ms| {
            let old = find(exchange, &self.owner, message)?.clone();
            let request = replacement(&self.owner, &old, message)?;
            if !old.status.is_open() {
                return Err(Problem::Order(OrderError::UnknownOrder));
            }
            exchange.check(self.owner.index, &request)?;
            self.watch.lock().replaces(Some((request.client_id.as_deref().unwrap_or_default(), &old)));
            exchange.cancel(self.owner.index, old.id, now_ms)?;
            exchange.place_marked(self.owner.index, request, self.marks(), now_ms).map_err(Problem::from)
        });
        self.watch.lock().replaces(None);
        outcome.err().map(|problem| replies::cancel_rejected(message, &problem))
    }

    fn status(&mut self, message: &Message<'_>) -> Out {
        let exec_id = self.exec_id();
        self.shell.with(|exchange, now_ms| match find(exchange, &self.owner, message) {
            Ok(order) => self.status_of(exchange, order, &exec_id, now_ms),
            Err(problem) => replies::rejected(message, self.version, &problem, &exec_id, now_ms),
        })
    }

    fn status_of(&self, exchange: &Exchange, order: &Order, exec_id: &str, now_ms: u64) -> Out {
        let symbol = self.watch.lock().symbol(exchange, order.market).to_owned();
        let names = Names { cl_ord_id: order.client_id.clone(), orig: None, symbol };
        report::execution(self.version, Kind::Status, order, None, &names, (exec_id, now_ms))
    }

    /// Every open order but the last goes out by itself; the last is the answer.
    fn mass_status(&mut self, message: &Message<'_>) -> Out {
        let request = text(message, 584).unwrap_or_default().to_owned();
        let exec_id = self.exec_id();
        let mut reports: Vec<Out> = self.shell.with(|exchange, now_ms| {
            let open: Vec<&Order> = exchange.open_orders(self.owner.index).collect();
            let count = open.len();
            let tell = |(number, order): (usize, &&Order)| {
                let report = self.status_of(exchange, order, &format!("{exec_id}-{number}"), now_ms);
                report.field(584, &request).field(911, count).field(912, if number + 1 == count { 'Y' } else { 'N' })
            };
            open.iter().enumerate().map(tell).collect()
        });
        let last = reports.pop();
        for report in reports {
            self.market.outbox().push_own(report.into_bytes());
        }
        last.unwrap_or_else(|| replies::business(message, 0, "no open orders"))
    }

    fn cancel_all(&mut self, message: &Message<'_>) -> Out {
        let by_symbol = text(message, 530) == Some("1");
        let outcome = self.shell.with(|exchange, now_ms| {
            let market = if by_symbol { Some(market_of(exchange, message)?) } else { None };
            let canceled = match Meant::read(message)? {
                Meant::Account => exchange.cancel_all(self.owner.index, market, now_ms),
                Meant::AccountBefore(moment) => exchange.cancel_of_account_by(self.owner.index, &self.session, moment, market, now_ms),
                Meant::Session => exchange.cancel_class(self.owner.index, Some(&self.session), market, CancelClass::All, now_ms),
            };
            Ok::<usize, Problem>(canceled.len())
        });
        let id = self.exec_id();
        // MassActionReportID took the place of OrderID in 5.0 SP1.
        let report = Out::new("r").maybe(11, text(message, 11)).field(37, &id);
        let report = report.maybe(1369, (self.version == Version::Fixt11).then_some(&id)).maybe(530, text(message, 530));
        match outcome {
            Ok(count) => report.maybe(531, text(message, 530)).field(533, count),
            Err(problem) => report.field(531, 0).field(532, 1).field(58, problem.text()),
        }
    }
}

/// The instrument that Symbol names: `BTCUSDT`, or with a separator between, as venues write it.
pub(super) fn market_of(exchange: &Exchange, message: &Message<'_>) -> Result<MarketIndex, Problem> {
    let symbol = text(message, 55).ok_or(Problem::Missing(55))?;
    named(exchange, symbol).ok_or(Problem::Symbol)
}

/// As [`market_of`], by the name itself.
pub(super) fn named(exchange: &Exchange, symbol: &str) -> Option<MarketIndex> {
    let plain: String = symbol.chars().filter(|letter| !matches!(letter, '-' | '/' | '_')).collect();
    exchange.find_market(symbol).or_else(|| exchange.find_spot(&plain))
}

fn decimal(message: &Message<'_>, tag: countersign_fix::Tag) -> Result<Option<Fixed>, Problem> {
    text(message, tag).map(|value| Fixed::parse(value).map_err(|_| Problem::Wrong(tag))).transpose()
}

fn read_order(exchange: &Exchange, owner: &Owner, message: &Message<'_>) -> Result<OrderRequest, Problem> {
    let market = market_of(exchange, message)?;
    let side = match text(message, 54).ok_or(Problem::Missing(54))? {
        "1" => Side::Buy,
        "2" => Side::Sell,
        _ => return Err(Problem::Wrong(54)),
    };
    let post_only = text(message, 18).is_some_and(|instructions| instructions.split(' ').any(|one| matches!(one, "6" | "A")));
    let kind = match text(message, 40).ok_or(Problem::Missing(40))? {
        "1" => OrderKind::Market,
        "2" if post_only => OrderKind::LimitMaker,
        "2" => OrderKind::Limit,
        _ => return Err(Problem::Wrong(40)),
    };
    let size = match (decimal(message, 38)?, decimal(message, 152)?) {
        (Some(quantity), _) => Size::Base(quantity),
        (None, Some(worth)) if kind == OrderKind::Market => Size::Quote(worth),
        (None, Some(_)) => return Err(Problem::Wrong(152)),
        (None, None) => return Err(Problem::Missing(38)),
    };
    let price = match kind {
        OrderKind::Market => Fixed::ZERO,
        OrderKind::Limit | OrderKind::LimitMaker => decimal(message, 44)?.ok_or(Problem::Missing(44))?,
    };
    let client_id = text(message, 11).ok_or(Problem::Missing(11))?.to_owned();
    let time_in_force = time_in_force(message)?;
    Ok(OrderRequest { market, side, kind, time_in_force, size, price, client_id: Some(client_id), key: Arc::clone(&owner.key) })
}

/// Day orders rest as well: the venue never closes for the day.
fn time_in_force(message: &Message<'_>) -> Result<TimeInForce, Problem> {
    match text(message, 59).unwrap_or("1") {
        "0" | "1" => Ok(TimeInForce::GoodTillCanceled),
        "3" => Ok(TimeInForce::ImmediateOrCancel),
        "4" => Ok(TimeInForce::FillOrKill),
        _ => Err(Problem::Wrong(59)),
    }
}

/// The order that OrderID or OrigClOrdID means; ClOrdID for a status request.
fn find<'a>(exchange: &'a Exchange, owner: &Owner, message: &Message<'_>) -> Result<&'a Order, Problem> {
    let by_number = text(message, 37).and_then(|id| id.parse().ok()).and_then(|id| exchange.order(owner.index, id));
    let named = text(message, 41).or_else(|| text(message, 11).filter(|_| message.msg_type() == b"H"));
    let market = market_of(exchange, message).ok();
    let by_name = || named.and_then(|name| exchange.order_by_client_id(owner.index, market, name));
    by_number.or_else(by_name).ok_or(Problem::Order(OrderError::UnknownOrder))
}

/// The old order with what the request changes: quantity and price.
fn replacement(owner: &Owner, old: &Order, message: &Message<'_>) -> Result<OrderRequest, Problem> {
    let client_id = text(message, 11).ok_or(Problem::Missing(11))?.to_owned();
    let quantity = decimal(message, 38)?.unwrap_or(old.quantity);
    if quantity <= old.filled {
        return Err(Problem::Wrong(38));
    }
    Ok(OrderRequest {
        market: old.market,
        side: old.side,
        kind: old.kind,
        time_in_force: old.time_in_force,
        size: Size::Base(quantity - old.filled),
        price: decimal(message, 44)?.unwrap_or(old.price),
        client_id: Some(client_id),
        key: Arc::clone(&owner.key),
    })
}

/// Whether an instrument is listed over FIX: all are.
pub(super) const fn security_type(kind: InstrumentKind) -> &'static str {
    match kind {
        InstrumentKind::Future { .. } | InstrumentKind::Perpetual => "FUT",
        InstrumentKind::Option { .. } => "OPT",
        InstrumentKind::Spot => "FXSPOT",
    }
}
