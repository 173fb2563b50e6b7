//! A tap for tests: which key and nonce seal what.

extern crate std;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::aead::NONCE_LEN;
use crate::secret::Secret;

type Pair = ([u8; 32], [u8; NONCE_LEN]);

std::thread_local! {
    static SEALED: RefCell<Option<BTreeMap<Pair, Vec<Vec<u8>>>>> = const { RefCell::new(None) };
}

/// What the tap has seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// How often something was sealed.
    pub(crate) sealed: usize,
    /// How many pairs of key and nonce have sealed two different texts.
    pub(crate) reused: usize,
}

/// Runs `work` on this thread and tells what was sealed in it.
pub(crate) fn listen(work: impl FnOnce()) -> Seen {
    SEALED.set(Some(BTreeMap::new()));
    work();
    let sealed = SEALED.take().unwrap_or_default();
    let is_reused = |texts: &&Vec<Vec<u8>>| texts.iter().any(|text| *text != texts[0]);
    Seen {
        sealed: sealed.values().map(Vec::len).sum(),
        reused: sealed.values().filter(is_reused).count(),
    }
}

/// Takes note of a call.
pub(super) fn sees(key: &Secret<32>, nonce: &[u8; NONCE_LEN], ad: &[u8], plaintext: &[u8]) {
    SEALED.with_borrow_mut(|sealed| {
        if let Some(sealed) = sealed {
            let text = [ad, &[0], plaintext].concat();
            sealed.entry((*key.expose(), *nonce)).or_default().push(text);
        }
    });
}
