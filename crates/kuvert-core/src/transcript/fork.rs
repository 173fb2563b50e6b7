//! Proof of a fork: two authentic heads of one device that cannot both be true.
//!
//! ```text
//! {"v":1,"mode":…,"conv":{…},"fork":[head, head],"proof":[…]}
//! ```
//! Two heads contradict by themselves if they give one size two roots, or if one covers more of one
//! log and less of the other. Two heads of different sizes also contradict if the larger tree does not
//! begin with the smaller: then the nodes are given with which the larger root is computed, and with it
//! what the smaller one would have to be.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Proof of a fork"; check TRA-48.

use alloc::string::String;
use alloc::vec::Vec;

use kuvert_wire::transcript::{HeadClaim, SealedHead, TreeHash, TreeHead};

use super::conversation::{Conversation, Side};
use super::document;
use super::json::Scan;
use super::tree::{Tree, roots_of_prefix};
use super::verify::{self, Cause, Refused};

/// Which log of a head a proof is about.
fn logs(claim: &HeadClaim) -> [&TreeHead; 2] {
    [&claim.own, &claim.peer]
}

/// Whether two heads of one device contradict each other by themselves.
pub(crate) fn contradict(one: &HeadClaim, other: &HeadClaim) -> bool {
    let two_roots = logs(one)
        .into_iter()
        .zip(logs(other))
        .any(|(one, other)| one.size == other.size && one.root != other.root);
    let crossing = (one.own.size < other.own.size && one.peer.size > other.peer.size)
        || (one.own.size > other.own.size && one.peer.size < other.peer.size);
    two_roots || crossing
}

/// Two contradicting heads of one device, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkProof {
    speaker: Side,
    heads: [SealedHead; 2],
    proof: Vec<TreeHash>,
}

impl ForkProof {
    /// The proof that two heads of `speaker` make by themselves; `None` if they are not authentic or
    /// do not contradict.
    #[must_use]
    pub fn of_heads(
        conversation: &Conversation,
        speaker: Side,
        heads: [SealedHead; 2],
    ) -> Option<Self> {
        Self::checked(conversation, speaker, heads, Vec::new())
    }

    /// The proof that a head over fewer leaves is not over the beginning of `tree`, which is that of a
    /// head over more; `tree` is of the log that the heads differ about.
    #[must_use]
    pub fn of_trees(
        conversation: &Conversation,
        speaker: Side,
        heads: [SealedHead; 2],
        tree: &Tree,
    ) -> Option<Self> {
        let mut heads = heads;
        heads.sort_by_key(|head| (head.claim.own.size, head.claim.peer.size));
        let [less, more] = heads.map(|head| head.claim);
        let pairs = logs(&less).into_iter().zip(logs(&more));
        pairs.into_iter().find_map(|(less, more)| {
            let proof = tree.prefix_proof(less.size, more.size)?;
            Self::checked(conversation, speaker, heads, proof)
        })
    }

    /// Checks a proof, the head over fewer leaves first.
    #[must_use]
    pub fn checked(
        conversation: &Conversation,
        speaker: Side,
        heads: [SealedHead; 2],
        proof: Vec<TreeHash>,
    ) -> Option<Self> {
        let authentic = heads.iter().all(|head| conversation.is_authentic(speaker, head));
        let [one, other] = heads.map(|head| head.claim);
        let contradicts = if proof.is_empty() {
            contradict(&one, &other)
        } else {
            logs(&one)
                .into_iter()
                .zip(logs(&other))
                .any(|(less, more)| is_no_prefix(less, more, &proof))
        };
        (authentic && contradicts).then_some(Self { speaker, heads, proof }) // TRA-48
    }

    /// The proof as a file of one line.
    ///
    /// `conversation` is the one the heads are of.
    #[must_use]
    pub fn to_bytes(&self, conversation: &Conversation) -> Vec<u8> {
        let mut line = String::new();
        document::put_conversation(conversation, &mut line);
        line.push_str(",\"fork\":[");
        for (i, head) in self.heads.iter().enumerate() {
            line.push_str(if i == 0 { "" } else { "," });
            document::put_head(&conversation.head(self.speaker, head.claim), &head.auth, &mut line);
        }
        line.push_str("],\"proof\":");
        document::put_hashes(&self.proof, &mut line);
        line.push_str("}\n");
        line.into_bytes()
    }

    /// Verifies a file that [`ForkProof::to_bytes`] made: what it says, and of which conversation.
    ///
    /// # Errors
    ///
    /// [`Refused`] if it is none, or its heads do not contradict.
    pub fn verify(file: &[u8]) -> Result<(Conversation, Self), Refused> {
        scanned(file).map_err(|cause| Refused { cause, line: 1, entry: None })
    }

    /// Whose heads they are.
    #[must_use]
    pub const fn speaker(&self) -> Side {
        self.speaker
    }

    /// The two heads.
    #[must_use]
    pub const fn heads(&self) -> &[SealedHead; 2] {
        &self.heads
    }

    /// The nodes that show it; none where the heads speak for themselves.
    #[must_use]
    pub fn proof(&self) -> &[TreeHash] {
        &self.proof
    }
}

fn scanned(file: &[u8]) -> Result<(Conversation, ForkProof), Cause> {
    let mut scan = Scan::new(file);
    let conversation = verify::conversation(&mut scan)?;
    scan.expect(",\"fork\":[")?;
    let (one_said, one) = document::scan_head(&mut scan)?;
    scan.expect(",")?;
    let (other_said, other) = document::scan_head(&mut scan)?;
    scan.expect("],\"proof\":")?;
    let proof = document::scan_hashes(&mut scan)?;
    scan.expect("}\n")?;
    scan.finish()?;
    let speaker = conversation.side_of(&one_said.device).ok_or(Cause::HeadPlace)?; // TRA-35
    let is_of_one = [one_said, other_said]
        .iter()
        .all(|said| said.device == one_said.device && said.conversation == *conversation.id());
    if !is_of_one {
        return Err(Cause::HeadPlace); // TRA-35
    }
    let checked = ForkProof::checked(&conversation, speaker, [one, other], proof);
    checked.map(|proof| (conversation, proof)).ok_or(Cause::NoFork) // TRA-48
}

fn is_no_prefix(less: &TreeHead, more: &TreeHead, proof: &[TreeHash]) -> bool {
    let roots = roots_of_prefix(less.size, more.size, proof);
    roots.is_some_and(|(before, after)| after == more.root && before != less.root)
}
