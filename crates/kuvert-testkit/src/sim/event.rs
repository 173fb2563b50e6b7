//! What can happen: one alphabet for examples, property tests and fuzzers.

use core::fmt;
use core::time::Duration;

use crate::Side;

/// One of the processes in which a person has the same home open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "two are enough to race")]
pub enum Process {
    /// The app.
    App,
    /// Something that works beside it, such as a service for notifications.
    Helper,
}

/// One process of one person.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is a pair")]
pub struct Seat {
    /// Whose it is.
    pub side: Side,
    /// Which of that person's processes.
    pub process: Process,
}

impl Seat {
    /// The app of `side`.
    #[must_use]
    pub const fn app(side: Side) -> Self {
        Self { side, process: Process::App }
    }

    /// The other process of the same person.
    #[must_use]
    pub const fn beside(self) -> Self {
        let process = match self.process {
            Process::App => Process::Helper,
            Process::Helper => Process::App,
        };
        Self { process, ..self }
    }

    const fn from_byte(byte: u8) -> Self {
        let side = if byte & 1 == 0 { Side::Alice } else { Side::Bob };
        let process = if byte & 2 == 0 { Process::App } else { Process::Helper };
        Self { side, process }
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.process {
            Process::App => write!(f, "{:?}", self.side),
            Process::Helper => write!(f, "{:?}'s helper", self.side),
        }
    }
}

/// Something that happens. Amounts are drawn from all bytes; each kind says what they stand for.
///
/// Faults of the network take the next thing that fits them: so a list of events is a whole story, which
/// can be cut down to what makes it fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message is written; the amount decides its length.
    Send(Seat, u8),
    /// The next event is asked for, and shown.
    Receive(Seat),
    /// All events that there are now are shown.
    Drain(Seat),
    /// What waits is sent.
    Flush(Seat),
    /// A person asks for a transcript, or ends it; the amount says which.
    Record(Seat, u8),
    /// Time passes, for [`span`] of the amount.
    Pass(u8),
    /// Days pass, 44 at most.
    Sleep(u8),

    /// The process ends.
    Kill(Seat),
    /// The process ends in its work: at the boundary of this number, before or after a batch of the store
    /// or a request to the network.
    Crash(Seat, u8),
    /// The store refuses a batch of this process, the one of this number.
    Refuse(Seat, u8),
    /// The process is overtaken by the other one of its home at the boundary of this number.
    Race(Seat, u8),

    /// The next envelope from this side vanishes. The transport's profile says that this may happen.
    Lose(Side),
    /// The next envelope to this side is late by [`span`] of the amount, and others overtake it.
    Hold(Side, u8),
    /// The next envelope to this side comes twice, the second time late by [`span`] of the amount.
    Duplicate(Side, u8),
    /// The next request of this side takes effect and its answer is lost.
    LoseAnswer(Side),
    /// This side has no network.
    Cut(Side),
    /// It has one again.
    Mend(Side),

    /// The clock of this side is put forward or back, by [`span`] of the amount times two hundred.
    Jump(Side, u8),
    /// A copy is made of all that is durable.
    Snapshot(Side),
    /// The copy is put back.
    Restore(Side),

    /// The next envelope from this side is kept back by the relay for ever.
    Withhold(Side),
    /// One bit of the next envelope from this side is flipped by the relay.
    Flip(Side, u8),
    /// The relay delivers an envelope once more that this side has posted.
    Replay(Side, u8),
    /// The relay delivers to another mailbox an envelope that this side has posted.
    Misdeliver(Side, u8),
    /// The relay delivers random bytes to a mailbox of the other side.
    Inject(Side, u8),
    /// The next bundle that this side asks for is told wrong; the amount says how.
    Lie(Side, u8),
    /// The relay says that it does not know the mailbox to which this side posts next.
    Deny(Side),
    /// A person who was asked about another identity says no.
    Answer(Seat),
}

/// How an event is made of a seat and an amount.
pub(super) type Make = fn(Seat, u8) -> Event;

