//! Envelopes that cannot be opened yet: they wait in the store, within limits, and are tried again
//! when something has changed that may open them.
//!
//! ```text
//! record waiting/<first 8 bytes of the envelope's SHA-256> =
//!   format u8=1 | peer 16 | cause u8 | since u64 | deadline u64 | envelope
//! ```
//! Only what is known to be of a peer waits: the header opened, or the envelope came to the mailbox of
//! that peer's session. So strangers cannot fill the places.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "What waits"; check MSG-19.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::{Decode, DecodeError, DeviceId, Encode, Reader, Timestamp};

use super::Device;
use super::outcome::{Outcome, decode_cause};
use crate::crypto::kdf::sha256;
use crate::error::ProtocolError;
use crate::limits::{MAX_WAITING, MAX_WAITING_BYTES, MAX_WAITING_OF_PEER};
use crate::record::Key;

const FORMAT: u8 = 1;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// One envelope that waits.
pub(super) struct Waiting {
    pub(super) name: WaitingName,
    pub(super) peer: DeviceId,
    pub(super) cause: ProtocolError,
    pub(super) since: Timestamp,
    pub(super) deadline: Timestamp,
    pub(super) envelope: Vec<u8>,
    /// Tried in this process, and nothing of the peer's has changed since.
    pub(super) is_tried: bool,
    /// It is damaged: trying again is of no use.
    pub(super) is_hopeless: bool,
}

/// What a waiting envelope is known by: the same one again has the same name.
pub(super) type WaitingName = [u8; 8];

impl Waiting {
    pub(super) fn new(
        peer: DeviceId,
        cause: ProtocolError,
        now: Timestamp,
        envelope: &[u8],
    ) -> Option<Self> {
        let deadline = now.saturating_add(patience(cause)?);
        let name = name_of(envelope);
        Some(Self {
            name,
            peer,
            cause,
            since: now,
            deadline,
            envelope: envelope.to_vec(),
            is_tried: false,
            is_hopeless: false,
        })
    }

    /// That it waits.
    pub(super) const fn pending(&self) -> Outcome {
        Outcome::Pending { cause: self.cause, deadline: self.deadline, peer: self.peer }
    }

    pub(super) fn decode(record: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let format = record.u8()?;
        if format != FORMAT {
            return Err(DecodeError::UnsupportedVersion { found: format.into() });
        }
        let peer = DeviceId::decode_from(record)?;
        let cause = decode_cause(record)?;
        let since = Timestamp::decode_from(record)?;
        let deadline = Timestamp::decode_from(record)?;
        let envelope = record.take(record.remaining())?.to_vec();
        Ok(Self {
            name: name_of(&envelope),
            peer,
            cause,
            since,
            deadline,
            envelope,
            is_tried: false,
            is_hopeless: false,
        })
    }

    pub(super) fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(FORMAT);
        self.peer.encode_into(out);
        out.push(self.cause.code());
        self.since.encode_into(out);
        self.deadline.encode_into(out);
        out.extend_from_slice(&self.envelope);
    }
}

impl Device {
    /// How many envelopes wait because they cannot be opened yet.
    #[must_use]
    pub fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    /// Whether there is a place for one more envelope of this peer's.
    pub(super) fn has_room_for(&self, waiting: &Waiting) -> bool {
        let all = || self.waiting.values().map(|stored| &stored.value);
        let bytes: usize = all().map(|other| other.envelope.len()).sum();
        all().count() < MAX_WAITING
            && all().filter(|other| other.peer == waiting.peer).count() < MAX_WAITING_OF_PEER
            && bytes + waiting.envelope.len() <= MAX_WAITING_BYTES // MSG-19
    }
}

/// How long an envelope that was refused for this reason waits; `None` if it will never open.
const fn patience(cause: ProtocolError) -> Option<Duration> {
    match cause {
        // What was skipped may still arrive, and is worth its key for 30 days.
        ProtocolError::TooManySkipped => Some(DAY.saturating_mul(30)),
        // A place for one more session comes free within a day.
        ProtocolError::TooManySessions => Some(DAY.saturating_mul(2)),
        ProtocolError::IdentityChanged => Some(DAY.saturating_mul(30)),
        ProtocolError::Undecryptable => Some(DAY),
        _ => None,
    }
}

fn name_of(envelope: &[u8]) -> WaitingName {
    let hash = sha256(&[envelope]);
    hash.first_chunk().copied().unwrap_or_default()
}

pub(super) fn waiting_key(name: &WaitingName) -> Key {
    let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    Key::new("waiting", hex)
}
