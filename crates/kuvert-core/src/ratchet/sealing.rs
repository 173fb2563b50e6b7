//! Sealing a frame under its message key, with a commitment and a franking commitment.
//!
//! ```text
//! fk  = XL(MK, "msg-frank", salt, 32)                 fc = HM(fk, "frank", Frame)
//! ctx = salt || HL("msg-ad", kind || version || hnonce || EH || fc)
//! com = XL(MK, "msg-commit", ctx, 32)                 ct = AE(XL(MK, "msg-key", ctx, 32), 0^12, "", Padded)
//! ```
//!
//! The salt is fresh for each message, so that a state restored from an old copy, which has the same
//! message key again, still seals under another key. `com` commits to key, header and message: no
//! ciphertext opens under two keys. `fc` is checked by the receiver, so that a message that could
//! not be reported is not shown.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Sealing" and "Opening"; checks MSG-1 to MSG-4 and MSG-8.

use alloc::vec::Vec;

use kuvert_wire::envelope::{Kind, SEALED_HEADER_LEN, VERSION};
use kuvert_wire::frame::MAX_FRAME;
use kuvert_wire::padding::padded_len;
use zeroize::Zeroizing;

use super::keys::MessageKey;
use crate::crypto::aead::{self, ZERO_NONCE};
use crate::crypto::commit::{CommitLabels, committed_key, committing_key};
use crate::crypto::kdf::{Expander, Label, hash, mac};
use crate::crypto::{Unauthentic, ct_eq};
use crate::error::ProtocolError;
use crate::secret::Secret;

/// What a message key is used with: everything that its ciphertext is bound to.
#[derive(Clone, Copy)]
pub(crate) struct Bound<'a> {
    pub(crate) kind: Kind,
    pub(crate) header_nonce: &'a [u8; 12],
    pub(crate) sealed_header: &'a [u8],
    pub(crate) salt: &'a [u8; 16],
}

impl Bound<'_> {
    /// `HL("msg-ad", …)`: the context's second half.
    fn associated_data(&self, franking: &[u8; 32]) -> [u8; 32] {
        let head = [self.kind.code(), VERSION];
        let Ok(header) = <&[u8; SEALED_HEADER_LEN]>::try_from(self.sealed_header) else {
            return hash(Label::MSG_AD, &[&head, self.header_nonce, self.sealed_header, franking]);
        };
        // In one piece: a hash is fed faster once than in four parts.
        let mut ad = [0; 2 + 12 + SEALED_HEADER_LEN + 32];
        ad[..2].copy_from_slice(&head);
        ad[2..14].copy_from_slice(self.header_nonce);
        ad[14..14 + SEALED_HEADER_LEN].copy_from_slice(header);
        ad[14 + SEALED_HEADER_LEN..].copy_from_slice(franking);
        hash(Label::MSG_AD, &[&ad])
    }
}

/// What goes on the wire beside `Bound`.
pub(crate) struct Sealed {
    pub(crate) franking: [u8; 32],
    pub(crate) commitment: [u8; 32],
    key: Secret<32>,
}

/// A sealed body as received.
#[derive(Clone, Copy)]
pub(crate) struct Received<'a> {
    pub(crate) franking: &'a [u8; 32],
    pub(crate) commitment: &'a [u8; 32],
    pub(crate) ciphertext: &'a [u8],
}

/// Derives what seals `frame`; [`Sealed::seal_in_place`] then does.
///
/// # Errors
///
/// [`ProtocolError::TooLarge`] for a frame above 65,535 bytes.
pub(crate) fn seal(
    key: MessageKey,
    bound: &Bound<'_>,
    frame: &[u8],
) -> Result<Sealed, ProtocolError> {
    if frame.len() > MAX_FRAME {
        return Err(ProtocolError::TooLarge); // MSG-11
    }
    let parent = Expander::new(&key.0);
    let franking = franking(&franking_key(&parent, bound.salt), frame);
    let ad = bound.associated_data(&franking);
    let (key, commitment) = committing_key(&parent, CommitLabels::MESSAGE, &[bound.salt, &ad]);
    Ok(Sealed { franking, commitment, key })
}

impl Sealed {
    /// Turns the frame, which is `out` from `start` on, into `ct`: padded to its class and sealed
    /// where it lies.
    pub(crate) fn seal_in_place(self, out: &mut Vec<u8>, start: usize) {
        let frame_len = out.len() - start;
        out.push(0x80);
        out.resize(start + padded_len(frame_len), 0);
        aead::seal_in_place(&self.key, &ZERO_NONCE, &[], out, start);
    }
}

/// An opened body.
pub(crate) struct OpenedBody {
    /// The frame's bytes.
    pub(crate) frame: Zeroizing<Vec<u8>>,
    /// fk: whoever has it can show that `fc` is a commitment to this frame.
    pub(crate) franking_key: [u8; 32],
}

/// Opens a body.
///
/// # Errors
///
/// [`Unauthentic`] for any mismatch; which one is nobody's business.
pub(crate) fn open(
    key: &MessageKey,
    bound: &Bound<'_>,
    received: &Received<'_>,
) -> Result<OpenedBody, Unauthentic> {
    let parent = Expander::new(&key.0);
    let ad = bound.associated_data(received.franking);
    let context: &[&[u8]] = &[bound.salt, &ad];
    let body = committed_key(&parent, CommitLabels::MESSAGE, context, received.commitment)?; // MSG-1
    let mut padded = aead::open(&body, &ZERO_NONCE, &[], received.ciphertext)?; // MSG-2
    let frame_len = unpad(&padded)?;
    padded.truncate(frame_len);
    let franking_key = franking_key(&parent, bound.salt);
    if !ct_eq(&franking(&franking_key, &padded), received.franking) {
        return Err(Unauthentic); // MSG-8
    }
    Ok(OpenedBody { frame: padded, franking_key: *franking_key.expose() })
}

