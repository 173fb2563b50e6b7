//! Records that are not what was written: each is refused by name, and none is read as something else.

use super::outcomes::mailbox;
use super::*;
use alloc::borrow::ToOwned as _;

/// Three devices that have been through enough to have a record of every kind.
fn that_have_lived() -> [Party; 3] {
    let (mut alice, mut bob) = established();
    let mut carol = Party::new(3);
    carol.initiate(&bob.bundle(false)).expect("begins");
    bob.hears(&carol.send(&bob.id(), "without a one-time prekey"), "without a one-time prekey");
    bob.bundle(true);
    for round in 0..3 {
        alice.send(&bob.id(), "never delivered");
        bob.hears(&alice.send(&bob.id(), "there"), "there");
        alice.hears(&bob.send(&alice.id(), "back"), "back");
        heal(&mut alice, &mut bob);
        heal(&mut bob, &mut alice);
        if round == 1 {
            announce(&mut alice, &mut bob);
        }
    }
    let via = mailbox(&bob, &alice.id());
    let mut damaged = alice.send(&bob.id(), "altered on its way");
    *damaged.last_mut().unwrap() ^= 1;
    bob.take(&damaged, Some(&via));
    bob.initiate(&alice.bundle(true)).expect("begins");
    let crossing = bob.send(&alice.id(), "on a new session");
    alice.hears(&crossing, "on a new session");
    [alice, bob, carol]
}

fn heal(from: &mut Party, to: &mut Party) {
    let step = from.device.heal(&to.id(), from.now, &mut from.rng).expect("can send");
    let outgoing = step.commit(|c| from.store.apply(c)).expect("stored");
    from.reload();
    to.receive(&outgoing.envelope).expect("opens");
}

fn announce(from: &mut Party, to: &mut Party) {
    from.now = from.now.saturating_add(Duration::from_secs(8 * 86_400));
    let relay = "ws://127.0.0.1:9";
    let step = from.device.announce_mailbox(&to.id(), relay, from.now, &mut from.rng);
    let outgoing = step.expect("can send").commit(|c| from.store.apply(c)).expect("stored");
    from.reload();
    to.receive(&outgoing.envelope).expect("opens");
}

/// The records of a device, by kind, one of each party's at least.
fn of_kind(parties: &[Party], kind: &str) -> Vec<Record> {
    let all = parties.iter().flat_map(|party| party.store.0.values());
    let found: Vec<_> =
        all.filter(|record| record.key.as_str().starts_with(kind)).cloned().collect();
    assert!(!found.is_empty(), "no {kind}");
    found
}

fn with_value(record: &Record, value: &[u8]) -> Record {
    Record { value: zeroize::Zeroizing::new(value.to_vec()), ..record.clone() }
}

fn with_key(record: &Record, collection: &'static str, rest: &str) -> Record {
    Record { key: Key::new(collection, rest), ..record.clone() }
}

#[track_caller]
fn is_refused(record: Record, what: &str) {
    let key = record.key.clone();
    let refused = Some(LoadError::Unreadable { key });
    assert_eq!(Device::load([record]).err(), refused, "{what}");
}

#[test]
fn no_record_is_read_from_a_part_of_it() {
    let parties = that_have_lived();
    for kind in [
        "device/identity",
        "device/published",
        "peer/",
        "prekey/medium/",
        "prekey/one-time/",
        "replay/",
        "session/",
        "skipped/",
    ] {
        for record in of_kind(&parties, kind) {
            for len in 0..record.value.len() {
                is_refused(with_value(&record, &record.value[..len]), "cut short");
            }
            let longer = [&record.value[..], &[0]].concat();
            is_refused(with_value(&record, &longer), "with more behind it");
        }
    }
    let head_of_waiting = 1 + DeviceId::LEN + 1 + 8 + 8;
    for record in of_kind(&parties, "waiting/") {
        for len in 0..head_of_waiting {
            is_refused(with_value(&record, &record.value[..len]), "cut short");
        }
    }
}

