//! A conversation in the middle: what targets begin with, the same each time.

use core::time::Duration;

use kuvert_core::ProtocolError;
use kuvert_wire::transcript::Mode;

use crate::{Pair, Party, Side};

/// Two devices in the middle of a conversation, and envelopes that have not arrived.
pub(super) struct Scene {
    pub(super) pair: Pair,
    /// To whom, and what.
    pub(super) under_way: Vec<(Side, Vec<u8>)>,
}

impl Scene {
    /// A transcript runs; keys of letters that were overtaken are kept on both sides; under way are
    /// some of those, a burst, the first flight of another session, and news of the transcript.
    pub(super) fn middle() -> Self {
        let mut scene = Self { pair: Pair::talking(1), under_way: Vec::new() };
        for side in Side::BOTH {
            let offer = scene.start_transcript(side, Mode::Signed);
            scene.arrive(side.other(), &offer.expect("nobody has started one"));
        }
        for _ in 0..3 {
            Side::BOTH.into_iter().for_each(|side| scene.pass_one_over(side));
        }
        for side in Side::BOTH {
            let (to, now) = (scene.pair.id(side.other()), scene.pair.now);
            let burst = scene.pair.party(side).heal(&to, now).expect("a session").envelope;
            let head =
                scene.pair.party(side).take(|device, rng| device.seal_transcript(&to, now, rng));
            let moved = scene
                .pair
                .party(side)
                .take(|device, rng| device.announce_mailbox(&to, "wss://relay.example", now, rng));
            let all = [burst, head.expect("one runs").envelope, moved.expect("a session").envelope];
            scene.under_way.extend(all.map(|envelope| (side.other(), envelope)));
        }
        scene.pair.begin(Side::Bob);
        let first = scene.pair.send(Side::Bob, "a new beginning");
        scene.under_way.push((Side::Alice, first));
        scene
    }

    /// A device that nobody has written to, and a first flight to it.
    pub(super) fn beginning() -> Self {
        let mut pair = Pair::strangers(2);
        pair.begin(Side::Alice);
        let first = pair.send(Side::Alice, "hello");
        Self { pair, under_way: vec![(Side::Bob, first)] }
    }

    /// `side` says that it wants a transcript.
    pub(super) fn start_transcript(
        &mut self,
        side: Side,
        mode: Mode,
    ) -> Result<Vec<u8>, ProtocolError> {
        self.pair.wait(Duration::from_millis(1));
        let (to, now) = (self.pair.id(side.other()), self.pair.now);
        let said =
            self.pair.party(side).take(|device, rng| device.start_transcript(&to, mode, now, rng));
        said.map(|outgoing| outgoing.envelope)
    }

    fn arrive(&mut self, to: Side, envelope: &[u8]) {
        let now = self.pair.now;
        self.pair.party(to).receive(envelope, now).expect("it is in order");
    }

    /// Two letters, of which the first stays on the way.
    fn pass_one_over(&mut self, from: Side) {
        let late = self.pair.send(from, "late");
        self.under_way.push((from.other(), late));
        self.pair.pass(from, "in time");
    }

    /// One of the two.
    pub(super) fn into_party(self, side: Side) -> Party {
        let Pair { alice, bob, .. } = self.pair;
        match side {
            Side::Alice => alice,
            Side::Bob => bob,
        }
    }
}
