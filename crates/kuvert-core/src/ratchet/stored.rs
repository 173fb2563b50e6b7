//! The ratchet's state as a stored record: a fixed layout, no keys left out and none twice.
//!
//! ```text
//! session 16 | RK 32 | NHKs 32 | NHKr 32 | step_due u8
//! sending:   0 | 1 | DHs 32 | DHs public 32 | CKs 32 | HKs 32 | Ns u32 | PN u32 | pq_mixed u32
//! receiving: 0 | 1 | CKr 32 | HKr 32 | 2 | CKr 32 | chain
//! kept:      count u8 (≤ 5) × chain          chain = id u32 | DHr 32 | HKr 32 | Nr u32 | pq_mixed u32
//! post-quantum ratchet
//! seen:     count u8 (≤ 64) × (chain u32 | number u32 | mark 4)          from record format 2 on
//! ```
//!
//! # Spec
//!
//! `spec/09-storage.md`, "Session records".

use alloc::sync::Arc;
use alloc::vec::Vec;

use kuvert_wire::{Decode, DecodeError, Encode, RatchetPublicKey, Reader, SessionId};

use super::keys::{ChainKey, HeaderKey, RootKey};
use super::pq::PqRatchet;
use super::seen::Seen;
use super::state::{Receiving, ReceivingChain, SendingChain, State};
use crate::crypto::dh::DhSecret;
use crate::limits::{MAX_CHAIN, MAX_OLD_CHAINS};
use crate::secret::Secret;

impl State {
    /// Appends the state's record to `out`; what comes before and after is the caller's.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        self.session.encode_into(out);
        put(out, self.root.secret());
        put(out, self.next_sending_header.secret());
        put(out, self.next_receiving_header.secret());
        out.push(u8::from(self.step_due));
        encode_sending(self.sending.as_ref(), out);
        encode_receiving(&self.receiving, out);
        out.push(u8::try_from(self.kept.len()).expect("at most five chains are kept"));
        self.kept.iter().for_each(|chain| encode_chain(chain, out));
        Encode::encode_into(&self.pq, out);
        self.seen.encode_into(out);
    }

    /// How many bytes [`State::encode_into`] appends.
    pub(crate) fn encoded_len(&self) -> usize {
        let sending = if self.sending.is_some() { 1 + SENDING_LEN } else { 1 };
        let receiving = match &self.receiving {
            Receiving::Nothing => 1,
            Receiving::Expected { .. } => 1 + 64,
            Receiving::Running { .. } => 1 + 32 + CHAIN_LEN,
        };
        let kept = 1 + self.kept.len() * CHAIN_LEN;
        let keys = SessionId::LEN + 3 * 32;
        keys + 1 + sending + receiving + kept + self.pq.encoded_len() + self.seen.encoded_len()
    }

    /// Reads a state back; records of format 1 do not say what was received last.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] when the record is not one that [`State::encode_into`] wrote.
    pub(crate) fn decode_from(
        reader: &mut Reader<'_>,
        has_seen: bool,
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            session: SessionId::decode_from(reader)?,
            root: RootKey::new(secret(reader)?),
            next_sending_header: HeaderKey::new(secret(reader)?),
            next_receiving_header: HeaderKey::new(secret(reader)?),
            step_due: reader.flag("step_due")?,
            sending: decode_sending(reader)?,
            receiving: decode_receiving(reader)?,
            kept: decode_kept(reader)?,
            pq: PqRatchet::decode_from(reader)?,
            seen: if has_seen { Seen::decode_from(reader)? } else { Seen::default() },
        })
    }
}

/// Four keys and three counters.
const SENDING_LEN: usize = 4 * 32 + 3 * 4;
/// Two keys and three counters.
const CHAIN_LEN: usize = 2 * 32 + 3 * 4;

fn put(out: &mut Vec<u8>, secret: &Secret<32>) {
    out.extend_from_slice(secret.expose());
}

fn secret(reader: &mut Reader<'_>) -> Result<Secret<32>, DecodeError> {
    reader.array_ref().map(Secret::copied_from)
}

fn encode_sending(sending: Option<&SendingChain>, out: &mut Vec<u8>) {
    out.push(u8::from(sending.is_some()));
    let Some(chain) = sending else { return };
    put(out, chain.ratchet_key.secret());
    out.extend_from_slice(chain.ratchet_key.public());
    put(out, chain.chain.secret());
    put(out, chain.header_key.secret());
    for number in [chain.next_number, chain.previous_length, chain.pq_mixed] {
        out.extend_from_slice(&number.to_be_bytes());
    }
}

fn decode_sending(reader: &mut Reader<'_>) -> Result<Option<SendingChain>, DecodeError> {
    if !reader.flag("sending chain")? {
        return Ok(None);
    }
    let (secret_half, public) = (secret(reader)?, reader.array()?);
    Ok(Some(SendingChain {
        ratchet_key: Arc::new(DhSecret::from_stored(secret_half, public)),
        chain: ChainKey::new(secret(reader)?),
        header_key: HeaderKey::new(secret(reader)?),
        next_number: reader.u32()?,
        previous_length: reader.u32()?,
        pq_mixed: reader.u32()?,
    }))
}

fn encode_receiving(receiving: &Receiving, out: &mut Vec<u8>) {
    match receiving {
        Receiving::Nothing => out.push(0),
        Receiving::Expected { chain, header_key } => {
            out.push(1);
            put(out, chain.secret());
            put(out, header_key.secret());
        }
        Receiving::Running { tip, chain } => {
            out.push(2);
            put(out, tip.secret());
            encode_chain(chain, out);
        }
    }
}

fn decode_receiving(reader: &mut Reader<'_>) -> Result<Receiving, DecodeError> {
    match reader.u8()? {
        0 => Ok(Receiving::Nothing),
        1 => Ok(Receiving::Expected {
            chain: ChainKey::new(secret(reader)?),
            header_key: HeaderKey::new(secret(reader)?),
        }),
        2 => {
            let tip = ChainKey::new(secret(reader)?);
            Ok(Receiving::Running { tip, chain: decode_chain(reader)? })
        }
        _ => Err(DecodeError::Unknown { what: "receiving chain" }),
    }
}

fn encode_chain(chain: &ReceivingChain, out: &mut Vec<u8>) {
    out.extend_from_slice(&chain.id.to_be_bytes());
    chain.ratchet_key.encode_into(out);
    put(out, chain.header_key.secret());
    out.extend_from_slice(&chain.next_number.to_be_bytes());
    out.extend_from_slice(&chain.pq_mixed.to_be_bytes());
}

fn decode_chain(reader: &mut Reader<'_>) -> Result<ReceivingChain, DecodeError> {
    Ok(ReceivingChain {
        id: reader.u32()?,
        ratchet_key: RatchetPublicKey::decode_from(reader)?,
        header_key: HeaderKey::new(secret(reader)?),
        next_number: number(reader)?,
        pq_mixed: reader.u32()?,
    })
}

/// The next number of a chain of the peer's: it is counted on from, which must not overflow.
fn number(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let number = reader.u32()?;
    if number > MAX_CHAIN {
        Err(DecodeError::Invalid { what: "length of a chain" })
    } else {
        Ok(number)
    }
}

fn decode_kept(reader: &mut Reader<'_>) -> Result<Vec<ReceivingChain>, DecodeError> {
    let count = usize::from(reader.u8()?);
    if count > MAX_OLD_CHAINS {
        return Err(DecodeError::TooLong { what: "kept chains", limit: MAX_OLD_CHAINS });
    }
    (0..count).map(|_| decode_chain(reader)).collect()
}