#[test]
fn a_record_of_a_format_to_come_is_refused() {
    let parties = that_have_lived();
    for kind in ["device/identity", "peer/", "session/", "waiting/"] {
        for format in [0, 9, 255] {
            let mut record = of_kind(&parties, kind).swap_remove(0);
            record.value[0] = format;
            is_refused(record, kind);
        }
    }
}

/// Whatever is in a record, it is refused or it is what would be written for it: no byte is passed
/// over, so none of them can be altered unseen.
#[test]
fn what_is_read_is_what_would_be_written() {
    let parties = that_have_lived();
    let base = |kind: &str| of_kind(&parties, kind).swap_remove(0);
    let base = [base("device/identity"), base("device/published")];
    let mut read = 0;
    for kind in ["peer/", "session/", "waiting/"] {
        for record in of_kind(&parties, kind) {
            for at in 0..record.value.len() {
                for byte in [3, 255] {
                    let mut bent = record.clone();
                    bent.value[at] = byte;
                    let records = base.iter().cloned().chain([bent.clone()]);
                    let Ok(device) = Device::load(records) else { continue };
                    let written = device.records();
                    assert!(
                        written.iter().any(|record| record.value == bent.value),
                        "{} byte {at} is {byte}",
                        record.key
                    );
                    read += 1;
                }
            }
        }
    }
    assert!(read > 1000, "keys and times may be any: {read}");
}

#[test]
fn a_name_that_means_nothing_is_refused() {
    let parties = that_have_lived();
    let page = of_kind(&parties, "skipped/").swap_remove(0);
    let (session, number) =
        page.key.as_str().strip_prefix("skipped/").and_then(|rest| rest.split_once('/')).unwrap();
    let (chain, base) = number.split_at(8);
    for rest in [
        session[1..].into(),
        alloc::format!("{}/{number}", &session[2..]),
        alloc::format!("{}zz/{number}", &session[2..]),
        alloc::format!("{session}/{chain}"),
        alloc::format!("{session}/{chain}{base}0"),
        alloc::format!("{session}/{chain}zzzzzzzz"),
        alloc::format!("{session}/{chain}00000001"),
    ] {
        is_refused(with_key(&page, "skipped", &rest), "a page of skipped keys");
    }
    let replay = of_kind(&parties, "replay/").swap_remove(0);
    let (medium, init) =
        replay.key.as_str().strip_prefix("replay/").and_then(|rest| rest.split_once('/')).unwrap();
    for rest in [
        alloc::format!("00000000/{init}"),
        alloc::format!("{}/{init}", &medium[1..]),
        alloc::format!("{medium}/{}", &init[2..]),
    ] {
        is_refused(with_key(&replay, "replay", &rest), "a first message that was taken");
    }
    is_refused(with_key(&replay, "device", "other"), "no record of a device");
}

/// A crash between two batches of another version of the program may leave some.
#[test]
fn skipped_keys_of_no_session_belong_to_nobody() {
    let [_, bob, _] = that_have_lived();
    let is_session = |key: &Key| key.as_str().starts_with("session/");
    let records = bob.store.0.values().filter(|record| !is_session(&record.key)).cloned();
    let device = Device::load(records).expect("its own records");
    assert_eq!(device.sessions().count(), 0);
    assert!(!device.records().iter().any(|record| record.key.as_str().starts_with("skipped/")));
}

#[test]
fn the_devices_own_records_are_missed() {
    let (alice, _) = established();
    for (kind, key) in [("device/identity", "identity"), ("device/published", "published")] {
        let rest = alice.store.0.values().filter(|record| record.key.as_str() != kind).cloned();
        let missing = LoadError::Unreadable { key: Key::new("device", key) };
        assert_eq!(Device::load(rest).err(), Some(missing));
    }
    for kind in ["peer/", "session/"] {
        let rest = alice.store.0.values().filter(|record| record.key.as_str().starts_with(kind));
        let missing = LoadError::Unreadable { key: Key::new("device", "identity") };
        assert_eq!(Device::load(rest.cloned()).err(), Some(missing), "nothing but {kind}");
    }
    assert_eq!(Device::load([]).err(), Some(LoadError::Absent));
}

