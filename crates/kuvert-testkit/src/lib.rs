//! Tools for testing Kuvert, from inside and from outside.
//!
//! The program `kuvert-conformance` makes the protocol a black box: a device is a directory, messages
//! are files, results are JSON objects. The library has what the program and tests share.

mod file_rows;

pub use file_rows::{FileBatch, FileMoment, FileRows};
