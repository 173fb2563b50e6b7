//! Identifiers: fixed-size names of accounts, devices, sessions, messages and mailboxes, and moments in time.
//!
//! Ids derived by hashing (account, device, mailbox, init) are computed where the hash function lives; here they are
//! only carried.
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Identifiers".

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

use crate::codec::{Decode, DecodeError, Encode, Reader};

/// Defines a newtype over `[u8; N]` with one encoding, hex `Display` and a short `Debug`.
macro_rules! bytes_newtype {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Wraps bytes that are known to have this role.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl $crate::codec::Encode for $name {
            fn encode_into(&self, out: &mut alloc::vec::Vec<u8>) {
                out.extend_from_slice(&self.0);
            }

            fn encoded_len(&self) -> usize {
                $len
            }
        }

        impl $crate::codec::Decode for $name {
            fn decode_from(
                reader: &mut $crate::codec::Reader<'_>,
            ) -> Result<Self, $crate::codec::DecodeError> {
                reader.array().map(Self)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let mut digits = [0; 2 * $len];
                f.write_str($crate::id::hex(&self.0, &mut digits))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("…)")
            }
        }
    };
}
pub(crate) use bytes_newtype;

/// Writes `bytes` as lower-case hexadecimal into `digits`, which is twice as long.
pub(crate) fn hex<'a>(bytes: &[u8], digits: &'a mut [u8]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    core::str::from_utf8(digits).unwrap_or_default()
}

bytes_newtype!(
    /// An account's name, 32 bytes: `HL("account-id", account_pk)`. It certifies itself: no directory can swap the key.
    AccountId, 32);
bytes_newtype!(
    /// A device's name, 16 bytes: the first half of `HL("device-id", sig_pk || dh_pk)`. Always computed, never claimed.
    DeviceId, 16);
bytes_newtype!(
    /// A session's name, 16 bytes, derived in the handshake and known to its two devices only.
    SessionId, 16);
bytes_newtype!(
    /// A message's name, 16 random bytes chosen by its sender; the receiver shows each once.
    MessageId, 16);
bytes_newtype!(
    /// A mailbox's name at the relay, 32 bytes: a hash of the key that owns it.
    MailboxId, 32);
bytes_newtype!(
    /// The name of a handshake's first flight, 32 bytes: `HL("kx-replay", EK || CT)`.
    InitId, 32);
bytes_newtype!(
    /// Names one post to a mailbox, 16 random bytes, so that a retry is stored once.
    PostId, 16);

/// The right to post to a mailbox, 16 random bytes. The relay knows only its hash; `Debug` shows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryToken([u8; 16]);

impl DeliveryToken {
    /// Length in bytes.
    pub const LEN: usize = 16;

    /// Wraps token bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for DeliveryToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeliveryToken(16 bytes)")
    }
}

impl Encode for DeliveryToken {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for DeliveryToken {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }
}

/// A prekey's name within its device, 4 bytes, random and never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrekeyId(NonZeroU32);

impl PrekeyId {
    /// The id with this number; `None` for zero, which means "no prekey" on the wire.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for PrekeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.number())
    }
}

impl Encode for PrekeyId {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.number().to_be_bytes());
    }

    fn encoded_len(&self) -> usize {
        4
    }
}

impl Decode for PrekeyId {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(reader.u32()?).ok_or(DecodeError::Invalid { what: "prekey id" }) // PRE-4 PRE-5
    }
}

/// A moment: milliseconds since the Unix epoch, UTC. 8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment this many milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This moment and `span` more; the end of time if that overflows.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// This moment less `span`; the epoch if that underflows.
    #[must_use]
    pub fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// The time from `earlier` to this moment; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Encode for Timestamp {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }

    fn encoded_len(&self) -> usize {
        8
    }
}

impl Decode for Timestamp {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.u64().map(Self)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn ids_show_hex_and_debug_shows_four_bytes() {
        let id = DeviceId::from_bytes([0xab; 16]);
        assert_eq!(format!("{id}"), "ab".repeat(16));
        assert_eq!(format!("{id:?}"), "DeviceId(abababab…)");
    }

    #[test]
    fn a_token_is_not_shown() {
        assert!(!format!("{:?}", DeliveryToken::from_bytes([0xab; 16])).contains("ab"));
    }

    /// PRE-4 PRE-5
    #[test]
    fn a_prekey_id_is_never_zero() {
        assert_eq!(PrekeyId::decode(&[0; 4]), Err(DecodeError::Invalid { what: "prekey id" }));
        assert_eq!(PrekeyId::decode(&[0, 0, 0, 7]).map(PrekeyId::number), Ok(7));
    }

    #[test]
    fn a_prekey_id_has_one_encoding_and_shows_hex() {
        let id = PrekeyId::new(0xa7).expect("not zero");
        assert_eq!(id.encode(), [0, 0, 0, 0xa7]);
        assert_eq!(format!("{id}"), "000000a7");
    }

    #[test]
    fn time_saturates_at_both_ends() {
        let day = Duration::from_secs(86_400);
        assert_eq!(Timestamp::default().saturating_sub(day), Timestamp::default());
        assert_eq!(Timestamp(u64::MAX).saturating_add(day), Timestamp(u64::MAX));
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
    }

    #[test]
    fn time_counts_in_milliseconds() {
        let (moment, second) = (Timestamp(5_000), Duration::from_secs(1));
        assert_eq!(moment.saturating_add(second).as_millis(), 6_000);
        assert_eq!(moment.saturating_sub(second).as_millis(), 4_000);
        assert_eq!(moment.since(Timestamp(4_000)), second);
        assert_eq!(moment.encode(), [0, 0, 0, 0, 0, 0, 0x13, 0x88]);
    }
}
