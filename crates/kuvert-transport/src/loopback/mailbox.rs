//! One mailbox in memory: positions, tokens, and posts that are stored once.

use std::collections::{HashSet, VecDeque};

use kuvert_wire::relay::{Refusal, SealedEnvelope, TokenId};
use kuvert_wire::{DeliveryToken, PostId, Timestamp};

use crate::owner::token_id;

/// An envelope that waits for its owner.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Place in the order of arrival at the hub, over all mailboxes.
    pub(super) arrival: u64,
    /// Place in its mailbox: 1, 2, 3 …
    pub(super) position: u64,
    pub(super) received: Timestamp,
    pub(super) envelope: SealedEnvelope,
}

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    tokens: Vec<TokenId>,
    last_position: u64,
    waiting: VecDeque<Stored>,
    /// Ids of all posts so far: a process does not live long enough for this to matter.
    posted: HashSet<PostId>,
}

impl Mailbox {
    /// Decides who may post from now on; without tokens, everyone.
    pub(super) fn admit(&mut self, tokens: Vec<TokenId>) {
        self.tokens = tokens;
    }

    pub(super) fn post(
        &mut self,
        id: PostId,
        token: Option<&DeliveryToken>,
        envelope: SealedEnvelope,
        arrival: u64,
        received: Timestamp,
    ) -> Result<(), Refusal> {
        if !self.admits(token) {
            return Err(Refusal::NotFound);
        }
        if self.posted.insert(id) {
            self.last_position += 1;
            let position = self.last_position;
            self.waiting.push_back(Stored { arrival, position, received, envelope });
        }
        Ok(())
    }

    fn admits(&self, token: Option<&DeliveryToken>) -> bool {
        self.tokens.is_empty() || token.is_some_and(|token| self.tokens.contains(&token_id(token)))
    }

    pub(super) const fn last_position(&self) -> u64 {
        self.last_position
    }

    /// The first envelope after a position.
    pub(super) fn first_after(&self, position: u64) -> Option<&Stored> {
        self.waiting.iter().find(|stored| stored.position > position)
    }

    pub(super) fn confirm(&mut self, position: u64) {
        self.waiting.retain(|stored| stored.position > position);
    }
}
