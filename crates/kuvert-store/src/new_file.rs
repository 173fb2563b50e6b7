//! Making a file so that whoever sees its name sees all of it: written under another name, synced,
//! then given its own.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Makes an empty file that only its owner may read and write. Fails if there is one.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A name beside `target` that nobody else has.
pub(crate) fn draft_name(target: &Path) -> Result<PathBuf, StoreError> {
    let file = target.file_name().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
    let number = getrandom::u64().map_err(|_| StoreError::Rng)?;
    let mut name = OsString::from(".");
    name.push(file);
    name.push(format!(".{number:016x}.new"));
    Ok(target.with_file_name(name))
}

/// Gives the finished file at `draft` the name `target` as well, unless something has it.
pub(crate) fn give_name(draft: &Path, target: &Path) -> Result<(), StoreError> {
    match fs::hard_link(draft, target) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(StoreError::AlreadyExists { path: target.to_owned() });
        }
        // For file systems without links: as good, but for a second creator in the same instant.
        Err(_) => {
            refuse_existing(target)?;
            fs::rename(draft, target)?;
        }
    }
    Ok(())
}

/// Fails if there is something of this name, be it a link to nowhere.
pub(crate) fn refuse_existing(path: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(StoreError::AlreadyExists { path: path.to_owned() }), // STO-1
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes a new name durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// `path` with `suffix` at its end.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
