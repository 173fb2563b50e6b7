//! Sending: a text becomes a frame, is safe on disk, then leaves.

use kuvert_core::Change;
use kuvert_core::transcript::SwitchState;
use kuvert_store::Store;
use kuvert_wire::frame::MAX_BODY;
use kuvert_wire::transcript::Block;
use kuvert_wire::{AccountId, Encode, Frame, FrameType, MessageId};

use super::Client;
use super::seal::Logged;
use crate::event::{DeliveryState, Sent};
use crate::record::{self, LogRecord, MessageRecord, PendingRecord, UnackedRecord, Versioned};
use crate::{Carrier, Error};

/// The longest text that fits one message, in bytes of UTF-8; 233 less while a transcript runs.
pub const MAX_TEXT_BYTES: usize = MAX_BODY;

impl<S: Store, T: Carrier> Client<S, T> {
    /// Sends `text` to `peer`. When this returns, the message is safe on disk and is delivered once,
    /// in order: at once if there is a connection, else with any later verb that finds one.
    ///
    /// Writing to someone accepts what comes from them.
    ///
    /// # Errors
    ///
    /// Nothing is sent or queued after any of these; what fails later is [`Sent::warning`]:
    ///
    /// - [`Error::EmptyText`], [`Error::TextTooLong`]; [`Error::UnknownPeer`].
    /// - [`Error::WrongIdentity`]: the relay hands out another identity for this peer.
    /// - [`Error::IdentityQuestion`], [`Error::DeviceRefused`]: it hands out another device of the
    ///   peer's, and no person has said yes to that.
    /// - [`Error::Transport`]: a relay answers and will not, or cannot, do its part.
    /// - [`Error::Store`].
    pub async fn send(&mut self, peer: AccountId, text: &str) -> Result<Sent, Error> {
        self.check_text(&peer, text)?;
        self.require_known(&peer)?;
        self.refresh()?;
        self.require_settled(&peer)?;
        let online = self.reach_home().await?;
        if online {
            self.prepare_session(&peer).await?;
        }
        let id = MessageId::from_bytes(self.around.bytes());
        self.contend(|client| client.enqueue(&peer, id, text))?;
        Ok(self.dispatch(&peer, id, online).await)
    }

    /// Delivers what is safe on disk. Nothing that fails here undoes the message, so none of it is an
    /// error: whoever is told of one sends again, and the message arrives twice.
    async fn dispatch(&mut self, peer: &AccountId, id: MessageId, online: bool) -> Sent {
        let mut failed = None;
        if online && let Err(error) = self.deliver().await {
            failed = error.network().err();
        }
        let state = self.state_of(peer, &id).unwrap_or_else(|error| {
            failed.get_or_insert(error);
            DeliveryState::Queued
        });
        Sent { id, state, warning: failed.map(|error| error.to_string()) }
    }

    /// Sends what waits for a connection, if there is one, and does what else is due: prekeys,
    /// receipts, mailboxes.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] if something still waits; [`Error::Store`].
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.go_online().await?;
        self.deliver().await
    }

    /// Puts a message into the log, and behind all others for this peer: sealed if there is a
    /// session, else to wait for one.
    fn enqueue(&mut self, peer: &AccountId, id: MessageId, text: &str) -> Result<(), Error> {
        self.require_settled(peer)?;
        let others_wait = self.store.has_any(&record::pending_prefix(peer))?;
        let is_sealable = !others_wait && self.sending_to(peer).is_some();
        if is_sealable {
            self.announce_if_due(peer)?;
        }
        let (seq, counter) = self.reserve(2)?;
        let logged = self.log_entry(peer, id, text, seq);
        let mut changes = message_changes(peer, &logged, seq)?;
        changes.push(counter);
        changes.extend(self.acceptance(peer)?);
        if is_sealable {
            return self.seal_logged(seq + 1, peer, logged, changes);
        }
        changes.push(logged.log.put()?);
        changes.push(record::insert(record::pending_key(peer, seq), &PendingRecord)?);
        self.apply(changes)?;
        self.reserved();
        Ok(())
    }

    /// The log entry of a message that is written now.
    fn log_entry(&self, peer: &AccountId, id: MessageId, text: &str, seq: u64) -> Logged {
        let now = self.now();
        let frame = Frame {
            frame_type: FrameType::Message,
            sent: now,
            message_id: id,
            expire_seconds: 0,
            body: text.into(),
            block: None,
        };
        let (at, bytes) = (now.as_millis(), frame.encode());
        let log = LogRecord { outgoing: true, at, frame: bytes, is_outside: false };
        Logged { log: Versioned::new(record::log_key(peer, seq), log), frame }
    }

    /// A message that stands in a transcript takes its place there along.
    fn check_text(&self, peer: &AccountId, text: &str) -> Result<(), Error> {
        let max_len_bytes = match self.transcript_state(*peer) {
            SwitchState::On(_) => MAX_TEXT_BYTES - Block::MAX_LEN,
            _ => MAX_TEXT_BYTES,
        };
        match text.len() {
            0 => Err(Error::EmptyText),
            len_bytes if len_bytes > max_len_bytes => {
                Err(Error::TextTooLong { len_bytes, max_len_bytes })
            }
            _ => Ok(()),
        }
    }

    /// A peer is known if it is a contact or has written.
    pub(super) fn require_known(&self, peer: &AccountId) -> Result<(), Error> {
        match self.store.get(&record::contact_key(peer))? {
            Some(_) => Ok(()),
            None => Err(Error::UnknownPeer),
        }
    }

    /// The change that accepts what comes from `peer`, unless it is accepted.
    fn acceptance(&mut self, peer: &AccountId) -> Result<Option<Change>, Error> {
        let mut contact = self.contact_record(peer)?;
        if contact.value.accepted {
            return Ok(None);
        }
        contact.value.accepted = true;
        self.online.forgetful = None; // it may be owed a word about what is held
        contact.put().map(Some)
    }
}

/// The changes that write what is known of a new message beside its log entry.
fn message_changes(peer: &AccountId, logged: &Logged, seq: u64) -> Result<Vec<Change>, Error> {
    let (id, len_bytes) = (logged.frame.message_id, logged.log.value.frame.len());
    let unacked = UnackedRecord::written(&id, logged.frame.sent, len_bytes);
    let message = MessageRecord { outgoing: true, seq, state: DeliveryState::Queued };
    Ok(vec![
        record::insert(record::message_key(peer, &id), &message)?,
        record::insert(record::unacked_key(peer, seq), &unacked)?,
    ])
}
