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
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf, absolute};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Anchor;
use super::at::{read_at, write_at};
use super::key::AnchorKey;
use super::slot::{self, SLOT_LEN};
use crate::error::{Part, StoreError};
use crate::file_id::FileId;
use crate::new_file::{create_private, draft_name, give_name, sync_folder};

/// Where the slots are: each in a block of its own.
const SLOTS: [usize; 2] = [0, 4096];
const FILE_LEN: usize = SLOTS[1] + SLOT_LEN;
/// The same places, as files count them.
const PLACES: [u64; 2] = [SLOTS[0] as u64, SLOTS[1] as u64];

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
    /// What was in the slots at the last look, and what it said: of bytes that have not changed, no tag
    /// need be computed again.
    seen: [([u8; SLOT_LEN], Option<u64>); 2],
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

    /// The file. One that was deleted or replaced is opened again: an anchor that others do not see
    /// would be none.
    fn current(&self) -> Result<MutexGuard<'_, Open>, StoreError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if FileId::at(&self.path) != open.id {
            *open = Open::at(&self.path, &self.key)?;
        }
        Ok(open)
    }
}

impl Anchor for FileAnchor {
    fn highest(&self) -> Result<u64, StoreError> {
        let mut open = self.current()?;
        // No lock is needed to see two whole slots: one that is being written is the lower one, so
        // neither is below what was known before. A slot that is not whole may be in the middle of it.
        if let Ok([Some(first), Some(second)]) = open.slots(&self.key) {
            return Ok(first.max(second));
        }
        highest(Locked::new(open, self.patience)?.0.slots(&self.key)?)
    }

    fn raise(&mut self, generation: u64) -> Result<(), StoreError> {
        let Locked(open) = &mut Locked::new(self.current()?, self.patience)?;
        let [first, second] = open.slots(&self.key)?;
        if generation > highest([first, second])? {
            let lower = if first <= second { PLACES[0] } else { PLACES[1] };
            write_at(&open.file, &slot::encode(generation, &self.key), lower)?;
        }
        Ok(())
    }
}

/// The generation that counts.
fn highest([first, second]: [Option<u64>; 2]) -> Result<u64, StoreError> {
    first.max(second).ok_or_else(unreadable) // STO-16
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
        let seen = [([0; SLOT_LEN], None); 2];
        Ok(Self { file, id: FileId::of(&metadata), seen })
    }

    /// What the slots say; `None` of one that is not whole or not this store's.
    fn slots(&mut self, key: &AnchorKey) -> Result<[Option<u64>; 2], StoreError> {
        let mut bytes = [0; FILE_LEN];
        match read_at(&self.file, &mut bytes, PLACES[0]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(unreadable()),
            Err(error) => return Err(error.into()),
        }
        for (at, (slot, says)) in SLOTS.into_iter().zip(&mut self.seen) {
            let now = &bytes[at..at + SLOT_LEN];
            if slot != now {
                slot.copy_from_slice(now);
                *says = slot::decode(now, key);
            }
        }
        Ok(self.seen.map(|(_, says)| says))
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

    fn open(folder: &tempfile::TempDir) -> FileAnchor {
        let key = AnchorKey::new(&Secret::copied_from(&[1; 32]));
        FileAnchor::open(folder.path().join("anchor"), key).unwrap()
    }

    #[test]
    fn raising_what_others_hold_is_busy() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ours, theirs) = (open(&folder), open(&folder));
        ours.patience = Duration::ZERO;
        ours.raise(2).unwrap();
        let held = Locked::new(theirs.current().unwrap(), PATIENCE).unwrap();
        assert!(matches!(ours.raise(3), Err(StoreError::Busy)));
        assert_eq!(ours.highest().unwrap(), 2, "a look at two whole slots waits for nobody");
        write_at(&held.0.file, &[0; SLOT_LEN], PLACES[1]).unwrap();
        assert!(
            matches!(ours.highest(), Err(StoreError::Busy)),
            "it may be in the middle of a raise"
        );
        drop(held);
        assert_eq!(ours.highest().unwrap(), 2);
        ours.raise(3).unwrap();
        assert_eq!(theirs.highest().unwrap(), 3);
    }

    /// Each process writes the slot that is not whole, or else the lower one, and looks meanwhile.
    #[test]
    fn what_is_seen_while_others_raise_is_never_lower() {
        let folder = tempfile::tempdir().unwrap();
        let (mut raising, looking) = (open(&folder), open(&folder));
        let raise = thread::spawn(move || (1..=2_000).try_for_each(|at| raising.raise(at)));
        let mut seen = 0;
        while !raise.is_finished() {
            let now = looking.highest().unwrap();
            assert!(now >= seen, "{now} after {seen}");
            seen = now;
        }
        raise.join().unwrap().unwrap();
        assert_eq!(looking.highest().unwrap(), 2_000);
    }
}
