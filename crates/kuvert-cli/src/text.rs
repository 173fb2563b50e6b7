//! Remote text is data: nothing that a peer writes may steer the reader's terminal.
//!
//! Control characters and bidirectional overrides are shown as visible marks. In JSON they are
//! escaped: the reader of the object gets every character, a terminal shows it harmlessly, and a
//! reader of lines that knows Unicode's line ends sees one line.

/// Characters that change the direction or visibility of what stands around them.
fn steers_layout(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{200e}' | '\u{200f}'      // direction marks
        | '\u{202a}'..='\u{202e}'                 // embeddings and overrides
        | '\u{2066}'..='\u{2069}'                 // isolates
        | '\u{2028}' | '\u{2029}' | '\u{feff}'    // separators, byte order mark
        | '\u{e0000}'..='\u{e007f}') // tags
}

/// Escapes in a JSON text what may steer a terminal or end a line. All of it stands in strings: JSON
/// itself is ASCII.
pub(crate) fn escape_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() || steers_layout(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Appends `c` to `out` so that it is seen and does nothing.
fn push_visible(out: &mut String, c: char) {
    match c {
        '\0'..='\u{1f}' => {
            let picture = char::from_u32(0x2400 + u32::from(c));
            out.push(picture.unwrap_or('\u{fffd}'));
        }
        '\u{7f}' => out.push('\u{2421}'),
        c if c.is_control() || steers_layout(c) => {
            out.push_str(&format!("<U+{:04X}>", u32::from(c)))
        }
        c => out.push(c),
    }
}

/// One line of remote text: no escapes, no overrides, no line breaks.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_visible(&mut out, c));
    out
}

/// Several lines of remote text; line breaks and tabs stay, later lines are indented, so that no
/// message can pretend to be the next one.
pub(crate) fn block(text: &str, indent: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.push('\n');
            out.push_str(indent);
        }
        for c in line.strip_suffix('\r').unwrap_or(line).chars() {
            if c == '\t' { out.push(c) } else { push_visible(&mut out, c) }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_pictures() {
        assert_eq!(one_line("a\u{1b}[2Jb\rc\nd\u{7f}"), "a␛[2Jb␍c␊d␡");
        assert_eq!(one_line("\u{9b}31m"), "<U+009B>31m");
    }

    #[test]
    fn overrides_become_marks() {
        assert_eq!(one_line("pdf\u{202e}exe"), "pdf<U+202E>exe");
        assert!(
            !one_line("\u{2066}\u{feff}\u{200f}").contains(['\u{2066}', '\u{feff}', '\u{200f}'])
        );
    }

    #[test]
    fn json_is_one_line_and_steers_nothing_and_says_the_same() {
        let text =
            "a\u{2028}b\u{2029}c\u{85}d\u{9b}31m\u{202e}e\u{7f}\u{2066}\u{e0041}\n\"é👩\u{200d}👧";
        let escaped = escape_json(&serde_json::to_string(text).unwrap());
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        assert!(!escaped.chars().any(|c| c.is_control() || steers_layout(c)), "{escaped}");
        assert!(escaped.contains(r"a\u2028b\u2029c\u0085d\u009b31m\u202ee"), "{escaped}");
        assert!(escaped.ends_with("é👩\u{200d}👧\""), "{escaped}");
    }

    #[test]
    fn scripts_and_emoji_pass_unchanged() {
        for text in ["שלום עולם", "مرحبا", "blå bær", "👩\u{200d}👩\u{200d}👧", " "]
        {
            assert_eq!(one_line(text), text);
        }
    }

    #[test]
    fn later_lines_are_indented() {
        assert_eq!(block("one\r\ntwo\n14:02 eve: hi", "  "), "one\n  two\n  14:02 eve: hi");
    }
}
