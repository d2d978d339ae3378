//! ExecutionReport (FIX 4.2 and 4.4, "ExecutionReport"; 5.0 has the fields of 4.4).

use countersign_fix::{Precision, Timestamp, UtcTimestamp, Version};

use super::out::Out;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, Side, TimeInForce};
use crate::operations::average_price;

/// What a report tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Canceled,
    Expired,
    New,
    Replaced,
    Status,
    Trade,
}

/// The names in a report.
pub(super) struct Names {
    pub(super) cl_ord_id: String,
    pub(super) orig: Option<String>,
    pub(super) symbol: String,
}

/// OrdStatus (39).
const fn ord_status(status: OrderStatus) -> char {
    match status {
        OrderStatus::New => '0',
        OrderStatus::PartiallyFilled => '1',
        OrderStatus::Filled => '2',
        OrderStatus::Canceled => '4',
        OrderStatus::Expired => 'C',
    }
}

/// ExecType (150): fills have their own values in 4.2.
const fn exec_type(version: Version, kind: Kind, status: OrderStatus) -> char {
    match (kind, version) {
        (Kind::New, _) => '0',
        (Kind::Canceled, _) => '4',
        (Kind::Replaced, _) => '5',
        (Kind::Expired, _) => 'C',
        (Kind::Trade, Version::Fix42) | (Kind::Status, Version::Fix42) => ord_status(status),
        (Kind::Trade, Version::Fix44 | Version::Fixt11) => 'F',
        (Kind::Status, Version::Fix44 | Version::Fixt11) => 'I',
    }
}

/// Side (54).
pub(super) const fn side(side: Side) -> char {
    match side {
        Side::Buy => '1',
        Side::Sell => '2',
    }
}

const fn ord_type(kind: OrderKind) -> char {
    match kind {
        OrderKind::Market => '1',
        OrderKind::Limit | OrderKind::LimitMaker => '2',
    }
}

const fn time_in_force(time_in_force: TimeInForce) -> char {
    match time_in_force {
        TimeInForce::GoodTillCanceled => '1',
        TimeInForce::ImmediateOrCancel => '3',
        TimeInForce::FillOrKill => '4',
    }
}

/// A moment as UTCTimestamp.
pub(super) fn utc(at_ms: u64) -> String {
    UtcTimestamp::new(Timestamp::from_millis(at_ms), Precision::Millis).to_string()
}

/// One report; `number` is its ExecID and the time.
pub(super) fn execution(
    version: Version,
    kind: Kind,
    order: &Order,
    fill: Option<&Fill>,
    names: &Names,
    (exec_id, at_ms): (&str, u64),
) -> Out {
    let leaves = if order.status.is_open() { order.remaining() } else { crate::exchange::fixed::Fixed::ZERO };
    let transaction = (version == Version::Fix42).then_some(if kind == Kind::Status { 3 } else { 0 });
    Out::new("8")
        .field(37, order.id)
        .field(11, &names.cl_ord_id)
        .maybe(41, names.orig.as_ref())
        .field(17, exec_id)
        .maybe(20, transaction)
        .field(150, exec_type(version, kind, order.status))
        .field(39, ord_status(order.status))
        .field(55, &names.symbol)
        .field(54, side(order.side))
        .field(38, order.quantity.short())
        .maybe(152, (order.quote_quantity > crate::exchange::fixed::Fixed::ZERO).then(|| order.quote_quantity.short()))
        .field(40, ord_type(order.kind))
        .maybe(44, (order.kind != OrderKind::Market).then(|| order.price.short()))
        .field(59, time_in_force(order.time_in_force))
        .maybe(18, (order.kind == OrderKind::LimitMaker).then_some('6'))
        .maybe(32, fill.map(|fill| fill.quantity.short()))
        .maybe(31, fill.map(|fill| fill.price.short()))
        .maybe(1003, fill.filter(|_| version == Version::Fixt11).map(|fill| fill.trade_id))
        .maybe(12, fill.map(|fill| fill.commission.short()))
        .maybe(13, fill.map(|_| 3))
        .field(151, leaves.short())
        .field(14, order.filled.short())
        .field(6, average_price(order).short())
        .field(60, utc(at_ms))
}
