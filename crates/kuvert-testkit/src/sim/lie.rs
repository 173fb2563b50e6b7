//! What a hostile directory hands out.

use kuvert_core::Device;
use kuvert_wire::{PrekeyBundle, Timestamp};

use super::chance::Chance;
use crate::Side;

/// A way to hand out a wrong bundle, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    /// It says that it has no one-time prekey.
    NoOneTime,
    /// It says that it does not know the account.
    Unknown,
    /// It hands out the same bundle once more.
    LastOne,
    /// It hands out another person's bundle.
    Another,
    /// It puts its own medium-term prekey beside the true certificate.
    OtherPrekey,
}

impl Lie {
    pub(super) const fn from_amount(amount: u8) -> Self {
        match amount % 5 {
            0 => Self::NoOneTime,
            1 => Self::Unknown,
            2 => Self::LastOne,
            3 => Self::Another,
            _ => Self::OtherPrekey,
        }
    }
}

/// Keeps what lies are made of.
pub(super) struct Liar {
    /// The bundle of someone else.
    mallory: PrekeyBundle,
    /// What each side was handed out last.
    last: [Option<PrekeyBundle>; 2],
}

impl Liar {
    pub(super) fn new(now: Timestamp, chance: &mut Chance) -> Self {
        let rng = &mut chance.fork();
        let kept = |_: &kuvert_core::Changes| Ok::<_, core::convert::Infallible>(());
        let Ok(mut device) = Device::create(now, rng).commit(kept);
        let Ok(mallory) = device.bundle(true, now, rng).commit(kept);
        Self { mallory, last: [None, None] }
    }

    /// What is handed out instead of `bundle`.
    pub(super) fn tell(
        &mut self,
        to: Side,
        lie: Option<Lie>,
        bundle: PrekeyBundle,
    ) -> PrekeyBundle {
        let mallory = self.mallory.clone();
        match lie {
            None | Some(Lie::Unknown) => {
                self.last[to as usize] = Some(bundle.clone());
                bundle
            }
            Some(Lie::NoOneTime) => PrekeyBundle { one_time: None, ..bundle },
            Some(Lie::LastOne) => self.last[to as usize].clone().unwrap_or(bundle),
            Some(Lie::Another) => mallory,
            Some(Lie::OtherPrekey) => PrekeyBundle { medium: mallory.medium, ..bundle },
        }
    }
}
