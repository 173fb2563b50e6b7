//! The tree over a log: RFC 9162 §2.1, with proofs for whole runs of leaves.
//!
//! ```text
//! MTH({})     = SHA-256("")          MTH({d}) = SHA-256(0x00 || d)
//! MTH(D[n])   = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))     k: the largest power of two below n
//! ```
//!
//! A [`Frontier`] appends in O(log n) and keeps O(log n). A [`Tree`] keeps all nodes and proves. The
//! proof of a run is the nodes beside it, from the leaves up; for a run of one leaf it is PATH of the
//! RFC, for all leaves it is empty.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Logs and trees".

use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::transcript::{Leaf, TreeHash};
use kuvert_wire::{Decode, DecodeError, Encode, Reader};

use crate::crypto::kdf::sha256;

/// `SHA-256(0x00 || leaf)`.
#[must_use]
pub fn leaf_hash(leaf: &Leaf) -> TreeHash {
    hash_of_leaf(&leaf.encode())
}

/// The same over any bytes.
pub(crate) fn hash_of_leaf(leaf: &[u8]) -> TreeHash {
    TreeHash::from_bytes(sha256(&[&[0], leaf]))
}

fn node(left: &TreeHash, right: &TreeHash) -> TreeHash {
    TreeHash::from_bytes(sha256(&[&[1], left.as_bytes(), right.as_bytes()]))
}

/// The root of no leaves.
pub(crate) fn empty_root() -> TreeHash {
    TreeHash::from_bytes(sha256(&[]))
}

/// The largest power of two below `len`, which is two or more.
const fn left_len(len: u64) -> u64 {
    1 << (len - 1).ilog2()
}

/// The right edge of a tree: a root for each bit of its size, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<TreeHash>,
}

impl Frontier {
    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: TreeHash) {
        let mut peak = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                peak = node(&left, &peak);
            }
        }
        self.peaks.push(peak);
        self.size += 1;
    }

    /// The root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return empty_root();
        };
        peaks.fold(*last, |right, left| node(left, &right))
    }
}

impl Encode for Frontier {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.size.to_be_bytes());
        self.peaks.iter().for_each(|peak| peak.encode_into(out));
    }

    fn encoded_len(&self) -> usize {
        8 + TreeHash::LEN * self.peaks.len()
    }
}

impl Decode for Frontier {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let size = reader.u64()?;
        let peaks = (0..size.count_ones()).map(|_| TreeHash::decode_from(reader));
        Ok(Self { size, peaks: peaks.collect::<Result<_, _>>()? })
    }
}

/// A whole tree: each perfect subtree has its node, a level for each height.
#[derive(Clone, Debug)]
pub struct Tree {
    levels: Vec<Vec<TreeHash>>,
}

impl Tree {
    /// The tree over leaves given by their hashes.
    #[must_use]
    pub fn new(leaves: Vec<TreeHash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let above = below.chunks_exact(2).map(|pair| node(&pair[0], &pair[1])).collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels[0].len() as u64
    }

    /// The root over the first `size` leaves; `None` if there are not so many.
    #[must_use]
    pub fn root(&self, size: u64) -> Option<TreeHash> {
        (size <= self.size()).then(|| if size == 0 { empty_root() } else { self.subtree(0, size) })
    }

    /// That leaves `first..end` are in the tree over the first `size`; `None` if they are not.
    #[must_use]
    pub fn run_proof(&self, first: u64, end: u64, size: u64) -> Option<Vec<TreeHash>> {
        let is_in = first < end && end <= size && size <= self.size();
        is_in.then(|| {
            let mut proof = Vec::new();
            self.prove_run(first, end, 0, size, &mut proof);
            proof
        })
    }

    fn prove_run(&self, first: u64, end: u64, lo: u64, hi: u64, proof: &mut Vec<TreeHash>) {
        if first <= lo && hi <= end {
            return;
        }
        let middle = lo + left_len(hi - lo);
        if first < middle {
            self.prove_run(first, end, lo, middle, proof);
        }
        if end > middle {
            self.prove_run(first, end, middle, hi, proof);
        }
        if end <= middle {
            proof.push(self.subtree(middle, hi));
        } else if first >= middle {
            proof.push(self.subtree(lo, middle));
        }
    }

    /// PROOF of the RFC: that the tree over `size` leaves goes on from the one over `old`.
    #[must_use]
    pub fn consistency(&self, old: u64, size: u64) -> Option<Vec<TreeHash>> {
        self.consistency_with(old, size, true)
    }

