//! Notices: redactions, erasure receipts and consent. Logged like messages, so that they are proven like
//! messages.
//!
//! ```text
//! redaction = number u32 | asked_by u8 | reason u8 | policy | count u8 (1..=64) | count × target
//! target    = log u8 (1 sender's, 2 receiver's) | first u64 | count u32 | parts u16 (bit j: part j); rising, apart
//! receipt   = seq u64 | policy | count u8 (1..=64) | count × result u8
//! consent   = step u8 | policy | what_len u8 | what (UTF-8)
//! policy    = len u8 (0..=64) | visible ASCII
//! ```

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::codec::{Decode, DecodeError, Encode, Reader};

/// The longest policy id in bytes.
pub const MAX_POLICY_LEN: usize = 64;
/// The most targets of one redaction.
pub const MAX_TARGETS: usize = 64;
/// The longest description of what is consented to, in bytes.
pub const MAX_WHAT_LEN: usize = 255;

/// A closed choice of one byte, numbered from 1.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$case:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name { $($(#[$case])* $variant,)* }

        impl $name {
            /// The byte on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }
        }

        impl Decode for $name {
            fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match reader.u8()? {
                    $($code => Ok(Self::$variant),)*
                    _ => Err(DecodeError::Unknown { what: $what }), // TRA-7
                }
            }
        }
    };
}

choice! {
    /// Whose log an entry is in, seen from the sender of the notice.
    LogSide, "log" {
        /// The sender's own.
        Sender = 1,
        /// The receiver's.
        Receiver = 2,
    }
}

choice! {
    /// Who asked for a redaction.
    AskedBy, "asker" {
        /// Who sends the notice.
        Sender = 1,
        /// Who receives it.
        Receiver = 2,
        /// Somebody else: a guardian, a moderator, an authority.
        Other = 3,
    }
}

choice! {
    /// Why something is redacted.
    Reason, "reason" {
        /// A person wants it gone.
        Wish = 1,
        /// Its time is over.
        Expired = 2,
        /// It was sent by mistake.
        Mistake = 3,
        /// It must not be kept: by law, or by a rule of the house.
        Rule = 4,
        /// None of these.
        Other = 5,
    }
}

choice! {
    /// What came of one target of a redaction.
    Erasure, "result of an erasure" {
        /// All of it is erased.
        Erased = 1,
        /// Some of it is; the rest is kept.
        Partly = 2,
        /// Nothing of it was there.
        NotHeld = 3,
        /// It is kept.
        Refused = 4,
    }
}

choice! {
    /// What happens to a consent.
    ConsentStep, "step of consent" {
        /// The receiver is asked for it.
        Asked = 1,
        /// The sender gives it.
        Given = 2,
        /// The sender does not give it, or takes it back.
        Withdrawn = 3,
    }
}

/// The name of the rule that something is done under: 0 to 64 visible ASCII characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyId(String);

impl PolicyId {
    /// The policy with this name; `None` if it is too long or has other characters.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let is_visible = name.bytes().all(|byte| byte.is_ascii_graphic());
        (name.len() <= MAX_POLICY_LEN && is_visible).then(|| Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Encode for PolicyId {
    fn encode_into(&self, out: &mut Vec<u8>) {
        encode_text(&self.0, out);
    }

    fn encoded_len(&self) -> usize {
        1 + self.0.len()
    }
}

impl Decode for PolicyId {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(decode_text(reader)?).ok_or(DecodeError::Invalid { what: "policy" }) // TRA-7
    }
}

/// A range of entries, and which of their parts. 15 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// In which log.
    pub log: LogSide,
    /// The first entry's number.
    pub first: u64,
    /// How many entries, 1 at least.
    pub count: u32,
    /// Which parts: bit j for part j, one at least.
    pub parts: u16,
}

impl Target {
    /// All parts of an entry.
    pub const ALL_PARTS: u16 = u16::MAX;

    /// Whether entry `seq` is in the range.
    #[must_use]
    pub const fn covers(&self, seq: u64) -> bool {
        seq >= self.first && seq - self.first < self.count as u64
    }

