//! Start and stop, in every order.

use super::super::{Statement, SwitchState, Turn};
use super::*;
use crate::error::ProtocolError;

pub(super) struct Device {
    keys: IdentityKeyPair,
    pub(super) switch: Switch,
    pub(super) rng: ChaCha20Rng,
    pub(super) begun: Vec<Advance>,
}

impl Device {
    pub(super) fn pair() -> [Self; 2] {
        let mut rngs = [1, 2].map(ChaCha20Rng::seed_from_u64);
        let keys = rngs.each_mut().map(|rng| IdentityKeyPair::generate(at(0), rng));
        let ids = keys.each_ref().map(|keys| *keys.device_id());
        let [one, other] = keys;
        let [one_rng, other_rng] = rngs;
        let device =
            |keys, peer, rng| Self { keys, switch: Switch::new(peer), rng, begun: Vec::new() };
        [device(one, ids[1], one_rng), device(other, ids[0], other_rng)]
    }

    pub(super) fn adopt(&mut self, turn: Turn) {
        let Change::Put { key, value, expected } = turn.change else { panic!("a put") };
        let version = expected.next();
        let loaded = Switch::load(&Record { key, version, value }).unwrap();
        assert_eq!(loaded, turn.next, "it survives storage");
        self.switch = loaded;
        self.begun.extend(turn.begins);
    }

    pub(super) fn start(&mut self, mode: Mode, peer: &Self) -> TranscriptBody {
        let their = peer.keys.cert();
        let said = self.switch.start(mode, &self.keys, their, at(0), &mut self.rng).unwrap();
        self.adopt(said.turn);
        said.body
    }

    pub(super) fn stop(&mut self) -> TranscriptBody {
        let said = self.switch.stop(at(0)).unwrap();
        self.adopt(said.turn);
        said.body
    }

    pub(super) fn hear(&mut self, body: &TranscriptBody, sent: u64, peer: &Self) {
        self.hear_at(body, at(sent), at(sent), peer);
    }

    /// One of the things that this device may say now, and when it says it said it.
    fn say_something(&mut self, choice: u32, peer: &Self) -> Option<(TranscriptBody, Timestamp)> {
        let mode = if choice & 1 == 0 { Mode::Signed } else { Mode::Deniable };
        let said = match (choice >> 1) & 3 {
            0 => self.switch.stop(at(0)),
            _ => self.switch.start(mode, &self.keys, peer.keys.cert(), at(0), &mut self.rng).ok(),
        };
        said.map(|said| self.say(said))
    }

    fn say(&mut self, Statement { body, sent, turn }: Statement) -> (TranscriptBody, Timestamp) {
        self.adopt(turn);
        (body, sent)
    }

    /// Any of what is under way.
    fn hear_one(
        &mut self,
        under_way: &mut Vec<(TranscriptBody, Timestamp)>,
        random: &mut ChaCha20Rng,
        peer: &Self,
    ) {
        let at = random.next_u32() as usize % under_way.len();
        let (body, sent) = under_way.remove(at);
        self.hear_at(&body, sent, sent, peer);
    }

    fn hear_at(&mut self, body: &TranscriptBody, sent: Timestamp, now: Timestamp, peer: &Self) {
        let turn = match body {
            TranscriptBody::Start(start) => {
                let (ours, theirs) = (self.keys.cert(), peer.keys.cert());
                self.switch.hear_start(start, sent, ours, theirs, now).unwrap()
            }
            TranscriptBody::Stop(nonce) => self.switch.hear_stop(nonce, sent, now),
            body => panic!("start or stop: {body:?}"),
        };
        turn.into_iter().for_each(|turn| self.adopt(turn));
    }

    fn states(here: &Self, there: &Self) -> [SwitchState; 2] {
        [here.switch.state(), there.switch.state()]
    }
}

use SwitchState::{Asked, Off, Offered, On};

#[test]
fn on_once_both_have_said_so_and_off_when_one_has() {
    for mode in [Mode::Signed, Mode::Deniable] {
        let [mut alice, mut bob] = Device::pair();
        let first = alice.start(mode, &bob);
        assert_eq!(Device::states(&alice, &bob), [Offered(mode), Off]);
        bob.hear(&first, 1, &alice);
        assert_eq!(Device::states(&alice, &bob), [Offered(mode), Asked(mode)]);
        let second = bob.start(mode, &alice);
        alice.hear(&second, 1, &bob);
        assert_eq!(Device::states(&alice, &bob), [On(mode), On(mode)]);
        assert_eq!(alice.begun[0].next.id(), bob.begun[0].next.id());
        let stop = bob.stop();
        alice.hear(&stop, 2, &bob);
        assert_eq!(Device::states(&alice, &bob), [Off, Off]);
        assert!(alice.switch.stop(at(3)).is_none());
    }
}

