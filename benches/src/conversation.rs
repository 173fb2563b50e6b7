//! Envelopes of a long conversation: what a message costs on the wire, on average and at worst.

use std::time::Duration;

use crate::talk::Talk;

/// Messages of a conversation.
pub const MESSAGES: usize = 20_000;

/// How long a text is.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    /// Always this many bytes.
    Fixed(usize),
    /// As people chat: seven in ten below 60 bytes, one in fifty longer than 500, up to 4,000.
    Chat,
}

/// Bytes of the texts and of their envelopes.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// All texts together.
    pub text: usize,
    /// All envelopes together.
    pub envelopes: usize,
    /// Half of the envelopes are at most this long.
    pub median: usize,
    /// All but one in a hundred are at most this long.
    pub p99: usize,
    /// The longest.
    pub worst: usize,
}

impl Wire {
    /// Bytes of a text on average.
    #[must_use]
    pub fn mean_text(&self) -> f64 {
        per_message(self.text)
    }

    /// Bytes of an envelope on average.
    #[must_use]
    pub fn mean(&self) -> f64 {
        per_message(self.envelopes)
    }
}

fn per_message(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).expect("some megabytes, or a gigabyte"))
        / f64::from(u32::try_from(MESSAGES).expect("some thousands"))
}

/// People take turns of one to six messages, some seconds apart; now and then they are away for
/// hours, and once in a few hundred messages for days, after which fragments of the post-quantum
/// ratchet go in bursts. Three messages come before the first answer. Nothing is lost: what is lost
/// and sent again costs the same again.
#[must_use]
pub fn measure(length: Length) -> Wire {
    let mut talk = Talk::begun();
    let (mut texts, mut envelopes) = (0, Vec::with_capacity(MESSAGES));
    let (mut from, mut turn) = (0, 3);
    while envelopes.len() < MESSAGES {
        if turn == 0 {
            (from, turn) = (1 - from, 1 + talk.chance(6));
            let pause = pause(&mut talk);
            talk.wait(pause);
        }
        turn -= 1;
        let text = "t".repeat(length.draw(&mut talk));
        texts += text.len();
        envelopes.push(talk.pass(from, &text));
        talk.wait(Duration::from_secs(5));
    }
    let sum = envelopes.iter().sum();
    envelopes.sort_unstable();
    Wire {
        text: texts,
        envelopes: sum,
        median: envelopes[MESSAGES / 2],
        p99: envelopes[MESSAGES * 99 / 100 - 1],
        worst: envelopes[MESSAGES - 1],
    }
}

fn pause(talk: &mut Talk) -> Duration {
    let hours = match talk.chance(100) {
        0 => 24 + talk.chance(100),
        1..10 => 1 + talk.chance(12),
        _ => 0,
    };
    Duration::from_secs(u64::from(hours) * 3600 + u64::from(talk.chance(300)))
}

impl Length {
    fn draw(self, talk: &mut Talk) -> usize {
        let (least, most) = match self {
            Self::Fixed(len) => return len,
            Self::Chat => match talk.chance(100) {
                0..30 => (2, 20),
                30..70 => (20, 60),
                70..90 => (60, 200),
                90..98 => (200, 500),
                _ => (500, 4000),
            },
        };
        usize::try_from(least + talk.chance(most - least)).expect("a short text")
    }
}