    /// The targets that name these entries (log, number, parts), each once, in the one way in which a
    /// redaction may: rising, and apart from each other.
    #[must_use]
    pub fn of_entries(entries: impl IntoIterator<Item = (LogSide, u64, u16)>) -> Vec<Self> {
        let mut parts_of = BTreeMap::new();
        for (log, seq, parts) in entries {
            parts_of.entry((log.code(), seq)).or_insert((log, 0)).1 |= parts;
        }
        let mut targets: Vec<Self> = Vec::new();
        for ((_, first), (log, parts)) in parts_of {
            match targets.last_mut() {
                Some(last) if last.goes_on_with(log, first, parts) => last.count += 1,
                _ => targets.push(Self { log, first, count: 1, parts }),
            }
        }
        targets
    }

    fn goes_on_with(&self, log: LogSide, seq: u64, parts: u16) -> bool {
        let is_next = self.first.checked_add(self.count.into()) == Some(seq);
        (self.log, self.parts) == (log, parts) && is_next && self.count < u32::MAX
    }

    /// Whether `next` is behind it: in the other log, or further on in the same.
    fn is_before(&self, next: &Self) -> bool {
        let end = self.first.saturating_add(self.count.into());
        self.log.code() < next.log.code() || (self.log == next.log && end <= next.first)
    }
}

impl Encode for Target {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.log.code());
        out.extend_from_slice(&self.first.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&self.parts.to_be_bytes());
    }

    fn encoded_len(&self) -> usize {
        15
    }
}

impl Decode for Target {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let log = LogSide::decode_from(reader)?;
        let (first, count, parts) = (reader.u64()?, reader.u32()?, reader.u16()?);
        let is_sound = count > 0 && parts > 0 && first.checked_add(count.into()).is_some();
        if !is_sound {
            return Err(DecodeError::Invalid { what: "target" }); // TRA-7
        }
        Ok(Self { log, first, count, parts })
    }
}

/// "I have erased this; please do the same."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// The how-many-th redaction of its log it is, from 1: none can be left out unnoticed.
    pub number: u32,
    /// Who asked for it.
    pub asked_by: AskedBy,
    /// Why.
    pub reason: Reason,
    /// Under which rule.
    pub policy: PolicyId,
    /// What, 1 to [`MAX_TARGETS`].
    pub targets: Vec<Target>,
}

impl Encode for Redaction {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&[self.asked_by.code(), self.reason.code()]);
        self.policy.encode_into(out);
        let targets = &self.targets[..self.targets.len().min(MAX_TARGETS)];
        out.push(u8::try_from(targets.len()).unwrap_or(u8::MAX));
        targets.iter().for_each(|target| target.encode_into(out));
    }

    fn encoded_len(&self) -> usize {
        7 + self.policy.encoded_len() + 15 * self.targets.len().min(MAX_TARGETS)
    }
}

impl Decode for Redaction {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = reader.u32()?;
        let (asked_by, reason) = (AskedBy::decode_from(reader)?, Reason::decode_from(reader)?);
        let policy = PolicyId::decode_from(reader)?;
        let count = decode_count(reader)?;
        let targets: Vec<Target> =
            (0..count).map(|_| Target::decode_from(reader)).collect::<Result<_, _>>()?;
        if number == 0 {
            return Err(DecodeError::Invalid { what: "number of a redaction" }); // TRA-7
        }
        if !targets.is_sorted_by(Target::is_before) {
            return Err(DecodeError::Invalid { what: "order of targets" }); // TRA-7
        }
        Ok(Self { number, asked_by, reason, policy, targets })
    }
}

/// The answer to a redaction: what came of each target, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureReceipt {
    /// The redaction's number in its sender's log.
    pub seq: u64,
    /// Under which rule it was done or refused.
    pub policy: PolicyId,
    /// One result for each target.
    pub results: Vec<Erasure>,
}

impl Encode for ErasureReceipt {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seq.to_be_bytes());
        self.policy.encode_into(out);
        let results = &self.results[..self.results.len().min(MAX_TARGETS)];
        out.push(u8::try_from(results.len()).unwrap_or(u8::MAX));
        out.extend(results.iter().map(|result| result.code()));
    }

    fn encoded_len(&self) -> usize {
        9 + self.policy.encoded_len() + self.results.len().min(MAX_TARGETS)
    }
}