#[test]
fn an_offer_can_be_declined_or_withdrawn() {
    let [mut alice, mut bob] = Device::pair();
    let first = alice.start(Mode::Signed, &bob);
    bob.hear(&first, 1, &alice);
    let declined = bob.stop();
    alice.hear(&declined, 1, &bob);
    assert_eq!(Device::states(&alice, &bob), [Off, Off]);
    let again = alice.start(Mode::Signed, &bob);
    bob.hear(&again, 2, &alice);
    let withdrawn = alice.stop();
    bob.hear(&withdrawn, 3, &alice);
    assert_eq!(Device::states(&alice, &bob), [Off, Off]);
}

#[test]
fn both_at_once_and_in_two_modes() {
    let [mut alice, mut bob] = Device::pair();
    let (one, other) = (alice.start(Mode::Signed, &bob), bob.start(Mode::Signed, &alice));
    alice.hear(&other, 1, &bob);
    bob.hear(&one, 1, &alice);
    assert_eq!(Device::states(&alice, &bob), [On(Mode::Signed); 2]);
    assert_eq!(alice.begun[0].next.id(), bob.begun[0].next.id());

    let [mut alice, mut bob] = Device::pair();
    let (one, other) = (alice.start(Mode::Signed, &bob), bob.start(Mode::Deniable, &alice));
    alice.hear(&other, 1, &bob);
    bob.hear(&one, 1, &alice);
    assert_eq!(Device::states(&alice, &bob), [Asked(Mode::Deniable), Asked(Mode::Signed)]);
    let agreed = alice.start(Mode::Deniable, &bob);
    bob.hear(&agreed, 2, &alice);
    assert_eq!(Device::states(&alice, &bob), [On(Mode::Deniable); 2]);
    assert_eq!(alice.begun[0].next.id(), bob.begun[0].next.id());
}

#[test]
fn a_new_start_of_the_peer_ends_what_runs() {
    let [mut alice, mut bob] = Device::pair();
    let (one, other) = (alice.start(Mode::Signed, &bob), bob.start(Mode::Signed, &alice));
    bob.hear(&one, 1, &alice);
    alice.hear(&other, 1, &bob);
    let running =
        alice.switch.start(Mode::Signed, &alice.keys, bob.keys.cert(), at(2), &mut alice.rng);
    assert_eq!(running.err(), Some(ProtocolError::Duplicate));
    let stop = alice.stop();
    let anew = alice.start(Mode::Deniable, &bob);
    bob.hear(&anew, 4, &alice);
    assert_eq!(bob.switch.state(), Asked(Mode::Deniable));
    bob.hear(&stop, 3, &alice);
    assert_eq!(bob.switch.state(), Asked(Mode::Deniable), "the stop came late");
    bob.hear(&one, 1, &alice);
    assert_eq!(bob.switch.state(), Asked(Mode::Deniable), "the first start came again");
    let yes = bob.start(Mode::Deniable, &alice);
    alice.hear(&yes, 5, &bob);
    assert_eq!(Device::states(&alice, &bob), [On(Mode::Deniable); 2]);
}

#[test]
fn a_clock_of_the_peers_that_was_ahead_does_not_keep_it_off() {
    let [mut alice, mut bob] = Device::pair();
    let first = alice.start(Mode::Signed, &bob);
    let (ours, theirs) = (bob.keys.cert().clone(), alice.keys.cert().clone());
    let TranscriptBody::Start(start) = first else { panic!() };
    let turn = bob.switch.hear_start(&start, at(90 * 86_400), &ours, &theirs, at(1)).unwrap();
    bob.adopt(turn.unwrap());
    let stop = alice.stop();
    bob.hear(&stop, 2, &alice);
    let again = alice.start(Mode::Deniable, &bob);
    bob.hear(&again, 3, &alice);
    assert_eq!(bob.switch.state(), Asked(Mode::Deniable));
}

/// One moment may have a stop and the start that follows it.
#[test]
fn a_start_as_old_as_the_last_statement_is_not_late() {
    let [mut alice, mut bob] = Device::pair();
    alice.start(Mode::Signed, &bob);
    let stop = alice.stop();
    bob.hear(&stop, 2, &alice);
    let anew = alice.start(Mode::Signed, &bob);
    bob.hear(&anew, 2, &alice);
    assert_eq!(bob.switch.state(), Asked(Mode::Signed));
}

