//! Every value of the formats has one encoding: it is read back from it, from no part of it, and from
//! nothing longer. And none of them shows in `Debug` what people write.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::fmt::Debug;

use kuvert_wire::relay::{Delivered, Franked, Hello, List, Nonce, RelayEvent, SealedEnvelope};
use kuvert_wire::transcript::{
    Block, ConversationId, FrankingReport, FrankingTag, HeadAuth, HeadClaim, Leaf, LeafRequest,
    LogSide, Mode, PartCommitment, Salt, SealedHead, Start, Target, TranscriptBody, TranscriptKey,
    TranscriptNonce, TreeHash, TreeHead,
};
use kuvert_wire::{
    Control, Decode, DeliveryToken, DeviceId, Encode, Envelope, EphemeralKey, Fragment, Frame,
    FrameType, Header, InitPrefix, KemPrekey, MailboxId, MessageId, PqFields, PqKind, PrekeyId,
    RatchetPublicKey, Receipt, RelayUrl, Signature, Timestamp,
};

#[track_caller]
fn is_whole<T: Encode + Decode + PartialEq + Debug>(value: &T) {
    let bytes = value.encode();
    assert_eq!(bytes.len(), value.encoded_len());
    assert_eq!(T::decode(&bytes).as_ref(), Ok(value));
    for len in 0..bytes.len() {
        assert!(T::decode(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
    }
    assert!(T::decode(&[&bytes[..], &[0]].concat()).is_err(), "one byte more");
}

fn claim() -> HeadClaim {
    let root = TreeHash::from_bytes([3; 32]);
    let (own, peer) = (TreeHead { size: 1, root }, TreeHead { size: 2, root });
    HeadClaim { own, peer, time: Timestamp::from_millis(4) }
}

fn head() -> SealedHead {
    SealedHead { claim: claim(), auth: HeadAuth::from_bytes([5; 64]) }
}

fn block(head: Option<SealedHead>) -> Block {
    let (seen_hash, salt) = (TreeHash::from_bytes([6; 32]), Salt::from_bytes([7; 32]));
    Block { seq: 8, seen: 9, seen_hash, salt, head }
}

fn frame(frame_type: FrameType, block: Option<Block>) -> Frame {
    Frame {
        frame_type,
        sent: Timestamp::from_millis(10),
        message_id: MessageId::from_bytes([11; 16]),
        expire_seconds: 12,
        body: b"tea at four".to_vec(),
        block: block.map(Box::new),
    }
}

fn leaf() -> Leaf {
    Leaf {
        conversation: ConversationId::from_bytes([13; 32]),
        device: DeviceId::from_bytes([14; 16]),
        seq: 15,
        prev: TreeHash::from_bytes([16; 32]),
        seen: 17,
        seen_hash: TreeHash::from_bytes([18; 32]),
        time: Timestamp::from_millis(19),
        cm: PartCommitment::from_bytes([20; 32]),
    }
}

fn header(pq: PqFields) -> Header {
    let ratchet_key = RatchetPublicKey::from_bytes([21; 32]);
    Header { ratchet_key, message_number: 22, previous_chain_length: 23, pq_mixed: 24, pq }
}

fn carrying(count: u8) -> PqFields {
    let fragments = (0..count).map(|index| Fragment { index, data: [index; 128] }).collect();
    PqFields { kind: PqKind::Ciphertext, epoch: 1, fragments }
}

fn prefix() -> InitPrefix {
    InitPrefix {
        medium_id: PrekeyId::new(25).unwrap(),
        one_time_id: PrekeyId::new(26),
        ephemeral_key: EphemeralKey::from_bytes([27; 32]),
        kem_ciphertext: Box::new([28; 1568]),
        sealed_cert: [29; 193],
    }
}

fn tag() -> FrankingTag {
    FrankingTag { key_id: 30, mac: [31; 32] }
}

#[test]
fn messages_are_whole() {
    for frame_type in [
        FrameType::Message,
        FrameType::Receipt,
        FrameType::Control,
        FrameType::Attachment,
        FrameType::Transcript,
        FrameType::Amendment,
    ] {
        is_whole(&frame(frame_type, None));
    }
    is_whole(&frame(FrameType::Amendment, Some(block(None))));
    is_whole(&frame(FrameType::Message, Some(block(Some(head())))));
    for header in [header(PqFields::idle()), header(carrying(1)), header(carrying(10))] {
        is_whole(&header);
    }
    is_whole(&prefix());
    is_whole(&PrekeyId::new(32).unwrap());
    is_whole(&KemPrekey::from_boxed(Box::new([33; KemPrekey::LEN])));
}

#[test]
fn bodies_are_whole() {
    let ids = [1, 2].map(|byte| MessageId::from_bytes([byte; 16])).to_vec();
    is_whole(&Receipt { read: false, message_ids: ids.clone() });
    let (mailbox, relay) = (MailboxId::from_bytes([34; 32]), "wss://relay.example");
    let token = DeliveryToken::from_bytes([35; 16]);
    for control in [
        Control::Empty,
        Control::DeliveryToken(token),
        Control::Close,
        Control::Mailbox { mailbox, token: None, relay: relay.into() },
        Control::Mailbox { mailbox, token: Some(token), relay: String::new() },
        Control::Resend(ids),
    ] {
        is_whole(&control);
    }
}

/// MSG-9
#[test]
fn a_relays_name_is_ascii() {
    let mailbox = MailboxId::from_bytes([34; 32]);
    for (bytes, is_good) in [(&b"ws://a"[..], true), ("ws://å".as_bytes(), false), (b"\xff", false)]
    {
        let mut body = Control::Mailbox { mailbox, token: None, relay: String::new() }.encode();
        *body.last_mut().unwrap() = u8::try_from(bytes.len()).unwrap();
        body.extend_from_slice(bytes);
        assert_eq!(Control::decode(&body).is_ok(), is_good, "{bytes:?}");
    }
}

#[test]
fn what_is_said_in_transcripts_is_whole() {
    is_whole(&claim().own);
    is_whole(&claim());
    is_whole(&block(None));
    is_whole(&block(Some(head())));
    is_whole(&leaf());
    is_whole(&Target { log: LogSide::Sender, first: 1, count: 2, parts: 3 });
    let (nonce, key) = (TranscriptNonce::from_bytes([36; 32]), TranscriptKey::from_bytes([37; 32]));
    let start =
        Start { mode: Mode::Signed, nonce, key, signature: Signature::from_bytes([38; 64]) };
    for body in [
        TranscriptBody::Start(start),
        TranscriptBody::Stop(nonce),
        TranscriptBody::LeafRequest(LeafRequest { seq: 39, count: 40 }),
        TranscriptBody::Leaf(leaf()),
        TranscriptBody::Head(head()),
    ] {
        is_whole(&body);
    }
}

#[test]
fn what_relays_say_is_whole() {
    is_whole(&tag());
    is_whole(&Franked { from: [41; 32], tag: tag() });
    let hello = Hello { nonce: Nonce::from_bytes([42; 32]), time: Timestamp::from_millis(43) };
    is_whole(&hello);
    is_whole(&RelayEvent::Hello(hello));
    is_whole(&RelayEvent::Arrived);
    let delivered = Delivered {
        mailbox: MailboxId::from_bytes([44; 32]),
        position: 45,
        received: Timestamp::from_millis(46),
        franked: Some(Franked { from: Franked::FROM_ANYONE, tag: tag() }),
        envelope: SealedEnvelope::new(vec![47; 9]).unwrap(),
    };
    is_whole(&delivered);
    assert_eq!(delivered.envelope.into_bytes(), [47; 9]);
}

#[test]
fn an_envelope_is_read_from_no_part_of_it() {
    let message = [&[48; 12][..], &[0, 195], &[49; 195], &[50; 80], &[51; 272]].concat();
    let first = [&[1, 1][..], &prefix().encode(), &message].concat();
    let later = [&[2, 1][..], &message].concat();
    for (bytes, prefix) in [(first, Some(prefix())), (later, None)] {
        assert_eq!(Envelope::decode(&bytes).unwrap().prefix, prefix);
        for len in 0..bytes.len() {
            assert!(Envelope::decode(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn a_list_is_its_values() {
    let list = List::<u8, 3>::new(vec![1, 2]).unwrap();
    assert_eq!((list.len(), list.first(), format!("{list:?}").as_str()), (2, Some(&1), "[1, 2]"));
    assert_eq!(list.into_vec(), [1, 2]);
    assert!(List::<u8, 3>::default().is_empty());
    let refused = List::<u8, 1>::new(vec![1, 2]).unwrap_err();
    assert_eq!(refused.to_string(), "2 values in a list of at most 1");
}

#[test]
fn a_relay_is_a_host_and_a_port() {
    for (url, host, port) in [
        ("wss://relay.example", "relay.example", 443),
        ("wss://relay.example:8443", "relay.example", 8443),
        ("ws://localhost", "localhost", 80),
        ("ws://[::1]:9", "[::1]", 9),
    ] {
        let relay: RelayUrl = url.parse().unwrap();
        assert_eq!((relay.host(), relay.port()), (host, port));
    }
    for bad in ["relay.example:+80", "relay.example:8a", "-a.example", &"a".repeat(201)] {
        assert!(format!("wss://{bad}").parse::<RelayUrl>().is_err(), "{bad}");
    }
    assert!(format!("wss://{}", "a".repeat(200)).parse::<RelayUrl>().is_ok());
}

#[test]
fn debug_shows_kinds_and_sizes() {
    let report = FrankingReport {
        frame: b"tea at four".to_vec(),
        franking_key: [52; 32],
        commitment: [53; 32],
        to: MailboxId::from_bytes([54; 32]),
        from: [55; 32],
        time: Timestamp::from_millis(56),
        tag: tag(),
    };
    let frame = frame(FrameType::Message, Some(block(Some(head()))));
    let shown = format!("{frame:?} {:?} {report:?}", frame.as_ref());
    assert!(shown.starts_with("Frame { frame_type: Message"), "{shown}");
    assert!(shown.contains(" FrameRef {") && shown.contains("FrankingReport { frame_len: 11"));
    assert!(shown.contains("HeadAuth(64 bytes)") && shown.contains("FrankingTag(key 30)"));
    for secret in ["tea", "116, 101", "52, 52", "53, 53", "31, 31"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let key = KemPrekey::from_boxed(Box::new([33; KemPrekey::LEN]));
    assert_eq!(format!("{key:?}"), "KemPrekey(1568 bytes)");
}
