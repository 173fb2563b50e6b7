//! The anchor in a file: two slots, of which the higher one counts and the lower one is written.
//!
//! ```text
//! file (4,141) = slot 45 at 0 | zeros | slot 45 at 4,096
//! ```
//! A write that is cut short costs the slot that it went to; the other one still says the generation
//! before. The slots lie in different blocks, as a loss of power can take a whole one.
//!
//! The file is made durable when it is made, and never again: a loss of power may take away the last
//! seconds of it. It is behind then, which is no alarm and lasts until the next batch. Waiting for the
//! device would double the price of every message.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf, absolute};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Anchor;
use super::key::AnchorKey;
use super::slot::{self, SLOT_LEN};
use crate::error::{Part, StoreError};
use crate::file_id::FileId;
use crate::new_file::{create_private, draft_name, give_name, sync_folder};

/// Where the slots are: each in a block of its own.
const SLOTS: [usize; 2] = [0, 4096];
const FILE_LEN: usize = SLOTS[1] + SLOT_LEN;

/// Others hold the file for microseconds.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

/// An anchor in a file of its own, beside the store or, better, where backups do not put it back.
///
/// It notices a store that was put back alone. It does not notice one that was put back together with
/// this file, or whose anchor was deleted: a missing file is made anew and knows of nothing.
///
/// Several processes may have it open. 4,141 bytes, mode 0600 on Unix; what it says can be read by
/// whoever has it, and made only with the store's key.
///
/// # Spec
///
/// `spec/09-storage.md`, "The anchor".
pub struct FileAnchor {
    path: PathBuf,
    key: AnchorKey,
    open: Mutex<Open>,
    /// How long to wait for others.
    patience: Duration,
}

/// The file as it was opened.
struct Open {
    file: File,
    id: FileId,
}

impl FileAnchor {
    /// Opens the anchor in the file at `path`, or makes one that knows of nothing.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Unreadable`] of the anchor: the file is damaged, or another store's. It stays as
    ///   it is. Whoever is sure that the store is not an old copy may delete it.
    /// - `Busy`, `Full`, `NotWritable`, `Io`, `Rng`.
    pub fn open(path: impl AsRef<Path>, key: AnchorKey) -> Result<Self, StoreError> {
        // A change of the working directory must not lead to another anchor.
        let path = absolute(path)?;
        let open = Mutex::new(Open::at(&path, &key)?);
        let anchor = Self { path, key, open, patience: PATIENCE };
        anchor.highest()?;
        Ok(anchor)
    }

    /// The file, locked against others. One that was deleted or replaced is opened again: an anchor
    /// that others do not see would be none.
    fn locked(&self) -> Result<Locked<'_>, StoreError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if FileId::at(&self.path) != open.id {
            *open = Open::at(&self.path, &self.key)?;
        }
        Locked::new(open, self.patience)
    }
}

impl Anchor for FileAnchor {
    fn highest(&self) -> Result<u64, StoreError> {
        let (_, highest) = self.locked()?.slots(&self.key)?;
        Ok(highest)
    }

    fn raise(&mut self, generation: u64) -> Result<(), StoreError> {
        let mut file = self.locked()?;
        let (lower, highest) = file.slots(&self.key)?;
        if generation > highest {
            file.write(lower, &slot::encode(generation, &self.key))?;
        }
        Ok(())
    }
}

impl Open {
    fn at(path: &Path, key: &AnchorKey) -> Result<Self, StoreError> {
        let open = || File::options().read(true).write(true).open(path);
        let opened = match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => match make(path, key) {
                // Another process was first; its file is as good.
                Ok(()) | Err(StoreError::AlreadyExists { .. }) => open(),
                Err(error) => return Err(error),
            },
            opened => opened,
        };
        match opened {
            Ok(file) => Self::of(file),
            Err(error) if error.kind() == ErrorKind::IsADirectory => Err(unreadable()),
            Err(error) => Err(error.into()),
        }
    }

    fn of(file: File) -> Result<Self, StoreError> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(unreadable());
        }
        Ok(Self { file, id: FileId::of(&metadata) })
    }
}

/// The file while it is locked against others.
struct Locked<'a>(MutexGuard<'a, Open>);

impl<'a> Locked<'a> {
    fn new(open: MutexGuard<'a, Open>, patience: Duration) -> Result<Self, StoreError> {
        let deadline = Instant::now() + patience;
        loop {
            match open.file.try_lock() {
                Ok(()) => return Ok(Self(open)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(StoreError::Busy),
                // Without locks a raise can be lost among several processes, and nothing else.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                    return Ok(Self(open));
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }

    /// Which slot is to be written next, and the generation that counts.
    fn slots(&mut self, key: &AnchorKey) -> Result<(usize, u64), StoreError> {
        let mut bytes = [0; FILE_LEN];
        self.0.file.seek(SeekFrom::Start(0))?;
        match self.0.file.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(unreadable()),
            Err(error) => return Err(error.into()),
        }
        let [first, second] = SLOTS.map(|at| slot::decode(&bytes[at..at + SLOT_LEN], key));
        let highest = first.max(second).ok_or_else(unreadable)?; // STO-16
        let lower = if first <= second { SLOTS[0] } else { SLOTS[1] };
        Ok((lower, highest))
    }

    fn write(&mut self, at: usize, slot: &[u8; SLOT_LEN]) -> io::Result<()> {
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        self.0.file.seek(SeekFrom::Start(at))?;
        self.0.file.write_all(slot)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // It is unlocked when the process ends, whatever this says.
        let _ = self.0.file.unlock();
    }
}

/// Makes a file that knows of nothing, durable before it has its name.
fn make(path: &Path, key: &AnchorKey) -> Result<(), StoreError> {
    let draft = draft_name(path)?;
    let mut file = create_private(&draft)?;
    let mut fill = || {
        let mut bytes = [0; FILE_LEN];
        SLOTS
            .iter()
            .for_each(|&at| bytes[at..at + SLOT_LEN].copy_from_slice(&slot::encode(0, key)));
        file.write_all(&bytes)?;
        file.sync_all()
    };
    let made = fill().map_err(StoreError::from).and_then(|()| give_name(&draft, path));
    // A draft that cannot be removed is in nobody's way.
    let _ = fs::remove_file(&draft);
    made?;
    Ok(sync_folder(path)?)
}

const fn unreadable() -> StoreError {
    StoreError::unreadable(Part::Anchor)
}

impl fmt::Debug for FileAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileAnchor").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use kuvert_core::secret::Secret;

    use super::*;

    #[test]
    fn a_file_that_others_hold_is_busy() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let key = AnchorKey::new(&Secret::copied_from(&[1; 32]));
            FileAnchor::open(folder.path().join("anchor"), key).unwrap()
        };
        let (mut ours, theirs) = (open(), open());
        ours.patience = Duration::ZERO;
        let held = theirs.locked().unwrap();
        assert!(matches!(ours.raise(3), Err(StoreError::Busy)));
        assert!(matches!(ours.highest(), Err(StoreError::Busy)));
        drop(held);
        ours.raise(3).unwrap();
        assert_eq!(theirs.highest().unwrap(), 3);
    }
}
