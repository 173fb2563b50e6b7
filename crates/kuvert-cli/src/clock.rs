//! Times as a person reads them: local, short; on pages to print, in the words of the person's locale.

use std::env;

use chrono::{DateTime, FixedOffset, Locale};
use jiff::Zoned;
use jiff::tz::TimeZone;
use kuvert::Timestamp;

/// `2026-05-03 14:02`, in the local time zone.
pub(crate) fn minute(time: Timestamp) -> String {
    local(time, "%Y-%m-%d %H:%M")
}

/// `14:02`, in the local time zone.
pub(crate) fn hour_and_minute(time: Timestamp) -> String {
    local(time, "%H:%M")
}

/// Date and time as written in the locale of `LC_ALL`, `LC_TIME` or `LANG`, with the time zone; in the
/// plain form if there is none.
pub(crate) fn in_locale(time: Timestamp) -> String {
    let name = ["LC_ALL", "LC_TIME", "LANG"].into_iter().filter_map(|name| env::var(name).ok());
    let name = name.into_iter().find(|name| !name.is_empty());
    written(time, name.and_then(|name| locale(&name)))
}

/// `de_DE.UTF-8` as a locale; `None` for one without words, such as `C`.
fn locale(name: &str) -> Option<Locale> {
    let name = name.split('.').next().unwrap_or_default();
    Locale::try_from(name).ok().filter(|locale| *locale != Locale::POSIX)
}

fn written(time: Timestamp, locale: Option<Locale>) -> String {
    let Some(moment) = zoned(time) else { return UNKNOWN.to_owned() };
    let zone = moment.strftime("%Z");
    let date = locale.zip(offset(&moment)).map(|(locale, offset)| {
        let date = DateTime::from_timestamp_millis(moment.timestamp().as_millisecond());
        date.map(|date| date.with_timezone(&offset).format_localized("%x %X", locale).to_string())
    });
    let date = date.flatten().unwrap_or_else(|| moment.strftime("%Y-%m-%d %H:%M").to_string());
    format!("{} {zone}", date.trim_end())
}

fn offset(moment: &Zoned) -> Option<FixedOffset> {
    FixedOffset::east_opt(moment.offset().seconds())
}

const UNKNOWN: &str = "unknown time";

fn local(time: Timestamp, format: &str) -> String {
    zoned(time).map_or_else(|| UNKNOWN.to_owned(), |moment| moment.strftime(format).to_string())
}

fn zoned(time: Timestamp) -> Option<Zoned> {
    let millis = i64::try_from(time.as_millis()).ok()?;
    Some(jiff::Timestamp::from_millisecond(millis).ok()?.to_zoned(TimeZone::system()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_a_peer_may_claim_can_be_shown() {
        assert_eq!(minute(Timestamp::from_millis(u64::MAX)), "unknown time");
        assert_eq!(minute(Timestamp::from_millis(1_777_777_777_000)).len(), 16);
        assert_eq!(in_locale(Timestamp::from_millis(u64::MAX)), "unknown time");
    }

    #[test]
    fn dates_are_written_as_in_the_locale() {
        let noon = Timestamp::from_millis(1_777_809_600_000); // 3 May 2026, 12:00 UTC
        let begins = |name: &str, beginning: &str| {
            let written = written(noon, locale(name));
            assert!(written.starts_with(beginning), "{name}: {written}");
        };
        begins("de_DE.UTF-8", "03.05.2026 ");
        begins("en_US.UTF-8", "05/03/2026 ");
        begins("da_DK", "03-05-2026 ");
        begins("C.UTF-8", "2026-05-03 ");
        begins("no such", "2026-05-03 ");
    }
}
