//! The command line, and how it and the file of settings make one set of options.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use kuvert_relay::RelayOptions;
use tracing::level_filters::LevelFilter;

use crate::config::{Config, ConfigError};

/// Carries sealed envelopes between people's devices, and hands out their prekeys. It cannot read what it carries.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Address to listen on; port 0 picks a free one. The first line on stdout says which
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,

    /// Folder for the relay's database; made if it does not exist
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// What keeps the envelopes
    #[arg(long, value_enum)]
    engine: Option<EngineKind>,

    /// NATS server, for the engine of that name (not in this version)
    #[arg(long, value_name = "URL", hide = true)]
    nats: Option<String>,

    /// Where to serve metrics (not in this version)
    #[arg(long, value_name = "ADDR:PORT", hide = true)]
    metrics: Option<String>,

    /// File of settings, one `name = value` a line; flags win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// A proxy stands in front and names the client in X-Forwarded-For
    #[arg(long)]
    behind_proxy: bool,

    /// How much to say on stderr: off, error, warn, info or debug
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log: LevelFilter,
}

const EXAMPLES: &str = "\
Examples:
  kuvert-relay --listen 127.0.0.1:7420 --data /var/lib/kuvert-relay
  kuvert-relay --listen 127.0.0.1:0 --data ./relay      # a free port, for a try
  kuvert-relay --config /etc/kuvert-relay.conf
  kuvert-relay report verify --data /var/lib/kuvert-relay report.json

GET /health answers \"ok\". SIGTERM and SIGINT finish what has been begun and end with 0.";

/// What the program does instead of running a relay.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Checks reports of messages that this relay carried
    #[command(subcommand)]
    Report(ReportCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Says whether this relay carried a reported message, and shows that message alone
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArgs),
}

/// What `report verify` is given.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The relay's data folder, where its franking keys are; the current folder if not given
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The relay's file of settings, which names its data folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The report; `-` reads it from stdin
    #[arg(value_name = "FILE")]
    pub(crate) report: PathBuf,
}

const VERIFY_HELP: &str = "\
Works while the relay runs, and needs no network. Exit codes: 0 valid, 3 not valid, 1 could not be checked, 2 wrong usage.";

impl VerifyArgs {
    /// The relay's data folder.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, ConfigError> {
        let config = self.config.as_deref().map(Config::read).transpose()?;
        let configured = || config.and_then(|config| config.data);
        Ok(self.data.clone().or_else(configured).unwrap_or_else(|| PathBuf::from(".")))
    }
}

/// An engine as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineKind {
    /// One database in the data folder; no other service needed
    Sqlite,
    /// A NATS JetStream cluster (not in this version)
    Nats,
}

/// What is wrong with how the program was called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "no address to listen on: give --listen ADDR:PORT, or `listen` in the file of settings"
    )]
    NoListen,
    #[error("no data folder: give --data DIR, or `data` in the file of settings")]
    NoData,
    #[error("{0} is not in this version; the only engine is sqlite")]
    NotYet(&'static str),
}

impl Args {
    /// Options from the flags, and from the file of settings where no flag was given.
    pub(crate) fn into_options(self) -> Result<RelayOptions, UsageError> {
        let config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::default(),
        };
        if self.engine.or(config.engine) == Some(EngineKind::Nats) || self.nats.is_some() {
            return Err(UsageError::NotYet("the NATS engine"));
        }
        if self.metrics.is_some() {
            return Err(UsageError::NotYet("--metrics"));
        }
        let listen = self.listen.or(config.listen).ok_or(UsageError::NoListen)?;
        let data_dir = self.data.or(config.data).ok_or(UsageError::NoData)?;
        let mut options = RelayOptions::new(listen, data_dir);
        options.is_proxied = self.behind_proxy || config.behind_proxy;
        options.limits = config.limits;
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Result<RelayOptions, UsageError> {
        let args = ["kuvert-relay"].iter().chain(args);
        Args::try_parse_from(args).expect("flags that exist").into_options()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn what_is_not_in_this_version_is_refused_by_name() {
        let given = ["--listen", "127.0.0.1:0", "--data", "d"];
        let with = |more: &[&'static str]| options(&[&given[..], more].concat());
        assert!(with(&[]).is_ok() && with(&["--engine", "sqlite"]).is_ok());
        let refused = |more: &[&'static str]| with(more).unwrap_err().to_string();
        assert!(refused(&["--engine", "nats"]).contains("NATS"));
        assert!(refused(&["--nats", "nats://localhost"]).contains("NATS"));
        assert!(refused(&["--metrics", "127.0.0.1:1"]).contains("--metrics"));
    }

    #[test]
    fn an_address_and_a_folder_are_needed() {
        assert!(matches!(options(&["--data", "d"]), Err(UsageError::NoListen)));
        assert!(matches!(options(&["--listen", "127.0.0.1:0"]), Err(UsageError::NoData)));
    }

    #[test]
    fn flags_win_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("relay.conf");
        std::fs::write(&file, "listen = 127.0.0.1:1\ndata = from-file\nconnections = 7\n").unwrap();
        let options =
            options(&["--config", file.to_str().unwrap(), "--data", "from-flag"]).unwrap();
        assert_eq!(options.listen.port(), 1);
        assert_eq!(options.data_dir, PathBuf::from("from-flag"));
        assert_eq!(options.limits.connections, 7);
    }
}
