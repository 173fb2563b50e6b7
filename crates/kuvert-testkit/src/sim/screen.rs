//! What a person has seen: the app's own note of it, kept beside the store.
//!
//! A client gives an event again until it is acknowledged. An app that must not show it twice notes the
//! event's number; so does this one.

use std::collections::{BTreeMap, BTreeSet};

/// What has been shown to one person.
#[derive(Clone, Debug, Default)]
pub(super) struct Screen {
    /// Numbers of the events shown.
    numbers: BTreeSet<u64>,
    /// How often each message has been shown, by its number.
    texts: BTreeMap<usize, u32>,
}

impl Screen {
    /// Whether an event is new to the person.
    pub(super) fn is_new(&mut self, number: u64) -> bool {
        self.numbers.insert(number)
    }

    /// Shows a message.
    pub(super) fn show(&mut self, message: usize) {
        *self.texts.entry(message).or_default() += 1;
    }

    /// How often a message has been shown.
    pub(super) fn times(&self, message: usize) -> u32 {
        self.texts.get(&message).copied().unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }
}
