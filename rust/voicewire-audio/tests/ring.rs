//! The ring against a queue that has the same rules, and between two threads.
#![cfg(not(loom))]

use std::collections::VecDeque;
use std::thread;

use proptest::prelude::*;
use voicewire_audio::ring::{ring, Overflow, RingReader};

const POLICIES: [Overflow; 3] = [Overflow::DropOldest, Overflow::DropNewest, Overflow::Refuse];

/// Miri is slow.
const STREAM: i16 = if cfg!(miri) { 300 } else { 3_000 };

/// The same ring, slow and obvious.
struct Model {
    queue: VecDeque<i16>,
    capacity: usize,
    overflow: Overflow,
    dropped: u64,
}

impl Model {
    fn write(&mut self, samples: &[i16]) -> usize {
        let before = self.queue.len();
        match self.overflow {
            Overflow::DropOldest => {
                self.queue.extend(samples);
                let excess = self.queue.len().saturating_sub(self.capacity);
                self.queue.drain(..excess);
                self.dropped += excess as u64;
                samples.len().min(self.capacity)
            }
            Overflow::DropNewest => {
                self.queue.extend(samples.iter().take(self.capacity - before));
                self.dropped += (samples.len() - (self.queue.len() - before)) as u64;
                self.queue.len() - before
            }
            _ if before + samples.len() > self.capacity => 0,
            _ => {
                self.queue.extend(samples);
                samples.len()
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<i16>),
    Read(usize),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(any::<i16>(), 0..40).prop_map(Step::Write),
        4 => (0_usize..40).prop_map(Step::Read),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..40)
}

fn take(reader: &RingReader, count: usize) -> Vec<i16> {
    let mut out = vec![0; count];
    let taken = reader.read(&mut out);
    out.truncate(taken);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    #[test]
    fn the_ring_does_what_the_queue_does(capacity in 1_usize..30, policy in 0_usize..3, steps in steps()) {
        let overflow = POLICIES[policy];
        let (mut writer, reader) = ring(capacity, overflow);
        let mut model = Model { queue: VecDeque::new(), capacity, overflow, dropped: 0 };
        for step in steps {
            match step {
                Step::Write(samples) => prop_assert_eq!(writer.write(&samples), model.write(&samples)),
                Step::Read(count) => {
                    let expected: Vec<i16> = model.queue.drain(..count.min(model.queue.len())).collect();
                    prop_assert_eq!(take(&reader, count), expected);
                }
                Step::Clear => {
                    prop_assert_eq!(reader.clear(), model.queue.len());
                    model.queue.clear();
                }
            }
            let stats = reader.stats();
            prop_assert_eq!(stats.available, model.queue.len() as u64);
            prop_assert_eq!(stats.dropped, model.dropped);
            prop_assert_eq!(stats.written, stats.read + stats.cleared + stats.dropped + stats.available);
        }
    }
}

#[test]
fn a_reader_behind_a_fast_writer_gets_whole_runs_of_the_stream() {
    let (mut writer, reader) = ring(7, Overflow::DropOldest);
    let writing = thread::spawn(move || {
        for first in (0..STREAM).step_by(5) {
            writer.write(&[first, first + 1, first + 2, first + 3, first + 4]);
        }
    });

    let mut last = -1;
    while last != STREAM - 1 {
        for chunk in [take(&reader, 4), take(&reader, 7)] {
            assert!(chunk.windows(2).all(|pair| pair[1] == pair[0] + 1), "torn: {chunk:?} after {last}");
            assert!(chunk.first().is_none_or(|&first| first > last), "again: {chunk:?} after {last}");
            last = chunk.last().copied().unwrap_or(last);
        }
        thread::yield_now();
    }

    writing.join().unwrap();
    let stats = reader.stats();
    assert_eq!(stats.written, STREAM as u64);
    assert_eq!(stats.written, stats.read + stats.dropped);
}

#[test]
fn a_refusing_ring_loses_nothing_between_two_threads() {
    let (mut writer, reader) = ring(8, Overflow::Refuse);
    let writing = thread::spawn(move || {
        for sample in 0..STREAM {
            while writer.write(&[sample]) == 0 {
                thread::yield_now();
            }
        }
    });

    let mut seen = Vec::new();
    while seen.len() < STREAM as usize {
        seen.extend(take(&reader, 5));
        thread::yield_now();
    }

    writing.join().unwrap();
    assert!(seen.into_iter().eq(0..STREAM));
    assert_eq!(reader.stats().dropped, 0);
}

#[test]
fn a_ring_without_room_has_room_for_one() {
    let (mut writer, reader) = ring(0, Overflow::DropOldest);

    assert_eq!(writer.write(&[1, 2, 3]), 1);
    assert_eq!(take(&reader, 9), [3]);
    assert_eq!((reader.capacity(), reader.available()), (1, 0));
}
