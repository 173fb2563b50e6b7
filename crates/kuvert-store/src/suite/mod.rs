//! Conformance kit: does a store keep the contract of [`Store`]?
//!
//! ```
//! use kuvert_store::suite::Place;
//! use kuvert_store::{MemoryStore, StoreError, store_suite};
//!
//! #[derive(Default)]
//! struct Memory(MemoryStore);
//!
//! impl Place for Memory {
//!     type Store = MemoryStore;
//!     fn open(&self) -> Result<MemoryStore, StoreError> {
//!         Ok(self.0.clone())
//!     }
//! }
//!
//! store_suite!(Memory::default());
//! ```
//! [`store_suite!`](crate::store_suite) makes one `#[test]` of each check in [`contract`], in a place
//! of its own. [`sealing_suite!`](crate::sealing_suite) does so with [`sealing`], for a sealed store
//! whose rows can be had, and [`anchor_suite!`](crate::anchor_suite) with [`anchor`], for one with an
//! anchor.

#![allow(clippy::missing_panics_doc, reason = "a check that fails panics, that is its result")]

pub mod anchor;
pub mod contract;
pub mod sealing;

use std::path::Path;

use kuvert_core::{Change, Changes, Key, Version};

use crate::rows::Rows;
use crate::{Store, StoreError};

/// Where one store of its own lives, empty at first.
pub trait Place {
    /// The store under test. `Send`, so that the checks can race.
    type Store: Store + Send;

    /// Opens another handle on the place's store, as another process would.
    ///
    /// # Errors
    ///
    /// What the store says; a sound store opens.
    fn open(&self) -> Result<Self::Store, StoreError>;

    /// The folder with all files of the store, to be searched for what must not be there.
    fn folder(&self) -> Option<&Path> {
        None
    }
}

/// Where a sealed store lives.
pub trait SealedPlace: Place {
    /// The rows under the store.
    type Rows: Rows;

    /// A handle on the rows under the store, to look at them and to tamper with them.
    fn rows(&self) -> Self::Rows;

    /// Opens the store with a passphrase or key that is not its own.
    ///
    /// # Errors
    ///
    /// [`StoreError::WrongPassphrase`], unless there is something to find.
    fn open_wrongly(&self) -> Result<Self::Store, StoreError>;
}

/// Where a store with an anchor lives.
pub trait AnchoredPlace: Place {
    /// All that the store is, without its anchor.
    type Copy;

    /// Copies the store while no batch is being made.
    fn copy(&self) -> Self::Copy;

    /// Puts a copy in the store's place, and leaves the anchor alone. Handles may be open.
    fn put_back(&self, copy: &Self::Copy);

    /// Deletes the anchor.
    fn lose_anchor(&self);
}

/// One `#[test]` for each check that any [`Store`] must pass. Takes an expression that makes a
/// [`Place`](crate::suite::Place).
#[macro_export]
macro_rules! store_suite {
    ($place:expr) => {
        $crate::store_suite!(@each $place, contract:
            a_record_reads_back,
            an_absent_record_is_none,
            a_list_is_sorted_and_ends_at_the_slash,
            the_empty_prefix_is_everything,
            a_prefix_without_a_slash_is_refused,
            several_prefixes_are_listed_together,
            versions_count_puts,
            a_conflict_changes_nothing,
            a_batch_is_applied_in_order,
            an_empty_batch_is_nothing,
            deleted_is_absent,
            values_of_any_size_read_back,
            many_records_read_back,
            another_handle_sees_what_was_applied,
            everything_survives_reopening,
            of_two_handles_one_wins,
            no_update_is_lost_between_threads,
            a_list_is_of_one_moment,
            what_is_no_old_copy_is_not_called_one,
        );
    };
    (@each $place:expr, $module:ident: $($check:ident),* $(,)?) => {
        $(
            #[test]
            fn $check() {
                $crate::suite::$module::$check(&$place);
            }
        )*
    };
}

/// One `#[test]` for each check that a sealed store must pass beside those of `store_suite!`. Takes
/// an expression that makes a [`SealedPlace`](crate::suite::SealedPlace).
#[macro_export]
macro_rules! sealing_suite {
    ($place:expr) => {
        $crate::store_suite!(@each $place, sealing:
            nothing_written_is_found_in_rows_or_files,
            a_scrubbed_value_is_in_no_file,
            equal_records_look_different,
            sizes_come_in_classes,
            a_wrong_passphrase_is_not_damage,
            any_flipped_byte_makes_a_record_unreadable,
            a_record_cut_short_or_grown_is_unreadable,
            swapped_records_are_unreadable,
            an_unreadable_record_is_not_absent_and_not_replaced,
            a_row_put_back_to_an_older_version_is_found,
            a_removed_row_is_found,
            a_row_that_returns_is_found,
            a_row_under_another_name_is_found,
            a_ledger_of_another_time_is_found,
            a_damaged_header_or_ledger_is_found,
            rows_that_are_there_are_never_made_anew,
        );
    };
}

/// One `#[test]` for each check that a store with an anchor must pass beside those of `store_suite!`.
/// Takes an expression that makes an [`AnchoredPlace`](crate::suite::AnchoredPlace).
#[macro_export]
macro_rules! anchor_suite {
    ($place:expr) => {
        $crate::store_suite!(@each $place, anchor:
            an_old_copy_is_noticed_when_it_is_opened,
            an_old_copy_under_an_open_handle_is_noticed,
            an_accepted_copy_goes_on,
            a_conflict_accepts_nothing,
            after_an_acceptance_all_earlier_copies_are_old,
            of_two_that_accept_one_does,
            a_lost_anchor_is_made_anew,
            many_writers_make_no_alarm,
        );
    };
}

/// A put of `value`.
fn put(key: &str, expected: u64, value: &[u8]) -> Change {
    let expected = Version::from_number(expected);
    Change::Put { key: key_of(key), expected, value: value.to_vec().into() }
}

/// A deletion.
fn delete(key: &str, expected: u64) -> Change {
    Change::Delete { key: key_of(key), expected: Version::from_number(expected) }
}

fn key_of(text: &str) -> Key {
    Key::parse(text).expect("the suite's keys are valid")
}

fn apply<const N: usize>(store: &mut impl Store, changes: [Change; N]) {
    try_apply(store, changes).expect("applies");
}

fn try_apply<const N: usize>(
    store: &mut impl Store,
    changes: [Change; N],
) -> Result<(), StoreError> {
    store.apply(&Changes::of(changes))
}

/// Version and value of a record, `None` if there is none.
fn read(store: &impl Store, key: &str) -> Option<(u64, Vec<u8>)> {
    let record = store.get(&key_of(key)).expect("reads")?;
    assert_eq!(record.key, key_of(key), "the record that was asked for");
    Some((record.version.number(), record.value.to_vec()))
}

/// Adds 1 to the record `count`, however often others are first.
fn count_up(store: &mut impl Store) {
    loop {
        let (version, _) = read(store, "count").unwrap_or_default();
        match try_apply(store, [put("count", version, &(version + 1).to_be_bytes())]) {
            Ok(()) => return,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// The keys under a prefix, as listed.
fn keys(store: &impl Store, prefix: &str) -> Vec<String> {
    let records = store.scan(prefix).expect("lists");
    records.iter().map(|record| record.key.to_string()).collect()
}
