//! The question whether another device may speak for a known account. A person answers it; until then
//! nothing is sent to that account.

use std::collections::BTreeMap;

use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::safety_number::SafetyNumberMatch;
use kuvert_core::{Change, ProtocolError};
use kuvert_store::Store;
use kuvert_wire::{AccountId, DeviceId};

use super::filing::Filing;
use super::{Client, lock};
use crate::record::{self, QuestionRecord, Unshown, Versioned};
use crate::{Carrier, Error};

impl<S: Store, T: Carrier> Client<S, T> {
    /// The device about which a person has to answer before anything is sent to `peer`. It stays the
    /// same until that is done, whichever others come meanwhile.
    #[must_use]
    pub fn identity_question(&self, peer: AccountId) -> Option<DeviceId> {
        let open = self.open_question(&peer)?;
        Some(DeviceId::from_bytes(open.value.device))
    }

    /// The open question about `peer`: ours, else one that the device has.
    fn open_question(&self, peer: &AccountId) -> Option<Versioned<QuestionRecord>> {
        let known = self.questions.get(peer);
        if let Some(asked) = known.filter(|asked| asked.value.answer.is_none()) {
            return Some(asked.clone());
        }
        let asked = {
            let device = lock(&self.device);
            let mut theirs = device.peers().filter(|view| view.account_id() == *peer);
            theirs.find_map(|view| view.identity_question())?
        };
        let value = QuestionRecord { device: *asked.as_bytes(), answer: None };
        let new = || Versioned::new(record::question_key(peer), value);
        let mut open = known.cloned().unwrap_or_else(new);
        open.value = value;
        Some(open)
    }

    /// Whether a question about `peer` is open, as far as it was told.
    pub(super) fn is_asked_about(&self, peer: &AccountId) -> bool {
        self.questions.get(peer).is_some_and(|asked| asked.value.answer.is_none())
    }

    /// Says yes: the other device may take the place of the one that was known, because its owner has
    /// confirmed it, and the safety number was compared once more. What it sent is opened, and what it
    /// was not sent so far is.
    ///
    /// # Errors
    ///
    /// [`Error::OtherSafetyNumber`] if what matched belongs to other people; [`Error::NoQuestion`];
    /// [`Error::NoKeysYet`], [`Error::Store`]. Nothing has changed then.
    pub fn accept_identity(
        &mut self,
        peer: AccountId,
        matched: SafetyNumberMatch,
    ) -> Result<(), Error> {
        self.check_match(&peer, matched)?;
        self.contend(|client| client.answer(&peer, true))?;
        self.retry_waiting()
    }

    /// Says no: what the other device sent is dropped, and it is not asked about again.
    ///
    /// # Errors
    ///
    /// [`Error::NoQuestion`]; [`Error::Store`]. Nothing has changed then.
    pub fn reject_identity(&mut self, peer: AccountId) -> Result<(), Error> {
        self.contend(|client| client.answer(&peer, false))
    }

    fn answer(&mut self, peer: &AccountId, accept: bool) -> Result<(), Error> {
        let mut asked = self.open_question(peer).ok_or(Error::NoQuestion)?;
        let device_id = DeviceId::from_bytes(asked.value.device);
        asked.value.answer = Some(accept);
        let mut filing = Filing::default();
        self.number(&mut filing)?;
        filing.changes.push(asked.put()?);
        if accept {
            self.repeat_all(peer, &mut filing, |_| {})?;
        }
        asked.version = asked.version.next();
        let mut device = lock(&self.device);
        match device.answer_identity(peer, &device_id, accept) {
            Ok(step) => {
                let step = core::mem::take(&mut filing.changes)
                    .into_iter()
                    .fold(step, |step, change| step.also(change));
                step.commit(|changes| self.store.apply(changes))?;
            }
            Err(_) => {
                self.store.apply(&kuvert_core::Changes::of(core::mem::take(&mut filing.changes)))?
            }
        }
        drop(device);
        self.questions.insert(*peer, asked);
        self.file_away(filing)
    }

    /// Asks whether `device` may speak for `account`, unless that was done.
    pub(super) fn file_question(
        &self,
        account: &AccountId,
        device: &DeviceId,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let Some(change) = self.question_about(account, device)? else { return Ok(()) };
        filing.changes.push(change);
        filing.asks = true;
        self.file_event(account, Unshown::IdentityChanged { device: *device.as_bytes() }, filing)
    }

