//! The example of `spec/08-relay.md` is what this code computes and reads, byte for byte.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use ed25519_dalek::{Signer, SigningKey};
use kuvert_relay::proof::{ProvenDevice, ProvenMailbox, mailbox_id, token_id};
use kuvert_wire::relay::{
    Attachment, ClientMessage, Confirm, Delivered, Fetch, Hello, List, Messages, Nonce,
    OpenMailbox, Post, Refusal, Refused, RelayEvent, RelayReply, RelayRequest, RequestId,
    SealedEnvelope, ServerMessage, StockQuery, proof,
};
use kuvert_wire::transcript::FrankingTag;
use kuvert_wire::{DeliveryToken, DeviceKey, Encode, MailboxKey, PostId, Signature, Timestamp};
use support::keys::{envelope, franking_keys};

const TIME: Timestamp = Timestamp::from_millis(1_760_000_000_000);
const ENVELOPE: &[u8] = b"\x02\x01canar";

struct Example {
    signing: SigningKey,
    nonce: Nonce,
    token: DeliveryToken,
}

impl Example {
    fn new() -> Self {
        let nonce: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let token = DeliveryToken::from_bytes([0x32; 16]);
        let signing = SigningKey::from_bytes(&[0x31; 32]);
        Self { signing, nonce: Nonce::from_bytes(nonce), token }
    }

    fn key(&self) -> MailboxKey {
        MailboxKey::from_bytes(self.signing.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature::from_bytes(self.signing.sign(message).to_bytes())
    }

    fn open(&self) -> OpenMailbox {
        let tokens = vec![token_id(&self.token)];
        let signature = self.sign(&proof::open_mailbox(&self.nonce, &self.key(), &tokens));
        OpenMailbox { key: self.key(), signature, tokens: List::new(tokens).unwrap() }
    }

    fn attachment(&self) -> Attachment {
        let signature = self.sign(&proof::attach(&self.nonce, &self.key()));
        Attachment { key: self.key(), signature, after: 0 }
    }

    fn stock(&self) -> StockQuery {
        let device_key = DeviceKey::from_bytes(*self.key().as_bytes());
        let signature = self.sign(&proof::stock(&self.nonce, &device_key));
        StockQuery { device_key, signature }
    }

    fn post(&self) -> Post {
        Post {
            mailbox: mailbox_id(&self.key()),
            post_id: PostId::from_bytes([0x33; 16]),
            token: Some(self.token),
            envelope: SealedEnvelope::new(ENVELOPE.to_vec()).unwrap(),
        }
    }

    fn tag(&self) -> FrankingTag {
        let (mailbox, from) = (mailbox_id(&self.key()), *token_id(&self.token).as_bytes());
        let keys = franking_keys(0x34, TIME);
        keys.frank(&envelope(0x35), &mailbox, from, TIME).unwrap().tag
    }

    fn messages(&self) -> RelayReply {
        let delivered = Delivered {
            mailbox: mailbox_id(&self.key()),
            position: 1,
            received: TIME,
            franked: None,
            envelope: SealedEnvelope::new(ENVELOPE.to_vec()).unwrap(),
        };
        RelayReply::Messages(Messages { more: false, items: List::new(vec![delivered]).unwrap() })
    }
}

fn request(id: u32, request: RelayRequest) -> Vec<u8> {
    ClientMessage { id: RequestId::new(id).unwrap(), request }.encode()
}

fn reply(id: u32, reply: RelayReply) -> Vec<u8> {
    ServerMessage::Reply { id: RequestId::new(id).unwrap(), reply }.encode()
}

fn computed() -> BTreeMap<&'static str, Vec<u8>> {
    let it = Example::new();
    let mailbox = mailbox_id(&it.key());
    let confirm = Confirm { mailbox, position: 1 };
    let refused = Refused { reason: Refusal::RateLimited, retry_after_ms: 1000 };
    let hello = RelayEvent::Hello(Hello { nonce: it.nonce, time: TIME });
    let attach = List::new(vec![it.attachment()]).unwrap();
    BTreeMap::from([
        ("mailbox_key", it.key().encode()),
        ("mailbox", mailbox.encode()),
        ("token_id", token_id(&it.token).encode()),
        ("open_sig", it.open().signature.encode()),
        ("attach_sig", it.attachment().signature.encode()),
        ("stock_sig", it.stock().signature.encode()),
        ("tag", it.tag().encode()),
        ("hello", ServerMessage::Event(hello).encode()),
        ("open", request(1, RelayRequest::OpenMailbox(it.open()))),
        ("done", reply(1, RelayReply::Done)),
        ("post", request(2, RelayRequest::Post(it.post()))),
        ("attach", request(3, RelayRequest::Attach(attach))),
        ("arrived", ServerMessage::Event(RelayEvent::Arrived).encode()),
        ("fetch", request(4, RelayRequest::Fetch(Fetch { limit: 64 }))),
        ("messages", reply(4, it.messages())),
        ("confirm", request(5, RelayRequest::Confirm(confirm))),
        ("refused", reply(6, RelayReply::Refused(refused))),
        ("ping", request(7, RelayRequest::Ping)),
    ])
}

/// The named values of the example: a name, hexadecimal words over one or more lines, then perhaps a remark.
fn written() -> BTreeMap<String, Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/08-relay.md");
    let text = std::fs::read_to_string(path).expect("the chapter");
    let (_, section) = text.split_once("\n## 8. Example\n").expect("the example");
    let block = section.split("```").nth(1).expect("its block");
    let mut values: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut name = String::new();
    for line in block.lines().filter(|line| !line.is_empty()) {
        let (head, bytes) = line.split_at(15);
        if !head.trim().is_empty() {
            name = head.trim().to_owned();
        }
        let bytes = bytes.split("  ").next().unwrap_or_default();
        values.entry(name.clone()).or_default().extend(bytes.split(' ').flat_map(hex));
    }
    values
}

fn hex(word: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&word[at..at + 2], 16).expect("hexadecimal");
    (0..word.len()).step_by(2).map(byte).collect()
}

#[test]
fn the_example_is_as_computed() {
    let written = written();
    let computed = computed();
    for (name, bytes) in &written {
        assert_eq!(computed.get(name.as_str()), Some(bytes), "{name}");
    }
    assert_eq!(written.len(), computed.len());
}

#[test]
fn the_examples_proofs_hold() {
    let it = Example::new();
    assert!(ProvenMailbox::by_open(&it.open(), &it.nonce).is_ok());
    assert!(ProvenMailbox::by_attach(&it.attachment(), &it.nonce).is_ok());
    assert!(ProvenDevice::by_stock(&it.stock(), &it.nonce).is_ok());
}
