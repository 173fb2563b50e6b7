//! Randomness that is given, value by value.

use std::collections::VecDeque;
use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// Gives out what it holds, by the size that is asked for: which is why the order of values of one
/// size is all that these tests know of how a device draws.
///
/// What the vectors leave open, such as a mailbox's key, is filled with one byte over and over.
#[derive(Debug, Default)]
pub(crate) struct Given {
    values: VecDeque<Vec<u8>>,
    words: VecDeque<u32>,
    long_words: VecDeque<u64>,
}

impl Given {
    pub(crate) fn value(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.values.push_back(bytes.into());
        self
    }

    /// The next value of `len` bytes is one that the vectors leave open.
    pub(crate) fn open(self, len: usize) -> Self {
        self.value(vec![0x5a; len])
    }

    pub(crate) fn word(mut self, word: u32) -> Self {
        self.words.push_back(word);
        self
    }

    pub(crate) fn long_word(mut self, word: u64) -> Self {
        self.long_words.push_back(word);
        self
    }

    /// Whether anything is given at all.
    pub(crate) fn is_given(&self) -> bool {
        !self.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.words.is_empty() && self.long_words.is_empty()
    }
}

impl TryRng for Given {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.words.pop_front().unwrap_or(0x5a5a_5a5a))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.long_words.pop_front().expect("chance is given where it is needed"))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let place = self.values.iter().position(|value| value.len() == bytes.len());
        match place.and_then(|place| self.values.remove(place)) {
            Some(value) => bytes.copy_from_slice(&value),
            None => bytes.fill(0x5a),
        }
        Ok(())
    }
}

impl TryCryptoRng for Given {}
