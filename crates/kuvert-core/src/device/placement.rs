//! Which of several sessions with a peer is the active one.
//!
//! ```text
//! both began, mine unanswered:  the one begun by the lower device id is active
//! a new one otherwise:          it is active, the old one inactive
//! the sides have come apart:    one follows the other's newest message
//! a fourth inactive one:        the oldest ends
//! ```
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Several sessions with one peer"; check MSG-12.

use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::{DeviceId, SessionId, Timestamp};

use super::effect::Effect;
use super::peer::Peer;
use crate::error::ProtocolError;
use crate::session::{Session, Status};

/// Makes `new` the active session; the one before it still receives.
pub(super) fn become_active(peer: &mut Peer, new: SessionId, now: Timestamp) -> Vec<Effect> {
    (peer.closed, peer.crossed) = (false, false);
    match peer.active.replace(new) {
        Some(old) => set_aside(peer, old, now),
        None => Vec::new(),
    }
}

fn set_aside(peer: &mut Peer, session: SessionId, now: Timestamp) -> Vec<Effect> {
    let mut effects = vec![Effect::SetAside(session)];
    effects.extend(peer.set_aside(session, now).map(Effect::EndSession));
    effects
}

/// Whether `active`, begun by us and unanswered, and one new session of the peer's have crossed. A
/// second one of the peer's says that it cannot use ours: that is no tie. Which came first is no
/// matter of clocks, since ours may have been put right in between.
pub(super) fn is_tie(peer: &Peer, active: &Session) -> bool {
    active.head.status == Status::AwaitingReply && !peer.crossed
}

/// Places a session that the peer has begun, beside the active one if there is one.
///
/// # Errors
///
/// [`ProtocolError::TooManySessions`] at the sixth takeover within a day.
pub(super) fn place_theirs(
    peer: &mut Peer,
    theirs: &mut Session,
    our_id: &DeviceId,
    is_tie: bool,
    now: Timestamp,
) -> Result<Vec<Effect>, ProtocolError> {
    if peer.active.is_none() {
        return Ok(become_active(peer, theirs.head.id, now));
    }
    if !is_tie && !peer.note_takeover(now) {
        return Err(ProtocolError::TooManySessions); // MSG-12
    }
    if is_tie && *our_id < theirs.head.peer {
        theirs.head.status = Status::Inactive;
        peer.crossed = true;
        let ended = peer.set_aside(theirs.head.id, now);
        return Ok(ended.map(Effect::EndSession).into_iter().collect());
    }
    Ok(become_active(peer, theirs.head.id, now))
}
