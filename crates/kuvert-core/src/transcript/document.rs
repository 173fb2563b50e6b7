//! The lines of an exported file, written and read.
//!
//! ```text
//! {"v":1,"mode":1,"conv":{"accounts":[lo,hi],"nonces":[lo,hi],"certs":[lo,hi],"tsks":[{"key":…,"sig":…},…]},"heads":[
//! {"head":…,"auth":…}
//! ],"items":[
//! {"device":…,"seq":0,"leaf":…,"proof":[…],"parts":[{"j":0,"salt":…,"data":…}]}
//! ],"consistency":[
//! {"device":…,"from":3,"to":9,"proof":[…]}
//! ],"digest":…}
//! ```
//! Each entry of a list is a line; a comma ends it unless it is the last. `digest` goes over all lines
//! before, so that a file that lost or gained anything on its way is refused as a whole.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Export".

use alloc::string::String;
use alloc::vec::Vec;

use kuvert_wire::transcript::{
    Head, HeadAuth, Leaf, Mode, PartCommitment, Salt, SealedHead, Start, TranscriptKey,
    TranscriptNonce, TreeHash,
};
use kuvert_wire::{AccountKey, Decode, DeviceCert, DeviceId, Encode, Signature};

use super::conversation::{Conversation, Party};
use super::json::{NotCanonical, Scan, put_list, put_number, put_string};
use crate::crypto::kdf::{Label, hash};

/// The longest line: a message of 65,501 bytes, its leaf and its proof, and room.
pub const MAX_LINE: usize = 128 * 1024;
/// A proof of a run has two nodes a level at most.
const MAX_PROOF: usize = 128;

pub(crate) const ITEMS: &str = "],\"items\":[";
pub(crate) const CONSISTENCY: &str = "],\"consistency\":[";
const DIGEST: &str = "],\"digest\":";

/// The digest after one more line: `HL("tr-file", digest || line)`, from 32 zero bytes on.
pub(crate) fn digest_after(digest: &[u8; 32], line: &[u8]) -> [u8; 32] {
    hash(Label::TR_FILE, &[digest, line])
}

/// The file's first line, as read: nothing of it is checked.
pub(crate) struct Opening {
    pub(crate) accounts: [AccountKey; 2],
    pub(crate) certs: [DeviceCert; 2],
    pub(crate) starts: [Start; 2],
}

pub(crate) fn put_conversation(conversation: &Conversation, out: &mut String) {
    let [low, high] = conversation.parties();
    let pair = |out: &mut String, bytes: fn(&Party) -> Vec<u8>| {
        put_list([bytes(low), bytes(high)].iter().map(Vec::as_slice), out);
    };
    out.push_str("{\"v\":1,\"mode\":");
    put_number(conversation.mode().code().into(), out);
    out.push_str(",\"conv\":{\"accounts\":");
    pair(out, |party| party.cert.account_key().encode());
    out.push_str(",\"nonces\":");
    pair(out, |party| party.start.nonce.encode());
    out.push_str(",\"certs\":");
    pair(out, |party| party.cert.cert().encode());
    out.push_str(",\"tsks\":[");
    if conversation.mode() == Mode::Signed {
        put_key(&low.start, out);
        out.push(',');
        put_key(&high.start, out);
    }
    out.push_str("]}");
}

fn put_key(start: &Start, out: &mut String) {
    out.push_str("{\"key\":");
    put_string(start.key.as_bytes(), out);
    out.push_str(",\"sig\":");
    put_string(start.signature.as_bytes(), out);
    out.push('}');
}

/// Whether the line begins as this version's files do; the version's number if it is another.
pub(crate) fn version_of(line: &[u8]) -> Result<u64, NotCanonical> {
    let mut scan = Scan::new(line);
    scan.expect("{\"v\":")?;
    scan.number()
}

