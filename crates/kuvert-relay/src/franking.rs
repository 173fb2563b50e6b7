//! Franking: a relay can tell later that it carried a message which it could not see.
//!
//! ```text
//! fc = HM(fk, "frank", Frame)                                          stands in the envelope; fk is sealed within it
//! ft = kid u8 || HM(K_kid, "frank-tag", fc || to || from || time u64)  the relay's, made when it accepts the envelope
//! ```
//! `to` is the mailbox, because a relay does not know whose it is; `from` is the hash of the token that the envelope was
//! posted with. Somebody who reports a message shows its frame and fk, and the relay checks both lines. It learns this one
//! frame. Nothing is kept for this beside the keys: the tag goes out with the envelope.
//!
//! # Spec
//!
//! `spec/08-relay.md`, "Reports"; checks REL-33 to REL-41.

pub mod bundle;
mod commitment;
pub mod context;
mod desk;
pub mod file;
pub mod keys;
pub mod report;

use hmac::{Hmac, KeyInit, Mac};
use kuvert_wire::label::label;
use sha2::Sha256;

pub use bundle::Bundle;
pub use context::{Completeness, Entry, Evidence};
pub(crate) use desk::FrankingDesk;
pub use file::{KeyFile, KeyFileError};
pub use keys::FrankingKeys;
pub use report::{ReportError, Reported};

type HmacSha256 = Hmac<Sha256>;

/// `HM(key, name, parts)`, to be finished or compared.
fn mac(key: &[u8], name: &str, parts: &[&[u8]]) -> HmacSha256 {
    mac_of(key, &[&[label(name).as_slice()], parts].concat())
}

fn mac_of(key: &[u8], parts: &[&[u8]]) -> HmacSha256 {
    let mut mac = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}
