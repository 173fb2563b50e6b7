//! Operations of attachments.

use alloc::vec::Vec;

use crate::crypto::aead;
use crate::crypto::commit::{CommitLabels, committing_key};
use crate::crypto::kdf::Expander;
use crate::secret::Secret;

/// What [`attach_chunk`] takes.
#[derive(Clone, Copy, Debug)]
pub struct ChunkInput<'a> {
    /// The upload's random key.
    pub file_key: &'a [u8; 32],
    /// The blob's salt.
    pub salt: &'a [u8; 16],
    /// Length of the padded file.
    pub padded_size: u64,
    /// Logarithm of the chunk size.
    pub chunk_log2: u8,
    /// The chunk's number.
    pub i: u32,
    /// Whether it is the last one.
    pub last: bool,
    /// The chunk's plaintext.
    pub data: &'a [u8],
}

/// `attach_chunk`: the blob's commitment, 32 bytes, and the sealed chunk.
#[must_use]
pub fn attach_chunk(input: &ChunkInput<'_>) -> ([u8; 32], Vec<u8>) {
    let parent = Expander::new(&Secret::copied_from(input.file_key));
    let (log2, size) = ([input.chunk_log2], input.padded_size.to_be_bytes());
    let context: &[&[u8]] = &[input.salt, &log2, &size];
    let (key, commitment) = committing_key(&parent, CommitLabels::ATTACHMENT, context);
    let header = [&b"KVA1"[..], &log2, input.salt, &commitment].concat();
    let mut nonce = [0; 12];
    nonce[7..11].copy_from_slice(&input.i.to_be_bytes());
    nonce[11] = u8::from(input.last);
    (commitment, aead::seal(&key, &nonce, &header, input.data))
}

#[cfg(test)]
mod tests {
    use super::super::kat::cases;
    use super::*;

    #[test]
    fn known_answers_of_chunks() {
        for case in cases("attach_chunk") {
            let (commitment, chunk) = attach_chunk(&ChunkInput {
                file_key: &case.array("file_key"),
                salt: &case.array("salt"),
                padded_size: case.value("padded_size").as_u64().unwrap(),
                chunk_log2: case.number("chunk_log2").try_into().unwrap(),
                i: case.number("i").try_into().unwrap(),
                last: case.value("last").as_bool().unwrap(),
                data: &case.bytes("data"),
            });
            assert_eq!(commitment, case.expect().array("commit"));
            assert_eq!(chunk, case.expect().bytes("chunk"));
        }
    }
}
