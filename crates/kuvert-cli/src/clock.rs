//! Times as a person reads them: local, short.

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

fn local(time: Timestamp, format: &str) -> String {
    i64::try_from(time.as_millis())
        .ok()
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        .map_or_else(
            || "unknown time".to_owned(),
            |moment| moment.to_zoned(TimeZone::system()).strftime(format).to_string(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_a_peer_may_claim_can_be_shown() {
        assert_eq!(minute(Timestamp::from_millis(u64::MAX)), "unknown time");
        assert_eq!(minute(Timestamp::from_millis(1_777_777_777_000)).len(), 16);
    }
}
