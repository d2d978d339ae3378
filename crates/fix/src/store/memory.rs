//! A bounded store in memory: for tests, and for venues that reset at every Logon.

use std::collections::BTreeMap;

use crate::limits;
use crate::store::{MessageStore, StoreError, Stored};

/// Keeps the latest [`limits::STORED_MESSAGES_MAX`] messages and [`limits::STORED_BYTES_MAX`] bytes. Nothing survives the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryStore {
    next_sender: u64,
    next_target: u64,
    messages: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
    kept_from: u64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self { next_sender: 1, next_target: 1, messages: BTreeMap::new(), bytes: 0, kept_from: 1 }
    }
}

impl MemoryStore {
    /// A store that goes on from these numbers, without messages.
    #[must_use]
    pub const fn resuming(next_sender: u64, next_target: u64) -> Self {
        Self { next_sender, next_target, messages: BTreeMap::new(), bytes: 0, kept_from: next_sender }
    }

    fn evict(&mut self) {
        while self.messages.len() > limits::STORED_MESSAGES_MAX || self.bytes > limits::STORED_BYTES_MAX {
            let Some((seq, message)) = self.messages.pop_first() else { return };
            self.bytes -= message.len();
            self.kept_from = seq + 1;
        }
    }
}

impl MessageStore for MemoryStore {
    fn next_sender(&self) -> u64 {
        self.next_sender
    }

    fn next_target(&self) -> u64 {
        self.next_target
    }

    fn record(&mut self, seq: u64, message: Option<&[u8]>) -> Result<(), StoreError> {
        if seq != self.next_sender || seq > limits::SEQ_NUM_MAX {
            return Err(StoreError("a number was used twice or is too high".into()));
        }
        self.next_sender = seq + 1;
        if let Some(message) = message {
            self.bytes += message.len();
            self.messages.insert(seq, message.to_vec());
            self.evict();
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<u64, StoreError> {
        Ok(self.next_sender - 1)
    }

    fn set_next_target(&mut self, seq: u64) -> Result<(), StoreError> {
        self.next_target = seq;
        Ok(())
    }

    fn first_stored(&mut self, from: u64, through: u64) -> Result<Stored, StoreError> {
        if from > through {
            return Ok(Stored::Nothing);
        }
        let found = self.messages.range(from..=through).next();
        Ok(found.map_or(Stored::Nothing, |(seq, bytes)| Stored::Message { seq: *seq, bytes: bytes.clone() }))
    }

    fn kept_from(&self) -> u64 {
        self.kept_from
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
    fn numbers_are_used_once_and_in_order() {
        let mut store = MemoryStore::default();
        store.record(1, Some(b"a")).unwrap();
        assert!(store.record(1, Some(b"b")).is_err());
        assert!(store.record(3, None).is_err());
        store.record(2, None).unwrap();
        assert_eq!((store.next_sender(), store.sync().unwrap()), (3, 2));
        assert_eq!(store.first_stored(1, 9).unwrap(), Stored::Message { seq: 1, bytes: b"a".to_vec() });
        assert_eq!(store.first_stored(2, 9).unwrap(), Stored::Nothing);
        assert_eq!(store.first_stored(9, 2).unwrap(), Stored::Nothing);
        store.reset().unwrap();
        assert_eq!(store, MemoryStore::default());
    }

    #[test]
    fn the_oldest_messages_make_room_and_the_store_says_so() {
        let mut store = MemoryStore::default();
        let count = limits::STORED_MESSAGES_MAX as u64 + 5;
        for seq in 1..=count {
            store.record(seq, Some(b"m")).unwrap();
        }
        assert_eq!(store.kept_from(), 6);
        assert_eq!(store.first_stored(1, count).unwrap(), Stored::Message { seq: 6, bytes: b"m".to_vec() });
    }
}
