//! The file of settings: one `name = value` a line; `#` begins a comment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use kuvert_relay::Limits;

use crate::args::EngineKind;

/// What a file of settings says.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) engine: Option<EngineKind>,
    pub(crate) behind_proxy: bool,
    pub(crate) limits: Limits,
}

/// What is wrong with a file of settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}, line {line}: {reason}", path.display())]
    Line { path: PathBuf, line: usize, reason: String },
}

impl Config {
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let mut config = Self::default();
        for (line, setting) in (1..).zip(text.lines()) {
            let setting = setting.split('#').next().unwrap_or_default().trim();
            if !setting.is_empty() {
                config.set(setting).map_err(|reason| {
                    let path = path.to_owned();
                    ConfigError::Line { path, line, reason }
                })?;
            }
        }
        Ok(config)
    }

    fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, value) = setting.split_once('=').ok_or("not `name = value`")?;
        let (name, value) = (name.trim(), value.trim());
        let limits = &mut self.limits;
        match name {
            "listen" => self.listen = Some(parsed(value)?),
            "data" => self.data = Some(value.into()),
            "engine" => self.engine = Some(EngineKind::from_str(value, false)?),
            "behind_proxy" => self.behind_proxy = parsed(value)?,
            "connections" => limits.connections = parsed(value)?,
            "connections_per_client" => limits.connections_per_client = parsed(value)?,
            "queued_messages" => limits.queued_messages = parsed(value)?,
            "queued_bytes" => limits.queued_bytes = parsed(value)?,
            "stored_bytes" => limits.stored_bytes = parsed(value)?,
            "message_days" => limits.message_lifetime = days(value)?,
            "mailbox_days" => limits.mailbox_lifetime = days(value)?,
            "hand_outs_per_requester" => limits.hand_outs_per_requester = parsed(value)?,
            "hand_outs_per_target" => limits.hand_outs_per_target = parsed(value)?,
            _ => return Err(format!("unknown setting `{name}`")),
        }
        Ok(())
    }
}

fn parsed<T: FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("`{value}` is not a valid value"))
}

fn days(value: &str) -> Result<Duration, String> {
    let days: u32 = parsed(value)?;
    Ok(Duration::from_secs(24 * 3600) * days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.conf");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    #[test]
    fn settings_are_read_and_comments_are_not() {
        let text =
            "# a relay\nlisten = 127.0.0.1:7420\n\nmessage_days = 7 # a week\nbehind_proxy = true";
        let config = read(text).unwrap();
        assert_eq!(config.listen, Some("127.0.0.1:7420".parse().unwrap()));
        assert_eq!(config.limits.message_lifetime, Duration::from_secs(7 * 86_400));
        assert!(config.behind_proxy);
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        for (text, named) in [
            ("\nlisten 127.0.0.1:1", "line 2: not `name = value`"),
            ("colour = blue", "line 1: unknown setting `colour`"),
            ("connections = many", "line 1: `many` is not a valid value"),
            ("message_days = -1", "line 1: `-1` is not a valid value"),
        ] {
            assert!(read(text).unwrap_err().to_string().ends_with(named), "{text}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Config::read(Path::new("no/such/file")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read no/such/file"));
    }
}
