//! What is kept of a peer so that its sessions can be mended: whether a reset is due, how many there
//! were, and what a person has to answer first.
//!
//! ```text
//! accepted u8 | healing: 0 · 1 due u64 · 2 session 16 | resets u8 (≤ 4) × u64
//! clone_suspected u64 (0 none) | question: 0 · 1 asked device 16 · 2 accepted · 3 refused, likewise
//! ```
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Recovery"; the limits are checks MSG-17 and MSG-18.

use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::{Decode, DecodeError, DeviceId, Encode, Reader, SessionId, Timestamp};
use rand_core::CryptoRng;

use crate::limits::{HEALING_DELAY, HEALING_JITTER, MAX_RESETS, RESET_PAUSE, RESET_WINDOW};

/// The part of a peer's record that recovery needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recovery {
    /// A person here wrote to this peer or accepted it. Nothing is automatic before that.
    pub(super) accepted: bool,
    pub(super) healing: Healing,
    /// Automatic resets within the last day, oldest first.
    resets: Vec<Timestamp>,
    /// When two messages were found in one place.
    pub(super) clone_suspected: Option<Timestamp>,
    pub(super) question: Question,
}

/// How far the mending of the active session is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Healing {
    #[default]
    None,
    /// A reset is due.
    Due(Timestamp),
    /// This session has been begun and waits for its first answer.
    Begun(SessionId),
}

/// What a person is asked: whether another device may take this one's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Question {
    #[default]
    None,
    Asked(DeviceId),
    Accepted(DeviceId),
    /// Nothing of this one is opened, and nobody is asked again.
    Refused(DeviceId),
}

impl Recovery {
    /// Nothing has happened yet.
    pub(super) fn of_accepted(accepted: bool) -> Self {
        Self { accepted, ..Self::default() }
    }

    /// Makes a reset due, at a moment that the budget allows; `None` if there is nothing new to do.
    pub(super) fn schedule<R: CryptoRng + ?Sized>(
        &mut self,
        now: Timestamp,
        rng: &mut R,
    ) -> Option<Timestamp> {
        if !self.accepted || self.healing != Healing::None {
            return None; // MSG-18
        }
        let due = self.earliest(now).saturating_add(jitter(rng));
        self.healing = Healing::Due(due);
        Some(due)
    }

    /// A session has ended: it is not the one that heals any more.
    pub(super) fn forget(&mut self, ended: Option<&SessionId>) {
        if ended.is_some_and(|ended| self.healing == Healing::Begun(*ended)) {
            self.healing = Healing::None;
        }
    }

    /// The earliest moment of the next automatic reset.
    fn earliest(&self, now: Timestamp) -> Timestamp {
        let counted: Vec<_> = self.resets.iter().filter(|at| counts(**at, now)).collect();
        let after_last = counted.last().map(|last| last.saturating_add(RESET_PAUSE));
        let after_first = counted.first().filter(|_| counted.len() == MAX_RESETS);
        let after_first = after_first.map(|first| first.saturating_add(RESET_WINDOW));
        let soon = now.saturating_add(HEALING_DELAY);
        after_last.into_iter().chain(after_first).fold(soon, Timestamp::max)
    }

    /// Whether a reset is due now.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        // What seems to be due in some days was set by a clock that has been put right since.
        let is_due = |at: Timestamp| at <= now || at.since(now) > 2 * RESET_WINDOW;
        self.accepted && matches!(self.healing, Healing::Due(at) if is_due(at))
    }

    /// Takes one automatic reset out of the budget; `false` if there is none left now.
    pub(super) fn spend(&mut self, now: Timestamp) -> bool {
        self.resets.retain(|at| counts(*at, now));
        let is_early = self.resets.last().is_some_and(|last| now.since(*last) < RESET_PAUSE);
        if is_early || self.resets.len() == MAX_RESETS {
            return false; // MSG-17
        }
        self.resets.push(now);
        true
    }
}

