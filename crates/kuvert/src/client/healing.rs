//! New sessions in place of those that do not work.
//!
//! The device says when one is due, and keeps the budget; here the bundle is fetched, and what is held
//! of the peer's messages is gathered, so that the peer can send the others again.

use core::time::Duration;
use std::collections::BTreeSet;

use kuvert_core::limits::CLOCK_SKEW;
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{Change, ProtocolError, Reset, SessionFacts, Status};
use kuvert_store::Store;
use kuvert_wire::frame::MAX_RESEND;
use kuvert_wire::{AccountId, MessageId, Timestamp};

use super::filing::Filing;
use super::{Client, lock};
use crate::record::{self, MessageRecord, SentRecord};
use crate::{Carrier, Error};

/// Between two attempts to fetch the prekeys of one peer passes at least this time.
const PAUSE: Duration = Duration::from_secs(60);
/// How long a peer may be silent about what was sent to it before a session is begun anew, by how often
/// that was done: a day, three days, nine days. It may have lost the session, and read its mailbox no
/// more.
const UNANSWERED: [Duration; 3] = [
    Duration::from_secs(24 * 3600),
    Duration::from_secs(2 * 24 * 3600),
    Duration::from_secs(6 * 24 * 3600),
];
/// The same after a session that was to heal another one: the peer has nothing else to answer to.
const UNHEALED: [Duration; 3] =
    [Duration::from_secs(3600), Duration::from_secs(6 * 3600), Duration::from_secs(24 * 3600)];
/// How often a session is begun anew because nobody answers, before that is left to a person.
const MAX_UNANSWERED: u8 = 9;