#[test]
fn a_peer_record_of_format_2_is_read() {
    let (mut alice, mut bob) = leader_and_follower();
    alice.initiate(&bob.bundle(true)).expect("begins");
    bob.initiate(&alice.bundle(true)).expect("begins");
    let from_bob = bob.send(&alice.id(), "crossing");
    alice.hears(&from_bob, "crossing");
    let peer = &alice.device.peers[&bob.id()].value;
    assert!(peer.crossed);
    let mut record = peer.encode();
    let crossed = 1 + kuvert_wire::DeviceCert::LEN + 1;
    assert_eq!(record.remove(crossed), 1);
    record[0] = 2;
    let read = Peer::decode(&record).expect("of an earlier version");
    assert!(!read.crossed);
    assert_eq!((read.active, read.inactive), (peer.active, peer.inactive.clone()));
}

/// Format 1 of a peer said nothing about recovery, nor format 2 whether the active session was crossed;
/// format 1 of a session did not say what was received last.
#[test]
fn records_of_older_formats_are_read() {
    let (mut alice, mut bob) = established();
    let peer_key = super::super::effect::peer_key(&bob.id());
    let crossed = 1 + kuvert_wire::DeviceCert::LEN + 1;
    let now = alice.store.0[&peer_key].value.to_vec();
    let mut old = now.clone();
    assert_eq!(old.remove(crossed), 0);
    old.truncate(old.len() - alice.device.peers[&bob.id()].value.recovery.encoded_len());
    old[0] = 1;
    let mut put = |value: &[u8]| {
        let record = alice.store.0.get_mut(&peer_key).unwrap();
        *record = with_value(record, value);
        alice.store.0.values().cloned().collect::<Vec<_>>()
    };
    let device = Device::load(put(&old)).expect("an older format");
    assert!(device.peer(&bob.id()).unwrap().is_accepted(), "it had a session");
    assert!(device.records() == put(&now));

    let session = active(&alice, &bob.id()).unwrap();
    let session_key = super::super::effect::session_key(&session);
    let record = alice.store.0.get_mut(&session_key).unwrap();
    let (rest, seen) = record.value.split_at(record.value.len() - 13);
    assert_eq!(seen[0], 1, "one message was received");
    let mut old = rest.to_vec();
    old[0] = 1;
    *record = with_value(record, &old);
    alice.device = Device::load(alice.store.0.values().cloned()).expect("an older format");
    let envelope = alice.try_without_check(&bob.id());
    bob.hears(&envelope, "tea");
}

impl Party {
    /// Sends when the record is of an older format than the one that memory would write.
    fn try_without_check(&mut self, peer: &DeviceId) -> Vec<u8> {
        let step = self.device.encrypt(peer, &Content::text("tea"), self.now, &mut self.rng);
        let outgoing = step.expect("can send").commit(|c| self.store.apply(c)).expect("stored");
        self.reload();
        outgoing.envelope
    }
}

/// Keys of messages that never came are erased with their session, and with no other.
#[test]
fn skipped_keys_end_with_their_session() {
    let (mut alice, mut bob) = established();
    let mut carol = Party::new(3);
    carol.initiate(&bob.bundle(true)).expect("begins");
    for peer in [&mut alice, &mut carol] {
        let sent = [peer.send(&bob.id(), "lost"), peer.send(&bob.id(), "heard")];
        bob.hears(&sent[1], "heard");
    }
    let pages = |bob: &Party| {
        let names = bob.store.0.keys().map(|key| key.as_str().to_owned());
        names.filter(|name| name.starts_with("skipped/")).collect::<Vec<_>>()
    };
    assert_eq!(pages(&bob).len(), 2);
    let session = active(&bob, &carol.id()).expect("has one");
    let step = bob.device.close(&alice.id()).expect("known");
    step.commit(|c| bob.store.apply(c)).expect("stored");
    bob.reload();
    let left = pages(&bob);
    assert!(left.len() == 1 && left[0].contains(&alloc::format!("/{session}/")), "{left:?}");
}
