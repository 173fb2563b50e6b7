//! Operations of the ratchet, its post-quantum half, and sealing.

use alloc::vec::Vec;

use kuvert_wire::envelope::Kind;
use kuvert_wire::header::MAX_FRAGMENT_INDEX;
use kuvert_wire::{Fragment, RatchetPublicKey, SessionId, padding};

use super::BadInput;
use super::crypto::check;
use crate::crypto::Unauthentic;
use crate::crypto::kdf::sha256;
use crate::error::ProtocolError;
use crate::ratchet::erasure::{self, Fragments, INDEX_COUNT};
use crate::ratchet::keys::{ChainKey, MessageKey, RootKey};
use crate::ratchet::pq::epoch::{Epoch, EpochSecrets, key_mac};
use crate::ratchet::sealing::{self, Bound, Received};
use crate::secret::Secret;

/// What [`root_step`] takes beside the root key.
#[derive(Clone, Copy, Debug)]
pub struct RootStepInput<'a> {
    /// The Diffie-Hellman result of the two ratchet keys.
    pub dh: &'a [u8; 32],
    /// The epoch's secret to mix in, if one is due.
    pub mix: Option<&'a [u8; 32]>,
    /// The session's name.
    pub session_id: [u8; 16],
    /// The new ratchet key.
    pub ratchet_pk: [u8; 32],
    /// Epochs mixed so far, this step's included.
    pub pq_mixed: u32,
}

/// What [`root_step`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RootStepOutput {
    /// RK'.
    pub rk: [u8; 32],
    /// CK.
    pub ck: [u8; 32],
    /// NHK.
    pub nhk: [u8; 32],
}

/// `root_step`: from a root key to the next one, a chain key and a header key.
#[must_use]
pub fn root_step(rk: &[u8; 32], input: &RootStepInput<'_>) -> RootStepOutput {
    let step = RootKey::new(Secret::copied_from(rk)).step(
        &Secret::copied_from(input.dh),
        input.mix.map(Secret::copied_from).as_ref(),
        &SessionId::from_bytes(input.session_id),
        &RatchetPublicKey::from_bytes(input.ratchet_pk),
        input.pq_mixed,
    );
    RootStepOutput {
        rk: *step.root.secret().expose(),
        ck: *step.chain.secret().expose(),
        nhk: *step.next_header.secret().expose(),
    }
}

/// `chain_step`: the message key of number `n`, and the chain key after it.
#[must_use]
pub fn chain_step(ck: &[u8; 32], n: u32) -> ([u8; 32], [u8; 32]) {
    let (message, chain) = ChainKey::new(Secret::copied_from(ck)).advance(n);
    (*message.0.expose(), *chain.secret().expose())
}

/// What [`pq_epoch`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EpochOutput {
    /// The MAC behind the encapsulation key.
    pub ek_mac: [u8; 32],
    /// `mix_e`.
    pub mix: [u8; 32],
    /// `pqs_e`.
    pub pqs: [u8; 32],
    /// `kc_e`.
    pub kc: [u8; 32],
}

/// `pq_epoch`: what epoch `e` derives from `pqs_{e-1}`, its two public objects and the KEM's secret.
///
/// # Errors
///
/// [`BadInput`] for epoch 0.
pub fn pq_epoch(
    pqs: &[u8; 32],
    e: u32,
    ek: &[u8],
    ct: &[u8],
    ss: &[u8; 32],
) -> Result<EpochOutput, BadInput> {
    let epoch = Epoch::from_number(e).map_err(|_| BadInput { what: "e" })?;
    let previous = Secret::copied_from(pqs);
    let (key_hash, ct_hash) = (sha256(&[ek]), sha256(&[ct]));
    let shared = Secret::copied_from(ss);
    let secrets = EpochSecrets::derive(epoch, &previous, &key_hash, &ct_hash, &shared);
    Ok(EpochOutput {
        ek_mac: key_mac(epoch, &previous, ek),
        mix: *secrets.mix.expose(),
        pqs: *secrets.next.expose(),
        kc: secrets.confirmation,
    })
}

/// `rs_fragment`: the fragment of an object at `x`.
///
/// # Errors
///
/// [`BadInput`] for an `x` over 254 or an object over 32,640 bytes: there is no such point.
pub fn rs_fragment(obj: &[u8], x: u8) -> Result<[u8; 128], BadInput> {
    check(x <= MAX_FRAGMENT_INDEX, "x")?;
    check(erasure::needed(obj.len()) <= usize::from(INDEX_COUNT), "obj")?;
    Ok(erasure::fragment(obj, x).data)
}

