//! Whether a transcript runs with a peer: each side has at most one start that stands, and it runs while
//! both stand in the same mode.
//!
//! ```text
//!                                    the peer has
//!   we have          no start        one in the same mode      one in the other mode
//!   no start         Off             Asked                     Asked
//!   one              Offered         On                        Asked
//! ```
//! Only a side itself sets its start; a stop takes away both: its speaker's own, as of when it was said,
//! and the one that it names. Starts and stops of the peer's are taken in the order in which it says it
//! sent them; one that comes late is left aside. So both come to the same two starts, and to the same
//! conversation, in whatever order they hear of them.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Start and stop".

mod early;
mod owed;
mod stored;

use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::transcript::{Mode, Start, TranscriptBody, TranscriptNonce};
use kuvert_wire::{DeviceId, Timestamp};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::conversation::{Conversation, Party, Side, SpeakerKey, check_start, generate_start};
use super::running::{Advance, Fixed, Transcript};
use super::waiting::Arrived;
use crate::crypto::sign::SigningSecret;
use crate::error::ProtocolError;
use crate::identity::{IdentityKeyPair, VerifiedCert};
use crate::record::{Change, Version};
use crate::secret::Secret;
use owed::Owed;

/// How far two good clocks may be apart: what the peer dates later than that was dated by a bad one.
const CLOCKS_APART: Duration = Duration::from_secs(600);
/// Starts of the peer's that are remembered as ended.
const MAX_DONE: usize = 16;

/// Where the two stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SwitchState {
    /// No transcript, and none asked for.
    Off,
    /// We want one; the peer has not said so.
    Offered(Mode),
    /// The peer wants one; we have not said so, or have offered another mode.
    Asked(Mode),
    /// Both want it.
    On(Mode),
}

/// What both sides have said about running a transcript. One record for each peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    peer: DeviceId,
    ours: Option<OurStart>,
    theirs: Option<TheirStart>,
    /// The latest start or stop of ours, by our clock, which they do not follow back.
    said: Timestamp,
    /// The latest start or stop of the peer's, by its clock.
    heard: Timestamp,
    /// Starts of the peer's that have been ended: a copy that comes late does not begin them anew.
    done: Vec<TranscriptNonce>,
    early: Vec<Arrived>,
    owed: Owed,
    version: Version,
}

#[derive(Debug, PartialEq, Eq)]
struct OurStart {
    start: Start,
    /// The seed of the signing key, in the signed mode.
    seed: Option<Secret<32>>,
    sent: Timestamp,
}

