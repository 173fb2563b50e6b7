//! Only changes turn into a receipt.
use kuvert_core::Committed;

fn main() {
    let _ = Committed { step: 1 };
}
