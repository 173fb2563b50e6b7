//! Where an account lives: a folder with one sealed database.

use std::fs;
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

    /// Where a new account is built before it appears under its final name.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.0.join(format!(".{DATABASE}.{}", std::process::id()))
    }

    /// Makes the folder, readable by its owner only; says whether it was made now.
    pub(crate) fn make_folder(&self) -> std::io::Result<bool> {
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
    fn the_flag_decides_and_must_name_something() {
        assert_eq!(Home::resolve(&global(Some("h"))).unwrap().folder(), Path::new("h"));
        assert!(Home::resolve(&global(Some(""))).is_err());
    }
}
