//! The memory of a session that nobody comes back to: two numbers. What a visitor missed is gap-filled: prices are of no use later.

use countersign_fix::limits::SEQ_NUM_MAX;
use countersign_fix::{MessageStore, StoreError, Stored};

/// Both numbers.
#[derive(Debug)]
pub(super) struct Numbers {
    sender: u64,
    target: u64,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { sender: 1, target: 1 }
    }
}

impl MessageStore for Numbers {
    fn next_sender(&self) -> u64 {
        self.sender
    }

    fn next_target(&self) -> u64 {
        self.target
    }

    fn record(&mut self, seq: u64, _message: Option<&[u8]>) -> Result<(), StoreError> {
        if seq != self.sender || seq > SEQ_NUM_MAX {
            return Err(StoreError("a number was used twice or is too high".into()));
        }
        self.sender = seq + 1;
        Ok(())
    }

    fn sync(&mut self) -> Result<u64, StoreError> {
        Ok(self.sender - 1)
    }

    fn set_next_target(&mut self, seq: u64) -> Result<(), StoreError> {
        self.target = seq;
        Ok(())
    }

    fn first_stored(&mut self, _from: u64, _through: u64) -> Result<Stored, StoreError> {
        Ok(Stored::Nothing)
    }

    /// Nothing was ever dropped: it is policy that nothing is kept.
    fn kept_from(&self) -> u64 {
        1
    }

    fn reset(&mut self) -> Result<(), StoreError> {
        *self = Self::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_go_on_and_messages_are_not_kept() {
        let mut numbers = Numbers::default();
        numbers.record(1, Some(b"price")).unwrap();
        assert!(numbers.record(1, None).is_err(), "no number twice");
        numbers.set_next_target(7).unwrap();
        assert_eq!((numbers.sync().unwrap(), numbers.next_sender(), numbers.next_target()), (1, 2, 7));
        assert_eq!(numbers.first_stored(1, 1).unwrap(), Stored::Nothing);
        numbers.reset().unwrap();
        assert_eq!((numbers.next_sender(), numbers.next_target()), (1, 1));
    }
}