/// A start from further ahead than clocks are apart is by a clock that has been put right since: any
/// stop is over it. Another is over what was said before it alone.
#[test]
fn a_stop_of_something_else_ends_a_start_that_is_misdated() {
    const CLOCKS_APART: u64 = 600;
    for (ahead, state) in
        [(CLOCKS_APART, Asked(Mode::Signed)), (CLOCKS_APART + 1, Off), (90 * 86_400, Off)]
    {
        let [mut alice, mut bob] = Device::pair();
        let start = alice.start(Mode::Signed, &bob);
        bob.hear(&start, 2 + ahead, &alice);
        let other = kuvert_wire::transcript::TranscriptNonce::from_bytes([9; 32]);
        bob.hear(&TranscriptBody::Stop(other), 2, &alice);
        assert_eq!(bob.switch.state(), state, "{ahead} seconds ahead");
    }
}

#[test]
fn a_copy_of_a_start_that_was_declined_does_not_begin_it_anew() {
    let [mut alice, mut bob] = Device::pair();
    let first = bob.start(Mode::Signed, &alice);
    alice.hear(&first, 1, &bob);
    let copy = bob.start(Mode::Signed, &alice);
    assert_eq!(copy, first, "said again it is the same");
    let declined = alice.stop();
    bob.hear(&declined, 1, &alice);
    let (mine, theirs) = (alice.start(Mode::Signed, &bob), bob.start(Mode::Signed, &alice));
    alice.hear(&copy, 2, &bob);
    assert_eq!(alice.switch.state(), Offered(Mode::Signed), "it is over");
    bob.hear(&mine, 2, &alice);
    alice.hear(&theirs, 3, &bob);
    assert_eq!(Device::states(&alice, &bob), [On(Mode::Signed); 2]);
    assert_eq!(alice.begun[0].next.id(), bob.begun[0].next.id());
}

#[test]
fn a_stop_that_overtakes_its_start_keeps_it_off() {
    let [mut alice, mut bob] = Device::pair();
    let start = alice.start(Mode::Signed, &bob);
    let stop = alice.stop();
    bob.hear(&stop, 2, &alice);
    bob.hear(&start, 1, &alice);
    assert_eq!(bob.switch.state(), Off);
}

/// TRA-3
#[test]
fn a_start_that_is_not_the_peers_changes_nothing() {
    let [mut alice, bob] = Device::pair();
    let [_, mut carol] = Device::pair();
    let TranscriptBody::Start(start) = alice.start(Mode::Signed, &carol) else { panic!() };
    let (ours, theirs) = (bob.keys.cert(), alice.keys.cert());
    let mut bent = start;
    bent.nonce = kuvert_wire::transcript::TranscriptNonce::from_bytes([1; 32]);
    let heard = bob.switch.hear_start(&bent, at(1), ours, theirs, at(1));
    assert_eq!(heard.err(), Some(ProtocolError::BadSignature));
    let heard = bob.switch.hear_start(&start, at(1), ours, carol.keys.cert(), at(1));
    assert_eq!(heard.err(), Some(ProtocolError::BadSignature));
    carol.begun.clear();
}

/// TRA-4
#[test]
fn our_own_start_come_back_is_refused() {
    let [mut alice, bob] = Device::pair();
    let TranscriptBody::Start(start) = alice.start(Mode::Deniable, &bob) else { panic!() };
    let (ours, theirs) = (alice.keys.cert(), bob.keys.cert());
    let heard = alice.switch.hear_start(&start, at(1), ours, theirs, at(1));
    assert_eq!(heard.err(), Some(ProtocolError::BadKey));
}

/// Bob answers one offer of Alice's and speaks, while she has already made another in the other mode.
#[test]
fn what_was_said_in_a_conversation_that_never_was_ours_is_left_aside() {
    let [mut alice, mut bob] = Device::pair();
    let first = alice.start(Mode::Signed, &bob);
    bob.hear(&first, 1, &alice);
    let _answer = bob.start(Mode::Signed, &alice);
    let mut running = bob.begun.remove(0).next;
    let second = alice.start(Mode::Deniable, &bob);
    for i in 0..3 {
        let message_id = MessageId::from_bytes([i; 16]);
        let logged = Logged { frame_type: FrameType::Message, message_id, body: b"signed" };
        let (block, advance) = running.append(&logged, at(3), &mut bob.rng).unwrap();
        running = advance.next;
        let turn = alice.switch.hold(&logged, at(3), &block, at(4)).unwrap();
        alice.adopt(turn);
    }
    bob.hear(&second, 5, &alice);
    let yes = bob.start(Mode::Deniable, &alice);
    alice.hear(&yes, 6, &bob);
    assert_eq!(Device::states(&alice, &bob), [On(Mode::Deniable); 2]);
    assert_eq!(alice.begun[0].next.id(), bob.begun[0].next.id());
    assert_eq!((alice.begun[0].next.sizes(), alice.begun[0].findings.len()), ((0, 0), 0));
}

