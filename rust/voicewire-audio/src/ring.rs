//! Beside the path: a bounded ring between one writer, such as a sound card's callback, and its readers.
//!
//! No lock, no wait, no allocation after construction. Both ends count samples from the start of the stream: `written`
//! is where the writer is, `start` is the oldest sample that nobody took. A sample lives at its place modulo the
//! capacity.
//!
//! With [`Overflow::DropOldest`] both ends move `start`, so neither may assume it:
//!
//! - The writer raises `start` with one `fetch_max` before it overwrites anything. It never waits or retries.
//! - A reader copies first, then claims what it copied with one compare-and-swap of `start`. Where the writer was there
//!   first, the swap fails and the copy, which may be torn, is thrown away; it tries again further on.
//!
//! That is sound because the two meet at `start` alone. A swap that succeeds comes before the writer's next `fetch_max`,
//! which acquires it, so the copy was over before the slots were overwritten. `start` only grows: a swap cannot succeed
//! on a value that has come back. The slots are relaxed atomics, which cost what plain memory costs; a torn read is a
//! wrong value that is thrown away, never undefined, and nothing here is `unsafe`.

#[cfg(loom)]
use loom::sync::atomic::{AtomicI16, AtomicU64, Ordering};
#[cfg(loom)]
use loom::sync::Arc;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicI16, AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::Arc;

/// What a write does where there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest samples go; of a chunk that is longer than the ring the newest stay.
    DropOldest,
    /// The end of the chunk goes.
    DropNewest,
    /// Nothing of the chunk is taken.
    Refuse,
}

/// What has happened so far: `written == read + cleared + dropped + available`, exactly so while nobody is at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingStats {
    /// Samples that writes offered, without those of refused chunks.
    pub written: u64,
    /// Samples that reads handed out.
    pub read: u64,
    /// Samples that clears took out.
    pub cleared: u64,
    /// Samples that nobody will ever read, because there was no room.
    pub dropped: u64,
    /// Chunks refused.
    pub refused: u64,
    /// Samples in the ring.
    pub available: u64,
}

/// A ring for `capacity` samples, at least one.
pub fn ring(capacity: usize, overflow: Overflow) -> (RingWriter, RingReader) {
    let shared = Arc::new(Shared {
        slots: (0..capacity.max(1)).map(|_| AtomicI16::new(0)).collect(),
        overflow,
        end: AtomicU64::new(0),
        start: AtomicU64::new(0),
        read: AtomicU64::new(0),
        cleared: AtomicU64::new(0),
        lost_old: AtomicU64::new(0),
        lost_new: AtomicU64::new(0),
        refused: AtomicU64::new(0),
    });
    (RingWriter { shared: Arc::clone(&shared) }, RingReader { shared })
}

/// The one end that writes.
#[derive(Debug)]
pub struct RingWriter {
    shared: Arc<Shared>,
}

/// The end that reads; clones share what there is, and each sample goes to one of them.
#[derive(Clone, Debug)]
pub struct RingReader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    slots: Box<[AtomicI16]>,
    overflow: Overflow,
    /// Moved by the writer alone.
    end: AtomicU64,
    /// Moved by both sides, upwards only.
    start: AtomicU64,
    read: AtomicU64,
    cleared: AtomicU64,
    /// Samples that had a place in the stream and were overtaken.
    lost_old: AtomicU64,
    /// Samples that got no place.
    lost_new: AtomicU64,
    refused: AtomicU64,
}

impl RingWriter {
    /// Writes a chunk; returns how many of its samples are in the ring.
    pub fn write(&mut self, samples: &[i16]) -> usize {
        self.write_with(samples.len(), |at| samples[at])
    }

    /// Writes `count` samples that `sample` gives by their index; otherwise as [`RingWriter::write`].
    pub fn write_with(&mut self, count: usize, sample: impl Fn(usize) -> i16) -> usize {
        let ring = &*self.shared;
        match ring.overflow {
            Overflow::DropOldest => ring.write_over(count, sample),
            Overflow::DropNewest => {
                let taken = count.min(ring.room());
                add(&ring.lost_new, count - taken);
                ring.append(taken, 0, sample)
            }
            Overflow::Refuse if count > ring.room() => {
                add(&ring.refused, 1);
                0
            }
            Overflow::Refuse => ring.append(count, 0, sample),
        }
    }
}

