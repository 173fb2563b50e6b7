//! What is kept of a peer device: its pinned keys and the place of its sessions.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Several sessions with one peer".

use alloc::vec::Vec;

use kuvert_wire::{
    AccountId, AccountKey, Decode, DecodeError, DeviceCert, DeviceId, Encode, MailboxId,
    MailboxKey, Reader, SessionId, Timestamp,
};

use super::recovery::{Healing, Question, Recovery};
use crate::identity::{account_id, device_id, mailbox_id};
use crate::limits::{MAX_INACTIVE, MAX_TAKEOVERS, TAKEOVER_WINDOW};
use crate::session::SessionFacts;

/// Format 1 had nothing about recovery, format 2 not whether the active session was crossed.
const FORMAT: u8 = 3;

/// A peer device as stored.
#[derive(Clone)]
pub(super) struct Peer {
    /// Computed from the certificate, as is the front door; never stored.
    id: DeviceId,
    front_door: MailboxId,
    pub(super) cert: DeviceCert,
    /// The session to send on.
    pub(super) active: Option<SessionId>,
    /// A first message of the peer's has crossed the active session, and made way for it.
    pub(super) crossed: bool,
    /// Sessions that still receive, oldest first, and since when they do not send.
    pub(super) inactive: Vec<(SessionId, Timestamp)>,
    /// When the peer replaced a session by one of its own, within the last day.
    pub(super) takeovers: Vec<Timestamp>,
    /// The last session ended by itself: a new one has to be begun.
    pub(super) closed: bool,
    /// How its sessions are mended.
    pub(super) recovery: Recovery,
}

impl Peer {
    pub(super) fn new(cert: DeviceCert) -> Self {
        Self {
            id: device_id(&cert),
            front_door: mailbox_id(&MailboxKey::from_bytes(*cert.device_key.as_bytes())),
            cert,
            active: None,
            crossed: false,
            inactive: Vec::new(),
            takeovers: Vec::new(),
            closed: false,
            recovery: Recovery::default(),
        }
    }

    pub(super) const fn device_id(&self) -> DeviceId {
        self.id
    }

    /// The mailbox that takes first messages, owned by the device's signing key.
    pub(super) const fn front_door(&self) -> MailboxId {
        self.front_door
    }

    /// Counts one more takeover, unless there were too many within the window.
    pub(super) fn note_takeover(&mut self, now: Timestamp) -> bool {
        self.takeovers.retain(|at| counts(*at, now));
        let is_allowed = self.takeovers.len() < MAX_TAKEOVERS;
        if is_allowed {
            self.takeovers.push(now);
        }
        is_allowed
    }

    /// Whether one more takeover would be allowed.
    pub(super) fn may_take_over(&self, now: Timestamp) -> bool {
        self.takeovers.iter().filter(|at| counts(**at, now)).count() < MAX_TAKEOVERS
    }

    /// Makes `session` inactive; what falls off the end comes back.
    pub(super) fn set_aside(&mut self, session: SessionId, now: Timestamp) -> Option<SessionId> {
        self.inactive.push((session, now));
        let ended = (self.inactive.len() > MAX_INACTIVE).then(|| self.inactive.remove(0).0);
        self.recovery.forget(ended.as_ref());
        ended
    }

    /// Forgets a session that has ended.
    pub(super) fn forget(&mut self, session: &SessionId) {
        self.inactive.retain(|(id, _)| id != session);
        self.recovery.forget(Some(session));
        if self.active.as_ref() == Some(session) {
            (self.active, self.crossed) = (None, false);
            self.closed = true;
        }
    }
}

/// Whether a takeover at that time is still counted. One in the future was noted by a clock that has
/// been put right since.
fn counts(at: Timestamp, now: Timestamp) -> bool {
    now.since(at) < TAKEOVER_WINDOW && at.since(now) < TAKEOVER_WINDOW
}

impl Encode for Peer {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(FORMAT);
        self.cert.encode_into(out);
        out.push(u8::from(self.closed));
        out.push(u8::from(self.crossed));
        out.push(u8::from(self.active.is_some()));
        if let Some(active) = &self.active {
            active.encode_into(out);
        }
        out.push(u8::try_from(self.inactive.len()).expect("at most three are kept"));
        for (session, since) in &self.inactive {
            session.encode_into(out);
            since.encode_into(out);
        }
        out.push(u8::try_from(self.takeovers.len()).expect("at most five are kept"));
        self.takeovers.iter().for_each(|at| at.encode_into(out));
        self.recovery.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        let active = self.active.map_or(0, |_| SessionId::LEN);
        let lists = self.inactive.len() * (SessionId::LEN + 8) + self.takeovers.len() * 8;
        1 + DeviceCert::LEN + 2 + 1 + active + 1 + 1 + lists + self.recovery.encoded_len()
    }
}