#[test]
fn what_comes_before_the_peers_start_is_taken_up_with_it() {
    let [mut alice, mut bob] = Device::pair();
    let first = alice.start(Mode::Signed, &bob);
    bob.hear(&first, 1, &alice);
    let second = bob.start(Mode::Signed, &alice);
    let mut running = bob.begun.remove(0).next;
    for i in 0..3 {
        let message_id = MessageId::from_bytes([i; 16]);
        let logged = Logged { frame_type: FrameType::Message, message_id, body: b"early" };
        let (block, advance) = running.append(&logged, at(3), &mut bob.rng).unwrap();
        let turn = alice.switch.hold(&logged, at(3), &block, at(4)).unwrap();
        alice.adopt(turn);
        let held = alice.switch.record().unwrap().value.len();
        let again = alice.switch.hold(&logged, at(3), &block, at(5)).unwrap();
        alice.adopt(again);
        let same = alice.switch.record().unwrap().value.len();
        assert_eq!(held, same, "sent again it takes no second place");
        running = advance.next;
    }
    alice.hear(&second, 2, &bob);
    assert_eq!(alice.begun[0].next.sizes(), (0, 3));
    let message_id = MessageId::from_bytes([9; 16]);
    let logged = Logged { frame_type: FrameType::Message, message_id, body: b"" };
    let (mut block, _) = running.append(&logged, at(5), &mut bob.rng).unwrap();
    block.head = None;
    assert!(alice.switch.hold(&logged, at(5), &block, at(5)).is_none(), "nothing tells of what");
}

/// Which of them is the one that was said shows when the conversation has begun.
#[test]
fn two_early_messages_for_one_place_are_both_held() {
    let [mut alice, mut bob] = Device::pair();
    let first = alice.start(Mode::Signed, &bob);
    bob.hear(&first, 1, &alice);
    let second = bob.start(Mode::Signed, &alice);
    let running = bob.begun.remove(0).next;
    let message_id = MessageId::from_bytes([7; 16]);
    let logged = Logged { frame_type: FrameType::Message, message_id, body: b"tea" };
    let (block, _) = running.append(&logged, at(3), &mut bob.rng).unwrap();
    for body in [b"tea", b"two"] {
        let turn = alice.switch.hold(&Logged { body, ..logged }, at(3), &block, at(4)).unwrap();
        alice.adopt(turn);
    }
    alice.hear(&second, 2, &bob);
    let begun = &alice.begun[0];
    assert_eq!(begun.next.sizes(), (0, 1));
    assert!(matches!(begun.findings[..], [super::Finding::Fork { seq: 0, .. }]));
}

/// Whoever starts and stops when, and in whatever order it is heard.
#[test]
fn both_come_to_the_same_conversation() {
    let mut ran = 0;
    for seed in 0..400 {
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        let mut devices = Device::pair();
        let mut under_way = [Vec::new(), Vec::new()];
        for _ in 0..12 {
            let [here, there] = &mut devices;
            let is_first = random.next_u32().is_multiple_of(2);
            let (here, there) = if is_first { (here, there) } else { (there, here) };
            let said = here.say_something(random.next_u32(), there);
            under_way[usize::from(is_first)].extend(said);
            let heard = &mut under_way[usize::from(!is_first)];
            if !heard.is_empty() && random.next_u32() % 3 > 0 {
                here.hear_one(heard, &mut random, there);
            }
        }
        let [one, other] = &mut devices;
        let [of_other, of_one] = &mut under_way;
        while !of_one.is_empty() {
            other.hear_one(of_one, &mut random, one);
        }
        while !of_other.is_empty() {
            one.hear_one(of_other, &mut random, other);
        }
        let states = Device::states(one, other);
        match states {
            [Off, Off] => {}
            [Offered(mode), Asked(same)] | [Asked(mode), Offered(same)] if mode == same => {}
            [Asked(mode), Asked(same)] if mode != same => {}
            [On(mode), On(same)] if mode == same => {
                let ids = [one, other].map(|device| *device.begun.last().unwrap().next.id());
                assert_eq!(ids[0], ids[1], "{seed}");
                ran += 1;
            }
            _ => panic!("{seed}: {states:?}"),
        }
    }
    assert!(ran > 40, "{ran} of 400 ended in a conversation");
}