impl Decode for ErasureReceipt {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let seq = reader.u64()?;
        let policy = PolicyId::decode_from(reader)?;
        let count = decode_count(reader)?;
        let results = (0..count).map(|_| Erasure::decode_from(reader)).collect::<Result<_, _>>()?;
        Ok(Self { seq, policy, results })
    }
}

/// Consent to something, by name: who is the log's owner, when is the leaf's time.
#[derive(Clone, PartialEq, Eq)]
pub struct Consent {
    /// Asked for, given or withdrawn.
    pub step: ConsentStep,
    /// Under which rule.
    pub policy: PolicyId,
    /// To what, in words of at most 255 bytes.
    pub what: String,
}

impl fmt::Debug for Consent {
    /// Without its words, which people have written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consent({:?}, {} bytes)", self.step, self.what.len())
    }
}

impl Encode for Consent {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.step.code());
        self.policy.encode_into(out);
        encode_text(&self.what, out);
    }

    fn encoded_len(&self) -> usize {
        2 + self.policy.encoded_len() + whole_characters(&self.what).len()
    }
}

impl Decode for Consent {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let step = ConsentStep::decode_from(reader)?;
        let policy = PolicyId::decode_from(reader)?;
        Ok(Self { step, policy, what: decode_text(reader)?.into() })
    }
}

fn decode_count(reader: &mut Reader<'_>) -> Result<usize, DecodeError> {
    match usize::from(reader.u8()?) {
        count if (1..=MAX_TARGETS).contains(&count) => Ok(count),
        _ => Err(DecodeError::Invalid { what: "number of targets" }), // TRA-7
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    let text = whole_characters(text);
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text.as_bytes());
}

