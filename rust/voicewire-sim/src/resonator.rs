//! The parts of a formant voice: two-pole resonators and a glottal source; under the voice.

use std::f64::consts::{PI, TAU};

/// A two-pole resonator with unit gain at 0 Hz, as in Klatt's cascade synthesiser (JASA 67, 1980).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resonator {
    a: f64,
    b: f64,
    c: f64,
    last: f64,
    before: f64,
}

impl Resonator {
    /// Move to a frequency and bandwidth in Hz; the state rings on, so that vowels glide.
    pub(crate) fn tune(&mut self, frequency: f64, bandwidth: f64, sample_rate: f64) {
        let radius = (-PI * bandwidth / sample_rate).exp();
        self.c = -radius * radius;
        self.b = 2.0 * radius * (TAU * frequency / sample_rate).cos();
        self.a = 1.0 - self.b - self.c;
    }

    pub(crate) fn filter(&mut self, input: f64) -> f64 {
        let output = self.a * input + self.b * self.last + self.c * self.before;
        (self.before, self.last) = (self.last, output);
        output
    }
}

/// Voiced pulses with a falling spectrum, and noise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    phase: f64,
    noise: u32,
    lowpass: f64,
}

impl Source {
    pub(crate) fn new(seed: u32) -> Self {
        Source { phase: 0.0, noise: seed | 1, lowpass: 0.0 }
    }

    /// The next sample of a pulse train at `pitch` Hz: a rising ramp with a sharp closure, smoothed by one pole.
    pub(crate) fn pulse(&mut self, pitch: f64, sample_rate: f64) -> f64 {
        self.phase = (self.phase + pitch / sample_rate).fract();
        let flow = if self.phase < 0.6 { self.phase / 0.6 } else { -1.0 + (self.phase - 0.6) / 0.4 };
        self.lowpass += (flow - 0.2 - self.lowpass) * 0.45;
        self.lowpass
    }

    pub(crate) fn noise(&mut self) -> f64 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 17;
        self.noise ^= self.noise << 5;
        f64::from(self.noise) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}
