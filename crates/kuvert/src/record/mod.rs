//! The client's own records, which live beside the device's in one store.
//!
//! | key | what | written |
//! |---|---|---|
//! | `app/account` | own name and home relay | once |
//! | `app/counter` | the next sequence number | with each numbered record |
//! | `app/dropped` | how many envelopes were dropped, by cause | after each drop |
//! | `app/scrub` | that the store is to be scrubbed | with an erasure, until that is done |
//! | `contact/<account>` | relay, name, acceptance and verification of a peer | by hand, or by a contact request |
//! | `name/<SHA-256 of the name>` | the account behind a name; empty when removed | with its contact |
//! | `opened/<mailbox key>` | a session mailbox that the home relay has opened | once |
//! | `pending/<account>/<seq>` | which messages of the log wait for a session | with their log entry |
//! | `outbox/<seq>` | sealed envelopes until the relay has them | with the ratchet |
//! | `inbox/<seq>` | opened frames until they are filed | with the ratchet |
//! | `log/<account>/<seq>` | the conversation | once, never changed |
//! | `notice/<account>/<seq>` | what happened beside the messages, such as a new session | with its event |
//! | `message/<account>/<id>` | where a message stands in the log, and how far it got | with its log entry |
//! | `unacked/<account>/<seq>` | own messages until their receiver has acknowledged them | with their log entry |
//! | `sent/<account>` | how many of those were sent, and when one of them is due again | as they leave and are acknowledged |
//! | `question/<account>` | the device about which a person is asked, and what was answered | with the question, with the answer |
//! | `unshown/<seq>` | events that the app has not acknowledged | with what they are about |
//! | `leaves/<account>` | entries of a transcript that a peer lacks | when it asks, until it is answered |
//! | `erasure/<account>/<conversation>/<seq>` | a peer's redaction | when it comes, until it is followed and answered |
//! | `report/<account>/<id>` | what a report of a received message needs | with its log entry, until it is redacted |
//! | `receipt/<account>` | receipts owed | as messages arrive and receipts leave |
//!
//! A value is one format byte and the postcard encoding of its type; `outbox/` and `inbox/` have the layout of
//! [`Step::keep`](kuvert_core::Step::keep). Every change goes through one atomic batch with expected versions.

mod kinds;
mod versioned;

pub(crate) use kinds::*;
pub(crate) use versioned::*;
