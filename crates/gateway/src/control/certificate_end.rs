//! Warns before a certificate of the public port ends. Those of the private CA are renewed long before; a file is its owner's to replace.

use std::time::Duration;

use countersign_core::Timestamp;
use countersign_pki::ServerTls;

const DAY: Duration = Duration::from_secs(86_400);
/// From when on it is told: time for a person to come back from a holiday. Public CAs renew a month ahead.
const TOLD_BEFORE: Duration = Duration::from_secs(14 * 86_400);

/// Tells it once a day.
#[derive(Default)]
pub(super) struct CertificateEnd {
    told: Option<Timestamp>,
}

impl CertificateEnd {
    /// Looks at the certificates that are in force.
    pub(super) fn look(&mut self, tls: &ServerTls, now: Timestamp) {
        let end = Timestamp::from_secs(tls.snapshot().certificates_end());
        if self.is_to_be_told(end, now) {
            if end <= now {
                tracing::error!(
                    "the certificate of the public port has ended and clients refuse it: replace its file, which is read again within a minute"
                );
                return;
            }
            let hours = end.saturating_since(now).as_secs() / 3_600;
            tracing::warn!(
                hours,
                "the certificate of the public port ends soon: clients will refuse it; replace its file, which is read again within a minute"
            );
        }
    }

    fn is_to_be_told(&mut self, end: Timestamp, now: Timestamp) -> bool {
        let is_due = self.told.is_none_or(|told| now.saturating_since(told) >= DAY);
        let is_near = end.saturating_since(now) < TOLD_BEFORE;
        if is_near && is_due {
            self.told = Some(now);
        }
        is_near && is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_told_once_a_day_from_two_weeks_before() {
        let (end, mut certificate) = (Timestamp::from_secs(100 * 86_400), CertificateEnd::default());
        let told: Vec<u64> = (80 * 24..102 * 24)
            .filter(|hour| certificate.is_to_be_told(end, Timestamp::from_secs(hour * 3_600)))
            .map(|hour| hour / 24)
            .collect();
        // Less than fourteen days: an hour after the eighty-sixth began.
        assert_eq!(told, (86..102).collect::<Vec<_>>());
    }
}
