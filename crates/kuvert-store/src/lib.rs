//! Durable, sealed storage for Kuvert.
//!
//! A [`Store`] keeps records: it reads one, lists those under a prefix, and applies a batch of changes
//! whole or not at all, if every record still has the version that the batch expects. That is all the
//! protocol needs of a disk, and what [`kuvert_core::Step::commit`] asks for.
//!
//! ```no_run
//! use kuvert_core::{Change, Changes, Key, Version};
//! use kuvert_store::{SqliteStore, Store as _};
//!
//! let mut store = SqliteStore::create("alice.kuvert", "correct horse battery staple")?;
//! store.apply(&Changes::of([Change::Put {
//!     key: Key::new("note", "tea"),
//!     expected: Version::ABSENT,
//!     value: b"at four".to_vec().into(),
//! }]))?;
//! assert_eq!(store.scan("note/")?.len(), 1);
//! # Ok::<(), kuvert_store::StoreError>(())
//! ```
//!
//! | what | where it keeps | for |
//! |---|---|---|
//! | [`SqliteStore`] | a file, sealed under a passphrase or key, and an anchor beside it | apps |
//! | [`MemoryStore`] | memory | tests, bots that keep nothing |
//! | [`Sealed`]`<R>` | any [`Rows`] | other databases |
//! | [`Anchored`]`<S, A>` | a store `S`, and how far it has come in an [`Anchor`] | other anchors |
//!
//! An old copy of a store that is put back, from a backup say, holds keys that have been used since.
//! An anchor notices that: [`Store::rollback`].
//!
//! The feature `suite` has the conformance kit for authors of stores: `store_suite!`.
//!
//! Sealing hides what is in the records and what they are called. It does not hide how many there are,
//! how large they are in classes, nor when and how often each is written.
//!
//! # Spec
//!
//! `spec/09-storage.md`.

mod anchor;
mod anchored;
mod error;
mod file_id;
mod memory;
mod new_file;
#[cfg(test)]
mod places;
pub mod rows;
mod sealed;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
mod unsealed;

pub use anchor::{Anchor, AnchorKey, FileAnchor, MemoryAnchor, Rollback};
pub use anchored::Anchored;
pub use error::{Part, StoreError};
pub use memory::{MemoryBatch, MemoryMoment, MemoryRows};
pub use rows::Rows;
pub use sealed::{Sealed, Unlock};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteBatch, SqliteMoment, SqliteRows, SqliteStore};
pub use store::{Counted, Floor, Store};
pub use unsealed::{MemoryStore, Unsealed};
