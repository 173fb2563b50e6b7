//! Sealing: into the outbox, in one batch with the ratchet and with all that goes along.

use kuvert_core::{Change, Content, Key, ProtocolError, Version};
use kuvert_store::Store;
use kuvert_wire::transcript::Block;
use kuvert_wire::{AccountId, Encode, Frame, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Client, lock};
use crate::record::{self, LogRecord, Versioned};
use crate::{Carrier, Error};

/// What posting needs to know of a sealed envelope; the context of [`kuvert_core::Step::keep`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OutboxContext {
    pub(super) account: [u8; 32],
    pub(super) post: [u8; 16],
}

/// An own message in the log.
pub(super) struct Logged {
    pub(super) log: Versioned<LogRecord>,
    pub(super) frame: Frame,
}

impl Logged {
    /// What is sealed of it. What was sealed outside of a transcript is not put into one later: the peer
    /// may have it, and then the entry would never be sent.
    fn content(&self) -> Content {
        let content = Content::again(&self.frame);
        if self.log.value.is_outside { content.outside_transcript() } else { content }
    }

    /// Notes the place that the message got in a transcript, or that it got none; the change that
    /// writes its entry, if that has anything new.
    fn take_down(
        &mut self,
        block: Option<&Block>,
        now: Timestamp,
    ) -> Result<Option<Change>, Error> {
        let is_new = self.log.version == Version::ABSENT;
        let is_settled = self.frame.block.is_some() || self.log.value.is_outside;
        if is_settled && !is_new {
            return Ok(None);
        }
        if let (Some(block), None) = (block, &self.frame.block) {
            (self.frame.block, self.frame.sent) = (Some(Box::new(*block)), now);
            self.log.value.frame = self.frame.encode();
        }
        self.log.value.is_outside = self.frame.block.is_none();
        self.log.put().map(Some)
    }
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Seals `content` for `peer` into the outbox, together with `changes`.
    pub(super) fn seal(
        &mut self,
        peer: &AccountId,
        content: &Content,
        mut changes: Vec<Change>,
    ) -> Result<(), Error> {
        let (seq, counter) = self.reserve(1)?;
        changes.push(counter);
        self.seal_as(seq, peer, content, changes)
    }

    /// Seals a message of the log under a number that is reserved by one of `changes`. The log entry is
    /// written with it if it is new, or if the message gets its place in a transcript now.
    pub(super) fn seal_logged(
        &mut self,
        seq: u64,
        peer: &AccountId,
        mut logged: Logged,
        mut changes: Vec<Change>,
    ) -> Result<(), Error> {
        let their = self.sending_to(peer).ok_or(ProtocolError::NoSession)?;
        let (key, context) = self.outbox_place(peer, seq)?;
        let (now, mut device) = (self.now(), lock(&self.device));
        let content = logged.content();
        let step = device.encrypt(&their, &content, now, &mut self.around.random)?;
        let step = step.keep(key, &context);
        changes.extend(logged.take_down(step.block(), now)?);
        let step = changes.into_iter().fold(step, |step, change| step.also(change));
        step.commit(|changes| self.store.apply(changes))?;
        drop(device);
        self.reserved();
        Ok(())
    }

    /// The same under a number that is reserved by one of `changes`.
    pub(super) fn seal_as(
        &mut self,
        seq: u64,
        peer: &AccountId,
        content: &Content,
        changes: Vec<Change>,
    ) -> Result<(), Error> {
        let their = self.sending_to(peer).ok_or(ProtocolError::NoSession)?;
        let (key, context) = self.outbox_place(peer, seq)?;
        let (now, mut device) = (self.now(), lock(&self.device));
        let step =
            device.encrypt(&their, content, now, &mut self.around.random)?.keep(key, &context);
        let step = changes.into_iter().fold(step, |step, change| step.also(change));
        step.commit(|changes| self.store.apply(changes))?;
        drop(device);
        self.reserved();
        Ok(())
    }

    /// Where an envelope for `peer` waits, and what posting has to know of it.
    pub(super) fn outbox_place(
        &mut self,
        peer: &AccountId,
        seq: u64,
    ) -> Result<(Key, Vec<u8>), Error> {
        let key = record::outbox_key(seq);
        let context = OutboxContext { account: *peer.as_bytes(), post: self.around.bytes() };
        let context = record::pack_context(&key, &context)?;
        Ok((key, context))
    }
}
