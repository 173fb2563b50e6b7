//! Where an account lives: a folder with one sealed database.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::args::Global;
use crate::exit::{Failure, Outcome};

/// The sealed database, the only file that matters.
const DATABASE: &str = "kuvert.db";

/// Names the folder of the account.
pub(crate) const HOME_VARIABLE: &str = "KUVERT_HOME";

/// The folder of one account; it need not exist yet.
#[derive(Debug, Clone)]
pub(crate) struct Home(PathBuf);

impl Home {
    /// `--home`, else `$KUVERT_HOME`, else the XDG data folder.
    pub(crate) fn resolve(global: &Global) -> Outcome<Self> {
        let variable = std::env::var_os(HOME_VARIABLE).filter(|value| !value.is_empty());
        match (&global.home, variable) {
            (Some(folder), _) if folder.as_os_str().is_empty() => {
                Err(Failure::usage("--home names no folder"))
            }
            (Some(folder), _) => Ok(Self(folder.clone())),
            (None, Some(folder)) => Ok(Self(folder.into())),
            (None, None) => etcetera::choose_base_strategy()
                .map(|folders| Self(folders.data_dir().join("kuvert")))
                .map_err(|_| Failure::usage("no home folder is known; give --home DIR")),
        }
    }

    pub(crate) fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    /// Whether there is an account. Fails if that cannot be said: what cannot be read may be one.
    pub(crate) fn has_account(&self) -> Outcome<bool> {
        match fs::symlink_metadata(self.database()) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.unusable(&error)),
        }
    }

    /// Why the folder is of no use.
    pub(crate) fn unusable(&self, error: &io::Error) -> Failure {
        let folder = self.0.display();
        match error.kind() {
            ErrorKind::NotADirectory => Failure::failed(format!("{folder} is no folder"))
                .hint("--home names the folder of an account."),
            ErrorKind::PermissionDenied => {
                Failure::failed(format!("you have no permission to read and write in {folder}"))
                    .hint("There may be an account in it. Run as its owner, or `chmod u+rwx` it.")
            }
            ErrorKind::ReadOnlyFilesystem => {
                Failure::failed(format!("the disk of {folder} cannot be written"))
                    .hint("Name a folder on another disk with --home DIR.")
            }
            _ => Failure::failed(format!("cannot use the folder {folder}: {error}")),
        }
    }

    /// Where a new account is built before it appears under its final name.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.0.join(format!(".{DATABASE}.{}", std::process::id()))
    }

    /// Whether a file of this name belongs to an account in the making: the one that is built, the
    /// draft from which the store makes it, and what SQLite puts beside both.
    pub(crate) fn is_unfinished(name: &OsStr) -> bool {
        let name = name.to_string_lossy();
        [".", ".."].iter().any(|dots| name.starts_with(&format!("{dots}{DATABASE}.")))
    }

    /// Makes the folder, readable by its owner only; says whether it was made now.
    pub(crate) fn make_folder(&self) -> io::Result<bool> {
        if self.0.is_dir() {
            return Ok(false);
        }
        if let Some(parent) = self.0.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.0)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(home: Option<&str>) -> Global {
        let home = home.map(PathBuf::from);
        Global { home, passphrase_file: None, json: false, plain: false, no_input: true }
    }

    #[test]
    fn what_cannot_be_looked_into_is_not_absent() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        assert!(!home.has_account().unwrap());
        fs::write(home.folder(), b"a file").unwrap();
        let failure = home.has_account().unwrap_err().to_string();
        assert!(failure.contains("is no folder"), "{failure}");
        for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem, ErrorKind::Other] {
            let failure = home.unusable(&kind.into()).to_string();
            assert!(!failure.contains("no account"), "{failure}");
        }
    }

    #[test]
    fn the_flag_decides_and_must_name_something() {
        assert_eq!(Home::resolve(&global(Some("h"))).unwrap().folder(), Path::new("h"));
        assert!(Home::resolve(&global(Some(""))).is_err());
    }
}
