//! Kuvert measured against its peers and against its own primitives, in one run on one machine.
//!
//! `benches/speed.rs` measures times, with criterion; `src/bin/report.rs` measures what is the same in
//! each run, and prints all of it. `cargo xtask bench` does both. Ratios carry over to other machines,
//! absolute times do not.
//!
//! `benches/instructions.rs` counts instructions, which repeat; `cargo xtask instructions` compares them.
//!
//! The *floor* of an operation is the sum of the primitives that the specification makes
//! unavoidable in it, each measured alone ([`floor`]).

pub mod cases;
pub mod conversation;
pub mod counted;
pub mod kuvert;
pub mod scenario;
pub mod states;
pub mod talk;
pub mod transcript;

#[cfg(feature = "peers")]
pub mod floor;
#[cfg(feature = "peers")]
pub mod mls;
#[cfg(feature = "peers")]
pub mod noise;
#[cfg(feature = "peers")]
pub mod olm;
#[cfg(feature = "peers")]
pub mod others;
#[cfg(feature = "peers")]
pub mod primitive;
#[cfg(feature = "peers")]
pub mod relayed;
#[cfg(feature = "peers")]
pub mod report;
#[cfg(feature = "peers")]
pub mod results;
#[cfg(feature = "peers")]
pub mod rows;
#[cfg(feature = "peers")]
pub mod sizes;
#[cfg(feature = "peers")]
pub mod stored;
