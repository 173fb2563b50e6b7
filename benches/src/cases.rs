//! Single envelopes whose receiver begins again from the same state each time: late ones, early ones,
//! and garbage.

use std::convert::Infallible;

use kuvert_core::Device;
use kuvert_wire::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::talk::Talk;

/// How far ahead of all others an envelope is, and how many keys are kept then.
pub const AHEAD: usize = 1000;
/// Header keys of a session in use: of the chain that is, of the next, and of five that were.
pub const HEADER_KEYS: u32 = 7;
/// Header keys of a session that has not turned yet: of the chain that is, and of the next.
pub const FRESH_HEADER_KEYS: u32 = 2;
/// Bytes of a sealed header.
const SEALED_HEADER: u16 = 195;

/// An envelope, and its receiver.
pub struct Case {
    begin: Box<dyn Fn() -> Receiver>,
    envelope: Vec<u8>,
    opens: bool,
}

/// Takes an envelope and says whether it opened.
pub type Receiver = Box<dyn FnMut(&[u8]) -> bool>;

impl Case {
    /// An envelope for whom `begin` makes; whether it will open.
    pub fn new(begin: impl Fn() -> Receiver + 'static, envelope: Vec<u8>, opens: bool) -> Self {
        Self { begin: Box::new(begin), envelope, opens }
    }

    /// The receiver, as it was before.
    #[must_use]
    pub fn receiver(&self) -> Receiver {
        (self.begin)()
    }

    /// Gives it the envelope.
    ///
    /// # Panics
    ///
    /// If that goes otherwise than it must.
    pub fn deliver(&self, receiver: &mut Receiver) {
        assert_eq!(receiver(&self.envelope), self.opens, "what opens and what does not");
    }
}

/// Kuvert, whose device is loaded from its records.
fn case(talk: Talk, envelope: Vec<u8>, opens: bool) -> Case {
    let begin = move || -> Receiver {
        let (mut device, mut rng) = (talk.loaded(1), ChaCha20Rng::seed_from_u64(9));
        let now = talk.now();
        Box::new(move |envelope| is_opened(&mut device, envelope, now, &mut rng))
    };
    Case::new(begin, envelope, opens)
}

fn is_opened(device: &mut Device, envelope: &[u8], now: Timestamp, rng: &mut ChaCha20Rng) -> bool {
    match device.decrypt(envelope, now, rng) {
        Ok(step) => step.commit(|_| Ok::<_, Infallible>(())).is_ok(),
        Err(_) => false,
    }
}

/// A thousand messages are missing before it.
#[must_use]
pub fn ahead() -> Case {
    let mut talk = Talk::established();
    lose(&mut talk, AHEAD);
    let envelope = talk.seal(0, &"t".repeat(64));
    case(talk, envelope, true)
}

/// It was missing; its key is kept among a thousand.
#[must_use]
pub fn skipped() -> Case {
    let mut talk = Talk::established();
    let late = talk.seal(0, &"t".repeat(64));
    lose(&mut talk, AHEAD - 1);
    talk.pass(0, "arrives");
    case(talk, late, true)
}

fn lose(talk: &mut Talk, count: usize) {
    for _ in 0..count {
        talk.seal(0, "lost");
    }
}

/// Garbage for someone with one session, in which the ratchet has turned often.
#[must_use]
pub fn hostile() -> Case {
    let mut talk = Talk::established();
    for _ in 0..8 {
        // One is missing, so that each chain has a key to be kept for.
        talk.seal(0, "lost");
        talk.pass(0, "turn");
        talk.pass(1, "turn");
    }
    case(talk, garbage(), false)
}

/// Garbage in the front door of someone with so many sessions, each with someone else.
#[must_use]
pub fn front_door(sessions: usize) -> Case {
    case(Talk::with_sessions(sessions), garbage(), false)
}

/// Bytes in the shape of the shortest envelope.
fn garbage() -> Vec<u8> {
    let mut envelope = vec![2, 1];
    envelope.extend([7; 12]);
    envelope.extend(SEALED_HEADER.to_be_bytes());
    envelope.extend(vec![9; usize::from(SEALED_HEADER) + 80 + 272]);
    envelope
}