pub(crate) fn scan_conversation(scan: &mut Scan<'_>) -> Result<Opening, NotCanonical> {
    scan.expect("{\"v\":1,\"mode\":")?;
    let code = u8::try_from(scan.number()?).map_err(|_| NotCanonical)?;
    let mode = Mode::from_code(code).map_err(|_| NotCanonical)?;
    scan.expect(",\"conv\":{\"accounts\":[")?;
    let accounts = pair(scan)?.map(AccountKey::from_bytes);
    scan.expect(",\"nonces\":[")?;
    let nonces = pair(scan)?.map(TranscriptNonce::from_bytes);
    scan.expect(",\"certs\":[")?;
    let [low, high] = pair::<{ DeviceCert::LEN }>(scan)?;
    let cert = |bytes: &[u8]| DeviceCert::decode(bytes).map_err(|_| NotCanonical);
    let certs = [cert(&low)?, cert(&high)?];
    scan.expect(",\"tsks\":[")?;
    let keys = if mode == Mode::Signed { keys(scan)? } else { [NO_KEY; 2] };
    scan.expect("]}")?;
    let start = |i: usize| Start { mode, nonce: nonces[i], key: keys[i].0, signature: keys[i].1 };
    Ok(Opening { accounts, certs, starts: [start(0), start(1)] })
}

const NO_KEY: (TranscriptKey, Signature) =
    (TranscriptKey::from_bytes([0; 32]), Signature::from_bytes([0; 64]));

fn pair<const N: usize>(scan: &mut Scan<'_>) -> Result<[[u8; N]; 2], NotCanonical> {
    let low = scan.array()?;
    scan.expect(",")?;
    let high = scan.array()?;
    scan.expect("]")?;
    Ok([low, high])
}

fn keys(scan: &mut Scan<'_>) -> Result<[(TranscriptKey, Signature); 2], NotCanonical> {
    let low = scan_key(scan)?;
    scan.expect(",")?;
    Ok([low, scan_key(scan)?])
}

fn scan_key(scan: &mut Scan<'_>) -> Result<(TranscriptKey, Signature), NotCanonical> {
    scan.expect("{\"key\":")?;
    let key = TranscriptKey::from_bytes(scan.array()?);
    scan.expect(",\"sig\":")?;
    let signature = Signature::from_bytes(scan.array()?);
    scan.expect("}")?;
    Ok((key, signature))
}

pub(crate) fn put_head(head: &Head, auth: &HeadAuth, out: &mut String) {
    out.push_str("{\"head\":");
    put_string(&head.encode(), out);
    out.push_str(",\"auth\":");
    put_string(auth.as_bytes(), out);
    out.push('}');
}

pub(crate) fn scan_head(scan: &mut Scan<'_>) -> Result<(Head, SealedHead), NotCanonical> {
    scan.expect("{\"head\":")?;
    let head = Head::decode(&scan.array::<{ Head::LEN }>()?).map_err(|_| NotCanonical)?;
    scan.expect(",\"auth\":")?;
    let auth = HeadAuth::from_bytes(scan.array()?);
    scan.expect("}")?;
    Ok((head, SealedHead { claim: head.claim, auth }))
}

/// A part of a message, shown or not.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Open { salt: Salt, data: Vec<u8> },
    Closed(PartCommitment),
}

/// An entry of a file.
pub(crate) struct Item {
    pub(crate) device: DeviceId,
    pub(crate) seq: u64,
    pub(crate) leaf: Leaf,
    /// At the last entry of a run: that the run is in the log.
    pub(crate) proof: Option<Vec<TreeHash>>,
    pub(crate) parts: Vec<Part>,
}

/// What stands before an item's proof, or its parts.
pub(crate) fn put_item_head(leaf: &Leaf, out: &mut String) {
    out.push_str("{\"device\":");
    put_string(leaf.device.as_bytes(), out);
    out.push_str(",\"seq\":");
    put_number(leaf.seq, out);
    out.push_str(",\"leaf\":");
    put_string(&leaf.encode(), out);
}

pub(crate) fn put_item_proof(proof: &[TreeHash], out: &mut String) {
    out.push_str(",\"proof\":");
    put_hashes(proof, out);
}

pub(crate) fn put_hashes(hashes: &[TreeHash], out: &mut String) {
    put_list(hashes.iter().map(|hash| &hash.as_bytes()[..]), out);
}