impl RingReader {
    /// Moves the oldest samples to `out`, as many as there are and fit; returns how many.
    pub fn read(&self, out: &mut [i16]) -> usize {
        let ring = &*self.shared;
        loop {
            let start = ring.start.load(Ordering::Acquire);
            let end = ring.end.load(Ordering::Acquire);
            let count = ring.between(start, end).min(out.len());
            for (at, slot) in ring.places(start, count).enumerate() {
                out[at] = slot.load(Ordering::Relaxed);
            }
            let claim = ring.start.compare_exchange(start, start + count as u64, Ordering::AcqRel, Ordering::Relaxed);
            if claim.is_ok() {
                add(&ring.read, count);
                return count;
            }
        }
    }

    /// Forgets what is in the ring; returns how many samples that were.
    pub fn clear(&self) -> usize {
        let ring = &*self.shared;
        let end = ring.end.load(Ordering::Acquire);
        let start = ring.start.fetch_max(end, Ordering::AcqRel);
        let count = ring.between(start, end);
        add(&ring.cleared, count);
        count
    }

    /// Samples that can be read.
    pub fn available(&self) -> usize {
        let start = self.shared.start.load(Ordering::Acquire);
        self.shared.between(start, self.shared.end.load(Ordering::Acquire))
    }

    /// Samples that there is room for.
    pub fn capacity(&self) -> usize {
        self.shared.slots.len()
    }

    /// The counters.
    pub fn stats(&self) -> RingStats {
        let ring = &*self.shared;
        let count = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        RingStats {
            written: count(&ring.end) + count(&ring.lost_new),
            read: count(&ring.read),
            cleared: count(&ring.cleared),
            dropped: count(&ring.lost_old) + count(&ring.lost_new),
            refused: count(&ring.refused),
            available: self.available() as u64,
        }
    }
}

impl Shared {
    /// Appends, after making room; the beginning of a chunk that is longer than the ring has a place, but no slot.
    fn write_over(&self, count: usize, sample: impl Fn(usize) -> i16) -> usize {
        let skipped = count.saturating_sub(self.slots.len());
        if count > self.room() {
            let oldest = self.end.load(Ordering::Relaxed) + count as u64 - self.slots.len() as u64;
            let start = self.start.fetch_max(oldest, Ordering::AcqRel);
            add(&self.lost_old, oldest.saturating_sub(start) as usize);
        }
        self.append(count - skipped, skipped, sample)
    }

    /// Appends `count` samples behind `skipped` ones; there is room.
    fn append(&self, count: usize, skipped: usize, sample: impl Fn(usize) -> i16) -> usize {
        let place = self.end.load(Ordering::Relaxed) + skipped as u64;
        for (at, slot) in self.places(place, count).enumerate() {
            slot.store(sample(skipped + at), Ordering::Relaxed);
        }
        self.end.store(place + count as u64, Ordering::Release);
        count
    }

    /// The slots of `count` samples from a place on: two runs at most.
    fn places(&self, place: u64, count: usize) -> impl Iterator<Item = &AtomicI16> {
        let first = (place % self.slots.len() as u64) as usize;
        let before_the_edge = count.min(self.slots.len() - first);
        let (run, wrapped) = (&self.slots[first..first + before_the_edge], &self.slots[..count - before_the_edge]);
        run.iter().chain(wrapped)
    }

    /// Free slots, seen by the writer: there may be more, never fewer.
    fn room(&self) -> usize {
        let start = self.start.load(Ordering::Acquire);
        self.slots.len() - self.between(start, self.end.load(Ordering::Relaxed))
    }

    /// Samples between two places that were not read at one moment: the writer may have gone on, or be about to.
    fn between(&self, start: u64, end: u64) -> usize {
        (end.saturating_sub(start) as usize).min(self.slots.len())
    }
}

/// Counters are for the eye: nothing is decided by them.
fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Release);
}