impl Clone for OurStart {
    /// A step works on a copy that may be thrown away; the conversation that begins takes one, too.
    fn clone(&self) -> Self {
        let seed = self.seed.as_ref().map(Secret::duplicate);
        Self { start: self.start, seed, sent: self.sent }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TheirStart {
    start: Start,
    sent: Timestamp,
}

/// A switch after something was said. To be adopted once `change` is durable.
#[derive(Debug)]
#[must_use = "nothing has happened until the change is durable"]
pub struct Turn {
    /// The switch after it.
    pub next: Switch,
    /// Its record.
    pub change: Change,
    /// The conversation that begins with it.
    pub begins: Option<Advance>,
}

/// A start or stop of ours for the peer.
#[derive(Debug)]
#[must_use = "nothing has happened until the change of the turn is durable"]
pub struct Statement {
    /// What goes to the peer.
    pub body: TranscriptBody,
    /// What its frame gives as `sent`: statements of one device rise, and one that is said again has
    /// the time that it had.
    pub sent: Timestamp,
    /// What it makes of our switch.
    pub turn: Turn,
}

impl Switch {
    /// With a peer with whom nothing was said yet.
    #[must_use]
    pub const fn new(peer: DeviceId) -> Self {
        Self {
            peer,
            ours: None,
            theirs: None,
            said: Timestamp::from_millis(0),
            heard: Timestamp::from_millis(0),
            done: Vec::new(),
            early: Vec::new(),
            owed: Owed::NOTHING,
            version: Version::ABSENT,
        }
    }

    /// Whom it is with.
    #[must_use]
    pub const fn peer(&self) -> &DeviceId {
        &self.peer
    }

    /// Where the two stand.
    #[must_use]
    pub fn state(&self) -> SwitchState {
        let ours = self.ours.as_ref().map(|ours| ours.start.mode);
        match (ours, self.theirs.map(|theirs| theirs.start.mode)) {
            (None, None) => SwitchState::Off,
            (Some(mode), None) => SwitchState::Offered(mode),
            (Some(ours), Some(theirs)) if ours == theirs => SwitchState::On(ours),
            (_, Some(theirs)) => SwitchState::Asked(theirs),
        }
    }

    /// Whether this transcript is the one that runs: of these two starts.
    #[must_use]
    pub fn is_on(&self, transcript: &Transcript) -> bool {
        let (ours, parties) = (transcript.our_side(), transcript.conversation().parties());
        let is_ours = |start: &OurStart| start.start.nonce == ours.of(parties).start.nonce;
        let is_theirs =
            |start: TheirStart| start.start.nonce == ours.other().of(parties).start.nonce;
        self.ours.as_ref().is_some_and(is_ours) && self.theirs.is_some_and(is_theirs)
    }

    /// Says start, in answer or first. A start of ours in the other mode is replaced; one in this mode
    /// is said again, as it was: another one would be another conversation, and the peer may be in
    /// this one already.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Duplicate`] if one is running: it has to be stopped first.
    pub(crate) fn start<R: CryptoRng + ?Sized>(
        &self,
        mode: Mode,
        our: &IdentityKeyPair,
        their: &VerifiedCert,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Statement, ProtocolError> {
        if matches!(self.state(), SwitchState::On(_)) {
            return Err(ProtocolError::Duplicate);
        }
        if let Some(ours) = self.ours.as_ref().filter(|ours| ours.start.mode == mode) {
            let body = TranscriptBody::Start(ours.start);
            return Ok(Statement { body, sent: ours.sent, turn: self.clone().turned(None) });
        }
        let (start, key) = generate_start(mode, our, their.account_key(), rng);
        let seed = key.0.map(|key| key.seed().share());
        let mut next = self.clone();
        let sent = next.speak(now);
        next.ours = Some(OurStart { start, seed, sent });
        let begins = next.begin(our.cert(), their, now);
        Ok(Statement { body: TranscriptBody::Start(start), sent, turn: next.turned(begins) })
    }

    /// Says stop: withdraws an offer, declines one, or ends what runs. `None` if there is nothing.
    #[must_use]
    pub fn stop(&self, now: Timestamp) -> Option<Statement> {
        let theirs = self.theirs.map(|theirs| theirs.start.nonce);
        let nonce = theirs.or_else(|| self.ours.as_ref().map(|ours| ours.start.nonce))?;
        let mut next = self.clone();
        let sent = next.speak(now);
        next.ours = None;
        next.early.clear();
        next.end_theirs();
        Some(Statement { body: TranscriptBody::Stop(nonce), sent, turn: next.turned(None) })
    }

    /// The peer says start. `None` if that changes nothing.
    ///
    /// # Errors
    ///
    /// - [`ProtocolError::BadSignature`]: it is not signed by the peer's device, for us.
    /// - [`ProtocolError::BadKey`]: it is our own start come back.
    pub fn hear_start(
        &self,
        start: &Start,
        sent: Timestamp,
        our: &VerifiedCert,
        their: &VerifiedCert,
        now: Timestamp,
    ) -> Result<Option<Turn>, ProtocolError> {
        check_start(start, their, our.account_key()).map_err(|_| ProtocolError::BadSignature)?; // TRA-3
        let is_reflected = self.ours.as_ref().is_some_and(|ours| {
            let has_key = start.mode == Mode::Signed && ours.start.key == start.key;
            ours.start.nonce == start.nonce || has_key
        });
        if is_reflected {
            return Err(ProtocolError::BadKey); // TRA-4
        }
        if self.done.contains(&start.nonce) {
            return Ok(self.owing_stop(&start.nonce, now).map(|next| next.turned(None)));
        }
        let is_known = self.theirs.is_some_and(|theirs| theirs.start.nonce == start.nonce);
        // A clock of the peer's that was ahead and has been put right does not make it late.
        let is_late = sent < self.heard && self.heard <= now.saturating_add(CLOCKS_APART);
        if is_known || is_late {
            return Ok(None);
        }
        let mut next = self.clone();
        if matches!(self.state(), SwitchState::On(_)) {
            next.owed.start = true; // it may have forgotten ours
        }
        next.end_theirs();
        next.theirs = Some(TheirStart { start: *start, sent });
        next.heard = sent;
        let begins = next.begin(our, their, now);
        Ok(Some(next.turned(begins)))
    }

    /// The peer says stop: the start that it names is over, and its own if it is older. `None` if that
    /// changes nothing.
    #[must_use]
    pub fn hear_stop(
        &self,
        nonce: &TranscriptNonce,
        sent: Timestamp,
        now: Timestamp,
    ) -> Option<Turn> {
        let mut next = self.clone();
        next.heard = next.heard.max(sent);
        let is_named = |start: &Start| start.nonce == *nonce;
        if next.ours.as_ref().is_some_and(|ours| is_named(&ours.start)) {
            next.ours = None;
            next.early.clear();
        } else {
            next.put_away(*nonce);
        }
        let is_over = |theirs: TheirStart| {
            let is_misdated = theirs.sent > now.saturating_add(CLOCKS_APART);
            is_named(&theirs.start) || theirs.sent <= sent || is_misdated
        };
        if self.theirs.is_some_and(is_over) {
            next.end_theirs();
        }
        (next != *self).then(|| next.turned(None))
    }

    /// The conversation that has come about, with what came early.
    fn begin(
        &mut self,
        our: &VerifiedCert,
        their: &VerifiedCert,
        now: Timestamp,
    ) -> Option<Advance> {
        let (ours, theirs) = (self.ours.as_ref()?, self.theirs?);
        let one = Party { cert: our.clone(), start: ours.start };
        let other = Party { cert: their.clone(), start: theirs.start };
        let conversation = Conversation::new(one, other).ok()?;
        let key = SpeakerKey(ours.seed.as_ref().map(SigningSecret::from_seed));
        let is_low = our.account_key() < their.account_key();
        let side = if is_low { Side::Low } else { Side::High };
        let early = self.take_early(&conversation, side.other());
        let fixed = Fixed { conversation, our: side, key, their_start: theirs.sent };
        Some(Transcript::begin(fixed, early, now))
    }

    /// The time of a statement that is made now.
    fn speak(&mut self, now: Timestamp) -> Timestamp {
        self.said = now.max(self.said.saturating_add(Duration::from_millis(1)));
        self.owed = Owed::NOTHING;
        self.said
    }

    fn end_theirs(&mut self) {
        if let Some(theirs) = self.theirs.take() {
            self.put_away(theirs.start.nonce);
        }
    }

    fn put_away(&mut self, nonce: TranscriptNonce) {
        if !self.done.contains(&nonce) {
            self.done.push(nonce);
        }
        let excess = self.done.len().saturating_sub(MAX_DONE);
        self.done.drain(..excess);
    }

    fn turned(mut self, begins: Option<Advance>) -> Turn {
        let (key, value) = (self.key(), Zeroizing::new(self.encode_record()));
        let change = Change::Put { key, expected: self.version, value };
        self.version = self.version.next();
        Turn { next: self, change, begins }
    }
}
