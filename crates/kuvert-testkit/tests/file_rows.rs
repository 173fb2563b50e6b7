//! The store of a device that is a directory keeps the contract of all stores.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::path::Path;

use kuvert_core::secret::Secret;
use kuvert_store::suite::{Place, SealedPlace};
use kuvert_store::{Sealed, StoreError, Unlock, sealing_suite, store_suite};
use kuvert_testkit::FileRows;
use tempfile::TempDir;

struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        let directory = Self(TempDir::new().unwrap());
        let rows = FileRows::create(directory.0.path()).unwrap();
        Sealed::create_over(rows, Unlock::Key(&key(1))).unwrap();
        directory
    }

    fn open_with(&self, key: &Secret<32>) -> Result<Sealed<FileRows>, StoreError> {
        Sealed::open_over(self.rows(), Unlock::Key(key))
    }
}

impl Place for Directory {
    type Store = Sealed<FileRows>;

    fn open(&self) -> Result<Self::Store, StoreError> {
        self.open_with(&key(1))
    }

    fn folder(&self) -> Option<&Path> {
        Some(self.0.path())
    }
}

impl SealedPlace for Directory {
    type Rows = FileRows;

    fn rows(&self) -> FileRows {
        FileRows::open(self.0.path()).unwrap()
    }

    fn open_wrongly(&self) -> Result<Self::Store, StoreError> {
        self.open_with(&key(2))
    }
}

fn key(fill: u8) -> Secret<32> {
    Secret::copied_from(&[fill; 32])
}

store_suite!(Directory::new());
sealing_suite!(Directory::new());
