//! Step "drain": what was taken from the inbox and waits for its turn, a lane for each session.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use voicewire_net::{Delivery, Inbox};

/// Deliveries of one session before the next has its turn: enough to look a session up seldom, few enough that
/// a thousand quiet sessions do not wait for a noisy one.
const RUN: usize = 8;

/// Deliveries put into lanes at once; 70 ns each, mostly the growing of a lane.
const SORTED_PER_FILL: usize = 4096;

/// Deliveries that need no lanes: one drain takes them all, unless handlers are slow.
const FEW: usize = 64;

/// Lanes that a burst has grown beyond this are not kept.
const SPARE_ROOM: usize = 64;

/// Deliveries that wait, bounded by the inboxes of their sessions. In order within a session, in turns among sessions.
#[derive(Default)]
pub(crate) struct Staging {
    lanes: BySession<VecDeque<Delivery>>,
    /// Sessions with deliveries, in the order of their turns.
    turns: VecDeque<u64>,
    /// Emptied lanes, for reuse.
    spare: Vec<VecDeque<Delivery>>,
    /// Taken from the inbox, in no lane yet; given back to it empty, for its room.
    arrived: VecDeque<Delivery>,
}

impl Staging {
    /// Takes what the inbox has, and puts the first of it into lanes where there is much.
    pub(crate) fn fill(&mut self, inbox: &Inbox) {
        inbox.drain(&mut self.arrived);
        if self.turns.is_empty() && self.arrived.len() <= FEW {
            return;
        }
        let count = self.arrived.len().min(SORTED_PER_FILL);
        let mut arrived = self.arrived.drain(..count).peekable();
        while let Some(first) = arrived.next() {
            let session = first.session;
            let lane = self.lanes.entry(session).or_insert_with(|| {
                self.turns.push_back(session);
                self.spare.pop().unwrap_or_default()
            });
            lane.push_back(first);
            // Deliveries come in runs.
            while let Some(next) = arrived.next_if(|next| next.session == session) {
                lane.push_back(next);
            }
        }
    }

    /// Moves the next run of one session to `into`, at most `limit`; false where nothing waits.
    pub(crate) fn take_run(&mut self, limit: usize, into: &mut VecDeque<Delivery>) -> bool {
        let Some(session) = self.turns.pop_front() else { return self.take_arrived(limit, into) };
        let Some(lane) = self.lanes.get_mut(&session) else { return false };
        let count = lane.len().min(RUN).min(limit);
        into.extend(lane.drain(..count));
        if !lane.is_empty() {
            self.turns.push_back(session);
        } else if let Some(lane) = self.lanes.remove(&session).filter(|lane| lane.capacity() <= SPARE_ROOM) {
            self.spare.push(lane);
        }
        true
    }

    /// Moves a run of one session from the front of what is in no lane.
    fn take_arrived(&mut self, limit: usize, into: &mut VecDeque<Delivery>) -> bool {
        let Some(session) = self.arrived.front().map(|delivery| delivery.session) else { return false };
        let same = self.arrived.iter().take(RUN.min(limit)).take_while(|delivery| delivery.session == session);
        let count = same.count();
        into.extend(self.arrived.drain(..count));
        true
    }

    /// Puts what was not handled of a run back in front.
    pub(crate) fn put_back(&mut self, run: &mut VecDeque<Delivery>) {
        let Some(session) = run.front().map(|delivery| delivery.session) else { return };
        let lane = self.lanes.entry(session).or_default();
        if lane.is_empty() {
            self.turns.push_front(session);
        }
        while let Some(delivery) = run.pop_back() {
            lane.push_front(delivery);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty() && self.arrived.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A map by the numbers of sessions, which are ours and come one after another: nobody can make them collide.
pub(crate) type BySession<V> = HashMap<u64, V, BuildHasherDefault<Spread>>;

/// Spreads consecutive numbers over all bits.
#[derive(Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio's bits (Knuth, The Art of Computer Programming, volume 3, section 6.4).
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