/// `rs_decode`: the object of `len` bytes, from fragments with their points.
///
/// # Errors
///
/// [`BadInput`] when the fragments are too few, contradict each other, or end in padding that is
/// not zero.
pub fn rs_decode(len: usize, fragments: &[(u8, [u8; 128])]) -> Result<Vec<u8>, BadInput> {
    const BAD: BadInput = BadInput { what: "fragments" };
    let mut collected = Fragments::default();
    for &(index, data) in fragments {
        collected.add(&Fragment { index, data }).map_err(|_| BAD)?;
    }
    collected.decode(len).map_err(|_| BAD)?.ok_or(BAD)
}

/// What a message key is used with by [`seal`] and [`open`].
#[derive(Clone, Copy, Debug)]
pub struct MessageContext<'a> {
    /// The envelope's kind: 1 or 2.
    pub kind: u8,
    /// The header's nonce.
    pub hnonce: &'a [u8; 12],
    /// The sealed header.
    pub eh: &'a [u8],
    /// The message's salt.
    pub salt: &'a [u8; 16],
}

impl<'a> MessageContext<'a> {
    fn bound(&self) -> Result<Bound<'a>, BadInput> {
        let kind = match self.kind {
            1 => Kind::Init,
            2 => Kind::Session,
            _ => return Err(BadInput { what: "kind" }),
        };
        let Self { hnonce: header_nonce, eh: sealed_header, salt, .. } = *self;
        Ok(Bound { kind, header_nonce, sealed_header, salt })
    }
}

/// A sealed frame, as it stands in a session message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedFrame {
    /// The franking commitment.
    pub fc: [u8; 32],
    /// The commitment to key, associated data and message.
    pub com: [u8; 32],
    /// The ciphertext of the padded frame, with its tag.
    pub ct: Vec<u8>,
}

/// `seal`: a frame, padded and sealed under a message key.
///
/// # Errors
///
/// [`BadInput`] for another kind than 1 and 2, or a frame over 65,535 bytes.
pub fn seal(
    mk: &[u8; 32],
    context: &MessageContext<'_>,
    frame: &[u8],
) -> Result<SealedFrame, BadInput> {
    let key = MessageKey(Secret::copied_from(mk));
    let sealed = sealing::seal(key, &context.bound()?, frame)
        .map_err(|_: ProtocolError| BadInput { what: "frame" })?;
    let (fc, com, mut ct) = (sealed.franking, sealed.commitment, Vec::new());
    ct.extend_from_slice(frame);
    sealed.seal_in_place(&mut ct, 0);
    Ok(SealedFrame { fc, com, ct })
}

/// `open`: the frame in what [`seal`] gave.
///
/// # Errors
///
/// [`Unauthentic`] for anything that is not exactly that.
pub fn open(
    mk: &[u8; 32],
    context: &MessageContext<'_>,
    sealed: &SealedFrame,
) -> Result<Vec<u8>, Unauthentic> {
    let key = MessageKey(Secret::copied_from(mk));
    let bound = context.bound().map_err(|_| Unauthentic)?;
    let received =
        Received { franking: &sealed.fc, commitment: &sealed.com, ciphertext: &sealed.ct };
    sealing::open(&key, &bound, &received).map(|body| body.frame.to_vec())
}

/// `padme`: the padding class of `l` bytes, at least 256.
///
/// # Errors
///
/// [`BadInput`] where the class is over what the machine can count.
pub fn padme(l: usize) -> Result<usize, BadInput> {
    check(l <= usize::MAX / 2, "l")?;
    Ok(padding::class(l))
}

#[cfg(test)]
mod tests {
    use super::super::kat::{Case, cases};
    use super::*;

    /// A case and what the operation says to it: the answer, or any error where one is right.
    fn same<T: PartialEq + core::fmt::Debug, E>(
        case: &Case,
        said: Result<T, E>,
        expected: impl FnOnce(&Case) -> T,
    ) {
        let expect = case.expect();
        match said {
            Ok(out) => assert_eq!(out, expected(&expect)),
            Err(_) => assert_eq!(expect.value("error"), true),
        }
    }

