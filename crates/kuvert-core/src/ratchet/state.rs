//! The ratchet's state, with exactly the fields that exist at each point of its life.
//!
//! # Spec
//!
//! `spec/04-ratchet.md`, "State".

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use kuvert_wire::{RatchetPublicKey, SessionId, Timestamp};
use rand_core::CryptoRng;

use super::keys::{ChainKey, HeaderKey, RootKey};
use super::pq::{PqRatchet, Role};
use super::seen::Seen;
use super::skipped::SkippedMessageKeys;
use crate::crypto::dh::DhSecret;
use crate::secret::Secret;

/// What the handshake hands to the ratchet, by the symbols of the spec.
pub(crate) struct Seeds {
    pub(crate) root: Secret<32>,
    pub(crate) chain_i: Secret<32>,
    pub(crate) hdr_i: Secret<32>,
    pub(crate) hdr_i_next: Secret<32>,
    pub(crate) hdr_r: Secret<32>,
    pub(crate) pq_0: Secret<32>,
    pub(crate) session_id: SessionId,
}

/// One session's ratchet, on one side: the state that each message moves on, and the keys it left.
pub(crate) struct Ratchet {
    pub(crate) state: State,
    pub(crate) skipped: SkippedMessageKeys,
}

/// What each message moves on.
pub(crate) struct State {
    pub(super) session: SessionId,
    /// RK.
    pub(super) root: RootKey,
    /// NHKs: the header key of our next chain.
    pub(super) next_sending_header: HeaderKey,
    /// NHKr: by which we know the peer's next chain.
    pub(super) next_receiving_header: HeaderKey,
    /// Our chain; the responder has none before it first sends.
    pub(super) sending: Option<SendingChain>,
    pub(super) receiving: Receiving,
    /// The peer has a new chain: our next message begins one as well.
    pub(super) step_due: bool,
    /// Earlier receiving chains, oldest first, for messages that come late.
    pub(super) kept: Vec<ReceivingChain>,
    pub(super) pq: PqRatchet,
    /// The messages received last.
    pub(super) seen: Seen,
}

/// DHs, CKs, HKs, Ns, PN.
pub(super) struct SendingChain {
    /// Shared with the state that a step may yet fall back to.
    pub(super) ratchet_key: Arc<DhSecret>,
    pub(super) chain: ChainKey,
    pub(super) header_key: HeaderKey,
    pub(super) next_number: u32,
    pub(super) previous_length: u32,
    pub(super) pq_mixed: u32,
}

/// The peer's current chain, as far as it exists.
pub(super) enum Receiving {
    /// The initiator, before the first answer.
    Nothing,
    /// The responder, before the first message has named its ratchet key.
    Expected { chain: ChainKey, header_key: HeaderKey },
    /// A chain is running.
    Running { tip: ChainKey, chain: ReceivingChain },
}

/// DHr, HKr, Nr of a chain, current or kept.
pub(super) struct ReceivingChain {
    /// Counts this session's receiving chains, from 0.
    pub(super) id: u32,
    pub(super) ratchet_key: RatchetPublicKey,
    pub(super) header_key: HeaderKey,
    pub(super) next_number: u32,
    pub(super) pq_mixed: u32,
}

impl ReceivingChain {
    pub(super) fn duplicate(&self) -> Self {
        Self { header_key: self.header_key.share(), ..*self }
    }
}

/// Public facts about a ratchet, for status and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RatchetFacts {
    /// Messages sent in the current sending chain (Ns).
    pub sent: u32,
    /// Messages received or skipped in the current receiving chain (Nr).
    pub received: u32,
    /// Length of the sending chain before it (PN).
    pub previous_length: u32,
    /// Post-quantum epochs mixed into the root.
    pub pq_mixed: u32,
    /// Skipped keys kept.
    pub skipped: usize,
    /// Receiving chains kept, the current one aside.
    pub kept_chains: usize,
}

