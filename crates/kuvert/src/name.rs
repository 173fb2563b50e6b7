//! Petnames: what a person calls someone, chosen here and never sent.

use core::fmt;
use core::str::FromStr;

/// The most characters in a name.
pub const MAX_NAME_CHARS: usize = 64;

/// A name for a contact: 1 to 64 visible characters, no spaces at its ends, nothing that steers a screen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Petname(String);

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing, or nothing but spaces.
    #[error("a name is empty")]
    Empty,
    /// More than [`MAX_NAME_CHARS`] characters.
    #[error("a name has at most {MAX_NAME_CHARS} characters")]
    TooLong,
    /// Spaces at an end, control characters, line breaks, direction overrides, a leading dash.
    #[error("a name has no control characters, no spaces at its ends and no leading dash")]
    Characters,
    /// It looks like an address.
    #[error("a name is not an address")]
    LooksLikeAddress,
}

impl Petname {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Petname {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            _ if text.trim().is_empty() => Err(NameError::Empty),
            _ if text.chars().count() > MAX_NAME_CHARS => Err(NameError::TooLong),
            _ if text.contains("://") => Err(NameError::LooksLikeAddress),
            _ if text != text.trim() || text.starts_with('-') || text.chars().any(is_unseen) => {
                Err(NameError::Characters)
            }
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// Characters that are not seen, or move what stands around them.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for Petname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_are_names() {
        for text in ["bob", "Søren Å", "שרה", "O'Neil (work)", "b"] {
            assert_eq!(text.parse::<Petname>().expect("a name").as_str(), text);
        }
        assert!("é".repeat(64).parse::<Petname>().is_ok());
    }

    #[test]
    fn what_would_deceive_or_break_a_line_is_none() {
        let refused = |text: &str| text.parse::<Petname>().expect_err("not a name");
        assert_eq!(refused(""), NameError::Empty);
        assert_eq!(refused("  "), NameError::Empty);
        assert_eq!(refused(&"x".repeat(65)), NameError::TooLong);
        assert_eq!(refused("kuvert://relay/x"), NameError::LooksLikeAddress);
        for text in [" bob", "bob ", "b\nob", "b\u{202e}ob", "--help", "b\u{200b}ob", "\u{1b}[2J"] {
            assert_eq!(refused(text), NameError::Characters, "{text:?}");
        }
    }
}