    #[test]
    fn known_answers_of_the_chains() {
        for case in cases("root_step") {
            let mix: Option<[u8; 32]> = (!case.text("mix").is_empty()).then(|| case.array("mix"));
            let input = RootStepInput {
                dh: &case.array("dh"),
                mix: mix.as_ref(),
                session_id: case.array("session_id"),
                ratchet_pk: case.array("ratchet_pk"),
                pq_mixed: case.number("pq_mixed").try_into().unwrap(),
            };
            let expect = case.expect();
            let (rk, ck, nhk) = (expect.array("rk"), expect.array("ck"), expect.array("nhk"));
            let out = root_step(&case.array("rk"), &input);
            assert_eq!(out, RootStepOutput { rk, ck, nhk });
        }
        for case in cases("chain_step") {
            let out = chain_step(&case.array("ck"), case.number("n").try_into().unwrap());
            assert_eq!(out, (case.expect().array("mk"), case.expect().array("ck")));
        }
    }

    #[test]
    fn known_answers_of_an_epoch() {
        for case in cases("pq_epoch") {
            let e = case.number("e").try_into().unwrap();
            let (ek, ct) = (case.bytes("ek"), case.bytes("ct"));
            let out = pq_epoch(&case.array("pqs"), e, &ek, &ct, &case.array("ss"));
            same(&case, out, |expect| EpochOutput {
                ek_mac: expect.array("ek_mac"),
                mix: expect.array("mix"),
                pqs: expect.array("pqs"),
                kc: expect.array("kc"),
            });
        }
        let none = pq_epoch(&[0; 32], 0, &[], &[], &[0; 32]);
        assert_eq!(none, Err(BadInput { what: "e" }));
    }

    #[test]
    fn known_answers_of_the_erasure_code() {
        for case in cases("rs_fragment") {
            let out = rs_fragment(&case.bytes("obj"), case.number("x").try_into().unwrap());
            same(&case, out, |expect| expect.array("out"));
        }
        for case in cases("rs_decode") {
            let fragments: Vec<_> = case.value("fragments").as_array().unwrap().iter().collect();
            let fragments: Vec<(u8, [u8; 128])> = fragments
                .into_iter()
                .map(|pair| {
                    let data = hex::decode(pair[1].as_str().unwrap()).unwrap();
                    let index = u8::try_from(pair[0].as_u64().unwrap()).unwrap();
                    (index, data.try_into().unwrap())
                })
                .collect();
            same(&case, rs_decode(case.number("len"), &fragments), |expect| expect.bytes("out"));
        }
        assert_eq!(rs_fragment(&[0; 128], 255), Err(BadInput { what: "x" }));
        assert_eq!(rs_fragment(&[0; 255 * 128 + 1], 0), Err(BadInput { what: "obj" }));
        assert_eq!(
            rs_fragment(&[0; 255 * 128], 254),
            Ok([0; 128]),
            "as much as 255 fragments hold"
        );
    }

    #[test]
    fn known_answers_of_sealing() {
        for case in cases("seal").into_iter().chain(cases("open")) {
            let context = MessageContext {
                kind: case.number("kind").try_into().unwrap(),
                hnonce: &case.array("hnonce"),
                eh: &case.bytes("eh"),
                salt: &case.array("salt"),
            };
            let answer = |case: &Case| SealedFrame {
                fc: case.array("fc"),
                com: case.array("com"),
                ct: case.bytes("ct"),
            };
            let mk = case.array("mk");
            if case.text("op") == "seal" {
                same(&case, seal(&mk, &context, &case.bytes("frame")), answer);
            } else {
                let frame = open(&mk, &context, &answer(&case));
                same(&case, frame, |expect| expect.bytes("frame"));
            }
        }
    }

    #[test]
    fn a_frame_is_bound_to_the_kind_of_its_envelope() {
        let context =
            |kind| MessageContext { kind, hnonce: &[1; 12], eh: &[2; 195], salt: &[3; 16] };
        let sealed = seal(&[4; 32], &context(1), b"frame").unwrap();
        assert_eq!(open(&[4; 32], &context(1), &sealed), Ok(b"frame".to_vec()));
        assert!(open(&[4; 32], &context(2), &sealed).is_err());
        for kind in [0, 3] {
            let refused = seal(&[4; 32], &context(kind), b"frame");
            assert_eq!(refused, Err(BadInput { what: "kind" }));
        }
    }

    #[test]
    fn known_answers_of_padding() {
        for case in cases("padme") {
            same(&case, padme(case.number("l")), |expect| expect.number("out"));
        }
        assert_eq!(padme(usize::MAX), Err(BadInput { what: "l" }));
    }
}
