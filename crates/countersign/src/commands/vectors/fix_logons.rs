//! Recorded logons of FIX: framed, read and presented as those of a connection are.

use countersign_core::{Refusal, Reject};
use countersign_dialects::vectors::{FixLogons, Verify};
use countersign_fix::limits::LOGON_BYTES_MAX;
use countersign_fix::{Framed, Framer, LogonDialect, Message};

/// The logons of every venue that has one.
pub(super) struct Logons;

impl FixLogons for Logons {
    fn judge(&self, family: &str, message: &[u8], verify: &mut Verify<'_>) -> Result<Result<(), Refusal>, String> {
        let dialect = match family {
            "binance" => LogonDialect::Binance,
            "coinbaseexchange" => LogonDialect::CoinbaseExchange,
            "deribit" => LogonDialect::Deribit,
            "kraken" => LogonDialect::Kraken,
            other => return Err(format!("no logon of FIX for {other}")),
        };
        Ok(judge(dialect, message, verify))
    }
}

fn judge(dialect: LogonDialect, message: &[u8], verify: &mut Verify<'_>) -> Result<(), Refusal> {
    let mut framer = Framer::new(LOGON_BYTES_MAX);
    framer.push(message);
    let length = message.len();
    let frame = match framer.next_frame() {
        // A second message behind the first is no Logon of its own.
        Some(Framed::Frame(frame)) if frame.len() == length => frame,
        Some(Framed::Frame(_) | Framed::Garbled(_)) | None => return Err(Reject::Malformed.into()),
    };
    let logon = Message::parse(frame).map_err(|_| Reject::Malformed)?;
    verify(&dialect.present(&logon)?).map(drop)
}
