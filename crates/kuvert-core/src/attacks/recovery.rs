//! What somebody can make a device do by breaking its sessions, and what a copied state cannot hide.

use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::{Control, DeviceId, Encode, Frame, FrameType, MailboxId, MessageId, Timestamp};

use super::mallory::{Mallory, identity};
use super::party::{NOW, Party, pass, talking, verified};
use crate::error::ProtocolError;
use crate::limits::{MAX_RESETS, MAX_WAITING, RESET_PAUSE};
use crate::{Outcome, Reset};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Party {
    /// All that comes of an envelope, and of those that wait.
    fn handles(&mut self, envelope: &[u8], via: Option<&MailboxId>) -> Vec<Outcome> {
        let now = self.now;
        let came = self.take(|device, rng| Ok(device.receive(envelope, via, now, rng)));
        let mut all: Vec<_> = came.expect("stored").into_iter().collect();
        let nothing = ProtocolError::NoSession;
        while let Ok(came) = self.take(|device, rng| device.retry(now, rng).ok_or(nothing)) {
            all.extend(came);
        }
        all
    }

    fn resets(&mut self, to: &mut Self, how: Reset) -> Result<Vec<u8>, ProtocolError> {
        let bundle = verified(to.bundle(false)).expect("a good bundle");
        let now = self.now;
        let reset = self.take(|device, rng| device.reset(&bundle, &[], how, now, rng));
        reset.map(|outgoing| outgoing.envelope)
    }

    fn mailbox_for(&self, peer: &DeviceId) -> MailboxId {
        let own = self.device.mailboxes().find(|own| own.peer == Some(*peer));
        crate::identity::mailbox_id(&own.expect("has one").key)
    }

    fn is_clone_suspected(&self, peer: &DeviceId) -> bool {
        self.device.peer(peer).expect("known").clone_suspected().is_some()
    }
}

/// Bytes in the shape of an envelope, another each time.
fn garbage(number: u64) -> Vec<u8> {
    let mut envelope = alloc::vec![7; 563];
    envelope[..2].copy_from_slice(&[2, 1]);
    envelope[14..16].copy_from_slice(&195_u16.to_be_bytes());
    envelope[20..28].copy_from_slice(&number.to_be_bytes());
    envelope
}

fn is_message(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Message(_))
}

/// The relay puts garbage into the mailbox of a session, every ten minutes for four days; that is
/// worth four resets a day and no more, never two within ten minutes, and a bounded place to wait.
#[test]
fn provoked_resets() {
    let (mut alice, mut bob) = talking();
    let id = alice.id();
    let mut resets: Vec<Timestamp> = Vec::new();
    for step in 0..4 * 144 {
        (alice.now, bob.now) =
            (alice.now.saturating_add(HOUR / 6), bob.now.saturating_add(HOUR / 6));
        let via = bob.mailbox_for(&id);
        bob.handles(&garbage(step), Some(&via));
        assert!(bob.under("waiting/").count() <= MAX_WAITING);
        if bob.device.resets_due(bob.now).next().is_some() {
            let reset = bob.resets(&mut alice, Reset::Automatic).expect("it was due");
            assert!(alice.handles(&reset, None).iter().any(is_message));
            let answer = alice.send(&bob, "answer");
            assert!(bob.handles(&answer, None).iter().any(is_message));
            resets.push(bob.now);
        }
    }
    assert!(resets.len() <= 4 * MAX_RESETS + 1, "{}", resets.len());
    assert!(resets.len() > 4, "they are provoked");
    let within_a_day = |first: &Timestamp| {
        resets.iter().filter(|at| *at >= first && at.since(*first) < DAY).count()
    };
    assert!(resets.iter().all(|first| within_a_day(first) <= MAX_RESETS));
    assert!(resets.windows(2).all(|two| two[1].since(two[0]) >= RESET_PAUSE));
}

