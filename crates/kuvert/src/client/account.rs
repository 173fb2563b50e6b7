//! Making an account, opening one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kuvert_core::{Device, LoadError, Version};
use kuvert_store::Store;
use kuvert_wire::RelayUrl;

use super::{Client, question};
use crate::record::{self, AccountRecord};
use crate::{Carrier, Error, Surroundings};

impl<S: Store, T: Carrier> Client<S, T> {
    /// Makes an account and its first device in `store`, with `carrier`'s home relay as its home.
    ///
    /// Nothing leaves this machine yet: the first verb that needs the network publishes the prekeys.
    ///
    /// # Errors
    ///
    /// [`Error::AccountExists`]; [`Error::Store`], [`Error::Rng`].
    #[expect(clippy::unused_async, reason = "may ask the relay one day, and reads like the rest")]
    pub async fn create_account(store: S, carrier: T, name: &str) -> Result<Self, Error> {
        Self::create_with(store, carrier, name, Surroundings::system()?)
    }

    pub(crate) fn create_with(
        mut store: S,
        carrier: T,
        name: &str,
        mut around: Surroundings,
    ) -> Result<Self, Error> {
        if Self::account_record(&store)?.is_some() {
            return Err(Error::AccountExists);
        }
        let relay = carrier.home().to_string();
        let account = AccountRecord { name: name.to_owned(), relay };
        let device = Device::create(around.now(), &mut around.random)
            .also(record::insert(record::account_key(), &account)?)
            .commit(|changes| store.apply(changes))?;
        Self::assemble(store, carrier, (device, Version::ABSENT), &account, around)
    }

    /// Opens the account in `store`; `connect` makes the carrier for its home relay.
    ///
    /// Nothing is asked of the network yet.
    ///
    /// # Errors
    ///
    /// [`Error::NoAccount`]; [`Error::Store`], [`Error::Record`] if the store cannot be read.
    pub fn open(store: S, connect: impl FnOnce(RelayUrl) -> T) -> Result<Self, Error> {
        Self::open_with(store, connect, Surroundings::system()?)
    }

    pub(crate) fn open_with(
        store: S,
        connect: impl FnOnce(RelayUrl) -> T,
        around: Surroundings,
    ) -> Result<Self, Error> {
        let account = Self::account_record(&store)?.ok_or(Error::NoAccount)?.value;
        let seen = counter_version(&store)?;
        let device = load_device(&store)?;
        let carrier = connect(home_of(&account)?);
        let mut client = Self::assemble(store, carrier, (device, seen), &account, around)?;
        client.contend(Self::settle_rollback)?;
        Ok(client)
    }

    fn assemble(
        store: S,
        carrier: T,
        (device, seen): (Device, Version),
        account: &AccountRecord,
        around: Surroundings,
    ) -> Result<Self, Error> {
        let unshown = record::read_all(&store, record::UNSHOWN)?.into();
        let questions = question::all(&store)?;
        Ok(Self {
            relay: home_of(account)?,
            name: account.name.clone(),
            current: None,
            alarms: Default::default(),
            alarmed: Vec::new(),
            untaken: None,
            unconfirmed: BTreeMap::new(),
            unconfirmed_count: 0,
            online: Default::default(),
            erasure_policy: Default::default(),
            device: Arc::new(Mutex::new(device)),
            seen,
            store,
            carrier,
            around,
            unshown,
            questions,
        })
    }
}

fn home_of(account: &AccountRecord) -> Result<RelayUrl, Error> {
    let damaged = || Error::Record { key: record::account_key().to_string() };
    account.relay.parse().map_err(|_| damaged())
}

/// All of the device's records, as of one moment.
pub(super) fn load_device<S: Store>(store: &S) -> Result<Device, Error> {
    Device::load(store.snapshot(Device::COLLECTIONS)?).map_err(|error| match error {
        LoadError::Unreadable { key } => record::damaged(&key),
        _ => Error::NoAccount,
    })
}

/// The version of the counter, which tells one state of the store from the next. To be read before what
/// it is to go with: then that is never older than it seems.
pub(super) fn counter_version<S: Store>(store: &S) -> Result<Version, Error> {
    let counter = store.get(&record::counter_key())?;
    Ok(counter.map_or(Version::ABSENT, |counter| counter.version))
}
