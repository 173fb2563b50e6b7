//! The safety number: 60 digits that two people compare to know that nobody is between them.
//!
//! ```text
//! XL(HL("safety", lo || hi), "safety-digits", "", 60)     each 5 bytes mod 100,000: 12 groups of 5 digits
//! ```
//! `lo` and `hi` are the two account keys in byte order, so both sides see the same digits. 60 digits
//! are 199 bits: whoever wants a second pair of keys with the same number has to search for it in vain.
//!
//! # Spec
//!
//! `spec/01-identity.md`, "Safety number".

use core::fmt;

use kuvert_wire::AccountKey;

use crate::crypto::ct_same;
use crate::crypto::kdf::{Expander, Label, hash};
use crate::secret::Secret;

const GROUPS: usize = 12;
const GROUP_LEN_BYTES: usize = 5;
const DIGITS: usize = 60;

/// The safety number of two accounts; `Display` shows 12 groups of 5 digits, with a space between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyNumber {
    accounts: [AccountKey; 2],
    digits: [u8; DIGITS],
}

impl SafetyNumber {
    /// The number of these two accounts, in whichever order.
    #[must_use]
    pub fn between(one: &AccountKey, other: &AccountKey) -> Self {
        let accounts = [*one.min(other), *one.max(other)];
        let [lo, hi] = &accounts;
        let key = Secret::copied_from(&hash(Label::SAFETY, &[lo.as_bytes(), hi.as_bytes()]));
        let bytes = Expander::new(&key).expand_public(Label::SAFETY_DIGITS, &[]);
        Self { accounts, digits: digits(&bytes) }
    }

    /// Compares with what the other side reads aloud or shows; white space does not count.
    ///
    /// `None` unless all 60 digits are there and equal. Only this makes a [`SafetyNumberMatch`]. How long
    /// it takes does not depend on which digits differ.
    ///
    /// # Spec
    ///
    /// `spec/01-identity.md`; check IDN-5.
    #[must_use]
    pub fn compare(&self, theirs: &str) -> Option<SafetyNumberMatch> {
        let mut theirs = theirs.chars().filter(|c| !c.is_whitespace());
        // What is no character of one byte is no digit, and 0 is none either.
        let mut digit = || u8::try_from(theirs.next()?).ok();
        let read = core::array::from_fn::<_, DIGITS, _>(|_| digit().unwrap_or(0));
        let is_same = ct_same(&self.digits, &read) && theirs.next().is_none();
        is_same.then_some(SafetyNumberMatch { accounts: self.accounts }) // IDN-5
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, &digit) in self.digits.iter().enumerate() {
            if place > 0 && place % GROUP_LEN_BYTES == 0 {
                f.write_str(" ")?;
            }
            write!(f, "{}", char::from(digit))?;
        }
        Ok(())
    }
}

/// The fact that two safety numbers were compared and are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyNumberMatch {
    accounts: [AccountKey; 2],
}

impl SafetyNumberMatch {
    /// Whether it was these two accounts, in whichever order, whose numbers were compared.
    #[must_use]
    pub fn is_between(&self, one: &AccountKey, other: &AccountKey) -> bool {
        self.accounts == [*one.min(other), *one.max(other)]
    }
}

/// Each 5 bytes as a number mod 100,000, in ASCII.
fn digits(bytes: &[u8; GROUPS * GROUP_LEN_BYTES]) -> [u8; DIGITS] {
    let mut out = [0; DIGITS];
    for (group, digits) in bytes.chunks(GROUP_LEN_BYTES).zip(out.chunks_mut(GROUP_LEN_BYTES)) {
        let mut number = group.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).expect("a digit");
            number /= 10;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;

    fn number() -> SafetyNumber {
        SafetyNumber::between(&AccountKey::from_bytes([1; 32]), &AccountKey::from_bytes([2; 32]))
    }

    #[test]
    fn both_sides_see_the_same() {
        let (one, other) = (AccountKey::from_bytes([1; 32]), AccountKey::from_bytes([2; 32]));
        assert_eq!(SafetyNumber::between(&other, &one), number());
        let matched = number().compare(&number().to_string()).unwrap();
        assert!(matched.is_between(&other, &one));
        assert!(!matched.is_between(&one, &one));
    }

    #[test]
    fn it_is_twelve_groups_of_five_digits() {
        let text = number().to_string();
        let groups: alloc::vec::Vec<_> = text.split(' ').collect();
        assert_eq!(groups.len(), 12);
        assert!(groups.iter().all(|g| g.len() == 5 && g.bytes().all(|b| b.is_ascii_digit())));
    }

    /// IDN-5
    #[test]
    fn a_near_miss_is_no_match() {
        let text = number().to_string();
        let plain: String = text.split(' ').collect();
        assert!(number().compare(&plain).is_some());
        assert!(number().compare(&text.replace(' ', "\n")).is_some());
        for wrong in ["", &plain[..59], &text[1..], &(plain.clone() + "0"), &text.replace(' ', "-")]
        {
            assert!(number().compare(wrong).is_none(), "{wrong}");
        }
        for place in 0..60 {
            let mut bytes = plain.clone().into_bytes();
            bytes[place] = if bytes[place] == b'9' { b'0' } else { bytes[place] + 1 };
            assert!(number().compare(&String::from_utf8(bytes).unwrap()).is_none());
        }
    }
}
