//! The keys of a running relay: read by every post, changed once a month.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use kuvert_wire::Timestamp;

use super::file::{KeyFile, KeyFileError};
use super::keys::FrankingKeys;

pub(crate) struct FrankingDesk {
    file: KeyFile,
    keys: RwLock<Arc<FrankingKeys>>,
}

impl FrankingDesk {
    /// Reads the keys of this folder, or makes the first one.
    pub(crate) fn open(data_dir: &Path, now: Timestamp) -> Result<Self, KeyFileError> {
        let file = KeyFile::in_folder(data_dir);
        let keys = file.read()?.unwrap_or_default();
        let desk = Self { file, keys: RwLock::new(Arc::new(keys)) };
        desk.renew(now).map(|()| desk)
    }

    /// The keys as they are now.
    pub(crate) fn keys(&self) -> Arc<FrankingKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the next key and forgets old ones, when it is time. A key makes no tag before it is on disk.
    pub(crate) fn renew(&self, now: Timestamp) -> Result<(), KeyFileError> {
        if let Some(renewed) = self.file.renew(&self.keys(), now)? {
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(renewed);
        }
        Ok(())
    }
}
