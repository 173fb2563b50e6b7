//! How bytes may be spelled in a text. The beginning, the middle and the end of a secret are looked
//! for apart, so that a shortened print is found too.

use std::fmt::Write as _;

/// Bytes of a piece. Fewer would be found by chance; ids show four.
const PIECE: usize = 6;
const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Every spelling of three pieces of `secret`.
pub(crate) fn spellings(secret: &[u8]) -> impl Iterator<Item = (&'static str, String)> {
    let last = secret.len() - PIECE;
    // Base64 has whole letters at multiples of three bytes.
    let places = [0, last / 2 / 3 * 3, last / 3 * 3, last];
    places.into_iter().flat_map(|place| spelled(&secret[place..place + PIECE]))
}

fn spelled(piece: &[u8]) -> Vec<(&'static str, String)> {
    let hex = joined(piece, "", |byte| format!("{byte:02x}"));
    let base64 = base64(piece);
    let mut all = vec![
        ("in hex", hex.to_uppercase()),
        ("in hex", hex),
        ("as a list", joined(piece, ", ", |byte| byte.to_string())),
        ("as a list of hex", joined(piece, ", ", |byte| format!("{byte:x}"))),
        ("as a list of hex", joined(piece, ", ", |byte| format!("{byte:02x}"))),
        ("in base64", base64.replace('+', "-").replace('/', "_")),
        ("in base64", base64),
        ("escaped", piece.escape_ascii().to_string()),
    ];
    // The form of `{:#?}`, however deep.
    for depth in 1..=8 {
        let between = format!(",\n{}", " ".repeat(4 * depth));
        all.push(("as a tall list", joined(piece, &between, |byte| byte.to_string())));
    }
    all.extend(std::str::from_utf8(piece).ok().map(|text| ("as text", text.to_owned())));
    all
}

fn joined(bytes: &[u8], between: &str, spell: impl Fn(&u8) -> String) -> String {
    bytes.iter().map(spell).collect::<Vec<_>>().join(between)
}

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks_exact(3) {
        let number = chunk.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        for shift in [18, 12, 6, 0] {
            write!(out, "{}", char::from(STANDARD[number >> shift & 63])).unwrap();
        }
    }
    out
}
