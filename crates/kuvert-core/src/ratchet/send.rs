//! Sending: the chain step, and the root step in front of it when one is due.
//!
//! # Spec
//!
//! `spec/04-ratchet.md`, "Sending".

use alloc::sync::Arc;
use alloc::vec::Vec;

use kuvert_wire::envelope::{Kind, SEALED_BURST_HEADER_LEN, SEALED_HEADER_LEN, SessionMessage};
use kuvert_wire::frame::MAX_FRAME;
use kuvert_wire::header::HEADER_LEN;
use kuvert_wire::padding::padded_len;
use kuvert_wire::{Encode, Header, RatchetPublicKey, Timestamp};
use rand_core::CryptoRng;

use super::keys::{HeaderKey, MessageKey};
use super::sealing::{self, Bound};
use super::state::{Receiving, SendingChain, State};
use crate::crypto::aead::TAG_LEN;
use crate::crypto::dh::DhSecret;
use crate::error::ProtocolError;
use crate::limits::MAX_CHAIN;

/// What a message is sent with, besides its frame.
#[derive(Clone, Copy)]
pub(crate) struct Sending {
    pub(crate) kind: Kind,
    /// Ten fragments rather than one: the app asked to heal.
    pub(crate) burst: bool,
    pub(crate) now: Timestamp,
}

impl State {
    /// Seals `frame` as the next message and appends the session message to `out`. The state that
    /// comes back replaces this one once it is durable.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::ChainExhausted`] at the end of a chain, [`ProtocolError::TooLarge`] for a
    /// frame over its limit, [`ProtocolError::NoSession`] for a responder that has not been spoken
    /// to. `out` then holds nothing of the frame.
    pub(crate) fn seal<R: CryptoRng + ?Sized>(
        &self,
        sending: Sending,
        frame: &impl Encode,
        out: &mut Vec<u8>,
        rng: &mut R,
    ) -> Result<Self, ProtocolError> {
        if frame.encoded_len() > MAX_FRAME {
            return Err(ProtocolError::TooLarge); // MSG-11
        }
        let mut next = self.duplicate();
        if next.step_due {
            next.begin_chain(sending.now, rng)?;
        }
        let burst = sending.burst || next.pq.burst_due(sending.now);
        let pq = next.pq.fields(burst);
        let chain = next.sending.as_mut().ok_or(ProtocolError::NoSession)?;
        if chain.next_number >= MAX_CHAIN {
            return Err(ProtocolError::ChainExhausted); // RAT-17
        }
        let header = Header {
            ratchet_key: RatchetPublicKey::from_bytes(*chain.ratchet_key.public()),
            message_number: chain.next_number,
            previous_chain_length: chain.previous_length,
            pq_mixed: chain.pq_mixed,
            pq,
        };
        let (message_key, chain_key) = chain.chain.advance(chain.next_number);
        chain.chain = chain_key;
        chain.next_number += 1;
        let keys = (message_key, &chain.header_key);
        seal_message(keys, sending.kind, &header, frame, out, rng)?;
        Ok(next)
    }

    /// A new chain under a fresh ratchet key.
    fn begin_chain<R: CryptoRng + ?Sized>(
        &mut self,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<(), ProtocolError> {
        let Receiving::Running { chain: theirs, .. } = &self.receiving else {
            return Err(ProtocolError::NoSession);
        };
        let ratchet_key = DhSecret::generate(rng);
        let dh =
            ratchet_key.agree(theirs.ratchet_key.as_bytes()).map_err(|_| ProtocolError::BadKey)?;
        let mix = self.pq.mix_for_sending_step(now);
        let public = RatchetPublicKey::from_bytes(*ratchet_key.public());
        let pq_mixed = self.pq.mixed();
        let step = self.root.step(&dh, mix.as_ref(), &self.session, &public, pq_mixed);
        self.root = step.root;
        self.sending = Some(SendingChain {
            ratchet_key: Arc::new(ratchet_key),
            chain: step.chain,
            header_key: core::mem::replace(&mut self.next_sending_header, step.next_header),
            next_number: 0,
            previous_length: self.sending.as_ref().map_or(0, |chain| chain.next_number),
            pq_mixed,
        });
        self.step_due = false;
        Ok(())
    }
}

/// Appends one session message. The frame is written once, to where it is then sealed.
fn seal_message<R: CryptoRng + ?Sized>(
    (message_key, header_key): (MessageKey, &HeaderKey),
    kind: Kind,
    header: &Header,
    frame: &impl Encode,
    out: &mut Vec<u8>,
    rng: &mut R,
) -> Result<(), ProtocolError> {
    let mut random = [0; 28];
    rng.fill_bytes(&mut random);
    let (header_nonce, salt) = random.split_first_chunk().expect("28 bytes are 12 and 16");
    let salt = salt.first_chunk().expect("28 bytes are 12 and 16");

    let sealed_len = sealed_header_len(header);
    let message_len = SessionMessage::overhead(usize::from(sealed_len));
    out.reserve(message_len + padded_len(frame.encoded_len()) + TAG_LEN);
    out.extend_from_slice(header_nonce);
    out.extend_from_slice(&sealed_len.to_be_bytes());
    let header_start = out.len();
    header_key.seal_into(kind, header_nonce, header, out);
    let commitments_start = out.len();
    out.extend_from_slice(salt);
    out.extend_from_slice(&[0; COMMITMENTS_LEN]);
    let frame_start = out.len();
    frame.encode_into(out);

    let sealed_header = &out[header_start..commitments_start];
    let bound = Bound { kind, header_nonce, sealed_header, salt };
    let sealed = sealing::seal(message_key, &bound, &out[frame_start..])?;
    let commitments = &mut out[frame_start - COMMITMENTS_LEN..frame_start];
    commitments[..32].copy_from_slice(&sealed.commitment);
    commitments[32..].copy_from_slice(&sealed.franking);
    sealed.seal_in_place(out, frame_start);
    Ok(())
}

/// `com` and `fc`.
const COMMITMENTS_LEN: usize = 64;

/// Length of `header` once sealed: one of two.
fn sealed_header_len(header: &Header) -> u16 {
    const SHORT: u16 = 195;
    const BURST: u16 = 1356;
    const { assert!(SHORT as usize == SEALED_HEADER_LEN) };
    const { assert!(BURST as usize == SEALED_BURST_HEADER_LEN) };
    if header.encoded_len() == HEADER_LEN { SHORT } else { BURST }
}
