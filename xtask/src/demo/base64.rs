//! How a text would look inside of base64, wherever it begins there.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The characters that stand for `text` alone, when 0, 1 or 2 bytes (modulo 3) come before it.
pub(super) fn needles(text: &[u8]) -> [Vec<u8>; 3] {
    [0, 1, 2].map(|before: usize| {
        let bytes = [vec![0; before], text.to_vec()].concat();
        // Characters that also carry bits of the neighbours are left away, at both ends.
        let begin = (before * 8).div_ceil(6);
        let end = bytes.len() * 8 / 6;
        (begin..end).map(|index| character(&bytes, index)).collect()
    })
}

/// The character of the bits `6 * index ..`.
fn character(bytes: &[u8], index: usize) -> u8 {
    let bit = index * 6;
    let at = |n: usize| u16::from(*bytes.get(n).unwrap_or(&0));
    let pair = at(bit / 8) << 8 | at(bit / 8 + 1);
    ALPHABET[usize::from(pair >> (10 - bit % 8) & 0x3f)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known from outside: `printf 'say heron' | base64` and with one and two bytes less in front.
    #[test]
    fn each_alignment() {
        let [even, one, two] = needles(b"heron");
        assert_eq!(even, b"aGVyb2"); // aGVyb24=
        assert!(b"eGhlcm9u".ends_with(&one)); // "xheron"
        assert!(b"eHhoZXJvbg==".windows(two.len()).any(|part| part == two)); // "xxheron"
        assert_eq!([even.len(), one.len(), two.len()], [6, 6, 6]);
    }
}
