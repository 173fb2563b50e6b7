use kuvert_wire::{DeviceKey, Signature};

use super::*;
use crate::keys::{Owner, Person, token};

const NONCE: Nonce = Nonce::from_bytes([1; 32]);
const OTHER_NONCE: Nonce = Nonce::from_bytes([2; 32]);

/// REL-6
#[test]
fn only_the_keys_owner_opens_its_mailbox_and_only_here() {
    let owner = Owner::new(1);
    let open = owner.open(&NONCE, &[token(1)]);
    assert_eq!(ProvenMailbox::by_open(&open, &NONCE).map(|it| *it.id()), Ok(owner.mailbox()));
    assert_eq!(ProvenMailbox::by_open(&open, &OTHER_NONCE), Err(Refusal::BadSignature));

    let stolen = OpenMailbox { key: Owner::new(2).key(), ..open.clone() };
    assert_eq!(ProvenMailbox::by_open(&stolen, &NONCE), Err(Refusal::BadSignature));
    let other_tokens = OpenMailbox { tokens: owner.open(&NONCE, &[token(2)]).tokens, ..open };
    assert_eq!(ProvenMailbox::by_open(&other_tokens, &NONCE), Err(Refusal::BadSignature));
}

/// REL-7
#[test]
fn only_the_keys_owner_reads_its_mailbox_and_only_here() {
    let owner = Owner::new(1);
    let attachment = owner.attachment(&NONCE, 0);
    let proven = ProvenMailbox::by_attach(&attachment, &NONCE);
    assert_eq!(proven.map(|it| *it.id()), Ok(owner.mailbox()));
    assert_eq!(ProvenMailbox::by_attach(&attachment, &OTHER_NONCE), Err(Refusal::BadSignature));
    let stolen = Attachment { key: Owner::new(2).key(), ..attachment };
    assert_eq!(ProvenMailbox::by_attach(&stolen, &NONCE), Err(Refusal::BadSignature));
}

#[test]
fn a_proof_for_one_request_is_none_for_another() {
    let owner = Owner::new(1);
    let open = owner.open(&NONCE, &[]);
    let attachment = Attachment { key: open.key, signature: open.signature, after: 0 };
    assert_eq!(ProvenMailbox::by_attach(&attachment, &NONCE), Err(Refusal::BadSignature));
}

/// REL-8
#[test]
fn only_the_device_asks_for_its_stock_and_only_here() {
    let alice = Person::new(1);
    let query = alice.stock(&NONCE);
    assert_eq!(ProvenDevice::by_stock(&query, &NONCE).map(|it| *it.key()), Ok(query.device_key));
    assert_eq!(ProvenDevice::by_stock(&query, &OTHER_NONCE), Err(Refusal::BadSignature));
    let stolen = StockQuery { device_key: Person::new(2).cert().device_key, ..query };
    assert_eq!(ProvenDevice::by_stock(&stolen, &NONCE), Err(Refusal::BadSignature));
}

#[test]
fn a_publication_names_account_and_front_door_by_their_keys() {
    let alice = Person::new(1);
    let proven = ProvenPublish::check(alice.publish(&NONCE, 1..=2), &NONCE).unwrap();
    assert_eq!(*proven.account(), alice.account_id());
    assert_eq!(*proven.front_door().id(), alice.front_door().mailbox());
}

fn refused(publish: Publish) -> Option<Refusal> {
    ProvenPublish::check(publish, &NONCE).err()
}

/// REL-9
#[test]
fn only_the_device_publishes_and_only_here() {
    let (alice, mallory) = (Person::new(1), Person::new(2));
    let right = alice.publish(&NONCE, 1..=2);
    assert_eq!(refused(right.clone()), None);
    assert!(ProvenPublish::check(right.clone(), &OTHER_NONCE).is_err());
    let one_time = right.one_time.to_vec();
    let overheard = mallory.publish_parts(&NONCE, alice.cert(), alice.medium(9), one_time);
    assert_eq!(refused(overheard), Some(Refusal::BadSignature));
}

/// REL-29
#[test]
fn the_account_must_have_certified_the_device() {
    let (alice, mallory) = (Person::new(1), Person::new(2));
    let account_key = alice.cert().account_key;
    let cert = DeviceCert { account_key, ..mallory.cert() };
    let claimed = mallory.publish_parts(&NONCE, cert, mallory.medium(9), vec![]);
    assert_eq!(refused(claimed), Some(Refusal::BadSignature));
}

/// REL-30
#[test]
fn the_medium_prekey_must_be_the_devices_own() {
    let (alice, mallory) = (Person::new(1), Person::new(2));
    let foreign = alice.publish_parts(&NONCE, alice.cert(), mallory.medium(9), vec![]);
    assert_eq!(refused(foreign), Some(Refusal::BadSignature));
}

/// REL-31
#[test]
fn every_one_time_prekey_must_be_the_devices_own() {
    let (alice, mallory) = (Person::new(1), Person::new(2));
    let prekeys = vec![alice.one_time(1), mallory.one_time(2)];
    let foreign = alice.publish_parts(&NONCE, alice.cert(), alice.medium(9), prekeys);
    assert_eq!(refused(foreign), Some(Refusal::BadSignature));
}

/// REL-17
#[test]
fn a_prekey_occurs_once_in_a_publication() {
    let alice = Person::new(1);
    let twice = alice.publish(&NONCE, [1, 2, 1]);
    assert_eq!(ProvenPublish::check(twice, &NONCE).err(), Some(Refusal::Malformed));
    let as_medium_too = alice.publish(&NONCE, [u32::MAX]);
    assert_eq!(ProvenPublish::check(as_medium_too, &NONCE).err(), Some(Refusal::Malformed));
}

#[test]
fn a_small_order_key_proves_nothing() {
    let key = DeviceKey::from_bytes(std::array::from_fn(|at| u8::from(at == 0)));
    let signature: [u8; 64] = std::array::from_fn(|at| u8::from(at == 0));
    let query = StockQuery { device_key: key, signature: Signature::from_bytes(signature) };
    assert_eq!(ProvenDevice::by_stock(&query, &NONCE), Err(Refusal::BadSignature));
}

#[test]
fn names_are_the_hashes_of_the_spec() {
    let zero = AccountKey::from_bytes([0; 32]);
    let expected = Sha256::digest([b"\x14kuvert-v1 account-id".as_slice(), &[0; 32]].concat());
    assert_eq!(account_id(&zero).as_bytes()[..], expected[..]);
    let expected = Sha256::digest([b"\x14kuvert-v1 mailbox-id".as_slice(), &[0; 32]].concat());
    assert_eq!(mailbox_id(&MailboxKey::from_bytes([0; 32])).as_bytes()[..], expected[..]);
    let expected = Sha256::digest([b"\x12kuvert-v1 token-id".as_slice(), &[0; 16]].concat());
    assert_eq!(token_id(&token(0)).as_bytes()[..], expected[..]);
}
