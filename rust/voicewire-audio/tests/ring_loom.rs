//! The ring under all interleavings of two threads, and all values that loads may see: `scripts/run.py loom`, seconds.
//!
//! Loom lets no load slip behind a later write. That the orderings of `start` forbid it is argued in ring.rs.
#![cfg(loom)]

use loom::thread;
use voicewire_audio::ring::{ring, Overflow, RingReader};

fn take(reader: &RingReader, count: usize) -> Vec<i16> {
    let mut out = vec![0; count];
    let taken = reader.read(&mut out);
    out.truncate(taken);
    out
}

/// Writes 1, 2, … in chunks while another thread reads as often as `reads` says; what was read are runs, in order.
fn race(capacity: usize, overflow: Overflow, chunks: &'static [&'static [i16]], reads: &'static [usize]) {
    loom::model(move || {
        let (mut writer, reader) = ring(capacity, overflow);
        let others = reader.clone();
        let writing = thread::spawn(move || chunks.iter().map(|chunk| writer.write(chunk)).sum::<usize>());
        let seen: Vec<Vec<i16>> = reads.iter().map(|&count| take(&reader, count)).collect();
        writing.join().unwrap();
        let rest = take(&others, capacity);

        for chunk in &seen {
            assert!(chunk.windows(2).all(|pair| pair[1] == pair[0] + 1), "torn: {seen:?}");
        }
        let all: Vec<i16> = seen.into_iter().flatten().chain(rest).collect();
        assert!(all.windows(2).all(|pair| pair[1] > pair[0]), "out of order: {all:?}");
        let stats = others.stats();
        assert_eq!(stats.written, stats.read + stats.dropped);
        assert_eq!(stats.read, all.len() as u64);
    });
}

#[test]
fn a_reader_that_is_overtaken_gets_no_torn_chunk() {
    race(2, Overflow::DropOldest, &[&[1, 2], &[3]], &[2, 2]);
}

#[test]
fn a_chunk_longer_than_the_ring_overtakes_cleanly() {
    race(2, Overflow::DropOldest, &[&[1], &[2, 3, 4]], &[2, 1]);
}

#[test]
fn what_does_not_fit_is_dropped_cleanly() {
    race(2, Overflow::DropNewest, &[&[1, 2], &[3, 4]], &[1, 2]);
}

#[test]
fn what_does_not_fit_is_refused_cleanly() {
    race(2, Overflow::Refuse, &[&[1, 2], &[3]], &[2, 1]);
}

#[test]
fn a_clear_and_a_writer_count_every_sample_once() {
    loom::model(|| {
        let (mut writer, reader) = ring(2, Overflow::DropOldest);
        let writing = thread::spawn(move || {
            writer.write(&[1, 2]);
            writer.write(&[3]);
        });
        reader.clear();
        writing.join().unwrap();

        let stats = reader.stats();
        assert_eq!(stats.written, 3);
        assert_eq!(stats.written, stats.cleared + stats.dropped + stats.available);
    });
}
