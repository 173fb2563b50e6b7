//! A tap for tests and simulators: which key and nonce seal what.
//!
//! It listens to one thread, keeps no plaintext, and is compiled in by the feature `tap` alone, which
//! no program switches on.

#![cfg_attr(not(feature = "tap"), allow(unreachable_pub, reason = "public with the feature"))]

extern crate std;

use alloc::collections::BTreeMap;
use core::cell::RefCell;

use super::aead::NONCE_LEN;
use super::kdf::sha256;
use crate::secret::Secret;

type Pair = ([u8; 32], [u8; NONCE_LEN]);

#[derive(Default)]
struct Heard {
    calls: usize,
    /// The hash of what each pair sealed first, and whether it sealed anything else.
    pairs: BTreeMap<Pair, ([u8; 32], bool)>,
}

std::thread_local! {
    static HEARD: RefCell<Option<Heard>> = const { RefCell::new(None) };
}

/// What the tap has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// How often something was sealed.
    pub sealed: usize,
    /// How many pairs of key and nonce have sealed two different texts. It must be 0.
    pub reused: usize,
}

/// Begins to listen on this thread, and forgets what was heard before.
pub fn start() {
    HEARD.set(Some(Heard::default()));
}

/// Ends listening and tells what was sealed since.
#[must_use]
pub fn stop() -> Seen {
    let heard = HEARD.take().unwrap_or_default();
    let reused = heard.pairs.values().filter(|(_, is_reused)| *is_reused).count();
    Seen { sealed: heard.calls, reused }
}

/// Runs `work` on this thread and tells what was sealed in it.
#[cfg(test)]
pub(crate) fn listen(work: impl FnOnce()) -> Seen {
    start();
    work();
    stop()
}

/// Takes note of a call.
pub(super) fn sees(key: &Secret<32>, nonce: &[u8; NONCE_LEN], ad: &[u8], plaintext: &[u8]) {
    HEARD.with_borrow_mut(|heard| {
        let Some(heard) = heard else { return };
        heard.calls += 1;
        let text = sha256(&[&sha256(&[ad]), plaintext]);
        let (first, is_reused) =
            heard.pairs.entry((*key.expose(), *nonce)).or_insert((text, false));
        *is_reused |= *first != text;
    });
}
