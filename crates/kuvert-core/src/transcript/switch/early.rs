//! Messages that come before the start that their conversation begins with.

use alloc::vec::Vec;

use kuvert_wire::transcript::Block;
use kuvert_wire::{MessageId, Timestamp};

use super::{Switch, Turn};
use crate::transcript::commitment::Logged;
use crate::transcript::conversation::{Conversation, Side};
use crate::transcript::waiting::Arrived;

/// So many are held at most; the oldest goes first. Its leaf will be asked for like any other that is
/// missing.
const MAX_EARLY: usize = 64;

impl Switch {
    /// Keeps a message with a head of a conversation that is not known here: its start may be under
    /// way. `None` if we have no start that could be a part of it.
    #[must_use]
    pub fn hold(
        &self,
        logged: &Logged<'_>,
        sent: Timestamp,
        block: &Block,
        now: Timestamp,
    ) -> Option<Turn> {
        let arrived = Arrived::message(logged, sent, block, now)?;
        if self.ours.is_none() || block.head.is_none() {
            return None;
        }
        let mut next = self.owing_what_ended(now).unwrap_or_else(|| self.clone());
        let is_copy = |held: &Arrived| {
            (held.seq, held.head) == (arrived.seq, arrived.head) && held.agrees(&arrived)
        };
        next.early.retain(|held| !is_copy(held));
        next.early.push(arrived);
        let excess = next.early.len().saturating_sub(MAX_EARLY);
        next.early.drain(..excess);
        Some(next.turned(None))
    }

    /// Drops a message that [`Switch::hold`] keeps, because its content is erased. `None` if it is not
    /// there.
    #[must_use]
    pub fn forget(&self, message: &MessageId) -> Option<Turn> {
        let is_it = |arrived: &Arrived| {
            arrived.kept.as_ref().is_some_and(|kept| kept.message_id == *message)
        };
        let mut next = self.clone();
        next.early.retain(|arrived| !is_it(arrived));
        (next.early.len() < self.early.len()).then(|| next.turned(None))
    }

    /// What came early of a conversation that begins now; it stays nowhere else. The heads tell.
    pub(super) fn take_early(
        &mut self,
        conversation: &Conversation,
        speaker: Side,
    ) -> Vec<Arrived> {
        let is_of_it = |arrived: &mut Arrived| {
            arrived.head.is_some_and(|head| conversation.is_authentic(speaker, &head))
        };
        self.early.extract_if(.., is_of_it).collect()
    }
}
