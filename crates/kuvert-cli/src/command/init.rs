//! `kuvert init`
//!
//! The account is built in a file of another name and appears as the home's database only when the
//! relay has its prekeys. Whatever fails before leaves nothing behind.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use kuvert::{Client, Petname, Relay, RelayClient, RelayUrl, SqliteStore};

use crate::args::{Global, Init};
use crate::exit::{Failure, Outcome};
use crate::home::Home;
use crate::object::Account;
use crate::output::Output;
use crate::passphrase;
use crate::session::Kuvert;

/// What own messages are headed by when no name was given.
const DEFAULT_NAME: &str = "me";

pub(crate) async fn run(global: &Global, args: &Init) -> Outcome {
    let relay: RelayUrl = args.relay.parse().map_err(|error| {
        Failure::usage(format!("this is not a relay's address: {error}"))
            .hint("a relay looks like wss://relay.example or, on this machine, ws://127.0.0.1:PORT")
    })?;
    let name: Petname =
        args.name.as_deref().unwrap_or(DEFAULT_NAME).parse().map_err(Failure::usage)?;
    let home = Home::resolve(global)?;
    refuse_existing(&home)?;
    let passphrase = passphrase::fresh(global)?;
    // Before anything is made: a mistyped relay is the likeliest error.
    let connection = Relay::connect(&relay.to_string()).await?;
    let line = create(&home, &passphrase, connection, &name).await?;
    Output::new(global).show(&line, |line| format!("Your address:\n{}", line.address))
}

/// Makes the account in `home`, all of it or nothing.
pub(crate) async fn create(
    home: &Home,
    passphrase: &str,
    relay: RelayClient,
    name: &Petname,
) -> Outcome<Account> {
    let site = Site::clear(home)?;
    let store = SqliteStore::create(&site.unfinished, passphrase)?;
    let mut client = Client::create_account(store, relay, name.as_str()).await?;
    client.publish_prekeys().await?;
    let line = describe(&client);
    client.close().await;
    site.finish()?;
    Ok(line)
}

fn describe(client: &Kuvert) -> Account {
    Account {
        account: client.account().to_string(),
        device: client.device().to_string(),
        address: client.address().to_string(),
    }
}

fn refuse_existing(home: &Home) -> Outcome {
    if home.has_account()? {
        return Err(Failure::failed(format!(
            "there is an account in {} already",
            home.folder().display()
        ))
        .hint("Nothing was changed. Choose another folder with --home DIR."));
    }
    Ok(())
}

/// A building site: what is on it goes away unless it is finished.
struct Site {
    unfinished: PathBuf,
    database: PathBuf,
    /// The folder, if it was made for this.
    new_folder: Option<PathBuf>,
    finished: bool,
    /// Locked for as long as something is built.
    _alone: Option<File>,
}

impl Site {
    fn clear(home: &Home) -> Outcome<Self> {
        let made = home.make_folder().map_err(|error| home.unusable(&error))?;
        let alone = be_alone_in(home)?;
        if alone.is_some() {
            remove_leftovers(home);
        }
        Ok(Self {
            _alone: alone,
            unfinished: home.unfinished(),
            database: home.database(),
            new_folder: made.then(|| home.folder().to_owned()),
            finished: false,
        })
    }

    /// Gives the database its name. A link, not a rename: it never replaces what is there.
    fn finish(mut self) -> Outcome {
        if with_suffix(&self.unfinished, "-wal").exists() {
            return Err(Failure::failed("the database could not be closed"));
        }
        fs::hard_link(&self.unfinished, &self.database).map_err(|error| {
            Failure::failed(format!("cannot make {}: {error}", self.database.display()))
        })?;
        // In place of the anchor of an account that is gone. Without one the account is as good.
        let anchor = |database: &Path| with_suffix(database, "-anchor");
        let _ = fs::rename(anchor(&self.unfinished), anchor(&self.database));
        self.finished = true;
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // What cannot be removed was not made, or is out of our hands.
        for suffix in ["", "-wal", "-shm", "-anchor"] {
            let _ = fs::remove_file(with_suffix(&self.unfinished, suffix));
        }
        if let (Some(folder), false) = (&self.new_folder, self.finished) {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Locks the folder against others who make an account in it at the same time; `None` where folders
/// cannot be locked.
fn be_alone_in(home: &Home) -> Outcome<Option<File>> {
    let Ok(folder) = File::open(home.folder()) else { return Ok(None) };
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => Err(Failure::failed(format!(
            "another program is making an account in {}",
            home.folder().display()
        ))),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Removes what a process left that was killed while it made an account: nothing of it was ever used.
fn remove_leftovers(home: &Home) {
    // What cannot be listed or removed stays; it is in nobody's way.
    let entries = fs::read_dir(home.folder()).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| Home::is_unfinished(&entry.file_name())) {
        let _ = fs::remove_file(entry.path());
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
