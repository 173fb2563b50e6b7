//! Which file it is, whatever its name: has another been put in the place of one that is open?

use std::fs::{self, Metadata};
use std::path::Path;

/// Which file it is. `None` where the platform does not say, and where there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(Option<(u64, u64)>);

impl FileId {
    /// The file of this name now.
    pub(crate) fn at(path: &Path) -> Self {
        fs::metadata(path).map_or(Self(None), |metadata| Self::of(&metadata))
    }

    /// The file that was opened: its device, and its number there.
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(Some((metadata.dev(), metadata.ino())))
    }

    #[cfg(not(unix))]
    pub(crate) const fn of(_: &Metadata) -> Self {
        Self(None)
    }
}
