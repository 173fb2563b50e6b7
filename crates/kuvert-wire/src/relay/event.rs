//! Messages of a relay: replies, and events that nobody asked for.
//!
//! ```text
//! event kind  1 Hello (version u8=1 | nonce 32 | time u64)   2 Arrived (nothing)
//! ```

use alloc::vec::Vec;

use super::{HEAD_LEN, Nonce, RelayReply, RequestId, VERSION};
use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::id::Timestamp;

/// One message of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerMessage {
    /// Something happened (request id 0).
    Event(RelayEvent),
    /// The answer to a request.
    Reply {
        /// Which request.
        id: RequestId,
        /// The answer.
        reply: RelayReply,
    },
}

impl Encode for ServerMessage {
    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Event(event) => {
                out.extend_from_slice(&[0; 4]);
                event.encode_into(out);
            }
            Self::Reply { id, reply } => {
                out.extend_from_slice(&id.number().to_be_bytes());
                reply.encode_into(out);
            }
        }
    }

    fn encoded_len(&self) -> usize {
        HEAD_LEN - 1
            + match self {
                Self::Event(event) => event.encoded_len(),
                Self::Reply { reply, .. } => reply.encoded_len(),
            }
    }
}

impl Decode for ServerMessage {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match RequestId::new(reader.u32()?) {
            None => RelayEvent::decode_from(reader).map(Self::Event),
            Some(id) => RelayReply::decode_from(reader).map(|reply| Self::Reply { id, reply }),
        }
    }
}

/// What a relay says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelayEvent {
    /// The first message on every connection.
    Hello(Hello),
    /// Something new lies in an attached mailbox: fetch. Not repeated before the next fetch.
    Arrived,
}

impl Encode for RelayEvent {
    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello(hello) => {
                out.push(1);
                hello.encode_into(out);
            }
            Self::Arrived => out.push(2),
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Hello(hello) => 1 + hello.encoded_len(),
            Self::Arrived => 1,
        }
    }
}

impl Decode for RelayEvent {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            1 => Hello::decode_from(reader).map(Self::Hello),
            2 => Ok(Self::Arrived),
            _ => Err(DecodeError::Unknown { what: "event kind" }), // REL-2
        }
    }
}

/// How a relay introduces itself. 41 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Fresh for this connection; every proof covers it.
    pub nonce: Nonce,
    /// The relay's clock, for a client that doubts its own.
    pub time: Timestamp,
}

impl Encode for Hello {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.nonce.encode_into(out);
        self.time.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        1 + Nonce::LEN + 8
    }
}

impl Decode for Hello {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version.into() }); // REL-5
        }
        Ok(Self { nonce: Nonce::decode_from(reader)?, time: Timestamp::decode_from(reader)? })
    }
}
