//! Where to write to a peer, and where it may write to us.
//!
//! A first message goes to the peer's front door. Then each side names a mailbox of its own for this
//! session, by control 5, and writes to the one that the other named: the relay cannot link the two.

use kuvert_core::identity::mailbox_id;
use kuvert_store::Store;
use kuvert_transport::{MailboxCursor, MailboxOwner, Route};
use kuvert_wire::{AccountId, Control, Encode, FrameType, MailboxKey, RelayUrl};

use super::Client;
use super::sessions::LiveSession;
use crate::record::{self, LinkRecord, OurMailbox, TheirMailbox, Versioned};
use crate::{Carrier, Error};

impl<S: Store, T: Carrier> Client<S, T> {
    /// Where envelopes for `peer` go now; `None` if no way is known.
    pub(super) fn route_to(&self, peer: &AccountId) -> Result<Option<Route>, Error> {
        let link = self.link(peer)?.value;
        match link.theirs.as_ref().and_then(route_in) {
            Some(route) => Ok(Some(route)),
            None => self.front_door_of(peer),
        }
    }

    /// The mailbox of the peer's device, open to all.
    pub(super) fn front_door_of(&self, peer: &AccountId) -> Result<Option<Route>, Error> {
        let contact = self.contact_record(peer)?.value;
        let relay = contact.relay.and_then(|text| text.parse().ok());
        let device = contact.device_key.map(MailboxKey::from_bytes);
        Ok(relay.zip(device).map(|(relay, key)| Route {
            relay,
            mailbox: mailbox_id(&key),
            token: None,
        }))
    }

    /// Owner of this device's front door.
    pub(super) fn front_door(&self) -> MailboxOwner {
        let signer = self.device.front_door();
        MailboxOwner::new(*signer.key(), move |message| signer.sign(message))
    }

    /// Owner of the mailbox in which `session`'s peer writes to us.
    fn session_mailbox(&self, session: &LiveSession) -> MailboxOwner {
        let signer = self.device.session_mailbox(&session.device);
        MailboxOwner::new(*signer.key(), move |message| signer.sign(message))
    }

    /// Says to the peer where it may write, before anything else in a new session.
    pub(super) fn announce_if_due(
        &mut self,
        peer: &AccountId,
        session: &LiveSession,
    ) -> Result<(), Error> {
        let mut link = self.link(peer)?;
        if link.value.is_announced_in(&session.id) {
            return Ok(());
        }
        let token = self.random.bytes();
        let ours = link.value.ours.get_or_insert(OurMailbox {
            token,
            opened: false,
            announced_in: None,
        });
        ours.announced_in = Some(*session.id.as_bytes());
        let control = Control::Mailbox {
            mailbox: self.session_mailbox(session).mailbox(),
            token: Some(ours.token()),
            relay: self.relay.to_string(),
        };
        let frame = self.new_frame(FrameType::Control, &control.encode());
        let (seq, counter) = self.reserve(1)?;
        self.seal(peer, &frame, seq, vec![link.put()?, counter])
    }

    /// Notes where the peer wants to be written to.
    pub(super) fn note_their_mailbox(
        &self,
        link: &mut LinkRecord,
        control: &Control,
    ) -> Option<RelayUrl> {
        let Control::Mailbox { mailbox, token, relay } = control else { return None };
        let relay: RelayUrl = relay.parse().ok()?;
        if relay.is_loopback() && !self.relay.is_loopback() {
            return None; // a peer must not make us talk to services of this machine
        }
        link.theirs = Some(TheirMailbox {
            relay: relay.to_string(),
            mailbox: *mailbox.as_bytes(),
            token: token.map(|token| *token.as_bytes()),
        });
        Some(relay)
    }

    /// Opens at the home relay the session mailboxes that it does not have yet, and reads them all.
    pub(super) async fn open_mailboxes(&mut self) -> Result<(), Error> {
        for link in record::read_all::<LinkRecord, _>(&self.store, record::LINKS)? {
            let peer = record::account_of(&link.key);
            let session = peer.and_then(|peer| self.sending_session(&peer));
            let (Some(peer), Some(session), Some(ours)) = (peer, session, &link.value.ours) else {
                continue;
            };
            let owner = self.session_mailbox(&session);
            if !ours.opened {
                self.carrier.open(&owner, &[ours.token()]).await?;
                self.contend(|client| client.opened(&peer))?;
            }
            if self.online.attached.insert(owner.mailbox()) {
                self.carrier.attach(&[MailboxCursor { owner, after: 0 }]).await?;
            }
        }
        Ok(())
    }

    fn opened(&mut self, peer: &AccountId) -> Result<(), Error> {
        let mut link = self.link(peer)?;
        match &mut link.value.ours {
            Some(ours) if !ours.opened => ours.opened = true,
            _ => return Ok(()),
        }
        self.apply_relaxed([link.put()?])
    }

    pub(super) fn link(&self, peer: &AccountId) -> Result<Versioned<LinkRecord>, Error> {
        record::read_or_new(&self.store, record::link_key(peer))
    }
}

fn route_in(theirs: &TheirMailbox) -> Option<Route> {
    let relay = theirs.relay.parse().ok()?;
    Some(Route { relay, mailbox: theirs.mailbox(), token: theirs.token() })
}
