//! A session as a stored record.
//!
//! ```text
//! format u8=2 | session 16 | peer 16 | status u8 | weak_start u8 | created u64 | last_heard u64 | heal_until u32
//! begun:   0 | 1 | prefix 1803 | 2 | init_id 32 | SHA-256 of the prefix 32
//! mailbox 89 | has_previous u8 | [mailbox 89] | has_route u8 | [sent u64 | route]
//! ratchet state
//! ```
//!
//! # Spec
//!
//! `spec/09-storage.md`, "Session records".

use alloc::sync::Arc;
use alloc::vec::Vec;

use kuvert_wire::{
    Decode, DecodeError, DeviceId, Encode, InitId, InitPrefix, Reader, SessionId, Timestamp,
};

use super::{Begun, Head, Named, OurMailbox, Route, Session, Status};
use crate::ratchet::Ratchet;
use crate::ratchet::state::State;

/// Format 1 had no list of the messages received last.
const FORMAT: u8 = 2;

/// Appends a session's record to `out`.
pub(crate) fn encode(head: &Head, state: &State, out: &mut Vec<u8>) {
    out.push(FORMAT);
    head.id.encode_into(out);
    head.peer.encode_into(out);
    out.push(status_code(head.status));
    out.push(u8::from(head.weak_start));
    head.created.encode_into(out);
    head.last_heard.encode_into(out);
    out.extend_from_slice(&head.heal_until.to_be_bytes());
    encode_begun(&head.begun, out);
    head.mailbox.encode_into(out);
    encode_option(head.previous_mailbox.as_ref(), out);
    encode_option(head.route.as_ref(), out);
    state.encode_into(out);
}

/// How many bytes [`encode`] appends.
pub(crate) fn encoded_len(head: &Head, state: &State) -> usize {
    let begun = match &head.begun {
        Begun::ByUs { prefix: None } => 1,
        Begun::ByUs { prefix: Some(_) } => 1 + InitPrefix::LEN,
        Begun::ByPeer { .. } => 1 + InitId::LEN + 32,
    };
    let fixed = 1 + SessionId::LEN + DeviceId::LEN + 1 + 1 + 8 + 8 + 4;
    let previous = head.previous_mailbox.as_ref().map_or(0, Encode::encoded_len);
    let route = head.route.as_ref().map_or(0, Encode::encoded_len);
    let mailboxes = head.mailbox.encoded_len() + 1 + previous + 1 + route;
    fixed + begun + mailboxes + state.encoded_len()
}

impl Session {
    /// Reads a session back; its skipped keys come in records of their own.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] when the record is not one that [`encode`] wrote.
    pub(crate) fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(record);
        let format = reader.u8()?;
        if !(1..=FORMAT).contains(&format) {
            return Err(DecodeError::UnsupportedVersion { found: format.into() });
        }
        let head = decode_head(&mut reader)?;
        let state = State::decode_from(&mut reader, format >= 2)?;
        reader.finish()?;
        Ok(Self { head, ratchet: Ratchet::from_state(state) })
    }
}

fn decode_head(reader: &mut Reader<'_>) -> Result<Head, DecodeError> {
    Ok(Head {
        id: SessionId::decode_from(reader)?,
        peer: DeviceId::decode_from(reader)?,
        status: status_from(reader.u8()?)?,
        weak_start: reader.flag("weak_start")?,
        created: Timestamp::decode_from(reader)?,
        last_heard: Timestamp::decode_from(reader)?,
        heal_until: reader.u32()?,
        begun: decode_begun(reader)?,
        mailbox: OurMailbox::decode_from(reader)?,
        previous_mailbox: decode_option(reader)?,
        route: decode_option(reader)?,
    })
}

const fn status_code(status: Status) -> u8 {
    match status {
        Status::AwaitingReply => 1,
        Status::Established => 2,
        Status::Inactive => 3,
    }
}

const fn status_from(code: u8) -> Result<Status, DecodeError> {
    match code {
        1 => Ok(Status::AwaitingReply),
        2 => Ok(Status::Established),
        3 => Ok(Status::Inactive),
        _ => Err(DecodeError::Unknown { what: "session status" }),
    }
}

fn encode_begun(begun: &Begun, out: &mut Vec<u8>) {
    match begun {
        Begun::ByUs { prefix: None } => out.push(0),
        Begun::ByUs { prefix: Some(prefix) } => {
            out.push(1);
            prefix.encode_into(out);
        }
        Begun::ByPeer { init, prefix_hash } => {
            out.push(2);
            init.encode_into(out);
            out.extend_from_slice(prefix_hash);
        }
    }
}

fn decode_begun(reader: &mut Reader<'_>) -> Result<Begun, DecodeError> {
    match reader.u8()? {
        0 => Ok(Begun::ByUs { prefix: None }),
        1 => Ok(Begun::ByUs { prefix: Some(Arc::new(InitPrefix::decode_from(reader)?)) }),
        2 => Ok(Begun::ByPeer { init: InitId::decode_from(reader)?, prefix_hash: reader.array()? }),
        _ => Err(DecodeError::Unknown { what: "beginning of a session" }),
    }
}

impl Encode for Named {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.sent.encode_into(out);
        self.route.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        8 + self.route.encoded_len()
    }
}

impl Decode for Named {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let sent = Timestamp::decode_from(reader)?;
        Ok(Self { sent, route: Arc::new(Route::decode_from(reader)?) })
    }
}

fn encode_option(value: Option<&impl Encode>, out: &mut Vec<u8>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        value.encode_into(out);
    }
}

fn decode_option<T: Decode>(reader: &mut Reader<'_>) -> Result<Option<T>, DecodeError> {
    let is_some = reader.flag("presence")?;
    is_some.then(|| T::decode_from(reader)).transpose()
}