fn franking_key(parent: &Expander, salt: &[u8; 16]) -> Secret<32> {
    parent.expand(Label::MSG_FRANK, &[salt])
}

fn franking(key: &Secret<32>, frame: &[u8]) -> [u8; 32] {
    mac(key.expose(), Label::FRANK, &[frame])
}

/// Length of the frame in `padded`: what stands before `0x80` and zeros, if the class is right.
fn unpad(padded: &[u8]) -> Result<usize, Unauthentic> {
    // By 32 bytes first: most of a short message is padding.
    let (head, blocks) = padded.as_rchunks::<32>();
    let zeros = blocks.iter().rev().take_while(|block| **block == [0; 32]).count();
    let rest = &padded[..head.len() + 32 * (blocks.len() - zeros)];
    let frame_len = rest.iter().rposition(|&byte| byte != 0).ok_or(Unauthentic)?;
    if padded[frame_len] != 0x80 {
        return Err(Unauthentic); // MSG-3
    }
    if padded_len(frame_len) != padded.len() {
        return Err(Unauthentic); // MSG-4
    }
    Ok(frame_len)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::crypto::aead::TAG_LEN;
    use crate::secret::Secret;

    const SALT: [u8; 16] = [5; 16];
    const BOUND: Bound<'static> = Bound {
        kind: Kind::Session,
        header_nonce: &[6; 12],
        sealed_header: &[7; 195],
        salt: &SALT,
    };

    fn message_key() -> MessageKey {
        MessageKey(Secret::copied_from(&[8; 32]))
    }

    fn sealed(frame: &[u8]) -> ([u8; 32], [u8; 32], Vec<u8>) {
        let sealed = seal(message_key(), &BOUND, frame).expect("short enough");
        let (franking, commitment, mut ciphertext) = (sealed.franking, sealed.commitment, vec![]);
        ciphertext.extend_from_slice(frame);
        sealed.seal_in_place(&mut ciphertext, 0);
        (franking, commitment, ciphertext)
    }

    fn opened(
        franking: &[u8; 32],
        commitment: &[u8; 32],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unauthentic> {
        let body = open(&message_key(), &BOUND, &Received { franking, commitment, ciphertext });
        body.map(|body| body.frame)
    }

    /// Seals any padded plaintext as an attacker with the keys could.
    fn with_padded(padded: &[u8], franking: &[u8; 32]) -> ([u8; 32], Vec<u8>) {
        let parent = Expander::new(&message_key().0);
        let ad = BOUND.associated_data(franking);
        let (key, commitment) = committing_key(&parent, CommitLabels::MESSAGE, &[&SALT, &ad]);
        (commitment, aead::seal(&key, &ZERO_NONCE, &[], padded))
    }

    fn refuses_padded(padded: &[u8]) {
        let (commitment, ciphertext) = with_padded(padded, &[1; 32]);
        assert_eq!(opened(&[1; 32], &commitment, &ciphertext), Err(Unauthentic));
    }

    #[test]
    fn every_length_class_round_trips() {
        for len in [0, 1, 255, 256, 1000, MAX_FRAME] {
            let frame = vec![0x80; len];
            let (franking, commitment, ciphertext) = sealed(&frame);
            assert_eq!(ciphertext.len(), padded_len(len) + TAG_LEN);
            let back = opened(&franking, &commitment, &ciphertext).expect("authentic");
            assert_eq!(*back, frame);
        }
    }

    /// MSG-1
    #[test]
    fn another_commitment_is_refused() {
        let (franking, mut commitment, ciphertext) = sealed(b"tea");
        commitment[0] ^= 1;
        assert_eq!(opened(&franking, &commitment, &ciphertext), Err(Unauthentic));
    }

    /// MSG-2
    #[test]
    fn another_ciphertext_is_refused() {
        let (franking, commitment, mut ciphertext) = sealed(b"tea");
        let last = ciphertext.len() - 1;
        ciphertext[last] ^= 1;
        assert_eq!(opened(&franking, &commitment, &ciphertext), Err(Unauthentic));
    }

    /// MSG-3
    #[test]
    fn padding_is_one_bit_and_zeros() {
        let mut padded = vec![0; 256];
        refuses_padded(&padded);
        padded[3] = 0x81;
        refuses_padded(&padded);
        padded[3] = 0x80;
        padded[255] = 1;
        refuses_padded(&padded);
    }

    /// MSG-4
    #[test]
    fn padding_fills_the_class_of_its_frame() {
        for len in [272, 512] {
            let mut padded = vec![0; len];
            padded[3] = 0x80;
            refuses_padded(&padded);
        }
    }

    /// MSG-8
    #[test]
    fn a_frame_that_could_not_be_reported_is_refused() {
        let mut padded = vec![0; 256];
        padded[3] = 0x80;
        let (commitment, ciphertext) = with_padded(&padded, &[1; 32]);
        assert_eq!(opened(&[1; 32], &commitment, &ciphertext), Err(Unauthentic));
    }

    /// MSG-11
    #[test]
    fn a_frame_over_the_limit_is_not_sealed() {
        let refused = seal(message_key(), &BOUND, &vec![0; MAX_FRAME + 1]);
        assert_eq!(refused.err(), Some(ProtocolError::TooLarge));
    }
}
