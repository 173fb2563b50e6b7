//! Clients against each other over a hub inside this process, with a clock and faults of their own.

mod faults;
mod receipts;
mod requests;
mod several;
mod support;
