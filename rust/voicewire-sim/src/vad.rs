//! Voice activity by energy: finds where speech starts and stops in appended audio; between the input buffer and the turn.

/// Length of one window of energy.
pub(crate) const WINDOW_MS: u64 = 10;
/// Windows of energy in a row that make speech: shorter sounds are clicks.
const ONSET_WINDOWS: u64 = 3;
/// Speech goes on down to this share of the level that starts it.
const RELEASE: f64 = 0.6;
/// Speech stands out of the room by this factor.
const OVER_NOISE: f64 = 3.0;
/// Share by which the noise floor follows one quiet window: about a second.
const FLOOR_RATE: f64 = 0.01;

/// What was found, in milliseconds from the start of all appended audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// The first window of speech begins here; padding is not subtracted.
    Started { onset_ms: u64 },
    /// The silence that ends the turn is complete here.
    Stopped { end_ms: u64 },
}

/// Energy detector over PCM16 of one rate.
#[derive(Debug)]
pub(crate) struct Vad {
    window: usize,
    level: f64,
    silence_windows: u64,
    base_ms: u64,
    pending: Vec<i16>,
    /// Windows seen since `base_ms`.
    seen: u64,
    floor: f64,
    /// Windows in a row that contradict the present state.
    run: u64,
    speaking: bool,
}

impl Vad {
    /// `threshold` 0…1 moves the level that counts as speech from −50 to −30 dBFS (root mean square).
    pub(crate) fn new(sample_rate: u32, threshold: f64, silence_duration_ms: u64, base_ms: u64) -> Self {
        Vad {
            window: (u64::from(sample_rate) * WINDOW_MS / 1000) as usize,
            level: 10f64.powf((-50.0 + 20.0 * threshold) / 20.0) * 32768.0,
            silence_windows: silence_duration_ms.div_ceil(WINDOW_MS).max(1),
            base_ms,
            pending: Vec::new(),
            seen: 0,
            floor: 0.0,
            run: 0,
            speaking: false,
        }
    }

    /// Examine audio that was appended.
    pub(crate) fn push(&mut self, samples: &[i16]) -> Vec<Activity> {
        let mut found = Vec::new();
        self.pending.extend_from_slice(samples);
        let pending = std::mem::take(&mut self.pending);
        let windows = pending.chunks_exact(self.window);
        self.pending = windows.remainder().to_vec();
        for window in windows {
            self.seen += 1;
            found.extend(self.judge(root_mean_square(window)));
        }
        found
    }

    pub(crate) fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Forget an open utterance; time goes on.
    pub(crate) fn reset(&mut self) {
        self.speaking = false;
        self.run = 0;
    }

    fn judge(&mut self, energy: f64) -> Option<Activity> {
        let bar = self.level.max(self.floor * OVER_NOISE);
        let loud = energy >= if self.speaking { bar * RELEASE } else { bar };
        self.run = if loud == self.speaking { 0 } else { self.run + 1 };
        if !self.speaking && !loud {
            self.floor += (energy - self.floor) * FLOOR_RATE;
        }
        let now_ms = self.base_ms + self.seen * WINDOW_MS;
        if !self.speaking && self.run == ONSET_WINDOWS {
            (self.speaking, self.run) = (true, 0);
            return Some(Activity::Started { onset_ms: now_ms - ONSET_WINDOWS * WINDOW_MS });
        }
        if self.speaking && self.run == self.silence_windows {
            (self.speaking, self.run) = (false, 0);
            return Some(Activity::Stopped { end_ms: now_ms });
        }
        None
    }
}

fn root_mean_square(window: &[i16]) -> f64 {
    let sum: i64 = window.iter().map(|sample| i64::from(*sample) * i64::from(*sample)).sum();
    (sum as f64 / window.len() as f64).sqrt()
}
