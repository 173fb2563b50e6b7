//! The program as its users meet it: real processes, a real relay in a process of its own, homes on
//! disk. What is asserted is what `docs/cli.md` promises.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contacts;
mod crashes;
mod first_run;
mod hostile;
mod mending;
mod person;
mod race;
mod relay;
mod secrecy;
mod talk;
mod transcripts;
