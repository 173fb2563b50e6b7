//! Whether a transcript runs with a peer: on once both have said start in the same mode, off as soon
//! as one has said stop.
//!
//! ```text
//!            we start                  the peer starts, same mode
//!   Off ─────────────────▶ Offered ───────────────────────────────▶ On
//!    │   the peer starts            we start, same mode              ▲
//!    └─────────────────▶ Asked ──────────────────────────────────────┘
//!   Offered, Asked, On ── stop of either ──▶ Off        On ── the peer starts anew ──▶ Asked
//! ```
//! Starts and stops of the peer's are taken in the order in which it says it sent them; one that comes
//! late is left aside.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Start and stop".

use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::transcript::{Block, Mode, Start, TranscriptBody, TranscriptNonce};
use kuvert_wire::{Decode, DecodeError, DeviceId, Encode, MessageId, Reader, Timestamp};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::commitment::Logged;
use super::conversation::{Conversation, Party, Side, SpeakerKey, check_start, generate_start};
use super::running::{Advance, Fixed, Transcript};
use super::waiting::{Arrived, decode_option, encode_option};
use crate::crypto::sign::SigningSecret;
use crate::error::ProtocolError;
use crate::identity::{IdentityKeyPair, VerifiedCert};
use crate::record::{Change, Key, Record, Version};
use crate::secret::Secret;

const FORMAT: u8 = 1;
/// How far two good clocks may be apart: what the peer dates later than that was dated by a bad one.
const CLOCKS_APART: Duration = Duration::from_secs(600);
/// Starts of the peer's that are remembered as ended.
const MAX_DONE: usize = 16;
/// Messages with a block that come before the peer's start are held, so many at most.
const MAX_EARLY: usize = 64;

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
    /// The latest start or stop of the peer's, by its clock.
    heard: Timestamp,
    /// Starts of the peer's that have been ended: a copy that comes late does not begin them anew.
    done: Vec<TranscriptNonce>,
    early: Vec<Arrived>,
    version: Version,
}

#[derive(Debug, PartialEq, Eq)]
struct OurStart {
    start: Start,
    /// The seed of the signing key, in the signed mode.
    seed: Option<Secret<32>>,
}

