use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::bundle::PrekeyBundle;
use crate::codec::{Decode, DecodeError, Encode};
use crate::envelope::MAX_ENVELOPE;
use crate::frame::{Frame, FrameType};
use crate::id::{AccountId, DeliveryToken, MailboxId, MessageId, PostId, PrekeyId, Timestamp};
use crate::key::{
    AccountKey, DeviceKey, IdentityKey, KemPrekey, MailboxKey, PrekeyPublic, Signature,
};
use crate::transcript::{FrankingTag, Leaf};

fn cert() -> DeviceCert {
    DeviceCert {
        account_key: AccountKey::from_bytes([1; 32]),
        device_key: DeviceKey::from_bytes([2; 32]),
        identity_key: IdentityKey::from_bytes([3; 32]),
        issued: Timestamp::from_millis(4),
        list_version: 5,
        signature: Signature::from_bytes([6; 64]),
    }
}

fn medium() -> MediumPrekey {
    MediumPrekey {
        id: PrekeyId::new(7).unwrap(),
        created: Timestamp::from_millis(8),
        not_after: Timestamp::from_millis(9),
        x: PrekeyPublic::from_bytes([10; 32]),
        ek: KemPrekey::from_boxed(Box::new([11; KemPrekey::LEN])),
        signature: Signature::from_bytes([12; 64]),
    }
}

fn one_time(number: u32) -> OneTimePrekey {
    OneTimePrekey {
        id: PrekeyId::new(number).unwrap(),
        x: PrekeyPublic::from_bytes([13; 32]),
        ek: KemPrekey::from_boxed(Box::new([14; KemPrekey::LEN])),
        signature: Signature::from_bytes([15; 64]),
    }
}

fn publish(stock: u32) -> RelayRequest {
    RelayRequest::Publish(Box::new(Publish {
        cert: cert(),
        medium: medium(),
        one_time: List::new((1..=stock).map(one_time).collect()).unwrap(),
        signature: Signature::from_bytes([16; 64]),
    }))
}

fn post(token: Option<[u8; 16]>, envelope: Vec<u8>) -> RelayRequest {
    RelayRequest::Post(Post {
        mailbox: MailboxId::from_bytes([17; 32]),
        post_id: PostId::from_bytes([18; 16]),
        token: token.map(DeliveryToken::from_bytes),
        envelope: SealedEnvelope::new(envelope).unwrap(),
    })
}

fn attachment(after: u64) -> Attachment {
    let key = MailboxKey::from_bytes([19; 32]);
    Attachment { key, signature: Signature::from_bytes([20; 64]), after }
}

fn franked() -> Franked {
    Franked { from: [27; 32], tag: FrankingTag { key_id: 28, mac: [29; 32] } }
}

fn delivered(position: u64, envelope: Vec<u8>) -> Delivered {
    Delivered {
        mailbox: MailboxId::from_bytes([21; 32]),
        position,
        received: Timestamp::from_millis(22),
        franked: position.is_multiple_of(2).then(franked),
        envelope: SealedEnvelope::new(envelope).unwrap(),
    }
}

fn any_request() -> impl Strategy<Value = RelayRequest> {
    let envelope = prop::collection::vec(any::<u8>(), 1..200);
    prop_oneof![
        (any::<Option<[u8; 16]>>(), envelope).prop_map(|(token, bytes)| post(token, bytes)),
        prop::collection::vec(any::<[u8; 32]>(), 0..=MAX_TOKENS).prop_map(|tokens| {
            RelayRequest::OpenMailbox(OpenMailbox {
                key: MailboxKey::from_bytes([23; 32]),
                signature: Signature::from_bytes([24; 64]),
                tokens: List::new(tokens.into_iter().map(TokenId::from_bytes).collect()).unwrap(),
            })
        }),
        prop::collection::vec(any::<u64>(), 0..=MAX_ATTACH).prop_map(|after| {
            RelayRequest::Attach(List::new(after.into_iter().map(attachment).collect()).unwrap())
        }),
        any::<u16>().prop_map(|limit| RelayRequest::Fetch(Fetch { limit })),
        any::<([u8; 32], u64)>().prop_map(|(mailbox, position)| {
            RelayRequest::Confirm(Confirm { mailbox: MailboxId::from_bytes(mailbox), position })
        }),
        any::<[u8; 32]>().prop_map(|id| RelayRequest::CloseMailbox(MailboxId::from_bytes(id))),
        (0..4u32).prop_map(publish),
        any::<[u8; 32]>().prop_map(|key| {
            RelayRequest::Stock(StockQuery {
                device_key: DeviceKey::from_bytes(key),
                signature: Signature::from_bytes([25; 64]),
            })
        }),
        any::<[u8; 32]>().prop_map(|id| RelayRequest::FetchBundle(AccountId::from_bytes(id))),
        Just(RelayRequest::Ping),
    ]
}

