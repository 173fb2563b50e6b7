//! What strangers wrote, shown so that it steers no terminal and cannot pass for this program's own lines.

use kuvert_wire::Timestamp;

/// Characters that change the direction or visibility of what stands around them.
const fn steers_layout(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{200e}' | '\u{200f}'      // direction marks
        | '\u{202a}'..='\u{202e}'                 // embeddings and overrides
        | '\u{2066}'..='\u{2069}'                 // isolates
        | '\u{2028}' | '\u{2029}' | '\u{feff}'    // separators, byte order mark
        | '\u{e0000}'..='\u{e007f}') // tags
}

/// Several lines of text; line breaks and tabs stay, and later lines are indented as the first one is.
pub(crate) fn block(text: &str, indent: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\t' => out.push(c),
            '\n' => out.extend(["\n", indent]),
            c if c.is_control() || steers_layout(c) => {
                out.push_str(&format!("<U+{:04X}>", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `2025-10-09 08:53:20 UTC`.
pub(crate) fn utc(time: Timestamp) -> String {
    let seconds = time.as_millis() / 1000;
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date_of(day);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of a day since 1 January 1970. Years are counted from March, so that a leap day is the last.
const fn date_of(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468; // from 1 March of the year 0
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // from March: months of 31, 30, 31, 30, 31 days, again and again
    let day = day - (153 * month + 2) / 5 + 1;
    let is_next = month >= 10;
    let year = 400 * era + year + is_next as u64;
    (year, if is_next { month - 9 } else { month + 3 }, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (millis, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399_999, "2000-02-28 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (951_868_800_000, "2000-03-01 00:00:00 UTC"),
            (1_735_689_599_000, "2024-12-31 23:59:59 UTC"),
            (1_760_000_000_000, "2025-10-09 08:53:20 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(Timestamp::from_millis(millis)), text);
        }
        assert!(!utc(Timestamp::from_millis(u64::MAX)).is_empty());
    }

    #[test]
    fn text_of_strangers_is_seen_and_does_nothing() {
        let shown = block("a\u{1b}[2J\u{202e}b\r\nvalid: all\r\tc", "  ");
        assert_eq!(shown, "a<U+001B>[2J<U+202E>b\n  valid: all<U+000D>\tc");
        assert_eq!(block("blå 👩\u{200d}👧 שלום", "  "), "blå 👩\u{200d}👧 שלום");
    }
}