impl Decode for Peer {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let format = reader.u8()?;
        if !(1..=FORMAT).contains(&format) {
            return Err(DecodeError::UnsupportedVersion { found: format.into() });
        }
        let cert = DeviceCert::decode_from(reader)?;
        let closed = reader.flag("closed")?;
        let crossed = format > 2 && reader.flag("crossed")?;
        let has_active = reader.flag("active")?;
        let active = has_active.then(|| SessionId::decode_from(reader)).transpose()?;
        let inactive = (0..count(reader, "inactive sessions", MAX_INACTIVE)?)
            .map(|_| Ok((SessionId::decode_from(reader)?, Timestamp::decode_from(reader)?)))
            .collect::<Result<_, DecodeError>>()?;
        let takeovers = (0..count(reader, "takeovers", MAX_TAKEOVERS)?)
            .map(|_| Timestamp::decode_from(reader))
            .collect::<Result<_, _>>()?;
        let recovery = match format {
            1 => Recovery::of_accepted(active.is_some()),
            _ => Recovery::decode_from(reader)?,
        };
        Ok(Self { active, crossed, inactive, takeovers, closed, recovery, ..Self::new(cert) })
    }
}

fn count(reader: &mut Reader<'_>, what: &'static str, limit: usize) -> Result<usize, DecodeError> {
    match usize::from(reader.u8()?) {
        count if count <= limit => Ok(count),
        _ => Err(DecodeError::TooLong { what, limit }),
    }
}

/// A look at a peer.
#[derive(Clone, Copy)]
pub struct PeerView<'a> {
    pub(super) peer: &'a Peer,
    pub(super) active: Option<SessionFacts>,
}

impl PeerView<'_> {
    /// The peer's device.
    #[must_use]
    pub const fn device_id(&self) -> DeviceId {
        self.peer.device_id()
    }

    /// The account key that is pinned for it.
    #[must_use]
    pub const fn account_key(&self) -> &AccountKey {
        &self.peer.cert.account_key
    }

    /// The account's name.
    #[must_use]
    pub fn account_id(&self) -> AccountId {
        account_id(self.account_key())
    }

    /// The session that messages to it are sent on.
    #[must_use]
    pub const fn active(&self) -> Option<SessionFacts> {
        self.active
    }

    /// Whether its last session has ended, so that a new one must be begun.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.peer.closed && self.active.is_none()
    }

    /// The mailbox that takes first messages to it.
    #[must_use]
    pub const fn front_door(&self) -> MailboxId {
        self.peer.front_door()
    }

    /// Whether a person here wrote to it or accepted it. Nothing is sent to it by itself before that.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.peer.recovery.accepted
    }

    /// Whether its session is being replaced, because it did not work.
    #[must_use]
    pub const fn is_healing(&self) -> bool {
        !matches!(self.peer.recovery.healing, Healing::None)
    }

    /// When the session will be replaced, if that is due.
    #[must_use]
    pub const fn heals_at(&self) -> Option<Timestamp> {
        match self.peer.recovery.healing {
            Healing::Due(at) => Some(at),
            Healing::None | Healing::Begun(_) => None,
        }
    }

    /// Since when an old copy of its state is known to be in use; until its next new session.
    #[must_use]
    pub const fn clone_suspected(&self) -> Option<Timestamp> {
        self.peer.recovery.clone_suspected
    }

    /// The device that a person is asked about: may it speak for this peer's account?
    #[must_use]
    pub const fn identity_question(&self) -> Option<DeviceId> {
        match self.peer.recovery.question {
            Question::Asked(device) => Some(device),
            Question::None | Question::Accepted(_) | Question::Refused(_) => None,
        }
    }
}

impl core::fmt::Debug for PeerView<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PeerView")
            .field("device_id", &self.device_id())
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::IdentityKeyPair;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn peer() -> Peer {
        let keys = IdentityKeyPair::generate(NOW, &mut ChaCha20Rng::seed_from_u64(1));
        Peer::new(keys.cert().cert().clone())
    }

    /// MSG-12
    #[test]
    fn takeovers_are_counted_for_a_day_in_both_directions() {
        let mut peer = peer();
        for _ in 0..MAX_TAKEOVERS {
            assert!(peer.may_take_over(NOW) && peer.note_takeover(NOW));
        }
        let millisecond = core::time::Duration::from_millis(1);
        let (before, after) =
            (NOW.saturating_sub(TAKEOVER_WINDOW), NOW.saturating_add(TAKEOVER_WINDOW));
        for (now, is_allowed) in [
            (NOW, false),
            (after.saturating_sub(millisecond), false),
            (after, true),
            (before.saturating_add(millisecond), false),
            (before, true), // by a clock that was ahead then
        ] {
            assert_eq!(peer.may_take_over(now), is_allowed, "{now:?}");
            assert_eq!(peer.clone().note_takeover(now), is_allowed, "{now:?}");
        }
    }

    #[test]
    fn no_more_is_read_than_is_ever_kept() {
        let read = |inactive: usize, takeovers: usize| {
            let mut peer = peer();
            peer.inactive = alloc::vec![(SessionId::from_bytes([1; 16]), NOW); inactive];
            peer.takeovers = alloc::vec![NOW; takeovers];
            Peer::decode(&peer.encode()).map(|_| ())
        };
        assert_eq!(read(MAX_INACTIVE, MAX_TAKEOVERS), Ok(()));
        let (what, limit) = ("inactive sessions", MAX_INACTIVE);
        assert_eq!(read(MAX_INACTIVE + 1, 0), Err(DecodeError::TooLong { what, limit }));
        let (what, limit) = ("takeovers", MAX_TAKEOVERS);
        assert_eq!(read(0, MAX_TAKEOVERS + 1), Err(DecodeError::TooLong { what, limit }));
    }

    #[test]
    fn a_peer_without_any_session_is_not_closed() {
        let peer = peer();
        assert!(!PeerView { peer: &peer, active: None }.is_closed());
    }
}