/// Whether a reset at that time still takes part of the budget. One in the future was noted by a clock
/// that has been put right since.
fn counts(at: Timestamp, now: Timestamp) -> bool {
    now.since(at) < RESET_WINDOW && at.since(now) < RESET_WINDOW
}

fn jitter<R: CryptoRng + ?Sized>(rng: &mut R) -> Duration {
    let span = u64::try_from(HEALING_JITTER.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(rng.next_u64() % (span + 1))
}

impl Encode for Recovery {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.accepted));
        match self.healing {
            Healing::None => out.push(0),
            Healing::Due(at) => {
                out.push(1);
                at.encode_into(out);
            }
            Healing::Begun(session) => {
                out.push(2);
                session.encode_into(out);
            }
        }
        out.push(u8::try_from(self.resets.len()).expect("at most four are kept"));
        self.resets.iter().for_each(|at| at.encode_into(out));
        self.clone_suspected.unwrap_or_default().encode_into(out);
        match self.question {
            Question::None => out.push(0),
            Question::Asked(device) => {
                out.push(1);
                device.encode_into(out);
            }
            Question::Accepted(device) => {
                out.push(2);
                device.encode_into(out);
            }
            Question::Refused(device) => {
                out.push(3);
                device.encode_into(out);
            }
        }
    }

    fn encoded_len(&self) -> usize {
        let healing = match self.healing {
            Healing::None => 0,
            Healing::Due(_) => 8,
            Healing::Begun(_) => SessionId::LEN,
        };
        let question = if self.question == Question::None { 0 } else { DeviceId::LEN };
        1 + 1 + healing + 1 + 8 * self.resets.len() + 8 + 1 + question
    }
}

impl Decode for Recovery {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            accepted: reader.flag("accepted")?,
            healing: match reader.u8()? {
                0 => Healing::None,
                1 => Healing::Due(Timestamp::decode_from(reader)?),
                2 => Healing::Begun(SessionId::decode_from(reader)?),
                _ => return Err(DecodeError::Unknown { what: "healing" }),
            },
            resets: decode_resets(reader)?,
            clone_suspected: Some(Timestamp::decode_from(reader)?)
                .filter(|at| *at != Timestamp::default()),
            question: match reader.u8()? {
                0 => Question::None,
                1 => Question::Asked(DeviceId::decode_from(reader)?),
                2 => Question::Accepted(DeviceId::decode_from(reader)?),
                3 => Question::Refused(DeviceId::decode_from(reader)?),
                _ => return Err(DecodeError::Unknown { what: "question" }),
            },
        })
    }
}