    /// Whoever is no contact any more is not asked about.
    pub(super) fn forget_question(
        &self,
        account: &AccountId,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let key = record::question_key(account);
        if let Some(asked) = record::read::<QuestionRecord, _>(&self.store, &key)? {
            self.number(filing)?;
            filing.changes.push(asked.delete());
            filing.asks = true;
        }
        Ok(())
    }

    fn question_about(
        &self,
        account: &AccountId,
        device: &DeviceId,
    ) -> Result<Option<Change>, Error> {
        let key = record::question_key(account);
        let asked = QuestionRecord { device: *device.as_bytes(), answer: None };
        let known = record::read::<QuestionRecord, _>(&self.store, &key)?;
        if known.as_ref().is_some_and(|known| known.value.answer.is_none()) {
            return Ok(None); // one question at a time
        }
        let mut question = known.unwrap_or_else(|| Versioned::new(key, asked));
        question.value = asked;
        question.put().map(Some)
    }

    /// The relay hands out prekeys of another device of `peer`'s: asks about it.
    ///
    /// # Errors
    ///
    /// [`Error::IdentityQuestion`], or [`Error::DeviceRefused`] if it was answered with no.
    pub(super) fn ask_about(
        &mut self,
        peer: &AccountId,
        bundle: &VerifiedBundle,
    ) -> Result<(), Error> {
        self.contend(|client| client.ask_device_about(peer, bundle))?;
        self.require_answer(peer)
    }

    fn ask_device_about(&mut self, peer: &AccountId, bundle: &VerifiedBundle) -> Result<(), Error> {
        let mut filing = Filing::default();
        self.number(&mut filing)?;
        self.file_question(peer, bundle.cert().device_id(), &mut filing)?;
        filing.changes.extend(self.counted([ProtocolError::IdentityChanged])?);
        let changes = core::mem::take(&mut filing.changes);
        let mut device = lock(&self.device);
        let step = device.question_identity(bundle);
        if step.changes().is_empty() {
            return Ok(()); // it is asked already, or it was answered with no
        }
        let step = changes.into_iter().fold(step, |step, change| step.also(change));
        step.commit(|changes| self.store.apply(changes))?;
        drop(device);
        self.file_away(filing)
    }

    /// Why nothing can be sent to the device that the relay hands out.
    ///
    /// # Errors
    ///
    /// [`Error::IdentityQuestion`], [`Error::DeviceRefused`].
    fn require_answer(&self, peer: &AccountId) -> Result<(), Error> {
        match self.identity_question(*peer) {
            Some(_) => Err(Error::IdentityQuestion { peer: *peer }),
            None => Err(Error::DeviceRefused { peer: *peer }),
        }
    }

    /// Nothing may be sent to `peer` while a question about it is open.
    ///
    /// # Errors
    ///
    /// [`Error::IdentityQuestion`].
    pub(super) fn require_settled(&self, peer: &AccountId) -> Result<(), Error> {
        match self.identity_question(*peer) {
            Some(_) => Err(Error::IdentityQuestion { peer: *peer }),
            None => Ok(()),
        }
    }

    /// A device that was accepted and has not been heard of yet: nothing more goes to the one before.
    pub(super) fn awaits_newcomer(&self, peer: &AccountId) -> bool {
        self.questions.get(peer).is_some_and(|asked| {
            let device = DeviceId::from_bytes(asked.value.device);
            asked.value.answer == Some(true) && lock(&self.device).peer(&device).is_none()
        })
    }

    /// Whether the device of `peer`'s that is known is another one than was known first.
    pub(super) fn was_replaced(&self, peer: &AccountId) -> bool {
        self.questions.get(peer).is_some_and(|asked| asked.value.answer == Some(true))
    }
}

/// All questions, open and answered.
pub(super) fn all<S: Store>(
    store: &S,
) -> Result<BTreeMap<AccountId, Versioned<QuestionRecord>>, Error> {
    let questions = record::read_all::<QuestionRecord, _>(store, record::QUESTIONS)?;
    let by_account =
        |asked: Versioned<QuestionRecord>| Some((record::account_of(&asked.key)?, asked));
    Ok(questions.into_iter().filter_map(by_account).collect())
}