const HOUR: u64 = 3600;

/// A stop is lost: the other side goes on logging, and is told again.
#[test]
fn what_the_peer_did_not_hear_is_said_again() {
    let [mut alice, mut bob] = Device::pair();
    let (one, other) = (alice.start(Mode::Signed, &bob), bob.start(Mode::Signed, &alice));
    alice.hear(&other, 1, &bob);
    bob.hear(&one, 1, &alice);
    let _lost = alice.stop();
    let their = bob.keys.cert();
    let again = alice.switch.start(Mode::Deniable, &alice.keys, their, at(2), &mut alice.rng);
    let (again, at_two) = alice.say(again.unwrap());
    bob.hear_at(&again, at_two, at_two, &alice);
    assert_eq!(Device::states(&alice, &bob), [Offered(Mode::Deniable), Asked(Mode::Deniable)]);
    let ended = alice.begun[0].next.clone();
    assert!(alice.switch.hear_ended(&ended, at(2), at(3)).is_none(), "it may be under way");
    let turn = alice.switch.hear_ended(&ended, at(2), at(2 * HOUR)).unwrap();
    alice.adopt(turn);
    let repeated = alice.switch.repeat(at(2 * HOUR)).unwrap();
    let (stop, sent) = alice.say(repeated);
    assert!(matches!(stop, TranscriptBody::Stop(_)));
    assert!(sent < at_two, "it does not end what was begun since");
    bob.hear_at(&stop, sent, at(2 * HOUR), &alice);
    assert_eq!(Device::states(&alice, &bob), [Offered(Mode::Deniable), Asked(Mode::Deniable)]);
    assert!(alice.switch.repeat(at(2 * HOUR)).is_none());
    let soon = alice.switch.hear_ended(&ended, at(3), at(2 * HOUR + 1));
    assert!(soon.is_none(), "said a moment ago");
}

/// Our start is lost: the peer logs nothing, and is told again.
#[test]
fn a_start_that_was_lost_is_said_again() {
    let [mut alice, mut bob] = Device::pair();
    let lost = alice.start(Mode::Signed, &bob);
    assert!(alice.switch.hear_unlogged(at(1)).is_none());
    let turn = alice.switch.hear_unlogged(at(2 * HOUR)).unwrap();
    alice.adopt(turn);
    assert!(alice.switch.owes());
    let repeated = alice.switch.repeat(at(2 * HOUR)).unwrap();
    let (start, sent) = alice.say(repeated);
    assert_eq!(start, lost);
    bob.hear_at(&start, sent, at(2 * HOUR), &alice);
    assert_eq!(Device::states(&alice, &bob), [Offered(Mode::Signed), Asked(Mode::Signed)]);
    assert!(!alice.switch.owes());
}

/// The peer says a start that we have ended: it has not heard that we have.
#[test]
fn a_start_that_is_over_is_answered_with_the_stop() {
    let [mut alice, mut bob] = Device::pair();
    let first = bob.start(Mode::Signed, &alice);
    alice.hear(&first, 1, &bob);
    let _lost = alice.stop();
    alice.hear(&first, 2 * HOUR, &bob);
    let repeated = alice.switch.repeat(at(2 * HOUR)).unwrap();
    let (stop, sent) = alice.say(repeated);
    bob.hear_at(&stop, sent, at(2 * HOUR), &alice);
    assert_eq!(Device::states(&alice, &bob), [Off, Off]);
}

/// The peer has forgotten that it runs, and starts anew: it is told of our start.
#[test]
fn who_starts_anew_while_it_runs_is_told_of_our_start() {
    let [mut alice, mut bob] = Device::pair();
    let (one, other) = (alice.start(Mode::Signed, &bob), bob.start(Mode::Signed, &alice));
    alice.hear(&other, 1, &bob);
    bob.hear(&one, 1, &alice);
    bob.switch = Switch::new(*alice.keys.device_id());
    let anew = bob.start(Mode::Signed, &alice);
    alice.hear(&anew, 2, &bob);
    assert_eq!(Device::states(&alice, &bob), [On(Mode::Signed), Offered(Mode::Signed)]);
    let repeated = alice.switch.repeat(at(2)).unwrap();
    let (start, sent) = alice.say(repeated);
    bob.hear_at(&start, sent, at(2), &alice);
    assert_eq!(Device::states(&alice, &bob), [On(Mode::Signed); 2]);
    let ids = [&alice, &bob].map(|device| *device.begun.last().unwrap().next.id());
    assert_eq!(ids[0], ids[1]);
}