pub(crate) fn put_parts(parts: &[Part], out: &mut String) {
    out.push_str(",\"parts\":[");
    for (j, part) in (0_u64..).zip(parts) {
        out.push_str(if j == 0 { "{\"j\":" } else { ",{\"j\":" });
        put_number(j, out);
        match part {
            Part::Open { salt, data } => {
                out.push_str(",\"salt\":");
                put_string(salt.as_bytes(), out);
                out.push_str(",\"data\":");
                put_string(data, out);
            }
            Part::Closed(commitment) => {
                out.push_str(",\"pc\":");
                put_string(commitment.as_bytes(), out);
            }
        }
        out.push('}');
    }
    out.push_str("]}");
}

pub(crate) fn scan_item(scan: &mut Scan<'_>) -> Result<Item, NotCanonical> {
    scan.expect("{\"device\":")?;
    let device = DeviceId::from_bytes(scan.array()?);
    scan.expect(",\"seq\":")?;
    let seq = scan.number()?;
    scan.expect(",\"leaf\":")?;
    let leaf = Leaf::decode(&scan.array::<{ Leaf::LEN }>()?).map_err(|_| NotCanonical)?;
    let has_proof = scan.skip(",\"proof\":");
    let proof = has_proof.then(|| scan_hashes(scan)).transpose()?;
    Ok(Item { device, seq, leaf, proof, parts: scan_parts(scan)? })
}

pub(crate) fn scan_hashes(scan: &mut Scan<'_>) -> Result<Vec<TreeHash>, NotCanonical> {
    Ok(scan.list(MAX_PROOF)?.into_iter().map(TreeHash::from_bytes).collect())
}

fn scan_parts(scan: &mut Scan<'_>) -> Result<Vec<Part>, NotCanonical> {
    scan.expect(",\"parts\":[")?;
    let mut parts = Vec::new();
    while !scan.skip("]}") {
        scan.expect(if parts.is_empty() { "{\"j\":" } else { ",{\"j\":" })?;
        if scan.number()? != parts.len() as u64 {
            return Err(NotCanonical); // TRA-30
        }
        parts.push(scan_part(scan)?);
        scan.expect("}")?;
    }
    Ok(parts)
}

fn scan_part(scan: &mut Scan<'_>) -> Result<Part, NotCanonical> {
    if scan.skip(",\"pc\":") {
        return Ok(Part::Closed(PartCommitment::from_bytes(scan.array()?)));
    }
    scan.expect(",\"salt\":")?;
    let salt = Salt::from_bytes(scan.array()?);
    scan.expect(",\"data\":")?;
    Ok(Part::Open { salt, data: scan.bytes()? })
}

/// That a log at one size goes on from itself at a smaller one.
pub(crate) struct Growth {
    pub(crate) device: DeviceId,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) proof: Vec<TreeHash>,
}

pub(crate) fn put_growth(growth: &Growth, out: &mut String) {
    out.push_str("{\"device\":");
    put_string(growth.device.as_bytes(), out);
    out.push_str(",\"from\":");
    put_number(growth.from, out);
    out.push_str(",\"to\":");
    put_number(growth.to, out);
    out.push_str(",\"proof\":");
    put_hashes(&growth.proof, out);
    out.push('}');
}

pub(crate) fn scan_growth(scan: &mut Scan<'_>) -> Result<Growth, NotCanonical> {
    scan.expect("{\"device\":")?;
    let device = DeviceId::from_bytes(scan.array()?);
    scan.expect(",\"from\":")?;
    let from = scan.number()?;
    scan.expect(",\"to\":")?;
    let to = scan.number()?;
    scan.expect(",\"proof\":")?;
    let proof = scan_hashes(scan)?;
    scan.expect("}")?;
    Ok(Growth { device, from, to, proof })
}

pub(crate) fn put_digest(digest: &[u8; 32], out: &mut String) {
    out.push_str(DIGEST);
    put_string(digest, out);
    out.push('}');
}

pub(crate) fn scan_digest(scan: &mut Scan<'_>) -> Result<[u8; 32], NotCanonical> {
    scan.expect(DIGEST)?;
    let digest = scan.array()?;
    scan.expect("}")?;
    Ok(digest)
}
