//! Rust source as text: what is code, what is a comment, what is a test.
//!
//! The checks need no more than that, and a scanner of one page needs no parser crate.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// All files under `folder`, sorted, without build output and hidden folders.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(folder, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.') && name != ".ci" && name != ".config";
        if hidden || name == "target" || name == "node_modules" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), found)?;
        } else {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// The code alone: comments and the contents of literals become spaces, lines stay where they are.
pub(crate) fn code_of(source: &str) -> String {
    let mut code = source.as_bytes().to_vec();
    for range in comments_and_literals(source) {
        for byte in &mut code[range] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    // Only whole comments and literals were blanked, so no character was cut.
    String::from_utf8_lossy(&code).into_owned()
}

/// The byte ranges of `#[cfg(test)] mod NAME { … }`, attribute included.
pub(crate) fn inline_tests(code: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (start, attribute) in code.match_indices("#[cfg(test)]") {
        let after = start + attribute.len();
        let rest = &code[after..];
        let Some(open) = rest.find(['{', ';']) else {
            continue;
        };
        let is_module = rest[..open].split_whitespace().any(|word| word == "mod");
        if is_module && rest[open..].starts_with('{') {
            found.push(start..after + open + block_len(&rest[open..]));
        }
    }
    found
}

/// The names in `#[cfg(test)] mod NAME;`: files that hold tests only.
fn test_files(code: &str) -> Vec<String> {
    let declared = code.match_indices("#[cfg(test)]").filter_map(|(start, attribute)| {
        let (head, _) = code[start + attribute.len()..].split_once(';')?;
        let name = head.trim().strip_prefix("mod ")?.trim();
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        plain.then(|| name.to_owned())
    });
    declared.collect()
}

/// Files and folders that a `#[cfg(test)] mod name;` brings in.
pub(crate) fn paths_of_tests(all: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in all.iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let stem = path.file_stem().unwrap_or_default();
        let beside = path.parent().unwrap_or(path);
        let is_root = stem == "mod" || stem == "lib" || stem == "main";
        let folder = if is_root { beside.to_path_buf() } else { beside.join(stem) };
        for name in test_files(&code_of(&fs::read_to_string(path)?)) {
            found.push(folder.join(format!("{name}.rs")));
            found.push(folder.join(name));
        }
    }
    Ok(found)
}

/// The bytes from `{` to its matching `}`.
fn block_len(code: &str) -> usize {
    let mut depth = 0_usize;
    for (index, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return index + 1;
        }
    }
    code.len()
}

fn comments_and_literals(source: &str) -> Vec<Range<usize>> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &source.as_bytes()[at..];
        let len = comment_len(rest)
            .or_else(|| raw_string_len(rest, before(bytes, at)))
            .or_else(|| quoted_len(rest));
        match len {
            Some(len) => {
                found.push(at..at + len);
                at += len;
            }
            None => at += 1,
        }
    }
    found
}

fn before(bytes: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(b' ', |previous| bytes[previous])
}

fn comment_len(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"//") {
        return Some(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with(b"/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
        } else {
            at += 1;
        }
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// `r"…"`, `r#"…"#`; `previous` tells an identifier that ends in r from a raw string.
fn raw_string_len(rest: &[u8], previous: u8) -> Option<usize> {
    let part_of_name = (previous.is_ascii_alphanumeric() && previous != b'b') || previous == b'_';
    if part_of_name || rest.first() != Some(&b'r') {
        return None;
    }
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let end: Vec<u8> = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let body = 2 + hashes;
    let close = rest[body..].windows(end.len()).position(|window| window == end);
    Some(close.map_or(rest.len(), |close| body + close + end.len()))
}

/// A string or a character, quotes included; a lifetime is neither.
fn quoted_len(rest: &[u8]) -> Option<usize> {
    let quote = *rest.first()?;
    if quote == b'\'' && is_lifetime(rest) || !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    Some((at + 1).min(rest.len()))
}

/// `'a` without a closing quote right after its first character.
fn is_lifetime(rest: &[u8]) -> bool {
    let named = rest.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    named && rest.get(2) != Some(&b'\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        let code = code_of(
            "use crate::a; // use crate::b\nlet s = \"crate::c\"; /* crate::d /* x */ y */ 'z'",
        );
        assert!(code.contains("use crate::a;"));
        for gone in ["crate::b", "crate::c", "crate::d", "y", "z"] {
            assert!(!code.contains(gone), "{gone} in {code}");
        }
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn lifetimes_escapes_and_raw_strings() {
        assert_eq!(
            code_of("fn f<'a>(x: &'a str) { g('\\'', \"\\\"\") }"),
            "fn f<'a>(x: &'a str) { g(    ,     ) }"
        );
        assert_eq!(code_of("r#\"a\"b\"# + br\"c\" + var"), "         + b     + var");
    }

    #[test]
    fn tests_are_found_inline_and_by_file() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { {} } }\nfn c() {}\n#[cfg(test)]\nmod laws;\n";
        let ranges = inline_tests(code);
        assert_eq!(ranges.len(), 1);
        assert!(code[ranges[0].clone()].ends_with("{} } }"));
        assert_eq!(test_files(code), ["laws"]);
    }
}
