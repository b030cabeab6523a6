//! Cues in the order of their time: what a session will do without being asked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Cues sorted by due time; equal times are sorted by their place in the score, then by insertion.
#[derive(Debug)]
pub(crate) struct Timeline<T> {
    cues: BTreeMap<(Instant, Duration, u64), T>,
    sequence: u64,
}

impl<T> Timeline<T> {
    pub(crate) fn new() -> Self {
        Timeline { cues: BTreeMap::new(), sequence: 0 }
    }

    /// Schedule a cue. `place` is its time at pace 1: it keeps the order when the pace is unlimited and all is due at once.
    pub(crate) fn push(&mut self, due: Instant, place: Duration, cue: T) {
        self.cues.insert((due, place, self.sequence), cue);
        self.sequence += 1;
    }

    /// Take the next cue that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<T> {
        let entry = self.cues.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    /// Take all cues that `wanted` names, in order.
    pub(crate) fn take(&mut self, wanted: impl Fn(&T) -> bool) -> Vec<T> {
        let keys: Vec<_> = self.cues.iter().filter(|(_, cue)| wanted(cue)).map(|(key, _)| *key).collect();
        keys.iter().filter_map(|key| self.cues.remove(key)).collect()
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.cues.keys().next().map(|key| key.0)
    }
}
