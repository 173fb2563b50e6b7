//! Two devices, what they do, and edits of what they send each other. Whatever comes, a device that
//! refuses has not changed, and one that does not can be loaded from what it has stored.

use arbitrary::{Result, Unstructured};
use kuvert_core::ProtocolError;
use kuvert_wire::transcript::Mode;

use super::edits::edit;
use super::scene::Scene;
use crate::sim::span;
use crate::{Pair, Party, Side};

const MAX_STEPS: usize = 48;
const MAX_RAW: usize = 600;

pub(super) fn run(input: &[u8]) {
    let mut script = Script { scene: Scene { pair: Pair::talking(1), under_way: Vec::new() } };
    let mut input = Unstructured::new(input);
    for _ in 0..MAX_STEPS {
        if input.is_empty() || script.step(&mut input).is_err() {
            break;
        }
    }
    Side::BOTH.into_iter().for_each(|side| script.scene.pair.party(side).restart());
}

struct Script {
    scene: Scene,
}

impl Script {
    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let kind = input.int_in_range(0..=12)?;
        let side = *input.choose(&Side::BOTH)?;
        match kind {
            0 => self
                .say(side, |party, pair| party.send(&pair.0, "tea at four?", pair.1).map(envelope)),
            1 => self.say(side, |party, pair| party.heal(&pair.0, pair.1).map(envelope)),
            2 => self.begin(side),
            3 => self.start(side, *input.choose(&[Mode::Signed, Mode::Deniable])?),
            4 => self.say(side, |party, (to, now)| {
                party.take(|device, rng| device.stop_transcript(&to, now, rng)).map(envelope)
            }),
            5 => self.say(side, |party, (to, now)| {
                party.take(|device, rng| device.seal_transcript(&to, now, rng)).map(envelope)
            }),
            6 => self.scene.pair.party(side).restart(),
            7 => self.scene.pair.wait(span(input.arbitrary()?)),
            8 => {
                let raw = input.bytes(input.len().min(MAX_RAW))?.to_vec();
                self.deliver(side, &raw);
            }
            9 | 10 => self.edited(side, input)?,
            _ => self.next(side, input)?,
        }
        Ok(())
    }

    /// Something that a device makes to be sent; if it refuses, nothing has changed.
    fn say(
        &mut self,
        from: Side,
        make: impl FnOnce(&mut Party, (kuvert_wire::DeviceId, kuvert_wire::Timestamp)) -> Made,
    ) {
        let at = (self.scene.pair.id(from.other()), self.scene.pair.now);
        let party = self.scene.pair.party(from);
        let made = unchanged_if_refused(party, |party| make(party, at));
        self.scene.under_way.extend(made.ok().map(|envelope| (from.other(), envelope)));
    }

    fn begin(&mut self, side: Side) {
        let now = self.scene.pair.now;
        let bundle = self.scene.pair.party(side.other()).bundle(true, now);
        let bundle = bundle.expect("a store in memory");
        // An account that an edited first flight has replaced is refused here.
        let _ = unchanged_if_refused(self.scene.pair.party(side), |party| party.begin(bundle, now));
    }

    fn start(&mut self, side: Side, mode: Mode) {
        let offer = self.scene.start_transcript(side, mode);
        self.scene.under_way.extend(offer.ok().map(|envelope| (side.other(), envelope)));
    }

    /// One that is under way arrives.
    fn next(&mut self, to: Side, input: &mut Unstructured<'_>) -> Result<()> {
        if let Some(place) = self.choose(to, input)? {
            let (_, envelope) = self.scene.under_way.remove(place);
            self.deliver(to, &envelope);
        }
        Ok(())
    }

    /// One that is under way arrives with edits, and the one itself may come later.
    fn edited(&mut self, to: Side, input: &mut Unstructured<'_>) -> Result<()> {
        if let Some(place) = self.choose(to, input)? {
            let mut envelope = self.scene.under_way[place].1.clone();
            edit(&mut envelope, input)?;
            self.deliver(to, &envelope);
        }
        Ok(())
    }

    fn choose(&self, to: Side, input: &mut Unstructured<'_>) -> Result<Option<usize>> {
        let under_way = self.scene.under_way.iter().zip(0..);
        let places: Vec<usize> =
            under_way.filter(|((side, _), _)| *side == to).map(|(_, place)| place).collect();
        if places.is_empty() { Ok(None) } else { input.choose(&places).copied().map(Some) }
    }

    /// As an app takes it: what cannot be opened yet waits.
    fn deliver(&mut self, to: Side, envelope: &[u8]) {
        let now = self.scene.pair.now;
        let party = self.scene.pair.party(to);
        // What `decrypt` refuses leaves all as it was; what comes of it else is the other verb's.
        if unchanged_if_refused(party, |party| party.receive(envelope, now)).is_err() {
            let came = party.take(|device, rng| Ok(device.receive(envelope, None, now, rng)));
            assert!(came.expect("a store in memory").message().is_none());
        }
    }
}

type Made = core::result::Result<Vec<u8>, ProtocolError>;

fn envelope(outgoing: kuvert_core::Outgoing) -> Vec<u8> {
    outgoing.envelope
}

fn unchanged_if_refused<T>(
    party: &mut Party,
    act: impl FnOnce(&mut Party) -> core::result::Result<T, ProtocolError>,
) -> core::result::Result<T, ProtocolError> {
    let before = party.stored();
    let acted = act(party);
    if acted.is_err() {
        assert!(party.stored() == before, "refused, and changed");
    }
    acted
}
