//! The input audio buffer: what was appended and not yet committed; between append and the user's item.

/// Uncommitted audio that is kept; of more, the oldest is forgotten and the clock runs on.
const LIMIT_SECONDS: usize = 600;

/// PCM16 samples with their place in all appended audio.
#[derive(Debug)]
pub(crate) struct InputBuffer {
    sample_rate: u32,
    samples: Vec<i16>,
    /// Samples appended at this rate, committed and cleared ones included.
    appended: u64,
    /// Time appended at earlier rates.
    base_ms: u64,
}

impl InputBuffer {
    pub(crate) fn new(sample_rate: u32) -> Self {
        InputBuffer { sample_rate, samples: Vec::new(), appended: 0, base_ms: 0 }
    }

    pub(crate) fn append(&mut self, samples: &[i16]) {
        self.samples.extend_from_slice(samples);
        self.appended += samples.len() as u64;
        let limit = LIMIT_SECONDS * self.sample_rate as usize;
        // Twice the limit before it is cut, so that the move is paid once in ten minutes.
        if self.samples.len() > 2 * limit {
            self.samples.drain(..self.samples.len() - limit);
        }
    }

    /// Take the audio between two times; what is before goes too.
    pub(crate) fn take(&mut self, start_ms: u64, end_ms: u64) -> Vec<i16> {
        let start = self.place(start_ms);
        let end = self.place(end_ms).max(start);
        let taken = self.samples[start..end].to_vec();
        self.samples.drain(..end);
        taken
    }

    pub(crate) fn take_all(&mut self) -> Vec<i16> {
        std::mem::take(&mut self.samples)
    }

    pub(crate) fn clear(&mut self) {
        self.samples.clear();
    }

    /// Forget what a turn with padding cannot reach back to.
    pub(crate) fn keep_last(&mut self, seconds: usize) {
        let limit = seconds * self.sample_rate as usize;
        if self.samples.len() > 2 * limit {
            self.samples.drain(..self.samples.len() - limit);
        }
    }

    /// Continue at another rate; uncommitted audio is forgotten.
    pub(crate) fn change_rate(&mut self, sample_rate: u32) {
        self.base_ms = self.end_ms();
        self.appended = 0;
        self.samples.clear();
        self.sample_rate = sample_rate;
    }

    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    pub(crate) fn len_ms(&self) -> f64 {
        self.samples.len() as f64 * 1000.0 / f64::from(self.sample_rate)
    }

    /// Time from the start of all appended audio to its end.
    pub(crate) fn end_ms(&self) -> u64 {
        self.base_ms + self.appended * 1000 / u64::from(self.sample_rate)
    }

    /// Time at which the uncommitted audio starts.
    pub(crate) fn start_ms(&self) -> u64 {
        let first = self.appended - self.samples.len() as u64;
        self.base_ms + first * 1000 / u64::from(self.sample_rate)
    }

    fn place(&self, ms: u64) -> usize {
        let absolute = ms.saturating_sub(self.base_ms) * u64::from(self.sample_rate) / 1000;
        let first = self.appended - self.samples.len() as u64;
        (absolute.saturating_sub(first) as usize).min(self.samples.len())
    }
}
