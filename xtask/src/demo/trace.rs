//! Searches files for a text in the spellings that programs use.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::base64;
use crate::source::files;

/// What a search came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) files: usize,
    pub(super) hits: usize,
}

/// Looks for `canary` in the contents and names of all files in `places`.
pub(super) fn search(canary: &str, places: &[&Path]) -> Result<Found> {
    let needles = spellings(canary);
    let mut found = Found { files: 0, hits: 0 };
    for path in all(places)? {
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.files += 1;
        found.hits += hits(&bytes, &needles) + hits(name.as_bytes(), &needles);
    }
    Ok(found)
}

fn all(places: &[&Path]) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for place in places {
        if place.is_dir() { paths.extend(files(place)?) } else { paths.push(place.to_path_buf()) }
    }
    Ok(paths)
}

fn spellings(text: &str) -> Vec<Vec<u8>> {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        text.as_bytes().to_vec(),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    all.extend(base64::needles(text.as_bytes()));
    all
}

fn hits(bytes: &[u8], needles: &[Vec<u8>]) -> usize {
    needles
        .iter()
        .map(|needle| bytes.windows(needle.len()).filter(|part| part == needle).count())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("utf8", b"..heron..");
        write("utf16", b"h\0e\0r\0o\0n\0");
        write("hex", b"6865726f6e and 6865726F6E");
        write("base64", b"eHhoZXJvbg==");
        write("a-heron-in-a-name", b"");
        write("clean", b"her on");
        assert_eq!(search("heron", &[folder.path()]).unwrap(), Found { files: 6, hits: 6 });
    }
}
