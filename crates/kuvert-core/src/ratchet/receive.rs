//! Receiving: find the header key, authenticate on a copy, then hand out the new state.
//!
//! # Spec
//!
//! `spec/04-ratchet.md`, "Receiving"; checks RAT-1 and RAT-7 to RAT-16.

use alloc::vec::Vec;

use kuvert_wire::envelope::Kind;
use kuvert_wire::{DecodeError, Header, SessionMessage, Timestamp};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::keys::MessageKey;
use super::pq::PqFailed;
use super::sealing::{self, Bound, OpenedBody, Received};
use super::skipped::{PageChanges, Plan};
use super::state::{Ratchet, Receiving, ReceivingChain, State};
use crate::crypto::dh;
use crate::error::ProtocolError;
use crate::limits::{MAX_CHAIN, MAX_OLD_CHAINS, MAX_SKIP};

/// A header that has been opened, and by which key.
pub(crate) struct Found {
    via: Via,
    header: Result<Header, DecodeError>,
}

/// Which of the session's header keys opened a header.
#[derive(Clone, Copy)]
enum Via {
    /// HKr: the current chain.
    Current,
    /// NHKr: a new chain.
    Next,
    /// An earlier chain, by its place in the list.
    Kept(usize),
}

/// Why a message whose header opened was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) error: ProtocolError,
    /// The header is authentic and shows that the peer's state is in use twice.
    pub(crate) is_forked: bool,
}

impl<E: Into<ProtocolError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self { error: error.into(), is_forked: false }
    }
}

/// A message that has been opened, and the state after it.
pub(crate) struct Opened {
    /// The frame's bytes, authentic.
    pub(crate) frame: Zeroizing<Vec<u8>>,
    /// fk: opens the franking commitment of this message alone.
    pub(crate) franking_key: [u8; 32],
    /// The state that replaces the present one once it is durable.
    pub(crate) state: State,
    /// What happens to the skipped keys then.
    pub(crate) pages: PageChanges,
    /// Whether the message's fragments were in order; if not, the session has to be closed.
    pub(crate) pq: Result<(), PqFailed>,
    /// It begins a chain, and says that less was sent on the one before than has arrived: the peer's
    /// state is in use twice.
    pub(crate) is_forked: bool,
}

impl Ratchet {
    /// Tries the session's header keys on a message; `None` if none opens it.
    ///
    /// A key that does not exist yet is not tried: it is never read as zeros (RAT-9).
    pub(crate) fn find(&self, kind: Kind, message: &SessionMessage<'_>) -> Option<Found> {
        let state = &self.state;
        let current = match &state.receiving {
            Receiving::Nothing => None, // RAT-9
            Receiving::Expected { header_key, .. } => Some(header_key),
            Receiving::Running { chain, .. } => Some(&chain.header_key),
        };
        // NHKr stands for a root step with our ratchet key, so before we have one it is no key yet.
        let next = state.sending.as_ref().map(|_| &state.next_receiving_header); // RAT-9
        let kept = state.kept.iter().enumerate().rev();
        let candidates = current
            .map(|key| (Via::Current, key))
            .into_iter()
            .chain(next.map(|key| (Via::Next, key)))
            .chain(kept.map(|(place, chain)| (Via::Kept(place), &chain.header_key)));
        for (via, key) in candidates {
            if let Some(header) = key.open(kind, message.header_nonce, message.sealed_header) {
                return Some(Found { via, header });
            }
        }
        None // RAT-1
    }

    /// Whether the message was received lately, though no key is left that opens its header. A forger
    /// gains nothing by it: what was received is not received again.
    pub(crate) fn has_seen(&self, message: &SessionMessage<'_>) -> bool {
        self.state.seen.has(message.sealed_header)
    }

    /// Opens the message whose header was [`find`](Self::find)'s. Nothing changes here.
    ///
    /// # Errors
    ///
    /// What the checks RAT-7 to RAT-16 and MSG-1 to MSG-8 say.
    pub(crate) fn open<R: CryptoRng + ?Sized>(
        &self,
        found: Found,
        kind: Kind,
        message: &SessionMessage<'_>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Opened, Refused> {
        let header = found.header?;
        let (state, plan) = (self.state.duplicate(), self.skipped.plan(now));
        let mut step = Stepping { state, plan, now, sealed_header: message.sealed_header };
        check_numbers(&header)?;
        let is_forked = matches!(found.via, Via::Next) && step.has_more_than(&header);
        let key = match found.via {
            Via::Current => step.current_chain(&header)?,
            Via::Next => step.new_chain(&header, rng)?,
            Via::Kept(place) => step.kept_chain(place, &header)?,
        };
        let OpenedBody { frame, franking_key } = open_body(&key.key, kind, message)?;
        step.state.seen.note(key.chain, header.message_number, message.sealed_header);
        let pq = step.state.pq.receive(&header.pq, rng);
        let (state, pages) = (step.state, step.plan.finish());
        Ok(Opened { frame, franking_key, pages, state, pq, is_forked })
    }
}

