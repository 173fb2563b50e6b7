//! The conformance kit, run on every store of this crate.

use std::sync::Mutex;

use kuvert_core::secret::Secret;

use crate::suite::{AnchoredPlace, Place, SealedPlace};
use crate::{
    Anchored, MemoryAnchor, MemoryRows, MemoryStore, Sealed, StoreError, Unlock, anchor_suite,
    sealing_suite, store_suite,
};

fn key(byte: u8) -> Secret<32> {
    Secret::copied_from(&[byte; 32])
}

mod memory {
    use super::*;

    #[derive(Default)]
    struct Memory(MemoryStore);

    impl Place for Memory {
        type Store = MemoryStore;

        fn open(&self) -> Result<MemoryStore, StoreError> {
            Ok(self.0.clone())
        }
    }

    store_suite!(Memory::default());
}

mod anchored_memory {
    use super::*;

    #[derive(Default)]
    struct AnchoredMemory {
        records: MemoryStore,
        anchor: Mutex<MemoryAnchor>,
    }

    impl Place for AnchoredMemory {
        type Store = Anchored<MemoryStore, MemoryAnchor>;

        fn open(&self) -> Result<Self::Store, StoreError> {
            Ok(Anchored::new(self.records.clone(), self.anchor.lock().unwrap().clone()))
        }
    }

    impl AnchoredPlace for AnchoredMemory {
        type Copy = MemoryStore;

        fn copy(&self) -> MemoryStore {
            self.records.copy()
        }

        fn put_back(&self, copy: &MemoryStore) {
            self.records.put_back(copy);
        }

        fn lose_anchor(&self) {
            *self.anchor.lock().unwrap() = MemoryAnchor::new();
        }
    }

    store_suite!(AnchoredMemory::default());
    anchor_suite!(AnchoredMemory::default());
}

mod sealed_memory {
    use super::*;

    struct SealedMemory(MemoryRows);

    impl SealedMemory {
        fn new() -> Self {
            let rows = MemoryRows::new();
            Sealed::create_over(rows.clone(), Unlock::Key(&key(1))).unwrap();
            Self(rows)
        }
    }

    impl Place for SealedMemory {
        type Store = Sealed<MemoryRows>;

        fn open(&self) -> Result<Self::Store, StoreError> {
            Sealed::open_over(self.0.clone(), Unlock::Key(&key(1)))
        }
    }

    impl SealedPlace for SealedMemory {
        type Rows = MemoryRows;

        fn rows(&self) -> MemoryRows {
            self.0.clone()
        }

        fn open_wrongly(&self) -> Result<Self::Store, StoreError> {
            Sealed::open_over(self.0.clone(), Unlock::Key(&key(2)))
        }
    }

    store_suite!(SealedMemory::new());
    sealing_suite!(SealedMemory::new());
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::fs;
    use std::path::{Path, PathBuf};

    use tempfile::TempDir;

    use super::*;
    use crate::{SqliteRows, Unsealed};

    /// A folder with one store in it.
    struct Folder(TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("alice.kuvert")
        }
    }

    mod unsealed {
        use super::*;

        struct Plain(Folder);

        impl Plain {
            fn new() -> Self {
                let folder = Folder::new();
                SqliteRows::create(folder.file()).unwrap();
                Self(folder)
            }
        }

        impl Place for Plain {
            type Store = Unsealed<SqliteRows>;

            fn open(&self) -> Result<Self::Store, StoreError> {
                SqliteRows::open(self.0.file()).map(Unsealed::over)
            }
        }

        store_suite!(Plain::new());
    }

    mod sealed {
        use super::*;
        use crate::SqliteStore;

        struct SealedFile(Folder);

        impl SealedFile {
            fn new() -> Self {
                let folder = Folder::new();
                SqliteStore::create_with(folder.file(), Unlock::Key(&key(1))).unwrap();
                Self(folder)
            }
        }

        impl Place for SealedFile {
            type Store = SqliteStore;

            fn open(&self) -> Result<SqliteStore, StoreError> {
                SqliteStore::open_with(self.0.file(), Unlock::Key(&key(1)))
            }

            fn folder(&self) -> Option<&Path> {
                Some(self.0.0.path())
            }
        }

        impl SealedPlace for SealedFile {
            type Rows = SqliteRows;

            fn rows(&self) -> SqliteRows {
                SqliteRows::open(self.0.file()).unwrap()
            }

            fn open_wrongly(&self) -> Result<SqliteStore, StoreError> {
                SqliteStore::open(self.0.file(), "a passphrase for a store with a key")
            }
        }

        impl AnchoredPlace for SealedFile {
            type Copy = Vec<u8>;

            /// As a backup tool does that knows SQLite: what is in the log alone comes along.
            fn copy(&self) -> Vec<u8> {
                let connection = rusqlite::Connection::open(self.0.file()).unwrap();
                connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
                fs::read(self.0.file()).unwrap()
            }

            /// Whole, under another name first: what a backup tool does.
            fn put_back(&self, copy: &Vec<u8>) {
                let (file, draft) = (self.0.file(), self.0.0.path().join("draft"));
                fs::write(&draft, copy).unwrap();
                for companion in ["kuvert-wal", "kuvert-shm"] {
                    let _ = fs::remove_file(file.with_extension(companion));
                }
                fs::rename(draft, file).unwrap();
            }

            fn lose_anchor(&self) {
                fs::remove_file(self.0.file().with_extension("kuvert-anchor")).unwrap();
            }
        }

        store_suite!(SealedFile::new());
        sealing_suite!(SealedFile::new());
        anchor_suite!(SealedFile::new());
    }
}

/// A handle may move to another thread, as an app with an executor needs.
#[test]
fn stores_are_send() {
    fn is_send<T: Send>() {}
    is_send::<MemoryStore>();
    is_send::<Sealed<MemoryRows>>();
    #[cfg(feature = "sqlite")]
    is_send::<crate::SqliteStore>();
}

/// A store over other rows works through a box as well.
#[test]
fn a_boxed_store_is_a_store() {
    use crate::Store;

    fn scan(store: &impl Store) -> usize {
        store.scan("").unwrap().len()
    }
    let stores: [Box<dyn Store + Send>; 2] = [
        Box::new(MemoryStore::new()),
        Box::new(Sealed::create_over(MemoryRows::new(), Unlock::Key(&key(1))).unwrap()),
    ];
    assert!(stores.iter().all(|store| scan(store) == 0));
}
