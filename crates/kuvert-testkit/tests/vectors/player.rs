//! A device that is made from given secrets, saves each step, and can be loaded again.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use kuvert_core::{Change, Changes, Device, ProtocolError, Record, Step, Version};
use kuvert_wire::{MessageId, PrekeyBundle, Timestamp};

use crate::case::{Case, Refusal};
use crate::given::Given;

/// What is stored, by name.
type Records = BTreeMap<String, Record>;

#[derive(Debug)]
pub(crate) struct Player {
    pub(crate) device: Device,
    /// What a program would have shown.
    pub(crate) shown: BTreeSet<MessageId>,
    records: Records,
}

impl Player {
    /// A device with the account, device and identity secrets of `case`.
    pub(crate) fn create(case: &Case) -> Result<Self, Refusal> {
        let (account, device, dh) =
            (case.array::<32>("account")?, case.array::<32>("device")?, case.array::<32>("dh")?);
        let mut given = Given::default().value(account).value(device).value(dh);
        let now = Timestamp::from_millis(case.number("issued")?);
        let mut records = Records::new();
        let Ok(device) =
            Device::create(now, &mut given).commit(|changes| save(&mut records, changes));
        assert!(given.is_empty(), "a device is made of three secrets");
        Ok(Self { device, shown: BTreeSet::new(), records })
    }

    /// Makes the prekeys that are given and the bundle that has them.
    pub(crate) fn bundle(&mut self, case: &Case) -> Result<PrekeyBundle, Refusal> {
        let (medium, one_time) = (case.inner("medium"), case.inner("one_time"));
        let mut given = Given::default();
        for prekey in medium.iter().chain(&one_time) {
            given = given.value(prekey.array::<32>("x")?).value(prekey.array::<64>("seed")?);
            given = given.word(prekey.number("id")?);
        }
        let now = match &medium {
            Some(medium) => medium.number("created")?,
            None => case.number("now")?,
        };
        let now = Timestamp::from_millis(now);
        let bundle = self.take(|device| Ok(device.bundle(one_time.is_some(), now, &mut given)));
        assert!(given.is_empty(), "the prekeys are made of the given secrets");
        Ok(bundle?)
    }

    /// Takes a step and saves it.
    pub(crate) fn take<T>(
        &mut self,
        step: impl for<'d> FnOnce(&'d mut Device) -> Result<Step<'d, T>, ProtocolError>,
    ) -> Result<T, ProtocolError> {
        let step = step(&mut self.device)?;
        let Ok(output) = step.commit(|changes| save(&mut self.records, changes));
        Ok(output)
    }

    /// The same where there may be nothing to do.
    pub(crate) fn take_if<T>(
        &mut self,
        step: impl for<'d> FnOnce(&'d mut Device) -> Option<Step<'d, T>>,
    ) -> Option<T> {
        let step = step(&mut self.device)?;
        let Ok(output) = step.commit(|changes| save(&mut self.records, changes));
        Some(output)
    }

    /// The same device from what is stored, beside this one.
    pub(crate) fn copy(&self) -> Self {
        let device = Device::load(self.stored()).unwrap();
        Self { device, shown: self.shown.clone(), records: self.records.clone() }
    }

    /// Changes the one session's record, as only a test can.
    pub(crate) fn alter_session(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let found = self.records.iter_mut().find(|(name, _)| name.starts_with("session/"));
        let record = found.expect("there is a session").1;
        let mut value = record.value.to_vec();
        change(&mut value);
        record.value = value.into();
        *self = self.copy();
    }

    /// Everything that is stored.
    pub(crate) fn stored(&self) -> Vec<Record> {
        self.records.values().cloned().collect()
    }

    /// The same, to compare.
    pub(crate) fn snapshot(&self) -> Vec<(String, Vec<u8>)> {
        self.records.iter().map(|(key, record)| (key.clone(), record.value.to_vec())).collect()
    }
}

/// As a store does it: each change expects the version that is there.
fn save(records: &mut Records, changes: &Changes) -> Result<(), Infallible> {
    for change in changes.iter() {
        let name = change.key().as_str().to_owned();
        let version = records.get(&name).map_or(Version::ABSENT, |record| record.version);
        assert_eq!(version, change.expected(), "{name}");
        match change {
            Change::Put { key, expected, value } => {
                let version = expected.next();
                let record = Record { key: key.clone(), version, value: value.clone() };
                records.insert(name, record);
            }
            _ => drop(records.remove(&name)),
        }
    }
    Ok(())
}
