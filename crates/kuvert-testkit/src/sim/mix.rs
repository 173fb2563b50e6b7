//! Mixes of faults: which events happen, and how often.

use super::chance::Chance;
use super::event::{Event, Make};

/// A mix of faults: events and their weights.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// What it is called.
    pub name: &'static str,
    /// What goes wrong in it, in a few words.
    pub about: &'static str,
    faults: &'static [&'static [(u32, Make)]],
    /// Each person has one process only.
    has_helpers: bool,
    /// An anchor beside each store tells when it is put back.
    pub has_anchors: bool,
    /// Not one message may fail to be delivered.
    pub is_lossless: bool,
}

/// A conversation in which nothing goes wrong.
const TALK: &[(u32, Make)] = &[
    (300, Event::Send),
    (240, |seat, _| Event::Receive(seat)),
    (60, |seat, _| Event::Drain(seat)),
    (20, |seat, _| Event::Flush(seat)),
    (100, |_, amount| Event::Pass(amount)),
];
const RECORD: &[(u32, Make)] = &[(20, Event::Record)];
const LOSS: &[(u32, Make)] = &[(60, |seat, _| Event::Lose(seat.side))];
const LATE: &[(u32, Make)] = &[(100, |seat, amount| Event::Hold(seat.side, amount))];
const TWICE: &[(u32, Make)] = &[(60, |seat, amount| Event::Duplicate(seat.side, amount))];
const CRASHES: &[(u32, Make)] = &[
    (80, Event::Crash),
    (20, |seat, _| Event::Kill(seat)),
    (40, |seat, _| Event::LoseAnswer(seat.side)),
];
const FULL: &[(u32, Make)] = &[(80, Event::Refuse)];
const RACES: &[(u32, Make)] = &[(100, Event::Race)];
const PARTITION: &[(u32, Make)] =
    &[(30, |seat, _| Event::Cut(seat.side)), (40, |seat, _| Event::Mend(seat.side))];
const SEASONS: &[(u32, Make)] = &[(4, |_, amount| Event::Sleep(amount))];
const CLOCKS: &[(u32, Make)] = &[(20, |seat, amount| Event::Jump(seat.side, amount))];
const ROLLBACK: &[(u32, Make)] =
    &[(10, |seat, _| Event::Snapshot(seat.side)), (5, |seat, _| Event::Restore(seat.side))];
const HOSTILE: &[(u32, Make)] = &[
    (20, |seat, _| Event::Withhold(seat.side)),
    (20, |seat, amount| Event::Flip(seat.side, amount)),
    (20, |seat, amount| Event::Replay(seat.side, amount)),
    (10, |seat, amount| Event::Misdeliver(seat.side, amount)),
    (20, |seat, amount| Event::Inject(seat.side, amount)),
    (20, |seat, amount| Event::Lie(seat.side, amount)),
    (10, |seat, _| Event::Deny(seat.side)),
    (5, |seat, _| Event::Answer(seat)),
];

impl Mix {
    /// All mixes.
    pub const ALL: &'static [Self] = &[
        Self::of("calm", "nothing goes wrong", &[TALK]),
        Self::of("loss", "envelopes vanish", &[TALK, LOSS]),
        Self::of("reorder", "envelopes are late and overtake each other", &[TALK, LATE]),
        Self::of("duplication", "envelopes come twice", &[TALK, TWICE]),
        Self::of("crashes", "processes end at any boundary", &[TALK, CRASHES]),
        Self::of("transcripts", "the same, with transcripts", &[TALK, RECORD, LOSS, LATE, CRASHES]),
        Self::of("disks", "the disk takes nothing for a moment", &[TALK, FULL]),
        Self::of("processes", "two processes share each home", &[TALK, RACES]).with_helpers(),
        Self::of("partition", "people have no network for a while", &[TALK, PARTITION]),
        Self::of(
            "honest",
            "all of the above",
            &[TALK, RECORD, LOSS, LATE, TWICE, CRASHES, FULL, RACES, PARTITION],
        )
        .with_helpers(),
        Self::of("seasons", "nobody looks for days and months", &[TALK, LOSS, LATE, SEASONS])
            .lossy(),
        Self::of("clocks", "clocks are put forward and back", &[TALK, CLOCKS]).lossy(),
        Self::of("rollback", "homes are put back to older states", &[TALK, ROLLBACK]).lossy(),
        Self::of("clones", "the same, and no anchor tells", &[TALK, ROLLBACK])
            .lossy()
            .without_anchors(),
        Self::of("hostile", "the relay does what it can", &[TALK, HOSTILE]).lossy(),
        Self::of(
            "everything",
            "all at once",
            &[
                TALK, LOSS, LATE, TWICE, CRASHES, FULL, RACES, PARTITION, SEASONS, CLOCKS,
                ROLLBACK, HOSTILE,
            ],
        )
        .with_helpers()
        .without_anchors()
        .lossy(),
    ];

    const fn of(
        name: &'static str,
        about: &'static str,
        faults: &'static [&'static [(u32, Make)]],
    ) -> Self {
        Self { name, about, faults, has_helpers: false, has_anchors: true, is_lossless: true }
    }

    const fn with_helpers(self) -> Self {
        Self { has_helpers: true, ..self }
    }

    const fn without_anchors(self) -> Self {
        Self { has_anchors: false, ..self }
    }

    const fn lossy(self) -> Self {
        Self { is_lossless: false, ..self }
    }

    /// The mix of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|mix| mix.name == name)
    }

    /// The mix that a seed runs with, unless another is asked for.
    #[must_use]
    pub fn of_seed(seed: u64) -> &'static Self {
        let count = u64::try_from(Self::ALL.len()).unwrap_or(1);
        &Self::ALL[usize::try_from(seed % count).unwrap_or_default()]
    }

    /// The next event, by chance.
    pub(super) fn draw(&self, chance: &mut Chance) -> Event {
        let all = || self.faults.iter().copied().flatten();
        let total: u32 = all().map(|(weight, _)| weight).sum();
        let mut at = chance.below(usize::try_from(total).unwrap_or(usize::MAX));
        for (weight, make) in all() {
            let weight = usize::try_from(*weight).unwrap_or(usize::MAX);
            if at < weight {
                let event = Event::made(*make, chance.bytes());
                return if self.has_helpers { event } else { event.in_the_app() };
            }
            at -= weight;
        }
        unreachable!("the number drawn is below the sum of all weights")
    }
}
