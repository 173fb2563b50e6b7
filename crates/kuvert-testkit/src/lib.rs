//! Tools for testing Kuvert, from inside and from outside.
//!
//! The program `kuvert-conformance` makes the protocol a black box: a device is a directory, messages
//! are files, results are JSON objects. The library has what the program and tests share: two
//! devices that talk to each other under the test's hands, a model of what they must do, a store in
//! one file, and what a fuzzer is let loose on.
//!
//! ```
//! use kuvert_testkit::{Pair, Side};
//!
//! let mut pair = Pair::talking(7);
//! let envelope = pair.send(Side::Alice, "Tea at four?");
//! let received = pair.bob.receive(&envelope, pair.now)?;
//! assert_eq!(received.frame.body, b"Tea at four?");
//! # Ok::<(), kuvert_core::ProtocolError>(())
//! ```

mod file_rows;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod kat;
pub mod model;
mod pair;
mod party;
#[cfg(feature = "sim")]
pub mod sim;

pub use file_rows::{FileBatch, FileMoment, FileRows};
pub use pair::{Pair, Side};
pub use party::Party;
