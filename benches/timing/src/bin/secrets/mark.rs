//! Secret for valgrind is what it takes for undefined: it then tells of every branch and every place
//! in memory that depends on it, and of what is computed from it.

use std::ffi::c_void;
use std::hint::black_box;

use crabgrind::memcheck::{MemState, mark_mem};
use crabgrind::{RunMode, run_mode};

/// From here on these bytes are secret, and so is what is computed from them.
pub(crate) fn secret(bytes: &mut [u8]) {
    mark(black_box(bytes), MemState::Undefined);
}

/// From here on everybody may know these bytes.
pub(crate) fn public(bytes: &mut [u8]) {
    mark(black_box(bytes), MemState::Defined);
}

/// That it is so, or is not, is what everybody sees: a branch on it is none on a secret.
pub(crate) fn outcome(is_so: bool) -> bool {
    let mut place = [u8::from(is_so)];
    public(&mut place);
    black_box(place) != [0]
}

fn mark(bytes: &mut [u8], state: MemState) {
    assert_eq!(run_mode(), RunMode::Valgrind, "this runs under valgrind only");
    // Its result is of no use: this version takes valgrind's -1, which is a success, for a failure.
    let _ = mark_mem(bytes.as_mut_ptr().cast::<c_void>(), bytes.len(), state);
}
