//! The post-quantum ratchet: an ML-KEM-768 exchange, over and over, in fragments of 128 bytes.
//!
//! ```text
//!   K of epoch e                                         C of epoch e
//!
//!   SendEk ── ekobj = ek || MAC, 10 fragments ──────────▶ RecvEk
//!     │ first fragment of ctobj                             │ MAC right: encapsulate
//!     ▼                                                     ▼
//!   RecvCt ◀────────── ctobj = ct || kc_e, 9 fragments ── SendCt
//!     │ kc_e right: mix_e, pqs_e                            │
//!     ▼                                                     │
//!   MixDue ── own next RootStep: pq_mixed = e ─────────────▶│ a new-chain header with pq_mixed = e
//!     ▼                                                     ▼
//!   RecvEk (C of e + 1)                                   SendEk (K of e + 1)
//! ```
//!
//! K is the initiator for odd epochs and the responder for even ones. Its Idle state of the spec
//! lasts no time: whoever becomes K makes the key pair at once. RecvEk, RecvCt and MixDue have
//! nothing to send and fill the header's place with a zero fragment.
//!
//! The machine owns epochs, fragments and what is mixed when. It does not know chains, headers or
//! envelopes: [`PqRatchet::receive`] is for messages that have been authenticated and accepted, and
//! whoever steps the root asks for what to mix. Like all of the ratchet it is advanced on a copy.
//!
//! # Spec
//!
//! `spec/04-ratchet.md`, "Post-quantum ratchet"; checks RAT-15 and RAT-18 to RAT-23.

mod cipher_side;
pub(crate) mod epoch;
mod key_side;
mod outgoing;
mod stored;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use core::fmt;
use core::iter::repeat_with;

use kuvert_wire::header::BURST;
use kuvert_wire::{PqFields, PqKind, Timestamp};
use rand_core::CryptoRng;

use crate::limits::BURST_AFTER;
use crate::ratchet::erasure::Fragments;
use crate::secret::Secret;
use cipher_side::{RecvEk, SendCt};
use epoch::Epoch;
use key_side::{MixDue, RecvCt, SendEk};

/// Which side of the handshake a device was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It sent the first message.
    Initiator,
    /// It received the first message.
    Responder,
}

/// The post-quantum half of one session's ratchet, on one side.
pub(crate) struct PqRatchet {
    epoch: Epoch,
    since: Timestamp,
    state: State,
}

enum State {
    SendEk(SendEk),
    RecvCt(RecvCt),
    MixDue(MixDue),
    RecvEk(RecvEk),
    SendCt(SendCt),
}

/// An accepted message whose fragments contradict the epoch: the session cannot heal and is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the post-quantum ratchet failed")]
pub(crate) struct PqFailed;

/// A header of a new chain that claims an epoch which cannot have been mixed into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("impossible count of mixed epochs")]
pub(crate) struct BadPqMixed;

impl PqRatchet {
    /// Starts epoch 1 with the handshake's secret: the initiator is its key side.
    pub(crate) fn new<R: CryptoRng + ?Sized>(
        role: Role,
        pq_0: Secret<32>,
        now: Timestamp,
        rng: &mut R,
    ) -> Self {
        let state = match role {
            Role::Initiator => State::SendEk(SendEk::generate(Epoch::FIRST, Arc::new(pq_0), rng)),
            Role::Responder => State::RecvEk(RecvEk::new(Arc::new(pq_0))),
        };
        Self { epoch: Epoch::FIRST, since: now, state }
    }

    /// How many epochs have been mixed into the root (`pq_mixed`).
    pub(crate) const fn mixed(&self) -> u32 {
        self.epoch.mixed_before()
    }

    /// Whether the epoch is so old that its fragments go ten at a time: a conversation with long
    /// pauses then heals after one message each way, and the messages of a busy one stay small.
    pub(crate) fn burst_due(&self, now: Timestamp) -> bool {
        now.since(self.since) > BURST_AFTER
    }

    /// What the next header carries: one fragment, ten in a burst, a zero one if there is nothing.
    pub(crate) fn fields(&mut self, burst: bool) -> PqFields {
        let (kind, object) = match &mut self.state {
            State::SendEk(state) => (PqKind::EncapsulationKey, &mut state.object),
            State::SendCt(state) => (PqKind::Ciphertext, &mut state.object),
            State::RecvCt(_) | State::MixDue(_) | State::RecvEk(_) => return PqFields::idle(),
        };
        let count = if burst { BURST } else { 1 };
        PqFields {
            kind,
            epoch: self.epoch.number(),
            fragments: repeat_with(|| object.next_fragment()).take(count).collect(),
        }
    }

