//! Looking for words in what the relay kept.

use std::fs;
use std::io;
use std::path::Path;

use super::Step;

/// Counts the files in a folder, their bytes, and the texts in them.
pub(super) fn look(folder: &Path, texts: &[&str]) -> io::Result<Step<'static>> {
    let (mut files, mut bytes, mut texts_found) = (0, 0, 0);
    for entry in fs::read_dir(folder)? {
        let content = fs::read(entry?.path())?;
        files += 1;
        bytes += u64::try_from(content.len()).unwrap_or(u64::MAX);
        texts_found += texts.iter().map(|text| occurrences(&content, text)).sum::<usize>();
    }
    Ok(Step::Seen { files, bytes, texts_found })
}

fn occurrences(content: &[u8], text: &str) -> usize {
    content.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_there_are_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), b"xx heron yy heron").unwrap();
        let found = look(folder.path(), &["heron", "stork"]).unwrap();
        assert!(matches!(found, Step::Seen { files: 1, bytes: 17, texts_found: 2 }));
    }
}