fn any_reply() -> impl Strategy<Value = RelayReply> {
    let envelopes = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..=MAX_FETCH);
    prop_oneof![
        Just(RelayReply::Done),
        (any::<bool>(), envelopes).prop_map(|(more, envelopes)| {
            let items = envelopes.into_iter().zip(1..).map(|(bytes, at)| delivered(at, bytes));
            let items = List::new(items.collect()).unwrap();
            RelayReply::Messages(Messages { more, items })
        }),
        any::<bool>().prop_map(|stocked| {
            let one_time = stocked.then(|| one_time(26));
            RelayReply::Bundle(Box::new(PrekeyBundle { cert: cert(), medium: medium(), one_time }))
        }),
        any::<u16>().prop_map(|one_time| RelayReply::Stock { one_time }),
        (1..=8u8, any::<u32>()).prop_map(|(code, retry_after_ms)| {
            let reason = Refused::decode(&[code, 0, 0, 0, 0]).unwrap().reason;
            RelayReply::Refused(Refused { reason, retry_after_ms })
        }),
    ]
}

fn assert_one_encoding<T: Encode + Decode + PartialEq + core::fmt::Debug>(value: &T) {
    let bytes = value.encode();
    assert_eq!(bytes.len(), value.encoded_len());
    assert_eq!(T::decode(&bytes).as_ref(), Ok(value));
}

/// Whether a proper prefix fails. A post's envelope runs to the end, so it is the one exception.
fn truncation_fails<T: Decode>(bytes: &[u8], cut: &prop::sample::Index) -> bool {
    T::decode(&bytes[..cut.index(bytes.len())]).is_err()
}

proptest! {
    #[test]
    fn requests_have_one_encoding(
        number in 1..=u32::MAX,
        request in any_request(),
        cut in any::<prop::sample::Index>(),
    ) {
        let id = RequestId::new(number).unwrap();
        let message = ClientMessage { id, request };
        assert_one_encoding(&message);
        let bytes = message.encode();
        prop_assert!(bytes.len() <= MAX_CLIENT_MESSAGE);
        if !matches!(message.request, RelayRequest::Post(_)) {
            prop_assert!(truncation_fails::<ClientMessage>(&bytes, &cut));
        }
    }

    #[test]
    fn replies_have_one_encoding(
        number in 1..=u32::MAX,
        reply in any_reply(),
        cut in any::<prop::sample::Index>(),
    ) {
        let message = ServerMessage::Reply { id: RequestId::new(number).unwrap(), reply };
        assert_one_encoding(&message);
        prop_assert!(truncation_fails::<ServerMessage>(&message.encode(), &cut));
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(message) = ClientMessage::decode(&bytes) {
            prop_assert_eq!(message.encode(), &bytes[..]);
        }
        if let Ok(message) = ServerMessage::decode(&bytes) {
            prop_assert_eq!(message.encode(), &bytes[..]);
        }
    }

    #[test]
    fn small_bodies_of_every_kind_are_canonical(
        kind in 0..=12u8,
        body in prop::collection::vec(0..3u8, 0..180),
    ) {
        let bytes = [&[0, 0, 0, 1, kind], body.as_slice()].concat();
        if let Ok(message) = ClientMessage::decode(&bytes) {
            prop_assert_eq!(message.encode(), bytes);
        }
    }
}

#[test]
fn a_post_is_laid_out_as_the_spec_says() {
    let message = ClientMessage { id: RequestId::FIRST, request: post(Some([9; 16]), vec![7, 7]) };
    let expected = [&[0, 0, 0, 1, 1][..], &[17; 32], &[18; 16], &[1], &[9; 16], &[7, 7]].concat();
    assert_eq!(message.encode(), expected);
}

#[test]
fn what_is_delivered_is_laid_out_as_the_spec_says() {
    let head = |number: u8| [&[21; 32][..], &[0, 0, 0, 0, 0, 0, 0, number]].concat();
    let (received, envelope) = ([0, 0, 0, 0, 0, 0, 0, 22], [0, 0, 0, 2, 7, 7]);
    let plain = [&head(1)[..], &received, &[0], &envelope].concat();
    assert_eq!(delivered(1, vec![7, 7]).encode(), plain);
    let tagged = [&head(2)[..], &received, &[1], &[27; 32], &[28], &[29; 32], &envelope].concat();
    assert_eq!(delivered(2, vec![7, 7]).encode(), tagged);
    assert_eq!(tagged.len(), Delivered::HEAD_LEN + 2);
    assert_one_encoding(&franked());
    assert_one_encoding(&delivered(2, vec![7, 7]));
    let neither = [&head(1)[..], &received, &[2], &envelope].concat();
    assert_eq!(Delivered::decode(&neither), Err(DecodeError::Unknown { what: "has_tag" }));
}