    /// Takes what the header of an accepted message carried.
    ///
    /// Late fragments of a finished object and fragments of older epochs say nothing new.
    ///
    /// # Errors
    ///
    /// [`PqFailed`] when the peer cannot have sent this by the rules.
    pub(crate) fn receive<R: CryptoRng + ?Sized>(
        &mut self,
        fields: &PqFields,
        rng: &mut R,
    ) -> Result<(), PqFailed> {
        if !self.is_for_this_epoch(fields)? {
            return Ok(());
        }
        let next = match &mut self.state {
            State::SendEk(state) => Some(state.receive(self.epoch, fields)?),
            State::RecvCt(state) => state.receive(self.epoch, fields)?.map(State::MixDue),
            State::RecvEk(state) => state.receive(self.epoch, fields, rng)?.map(State::SendCt),
            State::MixDue(_) | State::SendCt(_) => None,
        };
        if let Some(next) = next {
            self.state = next;
        }
        Ok(())
    }

    /// For the own next root step: the secret to mix in, if one is due; then `pq_mixed` has grown.
    pub(crate) fn mix_for_sending_step(&mut self, now: Timestamp) -> Option<Secret<32>> {
        let State::MixDue(due) = &self.state else {
            return None;
        };
        let next = self.epoch.next()?;
        let (mix, state) = due.mixed();
        *self = Self { epoch: next, since: now, state: State::RecvEk(state) };
        Some(mix)
    }

    /// For the root step that a new-chain header asks for: the secret to mix in, if it claims one.
    ///
    /// # Errors
    ///
    /// [`BadPqMixed`] when the header claims neither what is mixed already nor the one epoch that
    /// only the peer can mix now; nothing has changed.
    pub(crate) fn mix_for_receiving_step<R: CryptoRng + ?Sized>(
        &mut self,
        claimed: u32,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Option<Secret<32>>, BadPqMixed> {
        if claimed == self.mixed() {
            return Ok(None);
        }
        let State::SendCt(sent) = &self.state else {
            return Err(BadPqMixed);
        }; // RAT-15
        if claimed != self.epoch.number() {
            return Err(BadPqMixed); // RAT-15
        }
        let next = self.epoch.next().ok_or(BadPqMixed)?;
        let (mix, secret) = sent.mixed();
        let state = State::SendEk(SendEk::generate(next, secret, rng));
        *self = Self { epoch: next, since: now, state };
        Ok(Some(mix))
    }

    /// A copy to step on, as every received message is tried on one; the other is dropped and wiped
    /// when the message is accepted or refused.
    ///
    /// Secrets and objects do not change within a state and are shared, not copied; of the rest,
    /// the fragments collected so far are the most: ten at most.
    pub(crate) fn duplicate(&self) -> Self {
        let state = match &self.state {
            State::SendEk(state) => State::SendEk(state.share()),
            State::RecvCt(state) => State::RecvCt(state.share()),
            State::MixDue(state) => State::MixDue(state.share()),
            State::RecvEk(state) => State::RecvEk(state.share()),
            State::SendCt(state) => State::SendCt(state.share()),
        };
        Self { epoch: self.epoch, since: self.since, state }
    }

    /// Whether the fragments can be of use: of the current epoch, and of the kind that the peer's
    /// part in it allows.
    fn is_for_this_epoch(&self, fields: &PqFields) -> Result<bool, PqFailed> {
        if fields.kind == PqKind::Idle || fields.epoch < self.epoch.number() {
            return Ok(false);
        }
        if fields.epoch > self.epoch.number() {
            return Err(PqFailed); // RAT-18
        }
        if fields.kind != self.state.peers_kind() {
            return Err(PqFailed); // RAT-19
        }
        Ok(true)
    }
}

impl fmt::Debug for PqRatchet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, since, state } = self;
        f.debug_struct("PqRatchet")
            .field("epoch", &epoch.number())
            .field("since", since)
            .field("state", &state.name())
            .finish()
    }
}

impl State {
    const fn peers_kind(&self) -> PqKind {
        match self {
            Self::SendEk(_) | Self::RecvCt(_) | Self::MixDue(_) => PqKind::Ciphertext,
            Self::RecvEk(_) | Self::SendCt(_) => PqKind::EncapsulationKey,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::SendEk(_) => "SendEk",
            Self::RecvCt(_) => "RecvCt",
            Self::MixDue(_) => "MixDue",
            Self::RecvEk(_) => "RecvEk",
            Self::SendCt(_) => "SendCt",
        }
    }
}

/// Takes each fragment in; a conflict is the peer's fault.
fn add_all(collected: &mut Fragments, fields: &PqFields) -> Result<(), PqFailed> {
    fields.fragments.iter().try_for_each(|fragment| collected.add(fragment)).map_err(|_| PqFailed)
}