impl Ratchet {
    /// The initiator's ratchet: it can send at once.
    pub(crate) fn initiator<R: CryptoRng + ?Sized>(
        seeds: Seeds,
        now: Timestamp,
        rng: &mut R,
    ) -> Self {
        let sending = SendingChain {
            ratchet_key: Arc::new(DhSecret::generate(rng)),
            chain: ChainKey::new(seeds.chain_i),
            header_key: HeaderKey::new(seeds.hdr_i),
            next_number: 0,
            previous_length: 0,
            pq_mixed: 0,
        };
        Self::from_state(State {
            session: seeds.session_id,
            root: RootKey::new(seeds.root),
            next_sending_header: HeaderKey::new(seeds.hdr_i_next),
            next_receiving_header: HeaderKey::new(seeds.hdr_r),
            sending: Some(sending),
            receiving: Receiving::Nothing,
            step_due: false,
            kept: Vec::new(),
            pq: PqRatchet::new(Role::Initiator, seeds.pq_0, now, rng),
            seen: Seen::default(),
        })
    }

    /// The responder's ratchet: it waits for the first message.
    pub(crate) fn responder<R: CryptoRng + ?Sized>(
        seeds: Seeds,
        now: Timestamp,
        rng: &mut R,
    ) -> Self {
        Self::from_state(State {
            session: seeds.session_id,
            root: RootKey::new(seeds.root),
            next_sending_header: HeaderKey::new(seeds.hdr_r),
            next_receiving_header: HeaderKey::new(seeds.hdr_i_next),
            sending: None,
            receiving: Receiving::Expected {
                chain: ChainKey::new(seeds.chain_i),
                header_key: HeaderKey::new(seeds.hdr_i),
            },
            step_due: false,
            kept: Vec::new(),
            pq: PqRatchet::new(Role::Responder, seeds.pq_0, now, rng),
            seen: Seen::default(),
        })
    }

    /// A ratchet without skipped keys; loaded pages are put in afterwards.
    pub(crate) fn from_state(state: State) -> Self {
        Self { state, skipped: SkippedMessageKeys::default() }
    }

    /// Whether we have begun a chain in it.
    pub(crate) const fn has_sent(&self) -> bool {
        self.state.sending.is_some()
    }

    /// What may be told about it.
    pub(crate) fn facts(&self) -> RatchetFacts {
        let sending = self.state.sending.as_ref();
        let received = match &self.state.receiving {
            Receiving::Running { chain, .. } => chain.next_number,
            Receiving::Nothing | Receiving::Expected { .. } => 0,
        };
        RatchetFacts {
            sent: sending.map_or(0, |chain| chain.next_number),
            received,
            previous_length: sending.map_or(0, |chain| chain.previous_length),
            pq_mixed: self.state.pq.mixed(),
            skipped: self.skipped.count(),
            kept_chains: self.state.kept.len(),
        }
    }
}

impl State {
    /// The state to step on while the old one stays valid: a step may fail, or never be committed.
    pub(super) fn duplicate(&self) -> Self {
        Self {
            session: self.session,
            root: self.root.share(),
            next_sending_header: self.next_sending_header.share(),
            next_receiving_header: self.next_receiving_header.share(),
            sending: self.sending.as_ref().map(SendingChain::duplicate),
            receiving: self.receiving.duplicate(),
            step_due: self.step_due,
            kept: self.kept.iter().map(ReceivingChain::duplicate).collect(),
            pq: self.pq.duplicate(),
            seen: self.seen.clone(),
        }
    }

    /// Whether the peer has answered something we sent in this session.
    pub(crate) const fn has_completed_round_trip(&self, role: Role) -> bool {
        match (&self.receiving, role) {
            (Receiving::Running { .. }, Role::Initiator) => true,
            // The responder's chain 0 came with the handshake; chain 1 answers its first message.
            (Receiving::Running { chain, .. }, Role::Responder) => chain.id > 0,
            _ => false,
        }
    }

    /// Epochs mixed into the root.
    pub(crate) const fn pq_mixed(&self) -> u32 {
        self.pq.mixed()
    }
}

impl SendingChain {
    fn duplicate(&self) -> Self {
        Self {
            ratchet_key: Arc::clone(&self.ratchet_key),
            chain: self.chain.share(),
            header_key: self.header_key.share(),
            ..*self
        }
    }
}

impl Receiving {
    fn duplicate(&self) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Expected { chain, header_key } => {
                Self::Expected { chain: chain.share(), header_key: header_key.share() }
            }
            Self::Running { tip, chain } => {
                Self::Running { tip: tip.share(), chain: chain.duplicate() }
            }
        }
    }
}

impl fmt::Debug for Ratchet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ratchet").field(&self.facts()).finish()
    }
}
