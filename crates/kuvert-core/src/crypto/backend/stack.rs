//! Writing over what a primitive left on the stack.

use zeroize::Zeroize as _;

/// Zeroes as many words below the caller's frame.
///
/// Called from where the primitive was, neither of them inlined, so that this frame lies over its own.
#[inline(never)]
pub(super) fn wipe<const WORDS: usize>() {
    [0_u64; WORDS].zeroize();
}
