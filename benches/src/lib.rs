//! Kuvert measured against its peers and against its own primitives, in one run on one machine.
//!
//! `benches/speed.rs` measures, with criterion; `src/bin/table.rs` prints one table of what it
//! found. `cargo xtask bench` does both. Ratios carry over to other machines, absolute times do not.
//!
//! The *floor* of an operation is the sum of the primitives that the specification makes
//! unavoidable in it, each measured alone with the crates that Kuvert uses ([`floor`]).

pub mod conversation;
pub mod floor;
pub mod kuvert;
pub mod olm;
pub mod primitive;
pub mod results;
pub mod scenario;
pub mod sizes;
pub mod states;
pub mod talk;
pub mod transcript;
