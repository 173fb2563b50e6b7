//! The protocol's numbers, each with the reason for it.
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Limits".

use core::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Messages in one chain. A chain this long has not healed for a million messages; counters are far
/// from wrapping.
pub const MAX_CHAIN: u32 = 1 << 20;
/// Message keys that one header may skip over: bounds the work of a hostile header to about 0.4 ms.
pub const MAX_SKIP: u32 = 1000;
/// Skipped message keys kept in a session: 64 KiB.
pub const MAX_SKIPPED_KEYS: usize = 2000;
/// Old receiving chains whose skipped keys are kept; each costs one more header trial.
pub const MAX_OLD_CHAINS: usize = 5;
/// How long a skipped key is kept for its late message.
pub const SKIPPED_KEY_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Received messages remembered per session, to tell a repeated one from two in one place.
pub const MAX_SEEN: usize = 64;
/// Inactive sessions kept per peer, receive only.
pub const MAX_INACTIVE: usize = 3;
/// How long an inactive session still receives.
pub const INACTIVE_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a session may wait for its first answer.
pub const UNANSWERED_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// New sessions by which one peer may replace an established one within [`TAKEOVER_WINDOW`].
pub const MAX_TAKEOVERS: usize = 5;
/// The window in which takeovers are counted.
pub const TAKEOVER_WINDOW: Duration = DAY;
/// Sessions whose header keys are tried on an envelope without a hint.
pub const MAX_SESSIONS: usize = 4096;
/// Sessions begun by peers that we have never written to. Accounts cost nothing, so strangers could
/// otherwise fill all places; the oldest one makes room.
pub const MAX_UNANSWERED_SESSIONS: usize = 1000;
/// A new medium-term prekey is made this often.
pub const MEDIUM_ROTATION: Duration = Duration::from_secs(7 * 24 * 3600);
/// Initiators use a medium-term prekey for this long.
pub const MEDIUM_VALIDITY: Duration = Duration::from_secs(14 * 24 * 3600);
/// A medium-term private key is kept this long after it has expired, for messages under way.
pub const MEDIUM_GRACE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How far two honest clocks may differ.
pub const CLOCK_SKEW: Duration = DAY;
/// One-time prekeys kept at the relay.
pub const ONE_TIME_STOCK: usize = 100;
/// Below this many at the relay, new ones are made.
pub const ONE_TIME_REFILL: usize = 25;
/// One-time private keys kept at most; the oldest outstanding ones go first.
pub const MAX_ONE_TIME: usize = 200;
/// First flights without a one-time prekey remembered against replay.
pub const MAX_REPLAY_CACHE: usize = 10_000;
/// An epoch of the post-quantum ratchet older than this is sent in a burst.
pub const BURST_AFTER: Duration = DAY;
/// A session's mailbox is renamed this often.
pub const MAILBOX_ROTATION: Duration = Duration::from_secs(7 * 24 * 3600);
/// Resets of sessions with one peer that are made by themselves within [`RESET_WINDOW`].
pub const MAX_RESETS: usize = 4;
/// The window in which automatic resets are counted.
pub const RESET_WINDOW: Duration = DAY;
/// Between two automatic resets of sessions with one peer passes at least this time.
pub const RESET_PAUSE: Duration = Duration::from_secs(600);
/// An automatic reset comes at least this much after what made it necessary: what is merely late has
/// time to arrive.
pub const HEALING_DELAY: Duration = Duration::from_secs(5);
/// And up to this much later by chance, so that the relay cannot tell which envelope made it.
pub const HEALING_JITTER: Duration = Duration::from_secs(55);
/// Envelopes that wait because they cannot be opened yet, in all.
pub const MAX_WAITING: usize = 64;
/// Of these, from one peer.
pub const MAX_WAITING_OF_PEER: usize = 16;
/// Bytes of all envelopes that wait: sixteen of the longest ones.
pub const MAX_WAITING_BYTES: usize = 1 << 20;
/// Names of messages in one `resend`.
pub const MAX_HELD: usize = 1000;

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;

    fn days(span: Duration) -> String {
        assert_eq!(span.as_secs() % 86_400, 0, "{span:?}");
        format!("{} d", span.as_secs() / 86_400)
    }

    fn hours(span: Duration) -> String {
        assert_eq!(span.as_secs() % 3600, 0, "{span:?}");
        format!("{} h", span.as_secs() / 3600)
    }

    #[test]
    fn times_are_those_of_the_specification() {
        let spec = include_str!("../../../spec/00-conventions.md");
        let seconds = |span: Duration| format!("{} s", span.as_secs());
        for (what, number) in [
            ("Age of a skipped key", days(SKIPPED_KEY_AGE)),
            ("Life of an inactive or unanswered session", days(INACTIVE_AGE)),
            ("Life of an inactive or unanswered session", days(UNANSWERED_AGE)),
            ("Takeovers per peer", format!("{MAX_TAKEOVERS} in {}", hours(TAKEOVER_WINDOW))),
            (
                "Automatic resets per peer",
                format!(
                    "{MAX_RESETS} in {}, {} min apart",
                    hours(RESET_WINDOW),
                    RESET_PAUSE.as_secs() / 60
                ),
            ),
            (
                "Medium prekey",
                format!(
                    "rotate {}, valid {}, kept {}",
                    days(MEDIUM_ROTATION),
                    days(MEDIUM_VALIDITY),
                    days(MEDIUM_VALIDITY + MEDIUM_GRACE)
                ),
            ),
            ("Burst when an epoch is older than", hours(BURST_AFTER)),
            ("Clock skew", hours(CLOCK_SKEW)),
            (
                "Before an automatic reset",
                format!(
                    "{} and up to {} by chance",
                    seconds(HEALING_DELAY),
                    seconds(HEALING_JITTER)
                ),
            ),
        ] {
            assert!(spec.contains(&format!("\n| {what} | {number} | ")), "{what}: {number}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_specification() {
        let spec = include_str!("../../../spec/00-conventions.md").replace(',', "");
        for (what, number) in [
            ("Skipped messages in one jump", format!("{MAX_SKIP}")),
            ("Skipped keys stored per session", format!("{MAX_SKIPPED_KEYS}")),
            ("Old chains kept per session", format!("{MAX_OLD_CHAINS}")),
            ("Messages in a chain", format!("2^{}", MAX_CHAIN.ilog2())),
            ("Sessions per peer device", format!("1 active {MAX_INACTIVE} inactive")),
            ("Sessions on a device", format!("{MAX_SESSIONS}")),
            (
                "One-time prekeys",
                format!(
                    "stock {ONE_TIME_STOCK} refill below {ONE_TIME_REFILL} at most {MAX_ONE_TIME} \
                     outstanding"
                ),
            ),
            ("Replay cache", format!("{MAX_REPLAY_CACHE} first messages")),
            (
                "Envelopes that wait",
                format!(
                    "{MAX_WAITING} of one peer {MAX_WAITING_OF_PEER} {} MiB in all",
                    MAX_WAITING_BYTES >> 20
                ),
            ),
            ("Received messages remembered per session", format!("{MAX_SEEN}")),
        ] {
            assert!(spec.contains(&format!("\n| {what} | {number} | ")), "{what}: {number}");
        }
        assert!(MAX_CHAIN.is_power_of_two() && MAX_WAITING_BYTES.is_power_of_two());
    }
}
