//! What the network is about to do to each side, and what it has seen.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kuvert_transport::Route;
use kuvert_wire::PrekeyBundle;

use super::chance::Chance;
use super::lie::{Liar, Lie};
use super::trace::Trace;
use crate::Side;

/// How many posts a hostile relay remembers of each side.
const MEMORY: usize = 64;

/// The network of one run, shared by all connections.
#[derive(Clone)]
pub(super) struct Sky(Arc<Mutex<Weather>>);

pub(super) struct Weather {
    sides: [Outlook; 2],
    /// Envelopes may vanish, and the transport says so.
    pub(super) is_lossy: bool,
    pub(super) chance: Chance,
    pub(super) trace: Trace,
    pub(super) liar: Liar,
}

/// What awaits one side. Each fault takes the next thing that fits it.
#[derive(Default)]
struct Outlook {
    is_cut: bool,
    lost: u32,
    lost_answers: u32,
    denied: u32,
    flips: VecDeque<u8>,
    late: VecDeque<Duration>,
    twice: VecDeque<Duration>,
    lies: VecDeque<Lie>,
    posts: Vec<Post>,
}

/// Something that was posted.
#[derive(Clone)]
pub(super) struct Post {
    pub(super) route: Route,
    pub(super) envelope: Vec<u8>,
}

/// What becomes of an envelope on its way to the relay.
pub(super) enum Fate {
    Arrives,
    Vanishes,
    /// The relay says that there is no such mailbox.
    Denied,
    Changes(Vec<u8>),
}

impl Outlook {
    /// Keeps a post, in place of any other if there are too many: so some stay for long.
    fn remember(&mut self, route: &Route, envelope: &[u8], chance: &mut Chance) {
        let post = Post { route: route.clone(), envelope: envelope.to_vec() };
        if self.posts.len() < MEMORY {
            self.posts.push(post);
        } else {
            self.posts[chance.below(MEMORY)] = post;
        }
    }
}

impl Sky {
    pub(super) fn new(chance: Chance, liar: Liar, is_lossy: bool) -> Self {
        let (sides, trace) = Default::default();
        Self(Arc::new(Mutex::new(Weather { sides, is_lossy, chance, trace, liar })))
    }

    pub(super) fn weather(&self) -> MutexGuard<'_, Weather> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Weather {
    const fn of(&mut self, side: Side) -> &mut Outlook {
        &mut self.sides[side as usize]
    }

    pub(super) const fn is_cut(&self, side: Side) -> bool {
        self.sides[side as usize].is_cut
    }

    pub(super) const fn cut(&mut self, side: Side, is_cut: bool) {
        self.of(side).is_cut = is_cut;
    }

    pub(super) const fn lose_one(&mut self, side: Side) {
        self.of(side).lost += 1;
    }

    pub(super) const fn lose_an_answer(&mut self, side: Side) {
        self.of(side).lost_answers += 1;
    }

    pub(super) const fn deny_one(&mut self, side: Side) {
        self.of(side).denied += 1;
    }

    pub(super) fn flip_one(&mut self, side: Side, amount: u8) {
        self.of(side).flips.push_back(amount);
    }

    pub(super) fn hold_one(&mut self, side: Side, span: Duration) {
        self.of(side).late.push_back(span);
    }

    pub(super) fn double_one(&mut self, side: Side, span: Duration) {
        self.of(side).twice.push_back(span);
    }

    pub(super) fn lie_once(&mut self, side: Side, lie: Lie) {
        self.of(side).lies.push_back(lie);
    }

    /// From now on nothing goes wrong.
    pub(super) fn clear_up(&mut self) {
        for outlook in &mut self.sides {
            *outlook = Outlook { posts: std::mem::take(&mut outlook.posts), ..Default::default() };
        }
    }

    /// An envelope leaves.
    pub(super) fn take_post(&mut self, from: Side, route: &Route, envelope: &[u8]) -> Fate {
        self.trace.note_envelope(envelope);
        let outlook = &mut self.sides[from as usize];
        if outlook.denied > 0 {
            outlook.denied -= 1;
            return Fate::Denied;
        }
        outlook.remember(route, envelope, &mut self.chance);
        if outlook.lost > 0 {
            outlook.lost -= 1;
            self.trace.note(format_args!("  lost from {from:?}"));
            return Fate::Vanishes;
        }
        let Some(amount) = outlook.flips.pop_front() else { return Fate::Arrives };
        let mut changed = envelope.to_vec();
        let at = self.chance.below(changed.len());
        changed[at] ^= 1 << (amount % 8);
        self.trace.note(format_args!("  flipped at byte {at}"));
        Fate::Changes(changed)
    }

    /// Whether the answer to a request that took effect does not come back.
    pub(super) fn loses_answer(&mut self, to: Side) -> bool {
        let lost = &mut self.of(to).lost_answers;
        let loses = *lost > 0;
        *lost = lost.saturating_sub(1);
        loses
    }

    /// How late an envelope that arrives is.
    pub(super) fn lateness(&mut self, to: Side) -> Option<Duration> {
        self.of(to).late.pop_front()
    }

    /// How late the second copy of an envelope is, if there is one.
    pub(super) fn second_copy(&mut self, to: Side) -> Option<Duration> {
        self.of(to).twice.pop_front()
    }

    /// The next lie about a bundle.
    pub(super) fn next_lie(&mut self, to: Side) -> Option<Lie> {
        self.of(to).lies.pop_front()
    }

    /// The bundle that is handed out instead of `bundle`.
    pub(super) fn hand_out(
        &mut self,
        to: Side,
        lie: Option<Lie>,
        bundle: PrekeyBundle,
    ) -> PrekeyBundle {
        self.liar.tell(to, lie, bundle)
    }

    /// One of the posts of a side.
    pub(super) fn some_post(&self, from: Side, amount: u8) -> Option<Post> {
        let posts = &self.sides[from as usize].posts;
        let at = usize::from(amount) % posts.len().max(1);
        posts.get(at).cloned()
    }
}
