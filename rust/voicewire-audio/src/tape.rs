//! Step "send_audio()": the newest samples of a stream, found again by their place in it.

use std::collections::VecDeque;

/// A bounded recording: full, the oldest samples go.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    samples: VecDeque<i16>,
    capacity: usize,
    end: u64,
}

impl Tape {
    /// An empty tape for so many samples.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, ..Self::default() }
    }

    /// Appends samples.
    pub fn push(&mut self, samples: &[i16]) {
        self.end += samples.len() as u64;
        let kept = &samples[samples.len().saturating_sub(self.capacity)..];
        let excess = (self.samples.len() + kept.len()).saturating_sub(self.capacity);
        self.samples.drain(..excess);
        self.samples.extend(kept);
    }

    /// Takes out what is kept, oldest first.
    pub fn take(&mut self) -> Vec<i16> {
        std::mem::take(&mut self.samples).into()
    }

    /// Samples that are kept.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Samples that were ever appended.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// What is left of the samples `from..to` of the stream.
    pub fn slice(&self, from: u64, to: u64) -> Vec<i16> {
        let start = self.end - self.samples.len() as u64;
        let at = |place: u64| (place.clamp(start, self.end) - start) as usize;
        if from >= to {
            return Vec::new();
        }
        self.samples.range(at(from)..at(to)).copied().collect()
    }
}