#[test]
fn a_hello_is_laid_out_as_the_spec_says() {
    let nonce = Nonce::from_bytes([0xaa; 32]);
    let hello = RelayEvent::Hello(Hello { nonce, time: Timestamp::from_millis(0x0102) });
    let expected = [&[0, 0, 0, 0, 1, 1][..], &[0xaa; 32], &[0, 0, 0, 0, 0, 0, 1, 2]].concat();
    assert_eq!(ServerMessage::Event(hello.clone()).encode(), expected);
    assert_eq!(ServerMessage::Event(RelayEvent::Arrived).encode(), [0, 0, 0, 0, 2]);
    for event in [hello, RelayEvent::Arrived] {
        assert_one_encoding(&event);
        assert_one_encoding(&ServerMessage::Event(event));
    }
}

#[test]
fn an_answer_has_its_frame_or_none() {
    let mut leaf = [30; Leaf::LEN];
    leaf[0] = 1;
    let leaf = Leaf::decode(&leaf).unwrap();
    let frame = Frame {
        frame_type: FrameType::Message,
        sent: Timestamp::from_millis(31),
        message_id: MessageId::from_bytes([32; 16]),
        expire_seconds: 33,
        body: vec![34; 9],
        block: None,
    };
    for frame in [None, Some(frame)] {
        let answer = Answer { leaf, frame };
        assert_one_encoding(&answer);
        assert!(Answer::decode(&[answer.encode(), vec![0]].concat()).is_err());
    }
}

/// REL-1
#[test]
fn a_request_id_is_never_zero() {
    let refused = Err(DecodeError::Invalid { what: "request id" });
    assert_eq!(ClientMessage::decode(&[0, 0, 0, 0, 10]), refused);
    assert!(ClientMessage::decode(&[0, 0, 0, 1, 10]).is_ok());
}

#[test]
fn request_ids_count_up_and_skip_zero() {
    assert_eq!(RequestId::FIRST.next().number(), 2);
    assert_eq!(RequestId::new(u32::MAX).unwrap().next(), RequestId::FIRST);
}

/// REL-2
#[test]
fn unknown_kinds_are_refused() {
    for kind in [0, 11, 255] {
        let refused = Err(DecodeError::Unknown { what: "request kind" });
        assert_eq!(ClientMessage::decode(&[0, 0, 0, 1, kind]), refused);
    }
    for kind in [0, 6, 255] {
        let refused = Err(DecodeError::Unknown { what: "reply kind" });
        assert_eq!(ServerMessage::decode(&[0, 0, 0, 1, kind]), refused);
    }
    for reason in [0, 9, 255] {
        let refused = Err(DecodeError::Unknown { what: "refusal" });
        assert_eq!(Refused::decode(&[reason, 0, 0, 0, 0]), refused);
    }
    for kind in [0, 3, 255] {
        let refused = Err(DecodeError::Unknown { what: "event kind" });
        assert_eq!(ServerMessage::decode(&[0, 0, 0, 0, kind]), refused);
    }
}

/// REL-3
#[test]
fn counts_are_bounded_before_anything_is_read() {
    let refused = |limit| Err(DecodeError::TooLong { what: "count", limit });
    let over = |count: usize| u16::try_from(count + 1).unwrap().to_be_bytes();
    let open = [&[23; 96][..], &over(MAX_TOKENS)].concat();
    assert_eq!(OpenMailbox::decode(&open).map(|_| ()), refused(MAX_TOKENS));
    assert_eq!(Attach::decode(&over(MAX_ATTACH)).map(|_| ()), refused(MAX_ATTACH));
    let messages = [&[0][..], &over(MAX_FETCH)].concat();
    assert_eq!(Messages::decode(&messages).map(|_| ()), refused(MAX_FETCH));
    let mut published = publish(0).encode().split_off(1);
    published.truncate(published.len() - 66);
    published.extend_from_slice(&over(MAX_PUBLISH));
    assert_eq!(Publish::decode(&published).map(|_| ()), refused(MAX_PUBLISH));
}

