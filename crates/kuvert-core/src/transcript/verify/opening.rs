//! The beginning of a file: who speaks, and what they have signed.

use alloc::vec::Vec;

use kuvert_wire::transcript::{HeadClaim, SealedHead, TreeHead};

use super::super::conversation::{Conversation, Party, Side};
use super::super::document;
use super::super::fork::contradict;
use super::super::json::Scan;
use super::super::tree::empty_root;
use super::body::Body;
use super::log::LogCheck;
use super::refusal::{Cause, Wrong};
use crate::error::ProtocolError;
use crate::identity::VerifiedCert;

/// The conversation of a file, and its heads as they are read.
#[derive(Debug)]
pub(super) struct Heads {
    conversation: Conversation,
    heads: Vec<(Side, SealedHead)>,
}

impl Heads {
    /// Reads the first line.
    pub(super) fn opened(text: &[u8]) -> Result<Self, Wrong> {
        if document::version_of(text).map_err(Cause::from)? != 1 {
            return Err(Cause::Version.into()); // TRA-31
        }
        let mut scan = Scan::new(text);
        let conversation = conversation(&mut scan)?;
        scan.expect(",\"heads\":[").map_err(Cause::from)?;
        scan.finish().map_err(Cause::from)?;
        Ok(Self { conversation, heads: Vec::new() })
    }

    /// Reads a head.
    pub(super) fn take(&mut self, mut scan: Scan<'_>) -> Result<(), Wrong> {
        let (said, head) = document::scan_head(&mut scan).map_err(Cause::from)?;
        scan.finish().map_err(Cause::from)?;
        let side = self.conversation.side_of(&said.device).ok_or(Cause::HeadPlace)?; // TRA-35
        if said.conversation != *self.conversation.id() {
            return Err(Cause::HeadPlace.into()); // TRA-35
        }
        if !self.conversation.is_authentic(side, &head) {
            return Err(Cause::Head.into()); // TRA-34
        }
        let place =
            |side: Side, claim: &HeadClaim| (side, claim.own.size, claim.peer.size, claim.time);
        let last = self.heads.last();
        let rises = last.is_none_or(|(s, h)| place(*s, &h.claim) < place(side, &head.claim));
        if !rises {
            return Err(Cause::HeadOrder.into()); // TRA-36
        }
        let disagrees = last.is_some_and(|(s, h)| *s == side && contradict(&h.claim, &head.claim));
        if disagrees {
            return Err(Cause::HeadsDisagree.into()); // TRA-37
        }
        self.heads.push((side, head));
        Ok(())
    }

    /// All heads are read: what they say of each log.
    pub(super) fn close(self) -> Result<Body, Wrong> {
        if self.heads.is_empty() {
            return Err(Cause::HeadOrder.into()); // TRA-36
        }
        let logs = Side::BOTH.map(|side| self.log_of(side));
        let agree = logs.iter().all(|log| {
            let is_twice = |pair: &[TreeHead]| pair[0].size == pair[1].size;
            let is_empty_wrong = |tree: &TreeHead| tree.size == 0 && tree.root != empty_root();
            !log.sizes.windows(2).any(is_twice) && !log.sizes.iter().any(is_empty_wrong)
        });
        if !agree {
            return Err(Cause::HeadsDisagree.into()); // TRA-37
        }
        let has_signed =
            Side::BOTH.map(|side| self.heads.iter().any(|(speaker, _)| *speaker == side));
        Ok(Body::new(self.conversation, logs, has_signed))
    }

    fn log_of(&self, side: Side) -> LogCheck {
        let by = |speaker: Side| self.heads.iter().filter(move |(s, _)| *s == speaker);
        let own: Vec<TreeHead> = by(side).map(|(_, head)| head.claim.own).collect();
        let peer: Vec<TreeHead> = by(side.other()).map(|(_, head)| head.claim.peer).collect();
        let most = |trees: &[TreeHead]| trees.iter().map(|tree| tree.size).max().unwrap_or(0);
        let (signed, acknowledged) = (most(&own), most(&peer));
        LogCheck::new([own, peer].concat(), signed, acknowledged)
    }
}

/// Reads and checks who takes part, and that each has certified its signing key.
pub(in super::super) fn conversation(scan: &mut Scan<'_>) -> Result<Conversation, Cause> {
    let opening = document::scan_conversation(scan)?;
    let [low, high] = opening.certs.map(VerifiedCert::verify);
    let certs = [low.map_err(|_| Cause::Certificate)?, high.map_err(|_| Cause::Certificate)?]; // TRA-32
    let named = certs.iter().zip(&opening.accounts).all(|(cert, key)| cert.account_key() == key);
    if !named || opening.accounts[0] >= opening.accounts[1] {
        return Err(Cause::Certificate); // TRA-32
    }
    let [low, high] = certs;
    let [low_start, high_start] = opening.starts;
    let one = Party { cert: low, start: low_start };
    let other = Party { cert: high, start: high_start };
    Conversation::new(one, other).map_err(|error| match error {
        ProtocolError::BadSignature => Cause::SigningKey, // TRA-33
        _ => Cause::Certificate,                          // TRA-32
    })
}