/// As much of a text as fits 255 bytes.
fn whole_characters(text: &str) -> &str {
    let end = (0..=text.len().min(MAX_WHAT_LEN)).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

fn decode_text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    let len = usize::from(reader.u8()?);
    let invalid = |_| DecodeError::Invalid { what: "text of a notice" }; // TRA-7
    core::str::from_utf8(reader.take(len)?).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn redaction() -> Redaction {
        let target = Target { log: LogSide::Receiver, first: 7, count: 2, parts: 1 };
        Redaction {
            number: 3,
            asked_by: AskedBy::Receiver,
            reason: Reason::Wish,
            policy: PolicyId::new("gdpr-17").expect("visible"),
            targets: vec![target, Target { first: 9, ..target }],
        }
    }

    fn same<T: Encode + Decode + PartialEq + core::fmt::Debug>(value: &T) {
        let bytes = value.encode();
        assert_eq!(bytes.len(), value.encoded_len());
        assert_eq!(T::decode(&bytes).as_ref(), Ok(value));
        assert!((0..bytes.len()).all(|len| T::decode(&bytes[..len]).is_err()));
        assert!(T::decode(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn notices_round_trip() {
        same(&redaction());
        same(&redaction().targets[0]);
        assert_eq!(redaction().policy.as_str(), "gdpr-17");
        let policy = PolicyId::default();
        same(&ErasureReceipt {
            seq: 9,
            policy: policy.clone(),
            results: vec![Erasure::Erased; 64],
        });
        same(&Consent { step: ConsentStep::Given, policy, what: "é".repeat(127) });
    }

    /// TRA-7
    #[test]
    fn no_field_of_a_redaction_is_anything_else() {
        let good = redaction().encode();
        assert_eq!(good.len(), 4 + 2 + 8 + 1 + 30);
        for (place, byte) in [
            (3, 0), // number
            (4, 0), // asked by
            (4, 4),
            (5, 0), // reason
            (5, 6),
            (6, 65), // policy
            (7, b' '),
            (7, 0x7f),
            (14, 0), // targets
            (14, 65),
            (15, 0), // log
            (15, 3),
            (27, 0), // entries
            (29, 0), // parts
        ] {
            let mut bad = good.clone();
            bad[place] = byte;
            assert!(Redaction::decode(&bad).is_err(), "byte {place} = {byte}");
        }
        let mut beyond = good;
        beyond[16..24].fill(255);
        assert!(Redaction::decode(&beyond).is_err());
    }

    /// TRA-7
    #[test]
    fn receipts_and_consents_are_as_strict() {
        for bad in [&[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0][..], &[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 5]] {
            assert!(ErasureReceipt::decode(bad).is_err(), "{bad:?}");
        }
        for bad in [&[0, 0, 0][..], &[4, 0, 0], &[1, 0, 1, 0xff]] {
            assert!(Consent::decode(bad).is_err(), "{bad:?}");
        }
    }

    /// TRA-7
    #[test]
    fn a_notice_names_between_one_and_64_targets() {
        let with = |count: u8| {
            let mut bytes =
                ErasureReceipt { seq: 9, policy: PolicyId::default(), results: vec![] }.encode();
            *bytes.last_mut().expect("ends with the count") = count;
            bytes.resize(bytes.len() + usize::from(count), 1);
            ErasureReceipt::decode(&bytes)
        };
        assert!(with(1).is_ok() && with(64).is_ok());
        let refused = Err(DecodeError::Invalid { what: "number of targets" });
        assert_eq!([with(0), with(65)], [refused.clone(), refused]);
    }

    /// TRA-7
    #[test]
    fn targets_rise_and_stay_apart() {
        let target = |log, first, count| Target { log, first, count, parts: 1 };
        let (own, other) = (LogSide::Sender, LogSide::Receiver);
        let is_read = |targets: &[Target]| {
            let redaction = Redaction { targets: targets.to_vec(), ..redaction() };
            Redaction::decode(&redaction.encode()).is_ok()
        };
        assert!(is_read(&[target(own, 5, 2), target(own, 7, 1), target(other, 0, 1)]));
        assert!(!is_read(&[target(own, 5, 2), target(own, 6, 1)]), "one in both");
        assert!(!is_read(&[target(own, 5, 2), target(own, 5, 2)]), "twice");
        assert!(!is_read(&[target(own, 5, 2), target(own, 0, 1)]), "falling");
        assert!(!is_read(&[target(other, 0, 1), target(own, 5, 2)]), "the other log first");
    }

    #[test]
    fn entries_are_named_in_one_way() {
        let (own, other) = (LogSide::Sender, LogSide::Receiver);
        let entries =
            [(other, 3, 1), (own, 8, 1), (own, 7, 1), (own, 9, 2), (own, 7, 1), (own, 9, 1)];
        let target = |log, first, count, parts| Target { log, first, count, parts };
        let expected = [target(own, 7, 2, 1), target(own, 9, 1, 3), target(other, 3, 1, 1)];
        assert_eq!(Target::of_entries(entries), expected);
        assert_eq!(Target::of_entries([(own, u64::MAX, 1)]).len(), 1);
        assert!(!target(own, 7, 2, 1).goes_on_with(own, 10, 1), "entry 9 is between");
        let full = target(own, 0, u32::MAX, 1);
        assert!(!full.goes_on_with(own, u32::MAX.into(), 1), "its count has 32 bits");
        assert!(target(own, 1, u32::MAX - 1, 1).goes_on_with(own, u32::MAX.into(), 1));
    }

    #[test]
    fn a_target_covers_its_range() {
        let target = redaction().targets[0];
        assert_eq!([6, 7, 8, 9].map(|seq| target.covers(seq)), [false, true, true, false]);
    }

    #[test]
    fn a_rule_has_a_visible_name_of_at_most_64_characters() {
        let longest = "a".repeat(64);
        assert_eq!(PolicyId::new(&longest).as_ref().map(PolicyId::as_str), Some(&longest[..]));
        for bad in ["a".repeat(65), "house rules".into(), "håus".into()] {
            assert_eq!(PolicyId::new(&bad), None, "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_words() {
        let what = "keeping this".into();
        let consent = Consent { step: ConsentStep::Given, policy: PolicyId::default(), what };
        assert_eq!(alloc::format!("{consent:?}"), "Consent(Given, 12 bytes)");
    }

    #[test]
    fn words_that_are_too_long_are_cut_between_characters() {
        let what = "é".repeat(200);
        let consent = Consent { step: ConsentStep::Asked, policy: PolicyId::default(), what };
        let bytes = consent.encode();
        assert_eq!(bytes.len(), consent.encoded_len());
        assert_eq!(Consent::decode(&bytes).map(|consent| consent.what.len()), Ok(254));
    }
}