    /// Likewise, with enough in it to compute the old root too, for who has another one.
    #[must_use]
    pub fn prefix_proof(&self, old: u64, size: u64) -> Option<Vec<TreeHash>> {
        self.consistency_with(old, size, false)
    }

    fn consistency_with(&self, old: u64, size: u64, known: bool) -> Option<Vec<TreeHash>> {
        let is_in = 1 <= old && old <= size && size <= self.size();
        is_in.then(|| {
            let mut proof = Vec::new();
            self.subproof(old, 0, size, known, &mut proof);
            proof
        })
    }

    fn subproof(&self, old: u64, lo: u64, hi: u64, known: bool, proof: &mut Vec<TreeHash>) {
        if old == hi {
            if !known {
                proof.push(self.subtree(lo, hi));
            }
            return;
        }
        let middle = lo + left_len(hi - lo);
        if old <= middle {
            self.subproof(old, lo, middle, known, proof);
            proof.push(self.subtree(middle, hi));
        } else {
            self.subproof(old, middle, hi, false, proof);
            proof.push(self.subtree(lo, middle));
        }
    }

    /// The root over leaves `lo..hi`: a node, or at the right edge two of them.
    fn subtree(&self, lo: u64, hi: u64) -> TreeHash {
        let len = hi - lo;
        if len.is_power_of_two() {
            let place = usize::try_from(lo / len).unwrap_or(usize::MAX);
            return self.levels[len.trailing_zeros() as usize][place];
        }
        let middle = lo + left_len(len);
        node(&self.subtree(lo, middle), &self.subtree(middle, hi))
    }
}

/// The root of the tree over `size` leaves that has `run` at `first` and `proof` beside it; `None` if
/// the proof has too few nodes or too many.
#[must_use]
pub fn root_of_run(
    run: &[TreeHash],
    first: u64,
    size: u64,
    proof: &[TreeHash],
) -> Option<TreeHash> {
    let end = first.checked_add(run.len() as u64)?;
    if run.is_empty() || end > size {
        return None;
    }
    let mut rebuilt = Rebuild { run, first, end, proof: proof.iter() };
    let root = rebuilt.root(0, size)?;
    rebuilt.proof.as_slice().is_empty().then_some(root)
}

struct Rebuild<'a> {
    run: &'a [TreeHash],
    first: u64,
    end: u64,
    proof: core::slice::Iter<'a, TreeHash>,
}

impl Rebuild<'_> {
    /// Depth is at most 64: the length halves at each step.
    fn root(&mut self, lo: u64, hi: u64) -> Option<TreeHash> {
        if hi - lo == 1 {
            return self.run.get(usize::try_from(lo - self.first).ok()?).copied();
        }
        let middle = lo + left_len(hi - lo);
        let left = if self.first < middle { Some(self.root(lo, middle)?) } else { None };
        let right = if self.end > middle { Some(self.root(middle, hi)?) } else { None };
        let mut beside = || self.proof.next().copied();
        match (left, right) {
            (Some(left), Some(right)) => Some(node(&left, &right)),
            (Some(left), None) => Some(node(&left, &beside()?)),
            (None, Some(right)) => Some(node(&beside()?, &right)),
            (None, None) => None,
        }
    }
}

/// Whether `proof` shows that the tree with root `new` over `size` leaves begins with the one with
/// root `old` over `old_size`.
#[must_use]
pub fn is_consistent(
    old_size: u64,
    old: &TreeHash,
    size: u64,
    new: &TreeHash,
    proof: &[TreeHash],
) -> bool {
    roots_of_proof(old_size, size, Some(old), proof) == Some((*old, *new))
}

/// The roots over the first `old_size` leaves and over all `size` that a [`Tree::prefix_proof`] has.
#[must_use]
pub fn roots_of_prefix(
    old_size: u64,
    size: u64,
    proof: &[TreeHash],
) -> Option<(TreeHash, TreeHash)> {
    roots_of_proof(old_size, size, None, proof)
}

fn roots_of_proof(
    old_size: u64,
    size: u64,
    known: Option<&TreeHash>,
    proof: &[TreeHash],
) -> Option<(TreeHash, TreeHash)> {
    if old_size == 0 || old_size > size {
        return None;
    }
    let mut proof = proof.iter();
    let roots = both_roots(old_size, size, known, &mut proof)?;
    proof.as_slice().is_empty().then_some(roots)
}