fn open_body(
    key: &MessageKey,
    kind: Kind,
    message: &SessionMessage<'_>,
) -> Result<OpenedBody, ProtocolError> {
    let bound = Bound {
        kind,
        header_nonce: message.header_nonce,
        sealed_header: message.sealed_header,
        salt: message.salt,
    };
    let received = Received {
        franking: message.franking,
        commitment: message.commitment,
        ciphertext: message.ciphertext,
    };
    Ok(sealing::open(key, &bound, &received)?)
}

fn check_numbers(header: &Header) -> Result<(), ProtocolError> {
    if header.message_number >= MAX_CHAIN || header.previous_chain_length > MAX_CHAIN {
        return Err(ProtocolError::ChainExhausted); // RAT-11
    }
    Ok(())
}

/// A copy of the state on its way to one message's key.
struct Stepping<'a> {
    state: State,
    plan: Plan<'a>,
    now: Timestamp,
    sealed_header: &'a [u8],
}

/// The key of one message, and the chain that it is of.
struct Keyed {
    chain: u32,
    key: MessageKey,
}

impl Stepping<'_> {
    /// The key of a message in the chain that is running, or that its first message begins.
    fn current_chain(&mut self, header: &Header) -> Result<Keyed, Refused> {
        self.begin_expected(header)?;
        let Receiving::Running { chain, .. } = &self.state.receiving else {
            return Err(ProtocolError::Undecryptable.into());
        };
        check_belongs(chain, header)?;
        if header.message_number < chain.next_number {
            return self.late(chain.id, header.message_number); // RAT-10
        }
        let gap = header.message_number - chain.next_number;
        if gap > MAX_SKIP {
            return Err(ProtocolError::TooManySkipped.into()); // RAT-12
        }
        Ok(self.skip_and_advance(header.message_number)?)
    }

    /// The responder's first message names the ratchet key of the chain that the handshake gave.
    fn begin_expected(&mut self, header: &Header) -> Result<(), ProtocolError> {
        if !matches!(self.state.receiving, Receiving::Expected { .. }) {
            return Ok(());
        }
        if dh::is_small_order(header.ratchet_key.as_bytes()) {
            return Err(ProtocolError::BadKey); // RAT-14
        }
        let expected = core::mem::replace(&mut self.state.receiving, Receiving::Nothing);
        if let Receiving::Expected { chain: tip, header_key } = expected {
            let ratchet_key = header.ratchet_key;
            let chain =
                ReceivingChain { id: 0, ratchet_key, header_key, next_number: 0, pq_mixed: 0 };
            self.state.receiving = Receiving::Running { tip, chain };
            self.state.step_due = true;
        }
        Ok(())
    }

    /// The key of a message that begins a chain of the peer's, or comes early in it.
    fn new_chain<R: CryptoRng + ?Sized>(
        &mut self,
        header: &Header,
        rng: &mut R,
    ) -> Result<Keyed, ProtocolError> {
        let known = |chain: &ReceivingChain| chain.ratchet_key == header.ratchet_key;
        let (id, old_gap) = match &self.state.receiving {
            Receiving::Running { chain, .. } if known(chain) => {
                return Err(ProtocolError::Undecryptable); // RAT-8
            }
            // An id tells six chains apart. It may begin again.
            Receiving::Running { chain, .. } => (
                chain.id.wrapping_add(1),
                header.previous_chain_length.saturating_sub(chain.next_number),
            ),
            Receiving::Nothing | Receiving::Expected { .. } => (0, 0),
        };
        if self.state.kept.iter().any(known) {
            return Err(ProtocolError::Undecryptable); // RAT-8
        }
        if old_gap.saturating_add(header.message_number) > MAX_SKIP {
            return Err(ProtocolError::TooManySkipped); // RAT-12
        }
        self.end_chain(header.previous_chain_length)?;
        self.root_step(id, header, rng)?;
        self.skip_and_advance(header.message_number)
    }

    /// Whether more has arrived on the current chain than its sender says to have sent on it.
    const fn has_more_than(&self, header: &Header) -> bool {
        match &self.state.receiving {
            Receiving::Running { chain, .. } => header.previous_chain_length < chain.next_number,
            Receiving::Nothing | Receiving::Expected { .. } => false,
        }
    }

    /// Keeps what is left of the current chain, up to the length its sender gives.
    fn end_chain(&mut self, length: u32) -> Result<(), ProtocolError> {
        self.skip_to(length)?;
        let running = core::mem::replace(&mut self.state.receiving, Receiving::Nothing);
        if let Receiving::Running { chain, .. } = running {
            self.state.kept.push(chain);
        }
        if self.state.kept.len() > MAX_OLD_CHAINS {
            let oldest = self.state.kept.remove(0); // RAT-13
            self.plan.forget_chain(oldest.id);
        }
        Ok(())
    }

    fn root_step<R: CryptoRng + ?Sized>(
        &mut self,
        id: u32,
        header: &Header,
        rng: &mut R,
    ) -> Result<(), ProtocolError> {
        let ours = self.state.sending.as_ref().ok_or(ProtocolError::Undecryptable)?; // RAT-9
        let dh = ours
            .ratchet_key
            .agree(header.ratchet_key.as_bytes())
            .map_err(|_| ProtocolError::BadKey)?; // RAT-14
        let mix = self
            .state
            .pq
            .mix_for_receiving_step(header.pq_mixed, self.now, rng)
            .map_err(|_| ProtocolError::Undecryptable)?; // RAT-15
        let session = &self.state.session;
        let step =
            self.state.root.step(&dh, mix.as_ref(), session, &header.ratchet_key, header.pq_mixed);
        let next_header = &mut self.state.next_receiving_header;
        let chain = ReceivingChain {
            id,
            ratchet_key: header.ratchet_key,
            header_key: core::mem::replace(next_header, step.next_header),
            next_number: 0,
            pq_mixed: header.pq_mixed,
        };
        self.state.root = step.root;
        self.state.receiving = Receiving::Running { tip: step.chain, chain };
        self.state.step_due = true;
        Ok(())
    }

    /// The key of a late message of an earlier chain.
    fn kept_chain(&mut self, place: usize, header: &Header) -> Result<Keyed, Refused> {
        let chain = self.state.kept.get(place).ok_or(ProtocolError::Undecryptable)?;
        check_belongs(chain, header)?;
        self.late(chain.id, header.message_number)
    }

    /// The key kept for a late message: if there is none, it has been used or dropped.
    fn late(&mut self, chain: u32, number: u32) -> Result<Keyed, Refused> {
        if let Some(key) = self.plan.take(chain, number) {
            return Ok(Keyed { chain, key });
        }
        let is_forked = self.state.seen.contradicts(chain, number, self.sealed_header);
        Err(Refused { error: ProtocolError::Duplicate, is_forked }) // RAT-10 RAT-13
    }

    fn skip_and_advance(&mut self, number: u32) -> Result<Keyed, ProtocolError> {
        self.skip_to(number)?;
        let Receiving::Running { tip, chain } = &mut self.state.receiving else {
            return Err(ProtocolError::Undecryptable);
        };
        let (key, next) = tip.advance(chain.next_number);
        *tip = next;
        chain.next_number += 1;
        Ok(Keyed { chain: chain.id, key })
    }

    /// Keeps the keys of the current chain's messages before `number`. The caller has bounded them.
    fn skip_to(&mut self, number: u32) -> Result<(), ProtocolError> {
        let Receiving::Running { tip, chain } = &mut self.state.receiving else {
            return Ok(());
        };
        if number.saturating_sub(chain.next_number) > MAX_SKIP {
            return Err(ProtocolError::TooManySkipped); // RAT-12
        }
        let base = chain.next_number;
        let mut run = Vec::new();
        while chain.next_number < number {
            let (key, next) = tip.advance(chain.next_number);
            *tip = next;
            chain.next_number += 1;
            run.push(key);
        }
        self.plan.keep(chain.id, base, &run);
        Ok(())
    }
}

/// Whether a header says what its chain is known by.
fn check_belongs(chain: &ReceivingChain, header: &Header) -> Result<(), Refused> {
    let error = ProtocolError::Undecryptable;
    if chain.ratchet_key != header.ratchet_key {
        // One header key, two ratchet keys: a chain that was begun twice.
        return Err(Refused { error, is_forked: true }); // RAT-7
    }
    if chain.pq_mixed != header.pq_mixed {
        return Err(error.into()); // RAT-16
    }
    Ok(())
}
