//! Clients against each other over a hub inside this process, with a clock and faults of their own.

mod faults;
mod healing;
mod newcomer;
mod receipts;
mod requests;
mod resend;
mod rollback;
mod several;
mod support;
mod transcripts;