fn both_roots(
    old: u64,
    size: u64,
    known: Option<&TreeHash>,
    proof: &mut core::slice::Iter<'_, TreeHash>,
) -> Option<(TreeHash, TreeHash)> {
    if old == size {
        let root = known.or_else(|| proof.next())?;
        return Some((*root, *root));
    }
    let middle = left_len(size);
    if old <= middle {
        let (before, after) = both_roots(old, middle, known, proof)?;
        Some((before, node(&after, proof.next()?)))
    } else {
        let (before, after) = both_roots(old - middle, size - middle, None, proof)?;
        let left = proof.next()?;
        Some((node(left, &before), node(left, &after)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u64) -> Vec<TreeHash> {
        (0..count).map(|i| hash_of_leaf(&i.to_be_bytes())).collect()
    }

    /// The definition of the RFC, word for word.
    fn mth(leaves: &[TreeHash]) -> TreeHash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(1 << (leaves.len() - 1).ilog2());
                node(&mth(left), &mth(right))
            }
        }
    }

    #[test]
    fn frontier_and_tree_have_the_root_of_the_definition() {
        let (all, mut frontier) = (leaves(70), Frontier::default());
        let tree = Tree::new(all.clone());
        for size in 0..=70_usize {
            let root = mth(&all[..size]);
            assert_eq!(frontier.root(), root, "frontier of {size}");
            assert_eq!(tree.root(size as u64), Some(root), "tree of {size}");
            assert_eq!(Frontier::decode(&frontier.encode()).as_ref(), Ok(&frontier));
            if let Some(leaf) = all.get(size) {
                frontier.push(*leaf);
            }
        }
        assert_eq!(tree.root(71), None);
    }

    #[test]
    fn each_run_is_proven_in_each_tree() {
        let all = leaves(19);
        let tree = Tree::new(all.clone());
        for size in 1..=19_u64 {
            for (start, first) in (0..size).enumerate() {
                for (len, end) in (1..).zip(first + 1..=size) {
                    let proof = tree.run_proof(first, end, size).unwrap();
                    let root = root_of_run(&all[start..start + len], first, size, &proof);
                    assert_eq!(root, tree.root(size), "{first}..{end} of {size}");
                }
            }
            assert_eq!(tree.run_proof(0, size, size), Some(Vec::new()));
        }
        assert_eq!(tree.run_proof(3, 3, 9), None);
        assert_eq!(tree.run_proof(3, 10, 9), None);
    }

    #[test]
    fn a_run_is_not_proven_elsewhere_or_by_another_proof() {
        let all = leaves(19);
        let tree = Tree::new(all.clone());
        let (proof, root) = (tree.run_proof(5, 8, 19).unwrap(), tree.root(19));
        for first in (0..16).filter(|first| *first != 5) {
            assert_ne!(root_of_run(&all[5..8], first, 19, &proof), root);
        }
        assert_eq!(root_of_run(&all[5..8], 17, 19, &proof), None);
        assert_eq!(root_of_run(&all[5..8], u64::MAX, 19, &proof), None);
        assert_eq!(root_of_run(&[], 5, 19, &proof), None);
        assert_eq!(root_of_run(&[], 0, 1, &all[..1]), None, "the proof alone makes no root");
        assert_eq!(root_of_run(&all[..2], 0, 1, &[]), None, "longer than the tree");
        assert_eq!(root_of_run(&all[5..8], 5, 19, &proof[1..]), None);
        assert_eq!(root_of_run(&all[5..8], 5, 19, &[&proof[..], &proof[..1]].concat()), None);
        for place in 0..proof.len() {
            let mut bad = proof.clone();
            bad[place] = all[0];
            assert_ne!(root_of_run(&all[5..8], 5, 19, &bad), root);
        }
    }

    #[test]
    fn trees_that_go_on_from_each_other_are_consistent_and_others_are_not() {
        let all = leaves(19);
        let tree = Tree::new(all.clone());
        let root = |size| tree.root(size).unwrap();
        for size in 1..=19_u64 {
            for old in 1..=size {
                let proof = tree.consistency(old, size).unwrap();
                assert!(is_consistent(old, &root(old), size, &root(size), &proof), "{old} {size}");
                assert!(!is_consistent(old, &all[0], size, &root(size), &proof) || old == 1);
                assert!(!is_consistent(old, &root(old), size, &all[1], &proof));
                let longer = [&proof[..], &all[..1]].concat();
                assert!(!is_consistent(old, &root(old), size, &root(size), &longer));
                let prefix = tree.prefix_proof(old, size).unwrap();
                assert_eq!(roots_of_prefix(old, size, &prefix), Some((root(old), root(size))));
            }
        }
        assert_eq!(tree.consistency(0, 19), None);
        assert!(!is_consistent(0, &empty_root(), 19, &root(19), &[]));
        assert!(!is_consistent(3, &root(3), 2, &root(2), &[]));
    }
}