impl Clone for OurStart {
    /// A step works on a copy that may be thrown away; the conversation that begins takes one, too.
    fn clone(&self) -> Self {
        Self { start: self.start, seed: self.seed.as_ref().map(Secret::duplicate) }
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

impl Switch {
    /// With a peer with whom nothing was said yet.
    #[must_use]
    pub const fn new(peer: DeviceId) -> Self {
        Self {
            peer,
            ours: None,
            theirs: None,
            heard: Timestamp::from_millis(0),
            done: Vec::new(),
            early: Vec::new(),
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

    /// Says start, in answer or first. An offer of ours that is open is replaced. The body goes to the
    /// peer.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Duplicate`] if one is running: it has to be stopped first.
    #[cfg_attr(not(test), allow(dead_code, reason = "devices offer it, with their keys"))]
    pub(crate) fn start<R: CryptoRng + ?Sized>(
        &self,
        mode: Mode,
        our: &IdentityKeyPair,
        their: &VerifiedCert,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<(TranscriptBody, Turn), ProtocolError> {
        if matches!(self.state(), SwitchState::On(_)) {
            return Err(ProtocolError::Duplicate);
        }
        if let Some(ours) = self.ours.as_ref().filter(|ours| ours.start.mode == mode) {
            // Said again, as it was: another start would be another conversation, and the peer may be
            // in this one already.
            return Ok((TranscriptBody::Start(ours.start), self.clone().turned(None)));
        }
        let (start, key) = generate_start(mode, our, their.account_key(), rng);
        let seed = key.0.map(|key| Secret::copied_from(key.seed()));
        let mut next = self.clone();
        next.ours = Some(OurStart { start, seed });
        let begins = next.begin(our.cert(), their, now);
        Ok((TranscriptBody::Start(start), next.turned(begins)))
    }

    /// Says stop: withdraws an offer, declines one, or ends what runs. `None` if there is nothing.
    #[must_use]
    pub fn stop(&self) -> Option<(TranscriptBody, Turn)> {
        let ours = self.ours.as_ref().map(|ours| ours.start.nonce);
        let nonce = ours.or_else(|| self.theirs.map(|theirs| theirs.start.nonce))?;
        Some((TranscriptBody::Stop(nonce), self.clone().cleared().turned(None)))
    }

    /// The peer says start. `None` if it is an old one.
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
        let is_known = self.theirs.is_some_and(|theirs| theirs.start.nonce == start.nonce)
            || self.done.contains(&start.nonce);
        // A clock of the peer's that was ahead and has been put right does not make it late.
        let is_late = sent < self.heard && self.heard <= now.saturating_add(CLOCKS_APART);
        if is_known || is_late {
            return Ok(None);
        }
        let mut next = self.clone();
        if matches!(self.state(), SwitchState::On(_)) {
            next = next.cleared();
        }
        if let Some(before) = next.theirs.replace(TheirStart { start: *start, sent }) {
            next.put_away(before.start.nonce);
        }
        next.heard = sent;
        let begins = next.begin(our, their, now);
        Ok(Some(next.turned(begins)))
    }

    /// The peer says stop. `None` if it is about nothing that is there and nothing is to be noted.
    #[must_use]
    pub fn hear_stop(&self, nonce: &TranscriptNonce, sent: Timestamp) -> Option<Turn> {
        let is_ours = self.ours.as_ref().is_some_and(|ours| ours.start.nonce == *nonce);
        let is_theirs = self.theirs.is_some_and(|theirs| theirs.start.nonce == *nonce);
        let mut next = if is_ours || is_theirs { self.clone().cleared() } else { self.clone() };
        next.heard = next.heard.max(sent);
        if !is_ours {
            next.put_away(*nonce);
        }
        (next != *self).then(|| next.turned(None))
    }

    /// Keeps a message with a block that has come before the start it belongs to. `None` if we have
    /// offered nothing, or hold too many: its leaf will be asked for like any other that is missing.
    #[must_use]
    pub fn hold(
        &self,
        logged: &Logged<'_>,
        sent: Timestamp,
        block: &Block,
        now: Timestamp,
    ) -> Option<Turn> {
        let is_awaited = self.ours.is_some() && !matches!(self.state(), SwitchState::On(_));
        let arrived = Arrived::message(logged, sent, block, now)?;
        let mut next = self.clone();
        next.early.push(arrived);
        (is_awaited && next.early.len() <= MAX_EARLY).then(|| next.turned(None))
    }

    /// Drops a message that [`Switch::hold`] keeps, because its content is erased. `None` if it is not
    /// there.
    #[must_use]
    pub fn forget(&self, message: &MessageId) -> Option<Turn> {
        let is_it = |arrived: &Arrived| {
            arrived.kept.as_ref().is_some_and(|kept| kept.message_id == *message)
        };
        let mut next = self.clone();
        next.early.retain(|arrived| !is_it(arrived));
        (next.early.len() < self.early.len()).then(|| next.turned(None))
    }

    /// The conversation that has come about, with what came early.
    fn begin(&self, our: &VerifiedCert, their: &VerifiedCert, now: Timestamp) -> Option<Advance> {
        let (ours, theirs) = (self.ours.as_ref()?, self.theirs?);
        let one = Party { cert: our.clone(), start: ours.start };
        let other = Party { cert: their.clone(), start: theirs.start };
        let conversation = Conversation::new(one, other).ok()?;
        let key = SpeakerKey(ours.seed.as_ref().map(SigningSecret::from_seed));
        let is_low = our.account_key() < their.account_key();
        let side = if is_low { Side::Low } else { Side::High };
        let fixed = Fixed { conversation, our: side, key, their_start: theirs.sent };
        // What was sent before that start is of a conversation that we have not been in.
        let early = self.early.iter().filter(|arrived| arrived.time >= theirs.sent).cloned();
        Some(Transcript::begin(fixed, early, now))
    }

    fn cleared(mut self) -> Self {
        self.ours = None;
        if let Some(theirs) = self.theirs.take() {
            self.put_away(theirs.start.nonce);
        }
        self.early.clear();
        self
    }

    fn put_away(&mut self, nonce: TranscriptNonce) {
        if !self.done.contains(&nonce) {
            self.done.push(nonce);
        }
        let excess = self.done.len().saturating_sub(MAX_DONE);
        self.done.drain(..excess);
    }

    /// What came early is in the conversation once that has begun, and stays nowhere else.
    fn turned(mut self, begins: Option<Advance>) -> Turn {
        if begins.is_some() {
            self.early.clear();
        }
        let (key, value) = (self.key(), Zeroizing::new(self.encode_record()));
        let change = Change::Put { key, expected: self.version, value };
        self.version = self.version.next();
        Turn { next: self, change, begins }
    }

    /// Its record as it would be written now; `None` if it was never written.
    #[cfg(any(test, feature = "hazmat"))]
    pub(crate) fn record(&self) -> Option<Record> {
        let value = Zeroizing::new(self.encode_record());
        let record = Record { key: self.key(), version: self.version, value };
        (self.version != Version::ABSENT).then_some(record)
    }

    /// The change that deletes its record, if there is one.
    pub(crate) fn delete(&self) -> Option<Change> {
        let is_stored = self.version != Version::ABSENT;
        is_stored.then(|| Change::Delete { key: self.key(), expected: self.version })
    }

    fn key(&self) -> Key {
        Key::new("switch", self.peer)
    }

    /// `format u8=1 | peer 16 | option (start 129 | option seed 32) | option (start 129 | sent u64) | heard u64 | count u8 | nonces | count u8 | early`
    fn encode_record(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        out.push(FORMAT);
        self.peer.encode_into(&mut out);
        encode_option(self.ours.as_ref(), &mut out);
        encode_option(self.theirs.as_ref(), &mut out);
        self.heard.encode_into(&mut out);
        out.push(u8::try_from(self.done.len()).unwrap_or(u8::MAX));
        self.done.iter().for_each(|nonce| nonce.encode_into(&mut out));
        out.push(u8::try_from(self.early.len()).unwrap_or(u8::MAX));
        self.early.iter().for_each(|arrived| arrived.encode_into(&mut out));
        out
    }

    /// Loads a switch from its record, which stands under `switch/`.
    ///
    /// # Errors
    ///
    /// The record's key if it is not one of a switch.
    pub fn load(record: &Record) -> Result<Self, Key> {
        let mut reader = Reader::new(&record.value);
        let switch = decode_record(&mut reader, record.version).ok();
        let is_whole = reader.remaining() == 0;
        switch.filter(|switch| is_whole && switch.key() == record.key).ok_or(record.key.clone())
    }
}

fn decode_record(reader: &mut Reader<'_>, version: Version) -> Result<Switch, DecodeError> {
    let format = reader.u8()?;
    if format != FORMAT {
        return Err(DecodeError::UnsupportedVersion { found: format.into() });
    }
    let (peer, ours) = (DeviceId::decode_from(reader)?, decode_option(reader)?);
    let theirs = decode_option(reader)?;
    let heard = Timestamp::decode_from(reader)?;
    let done = (0..reader.u8()?).map(|_| TranscriptNonce::decode_from(reader));
    let done = done.collect::<Result<_, _>>()?;
    let early = (0..reader.u8()?).map(|_| Arrived::decode_from(reader));
    let early = early.collect::<Result<_, _>>()?;
    Ok(Switch { peer, ours, theirs, heard, done, early, version })
}

impl Encode for OurStart {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.start.encode_into(out);
        out.push(u8::from(self.seed.is_some()));
        self.seed.iter().for_each(|seed| out.extend_from_slice(seed.expose()));
    }

    fn encoded_len(&self) -> usize {
        Start::LEN + 1 + self.seed.as_ref().map_or(0, |_| 32)
    }
}

impl Decode for OurStart {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = Start::decode_from(reader)?;
        let has_seed = reader.flag("signing key")?;
        let seed = has_seed.then(|| reader.array_ref().map(Secret::copied_from)).transpose()?;
        Ok(Self { start, seed })
    }
}

impl Encode for TheirStart {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.start.encode_into(out);
        self.sent.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Start::LEN + 8
    }
}

impl Decode for TheirStart {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { start: Start::decode_from(reader)?, sent: Timestamp::decode_from(reader)? })
    }
}
