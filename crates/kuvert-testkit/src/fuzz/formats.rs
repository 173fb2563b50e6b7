//! Everything that is decoded: what decodes encodes to the same bytes, and to nothing else.

use core::fmt::Debug;

use kuvert_core::identity::{VerifiedCert, account_id};
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{Outcomes, Outgoing, Received, TranscriptEvent};
use kuvert_wire::envelope::VERSION;
use kuvert_wire::relay::{Answer, ClientMessage, Franked, RelayRequest, ServerMessage};
use kuvert_wire::transcript::{
    Block, Consent, ErasureReceipt, FrankingReport, FrankingTag, Head, HeadClaim, Leaf,
    LeafRequest, Redaction, SealedHead, Start, Target, TranscriptBody, TreeHead,
};
use kuvert_wire::{
    Control, Decode, DeviceCert, Encode, Envelope, Frame, Header, InitPrefix, MediumPrekey,
    OneTimePrekey, PrekeyBundle, Receipt, Timestamp,
};

type Check = fn(&[u8]);

const MESSAGES: &[Check] = &[
    envelope,
    canonical::<InitPrefix>,
    canonical::<Header>,
    canonical::<Frame>,
    canonical::<Receipt>,
    canonical::<Control>,
];
const BUNDLES: &[Check] = &[bundle, cert, canonical::<MediumPrekey>, canonical::<OneTimePrekey>];
const TRANSCRIPTS: &[Check] = &[
    canonical::<TranscriptBody>,
    canonical::<Block>,
    canonical::<Start>,
    canonical::<Leaf>,
    canonical::<TreeHead>,
    canonical::<HeadClaim>,
    canonical::<Head>,
    canonical::<SealedHead>,
    canonical::<LeafRequest>,
    canonical::<Target>,
    canonical::<Redaction>,
    canonical::<ErasureReceipt>,
    canonical::<Consent>,
    canonical::<FrankingTag>,
    canonical::<FrankingReport>,
];
const RELAY: &[Check] = &[
    canonical::<ClientMessage>,
    canonical::<ServerMessage>,
    canonical::<RelayRequest>,
    canonical::<Franked>,
    canonical::<Answer>,
];
const KEPT: &[Check] = &[
    canonical::<Received>,
    canonical::<Outgoing>,
    canonical::<Outcomes>,
    canonical::<TranscriptEvent>,
];

pub(super) fn messages(input: &[u8]) {
    one_of(MESSAGES, input);
}

pub(super) fn bundles(input: &[u8]) {
    one_of(BUNDLES, input);
}

pub(super) fn transcripts(input: &[u8]) {
    one_of(TRANSCRIPTS, input);
}

pub(super) fn relay(input: &[u8]) {
    one_of(RELAY, input);
}

pub(super) fn kept(input: &[u8]) {
    one_of(KEPT, input);
}

/// The first byte says which, the rest is for it.
fn one_of(checks: &[Check], input: &[u8]) {
    if let Some((which, bytes)) = input.split_first() {
        checks[usize::from(*which) % checks.len()](bytes);
    }
}

fn canonical<T: Decode + Encode + Debug>(bytes: &[u8]) {
    let Ok(value) = T::decode(bytes) else { return };
    assert_eq!(value.encode(), bytes, "{value:?} has two encodings");
    assert_eq!(value.encoded_len(), bytes.len(), "{value:?} counts its bytes wrong");
}

/// An envelope has no encoder: it borrows. Its parts, one after the other, are its bytes.
fn envelope(bytes: &[u8]) {
    let Ok(envelope) = Envelope::decode(bytes) else { return };
    let message = &envelope.message;
    let prefix = envelope.prefix.as_ref().map(Encode::encode).unwrap_or_default();
    let sealed_header_len = u16::try_from(message.sealed_header.len()).expect("195 or 1,356");
    let parts = [
        &[envelope.kind().code(), VERSION][..],
        &prefix,
        message.header_nonce,
        &sealed_header_len.to_be_bytes(),
        message.sealed_header,
        message.salt,
        message.commitment,
        message.franking,
        message.ciphertext,
    ];
    assert_eq!(parts.concat(), bytes);
}

fn cert(bytes: &[u8]) {
    canonical::<DeviceCert>(bytes);
    let verified = DeviceCert::decode(bytes).map(VerifiedCert::verify);
    if let Ok(Ok(verified)) = verified {
        assert_eq!(verified.cert().encode(), bytes);
    }
}

/// The first eight bytes are the time at which it is verified.
fn bundle(bytes: &[u8]) {
    let Some((now, bytes)) = bytes.split_first_chunk() else { return };
    canonical::<PrekeyBundle>(bytes);
    let Ok(bundle) = PrekeyBundle::decode(bytes) else { return };
    let (expected, now) =
        (account_id(&bundle.cert.account_key), Timestamp::from_millis(u64::from_be_bytes(*now)));
    if let Ok(verified) = VerifiedBundle::verify(bundle, &expected, now) {
        assert_eq!(verified.cert().account_id(), expected);
    }
}