fn decode_resets(reader: &mut Reader<'_>) -> Result<Vec<Timestamp>, DecodeError> {
    let count = usize::from(reader.u8()?);
    if count > MAX_RESETS {
        return Err(DecodeError::TooLong { what: "automatic resets", limit: MAX_RESETS });
    }
    (0..count).map(|_| Timestamp::decode_from(reader)).collect()
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1000)
    }

    /// MSG-17
    #[test]
    fn four_resets_a_day_ten_minutes_apart() {
        let mut recovery = Recovery::default();
        assert!(recovery.spend(at(0)));
        assert!(!recovery.spend(at(599)));
        assert!(recovery.spend(at(600)));
        assert!(recovery.spend(at(1200)) && recovery.spend(at(86_399)));
        assert!(!recovery.spend(at(86_399 + 599)));
        assert!(recovery.spend(at(86_400 + 600)), "two of them are older than a day");
    }

    /// MSG-17
    #[test]
    fn what_is_scheduled_is_within_the_budget() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut recovery = Recovery { accepted: true, ..Recovery::default() };
        let mut now = at(0);
        for reset in 0..20 {
            let due = recovery.schedule(now, &mut rng).expect("nothing is due yet");
            assert!(due.since(now) >= HEALING_DELAY);
            assert_eq!(recovery.schedule(now, &mut rng), None, "it is due already");
            assert!(!recovery.is_due(now) && recovery.is_due(due));
            assert!(recovery.spend(due), "reset {reset}");
            (recovery.healing, now) = (Healing::None, due);
        }
        assert!(now >= at(4 * 86_400), "four a day");
    }

    /// A clock that was ahead has set it, and has been put right.
    #[test]
    fn what_is_due_in_more_than_two_days_is_due_now() {
        let recovery =
            |due| Recovery { accepted: true, healing: Healing::Due(due), ..Recovery::default() };
        let two_days = at(0).saturating_add(2 * RESET_WINDOW);
        assert!(!recovery(two_days).is_due(at(0)));
        let more = two_days.saturating_add(core::time::Duration::from_secs(1));
        assert!(recovery(more).is_due(at(0)));
        assert!(recovery(at(40 * 86_400)).is_due(at(0)));
        assert!(!Recovery { accepted: false, ..recovery(at(0)) }.is_due(at(0)));
    }

    /// MSG-17
    #[test]
    fn resets_are_counted_for_a_day_in_both_directions() {
        let day = RESET_WINDOW.as_secs();
        for (now, is_counted) in
            [(day, true), (2 * day - 1, true), (2 * day, false), (1, true), (0, false)]
        {
            assert_eq!(counts(at(day), at(now)), is_counted, "after {now} seconds");
        }
    }

    #[test]
    fn a_reset_comes_between_5_and_60_seconds_later() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let jitters: Vec<_> = (0..2000).map(|_| jitter(&mut rng)).collect();
        assert!(jitters.iter().all(|jitter| *jitter <= HEALING_JITTER));
        assert!(jitters.iter().any(|jitter| *jitter < HEALING_JITTER / 100));
        assert!(jitters.iter().any(|jitter| *jitter > HEALING_JITTER / 100 * 99));
        let span = u64::try_from(HEALING_JITTER.as_millis()).unwrap();
        assert_eq!(jitter(&mut Always(span)), HEALING_JITTER);
        assert_eq!(jitter(&mut Always(span + 1)), Duration::ZERO);
    }

    /// Gives one number for ever.
    struct Always(u64);

    impl rand_core::TryRng for Always {
        type Error = core::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(u32::try_from(self.0).unwrap_or(u32::MAX))
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(self.0)
        }

        fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Self::Error> {
            dst.fill(0);
            Ok(())
        }
    }

    impl rand_core::TryCryptoRng for Always {}

    #[test]
    fn only_the_session_that_heals_ends_the_healing() {
        let [healing, other] = [1, 2].map(|byte| SessionId::from_bytes([byte; 16]));
        let mut recovery = Recovery { healing: Healing::Begun(healing), ..Recovery::default() };
        recovery.forget(None);
        recovery.forget(Some(&other));
        assert_eq!(recovery.healing, Healing::Begun(healing));
        recovery.forget(Some(&healing));
        assert_eq!(recovery.healing, Healing::None);
    }

    /// MSG-18
    #[test]
    fn nothing_is_automatic_towards_strangers() {
        let mut recovery = Recovery::default();
        assert_eq!(recovery.schedule(at(0), &mut ChaCha20Rng::seed_from_u64(1)), None);
        assert_eq!(recovery, Recovery::default());
    }

    #[test]
    fn it_round_trips() {
        let device = DeviceId::from_bytes([1; 16]);
        let healings =
            [Healing::None, Healing::Due(at(1)), Healing::Begun(SessionId::from_bytes([2; 16]))];
        let questions =
            [Question::Refused(device), Question::Asked(device), Question::Accepted(device)];
        for (healing, question) in healings.into_iter().zip(questions) {
            let resets = alloc::vec![at(2), at(3)];
            let clone_suspected = Some(at(4));
            let recovery = Recovery { accepted: true, healing, resets, clone_suspected, question };
            let bytes = recovery.encode();
            assert_eq!(bytes.len(), recovery.encoded_len());
            assert!((0..bytes.len()).all(|len| Recovery::decode(&bytes[..len]).is_err()));
            assert_eq!(Recovery::decode(&bytes), Ok(recovery));
        }
    }
}
