//! Operations on Merkle trees, as in RFC 9162 §2.1.

use alloc::vec::Vec;

use super::BadInput;
use super::crypto::check;
use crate::transcript::{Tree, hash_of_leaf};

/// `merkle_root`: MTH over the leaves, 32 bytes.
#[must_use]
pub fn merkle_root(leaves: &[Vec<u8>]) -> [u8; 32] {
    let tree = tree(leaves);
    tree.root(tree.size()).map_or([0; 32], |root| *root.as_bytes())
}

/// `merkle_inclusion`: PATH of the leaf at `index`, from the leaf up.
///
/// # Errors
///
/// [`BadInput`] when there is no such leaf.
pub fn merkle_inclusion(leaves: &[Vec<u8>], index: usize) -> Result<Vec<[u8; 32]>, BadInput> {
    check(index < leaves.len(), "index")?;
    let (tree, first) = (tree(leaves), index as u64);
    let proof = tree.run_proof(first, first + 1, tree.size()).unwrap_or_default();
    Ok(proof.iter().map(|hash| *hash.as_bytes()).collect())
}

/// `merkle_consistency`: PROOF that the tree over all leaves goes on from that over the first `old`.
///
/// # Errors
///
/// [`BadInput`] when `old` is 0 or over the number of leaves.
pub fn merkle_consistency(leaves: &[Vec<u8>], old: usize) -> Result<Vec<[u8; 32]>, BadInput> {
    check((1..=leaves.len()).contains(&old), "old")?;
    let tree = tree(leaves);
    let proof = tree.consistency(old as u64, tree.size()).unwrap_or_default();
    Ok(proof.iter().map(|hash| *hash.as_bytes()).collect())
}

fn tree(leaves: &[Vec<u8>]) -> Tree {
    Tree::new(leaves.iter().map(|leaf| hash_of_leaf(leaf)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::kat::{Case, cases};
    use super::*;

    type Hash = [u8; 32];

    fn list(case: &Case, field: &str) -> Vec<Vec<u8>> {
        let items = case.value(field).as_array().unwrap().iter();
        items.map(|item| hex::decode(item.as_str().unwrap()).unwrap()).collect()
    }

    fn proof(case: &Case) -> Vec<Hash> {
        let hashes = list(&case.expect(), "proof").into_iter();
        hashes.map(|hash| hash.try_into().unwrap()).collect()
    }

    #[test]
    fn known_answers_of_trees() {
        for case in cases("merkle_root") {
            assert_eq!(merkle_root(&list(&case, "leaves")), case.expect().array("out"));
        }
        for case in cases("merkle_inclusion") {
            let out = merkle_inclusion(&list(&case, "leaves"), case.number("index"));
            assert_eq!(out, Ok(proof(&case)));
        }
        for case in cases("merkle_consistency") {
            let out = merkle_consistency(&list(&case, "leaves"), case.number("old"));
            assert_eq!(out, Ok(proof(&case)));
        }
    }

    /// The tree of eight leaves of Certificate Transparency's reference tests.
    #[test]
    fn the_reference_tree_has_the_reference_root() {
        let leaves: Vec<Vec<u8>> = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ]
        .map(|leaf| hex::decode(leaf).unwrap())
        .into();
        let root = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
        assert_eq!(hex::encode(merkle_root(&leaves)), root);
        let path = merkle_inclusion(&leaves, 0).unwrap();
        assert_eq!(
            path.iter().map(hex::encode).collect::<Vec<_>>(),
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
        assert_eq!(merkle_consistency(&leaves, 8), Ok(Vec::new()));
        for old in [0, 9] {
            assert_eq!(merkle_consistency(&leaves, old), Err(BadInput { what: "old" }));
        }
        assert_eq!(merkle_inclusion(&leaves, 8), Err(BadInput { what: "index" }));
    }
}
