//! Contacts: names for addresses, acceptance, verification.

use kuvert_core::identity::account_id;
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::safety_number::{SafetyNumber, SafetyNumberMatch};
use kuvert_store::Store;
use kuvert_wire::{AccountId, AccountKey, Address, RelayUrl, Timestamp};

use super::filing::Filing;
use super::{Client, lock};
use crate::event::Sender;
use crate::record::{self, ContactRecord, NameRecord, Versioned};
use crate::{Carrier, Error, Petname};

/// Someone with a name here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The name given to it here.
    pub name: Petname,
    /// The account, 32 bytes: a hash of its key.
    pub account: AccountId,
    /// Its address, once its relay is known.
    pub address: Option<Address>,
    /// When its safety number was compared, if it was.
    pub verified: Option<Timestamp>,
}

impl Contact {
    /// Whether its safety number has been compared.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.verified.is_some()
    }
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Gives `address` a name, and accepts what comes from it.
    ///
    /// # Errors
    ///
    /// [`Error::OwnAddress`], [`Error::NameTaken`], [`Error::AlreadyNamed`]; [`Error::Store`].
    pub fn add_contact(&mut self, name: &Petname, address: &Address) -> Result<Contact, Error> {
        self.refuse_own(address)?;
        let added = self.contend(|client| client.try_add_contact(name, address))?;
        self.sync_acceptance(&added.account)?;
        Ok(added)
    }

    fn try_add_contact(&mut self, name: &Petname, address: &Address) -> Result<Contact, Error> {
        let mut named =
            record::read_or_new::<NameRecord, _>(&self.store, record::name_key(name.as_str()))?;
        let account = address.account;
        if named.value.0.is_some_and(|holder| holder != *account.as_bytes()) {
            return Err(Error::NameTaken);
        }
        let mut contact = self.contact_record(&account)?;
        match &contact.value.name {
            Some(other) if other != name.as_str() => {
                return Err(Error::AlreadyNamed { name: other.clone() });
            }
            _ => {}
        }
        named.value = NameRecord(Some(*account.as_bytes()));
        contact.value.name = Some(name.as_str().to_owned());
        contact.value.relay = Some(address.relay.to_string());
        contact.value.accepted = true;
        self.apply([named.put()?, contact.put()?])?;
        Ok(contact_of(name.clone(), account, &contact.value))
    }

    /// Takes the name away. The conversation stays; what comes is a contact request again, and the
    /// safety number has to be compared anew.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`]; [`Error::Store`].
    pub fn remove_contact(&mut self, name: &str) -> Result<Contact, Error> {
        let account = self.contact(name)?.account;
        if self.identity_question(account).is_some() {
            self.reject_identity(account)?;
        }
        let removed = self.contend(|client| client.try_remove_contact(name))?;
        self.sync_acceptance(&removed.account)?;
        Ok(removed)
    }

    fn try_remove_contact(&mut self, name: &str) -> Result<Contact, Error> {
        let removed = self.contact(name)?;
        let mut contact = self.contact_record(&removed.account)?;
        contact.value.name = None;
        contact.value.accepted = false;
        contact.value.verified = None;
        let mut named = record::read_or_new::<NameRecord, _>(&self.store, record::name_key(name))?;
        named.value = NameRecord(None);
        let mut filing = Filing::default();
        filing.changes.extend([named.put()?, contact.put()?]);
        self.forget_question(&removed.account, &mut filing)?;
        self.file_away(filing)?;
        Ok(removed)
    }

    /// The contact called `name`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`]; [`Error::Store`].
    pub fn contact(&self, name: &str) -> Result<Contact, Error> {
        let name: Petname = name.parse().map_err(|_| Error::UnknownPeer)?;
        let named = record::read::<NameRecord, _>(&self.store, &record::name_key(name.as_str()))?;
        let account = named.and_then(|named| named.value.0).ok_or(Error::UnknownPeer)?;
        let account = AccountId::from_bytes(account);
        let contact = self.contact_record(&account)?.value;
        Ok(contact_of(name, account, &contact))
    }

    /// All contacts, by name.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Record`].
    pub fn contacts(&self) -> Result<Vec<Contact>, Error> {
        let records = record::read_all::<ContactRecord, _>(&self.store, record::CONTACTS)?;
        let named = |record: Versioned<ContactRecord>| {
            let account = record::account_of(&record.key)?;
            let name = record.value.name.as_deref()?.parse().ok()?;
            Some(contact_of(name, account, &record.value))
        };
        let mut contacts: Vec<_> = records.into_iter().filter_map(named).collect();
        contacts.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(contacts)
    }

    /// The number that both people see if and only if nobody stands between them.
    ///
    /// # Errors
    ///
    /// [`Error::NoKeysYet`] before [`Client::learn_keys`] or a session; [`Error::Store`].
    pub fn safety_number(&self, peer: AccountId) -> Result<SafetyNumber, Error> {
        let theirs = self.account_key_of(&peer)?.ok_or(Error::NoKeysYet)?;
        Ok(SafetyNumber::between(lock(&self.device).account_key(), &theirs))
    }

    /// Fetches and checks the account key of `peer`, if it is not known yet.
    ///
    /// # Errors
    ///
    /// [`Error::WrongIdentity`], [`Error::Transport`], [`Error::UnknownPeer`]; [`Error::Store`].
    pub async fn learn_keys(&mut self, peer: AccountId) -> Result<(), Error> {
        if self.account_key_of(&peer)?.is_some() {
            return Ok(());
        }
        let bundle = self.fetch_bundle(&peer).await?;
        self.remember_key(&peer, &bundle)
    }

    pub(super) fn remember_key(
        &mut self,
        peer: &AccountId,
        bundle: &VerifiedBundle,
    ) -> Result<(), Error> {
        let key = Some(*bundle.cert().account_key().as_bytes());
        self.contend(|client| {
            let mut contact = client.contact_record(peer)?;
            if contact.value.account_key == key {
                return Ok(());
            }
            contact.value.account_key = key;
            client.apply([contact.put()?])
        })
    }

    /// Records that the safety number of `peer` was compared and matched.
    ///
    /// # Errors
    ///
    /// [`Error::OtherSafetyNumber`] if what matched belongs to other people; [`Error::NoKeysYet`],
    /// [`Error::Store`].
    pub fn mark_verified(
        &mut self,
        peer: AccountId,
        matched: SafetyNumberMatch,
    ) -> Result<(), Error> {
        self.check_match(&peer, matched)?;
        let now = self.now().as_millis();
        self.contend(|client| {
            let mut contact = client.contact_record(&peer)?;
            contact.value.verified = Some(now);
            client.apply([contact.put()?])
        })
    }

    /// # Errors
    ///
    /// [`Error::OtherSafetyNumber`], [`Error::NoKeysYet`].
    pub(super) fn check_match(
        &self,
        peer: &AccountId,
        matched: SafetyNumberMatch,
    ) -> Result<(), Error> {
        let theirs = self.account_key_of(peer)?.ok_or(Error::NoKeysYet)?;
        match matched.is_between(lock(&self.device).account_key(), &theirs) {
            true => Ok(()),
            false => Err(Error::OtherSafetyNumber),
        }
    }

    /// The account key of a peer, checked against its id.
    fn account_key_of(&self, peer: &AccountId) -> Result<Option<AccountKey>, Error> {
        let contact = self.contact_record(peer)?.value;
        let key = contact.account_key.map(AccountKey::from_bytes);
        Ok(key.filter(|key| account_id(key) == *peer))
    }

    pub(super) fn refuse_own(&self, address: &Address) -> Result<(), Error> {
        if address.account == self.account() { Err(Error::OwnAddress) } else { Ok(()) }
    }

    /// What is known of a peer; an empty record if nothing is.
    pub(super) fn contact_record(
        &self,
        peer: &AccountId,
    ) -> Result<Versioned<ContactRecord>, Error> {
        record::read_or_new(&self.store, record::contact_key(peer))
    }

    /// The relay at which a peer keeps its front door.
    pub(super) fn relay_of(&self, peer: &AccountId) -> Result<RelayUrl, Error> {
        let relay = self.contact_record(peer)?.value.relay;
        relay.and_then(|text| text.parse().ok()).ok_or(Error::UnknownPeer)
    }

    /// A peer as it is shown.
    pub(super) fn sender(&self, peer: &AccountId) -> Result<Sender, Error> {
        let contact = self.contact_record(peer)?.value;
        Ok(Sender {
            account: *peer,
            name: contact.name.as_deref().and_then(|name| name.parse().ok()),
            address: address_of(*peer, &contact),
            accepted: contact.accepted,
        })
    }
}

fn contact_of(name: Petname, account: AccountId, record: &ContactRecord) -> Contact {
    Contact {
        name,
        account,
        address: address_of(account, record),
        verified: record.verified.map(Timestamp::from_millis),
    }
}

fn address_of(account: AccountId, record: &ContactRecord) -> Option<Address> {
    let relay = record.relay.as_deref()?.parse().ok()?;
    Some(Address { relay, account })
}