#[test]
fn a_list_is_never_longer_than_its_limit() {
    assert!(List::<u8, 2>::new(vec![1, 2]).is_ok());
    assert_eq!(List::<u8, 2>::new(vec![1, 2, 3]), Err(TooMany { count: 3, limit: 2 }));
    assert!(List::<u8, 2>::default().is_empty());
    let list = List::<u8, 2>::new(vec![7]).unwrap();
    assert_eq!(*list, [7]);
    assert_eq!(list.into_vec(), [7]);
}

/// REL-4
#[test]
fn an_envelope_has_at_least_one_byte_and_at_most_72_kib() {
    let too_long = Err(DecodeError::TooLong { what: "envelope", limit: MAX_ENVELOPE });
    assert_eq!(SealedEnvelope::new(vec![0; MAX_ENVELOPE + 1]), too_long);
    assert_eq!(SealedEnvelope::new(vec![7]).unwrap().into_bytes(), [7]);
    let head = [&[0; 48][..], &[0]].concat();
    let invalid = Err(DecodeError::Invalid { what: "envelope length" });
    assert_eq!(Post::decode(&head), invalid);
    assert!(Post::decode(&[&head[..], &vec![0; MAX_ENVELOPE]].concat()).is_ok());
    assert!(Post::decode(&[&head[..], &vec![0; MAX_ENVELOPE + 1]].concat()).is_err());
    assert!(Delivered::decode(&[0; Delivered::HEAD_LEN]).is_err());
}

/// REL-5
#[test]
fn another_version_is_refused() {
    let mut hello = ServerMessage::Event(RelayEvent::Hello(Hello {
        nonce: Nonce::from_bytes([1; 32]),
        time: Timestamp::from_millis(2),
    }))
    .encode();
    hello[5] = 2;
    let refused = Err(DecodeError::UnsupportedVersion { found: 2 });
    assert_eq!(ServerMessage::decode(&hello), refused);
}

#[test]
fn the_longest_messages_have_the_lengths_of_the_spec() {
    let request = publish(100);
    let longest = ClientMessage { id: RequestId::FIRST, request }.encode();
    assert_eq!(longest.len(), MAX_CLIENT_MESSAGE);
    assert_eq!(MAX_CLIENT_MESSAGE, 168_732);
    let post = post(Some([0; 16]), vec![0; MAX_ENVELOPE]);
    assert!(post.encoded_len() < MAX_CLIENT_MESSAGE);
    assert_eq!(MAX_SERVER_MESSAGE, 262_152);
    const { assert!(3 * (Delivered::HEAD_LEN + MAX_ENVELOPE) <= MAX_FETCH_BYTES) };
}

#[test]
fn proofs_begin_with_a_label_of_their_own_and_cover_the_nonce() {
    let nonce = Nonce::from_bytes([0x5a; 32]);
    let key = MailboxKey::from_bytes([1; 32]);
    let device_key = DeviceKey::from_bytes([1; 32]);
    let proofs = [
        (proof::OPEN_MAILBOX, proof::open_mailbox(&nonce, &key, &[TokenId::from_bytes([3; 32])])),
        (proof::ATTACH, proof::attach(&nonce, &key)),
        (proof::PUBLISH, proof::publish(&nonce, &cert(), &medium(), &[one_time(1), one_time(2)])),
        (proof::STOCK, proof::stock(&nonce, &device_key)),
    ];
    for (name, bytes) in &proofs {
        let head = [crate::label::label(name).as_slice(), nonce.as_bytes()].concat();
        assert!(bytes.starts_with(&head), "{name}");
        assert_eq!(proofs.iter().filter(|(_, other)| other.starts_with(&head)).count(), 1);
    }
    let payload = |at: usize| proofs[at].1.len() - crate::label::label(proofs[at].0).len() - 32;
    assert_eq!([payload(0), payload(1), payload(3)], [64, 32, 32]);
    assert_eq!(payload(2), DeviceCert::LEN + MediumPrekey::LEN + 2 * OneTimePrekey::LEN);
}

#[test]
fn names_are_hashes_over_labels_of_their_own() {
    let key = proof::mailbox_id_bytes(&MailboxKey::from_bytes([1; 32]));
    assert_eq!(key, [&crate::label::label("mailbox-id")[..], &[1; 32]].concat());
    let token = proof::token_id_bytes(&DeliveryToken::from_bytes([2; 16]));
    assert_eq!(token, [&crate::label::label("token-id")[..], &[2; 16]].concat());
}

#[test]
fn debug_shows_neither_token_nor_envelope() {
    let shown = alloc::format!("{:?}", post(Some([0xab; 16]), vec![0xcd; 40]));
    assert!(!shown.contains("171") && !shown.contains("ab, ab") && !shown.contains("205"));
    assert!(shown.contains("40 bytes"));
}
