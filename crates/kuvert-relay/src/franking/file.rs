//! The file of franking keys in the relay's data folder: text, one key a line, for its owner's eyes only.
//!
//! ```text
//! kuvert-relay franking keys 1
//! NUMBER MADE_MILLIS KEY_HEX
//! ```
//! It is no table of the database, so that reports can be checked while the relay runs. A new version takes the place of
//! the old one at once: whoever reads sees the one or the other.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use kuvert_wire::Timestamp;
use zeroize::Zeroizing;

use super::keys::{FrankingKeys, Key};

/// The file's name in the data folder.
pub const FILE_NAME: &str = "franking-keys";
const FIRST_LINE: &str = "kuvert-relay franking keys 1";

/// Why the file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is not a file of keys of this version.
    #[error(
        "{} is damaged in line {line}; if it is removed, new keys are made, and what was carried until now can no longer be reported",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The system has no random numbers.
    #[error("cannot make a franking key: {0}")]
    Random(#[from] getrandom::Error),
}

/// The file, whether or not it exists.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The file in this folder.
    #[must_use]
    pub fn in_folder(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE_NAME) }
    }

    /// Reads the keys; `None` if there is no file.
    ///
    /// # Errors
    ///
    /// [`KeyFileError::Unreadable`], [`KeyFileError::Damaged`].
    pub fn read(&self) -> Result<Option<FrankingKeys>, KeyFileError> {
        let path = &self.path;
        match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => parse(&text).map(Some).map_err(|line| {
                let path = path.clone();
                KeyFileError::Damaged { path, line }
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(KeyFileError::Unreadable { path: path.clone(), source }),
        }
    }

    /// The keys as they should be at `now`, after they were written if they were not so.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`]. The file is as before then.
    pub fn renew(
        &self,
        keys: &FrankingKeys,
        now: Timestamp,
    ) -> Result<Option<FrankingKeys>, KeyFileError> {
        let renewed = keys.renewed(now, random)?;
        if let Some(keys) = &renewed {
            let written = replace(&self.path, format(keys).as_bytes());
            written
                .map_err(|source| KeyFileError::Unwritable { path: self.path.clone(), source })?;
        }
        Ok(renewed)
    }
}

fn random() -> Result<[u8; 32], getrandom::Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map(|()| secret)
}

fn format(keys: &FrankingKeys) -> Zeroizing<String> {
    // Long enough never to move and leave a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(64 + 100 * keys.0.len()));
    text.push_str(FIRST_LINE);
    for Key { id, made, secret } in &keys.0 {
        // Writing to a string does not fail.
        let _ = write!(text, "\n{id} {} ", made.as_millis());
        for byte in secret.iter() {
            let _ = write!(text, "{byte:02x}");
        }
    }
    text.push('\n');
    text
}

/// The keys, or the line that is wrong.
fn parse(text: &str) -> Result<FrankingKeys, usize> {
    let mut lines = (1..).zip(text.lines());
    if lines.next().is_none_or(|(_, first)| first != FIRST_LINE) {
        return Err(1);
    }
    let keys = lines.map(|(number, line)| parse_key(line).ok_or(number));
    keys.collect::<Result<_, _>>().map(FrankingKeys)
}

fn parse_key(line: &str) -> Option<Key> {
    let mut words = line.split(' ');
    let (id, made) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let secret = parse_hex(words.next()?)?;
    let made = Timestamp::from_millis(made);
    words.next().is_none().then_some(Key { id, made, secret })
}

fn parse_hex(digits: &str) -> Option<Zeroizing<[u8; 32]>> {
    let is_hex = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let mut secret = Zeroizing::new([0; 32]);
    for (at, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    is_hex.then_some(secret)
}

/// Puts a file in the place of `path` that survives a crash, and that nobody but its owner can read at any time.
fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = create_private(&new)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

fn create_private(path: &Path) -> io::Result<File> {
    // What an earlier attempt left behind may be readable for others: it is made anew, never reused.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
