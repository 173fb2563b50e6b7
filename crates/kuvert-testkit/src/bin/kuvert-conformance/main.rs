//! The conformance interface: Kuvert as a black box, testable from outside.
use std::io;
mod input;
mod kat;

fn main() {
    kat::run(io::stdin().lock(), io::stdout().lock()).expect("pipes");
}