/// Why a session is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Something of the peer's could not be opened.
    Due,
    /// The peer does not answer.
    Unanswered,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Replaces the sessions for which that is due, as far as the network allows.
    pub(super) async fn heal_all(&mut self) -> Result<(), Error> {
        let mut problem = None;
        for (peer, why) in self.peers_to_heal()? {
            self.online.heal_tried.insert(peer, self.now());
            match self.heal(&peer, why).await {
                Ok(()) => {}
                Err(Error::WrongIdentity { .. }) => self.alarm(peer),
                Err(Error::IdentityQuestion { .. } | Error::DeviceRefused { .. }) => {}
                Err(Error::Protocol(_)) => {}
                Err(error) => problem = Some(error.network()?),
            }
        }
        problem.map_or(Ok(()), Err)
    }

    async fn heal(&mut self, peer: &AccountId, why: Why) -> Result<(), Error> {
        let bundle = self.fetch_bundle(peer).await?;
        self.heal_with(peer, &bundle, why)
    }

    pub(super) fn heal_with(
        &mut self,
        peer: &AccountId,
        bundle: &VerifiedBundle,
        why: Why,
    ) -> Result<(), Error> {
        let reset = self.contend(|client| match client.why_heal(peer)? == Some(why) {
            true => client.reset(peer, bundle, why),
            false => Ok(()), // another process was faster
        });
        match reset {
            Err(Error::Protocol(ProtocolError::IdentityChanged)) => self.ask_about(peer, bundle),
            // The budget is spent: it is due again when there is a new one.
            Err(Error::Protocol(ProtocolError::TooManySessions)) => Ok(()),
            result => result,
        }
    }

    /// Begins a new session with `peer` in place of the one there is, because a person wants it so. The
    /// peer is told which of its messages are here, and sends the others again.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownPeer`]; [`Error::IdentityQuestion`], [`Error::DeviceRefused`].
    /// - [`Error::WrongIdentity`], [`Error::UnknownAddress`], [`Error::Transport`]; [`Error::Store`].
    pub async fn reset_session(&mut self, peer: AccountId) -> Result<(), Error> {
        self.refresh()?;
        self.require_settled(&peer)?;
        let bundle = self.fetch_bundle(&peer).await?;
        self.remember_key(&peer, &bundle)?;
        self.begin_anew(&peer, &bundle, Reset::ByHand, |_| true)
    }

    fn reset(&mut self, peer: &AccountId, bundle: &VerifiedBundle, why: Why) -> Result<(), Error> {
        let mut filing = Filing::default();
        match why {
            Why::Due => {
                let mut sent = self.sent_record(peer)?;
                sent.value.is_mending = true;
                filing.changes.push(sent.put()?);
            }
            Why::Unanswered => {
                let count = |sent: &mut SentRecord| {
                    sent.unanswered = sent.unanswered.saturating_add(1);
                };
                self.repeat_all(peer, &mut filing, count)?;
            }
        }
        self.renew(peer, bundle, Reset::Automatic, filing)
    }

    /// Begins a session with a device that is known, and says in it what is held here.
    pub(super) fn renew(
        &mut self,
        peer: &AccountId,
        bundle: &VerifiedBundle,
        how: Reset,
        mut filing: Filing,
    ) -> Result<(), Error> {
        let held = self.held_of(peer)?;
        let seq = self.number(&mut filing)?;
        let (key, context) = self.outbox_place(peer, seq)?;
        let (now, mut device) = (self.now(), lock(&self.device));
        let step = device.reset(bundle, &held, how, now, &mut self.around.random)?;
        let step = step.keep(key, &context);
        let changes = core::mem::take(&mut filing.changes);
        let step = changes.into_iter().fold(step, |step, change: Change| step.also(change));
        step.commit(|changes| self.store.apply(changes))?;
        drop(device);
        self.file_away(filing)
    }

    /// Whose sessions are to be replaced now. Silence is looked for once a minute.
    fn peers_to_heal(&mut self) -> Result<Vec<(AccountId, Why)>, Error> {
        let now = self.now();
        let mut suspects = self.peers_due();
        if self.online.listened.is_none_or(|at| now.since(at) >= PAUSE || now < at) {
            self.online.listened = Some(now);
            suspects.extend(self.silent_peers()?);
        }
        let tried = &self.online.heal_tried;
        suspects.retain(|peer| {
            tried.get(peer).is_none_or(|tried| now.since(*tried) >= PAUSE || now < *tried)
        });
        let why = |peer| Ok(self.why_heal(&peer)?.map(|why| (peer, why)));
        suspects.into_iter().filter_map(|peer| why(peer).transpose()).collect()
    }

    /// Peers whose session could not open something, and is to be replaced now.
    fn peers_due(&self) -> BTreeSet<AccountId> {
        let device = lock(&self.device);
        let due = device.resets_due(self.now());
        due.filter_map(|id| device.peer(&id)).map(|view| view.account_id()).collect()
    }

    /// Peers that may have been silent for too long.
    fn silent_peers(&self) -> Result<Vec<AccountId>, Error> {
        let now = self.now();
        let all = record::read_all::<SentRecord, _>(&self.store, record::SENT)?;
        let silent = all.into_iter().filter(|sent| is_silent(&sent.value, None, now));
        let silent = silent.filter_map(|sent| record::account_of(&sent.key));
        let device = lock(&self.device);
        let awaited = device.peers().filter(|view| view.active().as_ref().is_some_and(is_awaited));
        Ok(silent.chain(awaited.map(|view| view.account_id())).collect())
    }

    /// Whether the session with `peer` is to be replaced now, and why.
    pub(super) fn why_heal(&self, peer: &AccountId) -> Result<Option<Why>, Error> {
        let (now, device) = (self.now(), lock(&self.device));
        let Some(view) = device.peer_of_account(peer) else { return Ok(None) };
        let is_due = device.resets_due(now).any(|due| due == view.device_id());
        let active = view.active();
        drop(device);
        if self.identity_question(*peer).is_some() || !self.may_repeat(peer)? {
            return Ok(None);
        }
        if is_due {
            return Ok(Some(Why::Due));
        }
        let Some(active) = active else { return Ok(None) };
        let is_silent = is_silent(&self.sent_record(peer)?.value, Some(&active), now);
        Ok(is_silent.then_some(Why::Unanswered))
    }

    /// Whether a session is to be replaced now, because it could not open something.
    pub(super) fn is_healing_due(&self) -> Result<bool, Error> {
        for peer in self.peers_due() {
            if self.why_heal(&peer)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Messages of `peer`'s that are here, newest first, as many as one `resend` takes.
    pub(super) fn held_of(&self, peer: &AccountId) -> Result<Vec<MessageId>, Error> {
        let prefix = record::message_prefix(peer);
        let all = record::read_all::<MessageRecord, _>(&self.store, &prefix)?;
        let mut theirs: Vec<_> = all
            .into_iter()
            .filter(|message| !message.value.outgoing)
            .filter_map(|message| Some((message.value.seq, record::message_of(&message.key)?)))
            .collect();
        theirs.sort_unstable_by_key(|(seq, _)| core::cmp::Reverse(*seq));
        Ok(theirs.into_iter().take(MAX_RESEND).map(|(_, id)| id).collect())
    }
}

/// Whether nothing was heard for too long in a session, or since the oldest message that waits to be
/// acknowledged. In a session that took the place of another, our first word is one that waits; what is
/// heard on the other meanwhile does not answer it.
fn is_silent(sent: &SentRecord, active: Option<&SessionFacts>, now: Timestamp) -> bool {
    let tries = usize::from(sent.unanswered);
    let heard = Timestamp::from_millis(sent.heard);
    let is_awaited = sent.heard > 0 && active.is_some_and(is_awaited);
    let (since, patience) = match sent.is_mending {
        true => (Some(heard), Some(UNHEALED[tries.min(UNHEALED.len() - 1)])),
        false if is_awaited => (None, UNANSWERED.get(tries).copied()),
        false if sent.count == 0 => return false,
        false => {
            let oldest = Timestamp::from_millis(sent.oldest);
            (newest_of([heard, oldest], now), UNANSWERED.get(tries).copied())
        }
    };
    let begun = active.map(|active| active.created);
    let since = newest_of(since.into_iter().chain(begun), now).unwrap_or_default();
    let patience = patience.filter(|_| sent.unanswered < MAX_UNANSWERED);
    patience.is_some_and(|patience| now.since(since) >= patience)
}

/// Whether we have begun this session and nobody has answered.
pub(super) fn is_awaited(session: &SessionFacts) -> bool {
    session.status == Status::AwaitingReply
}

/// The newest of the times at which something may have been noted. One that is more than a day ahead was
/// noted by a clock that has been put right since: who waited for it to come would wait for months.
fn newest_of(times: impl IntoIterator<Item = Timestamp>, now: Timestamp) -> Option<Timestamp> {
    times.into_iter().filter(|at| at.since(now) <= CLOCK_SKEW).max()
}
