//! Turns at printing: each event is printed by one process of a home, once.
//!
//! A file of 8 bytes, locked while an event is printed, with the number of the event printed last. Its
//! lock ends with its process. The number is written right after the event, long before the database
//! has taken note: whoever dies in between has printed the event, and the next process sees so.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::time::Duration;

use crate::exit::{Failure, Outcome};
use crate::home::Home;

const FILE: &str = "turn.lock";

/// The right to print, until it is dropped.
pub(crate) struct Turn(File);

impl Turn {
    /// Waits until no other process prints.
    pub(crate) fn take(home: &Home) -> Outcome<Self> {
        let path = home.folder().join(FILE);
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        open.and_then(|file| file.lock().map(|()| Self(file))).map_err(failed)
    }

    /// Whether the event with this number was printed last.
    pub(crate) fn has_printed(&mut self, number: Option<u64>) -> Outcome<bool> {
        let Some(number) = number else { return Ok(false) };
        let mut noted = Vec::new();
        self.0.rewind().and_then(|()| self.0.read_to_end(&mut noted)).map_err(failed)?;
        // So that the note is one system call.
        self.0.rewind().map_err(failed)?;
        Ok(noted == number.to_be_bytes())
    }

    /// Pauses for a moment, so that print and note fall into one time slice of the scheduler.
    ///
    /// A print into a pipe wakes its reader. On a busy machine the reader would take the place of a
    /// process whose slice is used up, and a kill that comes meanwhile falls between print and note.
    /// Measured over hundreds of kills, this makes that ten times rarer.
    pub(crate) fn settle(&self) {
        std::thread::sleep(Duration::from_micros(50));
    }

    /// Notes that it has been printed, after [`Turn::has_printed`].
    pub(crate) fn note(&mut self, number: Option<u64>) -> Outcome {
        let Some(number) = number else { return Ok(()) };
        self.0.write_all(&number.to_be_bytes()).map_err(failed)
    }
}

fn failed(error: io::Error) -> Failure {
    Failure::failed(format!("cannot use {FILE} in the home: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_last_is_known_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert!(!Turn::take(&home).unwrap().has_printed(Some(0)).unwrap());
        for number in [7, 8] {
            let mut turn = Turn::take(&home).unwrap();
            assert!(!turn.has_printed(Some(number)).unwrap());
            turn.note(Some(number)).unwrap();
            assert!(turn.has_printed(Some(number)).unwrap());
        }
        assert!(!Turn::take(&home).unwrap().has_printed(Some(7)).unwrap());
    }
}