/// All kinds. The order decides what bytes mean: append only.
const ALPHABET: &[Make] = &[
    Event::Send,
    |seat, _| Event::Receive(seat),
    |seat, _| Event::Drain(seat),
    |seat, _| Event::Flush(seat),
    |_, amount| Event::Pass(amount),
    |seat, _| Event::Kill(seat),
    Event::Crash,
    Event::Race,
    |seat, _| Event::Lose(seat.side),
    |seat, amount| Event::Hold(seat.side, amount),
    |seat, amount| Event::Duplicate(seat.side, amount),
    |seat, _| Event::LoseAnswer(seat.side),
    |seat, _| Event::Cut(seat.side),
    |seat, _| Event::Mend(seat.side),
    |seat, amount| Event::Jump(seat.side, amount),
    |seat, _| Event::Snapshot(seat.side),
    |seat, _| Event::Restore(seat.side),
    |seat, amount| Event::Flip(seat.side, amount),
    |seat, amount| Event::Replay(seat.side, amount),
    |seat, amount| Event::Misdeliver(seat.side, amount),
    |seat, amount| Event::Inject(seat.side, amount),
    |seat, amount| Event::Lie(seat.side, amount),
    |seat, _| Event::Answer(seat),
    |seat, _| Event::Withhold(seat.side),
    Event::Refuse,
    |seat, _| Event::Deny(seat.side),
    |_, amount| Event::Sleep(amount),
    Event::Record,
];

impl Event {
    /// Bytes of one event.
    pub const LEN: usize = 3;

    /// The event that three bytes stand for: its kind, its seat, its amount. Any bytes stand for one.
    #[must_use]
    pub fn from_bytes([kind, seat, amount]: [u8; Self::LEN]) -> Self {
        ALPHABET[usize::from(kind) % ALPHABET.len()](Seat::from_byte(seat), amount)
    }

    /// The events that a fuzzer's input stands for; a rest of less than three bytes stands for nothing.
    #[must_use]
    pub fn all_from_bytes(bytes: &[u8]) -> Vec<Self> {
        let (events, _) = bytes.as_chunks();
        events.iter().copied().map(Self::from_bytes).collect()
    }

    pub(super) fn made(make: Make, [seat, amount]: [u8; 2]) -> Self {
        make(Seat::from_byte(seat), amount)
    }

    /// The same with all of a person's work in one process.
    pub(super) fn in_the_app(self) -> Self {
        let app = |seat: Seat| Seat::app(seat.side);
        match self {
            Self::Send(seat, amount) => Self::Send(app(seat), amount),
            Self::Receive(seat) => Self::Receive(app(seat)),
            Self::Drain(seat) => Self::Drain(app(seat)),
            Self::Flush(seat) => Self::Flush(app(seat)),
            Self::Kill(seat) => Self::Kill(app(seat)),
            Self::Crash(seat, amount) => Self::Crash(app(seat), amount),
            Self::Record(seat, amount) => Self::Record(app(seat), amount),
            Self::Refuse(seat, amount) => Self::Refuse(app(seat), amount),
            Self::Answer(seat) => Self::Answer(app(seat)),
            other => other,
        }
    }
}

/// The event that the next three bytes stand for, for fuzz targets of one's own.
#[cfg(feature = "fuzz")]
impl<'a> arbitrary::Arbitrary<'a> for Event {
    fn arbitrary(input: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self::from_bytes(input.arbitrary()?))
    }

    fn size_hint(_: usize) -> (usize, Option<usize>) {
        (Self::LEN, Some(Self::LEN))
    }
}

/// The time that an amount stands for: one second to nine hours, each step twice the one before.
#[must_use]
pub const fn span(amount: u8) -> Duration {
    Duration::from_secs(1 << (amount % 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_stand_for_events() {
        for kind in 0..=u8::MAX {
            let _ = Event::from_bytes([kind, kind, kind]);
        }
        assert_eq!(Event::from_bytes([0, 3, 9]), {
            Event::Send(Seat { side: Side::Bob, process: Process::Helper }, 9)
        });
        assert_eq!(Event::all_from_bytes(&[4, 0, 1, 4, 0]), [Event::Pass(1)]);
    }

    #[cfg(feature = "fuzz")]
    #[test]
    fn arbitrary_events_are_those_of_the_same_bytes() {
        let bytes: Vec<u8> = (0..=254).collect();
        let mut input = arbitrary::Unstructured::new(&bytes);
        let events: Result<Vec<Event>, _> =
            (0..bytes.len() / 3).map(|_| input.arbitrary()).collect();
        assert_eq!(events.unwrap(), Event::all_from_bytes(&bytes));
    }

    #[test]
    fn spans_double() {
        assert_eq!(span(0), Duration::from_secs(1));
        assert_eq!(span(15), Duration::from_secs(32_768));
        assert_eq!(span(16), span(0));
    }
}