/// A stranger begins a session and sends what does not open; for somebody that nobody has accepted,
/// nothing waits and nothing is done.
#[test]
fn provoked_by_a_stranger() {
    let (mut bob, mut mallory) = super::headers::begun();
    let envelope = mallory.seals(&mallory.header(0));
    assert!(bob.handles(&envelope, None).iter().all(is_message));
    let via = bob.mailbox_for(identity().device_id());
    let before = bob.records.clone();
    let far = mallory.seals(&mallory.header(5000));
    let mut altered = mallory.seals(&mallory.header(1));
    *altered.last_mut().expect("not empty") ^= 1;
    for envelope in [far, altered, garbage(1)] {
        let came = bob.handles(&envelope, Some(&via));
        assert!(matches!(came[..], [Outcome::Rejected { .. }]), "{came:?}");
    }
    assert!(bob.records == before && bob.device.next_reset().is_none());
}

/// The network delivers a reset again, as often as it likes; no session is begun, no budget is spent,
/// and nobody is told to send again.
#[test]
fn replayed_reset_with_resend() {
    let (mut alice, mut bob) = talking();
    let reset = bob.resets(&mut alice, Reset::ByHand).expect("a person may");
    assert!(alice.handles(&reset, None).iter().any(is_message));
    let before = alice.records.clone();
    for _ in 0..10 {
        assert_eq!(alice.handles(&reset, None), [Outcome::AlreadyReceived]);
    }
    assert!(alice.records == before);
    let id = bob.id();
    alice.take(|device, _| device.close(&id)).expect("known");
    assert_eq!(
        alice.handles(&reset, None),
        [Outcome::AlreadyReceived],
        "its first flight is known"
    );
}

/// Mallory says in Bob's name what he holds, on a session of her own; it is hers, and nothing that is
/// meant for Bob is named by it.
#[test]
fn forged_resend() {
    let (mut alice, bob) = talking();
    let mut mallory = Mallory::begins(alice.bundle(true));
    let control = Control::Resend([MessageId::from_bytes([1; 16])].to_vec());
    let frame = Frame {
        frame_type: FrameType::Control,
        sent: NOW,
        message_id: MessageId::from_bytes([2; 16]),
        expire_seconds: 0,
        body: control.encode(),
        block: None,
    };
    let envelope = mallory.seals_frame(&mallory.header(0), &frame.encode());
    let came = alice.handles(&envelope, None);
    let [Outcome::Message(received)] = &came[..] else { panic!("{came:?}") };
    assert_eq!(received.peer, *identity().device_id());
    assert!(!alice.device.peer(&received.peer).expect("known").is_accepted());
    assert_eq!(alice.device.next_reset(), None);
    assert!(alice.device.peer(&bob.id()).expect("known").is_accepted());
}

/// Somebody has a copy of Alice's records and speaks with it, before or after she does, and whether
/// or not Bob answers in between. Before a round trip is over, Bob has evidence of two copies.
#[test]
fn a_clone_that_speaks() {
    for turns in 0..14 {
        for clone_first in [true, false] {
            for answered in [true, false] {
                let what = (turns, clone_first, answered);
                let (mut alice, mut bob) = talking();
                for turn in 0..turns {
                    match turn % 4 {
                        0 | 1 => drop(pass(&mut alice, &mut bob)),
                        _ => drop(pass(&mut bob, &mut alice)),
                    }
                }
                let mut clone = alice.copy(99);
                let [first, second] = match clone_first {
                    true => [&mut clone, &mut alice],
                    false => [&mut alice, &mut clone],
                };
                let said = first.send(&bob, "first");
                assert!(bob.handles(&said, None).iter().any(is_message), "{what:?}");
                if answered {
                    let answer = bob.send(first, "answer");
                    first.handles(&answer, None);
                    second.handles(&answer, None);
                }
                let said = second.send(&bob, "second");
                bob.handles(&said, None);
                assert!(bob.is_clone_suspected(&second.id()), "{what:?}");
            }
        }
    }
}
