//! A file that is there whole or not at all, readable by its owner alone.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::exit::{Failure, Outcome};
use crate::text;

/// A file in the making. If it is not finished, nothing is left of it.
pub(crate) struct WholeFile {
    path: PathBuf,
    draft: NamedTempFile,
}

impl WholeFile {
    /// Begins a file that will stand at `path`, in place of what is there.
    pub(crate) fn create(path: &Path) -> Outcome<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let draft = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
        let draft = draft.map_err(|error| failed(path, &error))?;
        Ok(Self { path: path.to_owned(), draft })
    }

    /// Gives it its name.
    pub(crate) fn finish(self) -> Outcome {
        self.draft.as_file().sync_all().map_err(|error| failed(&self.path, &error))?;
        let named = self.draft.persist(&self.path);
        named.map(drop).map_err(|error| failed(&self.path, &error.error))
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.draft.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.draft.flush()
    }
}

/// Why there is no such file now.
pub(crate) fn failed(path: &Path, error: &io::Error) -> Failure {
    let path = text::one_line(&path.display().to_string());
    Failure::failed(format!("cannot write {path}: {error}"))
}
