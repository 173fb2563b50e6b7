//! A session: one ratchet with one peer device, from its first flight to its end.
//!
//! ```text
//! initiate ─▶ AwaitingReply ── a reply opens ─▶ Established ── replaced ─▶ Inactive
//! a first message opens ──────────────────────▶ Established               receives only
//! ```
//!
//! The session knows who began it and how, whether the peer has answered, and where its messages go.
//! It repeats its first flight until the answer. Which of several sessions with a peer is used, and
//! when one ends, is decided by the device.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Sessions"; checks AGR-9, MSG-5 to MSG-7 and MSG-9.

mod mailbox;
mod message;
pub(crate) mod stored;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use kuvert_wire::{DeviceId, Encode, InitId, InitPrefix, SessionId, Timestamp};
use rand_core::CryptoRng;

use crate::agreement::{SessionSecrets, init_id};
use crate::crypto::kdf::sha256;
use crate::limits::UNANSWERED_AGE;
use crate::ratchet::skipped::PageChanges;
use crate::ratchet::state::{RatchetFacts, State};
use crate::ratchet::{Ratchet, Role, Seeds};

pub(crate) use mailbox::OurMailbox;
pub use mailbox::Route;
pub use message::Franking;
pub(crate) use message::{Incoming, Outbound};

/// One session with one peer device.
pub(crate) struct Session {
    pub(crate) head: Head,
    pub(crate) ratchet: Ratchet,
}

/// A session without its ratchet: small, and copied for each step.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) id: SessionId,
    pub(crate) peer: DeviceId,
    pub(crate) begun: Begun,
    pub(crate) status: Status,
    /// No one-time prekey went into it, and no round trip has completed yet.
    pub(crate) weak_start: bool,
    pub(crate) created: Timestamp,
    /// When the newest message received on it was sent, by the peer's clock.
    pub(crate) last_heard: Timestamp,
    /// Bursts are sent until this many epochs are mixed: the app asked to heal.
    pub(crate) heal_until: u32,
    /// Our mailbox for this session, and the one before it.
    pub(crate) mailbox: OurMailbox,
    pub(crate) previous_mailbox: Option<OurMailbox>,
    /// Where the peer said to write to, and when it said so; its front door until then.
    pub(crate) route: Option<Named>,
}

/// A route, and the time of the frame that named it.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) route: Arc<Route>,
    pub(crate) sent: Timestamp,
}

/// Who began a session, and what is kept of its first flight.
#[derive(Clone)]
pub(crate) enum Begun {
    /// We did. The prefix goes in front of each message until the peer has answered.
    ByUs { prefix: Option<Arc<InitPrefix>> },
    /// The peer did. A repeated prefix must be the one that began the session, byte for byte.
    ByPeer { init: InitId, prefix_hash: [u8; 32] },
}

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// We began it and have not heard from the peer.
    AwaitingReply,
    /// Both sides hold its keys.
    Established,
    /// Another session has taken its place; it still receives.
    Inactive,
}

/// What a step changes in a session.
pub(crate) struct SessionStep {
    pub(crate) head: Head,
    pub(crate) state: State,
    pub(crate) pages: PageChanges,
}

impl Session {
    /// The session that our first flight begins.
    pub(crate) fn begun_by_us<R: CryptoRng + ?Sized>(
        secrets: SessionSecrets,
        prefix: InitPrefix,
        peer: DeviceId,
        now: Timestamp,
        rng: &mut R,
    ) -> Self {
        let weak_start = prefix.one_time_id.is_none();
        let begun = Begun::ByUs { prefix: Some(Arc::new(prefix)) };
        let status = Status::AwaitingReply;
        let head = Head::new(secrets.session_id, peer, begun, status, weak_start, now, rng);
        Self { head, ratchet: Ratchet::initiator(seeds(secrets), now, rng) }
    }

    /// The session that a peer's first flight begins.
    pub(crate) fn begun_by_peer<R: CryptoRng + ?Sized>(
        secrets: SessionSecrets,
        prefix: &InitPrefix,
        peer: DeviceId,
        now: Timestamp,
        rng: &mut R,
    ) -> Self {
        let weak_start = prefix.one_time_id.is_none();
        let begun = Begun::ByPeer { init: init_id(prefix), prefix_hash: hash_of(prefix) };
        let status = Status::Established;
        let head = Head::new(secrets.session_id, peer, begun, status, weak_start, now, rng);
        Self { head, ratchet: Ratchet::responder(seeds(secrets), now, rng) }
    }

    /// Makes a committed step's changes.
    pub(crate) fn adopt(&mut self, step: SessionStep) {
        self.head = step.head;
        self.ratchet.state = step.state;
        for (id, page) in step.pages {
            self.ratchet.skipped.replace(id, page);
        }
    }

    /// Whether the peer has opened something that we sent on it.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.ratchet.state.has_completed_round_trip(self.head.role())
    }

    /// What may be told about it.
    pub(crate) fn facts(&self) -> SessionFacts {
        SessionFacts {
            session: self.head.id,
            peer: self.head.peer,
            status: self.head.status,
            begun_by_us: matches!(self.head.begun, Begun::ByUs { .. }),
            weak_start: self.head.weak_start,
            created: self.head.created,
            ratchet: self.ratchet.facts(),
        }
    }
}

impl Head {
    fn new<R: CryptoRng + ?Sized>(
        id: SessionId,
        peer: DeviceId,
        begun: Begun,
        status: Status,
        weak_start: bool,
        now: Timestamp,
        rng: &mut R,
    ) -> Self {
        Self {
            id,
            peer,
            begun,
            status,
            weak_start,
            created: now,
            last_heard: Timestamp::default(),
            heal_until: 0,
            mailbox: OurMailbox::generate(now, rng),
            previous_mailbox: None,
            route: None,
        }
    }

    /// Whether it has waited for its first answer for too long.
    pub(crate) fn is_unanswered_too_long(&self, now: Timestamp) -> bool {
        self.status == Status::AwaitingReply && now.since(self.created) > UNANSWERED_AGE
    }

    const fn role(&self) -> Role {
        match self.begun {
            Begun::ByUs { .. } => Role::Initiator,
            Begun::ByPeer { .. } => Role::Responder,
        }
    }
}

/// Public facts about a session, for status displays and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// Its name.
    pub session: SessionId,
    /// The peer's device.
    pub peer: DeviceId,
    /// Where it is in its life.
    pub status: Status,
    /// Whether we sent the first flight.
    pub begun_by_us: bool,
    /// Begun without a one-time prekey, and no round trip has completed yet.
    pub weak_start: bool,
    /// When it was begun.
    pub created: Timestamp,
    /// Its counters.
    pub ratchet: RatchetFacts,
}

pub(crate) fn hash_of(prefix: &InitPrefix) -> [u8; 32] {
    sha256(&[&prefix.encode()])
}

/// The handshake's secrets as the ratchet's: here the two meet.
fn seeds(secrets: SessionSecrets) -> Seeds {
    Seeds {
        root: secrets.root,
        chain_i: secrets.chain_i,
        hdr_i: secrets.hdr_i,
        hdr_i_next: secrets.hdr_i_next,
        hdr_r: secrets.hdr_r,
        pq_0: secrets.pq_0,
        session_id: secrets.session_id,
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&Box::new(self.facts())).finish()
    }
}
