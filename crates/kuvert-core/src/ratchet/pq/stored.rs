//! The stored form: a byte for the state, then exactly the fields that exist in it.
//!
//! ```text
//! PqRatchet = state u8 | epoch u32 | since u64 | fields                      at most 1,207 bytes
//! 1 SendEk  = seed 64 | pqs 32 | next u8      2 RecvCt = seed 64 | pqs 32 | fragments
//! 3 MixDue  = mix 32 | pqs 32                 4 RecvEk = pqs 32 | fragments
//! 5 SendCt  = mix 32 | pqs 32 | ctobj 1120 | next u8
//! fragments = count u8 | count × (index u8 | data 128)
//! ```
//!
//! The encapsulation key is not stored: it comes from its seed again, together with its MAC.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use kuvert_wire::header::FRAGMENT_LEN;
use kuvert_wire::{Decode, DecodeError, Encode, Fragment, Reader, Timestamp};

use super::cipher_side::{CIPHERTEXT_OBJECT_LEN, RecvEk, SendCt};
use super::epoch::Epoch;
use super::key_side::{EpochKey, KEY_OBJECT_LEN, MixDue, RecvCt, SendEk};
use super::outgoing::Outgoing;
use super::{PqRatchet, State};
use crate::crypto::kem::mlkem768::{self, Seed};
use crate::ratchet::erasure::{Fragments, needed};
use crate::secret::Secret;

impl Encode for PqRatchet {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.state.code());
        out.extend_from_slice(&self.epoch.number().to_be_bytes());
        self.since.encode_into(out);
        match &self.state {
            State::SendEk(state) => {
                encode_key(&state.key, out);
                out.push(state.object.next_index());
            }
            State::RecvCt(state) => {
                encode_key(&state.key, out);
                encode_fragments(&state.collected, out);
            }
            State::MixDue(state) => encode_secrets([&state.mix, &state.next], out),
            State::RecvEk(state) => {
                encode_secrets([&state.previous], out);
                encode_fragments(&state.collected, out);
            }
            State::SendCt(state) => {
                encode_secrets([&state.mix, &state.next], out);
                out.extend_from_slice(state.object.object());
                out.push(state.object.next_index());
            }
        }
    }

    fn encoded_len(&self) -> usize {
        let fields = match &self.state {
            State::SendEk(_) => 64 + 32 + 1,
            State::RecvCt(state) => 64 + 32 + fragments_len(&state.collected),
            State::MixDue(_) => 32 + 32,
            State::RecvEk(state) => 32 + fragments_len(&state.collected),
            State::SendCt(_) => 32 + 32 + CIPHERTEXT_OBJECT_LEN + 1,
        };
        1 + 4 + 8 + fields
    }
}

impl Decode for PqRatchet {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let state = reader.u8()?;
        let epoch = Epoch::from_number(reader.u32()?)?;
        let since = Timestamp::decode_from(reader)?;
        let state = match state {
            1 => State::SendEk(decode_send_ek(epoch, reader)?),
            2 => State::RecvCt(decode_recv_ct(reader)?),
            3 => State::MixDue(MixDue { mix: secret(reader)?, next: secret(reader)? }),
            4 => State::RecvEk(RecvEk {
                previous: secret(reader)?,
                collected: decode_fragments(KEY_OBJECT_LEN, reader)?,
            }),
            5 => State::SendCt(SendCt {
                mix: secret(reader)?,
                next: secret(reader)?,
                object: Outgoing::new(reader.take(CIPHERTEXT_OBJECT_LEN)?).resume(reader.u8()?)?,
            }),
            _ => return Err(DecodeError::Unknown { what: "pq state" }),
        };
        Ok(Self { epoch, since, state })
    }
}

impl State {
    const fn code(&self) -> u8 {
        match self {
            Self::SendEk(_) => 1,
            Self::RecvCt(_) => 2,
            Self::MixDue(_) => 3,
            Self::RecvEk(_) => 4,
            Self::SendCt(_) => 5,
        }
    }
}

fn decode_send_ek(epoch: Epoch, reader: &mut Reader<'_>) -> Result<SendEk, DecodeError> {
    let (key, ek) = decode_key(reader)?;
    let SendEk { key, object } = SendEk::new(epoch, key, &*ek);
    Ok(SendEk { key, object: object.resume(reader.u8()?)? })
}

fn decode_recv_ct(reader: &mut Reader<'_>) -> Result<RecvCt, DecodeError> {
    let (key, _) = decode_key(reader)?;
    Ok(RecvCt { key: Arc::new(key), collected: decode_fragments(CIPHERTEXT_OBJECT_LEN, reader)? })
}

fn encode_key(key: &EpochKey, out: &mut Vec<u8>) {
    out.extend_from_slice(key.seed.secret().expose());
    encode_secrets([&key.previous], out);
}

/// A key pair, and its public half for whoever is about to send that.
fn decode_key(
    reader: &mut Reader<'_>,
) -> Result<(EpochKey, Box<[u8; mlkem768::EK_LEN]>), DecodeError> {
    let seed = Seed::from_secret(Secret::copied_from(reader.array_ref()?));
    let ek = seed.encapsulation_key();
    Ok((EpochKey::new(seed, secret(reader)?, &*ek), ek))
}

fn encode_secrets<const N: usize>(secrets: [&Secret<32>; N], out: &mut Vec<u8>) {
    secrets.iter().for_each(|secret| out.extend_from_slice(secret.expose()));
}

fn secret(reader: &mut Reader<'_>) -> Result<Arc<Secret<32>>, DecodeError> {
    reader.array_ref().map(|bytes| Arc::new(Secret::copied_from(bytes)))
}

fn encode_fragments(fragments: &Fragments, out: &mut Vec<u8>) {
    let fragments = fragments.as_slice();
    out.push(u8::try_from(fragments.len()).expect("there are 255 indices, and each is there once"));
    for fragment in fragments {
        out.push(fragment.index);
        out.extend_from_slice(&fragment.data);
    }
}

fn fragments_len(fragments: &Fragments) -> usize {
    1 + fragments.as_slice().len() * (1 + FRAGMENT_LEN)
}

/// Fragments of an object that is not complete: otherwise the state would be the next one.
fn decode_fragments(object_len: usize, reader: &mut Reader<'_>) -> Result<Fragments, DecodeError> {
    const INVALID: DecodeError = DecodeError::Invalid { what: "collected fragments" };
    let count = usize::from(reader.u8()?);
    if count >= needed(object_len) {
        return Err(INVALID);
    }
    let mut fragments = Fragments::default();
    for _ in 0..count {
        let fragment = Fragment { index: reader.u8()?, data: reader.array()? };
        fragments.add(&fragment).map_err(|_| INVALID)?;
    }
    match fragments.as_slice().len() == count {
        true => Ok(fragments),
        false => Err(INVALID),
    }
}
